"""Fixtures that several rooms use. Everything is made here; nothing is downloaded."""

import os
import signal
from functools import cache
from pathlib import Path

import pytest

# Without a network the Hub's clients try again and again, for half a minute a file. `HF_HUB_OFFLINE=0` is for tests marked network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them every command that they start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real rating sets and R's answers, where this machine has them."""
    folder = Path(os.environ.get("PLURALIGN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no real rating sets at {folder}; set PLURALIGN_SHARED")
    return folder


@pytest.fixture(scope="session")
def shipped():
    """The release that ships."""
    import pluralign

    return pluralign.load()


CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@cache
def _words() -> str:
    """A tokenizer's JSON: byte pairs of the shipped texts, so that an answer has some 150 tokens and not 600."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    import pluralign

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    texts = pluralign.load().items.slice(0, 200)
    trainer = trainers.BpeTrainer(
        vocab_size=1000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(
        texts.column("response_en").to_pylist() + texts.column("response_de").to_pylist(), trainer
    )
    return inner.to_str()


def make_tokenizer(template: str | None = CHAT_TEMPLATE):
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_words()), eos_token="<|im_end|>", pad_token="<|pad|>", padding_side="left"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = template
    return tokenizer


def save_tiny_model(folder: Path, template: str | None = CHAT_TEMPLATE, layers: int = 2, seed: int = 0) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(template)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True, initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, one_thread) -> Path:
    """A language model of two layers, made on the spot: everything but what it says is real."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PLURALIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def one_thread():
    """Models this small only wait for their threads."""
    import torch

    former = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(former)


@pytest.fixture(scope="session")
def few(shipped):
    """The shipped ratings of a dozen prompts of either split."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pluralign.ratings import Ratings
    from pluralign.schema import split_of

    prompts = shipped.items.column("prompt_id").unique().to_pylist()
    kept = [prompt for split in ("train", "test") for prompt in [p for p in prompts if split_of(p) == split][:12]]
    items = shipped.items.filter(pc.is_in(shipped.items.column("prompt_id"), pa.array(kept)))
    ids = items.column("item_id")

    def of_items(table):
        return table.filter(pc.is_in(table.column("item_id"), ids.combine_chunks()))

    return Ratings.from_tables(
        shipped.raters, items, of_items(shipped.ratings), shipped.provenance, truth=of_items(shipped.truth), strict=True
    )

"""Models that think are asked as they were trained, after an empty thought; answers that are no answers are no result."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from pluralign.evaluation.prompts import load_prompts
from pluralign.experiments.cells import base_cell
from pluralign.experiments.engines import run_grid
from pluralign.training.chat import Chat, question

from ..conftest import CHAT_TEMPLATE, save_tiny_model
from .test_grid import fresh, settings  # noqa: F401 - fixtures

R1 = CHAT_TEMPLATE.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
QWEN3 = CHAT_TEMPLATE.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
)


@pytest.fixture
def asked(monkeypatch):
    """Token ids of the prompts that lm-eval lets the model go on from."""
    from lm_eval.models.huggingface import HFLM

    given, usual = [], HFLM._model_generate

    def spied(self, context, max_length, stop, **kwargs):
        mask = kwargs["attention_mask"].bool()
        given.extend(tuple(row[seen].tolist()) for row, seen in zip(context, mask, strict=True))
        return usual(self, context, max_length, stop, **kwargs)

    monkeypatch.setattr(HFLM, "_model_generate", spied)
    return given


@pytest.fixture
def says(monkeypatch):
    """`says(text)` makes the model answer that, whatever it is asked; the list counts how often it was asked."""
    from lm_eval.models.huggingface import HFLM

    calls = []

    def said(text):
        def generate_until(_, requests, disable_tqdm=False):
            calls.append(len(requests))
            return [text] * len(requests)

        monkeypatch.setattr(HFLM, "generate_until", generate_until)
        return calls

    return said


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, R1, QWEN3], ids=["plain", "r1", "qwen3"])
def test_the_grid_asks_what_training_asks(settings, asked, tmp_path, template):  # noqa: F811
    from transformers import AutoTokenizer

    model = save_tiny_model(tmp_path / "thinker", template)
    cell, results = base_cell(str(model)), tmp_path / "results"
    outcome = run_grid([cell], settings, results)
    assert outcome.failed == ()
    chat = Chat(AutoTokenizer.from_pretrained(model), 2048)
    prompts = [question(row["prompt"]) for row in load_prompts("en")[: settings.limit]]
    assert set(asked) == {chat.tree(prompt, ()).prompt for prompt in prompts}
    assert chat.prompt_text(prompts[0]).endswith(
        "assistant\n" if template == CHAT_TEMPLATE else "<think>\n\n</think>\n\n"
    )
    scores = pq.read_table(cell.folder(results) / "answers_en.parquet").column("toxicity").to_numpy()
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "<think>Hm. Whoever asks this",
            r"PA073.*4 of 4 answers \(en\) were cut off while the model was still thinking",
        ),
        ("  ", r"PA073.*zero-shot: 4 of 4 answers have no score \(4 empty_answer"),
    ],
    ids=["thinking", "empty"],
)
def test_a_cell_without_answers_fails_and_says_why(settings, says, tiny_folder, tmp_path, text, why):  # noqa: F811
    cell, results = base_cell(str(tiny_folder)), tmp_path / "results"
    calls = says(text)
    for _ in range(2):
        ((failed, told),) = run_grid([cell], settings, results).failed
        assert failed == cell
        assert not cell.is_finished(results)
        assert re.search(why, told)
    assert calls == [4], "the answers are there to be looked at, and are not made again"
    assert "PA073" in json.loads((cell.folder(results) / "failed.json").read_text())["message"]

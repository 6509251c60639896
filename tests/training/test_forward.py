"""Packed rows give what separate rows give, values and gradients; and layers that never change need not be computed again."""

import sqlite3

import pytest
import torch

from pluralign.errors import PluralignError
from pluralign.training.forward import answer_logps, check_packing, plain_logps
from pluralign.training.lower import LowerStates
from pluralign.training.packing import Tree, grouped, pack
from pluralign.training.recipe import Lora
from pluralign.training.run import train

TREES = [
    Tree((1, 2, 3), ((4, 5), (6, 7, 8))),
    Tree((9, 10), ((11,), (12, 13, 14, 15))),
    Tree((1, 2, 3, 4, 5), ((6, 7, 8), (9,), (10, 11))),
]


def lora(first_layer: int = 0, **values) -> Lora:
    return Lora(**{"r": 2, "alpha": 4, "dropout": 0.0, "targets": "all-linear", "first_layer": first_layer, **values})


def perturbed(model):
    """Adapters start at no change at all; make it one."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.3)
    return model


def test_answers_do_not_see_each_other_and_go_on_from_the_prompt():
    batch = pack(TREES[:1])
    assert batch.input_ids.tolist() == [[1, 2, 3, 4, 5, 6, 7, 8]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 4, 3, 4, 5]]
    seen = (batch.mask(torch.float32)[0, 0] == 0).int().tolist()
    assert seen[4] == [1, 1, 1, 1, 1, 0, 0, 0]  # second token of the first answer
    assert seen[6] == [1, 1, 1, 0, 0, 1, 1, 0]  # second token of the second answer
    assert batch.source.tolist() == [2, 3, 2, 5, 6]  # what predicts 4 5 | 6 7 8
    assert batch.target.tolist() == [4, 5, 6, 7, 8]
    assert batch.owner.tolist() == [0, 0, 1, 1, 1]


def test_packed_log_probabilities_are_those_of_separate_rows(base):
    with base.adapted(lora(), 0) as model, torch.no_grad():
        perturbed(model)
        packed = answer_logps(model, pack(TREES))
        separate = torch.cat([plain_logps(model, tree) for tree in TREES])
    torch.testing.assert_close(packed, separate, rtol=1e-5, atol=1e-4)


def test_packed_gradients_are_those_of_separate_rows(base):
    with base.adapted(lora(), 0) as model:
        perturbed(model)
        weights = torch.arange(1.0, 8.0)
        grads = []
        for logps in (answer_logps(model, pack(TREES)), torch.cat([plain_logps(model, tree) for tree in TREES])):
            model.zero_grad()
            (logps * weights).sum().backward()
            grads.append([p.grad.clone() for p in model.parameters() if p.requires_grad])
    assert len(grads[0]) > 0
    for fast, plain in zip(*grads, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)


def test_states_below_the_lowest_adapter_need_not_be_computed_again(base, tmp_path, monkeypatch):
    with base.adapted(lora(first_layer=1), 0) as model:
        perturbed(model)
        whole = answer_logps(model, pack(TREES))
        lower = LowerStates(model, 1, tmp_path / "lower.safetensors")
        upper = answer_logps(model, pack(TREES), lower(TREES), 1)
        torch.testing.assert_close(upper, whole, rtol=1e-6, atol=1e-5)
        again = LowerStates(model, 1, tmp_path / "lower.safetensors")
        monkeypatch.setattr(LowerStates, "_compute", lambda *_: pytest.fail("computed again"))
        assert torch.equal(again(TREES), lower(TREES))
        assert {name for name, p in model.named_parameters() if p.requires_grad and ".layers.0." in name} == set()


def test_a_cut_file_of_states_is_an_error_and_not_a_result(base, tmp_path):
    (tmp_path / "lower.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(PluralignError, match="PA055"):
        LowerStates(base.model, 1, tmp_path / "lower.safetensors")


def test_every_missing_answer_is_computed_once_with_its_prompt():
    trees = [Tree((1,), ((2,), (3,))), Tree((1,), ((3,), (4, 5))), Tree((9,), ((2,),))]
    found = grouped(trees, lambda tree: [answer == (3,) for answer in tree.answers])
    assert found == [Tree((9,), ((2,),)), Tree((1,), ((2,), (4, 5)))]


def test_an_architecture_that_ignores_masks_is_refused(base):
    check_packing(base.model, TREES)
    whole = base.model.model.forward

    def ignoring_masks(*args, attention_mask=None, **kwargs):
        return whole(*args, **kwargs)

    base.model.model.forward = ignoring_masks
    with pytest.raises(PluralignError, match="PA083.*separate rows"):
        check_packing(base.model, [Tree((1, 2, 3), ((4, 5) * 40, (6, 7, 8) * 40))])
    base.model.model.forward = whole


@pytest.fixture
def granite(tiny_folder, own_cache, tmp_path):
    """A base that multiplies what comes in as embeddings, also where that is what a layer gave."""
    from transformers import AutoTokenizer, GraniteConfig, GraniteForCausalLM

    from pluralign.training.base import Base

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    torch.manual_seed(0)
    config = GraniteConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2, embedding_multiplier=12.0,
    )  # fmt: skip
    GraniteForCausalLM(config).save_pretrained(tmp_path / "granite")
    tokenizer.save_pretrained(tmp_path / "granite")
    return Base.open(str(tmp_path / "granite"), "float32", "cpu")


LONG = [Tree((1, 2, 3), ((4, 5) * 40, (6, 7, 8) * 40))]


def n_references(base):
    with sqlite3.connect(base.references.path) as db:
        return db.execute("SELECT count(*) FROM reference").fetchone()[0]


def test_the_path_that_is_used_is_the_one_that_is_compared(base, granite):
    granite.check_packing(LONG)
    with pytest.raises(PluralignError, match="PA083.*from layer 1 on"):
        granite.check_packing(LONG, first_layer=1)
    base.check_packing(LONG)
    base.check_packing(LONG, first_layer=1)


def test_nothing_of_a_path_that_is_wrong_enters_what_runs_share(base, granite, recipe, few, own_cache, tmp_path):
    upper = recipe.changed(lora={**recipe.lora.model_dump(), "first_layer": 1})
    with pytest.raises(PluralignError, match="PA083"):
        train(upper, granite, few, tmp_path / "granite-run", say=lambda _: None)
    with pytest.raises(PluralignError, match="PA083"):
        granite.reference_logps(LONG, 1)
    assert n_references(granite) == 0
    assert not list((own_cache / "lower").glob("*"))
    train(upper, base, few, tmp_path / "run", say=lambda _: None)
    assert n_references(base) > 0
    assert list((own_cache / "lower").glob("*.safetensors"))

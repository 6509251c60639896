"""GRPO on a model of two layers: what trl does to a base that others use too, what is logged, and when it refuses."""

import json

import numpy as np
import pyarrow.csv as pacsv
import pytest

pytest.importorskip("trl", reason="needs pluralign[train]")

import torch
from safetensors.torch import load_file

import pluralign.training.grpo as grpo
from pluralign.errors import PluralignError
from pluralign.training.base import Base
from pluralign.training.recipe import read_recipe
from pluralign.training.reward import Reward
from pluralign.training.run_folder import is_finished

TINY = {
    "steps": 2, "micro_batch": 2, "dtype": "float32", "probe_prompts": 0, "lora.r": 2, "max_length": 2048, "split": "test",
    "learning_rate": 0.01, "warmup": 0, "grpo.prompts": 2, "grpo.generations": 2, "grpo.max_new_tokens": 6,
}  # fmt: skip


def letters(keys) -> np.ndarray:
    """Two rewards that differ between random answers: a share of vowels, and how late the letters are."""
    vowels = [sum(c in "aeiouAEIOU" for c in text) / len(text) for _, text in keys]
    return np.array([vowels, [np.mean([ord(c) % 32 for c in text]) / 32 for _, text in keys]]).T


@pytest.fixture
def rewarded(monkeypatch) -> list[Reward]:
    made = []

    def open_reward(*_):
        made.append(
            Reward("letters", ["toxicity", "emotional_awareness"], letters, {"name": "letters", "held_out": None})
        )
        return made[-1]

    monkeypatch.setattr(grpo, "open_reward", open_reward)
    return made


@pytest.fixture
def tiny(root):
    def make(**changes):
        return read_recipe(
            root / "baselines/recipes/exp4/both-reward.yaml",
            TINY | {k.replace("__", "."): v for k, v in changes.items()},
        )

    return make


def run(recipe, base, ratings, folder, **kwargs):
    return grpo.train_grpo(recipe, base, ratings, folder, say=lambda _: None, **kwargs)


def test_a_run_leaves_an_adapter_curves_a_card_and_a_record_and_the_base_as_it_was(
    tiny, base, shipped, rewarded, tmp_path
):
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    trained = run(tiny(), base, shipped, tmp_path / "run")
    names = {place.name for place in (tmp_path / "run").iterdir()}
    assert names == {"adapter", "README.md", "recipe.yaml", "curves.csv", "run.json"}
    assert is_finished(trained.folder)
    assert "forward" not in base.model.__dict__, "trl's patched forward outlived the run"
    after = base.model.state_dict()
    assert before.keys() == after.keys(), "an adapter was left on the base"
    assert all(torch.equal(before[name], after[name]) for name in before)
    card = (tmp_path / "run/README.md").read_text()
    assert "SIMULATED" in card
    assert "2 × 2 answers of at most 6 tokens" in card


def test_only_the_trained_adapter_is_saved_not_the_copy_that_trl_makes(tiny, base, shipped, rewarded, tmp_path):
    run(tiny(), base, shipped, tmp_path / "run")
    assert not (tmp_path / "run/adapter/ref").exists()
    with base.with_adapter(tmp_path / "run/adapter") as model:
        moved = [value.abs().max().item() for name, value in model.named_parameters() if "lora_B" in name]
    assert max(moved) > 0


def test_curves_have_each_reward_the_drift_a_token_and_what_was_cut(tiny, base, shipped, rewarded, tmp_path):
    run(tiny(), base, shipped, tmp_path / "run")
    table = pacsv.read_csv(tmp_path / "run/curves.csv")
    assert {
        "step", "reward", "reward_toxicity", "reward_emotional_awareness", "sample_kl", "sample_entropy", "sample_tokens", "clipped_ratio",
        "frac_reward_zero_std", "empty", "still_thinking", "unscored",
    } <= set(table.column_names)  # fmt: skip
    assert table.column("step").to_pylist() == [1, 2]
    mean = (table.column("reward_toxicity").to_numpy() + table.column("reward_emotional_awareness").to_numpy()) / 2
    assert table.column("reward").to_numpy() == pytest.approx(mean, abs=1e-5)
    # Before the first step the policy is the base: no KL at all.
    kl = table.column("sample_kl").to_pylist()
    assert kl[0] == pytest.approx(0, abs=1e-6)
    assert kl[1] > 1e-6


def test_kl_stays_a_distance_from_the_base_where_an_earlier_adapter_was_trained(
    tiny, base, shipped, rewarded, tmp_path
):
    run(tiny(), base, shipped, tmp_path / "one")
    run(tiny(seed=1), base, shipped, tmp_path / "two")
    assert pacsv.read_csv(tmp_path / "two/curves.csv").column("sample_kl").to_pylist()[0] == pytest.approx(0, abs=1e-6)


def test_the_record_says_what_rewarded_and_counts_the_answers(tiny, base, shipped, rewarded, tmp_path):
    info = run(tiny(), base, shipped, tmp_path / "run").info
    assert info == json.loads((tmp_path / "run/run.json").read_text())
    assert info["reward"]["name"] == "letters"
    assert info["reward"]["counts"]["answers"] == 2 * 2 * 2
    assert info["steps"] == 2


def test_the_same_seed_gives_the_same_adapter(tiny, tiny_folder, shipped, rewarded, own_cache, tmp_path):
    for name in ("one", "two"):
        run(tiny(), Base.open(str(tiny_folder), "float32", "cpu"), shipped, tmp_path / name)
    one, two = ((tmp_path / name / "adapter/adapter_model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_run_that_was_stopped_goes_on(tiny, base, shipped, rewarded, tmp_path, monkeypatch):
    whole = run(tiny(steps=4), base, shipped, tmp_path / "whole")
    compute, calls = grpo.AnswerTrainer.compute_loss, []

    def stopped(self, *args, **kwargs):
        calls.append(self.state.global_step)
        if len(calls) == 6:  # two micro-batches a step: in the third step
            raise KeyboardInterrupt
        return compute(self, *args, **kwargs)

    monkeypatch.setattr(grpo.AnswerTrainer, "compute_loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tiny(steps=4), base, shipped, tmp_path / "stopped")
    assert not is_finished(tmp_path / "stopped")
    resumed = run(tiny(steps=4), base, shipped, tmp_path / "stopped")
    assert resumed.info["steps"] == 4
    assert pacsv.read_csv(tmp_path / "stopped/curves.csv").column("step").to_pylist() == [1, 2, 3, 4]
    one, two = (
        pacsv.read_csv(folder / "curves.csv").column("reward").to_pylist() for folder in (whole.folder, resumed.folder)
    )
    assert one == pytest.approx(two)
    assert resumed.info["reward"]["counts"] == whole.info["reward"]["counts"], "those before the stop are counted too"
    assert resumed.info["reward"]["counts"]["answers"] == 4 * 2 * 2
    assert calls == [0, 0, 1, 1, 2, 2, 2, 2, 3, 3], "the steps before the last checkpoint are not taken again"
    adapters = (load_file(folder / "adapter/adapter_model.safetensors") for folder in (whole.folder, resumed.folder))
    torch.testing.assert_close(*adapters, rtol=1e-4, atol=1e-6)


def test_a_run_that_was_begun_with_other_ratings_does_not_go_on(tiny, base, shipped, few, rewarded, tmp_path):
    run(tiny(), base, shipped, tmp_path / "run")
    with pytest.raises(PluralignError, match="PA097.*ratings"):
        run(tiny(), base, few, tmp_path / "run")


def test_a_short_run_is_not_all_warm_up(tiny, base, tmp_path):
    arguments = [
        grpo.grpo_arguments(
            tiny(steps=steps, warmup=4), tmp_path, base, ["toxicity", "emotional_awareness"]
        ).warmup_steps
        for steps in (2, 12, 48)
    ]
    assert arguments == [0, 2, 4]


@pytest.mark.slow
def test_checkpoints_for_a_frontier_and_a_target_kl(tiny, base, shipped, rewarded, tmp_path):
    recipe = tiny(steps=4, checkpoints=[0.5], probe_prompts=2, probe_every=1, protocol="kl", kl_target=1e-9)
    info = run(recipe, base, shipped, tmp_path / "run").info
    assert info["steps"] == 1, "the first probe is beyond the target"
    assert info["end"]["kl"] > 0
    assert info["kl_reached"] is True
    far = run(recipe.changed(steps=2, checkpoints=[], kl_target=1e9), base, shipped, tmp_path / "far").info
    assert (far["steps"], far["kl_reached"]) == (2, False)
    assert "kl_reached" not in run(recipe.changed(protocol="steps"), base, shipped, tmp_path / "all").info
    assert (tmp_path / "all/adapter-at-0.5/adapter_model.safetensors").is_file()
    # A probe's KL is nats an answer, trl's nats a token: they have columns of their own.
    table = pacsv.read_csv(tmp_path / "all/curves.csv")
    assert {"kl", "sample_kl", "entropy", "sample_entropy"} <= set(table.column_names)


def test_a_loss_that_is_not_finite_ends_the_run(tiny, base, shipped, rewarded, tmp_path, monkeypatch):
    monkeypatch.setattr(grpo.GRPOTrainer, "compute_loss", lambda *_, **__: torch.tensor(float("nan")))
    with pytest.raises(PluralignError, match=r"PA096.*step 1 is nan"):
        run(tiny(), base, shipped, tmp_path / "run")
    assert not is_finished(tmp_path / "run")
    assert "forward" not in base.model.__dict__


def test_memory_that_does_not_suffice_halves_the_micro_batch_once(tiny, base, shipped, rewarded, tmp_path, monkeypatch):
    compute = grpo.AnswerTrainer.compute_loss

    def greedy(self, model, inputs, **kwargs):
        if len(inputs["completion_ids"]) > 1:
            raise torch.OutOfMemoryError
        return compute(self, model, inputs, **kwargs)

    monkeypatch.setattr(grpo.AnswerTrainer, "compute_loss", greedy)
    assert run(tiny(), base, shipped, tmp_path / "run").info["micro_batch"] == 1
    monkeypatch.setattr(
        grpo.AnswerTrainer, "compute_loss", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError)
    )
    with pytest.raises(PluralignError, match="PA096.*out of memory with micro_batch 1"):
        run(tiny(seed=1), base, shipped, tmp_path / "none")


def test_rewards_that_never_differ_leave_an_adapter_that_is_refused(tiny, base, shipped, monkeypatch, tmp_path):
    equal = Reward(
        "equal", ["toxicity", "emotional_awareness"], lambda keys: np.full((len(keys), 2), 0.5), {"name": "equal"}
    )
    monkeypatch.setattr(grpo, "open_reward", lambda *_: equal)
    with pytest.raises(PluralignError, match="PA098"):
        run(tiny(grpo__kl_beta=0.0), base, shipped, tmp_path / "run")
    assert not is_finished(tmp_path / "run")


def test_the_base_may_be_bfloat16_with_a_float32_adapter(tiny, tiny_folder, shipped, rewarded, own_cache, tmp_path):
    base = Base.open(str(tiny_folder), "bfloat16", "cpu")
    run(tiny(dtype="bfloat16"), base, shipped, tmp_path / "run")
    assert {value.dtype for value in base.model.parameters()} == {torch.bfloat16}
    kl = pacsv.read_csv(tmp_path / "run/curves.csv").column("sample_kl").to_pylist()
    assert kl[0] == pytest.approx(0, abs=1e-6), "policy and reference were computed in different precision"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "dpo"}, "expected 'grpo'"),
        ({"protocol": "epochs"}, "no votes"),
        ({"control": "shuffled"}, "no pairs"),
        ({"protocol": "kl"}, "never stop"),
        ({"grpo__max_new_tokens": 2000}, "the longest prompt has"),
        ({"grpo__prompts": 100_000}, "exp4-both-reward has"),
        ({"grpo__generations": 3, "grpo__prompts": 1}, "do not divide"),
        ({"dimension_weights": {"toxicity": 0.5, "helpfulness": 0.5}}, "rewards \\['toxicity'"),
    ],
)
def test_what_it_cannot_do_is_refused(changes, says, tiny, base, shipped, rewarded, tmp_path):
    weights = {k: changes[k] for k in changes if k == "dimension_weights"}  # a mapping, which `tiny` would merge

    def asked():
        recipe = tiny(**{k: v for k, v in changes.items() if k not in weights})
        return run(recipe.changed(**weights), base, shipped, tmp_path / "run")

    with pytest.raises(PluralignError, match=f"(?s)PA095.*{says}"):
        asked()
    assert not (tmp_path / "run").exists(), "a corrected recipe would be refused as another one"


def test_weights_are_equal_where_the_recipe_has_none(tiny):
    assert grpo.reward_weights(tiny().changed(dimension_weights={}), ["a", "b"]) == [0.5, 0.5]
    shares = tiny().changed(dimension_weights={"toxicity": 0.25, "emotional_awareness": 0.75})
    assert grpo.reward_weights(shares, ["emotional_awareness", "toxicity"]) == [0.75, 0.25]


def test_prompts_are_tokenised_as_for_pairs(tiny, base, shipped):
    prompts = grpo.prompts_of(tiny(), shipped, base.chat(2048)).column("prompt").to_pylist()[:2]
    asked = type("Asked", (), {"chat": base.chat(2048)})()
    ids, images, fields = grpo.AnswerTrainer._tokenize_prompts(asked, prompts)
    assert ids == [list(base.chat(2048).tree(prompt, ()).prompt) for prompt in prompts]
    assert (images, fields) == (None, {})

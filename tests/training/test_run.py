"""A run from recipe to adapter on a tiny model: what it writes, that it resumes, and how it fails."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow.csv as pacsv
import pytest
import torch

from pluralign.errors import PluralignError
from pluralign.preferences import true_values
from pluralign.simulate.parameters import Parameters
from pluralign.training import run as run_module
from pluralign.training.chat import Chat
from pluralign.training.examples import examples_of
from pluralign.training.heldout import HeldOutPairs, fresh_items, held_out, held_out_pairs, log_ratios
from pluralign.training.probing import PROBES, read_probes
from pluralign.training.run import optimiser_steps, train
from pluralign.training.run_folder import ADAPTER, offset_sha256
from pluralign.training.trainer import PairTrainer, order

from ..cases import cases


def silent(_):
    """Say nothing."""


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / ADAPTER / "adapter_model.safetensors")


def test_a_run_leaves_adapter_recipe_curves_card_and_what_it_was_made_of(base, recipe, few, tmp_path):
    trained = train(recipe, base, few, tmp_path / "run", say=silent)
    folder = trained.folder
    names = {path.name for path in folder.iterdir()}
    assert names == {"adapter", "recipe.yaml", "curves.csv", "README.md", "run.json"}
    info = json.loads((folder / "run.json").read_text())
    assert info["steps"] == 3
    assert info["condition"] == "exp3-individual-toxicity"
    assert info["weights"] == base.digest
    assert len(info["data_sha256"]) == 64
    assert {"torch", "peft", "transformers"} <= set(info["versions"])
    assert info["kappa"]["toxicity"] == {"male": 0.6}
    curves = pacsv.read_csv(folder / "curves.csv")
    assert curves.column("step").to_pylist() == [1, 2, 3]
    assert {"loss", "margin", "accuracy"} <= set(curves.column_names)
    card = (folder / "README.md").read_text()
    assert "SIMULATED" in card
    assert "accelerate launch baselines/dpo.py" in card


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another(base, recipe, few, tmp_path):
    first, again = (weights(train(recipe, base, few, tmp_path / name, say=silent).folder) for name in "ab")
    other = weights(train(recipe.changed(seed=1), base, few, tmp_path / "c", say=silent).folder)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_base_is_as_it_was_after_a_run(base, recipe, few, tmp_path):
    before = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
    train(recipe, base, few, tmp_path / "run", say=silent)
    after = base.model.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.fixture
def killed(monkeypatch):
    """Kills a run in its so-manieth step; what it gives notes the steps that were taken, also by the run that goes on."""

    def at(step):
        steps, usual = [], PairTrainer.compute_loss

        def compute_loss(self, *args, **kwargs):
            steps.append(self.state.global_step)
            if len(steps) == step:
                raise KeyboardInterrupt
            return usual(self, *args, **kwargs)

        monkeypatch.setattr(PairTrainer, "compute_loss", compute_loss)
        return steps

    return at


@pytest.mark.parametrize("method", cases(["dpo"], slow=["kto", "dro"]))
def test_a_run_that_was_killed_goes_on_from_its_checkpoint_to_the_same_end(base, recipe, few, tmp_path, killed, method):
    recipe = recipe.changed(steps=8, method=method)
    whole = weights(train(recipe, base, few, tmp_path / "whole", say=silent).folder)
    steps = killed(6)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, base, few, tmp_path / "cut", say=silent)
    assert not (tmp_path / "cut" / "run.json").exists()
    resumed = weights(train(recipe, base, few, tmp_path / "cut", say=silent).folder)
    assert steps[6] == 4, "it began again after the last checkpoint, not at the start"
    assert all(torch.allclose(whole[name], resumed[name], atol=1e-6) for name in whole)


@pytest.mark.slow
def test_what_was_probed_before_a_run_was_killed_is_not_lost_nor_doubled(base, recipe, few, tmp_path, killed):
    recipe = recipe.changed(steps=8, probe_every=1, probe_prompts=2)
    columns = ("step", "kl", "entropy", "held_out_accuracy")
    whole = pacsv.read_csv(train(recipe, base, few, tmp_path / "whole", say=silent).folder / "curves.csv")
    killed(6)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, base, few, tmp_path / "cut", say=silent)
    kept = read_probes(tmp_path / "cut" / PROBES, 99)
    assert [row["step"] for row in kept] == [1, 2, 3, 4, 5], "the fifth is after the checkpoint and measured again"
    assert [row["step"] for row in read_probes(tmp_path / "cut" / PROBES, 4)] == [1, 2, 3, 4]
    assert read_probes(tmp_path / "cut" / PROBES, 0) == [], "a run without a checkpoint begins again"
    resumed = pacsv.read_csv(train(recipe, base, few, tmp_path / "cut", say=silent).folder / "curves.csv")
    assert not (tmp_path / "cut" / PROBES).exists()
    for name in columns:
        np.testing.assert_allclose(resumed.column(name).to_numpy(), whole.column(name).to_numpy(), atol=1e-5)


def test_another_recipe_in_the_same_folder_is_refused(base, recipe, few, tmp_path):
    train(recipe, base, few, tmp_path / "run", say=silent)
    with pytest.raises(PluralignError, match="PA097.*another recipe"):
        train(recipe.changed(beta=0.5), base, few, tmp_path / "run", say=silent)


def test_a_stopped_run_does_not_go_on_with_other_ratings(base, recipe, few, shipped, tmp_path, killed):
    recipe = recipe.changed(steps=8)
    killed(6)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, base, few, tmp_path / "run", say=silent)
    head = (tmp_path / "run" / "recipe.yaml").read_text().splitlines()[0]
    assert head.endswith(f"ratings {few.provenance.checksum[:16]}")
    with pytest.raises(PluralignError, match=f"PA097.*begun with .*{few.provenance.checksum[:16]}"):
        train(recipe, base, shipped, tmp_path / "run", say=silent)
    train(recipe, base, few, tmp_path / "run", say=silent)


def test_a_run_of_modpo_is_known_by_its_margins(base, recipe, few, tmp_path):
    changed = recipe.changed(condition="exp4-both", method="modpo", steps=2)
    margins = np.linspace(-1, 1, len(examples_of(changed, few, base.chat(recipe.max_length))))
    info = train(changed, base, few, tmp_path / "run", offset=margins, say=silent).info
    assert info["offset_sha256"] == offset_sha256(margins)
    head = (tmp_path / "run" / "recipe.yaml").read_text().splitlines()[0]
    assert head.endswith(f", offset {info['offset_sha256'][:16]}")
    with pytest.raises(PluralignError, match="PA097.*offset"):
        train(changed, base, few, tmp_path / "run", offset=margins + 1e-3, say=silent)
    assert "offset_sha256" not in train(recipe, base, few, tmp_path / "dpo", say=silent).info


def test_a_loss_that_is_not_finite_stops_the_run_and_says_at_which_step(base, recipe, few, tmp_path):
    with pytest.raises(PluralignError, match=r"PA096.*step \d+ is (nan|inf)"):
        train(recipe.changed(learning_rate=1e30, steps=20, warmup=0), base, few, tmp_path / "run", say=silent)
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("too large"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")],
    ids=["gpu", "cpu"],
)  # fmt: skip
def test_out_of_memory_halves_the_micro_batch_once_and_keeps_the_batch(base, recipe, few, tmp_path, monkeypatch, error):
    usual, said = PairTrainer.compute_loss, []

    def small_device(self, model, inputs, **kwargs):
        if len(inputs.weight) > 1:
            raise error
        return usual(self, model, inputs, **kwargs)

    monkeypatch.setattr(PairTrainer, "compute_loss", small_device)
    trained = train(recipe, base, few, tmp_path / "run", say=said.append)
    assert trained.info["micro_batch"] == 1
    assert trained.info["steps"] == 3
    assert any("out of memory: micro_batch 2 -> 1, the batch stays 2" in line for line in said)
    with pytest.raises(PluralignError, match="PA096.*out of memory with micro_batch 2"):
        train(recipe.changed(batch=4, micro_batch=4), base, few, tmp_path / "again", say=silent)


def test_with_several_processes_the_next_run_takes_the_smaller_micro_batch(recipe, tmp_path, monkeypatch):
    from pluralign.training import run

    taken = []

    def attempt(one):
        taken.append(one.micro_batch)
        if one.micro_batch > 1:
            raise torch.OutOfMemoryError("too large")
        return "trained"

    monkeypatch.setattr(run, "n_ranks", lambda: 2)
    with pytest.raises(
        PluralignError, match=r"PA096.*in one of 2 processes.*Run the same again: it takes micro_batch 1"
    ):
        run.within_memory(attempt, recipe, 1, tmp_path, "the batch stays 2", silent)
    assert taken == [2], "alone it would wait for processes that wait for it"
    assert run.within_memory(attempt, recipe, 1, tmp_path, "the batch stays 2", silent) == "trained"
    assert taken == [2, 1]


@pytest.mark.slow
def test_a_run_that_needed_smaller_micro_batches_goes_on_with_them(base, recipe, few, tmp_path, monkeypatch):
    usual, steps, said = PairTrainer.compute_loss, [], []

    def small_device(self, model, inputs, **kwargs):
        if len(inputs.weight) > 1:
            raise torch.OutOfMemoryError("too large")
        steps.append(self.state.global_step)
        if len(steps) == 10:
            raise KeyboardInterrupt
        return usual(self, model, inputs, **kwargs)

    monkeypatch.setattr(PairTrainer, "compute_loss", small_device)
    recipe = recipe.changed(steps=8)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, base, few, tmp_path / "run", say=silent)
    trained = train(recipe, base, few, tmp_path / "run", say=said.append)
    assert (steps[9], steps[10]) == (4, 4), "it began again at the start, or its checkpoints were removed"
    assert (trained.info["micro_batch"], trained.info["steps"]) == (1, 8)
    assert any("memory did not suffice before: micro_batch 1" in line for line in said)
    assert {path.name for path in trained.folder.iterdir()} == {
        "adapter", "recipe.yaml", "curves.csv", "README.md", "run.json",
    }  # fmt: skip


def test_another_error_of_torch_is_not_taken_for_memory(base, recipe, few, tmp_path, monkeypatch):
    def broken(self, model, inputs, **kwargs):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(PairTrainer, "compute_loss", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        train(recipe, base, few, tmp_path / "run", say=silent)


def test_an_adapter_that_changes_nothing_is_an_error(base, recipe, few, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module.PairTrainer, "train", lambda self, **_: None)
    with pytest.raises(PluralignError, match="PA098"):
        train(recipe, base, few, tmp_path / "run", say=silent)


def test_a_model_without_a_chat_template_is_refused(base, recipe, few, tmp_path):
    plain = base
    plain.tokenizer.chat_template = None
    with pytest.raises(PluralignError, match="PA083.*no chat template"):
        train(recipe, plain, few, tmp_path / "run", say=silent)


def test_a_text_that_is_too_long_is_an_error_and_never_cut(base, recipe, few, tmp_path):
    with pytest.raises(PluralignError, match="PA095.*at most 64 together"):
        train(recipe.changed(max_length=64), base, few, tmp_path / "run", say=silent)
    with pytest.raises(PluralignError, match="PA095.*context of 2048"):
        train(recipe.changed(max_length=4096), base, few, tmp_path / "other", say=silent)


@pytest.mark.parametrize("method", cases(["sft"], slow=["ipo", "kto", "dro"]))
def test_every_method_lowers_its_own_loss(base, recipe, few, tmp_path, method):
    beta = {"ipo": 1.0, "dro": 0.01}.get(method, 0.1)
    changed = recipe.changed(method=method, steps=30, learning_rate=2e-3, beta=beta, batch=4)
    train(changed, base, few, tmp_path / "run", say=silent)
    losses = pacsv.read_csv(tmp_path / "run" / "curves.csv").column("loss").to_pylist()
    assert np.mean(losses[-8:]) < np.mean(losses[:8])


def test_the_weights_of_kto_reach_its_loss(recipe):
    changed = recipe.changed(method="kto", kto={"desirable_weight": 3.0, "undesirable_weight": 0.5})
    trainer = SimpleNamespace(recipe=changed, accelerator=SimpleNamespace(gather=lambda one: one))
    batch = SimpleNamespace(
        p_chosen=torch.tensor([1.0, 0.0]), packed=SimpleNamespace(n_tokens=torch.ones(4, dtype=torch.long))
    )
    # Where nothing differs from the base, every loss is a half times the weight of its side.
    nothing = torch.zeros(2, 2)
    assert PairTrainer._each(trainer, batch, nothing, nothing, None).tolist() == [1.5, 0.25]


def test_epochs_are_counted_over_vote_rows_however_they_are_collapsed(recipe):
    assert optimiser_steps(recipe, 1000) == 3
    assert optimiser_steps(recipe.changed(protocol="epochs", epochs=2.0, batch=8), 1000) == 250


def test_matched_kl_stops_where_the_target_is_reached(base, recipe, few, tmp_path):
    changed = recipe.changed(
        protocol="kl", kl_target=1e-6, steps=12, probe_every=2, probe_prompts=2, learning_rate=3e-3
    )
    trained = train(changed, base, few, tmp_path / "run", say=silent)
    assert trained.info["steps"] == 2
    assert trained.info["end"]["kl"] >= 1e-6
    assert trained.info["kl_reached"] is True
    far = train(changed.changed(kl_target=1e9, steps=3), base, few, tmp_path / "far", say=silent).info
    assert (far["steps"], far["kl_reached"]) == (3, False)
    assert "kl_reached" not in train(recipe, base, few, tmp_path / "steps", say=silent).info


@pytest.mark.slow
def test_matched_kl_leaves_no_checkpoint_from_which_it_would_go_on_beyond_its_target(
    base, recipe, few, tmp_path, monkeypatch
):
    changed = recipe.changed(
        protocol="kl", kl_target=1e-6, steps=12, probe_every=3, probe_prompts=2, learning_rate=3e-3
    )
    usual, killed = run_module.Probes.last, []

    def last(self, *args):
        if not killed:
            killed.append(True)
            raise KeyboardInterrupt
        return usual(self, *args)

    monkeypatch.setattr(run_module.Probes, "last", last)
    with pytest.raises(KeyboardInterrupt):
        train(changed, base, few, tmp_path / "run", say=silent)
    assert train(changed, base, few, tmp_path / "run", say=silent).info["steps"] == 3


def test_no_difference_is_half_right_and_a_tied_pair_says_nothing():
    # right, wrong, no difference, and a tie whose difference would have moved both
    found = order(torch.tensor([4.0, 3.0, 0.0, 50.0]), torch.tensor([0.9, 0.2, 1.0, 0.5]), 0.1)
    assert found == pytest.approx({"accuracy": 1.5 / 3, "margin": 0.1 * (4 - 3 + 0) / 3})
    assert order(torch.tensor([1.0]), torch.tensor([0.5]), 0.1) == {}


@pytest.mark.slow
def test_a_step_of_tied_pairs_alone_leaves_its_accuracy_empty(base, recipe, few, tmp_path, monkeypatch):
    usual = run_module.examples_of

    def tied(*args):
        examples = usual(*args)
        p = np.full(len(examples), 0.5)
        p[:3] = 1.0
        return replace(examples, p_chosen=p)

    monkeypatch.setattr(run_module, "examples_of", tied)
    changed = recipe.changed(steps=12, batch=1, micro_batch=1)
    trained = train(changed, base, few, tmp_path / "run", say=silent)
    table = pacsv.read_csv(trained.folder / "curves.csv")
    assert table.column("loss").null_count == 0
    assert table.column("rejected_logratio").null_count == 0
    assert table.column("accuracy").null_count == table.column("margin").null_count > 0
    json.loads((trained.folder / "run.json").read_text())
    monkeypatch.setattr(
        run_module, "examples_of", lambda *args: replace(tied(*args), p_chosen=np.full(len(tied(*args)), 0.5))
    )
    trained = train(changed, base, few, tmp_path / "none", say=silent)
    assert "accuracy" not in pacsv.read_csv(trained.folder / "curves.csv").column_names


def test_shuffled_labels_keep_texts_and_weights_and_leave_no_order(base, recipe, shipped):
    chat = base.chat(recipe.max_length)
    plain = examples_of(recipe.changed(split="train"), shipped, chat)
    shuffled = examples_of(recipe.changed(split="train", control="shuffled"), shipped, chat)
    assert plain.trees == shuffled.trees
    assert np.array_equal(plain.weight, shuffled.weight)
    assert plain.p_chosen.min() >= 0.5
    assert abs(shuffled.p_chosen.mean() - 0.5) < 0.03


def test_the_implicit_reward_of_a_fresh_adapter_is_nothing(base, recipe, few):
    held = held_out(few, base.chat(2048), "en", "test", 1)
    few = type(held)(
        held.name, held.ratings, held.item_ids[:6], held.prompt_ids[:6], held.template_ids[:6], held.trees[:2]
    )
    with base.adapted(recipe.lora, 0) as model:
        table = log_ratios(base, model, few)
    np.testing.assert_allclose(table.column("logp").to_numpy(), table.column("reference").to_numpy(), atol=1e-3)


def test_only_the_prompts_that_are_looked_at_are_tokenised(base, shipped, monkeypatch):
    every = held_out(shipped, base.chat(2048), "en", "test", 1)
    asked, usual = [], Chat.tree
    monkeypatch.setattr(Chat, "tree", lambda self, *args: asked.append(args) or usual(self, *args))
    first = held_out(shipped, base.chat(2048), "en", "test", 1, 4)
    assert len(asked) == 4
    assert first.trees == every.trees[:4]
    n = sum(len(tree.answers) for tree in first.trees)
    assert (first.item_ids, first.template_ids) == (every.item_ids[:n], every.template_ids[:n])


def test_a_store_of_references_is_shared_by_every_seed_and_condition(base, recipe, few, tmp_path, monkeypatch):
    train(recipe, base, few, tmp_path / "a", say=silent)
    from pluralign.training.base import Base

    again = Base.open(base.name, "float32", "cpu")
    computed = []
    usual = Base.logps
    monkeypatch.setattr(Base, "logps", lambda self, *args: computed.append(args) or usual(self, *args))
    with again.adapted(recipe.lora, 5) as model, again.without_adapter(model):
        again.reference_logps(examples_of(recipe.changed(seed=5), few, again.chat(2048)).trees)
    assert computed == []


def test_held_out_pairs_are_of_prompts_that_are_not_trained_on(base, recipe, shipped):
    chat = base.chat(recipe.max_length)
    recipe = recipe.changed(split="train")
    found = held_out_pairs(recipe, shipped, chat, 10)
    assert len(found.trees) == 10
    assert (found.weight > 0).all()
    assert not {tree.prompt for tree in found.trees} & {
        tree.prompt for tree in examples_of(recipe, shipped, chat).trees
    }
    assert held_out_pairs(recipe, shipped, chat, 0) is None
    assert held_out_pairs(recipe.changed(condition="exp4-both-reward"), shipped, chat, 10) is None


def test_accuracy_on_held_out_pairs_counts_votes(base, recipe, shipped):
    found = held_out_pairs(recipe.changed(split="train"), shipped, base.chat(recipe.max_length), 3)
    found = HeldOutPairs(found.trees, np.array([1.0, 2.0, 5.0]))

    class Base:
        """A policy that is right, right and wrong by turns."""

        def log_ratios(self, _model, trees, _first):
            return np.array([[-1.0, -2.0], [-5.0, -5.5], [-3.0, -1.0]])[: len(trees)].ravel(), np.full(
                2 * len(trees), -2.0
            )

    assert found.accuracy(Base(), None) == pytest.approx(3 / 8)


def test_a_probe_measures_accuracy_on_held_out_pairs(base, recipe, few, tmp_path):
    changed = recipe.changed(split="train", steps=2, probe_every=1, probe_prompts=2)
    train(changed, base, few, tmp_path / "run", say=silent)
    measured = pacsv.read_csv(tmp_path / "run" / "curves.csv").column("held_out_accuracy").to_pylist()
    assert len(measured) == 2
    assert all(0 <= one <= 1 for one in measured)


def test_the_null_release_is_measured_on_the_same_answers(shipped):
    parameters = Parameters.from_tagged(shipped.provenance.details["parameters"])
    planted, null = fresh_items(parameters), fresh_items(parameters.with_kappa(0))
    assert null.items.equals(planted.items)
    assert null.truth.equals(planted.truth)
    group = {"dimension": "toxicity", "group": "male"}
    assert true_values(null, **group) == true_values(null, "toxicity")
    assert true_values(planted, **group) != true_values(planted, "toxicity")

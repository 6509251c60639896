"""A disk that fills up in the middle of a run: one clear error, nothing lost, and the same command goes on."""

import errno
import json
import resource

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pluralign.errors import PluralignError
from pluralign.training import run as run_module
from pluralign.training.disk import is_full
from pluralign.training.run import train
from pluralign.training.run_folder import ADAPTER, CHECKPOINTS, RUN, is_finished, last_checkpoint
from pluralign.training.trainer import PairTrainer

from ..cases import cases


def silent(_):
    """Say nothing."""


def weights(folder):
    return load_file(folder / ADAPTER / "adapter_model.safetensors")


@pytest.fixture
def no_room(monkeypatch):
    """From so manieth checkpoint on, no file may have more than 500 bytes: what torch and safetensors say of it is their own."""

    def at(number, method="_save_optimizer_and_scheduler"):
        usual, saved = getattr(PairTrainer, method), []

        def save(self, output_dir, *args):
            saved.append(output_dir)
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            if len(saved) == number:
                resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
            try:
                usual(self, output_dir, *args)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        monkeypatch.setattr(PairTrainer, method, save)

    return at


@pytest.mark.parametrize(
    "method",
    cases([pytest.param("_save_optimizer_and_scheduler", id="torch")], slow=[pytest.param("_save", id="safetensors")]),
)
def test_a_full_disk_in_a_checkpoint_is_said_and_the_run_goes_on_from_the_one_before(
    base, recipe, few, tmp_path, no_room, method
):
    recipe = recipe.changed(steps=8)
    no_room(2, method)
    with pytest.raises(PluralignError, match=r"PA055.*no room to write in .*run.*Make room and run the same again"):
        train(recipe, base, few, tmp_path / "run", say=silent)
    assert last_checkpoint(tmp_path / "run").endswith("checkpoint-2")
    assert not is_finished(tmp_path / "run")
    resumed = train(recipe, base, few, tmp_path / "run", say=silent)
    whole = train(recipe, base, few, tmp_path / "whole", say=silent)
    assert resumed.info["steps"] == 8
    mine, usual = weights(resumed.folder), weights(whole.folder)
    assert all(torch.allclose(usual[name], mine[name], atol=1e-6) for name in usual)


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_very_end_costs_no_step(base, recipe, few, tmp_path, monkeypatch):
    recipe, usual, steps = recipe.changed(steps=4), run_module.write_text, []

    def write_text(text, path):
        if path.name == RUN:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        usual(text, path)

    monkeypatch.setattr(run_module, "write_text", write_text)
    with pytest.raises(PluralignError, match=r"PA055.*No space left on device.*run\.json"):
        train(recipe, base, few, tmp_path / "run", say=silent)
    assert not is_finished(tmp_path / "run")
    assert last_checkpoint(tmp_path / "run").endswith("checkpoint-4")
    before = weights(tmp_path / "run")
    monkeypatch.setattr(run_module, "write_text", usual)
    compute = PairTrainer.compute_loss
    monkeypatch.setattr(PairTrainer, "compute_loss", lambda *args, **kw: steps.append(1) or compute(*args, **kw))
    trained = train(recipe, base, few, tmp_path / "run", say=silent)
    assert steps == [], "steps were taken again"
    assert json.loads((tmp_path / "run" / RUN).read_text())["steps"] == 4
    assert all(torch.equal(before[name], value) for name, value in weights(trained.folder).items())
    assert not (tmp_path / "run" / CHECKPOINTS).exists()


def test_checkpoints_that_a_killed_end_left_are_removed_when_the_run_is_kept(base, recipe, few, tmp_path):
    train(recipe, base, few, tmp_path / "run", say=silent)
    (tmp_path / "run" / CHECKPOINTS / "checkpoint-3").mkdir(parents=True)
    train(recipe, base, few, tmp_path / "run", say=silent)
    assert not (tmp_path / "run" / CHECKPOINTS).exists()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), True),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (ConnectionResetError("by peer"), False),
        (SafetensorError("invalid header"), False),
        (RuntimeError("shapes cannot be multiplied"), False),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_a_full_disk_and_what_is_not(error, full):
    assert is_full(error) is full


def test_what_is_no_full_disk_stays_what_it_is(base, recipe, few, tmp_path, monkeypatch):
    def refused(self, *args):
        raise PermissionError(errno.EACCES, "Permission denied", "somewhere")

    monkeypatch.setattr(PairTrainer, "_save", refused)
    with pytest.raises(PermissionError):
        train(recipe, base, few, tmp_path / "run", say=silent)

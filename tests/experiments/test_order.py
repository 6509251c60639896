"""MODPO learns with another cell's adapter: it waits for it, leaves it to who trains it, and takes none that is not whole."""

import fcntl
import json
import sys
from types import SimpleNamespace

import pytest

from pluralign.experiments import engines
from pluralign.experiments.answers import Judging
from pluralign.experiments.cells import Cell, cells_of, teacher_of
from pluralign.experiments.command import command_of
from pluralign.experiments.engines import run_grid
from pluralign.experiments.settings import Settings

MODPO = Cell("m", "exp4-both", method="modpo")
TEACHER = teacher_of(MODPO)
SETTINGS = Settings(judging=Judging("zero-shot", jury=()))


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr(engines, "resident", lambda *_: None)


def test_a_teacher_that_is_not_trained_is_no_teacher(no_model, tmp_path):
    adapter = TEACHER.folder(tmp_path) / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    ((_, why),) = run_grid([MODPO], SETTINGS, tmp_path).failed
    assert "PA097" in why
    assert f"{TEACHER.name}, seed 0, and that cell is not trained" in why


def test_a_teacher_that_another_worker_has_makes_the_cell_busy(no_model, tmp_path):
    folder = TEACHER.folder(tmp_path)
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        outcome = run_grid([MODPO], SETTINGS, tmp_path)
    assert (outcome.busy, outcome.failed) == ((MODPO,), ())
    assert not (MODPO.folder(tmp_path) / "failed.json").exists()


def test_on_a_cluster_what_needs_a_teacher_is_dealt_out_after_it(monkeypatch, tmp_path):
    events = []

    class Remote:
        def __init__(self, *_, **__):
            pass

        def __call__(self, _):
            return self

        def remote(self, cell, *_):
            events.append(("begins", cell))
            return cell

    def wait(pending, **_):
        # The cluster ends what was dealt out last first.
        events.append(("ends", pending[-1]))
        return [pending[-1]], pending[:-1]

    ray = SimpleNamespace(
        is_initialized=lambda: True, cluster_resources=dict, remote=Remote, wait=wait, get=lambda _: None,
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "ray", ray)
    other = Cell("m", "exp3-mean-toxicity")
    outcome = run_grid([MODPO, TEACHER, other], SETTINGS, tmp_path, engine="ray")
    assert set(outcome.done) == {MODPO, TEACHER, other}
    assert events.index(("begins", MODPO)) > events.index(("ends", TEACHER))


@pytest.mark.parametrize(
    "cell",
    [
        Cell("m", "exp3-mean-toxicity", ties="half", protocol="kl", seed=2),
        Cell("m", "exp2-binary-toxicity", protocol="epochs"),
        Cell("m", "exp4-both", variant="scalarised"),
        Cell("m", "exp1-black-emotional_awareness", control="null", seed=1),
        Cell("m", "exp1-male-toxicity", ties="half"),
    ],
    ids=lambda cell: cell.name,
)
def test_the_command_on_a_card_makes_that_cell(cell, tmp_path):
    import shlex

    from typer.testing import CliRunner

    from pluralign.cli import app

    settings = Settings(changes={"steps": 9, "learning_rate": "1e-3"}, languages=("en", "de"), limit=5)
    words = shlex.split(command_of(cell, settings, tmp_path))
    assert words[:3] == ["pluralign", "experiment", "run"]
    listed = CliRunner().invoke(app, [*words[1:], "--results", str(tmp_path / "r"), "--dry-run", "--json"])
    found = json.loads(listed.stdout)
    assert cell.to_json() | {"finished": False} in found
    assert {one["ties"] for one in found if one["condition"] != "base"} == {cell.ties}


def test_the_command_has_all_that_the_grid_was_told(monkeypatch, tmp_path):
    from typer.testing import CliRunner

    from pluralign.cli import app

    asked = Settings(
        changes={"steps": 9, "learning_rate": "1e-3", "checkpoints": [0.5], "grpo:steps": 2}, languages=("en", "de"), limit=5, frontier=True,
        judging=Judging("zero-shot", besides=("rater-model:a folder",)), generation_batch=3, held_out_a_template=2, ratings="own ratings",
    )  # fmt: skip
    given = []
    monkeypatch.setattr(engines, "run_grid", lambda _, settings, *__, **___: given.append(settings))
    monkeypatch.setattr(engines, "is_kept", lambda *_: False)
    import shlex

    words = shlex.split(command_of(cells_of("exp2", "m")[0], asked, tmp_path))
    CliRunner().invoke(app, words[1:])
    assert given == [asked]

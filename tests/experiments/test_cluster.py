"""What a cluster's workers are told, and what they tell: folders by absolute paths, stages while a cell is under way."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pluralign.cli import app
from pluralign.experiments import engines
from pluralign.experiments.answers import Judging
from pluralign.experiments.asked import checked_judges
from pluralign.experiments.cells import Cell
from pluralign.experiments.engines import run_grid
from pluralign.experiments.settings import Settings, absolute

CELL = Cell("m", "exp3-mean-toxicity")
SETTINGS = Settings(judging=Judging("zero-shot", jury=()))


@pytest.fixture
def given(monkeypatch, few, tmp_path):
    """`given(*words)` is the cells and the settings that a command hands on, from a folder in which all that it names lies."""
    for name in ("model", "fit", "openai:x"):
        (tmp_path / name).mkdir()
    few.save(tmp_path / "own ratings")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "is_kept", lambda *_: False)
    handed = []
    monkeypatch.setattr(engines, "run_grid", lambda cells, settings, *_, **__: handed.extend((cells, settings)))
    words = [
        "exp3", "--ratings", "own ratings", "--models", "model,org/name", "--judge", "rater-model:fit", "--real-judge", "openai:x",
        "--real-judge", "rater-model:elsewhere", "--set", "grpo.reward=rater-model:fit", "--set", "steps=2",
    ]  # fmt: skip

    def of(*more):
        CliRunner().invoke(app, ["experiment", "run", *words, *more])
        return handed

    return of


def test_workers_on_a_cluster_get_absolute_folders(given, tmp_path):
    cells, settings = given("--engine", "ray")
    assert settings.ratings == str(tmp_path / "own ratings")
    assert settings.judging.judge == f"rater-model:{tmp_path / 'fit'}"
    assert settings.judging.besides == ("openai:x", "rater-model:elsewhere"), "only what is a folder here"
    assert settings.changes == {"grpo.reward": f"rater-model:{tmp_path / 'fit'}", "steps": 2}
    assert {cell.model for cell in cells} == {str(tmp_path / "model"), "org/name"}
    assert {cell.folder(tmp_path).parts[-3] for cell in cells} == {"model", "name"}


def test_here_names_stay_as_they_are_typed(given):
    cells, settings = given()
    assert (settings.ratings, settings.judging.judge) == ("own ratings", "rater-model:fit")
    assert {cell.model for cell in cells} == {"model", "org/name"}


def test_a_folder_by_its_relative_and_its_absolute_path_is_one(make_results, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("own ratings", "fit", "one"):
        (tmp_path / name).mkdir()
    typed = replace(
        SETTINGS, ratings="own ratings", judging=Judging("rater-model:fit", besides=("rater-model:fit",)),
        changes={"grpo.reward": "rater-model:fit"},
    )  # fmt: skip
    typed.claim(tmp_path / "results")
    before = (tmp_path / "results" / "grid.json").read_bytes()
    fit = f"rater-model:{tmp_path / 'fit'}"
    same = replace(
        typed, ratings=absolute("own ratings"), judging=Judging(fit, besides=(fit,)), changes={"grpo.reward": fit}
    )
    same.claim(tmp_path / "results")
    assert (tmp_path / "results" / "grid.json").read_bytes() == before, "nothing is named twice"
    cell = Cell("one", "base")
    results = make_results(tmp_path / "made", [cell])
    by_path = replace(cell, model=str(tmp_path / "one"))
    assert checked_judges(by_path, by_path.folder(results)) == checked_judges(cell, cell.folder(results))


def test_what_a_worker_is_at_is_told_here(monkeypatch, tmp_path):
    told, stages = [], ["training", "training", "step 3 of 4, loss 0.600"]
    place = CELL.folder(tmp_path) / ".stage"

    def wait(pending, **_):
        # A worker says what it does before a cell ends; the third time it has ended.
        place.parent.mkdir(parents=True, exist_ok=True)
        if stages:
            place.write_text(stages.pop(0))
            return [], pending
        return pending[:1], pending[1:]

    class Remote:
        def __init__(self, *_, **__):
            pass

        def __call__(self, _):
            return self

        def remote(self, cell, *_):
            return cell

    ray = SimpleNamespace(
        is_initialized=lambda: True, cluster_resources=dict, remote=Remote, wait=wait, get=lambda _: None,
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "ray", ray)
    run_grid([CELL], SETTINGS, tmp_path, engine="ray", tell=lambda *what: told.append(what))
    assert [text for what, _, text in told if what == "stage"] == ["training", "step 3 of 4, loss 0.600"]


def test_a_worker_that_cannot_say_where_it_is_works_on(monkeypatch, tmp_path):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engines, "work", lambda _, __, ___, say: say("training"))
    monkeypatch.setattr(engines, "write_text", no_space)
    assert engines._attempt_quietly(CELL, SETTINGS, str(tmp_path)) is None


def test_a_worker_leaves_no_stage_behind(monkeypatch, tmp_path):
    seen = []

    def work(cell, settings, results, say):
        say("training")
        seen.append(engines._stage_of(cell, results))

    monkeypatch.setattr(engines, "work", work)
    assert engines._attempt_quietly(CELL, SETTINGS, str(tmp_path)) is None
    assert seen == ["training"]
    assert list(CELL.folder(tmp_path).iterdir()) == []

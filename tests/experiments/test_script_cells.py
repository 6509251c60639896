"""A cell that `accelerate launch baselines/dpo.py` trained over several devices, into its own folder, becomes a cell of the grid."""

import json
import subprocess
import sys

import pytest

from pluralign.experiments import grid
from pluralign.experiments.cells import Cell
from pluralign.experiments.engines import run_grid
from pluralign.experiments.results import read_results

from ..processes import TWO, environment
from .test_grid import CHANGES, cells, fresh, settings  # noqa: F401 - fixtures

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(root, settings, tmp_path):  # noqa: F811
    """`trained(cell, results, ...)` runs the script into a cell's folder."""

    def run(cell, results, *changes, launcher=(sys.executable,)):
        given = {**CHANGES, "ties": cell.ties, "protocol": cell.protocol} | dict(one.split("=") for one in changes)
        command = [
            *launcher, str(root / "baselines/dpo.py"), "--config", str(root / "baselines/recipes/exp3/majority-toxicity.yaml"),
            "--model", cell.model, "--ratings", settings.ratings, "--seed", str(cell.seed), "--out", str(cell.folder(results)),
            "--set", *(f"{key}={value}" for key, value in given.items()),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert done.returncode == 0, done.stderr[-2000:]

    return run


def test_a_cell_that_two_processes_trained_is_only_measured(cells, settings, tmp_path, trained, monkeypatch):  # noqa: F811
    cell, other, results = cells[2], Cell(cells[2].model, "exp3-mean-toxicity", ties="half"), tmp_path / "results"
    assert (cell.ties, cell.condition) == ("half", "exp3-majority-toxicity")
    trained(cell, results, "micro_batch=1", launcher=TWO)
    assert json.loads((cell.folder(results) / "run.json").read_text())["processes"] == 2
    assert run_grid([other], settings, results).failed == ()
    monkeypatch.setattr(grid, "train", lambda *_, **__: pytest.fail("trained again"))
    outcome = run_grid([cell], settings, results)
    assert (outcome.done, outcome.failed) == ((cell,), ())
    assert json.loads((cell.folder(results) / "cell.json").read_text())["cell"] == cell.to_json()
    assert [one.cell for one in read_results(results).cells] == [cell, other], "both can be compared"


def test_a_run_that_is_not_the_cell_s_is_refused_and_the_rest_goes_on(cells, settings, tmp_path, trained):  # noqa: F811
    results = tmp_path / "results"
    trained(cells[2], results, "steps=4", "beta=0.2")
    outcome = run_grid([cells[2], cells[0]], settings, results)
    assert outcome.done == (cells[0],)
    ((failed, why),) = outcome.failed
    assert failed == cells[2]
    for part in ("PA097", "steps: 4 there, 3 now", "beta: 0.2 there, 0.1 now"):
        assert part in why
    assert not cells[2].is_finished(results)


def test_a_run_on_other_ratings_or_weights_is_refused(cells, settings, tmp_path, trained):  # noqa: F811
    results = tmp_path / "results"
    trained(cells[2], results)
    place = cells[2].folder(results) / "run.json"
    told = json.loads(place.read_text())
    for change, says in (
        ({"ratings_sha256": "0" * 64}, "ratings: "),
        ({"weights": "others"}, "trained on weights others"),
    ):
        place.write_text(json.dumps(told | change))
        ((_, why),) = run_grid([cells[2]], settings, results).failed
        assert "PA097" in why
        assert says in why
    place.write_text(json.dumps(told))
    assert run_grid([cells[2]], settings, results).failed == ()

"""`pluralign experiment run` as people run and kill it: another process, SIGKILL, and the same command again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pluralign.experiments.cells import all_cells

pytestmark = pytest.mark.slow

# Fewer prompts of lexicon E, as in the other tests of the grid; all else is the command.
COMMAND = "from pluralign.training import heldout; heldout.N_PROMPTS = 8; from pluralign.cli import main; main()"
STEPS = 24
CHANGES = (
    f"steps={STEPS}", "batch=2", "micro_batch=2", "dtype=float32", "probe_prompts=2", "lora.r=2", "max_length=2048", "learning_rate=0.01",
)  # fmt: skip
PATIENCE_S = 120


@pytest.fixture
def begun(few, tiny_folder, own_cache, tmp_path):
    """`begun(results)` starts the command in another process."""
    few.save(tmp_path / "ratings")
    running = []

    def start(results):
        words = [
            "experiment", "run", "exp2", "--no-controls", "--models", str(tiny_folder), "--seeds", "0", "--ties", "drop",
            "--protocols", "steps", "--ratings", str(tmp_path / "ratings"), "--judge", "zero-shot", "--batch-size", "4", "--held-out", "1",
            "--limit", "8", "--results", str(results), *(word for change in CHANGES for word in ("--set", change)), "--json",
        ]  # fmt: skip
        env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def killed_once(process, there):
    """SIGKILL as soon as something is there."""
    until = time.monotonic() + PATIENCE_S
    while not there():
        assert process.poll() is None, process.communicate()[1][-2000:]
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def ended(process):
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err[-2000:]
    return json.loads(out)


def times(folder):
    """When each file was written last."""
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_grid_that_is_killed_in_training_and_in_answering_ends_as_one_that_is_not(begun, tiny_folder, tmp_path):
    results, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    base, first, second, _ = cells = all_cells(["exp2"], [str(tiny_folder)], [0], ["drop"], ["steps"])
    place, later = first.folder(results), second.folder(results)

    killed_once(begun(results), lambda: any(place.glob("checkpoints/*/trainer_state.json")))
    assert base.is_finished(results)
    assert not (place / "run.json").exists(), "it was in training"
    finished = times(base.folder(results))

    killed_once(begun(results), lambda: (later / "generated.json").is_file())
    assert not (later / "generations_en.jsonl").exists(), "it was answering"
    assert first.is_finished(results)
    finished_then, trained = times(place), times(later)

    outcome = ended(begun(results))
    assert [one["condition"] for one in outcome["kept"]] == [base.condition, first.condition]
    assert outcome["failed"] == outcome["busy"] == []
    assert times(base.folder(results)) == finished
    assert times(place) == finished_then
    again = {path for path, at in times(later).items() if trained.get(path, at) != at}
    assert not again, "what was trained and measured is not made again"
    assert not list(results.rglob("*.part"))

    ended(begun(undisturbed))
    for cell in cells:
        here, there = cell.folder(results), cell.folder(undisturbed)
        names = (
            ("answers_en.parquet",)
            if cell == base
            else ("answers_en.parquet", "held_out.parquet", "curves.csv", "recipe.yaml")
        )
        for name in names:
            assert (here / name).read_bytes() == (there / name).read_bytes()
        if cell != base:
            end = [json.loads((folder / "run.json").read_text())["end"] for folder in (here, there)]
            assert end[0] == end[1]

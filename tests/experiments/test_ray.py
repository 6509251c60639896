"""A grid on a local Ray cluster of two nodes, one of which dies in mid-run."""

import threading
import time

import pytest

pytest.importorskip("ray", reason="needs pluralign[ray]")

from pluralign.experiments import engines
from pluralign.experiments.answers import Judging
from pluralign.experiments.cells import Cell
from pluralign.experiments.engines import run_grid
from pluralign.experiments.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CHANGES = {
    "steps": 4, "batch": 2, "micro_batch": 2, "dtype": "float32", "probe_prompts": 0, "lora.r": 2, "max_length": 2048,
    "learning_rate": 0.01,
}  # fmt: skip


def test_a_node_that_dies_in_mid_run_costs_no_cell(tiny_folder, few, own_cache, tmp_path, monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    few.save(tmp_path / "ratings")
    settings = Settings(
        changes=CHANGES, judging=Judging("zero-shot", jury=()), generation_batch=4, held_out_a_template=1, limit=3,
        ratings=str(tmp_path / "ratings"),
    )  # fmt: skip
    conditions = ("individual", "mean", "majority", "first")
    cells = [Cell(str(tiny_folder), f"exp3-{name}-toxicity", seed=seed) for seed in (0, 1) for name in conditions[:2]]
    results, told, attempts = tmp_path / "results", [], tmp_path / "attempts"
    attempt = engines._attempt_quietly

    def noted(cell, *rest):
        with attempts.open("a") as lines:  # on the worker: the cell, and the node
            lines.write(f"{cell.name} {cell.seed} {ray.get_runtime_context().get_node_id()}\n")
        return attempt(cell, *rest)

    monkeypatch.setattr(engines, "_attempt_quietly", noted)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    try:

        def kill_once_it_works():
            while not (attempts.exists() and second.node_id in attempts.read_text()):
                time.sleep(0.2)
            time.sleep(1.0)
            cluster.remove_node(second, allow_graceful=False)

        killer = threading.Thread(target=kill_once_it_works)
        killer.start()
        outcome = run_grid(
            cells, settings, results, engine="ray", tell=lambda what, cell, text: told.append((what, cell, text))
        )
        killer.join()
        alive = [node for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert len(alive) == 1, "the second node is gone"
    tried = [line.rsplit(" ", 1) for line in attempts.read_text().splitlines()]
    (lost,) = [cell for cell, node in tried if node == second.node_id]
    assert [node for cell, node in tried if cell == lost] == [second.node_id, alive[0]["NodeID"]], (
        "begun again on the other"
    )
    assert len(tried) == len(cells) + 1
    assert outcome.failed == ()
    assert set(outcome.done) == set(cells)
    assert all(cell.is_finished(results) for cell in cells)
    assert not list(results.rglob("failed.json"))
    assert sum(what == "done" for what, *_ in told) == len(cells)
    assert any(what == "stage" and text for what, _, text in told), "what the workers are at is told here"
    assert not list(results.rglob(".stage"))

"""What is asked for later is measured of finished cells, and what is there is left as it is."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pluralign.errors import PluralignError
from pluralign.experiments import engines, grid
from pluralign.experiments.answers import Judging
from pluralign.experiments.asked import Lacking, lacking
from pluralign.experiments.cells import Cell, base_cell
from pluralign.experiments.engines import run_grid
from pluralign.experiments.measure import Place, measured

from .test_grid import CHANGES, cells, fresh, settings  # noqa: F401 - fixtures

FURTHER = Judging("zero-shot", jury=(), besides=("rater-model",))
SHIPPED = "rater-model-simulated"

pytestmark = pytest.mark.slow  # every test trains a cell


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def told(cell, results):
    return json.loads((cell.folder(results) / "cell.json").read_text())


def columns(cell, results, language="en"):
    table = pq.read_table(cell.folder(results) / f"answers_{language}.parquet")
    return {name: table.column(name).combine_chunks().buffers()[-1].to_pybytes() for name in table.column_names}


def test_a_language_that_is_asked_for_later_is_added_to_finished_cells(cells, settings, results):  # noqa: F811
    run_grid(cells[:2], settings, results)
    before = {cell: (cell.folder(results) / "answers_en.parquet").read_bytes() for cell in cells[:2]}
    former = {cell: told(cell, results) for cell in cells[:2]}
    both = replace(settings, languages=("en", "de"))
    outcome = run_grid(cells[:2], both, results)
    assert outcome.failed == ()
    assert outcome.done == tuple(cells[:2])
    for cell in cells[:2]:
        assert (cell.folder(results) / "answers_en.parquet").read_bytes() == before[cell]
        assert pq.read_table(cell.folder(results) / "answers_de.parquet").num_rows == 4
        now = told(cell, results)
        assert set(now["judges"]) == set(now["devices"]) == {"en", "de"}
        assert now["judges"]["en"] == former[cell]["judges"]["en"]
        assert now["later"][0]["languages"] == ["de"]
        assert not list(cell.folder(results).glob("generations*"))
    assert run_grid(cells[:2], both, results).kept == tuple(cells[:2])
    assert run_grid(cells[:2], settings, results).kept == tuple(cells[:2]), "asked for less, it is finished as well"


def test_a_further_judge_scores_the_answers_that_are_there_without_the_model(cells, settings, results, monkeypatch):  # noqa: F811
    run_grid(cells[:2], settings, results)
    before = {cell: columns(cell, results) for cell in cells[:2]}
    shutil.rmtree(cells[1].folder(results) / "adapter")
    monkeypatch.setattr(engines, "resident", lambda *_: pytest.fail("the model was opened"))
    asked = replace(settings, judging=FURTHER)
    outcome = run_grid(cells[:2], asked, results)
    assert outcome.failed == ()
    for cell in cells[:2]:
        now = columns(cell, results)
        assert now.items() >= before[cell].items(), "the same bytes"
        assert set(now) - set(before[cell]) == {f"judge.{SHIPPED}.{d}" for d in ("toxicity", "emotional_awareness")}
        assert set(told(cell, results)["judges"]["en"]) == {"zero-shot", SHIPPED}
    assert run_grid(cells[:2], asked, results).kept == tuple(cells[:2])


def test_added_scores_are_those_that_would_have_been_given_at_once(cells, settings, tmp_path):  # noqa: F811
    asked = replace(settings, judging=FURTHER)
    run_grid(cells[:1], asked, tmp_path / "at once")
    run_grid(cells[:1], settings, tmp_path / "later")
    run_grid(cells[:1], asked, tmp_path / "later")
    assert columns(cells[0], tmp_path / "at once") == columns(cells[0], tmp_path / "later")


def test_an_addition_that_is_stopped_goes_on(cells, settings, results, monkeypatch):  # noqa: F811
    run_grid(cells[:1], settings, results)
    asked = replace(settings, languages=("en", "de"), judging=FURTHER)
    with monkeypatch.context() as broken:
        broken.setattr(grid, "_extended", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_grid(cells[:1], asked, results)
    assert set(told(cells[0], results)["judges"]["en"]) == {"zero-shot"}
    assert run_grid(cells[:1], asked, results).failed == ()
    names = pq.read_table(cells[0].folder(results) / "answers_en.parquet").column_names
    assert len(names) == len(set(names))
    assert set(told(cells[0], results)["judges"]["de"]) == {"zero-shot", SHIPPED}


def test_a_clone_without_the_adapter_says_which_cell_and_what_to_do(make_results, settings, results):  # noqa: F811
    judge = {"judge": "zero-shot"}
    cell = Cell("org/one", "exp3-mean-toxicity")
    make_results(results, [cell], judge=judge)
    path = cell.folder(results) / "cell.json"
    path.write_text(
        json.dumps(told(cell, results) | {"judges": {"en": {"zero-shot": {"identity": judge, "failed": 0}}}})
    )
    outcome = run_grid([cell], replace(settings, languages=("en", "de")), results)
    ((failed, why),) = outcome.failed
    assert failed == cell
    assert "PA097" in why
    assert f"{cell.name}, seed 0: answers in de need its adapter" in why
    recorded = json.loads((cell.folder(results) / "failed.json").read_text())["message"]
    assert f"remove {cell.folder(results)} and run again" in recorded


@pytest.fixture
def finished(make_results, results):
    """`finished(cell)` is a finished cell's place, judged by the judge and by another fit of the rater model."""

    def made(cell, settings, beside=None):  # noqa: F811
        make_results(results, [cell], judge={"judge": "zero-shot"})
        judges = {"zero-shot": {"identity": {"judge": "zero-shot"}, "failed": 0}} | (beside or {})
        path = cell.folder(results) / "cell.json"
        path.write_text(json.dumps(told(cell, results) | {"judges": {"en": judges}}))
        return Place(cell, results, settings, lambda: pytest.fail("the model was opened"))

    return made


def test_another_fit_of_a_judge_that_scored_is_refused(finished, settings, results):  # noqa: F811
    cell, asked = Cell("org/one", "exp3-mean-toxicity"), replace(settings, judging=FURTHER)
    place = finished(cell, asked, {SHIPPED: {"identity": {"judge": SHIPPED, "weights": "others"}, "failed": 0}})
    lacks = lacking(cell, asked, results)
    assert lacks.judges == (("en", "rater-model"),), "it is not taken for the one that is asked"
    with pytest.raises(PluralignError, match="PA097.*as another version or fit"):
        measured(place, lacks, print)


def test_a_judge_that_rewarded_a_cell_is_not_added_to_it(finished, settings):  # noqa: F811
    cell = Cell("org/one", "exp4-both-reward", method="grpo")
    judging = Judging("zero-shot", jury=(), besides=("offline",))  # whose toxicity is the zero-shot judge's
    asked = replace(settings, changes={"grpo.reward": "zero-shot"}, judging=judging)
    with pytest.raises(PluralignError, match="PA095.*the judge that evaluates"):
        measured(finished(cell, asked), Lacking(False, (), (("en", "offline"),)), print)


def test_grpo_is_held_against_every_judge(settings, results, monkeypatch):  # noqa: F811
    from pluralign.training import grpo

    given = {}

    def train_grpo(*_, **options):
        given.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(grpo, "train_grpo", train_grpo)
    monkeypatch.setattr(engines, "resident", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        run_grid([Cell("m", "exp4-both-reward", method="grpo")], replace(settings, judging=FURTHER), results)
    assert given["evaluating"] == "zero-shot,rater-model"


def test_a_frontier_is_measured_and_where_it_cannot_be_that_is_said(cells, settings, results):  # noqa: F811
    first, second, third = (
        cells[1],
        Cell(cells[1].model, "exp3-mean-toxicity"),
        Cell(cells[1].model, "exp3-first-toxicity"),
    )
    run_grid([first], settings, results)
    asked, said = replace(settings, frontier=True), []
    outcome = run_grid([base_cell(first.model), first, second], asked, results, tell=lambda *what: said.append(what))
    assert outcome.failed == ()
    table = pq.read_table(second.folder(results) / "frontier.parquet")
    assert set(table.column("share").to_pylist()) <= {0.25, 0.5, 0.75}
    assert table.num_rows >= 2
    assert outcome.no_frontier == ((first, "it was trained without keeping adapters on the way"),)
    assert ("no frontier", first, "it was trained without keeping adapters on the way") in said
    # Kept adapters, and the frontier asked for later.
    kept = replace(settings, changes={**CHANGES, "checkpoints": [0.5]})
    run_grid([third], kept, results.with_name("kept"))
    assert not (third.folder(results.with_name("kept")) / "frontier.parquet").exists()
    outcome = run_grid([third], replace(kept, frontier=True), results.with_name("kept"))
    assert (outcome.done, outcome.no_frontier) == ((third,), ())
    assert pq.read_table(third.folder(results.with_name("kept")) / "frontier.parquet").num_rows == 1


def test_a_cell_that_is_trained_again_keeps_nothing_of_its_former_adapter(cells, settings, results, monkeypatch):  # noqa: F811
    cell = cells[1]
    run_grid([cell], settings, results)
    folder = cell.folder(results)
    shutil.rmtree(folder / "adapter")
    (folder / "cell.json").unlink()
    stale = ["generations_en.jsonl", "answers_de.parquet", "frontier.parquet"]
    for name in stale:
        (folder / name).write_text('{"prompt_id": "of the former adapter"}\n')
    (folder / "adapter-at-0.5").mkdir()
    seen = []
    usual = grid.train

    def train(*args, **options):
        seen.extend(sorted(path.name for path in folder.iterdir()))
        return usual(*args, **options)

    monkeypatch.setattr(grid, "train", train)
    assert run_grid([cell], settings, results).failed == ()
    assert not set(seen) & {*stale, "held_out.parquet", "answers_en.parquet", "adapter-at-0.5", "run.json"}
    assert pq.read_table(folder / "answers_en.parquet").num_rows == 4


def test_a_run_that_is_resumed_keeps_the_adapters_of_its_way(results):
    folder = Path(results)
    for name in ("adapter-at-0.25", "checkpoints"):
        (folder / name).mkdir(parents=True)
    (folder / "held_out.parquet").write_text("stale")
    grid.forget(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["adapter-at-0.25", "checkpoints"]


def test_what_is_generated_shows_no_bar_of_its_own_and_is_judged_by_nobody_there(cells, settings, results, capfd):  # noqa: F811
    run_grid(cells[:1], settings, results)
    said = capfd.readouterr().err
    assert "Running generate_until" not in said
    assert "judging pluralign" not in said
    assert "4/4" not in said, "the bar over a task's prompts"


def test_measure_opens_no_model_where_all_is_there(finished, settings):  # noqa: F811
    place = finished(Cell("org/one", "exp3-mean-toxicity"), settings)
    assert not lacking(place.cell, settings, place.results)
    assert measured(place, Lacking(False), print) == {}

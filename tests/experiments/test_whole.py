"""Stages' files that were cut off are made again; a folder of another model and settings that cannot be read are refused."""

import json
from pathlib import Path

import pytest

from pluralign.errors import PluralignError
from pluralign.experiments.asked import lacking
from pluralign.experiments.cells import Cell
from pluralign.experiments.engines import check_grid, run_grid
from pluralign.experiments.settings import Settings, read_grid
from pluralign.experiments.whole import is_whole


def cut(path):
    """Leave two thirds of a file."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def test_what_is_whole(make_results, tmp_path):
    cell = Cell("org/one", "exp3-mean-toxicity")
    place = cell.folder(make_results(tmp_path / "results", [cell])) / "held_out.parquet"
    assert is_whole(place)
    cut(place)
    assert not is_whole(place)
    place.write_bytes(b"")
    assert not is_whole(place)
    assert not is_whole(tmp_path / "none.parquet")
    lines = tmp_path / "generations_en.jsonl"
    for text, whole in (('{"a": 1}\n{"a": 2}\n', True), ('{"a": 1}\n{"a', False), ("", False), ("3\n", False)):
        lines.write_text(text)
        assert is_whole(lines) is whole


def test_a_finished_cell_is_kept_for_its_own_model_only(make_results, tmp_path):
    results = make_results(tmp_path / "results", [Cell("org/one", "base")])
    (results / "grid.json").write_text(json.dumps(Settings().to_json()))
    other = Cell("elsewhere/one", "base")
    outcome = run_grid([other], Settings(), results)
    assert [cell for cell, _ in outcome.failed] == [other]
    assert "PA097" in outcome.failed[0][1]
    assert "'org/one'" in outcome.failed[0][1]
    assert json.loads((other.folder(results) / "cell.json").read_text())["cell"]["model"] == "org/one"


@pytest.mark.parametrize("answers_only", [False, True])
def test_what_a_cell_tells_is_read_once(make_results, tmp_path, monkeypatch, answers_only):
    cell, read = Cell("org/one", "base"), []
    results, usual = make_results(tmp_path / "results", [cell]), Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, *args, **options: read.append(path.name) or usual(path, *args, **options)
    )
    assert not lacking(cell, Settings(answers_only=answers_only), results)
    assert read.count("cell.json") == 1


def test_two_models_of_one_short_name_are_refused(tmp_path):
    cells = [Cell("org/one", "base"), Cell("elsewhere/one", "base")]
    with pytest.raises(PluralignError, match="PA097.*would share the folder 'one'"):
        run_grid(cells, Settings(), tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("text", ["", '{"judging": {"jud', "[]", "{}", '{"judging": [], "languages": ["en"]}'])
def test_settings_that_cannot_be_read_are_named(tmp_path, text):
    (tmp_path / "grid.json").write_text(text)
    with pytest.raises(PluralignError, match=r"PA099.*grid\.json"):
        read_grid(tmp_path)
    with pytest.raises(PluralignError, match=r"PA099.*grid\.json"):
        run_grid([], Settings(), tmp_path)
    assert (tmp_path / "grid.json").read_text() == text


@pytest.mark.parametrize(
    "key", ["seed", "method", "ties", "protocol", "condition", "combine", "grpo.aggregation", "grpo:seed"]
)
def test_a_change_that_a_cell_would_override_is_refused(key):
    with pytest.raises(PluralignError, match="PA095.*every cell of the grid says its own"):
        check_grid([], Settings(changes={key: "x"}))


def test_a_change_for_a_method_that_does_not_exist_is_refused():
    with pytest.raises(PluralignError, match="PA095.*got method 'grop'.*Did you mean 'grpo'"):
        check_grid([], Settings(changes={"grop:steps": 3}))

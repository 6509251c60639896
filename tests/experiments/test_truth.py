"""The truth that models of a release and of its null are both measured by."""

from dataclasses import replace

import pyarrow as pa
import pytest

import pluralign
from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.experiments import truth
from pluralign.experiments.cells import Cell
from pluralign.experiments.results import read_results
from pluralign.experiments.truth import check_null
from pluralign.simulate import null_of


@pytest.fixture(scope="module")
def shipped():
    return pluralign.load()


def test_the_null_has_the_items_and_effects_of_the_release_and_other_ratings(shipped):
    null = null_of(shipped)
    assert null.items == shipped.items
    assert null.truth == shipped.truth
    assert null.ratings != shipped.ratings
    check_null(shipped, null.provenance.checksum)
    check_null(shipped, "")


def test_another_null_than_that_of_the_release_is_an_error(shipped):
    with pytest.raises(PluralignError, match=r"PA099 .*: the null control's models were trained on ratings 000000000000; expected [0-9a-f]{12}"):  # fmt: skip
        check_null(shipped, "0" * 64)


@pytest.mark.parametrize("table", ["items", "truth"])
def test_a_null_with_other_items_or_effects_is_an_error(shipped, monkeypatch, table):
    null = null_of(shipped)
    own = getattr(null, table)
    other = own.take(pa.array([*range(1, own.num_rows), 0]))
    monkeypatch.setattr(truth, "null_of", lambda _: replace(null, **{table: other}))
    with pytest.raises(PluralignError, match="PA099 .*: set test: the null of .* has other items, or other effects"):
        check_null(shipped, null.provenance.checksum)


def test_ratings_by_people_have_no_null(shipped):
    details = {key: value for key, value in shipped.provenance.details.items() if key != "parameters"}
    people = replace(shipped, provenance=replace(shipped.provenance, details=details))
    with pytest.raises(PluralignError, match="PA097 .* it has no κ to set to 0"):
        null_of(people)


def test_null_cells_with_other_held_out_answers_are_a_problem(make_results, tmp_path):
    import pyarrow.parquet as pq

    cells = [Cell("org/one", "exp1-female-toxicity"), Cell("org/one", "exp1-female-toxicity", control="null")]
    folder = make_results(tmp_path / "r", cells)
    read_results(folder)
    path = cells[1].folder(folder) / "held_out.parquet"
    pq.write_table(pq.read_table(path).slice(2), path)
    with pytest.raises(ProblemsFoundError, match="held-out items"):
        read_results(folder)

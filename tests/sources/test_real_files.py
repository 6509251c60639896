"""The importers on the real files, where this machine has them: known facts, and no row lost."""

from collections import Counter

import pytest

from pluralign.ratings import Ratings
from pluralign.sources import SOURCES, import_source

FILES = {
    "large": ("ann_with_attitudes", "ann_with_attitudes/largeScale.csv"),
    "small": ("ann_with_attitudes", "ann_with_attitudes/smallScale.csv"),
    "crehate": ("crehate", "crehate"),
    "popquorn": ("popquorn", "popquorn"),
}


@pytest.fixture(scope="module")
def imported(shared):
    return {name: import_source(source, shared / "data" / path) for name, (source, path) in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_what_is_kept_passes_every_check_and_round_trips(imported, name, tmp_path):
    ratings = imported[name]
    assert ratings.check() == []
    ratings.save(tmp_path)
    assert Ratings.open(tmp_path).check() == []
    assert ratings.provenance.kind == "imported"


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_kept_or_set_aside_on_every_dimension(imported, name):
    ratings = imported[name]
    aside = Counter(row["table"] for row in ratings.rejected.to_pylist())["ratings"]
    rows = ratings.provenance.details["rows_read"]
    assert ratings.ratings.num_rows + aside == rows * len(ratings.provenance.dimensions)


def test_the_large_study_has_its_known_size_repeats_and_inconsistent_raters(imported):
    ratings = imported["large"]
    assert ratings.provenance.details["rows_read"] == 3463
    assert ratings.raters.num_rows == 184
    assert ratings.items.num_rows == 626, "627 post ids, two with one text"
    codes = Counter(row["code"] for row in ratings.rejected.to_pylist())
    assert codes["PA008"] == 8 * 4
    politics = [row for row in ratings.rejected.to_pylist() if row["code"] == "PA011" and "politics" in row["reason"]]
    assert len(politics) == 3, "five raters differ on the scale, three across our cuts"


def test_the_small_study_is_fully_crossed(imported):
    ratings = imported["small"]
    assert (ratings.raters.num_rows, ratings.items.num_rows) == (641, 12)
    assert ratings.ratings.num_rows == 641 * 12 * 4
    assert ratings.rejected.num_rows == 0


def test_crehate_offers_binary_only_and_sets_dont_knows_aside(imported):
    ratings = imported["crehate"]
    assert ratings.provenance.details["rows_read"] == 42546
    assert ratings.raters.num_rows == 1064
    assert ratings.items.num_rows == 1580
    codes = Counter(row["code"] for row in ratings.rejected.to_pylist())
    assert codes["PA033"] == 3060
    assert codes["PA008"] <= 19
    assert ratings.provenance.dimensions[0].scales == ("binary",)


def test_popquorn_has_its_known_size(imported):
    ratings = imported["popquorn"]
    assert (ratings.ratings.num_rows, ratings.raters.num_rows, ratings.items.num_rows) == (13036, 262, 1500)


@pytest.mark.parametrize("name", FILES)
def test_the_file_of_one_source_is_not_taken_for_another(shared, name):
    from pluralign.errors import PluralignError

    source, path = FILES[name]
    for other in SOURCES:
        if other != source:
            with pytest.raises(PluralignError, match=r"PA031.*How to get the files"):
                import_source(other, shared / "data" / path)


def test_views_of_a_real_set_have_the_group_s_ratings(imported):
    view = imported["large"].view(group="black", scale="3pt", aggregation="majority", dimension="toany")
    assert view.num_rows > 100
    assert set(view.column("value").to_pylist()) <= {1, 2, 3}

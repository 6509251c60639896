"""What holds of every source: its declaration, its errors, its page."""

import pycountry
import pytest

from pluralign.errors import PluralignError
from pluralign.ratings.checks import REJECTED_SCHEMA
from pluralign.schema import COUNTRIES
from pluralign.sources import SOURCES, import_source, sources_page, sources_table
from pluralign.sources.base import UNTESTED
from pluralign.sources.countries import ALPHA_3
from pluralign.sources.reading import band_of_age

REAL = {
    "crehate": ("crehate",), "ann_with_attitudes": ("ann_with_attitudes", "largeScale.csv"), "popquorn": ("popquorn", "offensiveness.csv"),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_or_file_that_is_something_else_says_what_is_expected_and_how_to_get_it(source, tmp_path):
    with pytest.raises(PluralignError, match=r"PA031.*does not exist.*How to get"):
        import_source(source, tmp_path / "nowhere")
    with pytest.raises(PluralignError, match=r"PA031.*Expected .*\(.*How to get"):
        import_source(source, tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PluralignError, match=r"PA031.*Expected .*\(.*How to get"):
        import_source(source, tmp_path / "other.csv")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "content", [b"", b"PAR1\xff\xfe\x00\x01", b'"' + b"x" * 200_000], ids=["empty", "binary", "unclosed"]
)
def test_a_file_that_is_not_text_in_rows_is_an_error_of_ours_and_no_traceback(source, content, tmp_path):
    for name in SOURCES[source].files:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PluralignError, match="PA031"):
            import_source(source, tmp_path / name)


@pytest.mark.parametrize("source", [name for name in SOURCES if not SOURCES[name].together])
def test_bytes_that_are_not_utf8_past_the_header_are_an_error_of_ours(source, tmp_path):
    columns = next(iter(SOURCES[source].files.values()))
    (tmp_path / "late.csv").write_bytes(",".join(columns).encode() + b"\n" + b"x," * 100_000 + b"\xff\xff\n")
    with pytest.raises(PluralignError, match=r"PA031.*not CSV"):
        import_source(source, tmp_path / "late.csv")


@pytest.mark.parametrize("source", [name for name in SOURCES if not SOURCES[name].together])
def test_a_header_without_rows_has_no_rating(source, tmp_path):
    columns = next(iter(SOURCES[source].files.values()))
    (tmp_path / "bare.csv").write_text(",".join(columns) + "\n")
    with pytest.raises(PluralignError, match=r"PA031.*no rating in bare.csv"):
        import_source(source, tmp_path / "bare.csv")


def test_a_row_that_breaks_off_lacks_its_last_answers_and_no_more(write_csv, codes, sound):
    row = dict.fromkeys(SOURCES["aligniverse"].files["aligniverse.csv"], "1") | {
        "country": "US", "pronouns": "", "age": "", "ethnicity": "", "language": "en", "politics_points": "5",
    }  # fmt: skip
    path = write_csv("x.csv", [row, {**row, "participant_id": "2"}])
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].rsplit(",", 6)[0]]) + "\n", encoding="utf-8")
    ratings = import_source("aligniverse", path)
    assert codes(ratings) == {"PA033": 5}
    assert ratings.ratings.num_rows == 5
    sound(ratings)


@pytest.mark.parametrize("name", REAL)
def test_the_real_file_of_one_source_is_not_taken_for_another(real, name):
    for other in SOURCES:
        if other != name:
            with pytest.raises(PluralignError, match=r"PA031.*How to get the files"):
                import_source(other, real(*REAL[name]))


def test_an_unknown_source_gets_a_suggestion(tmp_path):
    with pytest.raises(PluralignError, match=r"PA030.*Did you mean 'popquorn'"):
        import_source("popcorn", tmp_path)


def test_the_version_is_the_files_own_checksum(write_csv):
    path = write_csv(
        "x.csv",
        [dict.fromkeys(next(iter(SOURCES["popquorn"].files.values())), "") | {"offensiveness": "1", "text": "t"}],
    )
    provenance = import_source("popquorn", path).provenance
    assert provenance.details["files"]["x.csv"].startswith(provenance.version)
    assert provenance.choices == (*SOURCES["popquorn"].maps, *SOURCES["popquorn"].drops)
    assert len(provenance.version) == 12


def test_what_is_set_aside_says_where_in_which_file_it_was(write_csv):
    row = dict.fromkeys(next(iter(SOURCES["popquorn"].files.values())), "1") | {"gender": "", "race": "", "age": ""}
    path = write_csv("x.csv", [row, {**row, "user_id": "2", "offensiveness": "?"}])
    rejected = import_source("popquorn", path).rejected
    assert rejected.schema.equals(REJECTED_SCHEMA)
    (aside,) = rejected.to_pylist()
    assert (aside["table"], aside["row"], aside["code"]) == ("ratings", 1, "PA033")
    assert "x.csv, row 1, offensiveness): got '?', expected a whole number, 1–5" in aside["reason"]
    assert '"user_id": "2"' in aside["content"]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_declares_what_it_maps_drops_and_where_it_comes_from(source):
    assert source.maps
    assert source.drops
    assert source.licence
    assert source.citation
    assert "https://" in source.how_to_get or source.name == "aligniverse"
    assert all(dimension.scales for dimension in source.dimensions)
    assert all(columns for columns in source.files.values())
    assert (UNTESTED in source.description) is not source.tested_on_real_files


def test_only_what_was_run_on_real_ratings_says_so():
    assert {name for name, source in SOURCES.items() if source.tested_on_real_files} == set(REAL)


def test_the_page_of_sources_has_not_drifted(root):
    assert (root / "docs/sources.md").read_text("utf-8") == sources_page(), "run: make docs"
    assert sources_table() in sources_page()


def test_country_codes_are_those_of_a_maintained_list():
    assert {c.alpha_3.lower(): c.alpha_2.lower() for c in pycountry.countries} == ALPHA_3
    assert set(COUNTRIES) == {c.alpha_2.lower() for c in pycountry.countries}


@pytest.mark.parametrize(
    ("age", "band"),
    [("17", "undisclosed"), ("17.5", "undisclosed"), ("18", "18-30"), ("30", "18-30"), ("30.5", "18-30"), ("31", "31-40"), ("60", "51-60"),
     ("61", "over-60"), ("", "undisclosed"), (None, "undisclosed"), ("na", "undisclosed"), ("old", "old"), ("-3", "-3"), ("999", "999"), ("inf", "inf")],
)  # fmt: skip
def test_ages_fall_into_the_studys_bands_and_what_is_no_age_stays_as_it_is(age, band):
    assert band_of_age(age) == band

"""The codebook and the data sheet: complete, and not drifted from schema and tables."""

import re

import pytest

from pluralign import schema
from pluralign.errors import PluralignError
from pluralign.release.codebook import codebook
from pluralign.release.datasheet import QUESTIONS, render_datasheet


@pytest.fixture
def released(root):
    if not (root / "datasets/ratings/provenance.json").is_file():
        pytest.skip("datasets/ratings is not made yet: make release")
    from pluralign.ratings import load

    return load(root / "datasets/ratings")


def test_the_codebook_on_disk_is_that_of_the_schema(root):
    assert (root / "docs/codebook.md").read_text("utf-8") == codebook(), (
        "python -m pluralign.release.codebook > docs/codebook.md"
    )


def test_the_data_sheet_on_disk_is_that_of_the_release(root, released):
    assert (root / "DATASHEET.md").read_text("utf-8") == render_datasheet(released), (
        "python -m pluralign.release.datasheet > DATASHEET.md"
    )


def test_the_codebook_names_every_field_and_every_value():
    text = codebook()
    fields = [f for table in schema.TABLES.values() for f in table] + [*schema.VIEW_FIELDS, *schema.INDIVIDUAL_FIELDS]
    names = {f.name for f in fields} | set(schema.DIMENSIONS) | set(schema.SCALES) | set(schema.AGGREGATIONS)
    names |= {value for a in schema.ATTRIBUTES.values() if a.name != "country" for value in a.values}
    names |= {
        *schema.LANGUAGES,
        *schema.MANNERS,
        *schema.POLES,
        *schema.SPLITS,
        *schema.STUDY_GROUPS[1:],
        schema.MULTIPLE,
    }
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def sections(text):
    found = {}
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        questions = re.split(r"^### ", body, flags=re.M)[1:]
        found[title] = {q.partition("\n")[0]: q.partition("\n")[2].strip() for q in questions}
    return found


def test_every_question_of_the_source_is_asked_and_answered(small):
    found = sections(render_datasheet(small))
    assert {title: sum(1 for _ in answers) for title, answers in found.items()} == QUESTIONS
    assert sum(QUESTIONS.values()) == 57
    assert all(answer for answers in found.values() for answer in answers.values())


def test_its_numbers_are_counted_from_the_tables(small):
    found = sections(render_datasheet(small))["Composition"]
    counts = found["How many are there of each?"]
    assert f"| raters | {small.raters.num_rows:,} |" in counts
    assert f"| ratings | {small.ratings.num_rows:,} " in counts
    female = sum(value == "female" for value in small.raters["gender"].to_pylist())
    assert f"female {female}" in found["Does it identify subpopulations?"]
    undisclosed = sum(value == "undisclosed" for value in small.raters["politics"].to_pylist())
    assert (
        f"`politics` is `undisclosed` for {undisclosed} raters" in found["Is anything missing from single instances?"]
    )
    several = sum(len(value) > 1 for value in small.raters["ethnicity"].to_pylist())
    assert f"({several} chose several)" in found["Does it identify subpopulations?"]


def test_it_says_that_no_person_was_asked(small):
    text = render_datasheet(small)
    assert "no person was asked" in text[:1500]
    assert small.provenance.label in text[:800]


def test_ratings_of_real_people_get_no_data_sheet_from_us(imported):
    with pytest.raises(PluralignError, match="PA053"):
        render_datasheet(imported)

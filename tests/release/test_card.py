"""The dataset card."""

import re

import pytest
import yaml

from pluralign.errors import PluralignError
from pluralign.release.card import card, header_of, options_of, statistics_of
from pluralign.release.configs import plan
from pluralign.schema import DIMENSIONS, INDIVIDUAL_FIELDS, VIEW_FIELDS

from .conftest import MINIMUM_CELL, STATISTICS


@pytest.fixture(scope="module")
def simulated(small):
    return card(small, STATISTICS, minimum_cell=MINIMUM_CELL)


@pytest.fixture(scope="module")
def of_import(imported):
    return card(imported)


def test_the_header_lists_every_config_with_its_files_and_the_default_first(simulated, small):
    configs = header_of(simulated)["configs"]
    assert [c["config_name"] for c in configs] == list(plan(small, MINIMUM_CELL).names)
    assert [c["config_name"] for c in configs if c.get("default")] == ["everyone-5pt-individual"]
    assert configs[0]["data_files"] == [
        {"split": "train", "path": "configs/everyone-5pt-individual/train.parquet"},
        {"split": "test", "path": "configs/everyone-5pt-individual/test.parquet"},
    ]


def test_the_hub_s_own_reader_understands_the_header(simulated):
    from huggingface_hub import DatasetCard

    data = DatasetCard(simulated).data
    assert (data.license, data.language, data.size_categories) == ("cc-by-4.0", ["en", "de"], ["1K<n<10K"])
    assert data.task_categories == ["text-classification"]


def test_a_simulated_set_says_so_before_anything_else(simulated, small):
    body = simulated.split("---\n", 2)[2]
    assert body.index(small.provenance.label) < body.index("## Quick start")
    assert "no person gave them" in body
    assert "simulated" in header_of(simulated)["tags"]


def test_an_imported_set_names_its_source_and_licence_and_is_not_called_simulated(of_import):
    header = header_of(of_import)
    assert (header["license"], header["language"]) == ("cc-by-nc-4.0", ["en"])
    assert "IMPORTED: toy 2" in of_import
    assert "Nobody, 2026" in of_import
    assert "imulat" not in of_import
    assert "| `hate` | the text is hateful | lower ↓ | 0–1 | binary | `toxicity` |" in of_import


def test_a_licence_that_the_hub_does_not_know_is_named(imported):
    from dataclasses import replace

    text = card(replace(imported, provenance=replace(imported.provenance, licence="DICES terms")))
    assert (header_of(text)["license"], header_of(text)["license_name"]) == ("other", "DICES terms")


def test_every_column_and_dimension_is_explained(simulated):
    for field in (*VIEW_FIELDS, *INDIVIDUAL_FIELDS):
        assert re.search(rf"\| `{field.name}` \| {re.escape(field.type)} \| .+ \|", simulated), field.name
    assert all(f"`{dimension}`" in simulated for dimension in DIMENSIONS)


def test_groups_have_counts_and_unpublished_ones_are_named(simulated, small):
    wanted = plan(small, MINIMUM_CELL)
    assert all(f"| `{group}` |" in simulated for group in wanted.published)
    unpublished = re.search(r"\*\*Not published\*\*, because fewer than 25 raters: (.*)\. Their", simulated)[1]
    assert unpublished == ", ".join(f"`{group}` ({n})" for group, n in wanted.unpublished.items())


def test_the_tie_rule_and_the_source_s_choices_are_among_our_choices(simulated, small):
    assert "the lower if `int(sha256(item_id).hexdigest(), 16)` is even, else the higher" in simulated
    assert all(choice in simulated for choice in small.provenance.choices)


def test_every_parameter_is_listed_as_published_or_assumed(simulated, small):
    for name, entry in small.provenance.details["parameters"].items():
        assert re.search(rf"\| `{re.escape(name)}` \| .* \| {entry['source']} \|", simulated), name


def test_statistics_are_what_the_builder_supplied(simulated, small):
    assert statistics_of(simulated) == STATISTICS
    without = card(small)
    assert statistics_of(without) is None
    assert "## Statistics" not in without


def test_a_card_tells_what_it_was_built_with(simulated, of_import):
    assert options_of(simulated) == {"minimum_cell": MINIMUM_CELL, "rejected": {}}
    assert options_of(of_import)["rejected"] == {"PA005": 1}
    assert "1 × PA005" in of_import


def test_counts_of_rows_set_aside_survive_the_way_through_the_card(imported):
    counts = {"PA033": 3060, "PA008": 18}
    text = card(imported, rejected=counts)
    assert options_of(text)["rejected"] == counts
    assert card(imported, rejected=options_of(text)["rejected"]) == text


def test_empty_splits_are_named_and_not_offered(small):
    text = card(small, empty=["female-5pt-consensus/test", "male-5pt-mean/train", "male-5pt-mean/test"])
    listed = {c["config_name"]: [f["split"] for f in c["data_files"]] for c in header_of(text)["configs"]}
    assert listed["female-5pt-consensus"] == ["train"]
    assert "male-5pt-mean" not in listed
    assert "`female-5pt-consensus/test`." in text
    assert "**Empty altogether**" in text


@pytest.mark.parametrize("text", ["", "# no header", "---\n- a list\n---\n"])
def test_a_card_without_header_is_an_error_with_a_code(text):
    with pytest.raises(PluralignError, match="PA050"):
        header_of(text)
    with pytest.raises(PluralignError, match="PA050"):
        options_of(text)


def test_tables_are_not_broken_by_what_they_hold(simulated, of_import):
    for text in (simulated, of_import):
        widths = []
        for line in [*text.split("---\n", 2)[2].splitlines(), ""]:
            if line.startswith("|"):
                widths.append(len(re.findall(r"(?<!\\)\|", line)))
            else:
                assert len(set(widths)) <= 1, line
                widths = []
    assert yaml.safe_load(simulated.split("---\n", 2)[1])

"""Which configs a release has, and in which order."""

import pytest

from pluralign.errors import PluralignError
from pluralign.release.configs import FULL, loadable, plan
from pluralign.schema import AGGREGATIONS, MINIMUM_CELL, SCALES, STUDY_GROUPS


def test_the_default_comes_first_and_the_tables_next(small):
    assert plan(small).names[:5] == ("everyone-5pt-individual", "raters", "items", "ratings", "truth")


def test_there_is_a_config_for_every_published_group_scale_and_aggregation(small):
    wanted = plan(small)
    expected = {f"{g}-{s}-{a}" for g in wanted.published for s in SCALES for a in AGGREGATIONS}
    assert {view.name for view in wanted.views} == expected
    assert len(wanted.names) == len(set(wanted.names)) == len(expected) + 4


def test_small_groups_are_counted_but_not_published(small):
    wanted = plan(small, minimum_cell=25)
    assert wanted.published | wanted.unpublished == small.groups
    assert min(wanted.published.values()) >= 25 > max(wanted.unpublished.values())


def test_undisclosed_is_never_a_group(imported):
    assert "undisclosed" not in {**plan(imported).published, **plan(imported).unpublished}


def test_who_has_several_ethnicities_is_in_each_group(imported):
    assert plan(imported).published == {
        "everyone": 30, "female": 14, "male": 12, "white": 11, "black": 11, "us": 30, "18-30": 30,
    }  # fmt: skip
    assert plan(imported).unpublished == {"nonbinary": 4}


def test_everyone_and_the_study_s_groups_come_first(shipped):
    wanted = plan(shipped)
    assert tuple(wanted.published)[: len(STUDY_GROUPS)] == STUDY_GROUPS
    first = {view.group for view in wanted.views[:96]}
    assert first == set(STUDY_GROUPS), "the Hub shows only the first hundred configs"


def test_a_scale_that_no_dimension_offers_has_no_config(imported):
    from dataclasses import replace

    coarse = replace(imported.provenance, dimensions=imported.provenance.dimensions[:1])
    assert plan(replace(imported, provenance=coarse)).scales == ("binary",)
    assert plan(imported).scales == tuple(SCALES)


def test_too_few_raters_in_all_publish_nothing(imported):
    with pytest.raises(PluralignError, match="PA027"):
        plan(imported, minimum_cell=31)
    assert plan(imported, minimum_cell=30).published == {"everyone": 30, "us": 30, "18-30": 30}


def test_empty_splits_are_not_offered_and_empty_configs_neither(small):
    wanted = plan(small)
    one, other = wanted.views[1].name, wanted.views[2].name
    listed = loadable(wanted, [f"{one}/test", f"{other}/train", f"{other}/test"])
    assert list(listed[one]) == ["train"]
    assert other not in listed
    assert len(listed) == len(wanted.names) - 1
    assert list(listed["items"]) == [FULL]


def test_minimum_cell_is_the_schema_s_unless_set(small):
    assert plan(small).minimum_cell == MINIMUM_CELL

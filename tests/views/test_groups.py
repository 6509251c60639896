"""Who is in a group, what a group is called, and which words are refused."""

import pytest

from pluralign.errors import PluralignError
from pluralign.views import group_name, members, variants

PEOPLE = {
    "a": {"gender": "female", "politics": "liberal", "ethnicity": ["black", "white"]},
    "b": {"gender": "male", "politics": "liberal", "ethnicity": ["black"]},
    "c": {"gender": "undisclosed", "politics": "conservative", "ethnicity": ["undisclosed"]},
    "d": {"gender": "female", "politics": "moderate", "ethnicity": ["asian", "black", "white"]},
}


@pytest.fixture(scope="module")
def four(make):
    return make([(name, "p1-0", "toxicity", 3, k) for k, name in enumerate(PEOPLE, 1)], PEOPLE)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("female", "ad"), ("liberal", "ab"), ("black", "abd"), ("white", "ad"), ("asian", "d"), ("18-30", "abcd"),
        ({"gender": "female", "politics": "liberal"}, "a"),
        ({"politics": ["liberal", "conservative"]}, "abc"),
        ({"ethnicity": ["white", "asian"], "gender": ["female", "male"]}, "ad"),
    ],
)  # fmt: skip
def test_members(four, group, expected):
    assert members(four.raters, group).to_pylist() == list(expected)
    assert four.view(group).column("rater_id").to_pylist() == list(expected)


def test_everyone_needs_no_filter(four):
    assert members(four.raters, "everyone") is None
    assert four.view().num_rows == 4


def test_who_chose_several_ethnicities_counts_in_each(four):
    everyone = sum(four.groups[value] for value in ("white", "black", "asian"))
    assert everyone == sum(len(members(four.raters, value)) for value in ("white", "black", "asian")) == 6


@pytest.mark.parametrize(
    ("group", "says"),
    [
        ("femal", "Did you mean 'female'?"), ("FEMALE", "Did you mean 'female'?"), ("martian", "'everyone', 'us'"),
        ("undisclosed", "never a group"), ({"gender": "undisclosed"}, "never a group"), ({}, "without attributes"),
        ({"gendre": "female"}, "Did you mean 'gender'?"), ({"gender": "feminine"}, "expected one of 'female', 'male'"),
        ({"gender": []}, "no value of 'gender'"), ("nonbinary", "no rater of this set"),
        ({"gender": "male", "politics": "moderate"}, "no rater of this set"),
    ],
)  # fmt: skip
def test_a_wrong_group_is_refused_with_a_way_out(four, group, says):
    with pytest.raises(PluralignError) as caught:
        four.view(group)
    assert caught.value.code == "PA020"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"scale": "3pts"}, "PA021", "'3pt'"), ({"aggregation": "majorty"}, "PA023", "'majority'"),
        ({"dimension": "toxcity"}, "PA024", "'toxicity'"), ({"engine": "polar"}, "PA025", "'polars'"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused_with_a_way_out(four, options, code, says):
    with pytest.raises(PluralignError) as caught:
        four.view(**options)
    assert caught.value.code == code
    assert f"Did you mean {says}?" in str(caught.value)


def test_a_scale_that_a_source_cannot_give_is_refused(varied):
    with pytest.raises(PluralignError, match=r"PA022.*'biased'.*offers 'binary'.*'toxicity', 'helpful_100'"):
        varied.view(scale="3pt")
    with pytest.raises(PluralignError, match=r"PA022.*Ask for another scale"):
        varied.view(scale="5pt", dimension="biased")
    assert varied.view(scale="5pt", dimension=["toxicity", "helpful_100"]).num_rows > 0
    assert {scale for scale, _ in variants(varied, "everyone")} == {"binary"}


def test_dimensions_go_by_the_sources_name_or_ours(varied):
    ours, theirs = (varied.view(dimension=name) for name in ("helpfulness", "helpful_100"))
    assert ours.equals(theirs)
    assert set(ours.column("dimension").to_pylist()) == {"helpful_100"}
    twice = varied.view(dimension=["helpful_100", "helpfulness"])
    assert twice.equals(ours)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("everyone", "everyone"), ("51-60", "51-60"), ({"gender": "female"}, "female"),
        ({"politics": ["conservative", "liberal"], "country": "us"}, "us+liberal_conservative"),
    ],
)  # fmt: skip
def test_a_group_has_one_name_however_it_was_written(group, name):
    assert group_name(group) == name


@pytest.mark.parametrize("group", [5, True, ["female", "male"], {"gender": None}, {"gender": 5}, b"female"])
def test_a_group_of_the_wrong_type_is_refused(group, five_point):
    with pytest.raises(PluralignError, match="PA020"):
        five_point.view(group=group)


@pytest.mark.parametrize(
    "options", [{"scale": ["5pt"]}, {"scale": {}}, {"aggregation": ["mean"]}, {"dimension": 5}, {"dimension": []}]
)
def test_a_name_of_the_wrong_type_is_refused(options, five_point):
    with pytest.raises(PluralignError, match=r"PA02[134]"):
        five_point.view(**options)

"""Rubrics: complete in both languages, versioned, hashed by their words, and checked."""

import pytest

from pluralign.errors import PluralignError
from pluralign.judge.rubric import load_rubric, parse_rubric
from pluralign.schema import DIMENSIONS, LANGUAGES

HASHES = {
    "toxicity": "a403180f",
    "emotional_awareness": "2720fc59",
    "sensitivity": "0565f18a",
    "helpfulness": "8b1a7ac0",
    "stereotypical_bias": "5ec7dd47",
}
"""Of version 1.0.0. A changed word needs a new version, and its hash here."""


@pytest.fixture
def toxicity(root):
    return (root / "src/pluralign/judge/rubrics/toxicity.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_has_a_rubric_in_both_languages(dimension):
    rubric = load_rubric(dimension)
    assert set(rubric.texts) == set(LANGUAGES)
    assert all(len(text.anchors) == 5 for text in rubric.texts.values())
    assert rubric.texts["en"].statement == DIMENSIONS[dimension].statement


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_words_of_a_version_do_not_change(dimension):
    rubric = load_rubric(dimension)
    assert (rubric.version, rubric.hash[:8]) == ("1.0.0", HASHES[dimension])


def test_layout_does_not_change_the_hash_and_a_word_does(toxicity):
    same = parse_rubric("# another comment\n" + toxicity, "toxicity", "x.yaml")
    other = parse_rubric(toxicity.replace("is sober", "x").replace("mocks", "ridicules"), "toxicity", "x.yaml")
    assert same.hash == load_rubric("toxicity").hash != other.hash


def test_all_faults_of_a_rubric_are_said_at_once(toxicity):
    broken = toxicity.replace("version: 1.0.0", "version: 1").replace("  title: toxicity", "  titel: toxicity")
    broken = broken.replace("    5: stimme", "    6: stimme")
    with pytest.raises(PluralignError) as caught:
        parse_rubric(broken, "toxicity", "x.yaml")
    assert caught.value.code == "PA075"
    assert all(word in str(caught.value) for word in ("version", "titel", "en.title", "de.anchors"))


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "dimension: helpfulness"])
def test_what_is_no_rubric_is_refused(text):
    with pytest.raises(PluralignError, match="PA075"):
        parse_rubric(text, "toxicity", "x.yaml")


def test_an_unknown_dimension_is_named_with_the_nearest():
    with pytest.raises(PluralignError, match="Did you mean 'toxicity'"):
        load_rubric("toxicty")

"""The three lexicons are sound, and share neither phrases, topics nor templates."""

import copy
from itertools import combinations

import pytest

from pluralign.errors import PluralignError
from pluralign.schema import LANGUAGES
from pluralign.simulate import load_parameters, simulate
from pluralign.simulate.lexicon import (
    HELD_OUT,
    LEXICONS,
    load_lexicon,
    prompt_problems,
    read_yaml,
    response_problems,
    shared_sequences,
)
from pluralign.simulate.render import fill


@pytest.mark.parametrize("name", LEXICONS)
def test_a_lexicon_has_no_problem_and_several_hundred_phrases(name):
    lexicon = load_lexicon(name)
    assert sum(1 for _ in lexicon.phrases()) >= 240
    assert all(
        lexicon.levels(move) == tuple(k for k in range(6) if name != "t" or k != held)
        for move, held in HELD_OUT.items()
    )


@pytest.mark.parametrize(("first", "second"), list(combinations(LEXICONS, 2)))
def test_two_lexicons_share_no_phrase_topic_step_or_prompt(first, second):
    a, b = load_lexicon(first), load_lexicon(second)
    for language in LANGUAGES:
        phrases = [{p.text(language).casefold() for _, p in lexicon.phrases()} for lexicon in (a, b)]
        assert not phrases[0] & phrases[1]
        prompts = [
            {t.prompt(k, language) for topic in lexicon.topics for t in topic.templates for k in range(3)}
            for lexicon in (a, b)
        ]
        assert not prompts[0] & prompts[1]
        steps = [{s.text(language) for topic in lexicon.topics for s in topic.steps} for lexicon in (a, b)]
        assert not steps[0] & steps[1]
    assert not {topic.id for topic in a.topics} & {topic.id for topic in b.topics}


@pytest.mark.parametrize(("first", "second"), list(combinations(LEXICONS, 2)))
def test_two_lexicons_share_no_run_of_six_words(first, second):
    assert shared_sequences(load_lexicon(first), load_lexicon(second), words=6) == []


@pytest.mark.parametrize("name", ["j", "e"])
def test_the_other_lexicons_render_whole_releases(name):
    from dataclasses import replace

    parameters = replace(load_parameters("population"), n_prompts=200, n_raters=400)
    ratings = simulate(parameters, 7, lexicon=name)
    assert ratings.check() == []
    assert len(set(ratings.items.column("response_de").to_pylist())) == 600


def test_more_prompts_than_a_lexicon_has_are_refused():
    from dataclasses import replace

    parameters = replace(load_parameters("population"), n_prompts=600, n_raters=1200)
    with pytest.raises(PluralignError, match=r"PA041.*600 prompts.*594"):
        simulate(parameters, 0)


def planted(part, change):
    raw = copy.deepcopy(read_yaml("t", part))
    change(raw)
    return {problem.field for problem in (prompt_problems if part == "prompts" else response_problems)("t", raw)}


def test_a_foreign_slot_a_lost_translation_and_a_doubled_phrase_are_found():
    def foreign(raw):
        raw["moves"]["tone"][0][0]["en"] = "About {topic}."

    def lost(raw):
        raw["moves"]["tone"][0][1]["de"] = " "

    def doubled(raw):
        raw["closers"][0] = raw["openers"][0]

    assert "tone/0[0].en" in planted("responses", foreign)
    assert "tone/0[1]" in planted("responses", lost)
    assert "closers[0].en" in planted("responses", doubled)


def test_an_empty_file_and_a_doubled_topic_are_found():
    assert prompt_problems("t", {})
    assert response_problems("t", {})
    assert "topics" in planted("prompts", lambda raw: raw["topics"].append(raw["topics"][0]))


def test_a_held_out_level_in_t_is_found():
    assert "tone" in planted("responses", lambda raw: raw["moves"]["tone"].update({4: raw["moves"]["tone"][5]}))


def test_a_template_without_its_slot_or_with_two_fillers_is_found():
    def no_slot(raw):
        raw["topics"][0]["templates"]["ordinary"][0]["en"] = "What now?"

    def two(raw):
        raw["topics"][0]["templates"]["ordinary"][0]["x"].pop()

    name = read_yaml("t", "prompts")["topics"][0]["id"]
    assert f"{name}.ordinary[0]" in planted("prompts", no_slot)
    assert f"{name}.ordinary[0].x" in planted("prompts", two)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Bei {issue_dat} hilft Ruhe.", "Beim Umzug hilft Ruhe."),
        ("Was gehört zu {issue_dat}?", "Was gehört zum Umzug?"),
        ("Ja. {issue_dat} gilt das.", "Ja. Dem Umzug gilt das."),
        ("Wobei {issue_dat} zählt.", "Wobei dem Umzug zählt."),
    ],
)
def test_german_prepositions_swallow_the_article(text, want):
    assert fill(text, {"issue_dat": "dem Umzug"}) == want

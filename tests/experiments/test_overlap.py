"""How much of an answer repeats what was trained on."""

import math

from pluralign.experiments.overlap import n_grams, overlap

KNOWN = n_grams(["Take a breath and tell me what happened next."])


def test_an_answer_that_repeats_a_phrase_is_all_overlap():
    assert overlap("take a breath, and tell me what happened next", KNOWN) == 1


def test_an_answer_of_other_words_has_none_and_a_short_one_no_share():
    assert overlap("One two three four five six", KNOWN) == 0
    assert math.isnan(overlap("One two", KNOWN))


def test_half_of_the_runs():
    # runs of five: "take a breath and tell" is known, "a breath and tell you" is not
    assert overlap("Take a breath and tell you", KNOWN) == 0.5

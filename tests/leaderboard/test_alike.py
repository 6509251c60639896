"""Whether two texts are one answer to a reader: what a sketch of 64 bits still knows of a text."""

import random

import numpy as np
import pytest
from made_runs import WORDS

from pluralign.leaderboard.alike import alike, ends, folded, runs, share_in, sketch, widespread, words

TEXT = "We see that care at home is work, which both can do; nobody needs to be a hero for it."


def likeness(change, n=300):
    """Share of n answers that are still one answer after a change of their words."""
    own, others = [], []
    for k in range(n):
        rng = random.Random(k)
        said = [f"{rng.choice(WORDS)}{rng.randrange(30)}" for _ in range(60)]
        own.append(sketch(" ".join(said)))
        others.append(sketch(" ".join(change(said, rng))))
    return float(alike(np.array(own, np.uint64), np.array(others, np.uint64)).mean())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t + ".",
        lambda t: "\u200b".join(t),
        lambda t: t.upper(),
        lambda t: t.replace(" ", "\u00a0\n"),
        lambda t: t.replace(",", " --").replace(";", "!"),
        lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
        lambda t: "\u0336".join(t),
        lambda t: t.replace("o", "\u043e").replace("e", "\u0435"),
        lambda t: f"\u3164{t}\ufeff",
    ],
    ids=["full stop", "unseen", "capitals", "blanks", "marks", "wide letters", "struck out", "Cyrillic", "fillers"],
)
def test_what_a_reader_takes_for_the_same_has_one_sketch(change):
    assert sketch(change(TEXT)) == sketch(TEXT) != 0


def test_a_few_other_words_leave_one_answer_and_many_do_not():
    def other(share):
        return lambda said, rng: [f"new{rng.random()}" if rng.random() < share else word for word in said]

    assert likeness(other(0.05)) > 0.85
    assert likeness(other(0.10)) > 0.55
    assert likeness(other(0.40)) < 0.05
    assert likeness(lambda said, rng: [*said, "and", "so", "it", "is"]) > 0.9
    assert likeness(lambda said, rng: said[30:] + said[:30]) > 0.9, "order of halves"
    assert likeness(lambda said, rng: rng.sample(said, len(said))) < 0.05, (
        "the same words in another order are another text"
    )


def test_sketches_share_parts_as_often_as_texts_share_pairs_of_words():
    """Of 40 pairs of words 20 are shared: 20 / 60 of all."""
    same = []
    for k in range(400):
        a = [f"a{k}-{j}" for j in range(41)]
        b = a[:21] + [f"b{k}-{j}" for j in range(20)]
        left, right = (np.array([sketch(" ".join(one).replace("-", "x"))], np.uint64) for one in (a, b))
        same.append((left.view(np.uint8) == right.view(np.uint8)).mean())
    assert np.mean(same) == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("text", ["", " \n", "\u200b\u2060", "\u0301"])
def test_what_nobody_sees_is_no_answer_and_like_nothing(text):
    assert sketch(text) == 0
    none = np.zeros(2, np.uint64)
    assert not alike(none, none).any()


def test_a_text_without_words_is_itself():
    assert sketch("?!") == sketch(" ?! ") != sketch("!?")
    assert sketch("\U0001f600") not in (0, sketch("\U0001f601"))


def test_runs_are_of_words_that_follow_each_other():
    assert set(runs("a b c", 2)) == set(runs("b c", 2)) | set(runs("a b", 2))
    assert len(runs("a b", 3)) == 1
    assert share_in(runs("a b c d", 3), runs("b c d e", 3)) == 0.5
    assert share_in(runs("", 3), runs("a", 3)) == 0.0
    assert set(widespread([runs("a b", 2), runs("a b c", 2), runs("c d", 2)], 1)) == set(runs("a b", 2))
    assert len(widespread([], 1)) == 0


def test_only_the_ends_of_a_long_text_are_read_however_long_its_compatible_form_is():
    assert ends("x" * 10, 5) == "x" * 10
    assert folded("a" * 9000 + "b") == "a" * 4000 + " " + "a" * 3999 + "b"
    assert len(folded("\ufdfa" * 9000)) < 9000
    assert words(folded("Straße, ÄRGER")) == "strasse arger"


def test_bytes_are_counted_as_they_are():
    rng = np.random.default_rng(0)
    a = rng.integers(1, 2**63, 5000, dtype=np.uint64)
    b = np.where(rng.random((5000, 8)) < 0.6, a.view(np.uint8).reshape(-1, 8), rng.integers(0, 3, (5000, 8))).astype(
        np.uint8
    )
    expected = (b == a.view(np.uint8).reshape(-1, 8)).sum(axis=1) >= 5
    assert (alike(a, b.view(np.uint64).ravel()) == expected).all()
    assert 0.2 < expected.mean() < 0.9

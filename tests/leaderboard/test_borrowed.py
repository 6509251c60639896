"""Answers in common, from the answers on: what a copier changes does not make them the copier's own."""

from dataclasses import replace

import numpy as np
import pytest
from made_runs import SAID, make_submission, ordinary
from test_board import summary

from pluralign.leaderboard.alike import sketch
from pluralign.leaderboard.borrowed import common_answers, common_flags
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.records import Record
from pluralign.leaderboard.summary import axis, summary_of


def answered(model, say, **what):
    """A submission whose sketches are those of answers; `say` gives the answer to a number."""
    hashes = np.array(
        [[sketch(say(language, k)) for k in range(len(axis()[0]))] for language in ("en", "de")], np.uint64
    )
    return summary(model, hashes=hashes, **what)


def own(language, k):
    return ordinary(5)(language, k, "")


def shares(*submissions):
    return {(k, j): share for k, j, share in common_answers(submissions)}


@pytest.mark.parametrize(
    "change",
    [
        lambda text, k: text + ".",
        lambda text, k: text + "\u200b" * (k % 3 + 1),
        lambda text, k: f"Well, {text}",
        lambda text, k: f"{text} Number {k}!",
        lambda text, k: " ".join([*text.split()[:5], f"word{k}", *text.split()[6:]]),
        lambda text, k: text.replace("e", "\u0435"),
    ],
    ids=["full stop", "unseen", "a word before", "words after", "a word within", "Cyrillic"],
)
def test_a_copy_that_was_touched_up_is_a_copy(change):
    first = answered("acme/first", own)
    copy = answered("evil/copy", lambda language, k: change(own(language, k), k))
    found = shares(first, copy)
    assert set(found) == {(0, 1), (1, 0)}
    assert found[0, 1] > 0.6


def test_answers_of_ones_own_have_nothing_in_common():
    assert shares(answered("acme/a", own), answered("acme/b", lambda language, k: ordinary(6)(language, k, ""))) == {}


def test_whoever_states_the_weights_of_another_borrows_all_the_same():
    first = answered("acme/first", own, version="1" * 64)
    evil = answered("evil/name", own, version="1" * 64)
    known = [Record(first.digest, received="2025-07-01"), Record(evil.digest)]
    assert {k: flag.kind for k, flag in common_flags([first, evil], known).items()} == {1: "borrowed"}


def test_only_the_same_kind_name_and_version_are_one_model():
    first = answered("acme/first", own, version="1" * 64)
    again = answered("acme/first", own, version="1" * 64, date="2025-06-09")
    assert shares(first, again) == {}
    served = replace(again, manifest={**again.manifest, "model": {**again.manifest["model"], "kind": "hub"}})
    assert set(shares(first, served)) == {(0, 1), (1, 0)}
    assert set(shares(first, answered("acme/first", own, version="2" * 64))) == {(0, 1), (1, 0)}


def test_submissions_without_answers_share_none():
    nothing = [answered(name, lambda language, k: "") for name in ("acme/a", "acme/b")]
    assert shares(*nothing) == {}
    assert shares(nothing[0], answered("acme/c", own)) == {}


def test_a_checked_submission_keeps_sketches_of_what_was_said(tmp_path):
    def of(name, answers):
        said = replace(SAID, model=name, weights_sha256=f"{len(name):064d}")
        return summary_of(
            check_submission(make_submission(tmp_path / name.replace("/", "-"), answers=answers, said=said).folder)
        )

    first = of("acme/first", ordinary(0))
    copy = of("evil/copied", lambda language, k, prompt: ordinary(0)(language, k, prompt) + " .\u200b")
    assert (first.hashes == copy.hashes).all()
    assert shares(first, copy) == {(0, 1): 1.0, (1, 0): 1.0}

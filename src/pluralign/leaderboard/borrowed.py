"""Answers that submissions have in common, and what may be said of whose they are.

Every day that a submission states is its own word, and a copy can be dated before its original. What decides is since when the keepers
know of each (`Record.seen`): who came to them later has borrowed. Where they do not know, both are flagged alike, and each flag names the
day that the other states; neither loses its rank by a stranger's word. Answers are compared by what they say (`alike`): a full stop, a
character that nobody sees or a few other words make no answer of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pluralign.leaderboard.alike import Hashes, alike
from pluralign.leaderboard.flags import BORROWED, MOST_BORROWED, SHARED, Flag
from pluralign.leaderboard.records import Record
from pluralign.leaderboard.summary import Summary

Pair = tuple[int, int, float]
LEAST_WHOLE = 4
"""Answers whose sketches must be equal in all parts before two submissions are compared in full: comparing all with all would take hours."""
BLOCK = 1000
"""Submissions, or pairs, that are worked on at once."""


def common_flags(own: Sequence[Summary], known: Sequence[Record]) -> dict[int, Flag]:
    """The flag of everyone whose answers are, by more than `MOST_BORROWED`, another one's too: `borrowed`, or `shared`.

    Args:
        own: submissions of a board.
        known: what the keepers know of each.
    """
    surely: dict[int, Pair] = {}
    perhaps: dict[int, Pair] = {}
    for pair in common_answers(own):
        k, j, share = pair
        mine, other = known[k].seen, known[j].seen
        came_before = bool(other) and (not mine or other < mine)
        into = surely if came_before else perhaps if mine == other else None
        if into is not None and (k not in into or share > into[k][2]):
            into[k] = pair
    return {
        **{k: _shared(own[k], own[j], share) for k, j, share in perhaps.values()},
        **{k: _borrowed(own[j], known[j], share) for k, j, share in surely.values()},
    }


def _borrowed(other: Summary, record: Record, share: float) -> Flag:
    return Flag(
        BORROWED, f"{share:.0%} of the answers are those of {other.place}, which the keepers know since {record.seen}"
    )


def _shared(own: Summary, other: Summary, share: float) -> Flag:
    told = "the same" if own.date == other.date else "a later" if own.date < other.date else "an earlier"
    return Flag(SHARED, f"{share:.0%} of the answers are those of {other.place} too, which states {told} day")


def common_answers(own: Sequence[Summary]) -> list[Pair]:
    """(k, j, share) for every two that are not one model with more than `MOST_BORROWED` of their answers in common, both ways round.

    One model is one kind, name and version: a version alone says nothing, because a hash of weights is public and anyone can state it.

    Args:
        own: submissions; an answer is in common where the two say nearly the same to the same prompt in the same language.
    """
    hashes = np.stack([one.hashes.ravel() for one in own])
    answered = (hashes != 0).sum(axis=1)
    named = [(one.manifest["model"]["kind"], one.model, one.version) for one in own]
    found: list[Pair] = []
    pairs = _candidates(hashes)
    for first in range(0, len(pairs), BLOCK):
        block = pairs[first : first + BLOCK]
        common = alike(hashes[block[:, 0]], hashes[block[:, 1]]).sum(axis=1)
        for (k, j), n in zip(block.tolist(), common.tolist(), strict=True):
            share = n / max(min(answered[k], answered[j]), 1)
            if share > MOST_BORROWED and named[k] != named[j]:
                found += [(k, j, float(share)), (j, k, float(share))]
    return sorted(found)


def _candidates(hashes: Hashes) -> NDArray[np.int64]:
    """(n, 2) the pairs, smaller number first, with `LEAST_WHOLE` whole sketches in common: who shares half of the answers has these too.

    Args:
        hashes: (submissions, prompts) sketches.
    """
    from scipy.sparse import csr_matrix

    rows, columns = np.nonzero(hashes)
    values = hashes[rows, columns]
    # A sketch at a prompt is a column; one that only one submission has says nothing.
    order = np.lexsort((values, columns))
    new = (
        np.r_[True, (columns[order][1:] != columns[order][:-1]) | (values[order][1:] != values[order][:-1])]
        if len(order)
        else np.zeros(0, bool)
    )
    text = np.empty(len(order), np.int64)
    text[order] = np.cumsum(new) - 1
    shared = np.bincount(text, minlength=1) > 1
    kept = shared[text]
    member = csr_matrix((np.ones(int(kept.sum())), (rows[kept], text[kept])), shape=(len(hashes), len(shared)))
    found = [np.zeros((0, 2), np.int64)]
    for first in range(0, len(hashes), BLOCK):
        # By blocks: where all were made from one base, every two have something in common.
        common = (member[first : first + BLOCK] @ member.T).tocoo()
        pairs = np.stack([common.row + first, common.col], axis=1).astype(np.int64)
        found.append(pairs[(common.data >= LEAST_WHOLE) & (pairs[:, 0] < pairs[:, 1])])
    return np.concatenate(found)

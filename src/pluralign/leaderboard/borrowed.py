"""Answers that submissions have in common, and what may be said of whose they are.

Every day that a submission states is its own word, and a copy can be dated before its original. What decides is since when the keepers
know of each (`Record.seen`): who came to them later has borrowed. Where they do not know, both are flagged alike, and each flag names the
day that the other states; neither loses its rank by a stranger's word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pluralign.leaderboard.flags import BORROWED, MOST_BORROWED, SHARED, Flag
from pluralign.leaderboard.records import Record
from pluralign.leaderboard.summary import Summary

Pair = tuple[int, int, float]


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
    """(k, j, share) for every two of different versions with more than `MOST_BORROWED` of their answers in common, both ways round.

    Args:
        own: submissions; an answer is in common where the two give it to the same prompt in the same language.
    """
    from scipy.sparse import csr_matrix

    hashes = np.stack([one.hashes.ravel() for one in own])
    rows, columns = np.nonzero(hashes)
    values = hashes[rows, columns]
    # A text at a prompt is a column; one that only one submission has says nothing.
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
    member = csr_matrix((np.ones(int(kept.sum())), (rows[kept], text[kept])), shape=(len(own), len(shared)))
    common = (member @ member.T).tocoo()
    answered = (hashes != 0).sum(axis=1)
    found = []
    for k, j, n in sorted(zip(common.row.tolist(), common.col.tolist(), common.data.tolist(), strict=True)):
        share = n / max(min(answered[k], answered[j]), 1)
        if j != k and share > MOST_BORROWED and own[j].version != own[k].version:
            found.append((k, j, float(share)))
    return found

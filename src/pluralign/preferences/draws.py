"""Which ratings a condition takes: those of a split, and of a contrast's larger group only as many as the smaller gave.

A draw ranks ratings by a hash of rater, item and the draw's number, so it is the same on every machine, whatever the order of
rows, and the same for every dimension.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.preferences.conditions import Condition
from pluralign.ratings import Ratings
from pluralign.schema import split_of

Hashes = NDArray[np.uint64]


def drawn(
    ratings: Ratings, cond: Condition, dimension: str, aggregation: str, split: str | None, draw: int
) -> pa.Table:
    """A view of the ratings of one dimension that a draw of a condition takes.

    Without a contrast, or for its smaller group, those are all of the split.

    Args:
        ratings: the three tables.
        cond: whose group and scale.
        dimension: one of its dimensions.
        aggregation: the condition's, or `individual`, for the ratings that an aggregated value rests on.
        split: None for both.
        draw: number of the draw, from 0.
    """
    bound = _bound(ratings, cond, dimension, split, draw)
    if bound is None:
        return of_split(ratings.view(cond.group, cond.scale, aggregation, dimension), split)
    if aggregation == "individual":
        view = of_split(ratings.view(cond.group, cond.scale, aggregation, dimension), split)
        return view.filter(pa.array(rating_hashes(view, draw) <= bound))
    fewer = replace(ratings, ratings=ratings.ratings.filter(pa.array(rating_hashes(ratings.ratings, draw) <= bound)))
    return of_split(fewer.view(cond.group, cond.scale, aggregation, dimension), split)


def is_subsampled(ratings: Ratings, cond: Condition, split: str | None) -> bool:
    """Whether a condition's group has to give up ratings in a split, so that draws differ."""
    return any(_bound(ratings, cond, name, split, 0) is not None for name in cond.dimensions)


def _bound(ratings: Ratings, cond: Condition, dimension: str, split: str | None, draw: int) -> np.uint64 | None:
    """The highest hash that a draw keeps; None where it keeps all."""
    if cond.balanced_with is None:
        return None
    own, other = (
        of_split(ratings.view(group, cond.scale, "individual", dimension), split)
        for group in (cond.group, cond.balanced_with)
    )
    target: int = min(own.num_rows, other.num_rows)
    if target == 0:
        raise PluralignError(
            "PA091", f"{cond.name}: one of the groups that it contrasts gave no rating of {dimension!r} there.",
            "Choose other groups.",
        )  # fmt: skip
    if target == own.num_rows:
        return None
    bound: np.uint64 = np.partition(rating_hashes(own, draw), target - 1)[target - 1]
    return bound


def of_split(view: pa.Table, split: str | None) -> pa.Table:
    """The rows of a table with `prompt_id` whose prompts are in a split; all of them if None."""
    if split is None:
        return view
    prompts = view.column("prompt_id").combine_chunks().dictionary_encode()
    inside = np.array([split_of(prompt) == split for prompt in prompts.dictionary.to_pylist()], bool)
    return view.filter(pa.array(inside[prompts.indices.to_numpy()]))


def rating_hashes(table: pa.Table, draw: int) -> Hashes:
    """A number for each row of a table with `rater_id` and `item_id`, (n,): its place in the order of a draw."""
    rater, item = (_hashed(table.column(name)) for name in ("rater_id", "item_id"))
    return _mixed(rater ^ _mixed(item ^ _digest(f"draw {draw}")))


def _digest(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little"))


def _hashed(column: pa.ChunkedArray) -> Hashes:
    encoded = column.combine_chunks().dictionary_encode()
    names = np.array([_digest(name) for name in encoded.dictionary.to_pylist()], np.uint64)
    hashes: Hashes = names[encoded.indices.to_numpy()]
    return hashes


def _mixed(value: Hashes) -> Hashes:
    """The finaliser of splitmix64, which makes of close numbers distant ones. Multiplication wraps, as it should."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))

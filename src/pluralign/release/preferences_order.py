"""How many of the pairs of simulated ratings are in the true order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pluralign.preferences import Condition, true_values
from pluralign.ratings import Ratings


@dataclass(frozen=True)
class OrderShare:
    """The rows of a config, in both splits.

    Attributes:
        n_rows: how many.
        n_undecided: of them, with a soft label of exactly .5, which say nothing about the order.
        share: of the others that are in the order of the group's true values; NaN for combined dimensions, which have none.
    """

    n_rows: int
    n_undecided: int
    share: float


def order_share(ratings: Ratings, cond: Condition, table: pa.Table) -> OrderShare:
    """Compare pairs with the truth.

    Args:
        ratings: simulated ratings.
        cond: whose group's order is the true one.
        table: pairs.
    """
    decided = table.filter(pc.greater(table.column("p_chosen"), 0.5)).select(["dimension", "chosen_id", "rejected_id"])
    dimensions = pc.unique(decided.column("dimension")).to_pylist()
    in_order: list[bool] = []
    for dimension in dimensions:
        if "+" in dimension:
            in_order = []
            break
        value = true_values(ratings, dimension, cond.group)
        rows = decided.filter(pc.equal(decided.column("dimension"), dimension))
        sides = (rows.column(name).to_pylist() for name in ("chosen_id", "rejected_id"))
        in_order += [value[one] > value[other] for one, other in zip(*sides, strict=True)]
    share = float(np.mean(in_order)) if in_order else float("nan")
    return OrderShare(table.num_rows, table.num_rows - decided.num_rows, share)

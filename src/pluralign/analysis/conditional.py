"""How often what was rated positively on one dimension was so on another: the study's Figure 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pluralign.analysis.cells import Cells, Coded
from pluralign.analysis.numbers import plain
from pluralign.errors import PluralignError
from pluralign.schema import EVERYONE
from pluralign.stats.conditional import ConditionalProbability, conditional_probability
from pluralign.views.groups import GroupSpec


@dataclass(frozen=True)
class ConditionalRow:
    """Of a group's positive ratings on `given`, the share that is positive on `outcome` too, by the same rater of the same item.

    Attributes:
        given, outcome: dimensions by the source's names; equal ones give the share of positive ratings, unconditionally.
        group: whose ratings.
        probability: with its interval over resampled raters.
    """

    given: str
    outcome: str
    group: str
    probability: ConditionalProbability

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined number is null."""
        return plain({**asdict(self), **asdict(self.probability)})


def conditional_rows(
    coded: Coded,
    dimensions: Sequence[str] | None = None,
    group: GroupSpec = EVERYONE,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[ConditionalRow]:
    """Every ordered pair of dimensions, and each dimension's own share of positive ratings.

    Positive is agreement: 4 or 5 of five points, 1 of a binary source. Pairs are ratings of one rater and item on both dimensions.

    Args:
        coded: the ratings.
        dimensions: two or more, by the source's names or ours; all if None.
        group: whose ratings.
        bootstrap: replicates over raters.
        seed: of the bootstrap.

    Raises:
        PluralignError: PA061 where there is only one dimension.
    """
    specs = coded.dimensions(dimensions)
    if len(specs) < 2:
        raise PluralignError(
            "PA061", f"got one dimension, {specs[0].name!r}; a conditional probability needs two.",
            "Name another one, or use a set that has several.",
        )  # fmt: skip
    every = [coded.cells(spec, group) for spec in specs]
    return [_row(coded, given, outcome, bootstrap, seed) for given in every for outcome in every]


def _row(coded: Coded, given: Cells, outcome: Cells, bootstrap: int, seed: int) -> ConditionalRow:
    n_raters = coded.ratings.raters.num_rows
    keys = [cells.item * n_raters + cells.rater for cells in (given, outcome)]
    # A rater who rated an item twice has several ratings of it; the first is taken, in both dimensions alike.
    common, one, other = np.intersect1d(*keys, return_indices=True)
    positive = [_positive(given)[one], _positive(outcome)[other]]
    condition = np.ones(len(common), dtype=bool) if given is outcome else positive[0]
    found = conditional_probability(condition, positive[1], rater=common % n_raters, bootstrap=bootstrap, seed=seed)
    return ConditionalRow(given.dimension.name, outcome.dimension.name, given.group, found)


def _positive(cells: Cells) -> Any:
    cut = {"5pt": 4, "3pt": 3, "binary": 1}[cells.scale]
    return np.asarray(cells.values)[cells.level] >= cut

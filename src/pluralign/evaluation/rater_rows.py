"""What is reported of a model as a rater: a row of each table, every number with its interval and what it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

NAN = float("nan")
ALL = "all"
"""The name, among dimensions, of the mean over them."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval over raters and prompts; NaN where it is undefined.

    Attributes:
        value: the number.
        low, high: the interval's ends.
        n_undefined: replicates without a value.
    """

    value: float
    low: float
    high: float
    n_undefined: int = 0

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    @property
    def has_ends(self) -> bool:
        """Whether there is an interval around the number."""
        return math.isfinite(self.low) and math.isfinite(self.high)


UNDEFINED = Interval(NAN, NAN, NAN)


@dataclass(frozen=True)
class Row:
    """How well a model's distributions fit one group's ratings on one dimension.

    Attributes:
        language, group, dimension: which ratings; `all` dimensions is the mean of the dimensions' skills.
        skill: ranked probability skill over the group's own training marginal; at most 1, 0 no better than the marginal.
        cramer: unbiased squared Cramér distance, at least 0 in expectation, of items with two ratings of the group.
        pairwise: within-prompt log-loss in nats; knowing nothing gives .693.
        correlation: of predicted expectations with the group's item means.
        ceiling: the correlation that a perfect prediction would have.
        pooled_js: Jensen–Shannon distance of the pooled distributions; NaN under 500 ratings.
        pooled_js_floor: what a perfect prediction would show at this number of ratings.
        n_items, n_raters, n_ratings: what it rests on.
    """

    language: str
    group: str
    dimension: str
    skill: Interval
    cramer: float
    pairwise: float
    correlation: float
    ceiling: float
    pooled_js: float
    pooled_js_floor: float
    n_items: int
    n_raters: int
    n_ratings: int


@dataclass(frozen=True)
class Nearest:
    """Which of an attribute's groups a model fits best.

    Attributes:
        language, attribute, dimension: where.
        group: the group of highest skill; empty where no skill is defined.
        over: the group it is compared with: the second.
        difference: of their skills, paired.
        n_items: common items.
    """

    language: str
    attribute: str
    dimension: str
    group: str
    over: str
    difference: Interval
    n_items: int


@dataclass(frozen=True)
class Steer:
    """What naming a group does.

    Attributes:
        language, group, wrong: where, the group that was named, and the one whose name is the control.
        toward: gain in skill for the group's ratings by its own name over no name; NaN without unsteered samples of the same items.
        away: loss in skill for the wrong group's ratings by the group's name instead of its own.
        net: gain in skill for the group's ratings by its own name over the wrong group's name.
        specific: mean of `net` and `away`; above 0 the model can be steered. A name that makes the model fit better whoever's ratings
            it is compared with (one that makes it less sure, say) raises the net of its own group and lowers the other's as much:
            here that cancels.
        n_items: item × dimension cells.
    """

    language: str
    group: str
    wrong: str
    toward: Interval
    away: Interval
    net: Interval
    specific: Interval
    n_items: int


class Consistency(NamedTuple):
    """Whether the same group of an attribute is nearest everywhere.

    Attributes:
        group: the one that is nearest most often.
        share: of the dimension × language cells in which it is.
        n_cells: those with a nearest group.
        chance: what `share` would be in the mean if each cell's nearest group were drawn at random.
    """

    group: str
    share: float
    n_cells: int
    chance: float

"""Planned rating studies: how many raters rate how many items, under which model, and one simulated outcome.

The model is the one that `stats.clmm` fits, with the raters' group as its only covariate:

    P(y ≤ j) = F(θ_j − β x_rater − s_u u_rater − s_v v_item),    u, v ~ N(0, 1),    x = 1 in the group, else 0.

The simulated release's own contrast κ, its prompts and its four other dimensions are left out: they change what a group
prefers, not whether its mean shift is seen, and a group's shift does not vary from item to item here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from pluralign.errors import PluralignError
from pluralign.simulate.power_model import RatingModel
from pluralign.stats.clmm_data import MAX_CORE_LEVELS

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
SMALLEST_GROUP = 2
"""Raters that the group and the rest must have: one rater's intercept cannot be told from the group's effect."""


@dataclass(frozen=True)
class RatingDesign:
    """How many raters rate how many items, and how many raters are in the group.

    Raters × items a rater = items × raters an item = ratings; one of the two loads is fixed, the other follows, spread as
    evenly as it goes.

    Attributes:
        n_raters: raters.
        n_items: items.
        raters_per_item: raters of every item; None where the other load is fixed.
        items_per_rater: items of every rater; None where the other load is fixed.
        share: share of the raters in the group, 0–1.

    >>> RatingDesign(200, 300, raters_per_item=5, share=0.25).n_ratings
    1500
    >>> RatingDesign(200, 300, items_per_rater=6, share=0.25).n_group
    50
    """

    n_raters: int
    n_items: int
    raters_per_item: int | None = None
    items_per_rater: int | None = None
    share: float = 0.5

    def __post_init__(self) -> None:
        if (self.raters_per_item is None) == (self.items_per_rater is None):
            raise PluralignError("PA041", "got both or neither of raters per item and items per rater; expected one of them.",
                                 "The other follows.")  # fmt: skip
        if problem := self._problem():
            raise PluralignError("PA041", f"{self}: {problem}")

    def _problem(self) -> str:
        raters, items, ratings = self.n_raters, self.n_items, self.n_ratings
        if raters < 2 * SMALLEST_GROUP or items < 2:
            return f"got {raters} raters and {items} items; expected at least {2 * SMALLEST_GROUP} and 2."
        if not 0 < self.share < 1:
            return f"got share {self.share}; expected a share of the raters, between 0 and 1."
        if min(self.n_group, raters - self.n_group) < SMALLEST_GROUP:
            return (f"got share {self.share:g}, {self.n_group} raters in the group; expected at least {SMALLEST_GROUP} in it and "
                    f"outside it. Take more raters, or a share nearer .5.")  # fmt: skip
        for load, most in ((self.raters_per_item, raters), (self.items_per_rater, items)):
            if load is not None and not 1 <= load <= most:
                return f"got {load}; expected 1 to {most}, as nobody rates an item twice."
        if ratings < max(raters, items):
            return (f"got {ratings} ratings, so that some raters or items would have none; expected at least {max(raters, items)}. "
                    "Take fewer raters or items, or a heavier load.")  # fmt: skip
        if ratings == raters == items:
            return (
                "each rater has one item of their own; expected raters with several items or items with several raters."
            )
        if min(raters, items) > MAX_CORE_LEVELS:
            return f"got {raters} raters and {items} items; expected at most {MAX_CORE_LEVELS} of one of them."
        return ""

    @property
    def n_ratings(self) -> int:
        """Ratings that the design costs."""
        if self.raters_per_item is not None:
            return self.n_items * self.raters_per_item
        return self.n_raters * (self.items_per_rater or 0)

    @property
    def n_group(self) -> int:
        """Raters in the group."""
        return round(self.share * self.n_raters)

    def generator(self, seed: int, replicate: int) -> np.random.Generator:
        """The random stream of one replicate, which does not depend on what other designs are asked for beside this one.

        Raises:
            PluralignError: PA041 for a negative seed.
        """
        if seed < 0:
            raise PluralignError("PA041", f"got seed {seed}; expected a whole number ≥ 0.")
        key = (
            self.n_raters,
            self.n_items,
            self.raters_per_item or 0,
            self.items_per_rater or 0,
            self.n_group,
            replicate,
        )
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))

    def as_dict(self) -> dict[str, float | int | None]:
        """Plain values, with what follows from them."""
        return {**asdict(self), "n_group": self.n_group, "n_ratings": self.n_ratings}

    def __str__(self) -> str:
        load = (f"{self.raters_per_item} raters an item" if self.raters_per_item is not None
                else f"{self.items_per_rater} items a rater")  # fmt: skip
        return f"{self.n_raters} raters × {self.n_items} items, {load}"


def checked_effect(odds_ratio: float, alpha: float) -> float:
    """The log odds ratio, if there is an effect to find and a level to find it at."""
    if not 0 < odds_ratio < np.inf or odds_ratio == 1:
        raise PluralignError("PA041", f"got odds ratio {odds_ratio}; expected a positive number other than 1.",
                             "The share of false findings at 1 comes with the type-I error (--type-i-error).")  # fmt: skip
    if not 0 < alpha < 1:
        raise PluralignError("PA041", f"got alpha = {alpha}; expected a level between 0 and 1, such as .05.")
    return float(np.log(odds_ratio))


def assign(rng: np.random.Generator, design: RatingDesign) -> tuple[Ints, Ints]:
    """Who rates what: nobody an item twice, the fixed load exact, the other even to one.

    `raters.assign_items` gives every rater the same load and gives up where raters see most of the items; a plan needs both.

    Returns:
        Rater and item of each rating, (n_ratings,).
    """
    if design.raters_per_item is not None:
        item, rater = _dealt(rng, design.n_items, design.n_raters, design.raters_per_item)
        return rater, item
    return _dealt(rng, design.n_raters, design.n_items, design.items_per_rater or 0)


def _dealt(rng: np.random.Generator, n_hands: int, n_cards: int, size: int) -> tuple[Ints, Ints]:
    """Deal shuffled decks one after the other; a hand across two decks gets none of its cards again."""
    dealt: list[Ints] = []
    begun = np.empty(0, np.intp)  # the cards that the deck before gave to the hand across
    for _ in range(-(-n_hands * size // n_cards)):
        deck = rng.permutation(n_cards)
        if len(begun):
            again = np.isin(deck, begun)
            fresh, held = deck[~again], deck[again]
            needed = size - len(begun)
            rest = np.concatenate([fresh[needed:], held])
            deck = np.concatenate([fresh[:needed], rng.permutation(rest)])
            over = (n_cards - needed) % size
        else:
            over = n_cards % size
        dealt.append(deck)
        begun = deck[n_cards - over :]
    cards = np.concatenate(dealt)[: n_hands * size]
    return np.repeat(np.arange(n_hands), size), cards


@dataclass(frozen=True, eq=False)
class Outcome:
    """One simulated study.

    Attributes:
        rater, item: who rated what, (n,).
        in_group: whether the rater is in the group, (n,), 0 or 1.
        eta: the ratings' true place on the logit scale, (n,).
        value: ratings from 1, (n,).
    """

    rater: Ints
    item: Ints
    in_group: Floats
    eta: Floats
    value: Ints


def outcome(rng: np.random.Generator, design: RatingDesign, model: RatingModel, log_odds_ratio: float) -> Outcome:
    """Draw one study. The same generator gives the same people, items and luck for any effect."""
    rater, item = assign(rng, design)
    member = np.zeros(design.n_raters)
    member[rng.permutation(design.n_raters)[: design.n_group]] = 1.0
    u, v = rng.standard_normal(design.n_raters), rng.standard_normal(design.n_items)
    # The clip keeps the logit finite.
    residual = logit(np.clip(rng.random(len(rater)), 1e-15, 1 - 1e-15))
    eta = log_odds_ratio * member[rater] + model.rater_sd * u[rater] + model.item_sd * v[item]
    value = np.searchsorted(np.array(model.thresholds), eta + residual) + 1
    return Outcome(rater, item, member[rater], eta, value)

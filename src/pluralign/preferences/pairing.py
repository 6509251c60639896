"""`pairs`: preference pairs of a condition, as votes or collapsed to soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.errors import PluralignError, unknown
from pluralign.preferences.conditions import Condition, condition
from pluralign.preferences.counting import Counted, counted
from pluralign.preferences.draws import is_subsampled
from pluralign.preferences.rows import as_table, empty_condition, tilted
from pluralign.preferences.shrinkage import Shrinkage
from pluralign.preferences.texts import Texts, texts
from pluralign.ratings import Ratings
from pluralign.schema import PREFERENCE_FIELDS

Ties = Literal["drop", "half"]
Form = Literal["collapsed", "votes"]
Combine = Literal["pooled", "scalarised"]
TIES: tuple[Ties, ...] = ("drop", "half")
FORMS: tuple[Form, ...] = ("collapsed", "votes")
COMBINES: tuple[Combine, ...] = ("pooled", "scalarised")
DRAWS = 5
"""Draws that a balanced condition is averaged over unless one is named."""


@dataclass(frozen=True)
class Settings:
    """How pairs are made of a condition; the arguments of `pairs`, checked."""

    ties: str = "drop"
    form: str = "collapsed"
    language: str = "en"
    split: str | None = "train"
    draw: int | None = None
    draws: int = DRAWS
    combine: str = "pooled"

    def __post_init__(self) -> None:
        for what, got, options in (
            ("ties", self.ties, TIES),
            ("form", self.form, FORMS),
            ("combine", self.combine, COMBINES),
        ):
            if got not in options:
                raise unknown("PA093", what, got, options)
        if self.form == "votes" and self.ties == "half":
            raise PluralignError(
                "PA093", "got form 'votes' with ties 'half'; half a vote has no row of its own.",
                "Take form 'collapsed', whose soft label holds it, or ties 'drop'.",
            )  # fmt: skip
        check_draws(self.draw, self.draws)

    def numbers(self, subsampled: bool) -> tuple[int, ...]:
        """The draws to make: one where a draw is named or none differs."""
        if not subsampled:
            return (0,)
        return (self.draw,) if self.draw is not None else tuple(range(self.draws))


def check_draws(draw: int | None, draws: int) -> None:
    """Raise PA093 for a draw below 0, or fewer draws than one."""
    if draws < 1 or (draw is not None and draw < 0):
        raise PluralignError("PA093", f"got draw {draw} of {draws}; expected a draw from 0 and at least one of them.")


def pairs(
    ratings: Ratings,
    cond: str | Condition,
    *,
    ties: str = "drop",
    form: str = "collapsed",
    language: str = "en",
    split: str | None = "train",
    draw: int | None = None,
    draws: int = DRAWS,
    combine: str = "pooled",
) -> pa.Table:
    """Make preference pairs: two responses to the same prompt, and which of them a group's ratings prefer.

    `individual` conditions take every pair of ratings across the two items as a vote, whoever gave them and in whichever language
    they saw the item: the raters of two items are different people in general. Aggregated conditions compare the two values:
    one vote a pair. Votes are counted from the items' histograms, never rating by rating.

    Args:
        ratings: the three tables.
        cond: a condition or the name of one.
        ties: `drop` leaves votes between equal ratings out, and pairs without any other; `half` counts them half for each item.
        form: `collapsed` is one row a pair, its soft label `p_chosen` and its `weight` in votes; `votes` is one row a decided vote,
            opposing ones in opposing rows, for trainers that know no weights. Both have the same full-batch gradient.
        language: of the texts.
        split: `train` or `test`; None for both.
        draw: number of a draw of the ratings of a contrast's larger group; None averages.
        draws: draws that are averaged; weights are then mean votes a draw, and soft labels come from the sum.
        combine: several dimensions are `pooled`, each with rows of its own, or `scalarised`: each rater's ratings of an item become
            one, the mean of the oriented values on 0–1, before votes are counted.

    Returns:
        A table with `schema.PREFERENCE_FIELDS`, in the order of the dimensions and of the items' ids. A collapsed pair at exactly
        .5 is kept, its orientation chosen by a hash. Metadata: provenance, settings, and the shrinkage by dimension.

    Raises:
        PluralignError: PA020–PA024 for what a view refuses, PA090 unknown condition, PA091 where no row is left, PA092 where no prompt has
            two responses, PA093 for settings that do not exist or exclude each other, PA094 where there are no texts.
    """
    cond, settings = condition(cond), Settings(ties, form, language, split, draw, draws, combine)
    if cond.kind == "rewards":
        raise PluralignError("PA093", f"{cond.name} is trained by rewards, not pairs.", "Use `rewards`.")
    subsampled = is_subsampled(ratings, cond, split)
    if subsampled and form == "votes" and draw is None:
        raise PluralignError(
            "PA093", f"{cond.name} takes as many ratings from its group as the smaller one gave; votes are those of one draw.",
            "Name a draw (draw=0), or take form 'collapsed', which averages over draws.",
        )  # fmt: skip
    found = texts(ratings, language, split)
    parts = counted(ratings, cond, found, settings.numbers(subsampled), scalarised=combine == "scalarised", ties=ties)
    rows = [_rows(part, found, settings, cond) for part in parts]
    if not sum(len(one["chosen"]) for one in rows):
        raise empty_condition(
            cond, split, "two items of a prompt" + (" with different values" if ties == "drop" else "")
        )
    told = {"condition": cond.name, **settings.__dict__, "shrinkage": {p.dimension: _told(p.shrinkage) for p in parts}}
    return pa.concat_tables([as_table(_columns(one, found, cond), PREFERENCE_FIELDS, ratings, told) for one in rows])


def _told(shrinkage: Shrinkage) -> dict[str, float | int | None]:
    return {"c": None if np.isnan(shrinkage.c) else shrinkage.c, "n_votes": shrinkage.n_votes}


def _rows(part: Counted, found: Texts, settings: Settings, cond: Condition) -> dict[str, Any]:
    """Numbers and items of the rows of one dimension."""
    if settings.form == "votes":
        return _vote_rows(part)
    tally, n = part.votes, part.draws
    kept = np.flatnonzero(tally.counted(settings.ties) > 0)
    excess = tally.excess(settings.ties)[kept]
    first, second = (found.column("item_id", items[kept]).to_pylist() for items in (part.first, part.second))
    forward = np.where(excess == 0, tilted(first, second, part.dimension), excess > 0)
    size = np.abs(excess)
    shrunk = 0.5 + size * part.factor[kept] if cond.is_individual else np.full(len(kept), np.nan)
    return {
        **_oriented(part, kept, forward),
        "p_chosen": 0.5 + size,
        "p_chosen_shrunk": shrunk,
        "weight": tally.counted(settings.ties)[kept] / n,
    }


def _vote_rows(part: Counted) -> dict[str, Any]:
    """One row a decided vote: those for the first item, then those for the second, pair by pair."""
    sides = np.stack([part.votes.wins, part.votes.losses], 1).astype(np.int64).ravel()
    place = np.repeat(np.arange(len(sides)), sides)
    ones = np.ones(len(place))
    return {
        **_oriented(part, place // 2, place % 2 == 0),
        "p_chosen": ones,
        "p_chosen_shrunk": ones * np.nan,
        "weight": ones,
    }


def _oriented(part: Counted, kept: NDArray[np.int64], forward: NDArray[np.bool_]) -> dict[str, Any]:
    first, second = part.first[kept], part.second[kept]
    return {
        "chosen": np.where(forward, first, second),
        "rejected": np.where(forward, second, first),
        "margin": np.where(forward, 1.0, -1.0) * part.margin[kept] + 0.0,  # no −0
        "n_raters": part.n_raters[kept],
        "dimension": part.dimension,
    }


def _columns(one: dict[str, Any], found: Texts, cond: Condition) -> dict[str, Any]:
    chosen, rejected, n = one["chosen"], one["rejected"], len(one["chosen"])
    return {
        **one,
        "p_chosen_shrunk": pa.array(one["p_chosen_shrunk"], from_pandas=True),
        "prompt": found.turns("prompt", chosen),
        "chosen": found.turns("response", chosen),
        "rejected": found.turns("response", rejected),
        "dimension": pa.repeat(pa.scalar(one["dimension"]), n),
        "group": pa.repeat(pa.scalar(cond.group_name), n),
        "language": pa.repeat(pa.scalar(found.language), n),
        **{name: found.column(name, chosen) for name in ("prompt_id", "template_id")},
        "chosen_id": found.column("item_id", chosen),
        "rejected_id": found.column("item_id", rejected),
    }

"""Raters' attributes as the columns of a model, every choice about small, missing and several values in the open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.analysis.formula import STUDY_FORMULA, Formula, parse_formula
from pluralign.errors import PluralignError, unknown
from pluralign.schema import ATTRIBUTES, MULTIPLE, UNDISCLOSED
from pluralign.stats.crossed import Floats
from pluralign.stats.design import RARE, RARE_LEVEL, rater_levels

Several = Literal["level", "each"]
"""`level`: who has several values has the level `multiple`. `each`: an indicator a value, for all who have it among others; then a
coefficient compares with those who have the reference alone."""
Undisclosed = Literal["level", "drop"]
"""`level`: who did not say has a coefficient of their own. `drop`: complete cases only."""

Levels = dict[str, NDArray[np.bool_]]
"""Level -> which raters have it, (n_raters,)."""


@dataclass(frozen=True)
class Column:
    """One coefficient's place in the table of effects.

    Attributes:
        name: unique in the model.
        term: an attribute, or two with a colon.
        level: what is compared, or two levels with a colon.
        reference: with what.
        is_residual: whether it is `rare` or `undisclosed`: nobody asks about it, it only keeps its raters' ratings in.
    """

    name: str
    term: str
    level: str
    reference: str
    is_residual: bool = False


@dataclass(frozen=True, eq=False)
class Covariates:
    """The columns of a model by rater.

    Attributes:
        matrix: (n_raters, n_columns) of 0 and 1.
        columns: what they are.
        references: attribute -> reference level.
        merged: attribute -> level -> raters, of levels merged into `rare`.
        notes: what was left out and why.
    """

    matrix: Floats
    columns: tuple[Column, ...]
    references: Mapping[str, str]
    merged: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...]


def check_choices(several: str, undisclosed: str) -> None:
    """Raise PA060 for a choice that does not exist."""
    for name, got, options in (("several", several, get_args(Several)), ("undisclosed", undisclosed, get_args(Undisclosed))):  # fmt: skip
        if got not in options:
            raise unknown("PA060", name, got, options)


def resolved(text: str, references: Mapping[str, str] | None, raters: pa.Table) -> tuple[Formula, tuple[str, ...]]:
    """A formula for these raters, and notes.

    From the study's own formula, attributes that tell nothing here are dropped with a note; in one that somebody wrote they are an error.

    Args:
        text: the formula.
        references: attribute -> reference level; those of the formula besides.
        raters: the raters who rated.

    Raises:
        PluralignError: PA060 or PA020, see `parse_formula`; PA060 for an attribute that no rater gave, or that all have the same.
    """
    formula = parse_formula(text)
    is_default = str(formula) == STUDY_FORMULA
    notes, absent = [], []
    for attribute in formula.covariates:
        present = set(rater_levels(raters, attribute))
        if len(present) > 1:
            continue
        only = next(iter(present))
        why = "no rater gave it" if only == UNDISCLOSED else f"every rater has {only!r}"
        if not is_default:
            raise PluralignError(
                "PA060", f"formula: got {attribute!r}; expected an attribute that varies: among the {raters.num_rows} raters here, {why}.",
                "Leave it out.",
            )  # fmt: skip
        absent.append(attribute)
        notes.append(f"{attribute} left out of the formula: {why}")
    formula = formula.with_references(
        {a: level for a, level in (references or {}).items() if not (is_default and a in absent)}
    )
    return formula.without(absent), tuple(notes)


def disclosed(raters: pa.Table, attributes: Sequence[str]) -> NDArray[np.bool_]:
    """Which raters gave all of these attributes, (n_raters,)."""
    complete = np.ones(raters.num_rows, dtype=bool)
    for attribute in attributes:
        complete &= np.array([level != UNDISCLOSED for level in rater_levels(raters, attribute)], dtype=bool)
    return complete


def covariates(raters: pa.Table, formula: Formula, several: Several = "level") -> Covariates:
    """Treatment-coded columns of a formula.

    Levels of fewer than `RARE` raters become one level, `rare`. Interaction columns of fewer than `RARE` raters, and of `rare` and
    `undisclosed`, are left out: there is no effect to speak of.

    Args:
        raters: the raters who rated.
        formula: what the columns are of.
        several: how a rater with several values of one attribute counts.

    Raises:
        PluralignError: PA020 for a reference that no rater has, PA060 for one that is too rare.
    """
    arrays: list[NDArray[np.bool_]] = []
    columns: list[Column] = []
    references: dict[str, str] = {}
    merged: dict[str, dict[str, int]] = {}
    notes: list[str] = []
    main: dict[str, Levels] = {}
    for attribute in formula.covariates:
        levels, small = _levels(raters, attribute, several)
        if small:
            merged[attribute] = small
        reference = references[attribute] = _reference(attribute, formula.references.get(attribute), levels, small)
        usual = ATTRIBUTES[attribute].values[0]
        if reference != usual and attribute not in formula.references and usual in small:
            notes.append(
                f"reference of {attribute} is {reference!r}: {usual!r} has {small[usual]} raters, fewer than {RARE}"
            )
        main[attribute] = {level: who for level, who in levels.items() if level != reference}
        for level, who in main[attribute].items():
            residual = level in (RARE_LEVEL, UNDISCLOSED)
            arrays.append(who)
            columns.append(Column(f"{attribute}:{level}", attribute, level, reference, residual))
    for a, b in formula.interactions:
        both, skipped = _interaction(main[a], main[b])
        for (x, y), who in both.items():
            arrays.append(who)
            columns.append(Column(f"{a}:{b}:{x}:{y}", f"{a}:{b}", f"{x}:{y}", "ratio of odds ratios"))
        if skipped:
            notes.append(f"no interaction {a}:{b} of {', '.join(skipped)} (fewer than {RARE} raters, or no answer)")
    matrix = np.column_stack(arrays).astype(np.float64) if arrays else np.zeros((raters.num_rows, 0))
    return Covariates(matrix, tuple(columns), references, merged, tuple(notes))


def _levels(raters: pa.Table, attribute: str, several: Several) -> tuple[Levels, dict[str, int]]:
    """Who has each level, in the schema's order with `rare` last, and the numbers of raters of the levels merged into it."""
    if several == "each" and ATTRIBUTES[attribute].several:
        has = [set(values) for values in raters.column(attribute).to_pylist()]
    else:
        has = [{level} for level in rater_levels(raters, attribute)]
    order = [*ATTRIBUTES[attribute].values, MULTIPLE, UNDISCLOSED]
    everyone = {level: np.array([level in own for own in has], dtype=bool) for level in order}
    present = {level: who for level, who in everyone.items() if who.any()}
    small = {level: int(who.sum()) for level, who in present.items() if who.sum() < RARE}
    levels = {level: who for level, who in present.items() if level not in small}
    if small:
        levels[RARE_LEVEL] = np.any([present[level] for level in small], axis=0)
    return levels, small


def _reference(attribute: str, asked: str | None, levels: Levels, small: Mapping[str, int]) -> str:
    if asked is None:
        return next(iter(levels))
    if asked in small:
        raise PluralignError(
            "PA060", f"got reference {asked!r} of {attribute} with {small[asked]} raters; expected a level of at least {RARE}: "
            f"{', '.join(repr(level) for level in levels if level != RARE_LEVEL)}."
        )  # fmt: skip
    usable = [level for level in levels if level not in (RARE_LEVEL, UNDISCLOSED)]
    if asked not in usable:
        raise unknown("PA020", f"reference level of {attribute}", asked, usable)
    return asked


def _interaction(one: Levels, other: Levels) -> tuple[dict[tuple[str, str], NDArray[np.bool_]], list[str]]:
    """Columns of two attributes' levels together, and which were left out."""
    kept, skipped = {}, []
    for x, left in one.items():
        for y, right in other.items():
            both = left & right
            if {x, y} & {RARE_LEVEL, UNDISCLOSED} or both.sum() < RARE:
                skipped.append(f"{x}:{y}")
            else:
                kept[x, y] = both
    return kept, skipped

"""What the report says: one section an analysis, each with findings in words, figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pluralign.analysis.agreement import FEWEST_ITEMS, MEAN, DisagreementRow, alpha_rows, disagreement_rows
from pluralign.analysis.cells import Coded
from pluralign.analysis.conditional import ConditionalRow, conditional_rows
from pluralign.analysis.mixed_model import fit_all
from pluralign.analysis.mixed_model_table import Effect, MixedModel
from pluralign.analysis.numbers import interval, plain
from pluralign.analysis.raters import distributions, rater_counts
from pluralign.analysis.table import Table
from pluralign.analysis.tables import (
    alpha_table,
    conditional_table,
    counts_table,
    disagreement_table,
    distribution_table,
    effects_table,
    models_table,
    shown_p,
)
from pluralign.report import figures
from pluralign.report.beside import published, published_stars
from pluralign.report.figures import words
from pluralign.report.look import Look
from pluralign.schema import EVERYONE, MINIMUM_CELL, MULTIPLE, UNDISCLOSED

TENTATIVE = 2 / 3
"""Under it alpha supports no conclusions from averages, not even tentative ones. Source: Krippendorff (2004), Content Analysis, p. 241."""
STRONGEST = 6
"""Effects that are put in words; all stand in the table."""
SHOWN_SCALES = ("5pt", "binary")
"""Of disagreement's figure; all scales stand in its table."""


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        name: of its files.
        alt: what it shows, for those who do not see it.
        caption: how to read it.
        draw: makes it in a look.
    """

    name: str
    alt: str
    caption: str
    draw: Callable[[Look], Any]


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        name, title: of the section.
        findings: sentences that say what was found.
        figures, tables: in order.
    """

    name: str
    title: str
    findings: tuple[str, ...]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]


def raters_section(coded: Coded) -> Section:
    """Who rated, and how much."""
    counts = rater_counts(coded.ratings)
    findings = [_loads(coded)]
    told = [one for one in counts if one.value not in (MULTIPLE, UNDISCLOSED)]
    if small := [one.value for one in told if one.n_raters < MINIMUM_CELL]:
        findings.append(
            f"Groups with fewer than {MINIMUM_CELL} raters are not analysed on their own: {', '.join(map(words, small))}."
        )
    figure = Figure(
        "raters", "Bar charts of the number of raters by value of each attribute; the table below has the numbers.",
        "Raters by what they said of themselves.", lambda look: figures.raters_figure(counts, look),
    )  # fmt: skip
    return Section("raters", "Who rated", tuple(findings), (figure,) if counts else (), (counts_table(counts),))


def _loads(coded: Coded) -> str:
    """Raters an item and items a rater, whatever the dimensions."""
    pairs = coded.ratings.ratings.group_by(["item_id", "rater_id"]).aggregate([])
    if not pairs.num_rows:
        return "Nobody rated anything."
    per_item, per_rater = (
        pc.value_counts(pairs.column(name)).field("counts").to_numpy() for name in ("item_id", "rater_id")
    )
    return (
        f"An item has {per_item.mean():.1f} raters on average ({per_item.min()}–{per_item.max()}); a rater rated "
        f"{per_rater.mean():.1f} items ({per_rater.min()}–{per_rater.max()})."
    )


def distributions_section(coded: Coded, bootstrap: int, seed: int) -> Section:
    """How ratings are spread."""
    groups = coded.groups(None, MINIMUM_CELL)
    every = distributions(coded, bootstrap=bootstrap, seed=seed)
    by_group = distributions(coded, groups=groups, bootstrap=bootstrap, seed=seed)
    rated = [one for one in every if one.n_raters]
    findings = [f"Nobody rated {words(one.dimension)}." for one in every if not one.n_raters]
    if len(rated) == 1:
        (one,) = rated
        findings.append(
            f"The mean rating on {words(one.dimension)} is {interval(one.mean, one.low, one.high, 2)}, on a scale from {one.values[0]} to "
            f"{one.values[-1]}."
        )
    elif rated and len({one.scale for one in rated}) == 1:
        lowest, *_, highest = sorted(rated, key=lambda one: one.mean)
        findings.append(
            f"Mean ratings run from {interval(lowest.mean, lowest.low, lowest.high, 2)} on {words(lowest.dimension)} to "
            f"{interval(highest.mean, highest.low, highest.high, 2)} on {words(highest.dimension)}."
        )
    figure = Figure(
        "distributions", "Stacked bars of the shares of ratings on each point of the scale, by dimension.",
        "Shares of ratings, arranged around the middle of the scale: a bar that lies to the right is a dimension that raters see more of.",
        lambda look: figures.distribution_figure(rated, look),
    )  # fmt: skip
    shown = (figure,) if rated else ()
    return Section("distributions", "How they rated", tuple(findings), shown, (distribution_table(by_group),))


def disagreement_section(coded: Coded, bootstrap: int, seed: int) -> Section:
    """Where raters disagree."""
    rows = disagreement_rows(coded, bootstrap=bootstrap, seed=seed)
    marks = published(coded.ratings, "disagreement", MEAN)
    first = _headline(rows)
    finding = "No item has two ratings on one dimension, so that nothing can be said of disagreement."
    if first:
        finding = (
            f"Raters disagree on {_percents(first.share.share, first.share.low, first.share.high)} of items"
            + (" (mean of the dimensions)" if first.dimension == MEAN else f" ({words(first.dimension)})")
            + ", if any difference counts as disagreement"
            + (" on the five-point scale." if first.scale == "5pt" else f" on the {first.scale} scale.")
        )
    figure = Figure(
        "disagreement", "Dots with intervals: the share of items whose raters differ, by dimension and definition.",
        "Share of items with two raters or more whose ratings differ. Coarser scales and stricter definitions leave less of it."
        + (" Crosses are what the study published." if marks else ""),
        lambda look: figures.disagreement_figure([row for row in rows if row.scale in SHOWN_SCALES or len({r.scale for r in rows}) == 1], marks, look),
    )  # fmt: skip
    shown = (figure,) if first else ()
    return Section("disagreement", "Where raters disagree", (finding,), shown, (disagreement_table(rows),))


def _headline(rows: Sequence[DisagreementRow]) -> DisagreementRow | None:
    """The mean of the dimensions on the finest scale, else the first of them that is defined, if any is."""
    known = [row for row in rows if row.definition == "differ" and np.isfinite(row.share.share)]
    finest = [row for row in known if row.scale == known[0].scale]
    return next((row for row in finest if row.dimension == MEAN), finest[0] if finest else None)


def _percents(value: float, low: float, high: float) -> str:
    """A share with its interval, which a single cluster does not give."""
    return f"{value:.1%}" + (f" [{low:.1%}, {high:.1%}]" if np.isfinite([low, high]).all() else "")


def agreement_section(coded: Coded, bootstrap: int, seed: int) -> Section:
    """How far raters of a group agree among themselves."""
    rows = alpha_rows(coded, bootstrap=bootstrap, seed=seed)
    marks = published(coded.ratings, "alpha")
    everyone = [row for row in rows if row.group == EVERYONE and not row.suppressed]
    findings = []
    if everyone:
        alphas = [row.alpha.alpha for row in everyone]
        findings.append(
            f"Among all raters alpha is {min(alphas):z.2f} to {max(alphas):z.2f} over the dimensions"
            + (": far from agreement, so an average hides much of what the ratings hold." if max(alphas) < TENTATIVE else ".")
            if len(everyone) > 1
            else f"Among all raters alpha is {interval(everyone[0].alpha.alpha, everyone[0].alpha.low, everyone[0].alpha.high, 2)}."
        )  # fmt: skip
    few = [row for row in rows if row.alpha.n_items < FEWEST_ITEMS]
    if hidden := sorted({words(row.group) for row in few}):
        findings.append(f"Not shown where fewer than {FEWEST_ITEMS} items have two raters of the group: {', '.join(hidden)}.")  # fmt: skip
    if equal := sorted({words(row.dimension) for row in rows if row.suppressed and row not in few}):
        findings.append(f"Undefined where all ratings are one value: {', '.join(equal)}, for some group or all.")
    shown = [row for row in rows if not row.suppressed]
    figure = Figure(
        "alpha", "Dots with intervals: Krippendorff's ordinal alpha by group and dimension.",
        "Agreement of each group's raters among themselves; 1 is full agreement, 0 what chance would give. The intervals are of these raters on "
        "other items: with few raters they are too short, so that no difference between groups follows from them alone." + (" Crosses are what the study published." if marks else ""),
        lambda look: figures.alpha_figure(rows, marks, look),
    )  # fmt: skip
    return Section(
        "agreement", "How far groups agree", tuple(findings), (figure,) if shown else (), (alpha_table(rows),)
    )


def conditional_section(coded: Coded, bootstrap: int, seed: int) -> Section | None:
    """The study's Figure 1; None for a set with one dimension."""
    if len(coded.dimensions()) < 2:
        return None
    rows = conditional_rows(coded, bootstrap=bootstrap, seed=seed)
    marks = published(coded.ratings, "conditional")
    found = {(row.given, row.outcome): row.probability for row in rows}
    findings = [
        f"Of what was rated high on {words(given)}, {_percents(p.probability, p.low, p.high)} was also rated high on {words(outcome)} "
        f"(the study: {value:.1%})."
        for (given, outcome), value in marks.items()
        if (p := found[given, outcome]).n
    ]
    pairs = [row for row in rows if row.given != row.outcome and row.probability.n]
    findings = findings or [_most_telling(rows, pairs)]
    figure = Figure(
        "conditional", "Heat map: of the positive ratings on the dimension of a row, the share that is positive on that of a column.",
        "Of one rater's ratings of one item: the share that is positive (the two highest points) on the column's dimension among those that "
        "are so on the row's, with its interval over raters. In brackets: the share of all ratings. The study's Figure 1.",
        lambda look: figures.conditional_figure(rows, look),
    )  # fmt: skip
    shown = (figure,) if pairs else ()
    return Section("conditional", "What goes together", tuple(findings), shown, (conditional_table(rows),))


def _most_telling(rows: Sequence[ConditionalRow], pairs: Sequence[ConditionalRow]) -> str:
    if not pairs:
        return "Nobody rated an item high on one dimension and at all on another, so that nothing can be said of what goes together."
    own = {row.given: row.probability.probability for row in rows if row.given == row.outcome}
    # What a handful of raters shares is the largest difference in every small set.
    pairs = [row for row in pairs if row.probability.n_raters >= MINIMUM_CELL] or pairs
    best = max(pairs, key=lambda row: abs(row.probability.probability - own[row.outcome]))
    p = best.probability
    return (
        f"Of what was rated high on {words(best.given)}, {_percents(p.probability, p.low, p.high)} was also rated high on "
        f"{words(best.outcome)} ({p.n:,} ratings by {p.n_raters:,} raters), against {own[best.outcome]:.1%} of all ratings."
    )


def mixed_section(coded: Coded, jobs: int | None = None) -> Section:
    """Who rates higher or lower: the study's mixed models and its Table 1."""
    found = fit_all(coded.ratings, jobs=jobs)
    marks = published(coded.ratings, "odds_ratio")
    significant = [(model, effect) for model in found.models for effect in model.significant]
    asked = [effect for model in found.models for effect in model.effects if not effect.is_residual]
    n, remain = len(asked), sum(effect.p_holm_all < 0.05 for effect in asked)
    findings = []
    if n:
        findings.append(
            f"{len(significant)} of {n} effects have p < .05, where chance alone would give {n / 20:.1f}; after Holm over all of them "
            f"{remain or 'none'} remain{'s' if remain < 2 else ''}."
        )
    elif found.models:
        findings.append("No attribute has two levels with enough raters to compare.")
    strongest = sorted(significant, key=lambda pair: pair[1].p)[:STRONGEST]
    findings += [f"{_sentence(model, effect)}." for model, effect in strongest]
    findings += [f"{words(failure.dimension)}: no model. {failure.message}" for failure in found.failures]
    effects = {
        model.dimension: [
            (one.level, one.odds_ratio, one.low, one.high) for one in model.effects if not one.is_residual
        ]
        for model in found.models
    }
    effects = {dimension: own for dimension, own in effects.items() if own}
    figure = Figure(
        "odds-ratios", "Dots with intervals on a log scale: odds ratios of a higher rating, by level and dimension.",
        "Odds of a higher rating by raters of a level, against the reference (" + _references(found.models) + "), all attributes together, with "
        "random intercepts of raters and items." + (" Crosses are what the study published." if marks else ""),
        lambda look: figures.odds_figure(effects, marks, look),
    )  # fmt: skip
    tables = [effects_table(found.models)] if any(model.effects for model in found.models) else []
    tables += [models_table(found.models)] if found.models else []
    if marks:
        tables.insert(0, _table_1(found.models, marks))
    return Section("effects", "Who rates higher or lower", tuple(findings), (figure,) if effects else (), tuple(tables))


def _sentence(model: MixedModel, effect: Effect) -> str:
    ratio = interval(effect.odds_ratio, effect.low, effect.high, 2)
    return (
        f"{words(model.dimension).capitalize()}: {words(effect.level)} against {words(effect.reference)}, odds of a higher rating "
        f"{effect.percent:+.1f} % {effect.stars} (odds ratio {ratio}; p after Holm {shown_p(effect.p_holm_all)})"
    )


def _references(models: Sequence[MixedModel]) -> str:
    """The reference levels, once where all models share them."""
    told: dict[str, list[str]] = {}
    for model in models:
        told.setdefault(", ".join(map(words, model.references.values())), []).append(words(model.dimension))
    if len(told) < 2:
        return next(iter(told), "none")
    return "; ".join(f"{', '.join(names)}: {levels}" for levels, names in told.items())


def _table_1(models: Sequence[MixedModel], marks: Mapping[tuple[str, str], float]) -> Table:
    """The study's Table 1: what it found significant, and what these ratings show of it."""
    by_name = {(model.dimension, one.level): one for model in models for one in model.effects}
    cells, records = [], []
    for (dimension, level), value in marks.items():
        effect, stars = by_name.get((dimension, level)), published_stars()[dimension, level]
        shown = f"{interval(effect.odds_ratio, effect.low, effect.high, 2)} {effect.stars}" if effect else "–"
        cells.append([f"{words(dimension)}, {words(level)}", f"{value:.3f} {stars}", shown])
        own = {name: getattr(effect, name) for name in ("odds_ratio", "low", "high", "p", "stars")} if effect else {}
        fields = {"dimension": dimension, "level": level, "published_odds_ratio": value, "published_stars": stars}
        records.append(plain({**fields, **own}))
    return Table.of(
        "table-1", "The study's Table 1, and these ratings beside it", ["odds ratio of", "published", "these ratings [95 %]"], cells, records,
        "The study publishes its significant effects as percent changes of odds. This release was calibrated to their sizes: agreement shows that "
        "the calibration held, and is no replication. Significance was not calibrated: where the study has more stars, it estimated the effect more "
        "closely than 1,095 raters of five items allow here.",
    )  # fmt: skip

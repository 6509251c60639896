"""The tables of `pluralign stats` and of the report."""

from __future__ import annotations

from collections.abc import Sequence

from pluralign.analysis.agreement import DEFINITIONS, FEWEST_ITEMS, AlphaRow, DisagreementRow
from pluralign.analysis.conditional import ConditionalRow
from pluralign.analysis.mixed_model_table import LAPLACE_BIAS, MixedModel
from pluralign.analysis.numbers import interval, plain
from pluralign.analysis.raters import Distribution, RaterCount
from pluralign.analysis.table import Table


def counts_table(counts: Sequence[RaterCount]) -> Table:
    """Who rated."""
    return Table.of(
        "raters", "Who rated", ["attribute", "value", "raters", "share", "ratings"],
        [[one.attribute, one.value, f"{one.n_raters:,}", f"{one.share:.1%}", f"{one.n_ratings:,}"] for one in counts],
        [one.as_dict() for one in counts],
        "Raters who chose several values count under each, and once more under multiple.",
        ["raters", "share", "ratings"],
    )  # fmt: skip


def distribution_table(found: Sequence[Distribution]) -> Table:
    """How ratings are spread over the scale."""
    values = sorted({value for one in found for value in one.values})

    def shares(one: Distribution) -> list[str]:
        total = sum(one.counts)
        by_value = dict(zip(one.values, one.counts, strict=True))
        return [f"{by_value[value] / total:.1%}" if value in by_value and total else "–" for value in values]

    columns = ["dimension", "group", *map(str, values), "mean [95 %]", "ratings", "raters"]
    rows = [
        [one.dimension, one.group, *shares(one), interval(one.mean, one.low, one.high, 2), f"{sum(one.counts):,}", f"{one.n_raters:,}"]
        for one in found
    ]  # fmt: skip
    return Table.of("distributions", "How ratings are spread", columns, rows, [one.as_dict() for one in found],
                    "Shares of ratings by value of the scale; the mean's interval resamples raters, for these items.", columns[2:])  # fmt: skip


def alpha_table(rows: Sequence[AlphaRow]) -> Table:
    """Agreement by dimension and group."""
    columns = ["dimension", "group", "alpha [95 %]", "items", "raters", "remark"]
    level = rows[0].alpha.level if rows else "ordinal"
    cells = [
        [one.dimension, one.group, interval(one.alpha.alpha, one.alpha.low, one.alpha.high), f"{one.alpha.n_items:,}", f"{one.n_raters:,}",
         one.suppressed and f"not shown: {one.suppressed}"]
        for one in rows
    ]  # fmt: skip
    return Table.of(
        "alpha", f"Agreement: Krippendorff's alpha ({level})", columns, cells, [one.as_dict() for one in rows],
        f"Items are those with two raters of the group; under {FEWEST_ITEMS} of them nothing is shown. 1 is full agreement, 0 what chance "
        "would give. Intervals resample prompt templates, for these raters: with few raters they are too short.",
        ["alpha [95 %]", "items", "raters"],
    )  # fmt: skip


def disagreement_table(rows: Sequence[DisagreementRow]) -> Table:
    """Disagreement by dimension, scale and definition."""
    cells = [
        [one.dimension, one.group, one.scale, one.definition, interval(one.share.share, one.share.low, one.share.high), f"{one.share.n_items:,}"]
        for one in rows
    ]  # fmt: skip
    return Table.of(
        "disagreement", "Disagreement: share of items whose raters differ",
        ["dimension", "group", "scale", "definition", "share [95 %]", "items"], cells, [one.as_dict() for one in rows],
        " ".join(f"{name}: {text}." for name, text in DEFINITIONS.items() if any(one.definition == name for one in rows))
        + " Items with two ratings or more. The share grows with the raters an item has and with the scale's values: compare it only at "
        "equal designs. Intervals resample prompt templates.",
        ["share [95 %]", "items"],
    )  # fmt: skip


def conditional_table(rows: Sequence[ConditionalRow]) -> Table:
    """Conditional probabilities, one row a pair."""
    cells = [
        ["all ratings" if one.given == one.outcome else one.given, one.outcome, interval(p.probability, p.low, p.high), f"{p.n:,}", f"{p.n_raters:,}"]
        for one in rows for p in (one.probability,)
    ]  # fmt: skip
    return Table.of(
        "conditional", "Of what was rated high on one dimension (given), how much was so on another (outcome)",
        ["given", "outcome", "share [95 %]", "ratings", "raters"], cells, [one.as_dict() for one in rows],
        "High: the two highest of five points. Both ratings are one rater's of one item. Intervals resample raters, for these items.",
        ["share [95 %]", "ratings", "raters"],
    )  # fmt: skip


def effects_table(models: Sequence[MixedModel]) -> Table:
    """Every effect of the mixed models of several dimensions."""
    columns = [
        "dimension",
        "attribute",
        "level",
        "against",
        "odds ratio [95 %]",
        "change",
        "p",
        "p (Holm)",
        "stars",
        "raters",
    ]
    cells = [
        [model.dimension, one.term, one.level, one.reference, interval(one.odds_ratio, one.low, one.high, 2), f"{one.percent:+.1f} %",
         shown_p(one.p), shown_p(one.p_holm_all), one.stars, f"{one.n_raters:,}"]
        for model in models for one in model.effects
    ]  # fmt: skip
    records = [plain({"dimension": model.dimension, **vars(one)}) for model in models for one in model.effects]
    return Table.of(
        "effects", "Effects of who rates: cumulative link mixed models", columns, cells, records,
        "Odds of a higher rating against the reference, by Wald intervals. * p < .05, ** p < .01, *** p < .001, unadjusted as in the study; Holm "
        "over all effects but those of rare and undisclosed.",
        ["odds ratio [95 %]", "change", "p", "p (Holm)", "raters"],
    )  # fmt: skip


def models_table(models: Sequence[MixedModel]) -> Table:
    """How the mixed models fit."""
    cells = [
        [m.dimension, m.scale, f"{m.fit.n_ratings:,}", f"{m.fit.n_raters:,}", f"{m.fit.n_items:,}", f"{m.fit.sd_rater:.3f}", f"{m.fit.sd_item:.3f}",
         f"{m.fit.loglik:,.2f}", f"{m.fit.gradient_max:.0e}", "; ".join(m.notes)]
        for m in models
    ]  # fmt: skip
    columns = [
        "dimension",
        "scale",
        "ratings",
        "raters",
        "items",
        "sd of raters",
        "sd of items",
        "log-likelihood",
        "gradient",
        "notes",
    ]
    records = [
        plain({"dimension": m.dimension, "formula": m.formula, "scale": m.scale, "n_ratings": m.fit.n_ratings, "n_raters": m.fit.n_raters,
               "n_items": m.fit.n_items, "sd_rater": m.fit.sd_rater, "sd_item": m.fit.sd_item, "loglik": m.fit.loglik, "aic": m.aic,
               "gradient_max": m.fit.gradient_max, "hessian_condition": m.hessian_condition, "notes": list(m.notes)})
        for m in models
    ]  # fmt: skip
    return Table.of("models", "How the models fit", columns, cells, records, LAPLACE_BIAS, columns[2:9])


def shown_p(p: float) -> str:
    """A p value as it is shown; a dash where there is none."""
    return "–" if p != p else "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")

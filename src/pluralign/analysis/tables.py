"""The tables of `pluralign stats` and of the report."""

from __future__ import annotations

from collections.abc import Sequence

from pluralign.analysis.agreement import DEFINITIONS, FEWEST_ITEMS, AlphaRow, DisagreementRow
from pluralign.analysis.conditional import ConditionalRow
from pluralign.analysis.numbers import interval
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
                    "Shares of ratings by value of the scale; the mean's interval resamples raters.", columns[2:])  # fmt: skip


def alpha_table(rows: Sequence[AlphaRow]) -> Table:
    """Agreement by dimension and group."""
    columns = ["dimension", "group", "alpha [95 %]", "items", "raters", ""]
    level = rows[0].alpha.level if rows else "ordinal"
    cells = [
        [one.dimension, one.group, interval(one.alpha.alpha, one.alpha.low, one.alpha.high), f"{one.alpha.n_items:,}", f"{one.n_raters:,}",
         one.suppressed and f"not shown: {one.suppressed}"]
        for one in rows
    ]  # fmt: skip
    return Table.of(
        "alpha", f"Agreement: Krippendorff's alpha ({level})", columns, cells, [one.as_dict() for one in rows],
        f"Items are those with two raters of the group; under {FEWEST_ITEMS} of them nothing is shown. 1 is full agreement, 0 what chance "
        "would give. Intervals resample prompt templates.",
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
        "High: the two highest of five points. Both ratings are one rater's of one item. Intervals resample raters.",
        ["share [95 %]", "ratings", "raters"],
    )  # fmt: skip

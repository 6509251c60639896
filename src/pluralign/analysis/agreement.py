"""Krippendorff's alpha and shares of disagreement, by dimension and group, out of the three tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pluralign.analysis.cells import Cells, Coded
from pluralign.analysis.numbers import plain
from pluralign.schema import EVERYONE, MINIMUM_CELL
from pluralign.stats.agreement import Alpha, Level, krippendorff_alpha
from pluralign.stats.disagreement import Share, categories_apart, range_disagreement_share
from pluralign.stats.resampling import bootstrap_sums, cluster_sums, percentile_interval, ratios, share_interval
from pluralign.views.groups import GroupSpec

FEWEST_ITEMS = 30
"""Items with two raters of a group that an alpha must rest on; under it, it is chance what comes out, and nothing is shown."""
DEFINITIONS = {
    "differ": "the item's ratings are not all equal",
    "range-2": "the item's highest and lowest rating are two or more points apart",
}
MEAN, ANY = "mean of dimensions", "any dimension"


@dataclass(frozen=True)
class AlphaRow:
    """Agreement of one group on one dimension.

    Attributes:
        dimension, nearest: the source's name, and ours that is nearest.
        group: whose ratings.
        scale: that they were put on.
        n_raters: with a rating of the dimension.
        alpha: the estimate with its interval; `alpha`, `low` and `high` are NaN where it is suppressed.
        suppressed: why it is not shown; empty where it is.
    """

    dimension: str
    nearest: str
    group: str
    scale: str
    n_raters: int
    alpha: Alpha
    suppressed: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined number is null."""
        return plain({**asdict(self), **asdict(self.alpha)})


def alpha_rows(
    coded: Coded,
    dimensions: Sequence[str] | None = None,
    groups: Sequence[GroupSpec] | None = None,
    *,
    scale: str | None = None,
    level: Level = "ordinal",
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[AlphaRow]:
    """Alpha of every dimension and group.

    Args:
        coded: the ratings.
        dimensions: by the source's names or ours; all if None.
        groups: all with ten raters or more if None.
        scale: the finest that each dimension offers if None.
        level: of measurement.
        bootstrap: replicates over templates (prompts, where the source has no templates).
        seed: of the bootstrap.

    Raises:
        PluralignError: PA020–PA024 for names that do not exist.
    """
    chosen = coded.groups(groups, MINIMUM_CELL)
    return [
        _alpha_row(coded, coded.cells(spec, group, scale), level, bootstrap, seed)
        for spec in coded.dimensions(dimensions)
        for group in chosen
    ]


def _alpha_row(coded: Coded, cells: Cells, level: Level, bootstrap: int, seed: int) -> AlphaRow:
    n_items = int((cells.counts.sum(axis=1) > 1).sum())
    enough = n_items >= FEWEST_ITEMS
    found = krippendorff_alpha(cells.counts, level, bootstrap if enough else 0, seed, coded.clusters)
    why = ""
    if not enough:
        why = f"{n_items} items with two raters; {FEWEST_ITEMS} are needed"
        found = Alpha(np.nan, np.nan, np.nan, n_items, found.n_clusters, found.n_ratings, level, 0, 0, seed)
    elif not np.isfinite(found.alpha):
        why = "all ratings are one value"
    spec = cells.dimension
    return AlphaRow(spec.name, spec.nearest, cells.group, cells.scale, cells.n_raters, found, why)


@dataclass(frozen=True)
class DisagreementRow:
    """Share of items on which a group's raters disagree.

    Attributes:
        dimension: the source's name; `mean of dimensions` or `any dimension` for all together.
        nearest: ours that is nearest; empty for all together.
        group: whose ratings.
        scale: that they were put on.
        definition: of disagreement, a key of `DEFINITIONS`.
        share: the share with its interval.
    """

    dimension: str
    nearest: str
    group: str
    scale: str
    definition: str
    share: Share

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined number is null."""
        return plain({**asdict(self), **asdict(self.share), "definition_text": DEFINITIONS[self.definition]})


def disagreement_rows(
    coded: Coded,
    dimensions: Sequence[str] | None = None,
    groups: Sequence[GroupSpec] = (EVERYONE,),
    *,
    scales: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[DisagreementRow]:
    """Shares of disagreement by dimension, and over dimensions where there are several.

    Args:
        coded: the ratings.
        dimensions: by the source's names or ours; all if None.
        groups: whose ratings.
        scales: all that every dimension offers if None.
        bootstrap: replicates over templates (prompts, where the source has no templates).
        seed: of the bootstrap.
    """
    specs = coded.dimensions(dimensions)
    shared = [s for s in ("5pt", "3pt", "binary") if all(s in spec.scales for spec in specs)]
    found = []
    for group in groups:
        for scale in scales or shared:
            every = [coded.cells(spec, group, scale) for spec in specs]
            for definition, at_least in (("differ", 1), ("range-2", 2)):
                # On a scale of two or three values, two points apart is something else than on five.
                if definition == "range-2" and scale != "5pt":
                    continue
                for cells in every:
                    share = range_disagreement_share(
                        cells.counts, at_least, bootstrap=bootstrap, seed=seed, cluster=coded.clusters
                    )
                    found.append(
                        DisagreementRow(
                            cells.dimension.name, cells.dimension.nearest, cells.group, scale, definition, share
                        )
                    )
                if len(every) > 1:
                    found += _over_dimensions(coded, every, definition, at_least, bootstrap, seed)
    return found


def _over_dimensions(
    coded: Coded, every: Sequence[Cells], definition: str, at_least: int, bootstrap: int, seed: int
) -> list[DisagreementRow]:
    """The mean of the dimensions' shares, and the share of items with disagreement on any."""
    used = np.column_stack([cells.counts.sum(axis=1) > 1 for cells in every])
    apart = np.column_stack([categories_apart(cells.counts, at_least) for cells in every]) & used
    any_used, any_apart = used.any(axis=1), apart.any(axis=1)
    sums = cluster_sums(
        np.column_stack([apart, used, any_apart, any_used])[any_used].astype(float), coded.clusters[any_used]
    )
    k = len(every)
    totals = bootstrap_sums(sums, bootstrap, seed) if bootstrap and len(sums) > 1 else np.empty((0, 2 * k + 2))
    whole = sums.sum(axis=0, keepdims=True)

    def mean(table: Any) -> Any:
        return ratios(table[:, :k], table[:, k : 2 * k]).mean(axis=1)

    def anywhere(table: Any) -> Any:
        return ratios(table[:, 2 * k], table[:, 2 * k + 1])

    rows = []
    for name, statistic in ((MEAN, mean), (ANY, anywhere)):
        value = float(statistic(whole)[0])
        low, high = share_interval(value, *percentile_interval(statistic(totals))[:2], len(sums))
        share = Share(value, low, high, int(any_used.sum()), len(sums), bootstrap, seed)
        rows.append(DisagreementRow(name, "", every[0].group, every[0].scale, definition, share))
    return rows

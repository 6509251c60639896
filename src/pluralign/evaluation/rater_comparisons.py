"""A model's distributions beside each group's ratings: how well they fit, which group's they fit best, what naming a group does.

Groups of an attribute are compared on the items that all of them rated, and drawn jointly, so that differences are paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pluralign.evaluation.rater_docs import contrasts
from pluralign.evaluation.rater_rows import ALL, NAN, UNDEFINED, Consistency, Interval, Nearest, Row, Steer
from pluralign.evaluation.rater_scores import Cell, Predictions, Rated, average, rivals, shown_groups, skills
from pluralign.stats.proper_scores import (
    POOLED_MINIMUM,
    pairwise_log_loss,
    pooled_jensen_shannon,
    unbiased_cramer_distance,
)
from pluralign.stats.reliability import correlation, split_half
from pluralign.stats.resampling import Floats, percentile_interval


@dataclass(frozen=True)
class Comparison:
    """Human ratings, the groups of them that are compared, and how intervals are drawn.

    Attributes:
        rated: the ratings.
        compared: attribute -> its groups.
        bootstrap, seed: of all intervals.
    """

    rated: Rated
    compared: Mapping[str, Sequence[str]]
    bootstrap: int
    seed: int

    def cells(self, group: str, predictions: Predictions) -> dict[str, Cell]:
        """Dimension -> a group's ratings of the items that all groups of its attribute have rated."""
        return self.rated.cells(group, rivals(group, self.compared), predictions)

    def pooled_skill(self, group: str, predictions: Predictions) -> Interval:
        """Mean over dimensions of a group's skill, with the interval that `fit` gives it."""
        cells, values, draws = self._drawn(predictions)
        of = [k for k, (whose, _) in enumerate(cells) if whose == group]
        return interval(*average(values[of], draws[:, of]))

    def _drawn(self, predictions: Predictions) -> tuple[dict[tuple[str, str], Cell], Floats, Floats]:
        """The cells of all groups and dimensions, their skills, and replicates that are drawn jointly."""
        cells = {(g, d): cell for g in shown_groups(self.compared) for d, cell in self.cells(g, predictions).items()}
        return cells, *skills(list(cells.values()), self.bootstrap, self.seed)

    def fit(self, language: str, predictions: Predictions) -> tuple[list[Row], list[Nearest]]:
        """How well a model fits each group as it comes, and which group of an attribute it fits best."""
        cells, values, draws = self._drawn(predictions)
        at = {key: k for k, key in enumerate(cells)}
        dimensions = list(dict.fromkeys(dimension for _, dimension in cells))
        rows = []
        for group in shown_groups(self.compared):
            of = [at[group, d] for d in dimensions]
            for k, dimension in zip(of, dimensions, strict=True):
                skill = interval(float(values[k]), draws[:, k])
                rows.append(_row(language, group, dimension, cells[group, dimension], skill, self.seed))
            pooled = interval(*average(values[of], draws[:, of]))
            rows.append(_mean_row(language, group, [cells[group, d] for d in dimensions], pooled))
        nearest = []
        for attribute, groups in self.compared.items():
            for name, chosen in [*((d, [d]) for d in dimensions), (ALL, dimensions)]:
                means = {}
                for group in groups:
                    of = [at[group, d] for d in chosen]
                    means[group] = average(values[of], draws[:, of])
                n_items = sum(len(cells[groups[0], d].p) for d in chosen)
                nearest.append(_nearest(language, attribute, name, means, n_items))
        return rows, nearest

    def steering(self, language: str, named: Mapping[str, Predictions]) -> list[Steer]:
        """What naming each group does.

        Args:
            language: of the predictions.
            named: the group that was named, "" for none -> predictions.
        """
        found = []
        for group, wrong in contrasts(self.compared).items():
            if group not in named or wrong not in named:
                continue
            right, other, plain = named[group], named[wrong], named.get("", {})
            both: Predictions = {key: right[key] for key in right if key in other}
            unnamed: Predictions = {key: p for key, p in both.items() if key in plain}
            (net, away, specific), n_items = self._exchanged(group, wrong, both, other)
            found.append(Steer(language, group, wrong, self._gain(group, unnamed, plain), away, net, specific, n_items))
        return found

    def _exchanged(
        self, group: str, wrong: str, right: Predictions, other: Predictions
    ) -> tuple[tuple[Interval, Interval, Interval], int]:
        """Net, away and their mean: both groups' ratings, each by its own name less by the other's, drawn jointly."""
        exchanged = {key: other[key] for key in right}
        used = ((group, right), (group, exchanged), (wrong, exchanged), (wrong, right))
        cells = [list(self.cells(whose, predictions).values()) for whose, predictions in used]
        values, draws = skills([cell for of in cells for cell in of], self.bootstrap, self.seed)
        by_set, drawn = values.reshape(4, -1), draws.reshape(len(draws), 4, -1)
        net = average(by_set[0] - by_set[1], drawn[:, 0] - drawn[:, 1])
        away = average(by_set[2] - by_set[3], drawn[:, 2] - drawn[:, 3])
        both = (net[0] + away[0]) / 2, (net[1] + away[1]) / 2
        return (interval(*net), interval(*away), interval(*both)), sum(len(cell.p) for cell in cells[0])

    def _gain(self, group: str, one: Predictions, other: Predictions) -> Interval:
        """Mean over dimensions of the skill of `one` less that of `other` for a group's ratings, on the items that both have."""
        shared = {key: p for key, p in one.items() if key in other}
        of_one = list(self.cells(group, shared).values())
        of_other = list(self.cells(group, {key: other[key] for key in shared}).values())
        values, draws = skills([*of_one, *of_other], self.bootstrap, self.seed)
        half = len(of_one)
        return interval(*average(values[:half] - values[half:], draws[:, :half] - draws[:, half:]))

    def consistency(self, nearest: Sequence[Nearest]) -> dict[str, Consistency]:
        """Attribute -> its most frequent nearest group over dimensions and languages."""
        found = {}
        for attribute in dict.fromkeys(one.attribute for one in nearest):
            cells = [one.group for one in nearest if one.attribute == attribute and one.dimension != ALL and one.group]
            if cells:
                group, n = Counter(cells).most_common(1)[0]
                chance = chance_share(len(cells), len(self.compared[attribute]))
                found[attribute] = Consistency(group, n / len(cells), len(cells), chance)
        return found


def interval(value: float, replicates: Floats) -> Interval:
    """A number with the percentile interval of its replicates; undefined where the number is."""
    return Interval(value, *percentile_interval(replicates)) if np.isfinite(value) else UNDEFINED


def chance_share(n_cells: int, n_groups: int) -> float:
    """Mean share of the most frequent of some groups, where each cell's is drawn at random; of 10,000 drawings.

    >>> round(chance_share(2, 2), 1), chance_share(1, 2)  # of two cells: half of the time both, else one
    (0.8, 1.0)
    """
    drawn = np.random.default_rng(0).multinomial(n_cells, np.full(n_groups, 1 / n_groups), size=10_000)
    return float(drawn.max(axis=1).mean() / n_cells)


def _row(language: str, group: str, dimension: str, cell: Cell, skill: Interval, seed: int) -> Row:
    counts, expectation = cell.counts, cell.p @ cell.points
    n = counts.sum(axis=1)
    # The ceiling is of the items that have two ratings, so the correlation is of the same ones.
    several = n > 1
    means = (counts @ cell.points) / np.maximum(n, 1)
    pooled: Mapping[str, float] = {"distance": NAN, "floor": NAN}
    if n.sum() >= POOLED_MINIMUM:
        pooled = pooled_jensen_shannon(cell.p, counts, seed=seed)
    cramer = unbiased_cramer_distance(cell.p, counts)[several] if several.any() else np.array([NAN])
    return Row(
        language, group, dimension, skill, float(cramer.mean()), _pairwise(cell), correlation(expectation[several], means[several]),
        split_half(cell.item, cell.points[cell.category], seed=seed).ceiling, pooled["distance"], pooled["floor"],
        len(cell.p), len(np.unique(cell.rater)), len(cell.item),
    )  # fmt: skip


def _mean_row(language: str, group: str, cells: Sequence[Cell], skill: Interval) -> Row:
    n_raters = len(np.unique(np.concatenate([cell.rater for cell in cells]))) if cells else 0
    return Row(language, group, ALL, skill, NAN, NAN, NAN, NAN, NAN, NAN, sum(len(cell.p) for cell in cells), n_raters,
               sum(len(cell.item) for cell in cells))  # fmt: skip


def _pairwise(cell: Cell) -> float:
    """Within-prompt log-loss: each pair of items counts once, its untied votes shared between both orders."""
    first, second = np.triu_indices(len(cell.p), 1)
    same = cell.prompt[first] == cell.prompt[second]
    first, second, counts = first[same], second[same], cell.counts
    below = np.cumsum(counts, axis=1) - counts
    wins = (counts[first] * below[second]).sum(axis=1).astype(np.float64)
    losses = (counts[second] * below[first]).sum(axis=1)
    decided = wins + losses > 0
    first, second, share = first[decided], second[decided], wins[decided] / (wins + losses)[decided]
    expectation = cell.p @ cell.points
    gap, prompt = expectation[first] - expectation[second], cell.prompt[first]
    return pairwise_log_loss(np.r_[gap, -gap], np.r_[share, 1 - share], np.r_[prompt, prompt])[0]


def _nearest(
    language: str, attribute: str, dimension: str, means: Mapping[str, tuple[float, Floats]], n_items: int
) -> Nearest:
    """The group of highest mean, of group -> mean and replicates."""
    ranked = sorted((group for group in means if np.isfinite(means[group][0])), key=lambda group: -means[group][0])
    if len(ranked) < 2:
        return Nearest(language, attribute, dimension, "", "", UNDEFINED, n_items)
    (best, best_draws), (second, second_draws) = means[ranked[0]], means[ranked[1]]
    difference = interval(best - second, best_draws - second_draws)
    return Nearest(language, attribute, dimension, ranked[0], ranked[1], difference, n_items)

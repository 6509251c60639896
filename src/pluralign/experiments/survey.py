"""By how much two groups' ratings differ: what Figure 2 lays beside the models that learnt from them.

The study shows differences "estimated from the survey" and does not say on which scale. Here it is the difference of mean ratings, each
(rating − 1) / 4: on the scale of the judge's scores, which an odds ratio is not. It is no contrast of equal items: each group rated those
it was shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pluralign.errors import PluralignError
from pluralign.experiments.cells import CONTRASTS
from pluralign.ratings import Ratings
from pluralign.stats.resampling import bootstrap_sums, cluster_sums, percentile_interval, ratios


@dataclass(frozen=True)
class SurveyDifference:
    """Mean rating of a group minus that of another, on 0–1.

    Attributes:
        dimension, first, second: what was rated by whom.
        estimate: the difference.
        low, high: 95 % percentile interval over raters, drawn jointly, since some belong to both.
        n_ratings, n_raters: of the two groups.
    """

    dimension: str
    first: str
    second: str
    estimate: float
    low: float
    high: float
    n_ratings: tuple[int, int]
    n_raters: tuple[int, int]


def survey_differences(ratings: Ratings, *, bootstrap: int, seed: int) -> list[SurveyDifference]:
    """Of experiment 1's contrasts; none for what these ratings have not."""
    found = []
    for dimension, first, second in CONTRASTS:
        try:
            spec = ratings.provenance.dimension(dimension)
            views = [ratings.view(group, "5pt", "individual", dimension) for group in (first, second)]
        except PluralignError:
            continue  # ratings of people need not have the dimension, the scale or the groups
        if not all(view.num_rows for view in views):
            continue
        raters = [view.column("rater_id").to_pylist() for view in views]
        values = [(view.column("value").to_numpy().astype(float) - 1.0) / 4.0 for view in views]
        columns = np.zeros((len(values[0]) + len(values[1]), 4))
        columns[: len(values[0]), :2] = np.column_stack([values[0], np.ones(len(values[0]))])
        columns[len(values[0]) :, 2:] = np.column_stack([values[1], np.ones(len(values[1]))])
        drawn = bootstrap_sums(cluster_sums(columns, raters[0] + raters[1]), max(bootstrap, 2), seed)
        low, high, _ = percentile_interval(ratios(drawn[:, 0], drawn[:, 1]) - ratios(drawn[:, 2], drawn[:, 3]))
        if not bootstrap:
            low, high = np.nan, np.nan
        n_ratings, n_raters = (len(values[0]), len(values[1])), (len(set(raters[0])), len(set(raters[1])))
        estimate = float(values[0].mean() - values[1].mean())
        found.append(SurveyDifference(spec.nearest, first, second, estimate, low, high, n_ratings, n_raters))
    return found

"""What the jury can tell apart: where its ratings by two groups are nearly one score, no model can serve one of them better than the other.

The shipped rater model's groups differ by shifts that are nearly the same on every answer, and a shift that is the same on every answer
cancels in (AA − BA) + (BB − AB).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pluralign.experiments.cells import BASE, CONTRASTS
from pluralign.experiments.outcomes import JURY, Outcomes
from pluralign.report.figures import words


@dataclass(frozen=True)
class JuryReach:
    """How far the jury tells two groups apart on the base's answers.

    Attributes:
        model: its short name.
        dimension, first, second: what is rated by whom, a contrast of experiment 1.
        correlation: Pearson's, over prompts, of the two groups' ratings, −1 to 1; NaN where one of them does not vary.
        n_prompts: with both.
    """

    model: str
    dimension: str
    first: str
    second: str
    correlation: float
    n_prompts: int


def jury_reaches(outcomes: Outcomes) -> list[JuryReach]:
    """Of every contrast of experiment 1 in every model whose base the jury rated."""
    found = []
    for dimension, first, second in CONTRASTS:
        for model in outcomes.results.models:
            for base in outcomes.results.of(model, BASE):
                a, b = (outcomes.scores(base, f"{JURY}.{dimension}.{group}") for group in (first, second))
                both = np.isfinite(a) & np.isfinite(b)
                a, b = a[both], b[both]
                if len(a):
                    varies = len(a) > 1 and bool(np.ptp(a) > 0) and bool(np.ptp(b) > 0)
                    correlation = float(np.corrcoef(a, b)[0, 1]) if varies else float("nan")
                    found.append(JuryReach(model, dimension, first, second, correlation, len(a)))
    return found


def reach_told(reaches: Sequence[JuryReach]) -> list[str]:
    """A sentence for each contrast."""
    told = []
    for dimension, first, second in CONTRASTS:
        own = [one for one in reaches if (one.dimension, one.first, one.second) == (dimension, first, second)]
        if own:
            listed = ", ".join(f"{one.correlation:.3f} ({one.model})" for one in own)
            told.append(
                f"The jury's reach on {words(dimension)}, {first} and {second}: its ratings of the base's answers by the two groups correlate {listed}. "
                "Where the two are nearly one, a zero own-group advantage by the jury says nothing."
            )
    return told

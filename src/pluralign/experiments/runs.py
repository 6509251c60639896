"""The runs that a contrast is made of: the seeds that all of its fine-tuned arms have, so that each seed gives a contrast of its own.

An arm's further seeds are left out, and named: with them a difference between two arms could be a difference between seeds. The base has
no seed: it is one system, whatever it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pluralign.experiments.cells import BASE
from pluralign.experiments.contrasts import seeds_of
from pluralign.experiments.estimands import Contrast, Term
from pluralign.experiments.outcomes import Outcomes
from pluralign.experiments.results import Finished
from pluralign.stats.effects import contrast_values
from pluralign.stats.resampling import Floats


@dataclass(frozen=True, eq=False)
class Runs:
    """Of a contrast in a model.

    Attributes:
        model: its short name.
        seeds: that every fine-tuned arm has, with scores.
        left_out: seeds of some arm that are not among them.
        cells: of each term, in the order of the seeds; of the base just one.
        scores: of each term, (n_seeds, n_prompts), of the base (1, n_prompts); 0–1, NaN where missing.
    """

    model: str
    seeds: tuple[int, ...]
    left_out: tuple[int, ...]
    cells: tuple[tuple[Finished, ...], ...]
    scores: list[Floats]

    def by_seed(self, weights: Floats) -> dict[int, float]:
        """The contrast in each seed, on the prompts that are complete in all of them: their mean is the estimate."""
        kept = np.isfinite(contrast_values(self.scores, weights))
        if not kept.any():
            return {}
        each = sum(weight * one[:, kept] for weight, one in zip(weights, self.scores, strict=True))
        return dict(zip(self.seeds, np.asarray(each).mean(axis=1).tolist(), strict=True))


def runs_of(outcomes: Outcomes, wanted: Contrast, model: str) -> Runs | None:
    """The runs of a contrast in a model that has all of its cells.

    Returns:
        None where no seed of all arms has any score.
    """
    every = [
        {one.cell.seed: one for one in outcomes.results.of(model, term.name)} for term in wanted.terms
    ]  # fmt: skip

    def scored(term: Term, one: Finished) -> bool:
        return bool(np.isfinite(_scores(outcomes, term, one)).any())

    shared, others = seeds_of(outcomes.results, model, wanted)
    seeds = [
        seed for seed in shared
        if all(scored(term, of[seed]) for term, of in zip(wanted.terms, every, strict=True) if term.name != BASE)
    ]  # fmt: skip
    cells = tuple(
        tuple(of[seed] for seed in seeds) if term.name != BASE else tuple(of.values())[:1]
        for term, of in zip(wanted.terms, every, strict=True)
    )
    if not seeds or not all(scored(term, one) for term, of in zip(wanted.terms, cells, strict=True) for one in of):
        return None
    scores = [
        np.vstack([_scores(outcomes, term, one) for one in of]) for term, of in zip(wanted.terms, cells, strict=True)
    ]
    left_out = sorted({*shared, *others} - {*seeds})
    return Runs(model, tuple(seeds), tuple(left_out), cells, scores)


def _scores(outcomes: Outcomes, term: Term, one: Finished) -> Floats:
    values = outcomes.scores(one, term.outcome)
    return 1.0 - values if term.flipped else values

"""Whether models learnt what was planted: order accuracy on held-out answers, cell by cell, and where they went for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pluralign.experiments.cells import BASE
from pluralign.experiments.outcomes import ORDER, Outcomes, known_mean
from pluralign.experiments.results import SCORES, Finished
from pluralign.experiments.truth import SETS
from pluralign.preferences import CONDITIONS
from pluralign.schema import EVERYONE
from pluralign.stats.effects import contrast
from pluralign.stats.resampling import Floats, share_interval
from pluralign.stats.runs import over_runs

CHANCE = 0.5


@dataclass(frozen=True)
class Recovery:
    """How far a fine-tune orders answers as those truly do whom it was trained on.

    Attributes:
        model, name: of the cell.
        set: `e` or `test`.
        dimension, group: whose truth: a dimension and the group that were trained on.
        share: mean over prompts of the share of pairs in the true order, seeds averaged.
        low, high: its 95 % interval, over templates and seeds with two seeds or more, over templates with one (`stats.runs`), cut at 0 and 1;
            exact where the share is 0 or 1.
        p: of "chance", two-sided.
        by_seed: seed -> share, on the prompts that all seeds have.
        n_prompts, n_clusters: with a pair whose order is known.
    """

    model: str
    name: str
    set: str
    dimension: str
    group: str
    share: float
    low: float
    high: float
    p: float
    by_seed: Mapping[int, float]
    n_prompts: int
    n_clusters: int

    @property
    def is_shuffled(self) -> bool:
        """Whether its labels were drawn by coin."""
        return self.name.endswith(".shuffled")


def recoveries(outcomes: Outcomes) -> list[Recovery]:
    """Of every cell with a truth, in the order of models and names."""
    cells: dict[tuple[str, str], list[Finished]] = {}
    for one in outcomes.results.cells:
        if one.cell.condition != BASE and one.cell.condition in CONDITIONS:
            cells.setdefault((one.model, one.cell.name), []).append(one)
    found = []
    for (model, name), of in sorted(cells.items()):
        trained = CONDITIONS[of[0].cell.condition]
        for dimension in trained.dimensions:
            for which in SETS:
                # By the null release's own truth all groups are one: everyone's.
                group = EVERYONE if of[0].is_null else trained.group_name
                outcome = f"{ORDER}.{which}.{dimension}.{group}"
                runs = {
                    one.cell.seed: outcomes.scores(one, outcome) for one in sorted(of, key=lambda one: one.cell.seed)
                }
                runs = {seed: scores for seed, scores in runs.items() if np.isfinite(scores).any()}
                if runs:
                    clusters = outcomes.axis(outcome).clusters
                    found.append(_recovery((model, name, which, dimension, group), runs, clusters))
    return found


def _recovery(names: tuple[str, str, str, str, str], runs: Mapping[int, Floats], clusters: tuple[str, ...]) -> Recovery:
    scores = np.vstack([*runs.values()])
    effect = contrast([scores, np.full(scores.shape[1], CHANCE)], [1.0, -1.0], clusters, bootstrap=0)
    whole = scores[:, np.isfinite(scores).all(axis=0)]
    by_seed = dict(zip(runs, whole.mean(axis=1).tolist() if whole.size else [math.nan] * len(runs), strict=True))
    read = over_runs(effect.estimate, effect.se, effect.n_clusters, list(by_seed.values()))
    share = effect.estimate + CHANCE
    # By t an interval of few seeds that differ much would reach shares that there are not; NaN stays NaN.
    low, high = np.clip([read.low + CHANCE, read.high + CHANCE], 0.0, 1.0).tolist()
    if math.isnan(low) and share in (0.0, 1.0):
        low, high = share_interval(share, share, share, effect.n_clusters)
    return Recovery(*names, share, low, high, read.p, by_seed, effect.n_pairs, effect.n_clusters)


@dataclass(frozen=True)
class FrontierPoint:
    """What a fine-tune gained, and how far from its base it went for it.

    Attributes:
        model, name, seed: of the cell.
        at: share of the run, 1 at its end; NaN where it is not told.
        kl: nats an answer.
        gain: dimension -> change of the mean score against the base, in the dimension's own direction; of answers in the grid's first
            language, as on the way no others are measured.
    """

    model: str
    name: str
    seed: int
    at: float
    kl: float
    gain: Mapping[str, float]


def frontier(outcomes: Outcomes) -> list[FrontierPoint]:
    """The end of every run whose KL is known and whose base is there, and the points on the way that were measured."""
    found = []
    language = _first_language(outcomes)
    asked = np.array([of == language for of, _ in outcomes.axis(SCORES[0]).keys], dtype=bool)
    for one in outcomes.results.cells:
        base = outcomes.results.of(one.model, BASE)
        if one.cell.condition == BASE or not base:
            continue
        if one.frontier is not None:
            table = base[0].answers[language]
            first = {name: known_mean(table.column(name).to_numpy()) for name in SCORES}
            for row in one.frontier.to_pylist():
                gain = {name: row[name] - first[name] for name in SCORES}
                at = row.get("share", math.nan)
                found.append(
                    FrontierPoint(
                        one.model,
                        one.cell.name,
                        one.cell.seed,
                        math.nan if at is None else float(at),
                        float(row["kl"]),
                        gain,
                    )
                )
        if math.isfinite(one.kl):
            gain = {
                name: known_mean((outcomes.scores(one, name) - outcomes.scores(base[0], name))[asked])
                for name in SCORES
            }
            found.append(FrontierPoint(one.model, one.cell.name, one.cell.seed, 1.0, one.kl, gain))
    return found


def _first_language(outcomes: Outcomes) -> str:
    asked = outcomes.results.settings.get("languages") or outcomes.results.languages
    return str(asked[0])

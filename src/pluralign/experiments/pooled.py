"""Effects of each model, and of all of them pooled.

Seeds nest in models: they are averaged, and listed, and are never studies of their own. Intervals of one model resample prompt
templates and are about these checkpoints; beside them stands, where there are several seeds, an interval that draws seeds too. Pooled
effects are `stats.joint`'s, since all models answered the same prompts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from pluralign.experiments.cells import BASE
from pluralign.experiments.contrasts import Contrast, has_all
from pluralign.experiments.outcomes import Outcomes, by_further, is_judged
from pluralign.experiments.results import Finished
from pluralign.stats.effects import Effect, contrast, paired_difference
from pluralign.stats.joint import JointPooled, joint_effects, pool_jointly
from pluralign.stats.pooling import FEWEST_MODELS, NO_INTERVAL, Interval, holm
from pluralign.stats.resampling import Floats, percentile_interval

REPLICATES = 2000
"""Of joint draws, at most: they give percentiles only."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class ModelEffect:
    """A contrast in one model.

    Attributes:
        model: its short name.
        effect: estimate, BCa interval over templates, counts.
        p: two-sided, t with one degree of freedom less than clusters; NaN where there is no standard error.
        p_holm: over the contrast's family within this model.
        with_seeds: 95 % percentile interval over drawn templates and seeds; NaN with one seed of each arm.
        by_seed: seed -> estimate, for seeds that all fine-tuned arms have.
    """

    model: str
    effect: Effect
    p: float
    p_holm: float
    with_seeds: Interval
    by_seed: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class GridEffect:
    """A contrast in every model that has it, and pooled.

    Attributes:
        contrast: what is compared.
        models: by model.
        pooled: over models; None where only one has it.
        p_holm: of the joint inference, over the contrast's family.
        notes: what limits it, in words.
    """

    contrast: Contrast
    models: tuple[ModelEffect, ...]
    pooled: JointPooled | None
    p_holm: float
    notes: tuple[str, ...]

    @property
    def headline(self) -> tuple[float, float, float, float]:
        """Estimate, interval and p to be read first: pooled by the joint inference, or of the only model."""
        if self.pooled is not None:
            joint = self.pooled.joint
            return self.pooled.estimate, joint.low, joint.high, joint.p
        only = self.models[0]
        return only.effect.estimate, only.effect.low, only.effect.high, only.p


def grid_effects(
    outcomes: Outcomes, wanted: Sequence[Contrast], *, bootstrap: int, seed: int, say: Say = lambda _: None
) -> list[GridEffect]:  # fmt: skip
    """Compute contrasts, with Holm's p within their families.

    Args:
        outcomes: of the cells.
        wanted: each with all cells in some model.
        bootstrap, seed: of all intervals.
        say: told each contrast before it is computed.

    Returns:
        One for each contrast that is defined in some model: outcomes that were not measured give none.
    """
    found = []
    for one in wanted:
        say(f"{one.experiment}: {one.label}, {one.outcome}")
        effect = _grid_effect(outcomes, one, bootstrap, seed)
        if effect.models:
            found.append(effect)
    return _with_holm(found)


def _grid_effect(outcomes: Outcomes, wanted: Contrast, bootstrap: int, seed: int) -> GridEffect:
    models = [model for model in outcomes.results.models if has_all(outcomes.results, model, wanted)]
    clusters = _clusters(outcomes, wanted)
    by_model = {model: systems(outcomes, wanted, model) for model in models} if len(clusters) else {}
    by_model = {model: own for model, own in by_model.items() if all(np.isfinite(one).any() for one in own)}
    weights = np.array([term.weight for term in wanted.terms])
    found = tuple(
        _model_effect(outcomes, wanted, model, own, clusters, bootstrap, seed) for model, own in by_model.items()
    )
    pooled: JointPooled | None = None
    notes: list[str] = []
    if len(found) > 1:
        every = [scores for own in by_model.values() for scores in own]
        rows = np.kron(np.eye(len(by_model)), weights)
        joint = joint_effects(every, rows, clusters, bootstrap=min(bootstrap, REPLICATES), seed=seed)
        pooled = pool_jointly(joint.estimates, joint.covariance, joint.replicates)
        notes += pooled.pooled.notes
    elif found:
        notes.append(f"no pooled effect: one model; expected at least {FEWEST_MODELS} for an interval")
    return GridEffect(wanted, found, pooled, math.nan, tuple(notes))


def systems(outcomes: Outcomes, wanted: Contrast, model: str) -> list[Floats]:
    """(n_seeds, n_prompts) scores of each term of a contrast in a model."""
    return [
        np.vstack([_scores(outcomes, wanted, cell, k) for cell in cells])
        for k, cells in enumerate(_cells(outcomes, wanted, model))
    ]


def _scores(outcomes: Outcomes, wanted: Contrast, cell: Finished, k: int) -> Floats:
    term = wanted.terms[k]
    values = outcomes.scores(cell, term.outcome, wanted.is_null)
    return 1.0 - values if term.flipped else values


def _cells(outcomes: Outcomes, wanted: Contrast, model: str) -> list[tuple[Finished, ...]]:
    return [outcomes.results.of(model, term.name) for term in wanted.terms]


def _clusters(outcomes: Outcomes, wanted: Contrast) -> NDArray[np.str_]:
    return np.array(outcomes.axis(wanted.terms[0].outcome, wanted.is_null).clusters)


def _model_effect(
    outcomes: Outcomes, wanted: Contrast, model: str, own: list[Floats], clusters: NDArray[np.str_], bootstrap: int, seed: int
) -> ModelEffect:  # fmt: skip
    weights = [term.weight for term in wanted.terms]
    if (is_judged(wanted.outcome) or by_further(wanted.outcome)) and weights == [1.0, -1.0]:
        effect = paired_difference(own[0], own[1], clusters, bootstrap=bootstrap, seed=seed)
    else:
        effect = contrast(own, weights, clusters, bootstrap=bootstrap, seed=seed)
    with_seeds = NO_INTERVAL
    if bootstrap and any(len(one) > 1 for one in own):
        drawn = joint_effects(
            own, [weights], clusters, bootstrap=min(bootstrap, REPLICATES), seed=seed, resample_seeds=True
        )
        if math.isfinite(effect.se):
            with_seeds = Interval(*percentile_interval(drawn.replicates[:, 0])[:2])
    p = (
        2.0 * float(stdtr(effect.n_clusters - 1, -abs(effect.estimate) / effect.se))
        if math.isfinite(effect.se)
        else math.nan
    )
    return ModelEffect(model, effect, p, math.nan, with_seeds, _by_seed(outcomes, wanted, model, own, clusters))


def _by_seed(
    outcomes: Outcomes, wanted: Contrast, model: str, own: list[Floats], clusters: NDArray[np.str_]
) -> dict[int, float]:  # fmt: skip
    """The estimate of each seed that all fine-tuned arms have; the base has one for all."""
    cells = _cells(outcomes, wanted, model)
    rows = [{one.cell.seed: k for k, one in enumerate(of)} for of in cells]
    tuned = [set(row) for row, term in zip(rows, wanted.terms, strict=True) if term.name != BASE]
    weights = [term.weight for term in wanted.terms]
    found = {}
    for seed in sorted(set.intersection(*tuned)):
        chosen = [
            scores[0 if term.name == BASE else row[seed]] for scores, row, term in zip(own, rows, wanted.terms, strict=True)
        ]  # fmt: skip
        found[seed] = contrast(chosen, weights, clusters, bootstrap=0).estimate
    return found


def _with_holm(effects: Sequence[GridEffect]) -> list[GridEffect]:
    """Holm's p over each family: of the pooled effects, and of each model's."""
    found = list(effects)
    families: dict[tuple[str, ...], list[int]] = {}
    for k, one in enumerate(found):
        families.setdefault(one.contrast.family, []).append(k)
    for places in families.values():
        joint = holm([math.nan if found[k].pooled is None else found[k].headline[3] for k in places])
        for k, p in zip(places, joint, strict=True):
            found[k] = replace(found[k], p_holm=float(p))
        for model in {one.model for k in places for one in found[k].models}:
            own = [(k, i) for k in places for i, one in enumerate(found[k].models) if one.model == model]
            adjusted = holm([found[k].models[i].p for k, i in own])
            for (k, i), p in zip(own, adjusted, strict=True):
                models = list(found[k].models)
                models[i] = replace(models[i], p_holm=float(p))
                found[k] = replace(found[k], models=tuple(models))
    return found

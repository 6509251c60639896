"""Effects of each model, and of all of them pooled.

Seeds nest in models: they are averaged, and listed, and are never studies of their own. What one model shows is told with an interval that
has the chance of training in it wherever a contrast was run with several seeds (`stats.runs`); with one seed it is about these
checkpoints, and says so. Pooled effects are `stats.joint`'s, since all models answered the same prompts; there the seeds' noise is part
of tau².
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pluralign.experiments.contrasts import has_all
from pluralign.experiments.estimands import Contrast
from pluralign.experiments.outcomes import Outcomes, is_scored
from pluralign.experiments.runs import Runs, runs_of
from pluralign.stats.effects import Effect, contrast, paired_difference
from pluralign.stats.joint import JointPooled, joint_effects, pool_jointly
from pluralign.stats.pooling import FEWEST_MODELS, Inference, holm
from pluralign.stats.runs import over_runs

REPLICATES = 2000
"""Of joint draws, at most: they give percentiles only."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class ModelEffect:
    """A contrast in one model.

    Attributes:
        model: its short name.
        effect: estimate, counts, and the BCa interval over templates, which is about these checkpoints whatever the number of seeds.
        inference: the interval and p to be read: over templates and seeds with two seeds or more, over templates with one.
        p_holm: over the contrast's family within this model.
        by_seed: seed -> estimate, of the seeds that all fine-tuned arms have.
        left_out: seeds that only some arms have, or that no score is of.
    """

    model: str
    effect: Effect
    inference: Inference
    p_holm: float
    by_seed: Mapping[int, float]
    left_out: tuple[int, ...]

    @property
    def p(self) -> float:
        """Two-sided; NaN where there is no standard error."""
        return self.inference.p

    @property
    def estimate(self) -> tuple[float, float, float]:
        """Estimate and the interval to be read."""
        return self.effect.estimate, self.inference.low, self.inference.high

    @property
    def of_runs(self) -> bool:
        """Whether the interval has the chance of training in it."""
        return len(self.by_seed) > 1


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
        return *only.estimate, only.p

    @property
    def of_runs(self) -> bool:
        """Whether what is to be read first is about the method and not about these checkpoints alone: pooled, or of several seeds."""
        return self.pooled is not None or self.models[0].of_runs


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
    runs = [runs_of(outcomes, wanted, model) for model in models] if len(clusters) else []
    of_models = [own for own in runs if own is not None]
    weights = np.array([term.weight for term in wanted.terms])
    found = tuple(_model_effect(wanted, own, clusters, bootstrap, seed) for own in of_models)
    pooled: JointPooled | None = None
    notes: list[str] = []
    if len(found) > 1:
        every = [scores for own in of_models for scores in own.scores]
        rows = np.kron(np.eye(len(of_models)), weights)
        joint = joint_effects(every, rows, clusters, bootstrap=min(bootstrap, REPLICATES), seed=seed)
        pooled = pool_jointly(joint.estimates, joint.covariance, joint.replicates)
        notes += pooled.pooled.notes
    elif found:
        notes.append(f"no pooled effect: one model; expected at least {FEWEST_MODELS} for an interval")
    for one in found:
        if one.left_out:
            told = ", ".join(map(str, one.left_out))
            notes.append(
                f"{one.model}: of seeds {told} not every arm is there, scored, or at its KL: they are left out"
            )
    return GridEffect(wanted, found, pooled, math.nan, tuple(notes))


def _clusters(outcomes: Outcomes, wanted: Contrast) -> NDArray[np.str_]:
    return np.array(outcomes.axis(wanted.terms[0].outcome).clusters)


def _model_effect(wanted: Contrast, own: Runs, clusters: NDArray[np.str_], bootstrap: int, seed: int) -> ModelEffect:
    weights = np.array([term.weight for term in wanted.terms])
    if is_scored(wanted.outcome) and weights.tolist() == [1.0, -1.0]:
        effect = paired_difference(own.scores[0], own.scores[1], clusters, bootstrap=bootstrap, seed=seed)
    else:
        effect = contrast(own.scores, weights, clusters, bootstrap=bootstrap, seed=seed)
    by_seed = own.by_seed(weights)
    inference = over_runs(effect.estimate, effect.se, effect.n_clusters, list(by_seed.values()))
    return ModelEffect(own.model, effect, inference, math.nan, by_seed, own.left_out)


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

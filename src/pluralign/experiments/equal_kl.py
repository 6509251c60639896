"""Gain at equal KL: where two methods are compared on their frontiers, and not at the ends of their runs.

A run's frontier goes from the base (KL 0, gain 0) through what was measured on the way to its end, in straight lines. Runs are compared at
the largest KL that all of them reach: nothing is extrapolated. Where nothing was measured on the way the line is that from the base to the
end, and said to be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pluralign.experiments.recovery import FrontierPoint
from pluralign.experiments.results import SCORES
from pluralign.experiments.tables import each_seed
from pluralign.report.figures import words


@dataclass(frozen=True)
class EqualKl:
    """The runs of several arms of one model at one KL.

    Attributes:
        model: its short name.
        kl: nats an answer, the least of where the runs end; NaN where no seed is in all arms.
        gain: arm -> dimension -> seed -> change of the mean score against the base, of seeds that all arms have.
        on_the_way: whether every run has points between the base and its end.
    """

    model: str
    kl: float
    gain: Mapping[str, Mapping[str, Mapping[int, float]]]
    on_the_way: bool


def equal_kl(points: Sequence[FrontierPoint], arms: Mapping[str, str]) -> list[EqualKl]:
    """Of each model that has runs of two arms or more.

    Args:
        points: of all runs.
        arms: name of a cell -> of the arm.
    """
    found = []
    for model in dict.fromkeys(one.model for one in points):
        runs: dict[tuple[str, int], list[FrontierPoint]] = {}
        for one in points:
            if one.model == model and one.name in arms and np.isfinite(one.kl):
                runs.setdefault((arms[one.name], one.seed), []).append(one)
        if len({arm for arm, _ in runs}) < 2:
            continue
        seeds = set.intersection(*({seed for of, seed in runs if of == arm} for arm, _ in runs))
        runs = {(arm, seed): of for (arm, seed), of in runs.items() if seed in seeds}
        kl = min((max(one.kl for one in of) for of in runs.values()), default=math.nan)
        gain: dict[str, dict[str, dict[int, float]]] = {}
        for (arm, seed), of in runs.items():
            for dimension in SCORES:
                gain.setdefault(arm, {}).setdefault(dimension, {})[seed] = _at(of, dimension, kl)
        found.append(EqualKl(model, kl, gain, all(len(of) > 1 for of in runs.values())))
    return found


def _at(run: Sequence[FrontierPoint], dimension: str, kl: float) -> float:
    """A run's gain at a KL that it reaches, on straight lines."""
    way = sorted(run, key=lambda one: one.kl)
    return float(np.interp(kl, [0.0, *(one.kl for one in way)], [0.0, *(one.gain[dimension] for one in way)]))


def equal_kl_told(found: Sequence[EqualKl]) -> list[str]:
    """A sentence a model and score."""
    told = []
    for one in found:
        if not one.gain:
            told.append(f"Nothing is compared at equal KL in {one.model}: its arms have no seed in common.")
            continue
        how = (
            ""
            if one.on_the_way
            else " (on the straight line from the base to the end of a run: nothing was measured on the way of some)"
        )
        for dimension in SCORES:
            listed = []
            for arm, of in one.gain.items():
                seeds = f" ({each} by seed)" if (each := each_seed(of[dimension])) else ""
                listed.append(f"{arm} {np.mean([*of[dimension].values()]):+z.3f}{seeds}")
            told.append(
                f"At equal KL, {one.kl:.2f} nats an answer, as far as all of them go, change of {words(dimension)} in {one.model}{how}: {'; '.join(listed)}. No interval: these are means of runs."
            )
    return told

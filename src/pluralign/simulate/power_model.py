"""What planned studies' ratings are drawn from: calibrated, given, or fitted to somebody's own ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError, unknown
from pluralign.ratings import Ratings
from pluralign.schema import SCALES
from pluralign.simulate.parameters import ORDER, load_parameters
from pluralign.stats.clmm import ClmmFit, fit_clmm

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CORRECTION_REPLICATES = 8
"""Refits that measure the bias of a fit to somebody's ratings; their mean sd is known to about 1–2 % at 5,000 ratings."""


@dataclass(frozen=True)
class RatingModel:
    """What ratings are drawn from, on the logit scale (residual sd π/√3).

    Attributes:
        thresholds: ascending cut points of the reference group; k of them make k + 1 categories.
        rater_sd: standard deviation of raters' intercepts, ≥ 0.
        item_sd: standard deviation of items' intercepts, ≥ 0.
        source: where the numbers come from, in words.
    """

    thresholds: tuple[float, ...]
    rater_sd: float
    item_sd: float
    source: str = "given"

    def __post_init__(self) -> None:
        cuts = np.array(self.thresholds)
        if not len(cuts) or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
            raise PluralignError(
                "PA041", f"got thresholds {list(self.thresholds)}; expected at least one, each above the last."
            )
        for name in ("rater_sd", "item_sd"):
            if not 0 <= getattr(self, name) < np.inf:
                raise PluralignError("PA041", f"got {name} = {getattr(self, name)}; expected a number ≥ 0.")

    @classmethod
    def calibrated(cls, dimension: str = "toxicity") -> RatingModel:
        """Thresholds and sds of one dimension of the calibrated simulation, as they are in its population.

        Raises:
            PluralignError: PA024 for a dimension that it does not have.
        """
        if dimension not in ORDER:
            raise unknown("PA024", "dimension", dimension, ORDER)
        model = load_parameters("population").dimensions[dimension]
        return cls(model.thresholds, model.rater_sd, model.item_sd, f"calibrated simulation, {dimension}")


def fitted_model(ratings: Ratings, dimension: str, *, seed: int = 0) -> RatingModel:
    """Thresholds and sds of somebody's own ratings, on the finest scale that their source offers.

    The mixed model is fitted without covariates, so that groups' differences count among the raters'. Its Laplace
    approximation underestimates the sds (with five ratings a rater by 11–17 %), so the fit is corrected once: ratings are
    simulated from it on the same pairs of rater and item and fitted again, and what that loses on average is given back.

    Args:
        ratings: the three tables.
        dimension: one of theirs, or one of ours that is nearest to it.
        seed: of the correction.

    Raises:
        PluralignError: PA024 for an unknown dimension, PA060 where the model cannot be fitted.
    """
    spec = ratings.provenance.dimension(dimension)
    scale = next(scale for scale in SCALES if scale in spec.scales)
    table = ratings.view(scale=scale, aggregation="individual", dimension=dimension)
    raters, items = (
        np.unique(table.column(f"{who}_id").to_numpy(), return_inverse=True)[1] for who in ("rater", "item")
    )
    fit = _fit(table.column("value").to_numpy(), raters, items)
    found = _natural(fit)
    rng = np.random.default_rng(seed)
    again = [
        _natural(_fit(_rated(rng, raters, items, found), raters, items, fit.psi)) for _ in range(CORRECTION_REPLICATES)
    ]
    corrected = 2 * found - np.mean(again, axis=0)
    thresholds = np.sort(corrected[:-2])
    source = f"fitted to {ratings.provenance.label}, {spec.name} on {scale}, corrected for the approximation's bias"
    return RatingModel(
        tuple(thresholds.tolist()), max(float(corrected[-2]), 0.0), max(float(corrected[-1]), 0.0), source
    )


def _fit(value: Ints, rater: Ints, item: Ints, start: Floats | None = None) -> ClmmFit:
    usable = start is not None and len(np.unique(value)) == len(start) - 1
    fit = fit_clmm(
        value,
        np.zeros((len(value), 0)),
        rater,
        item,
        names=[],
        gtol=1e-3,
        covariance=False,
        start=start if usable else None,
    )
    if not fit.converged:
        raise PluralignError("PA060", f"the model of these ratings did not converge ({fit.message}).",
                             "Give the sds and thresholds yourself.")  # fmt: skip
    return fit


def _natural(fit: ClmmFit) -> Floats:
    return np.array([*fit.thresholds, fit.sd_rater, fit.sd_item])


def _rated(rng: np.random.Generator, rater: Ints, item: Ints, found: Floats) -> Ints:
    u, v = rng.standard_normal(rater.max() + 1), rng.standard_normal(item.max() + 1)
    eta = found[-2] * u[rater] + found[-1] * v[item]
    value: Ints = np.searchsorted(found[:-2], eta + rng.logistic(size=len(eta)))
    return value

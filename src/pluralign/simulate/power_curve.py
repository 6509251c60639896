"""How many raters a target power takes: a monotone curve through the simulated designs, never beyond them.

More raters cannot lose power while the rest of a design stays, so that shares that do are pooled (isotonic regression).
Between two designs the probit of power is taken as linear in √raters, which it is where the standard error falls with
1/√raters. The interval comes from posterior draws of every design's power under Jeffreys' prior, each put through the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import ndtri

from pluralign.errors import PluralignError
from pluralign.simulate.power_design import RatingDesign
from pluralign.simulate.power_summary import Share

Floats = NDArray[np.float64]
DRAWS = 2000


@dataclass(frozen=True)
class PowerCurve:
    """Power over the number of raters, all else as it is.

    Attributes:
        n_items, raters_per_item, items_per_rater, share: what stays.
        n_raters: numbers of raters, ascending.
        power: monotone power at each.
        target: the power that is wanted.
        needed: the fewest raters that reach it; None where they lie outside the simulated range.
        low, high: ends of the 95 % interval of `needed`; None outside the range, or without simulation.
        reasons: why `needed`, `low` or `high` is None.
    """

    n_items: int
    raters_per_item: int | None
    items_per_rater: int | None
    share: float
    n_raters: tuple[int, ...]
    power: tuple[float, ...]
    target: float
    needed: int | None
    low: int | None
    high: int | None
    reasons: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def __str__(self) -> str:
        load = (
            f"{self.raters_per_item} raters an item"
            if self.raters_per_item
            else f"{self.items_per_rater} items a rater"
        )
        what = f"{self.n_items} items, {load}, share {self.share:g}"
        if self.needed is None:
            return f"{what}: not found, {self.reasons['needed']}"
        ends = [
            f"{end:,}" if end is not None else self.reasons[name]
            for name, end in (("low", self.low), ("high", self.high))
        ]
        interval = f" [{ends[0]}, {ends[1]}]" if ends[0] != ends[1] else ""
        return f"{what}: {self.needed:,} raters{interval} for {self.target:.0%}"


def curves(
    designs: Sequence[RatingDesign], powers: Sequence[Share] | Sequence[float], *, target: float = 0.8, seed: int = 0
) -> list[PowerCurve]:
    """One curve for each set of designs that differ in the number of raters only.

    A design alone gives none, nor does one that could not be fitted take part.

    Args:
        designs: the studies.
        powers: power of each: shares of replicates, or numbers that have no uncertainty.
        target: the power that is wanted.
        seed: of the interval.

    Raises:
        PluralignError: PA041 for a target that is no share.
    """
    check_target(target)
    alike: dict[tuple[Any, ...], dict[int, Share | float]] = {}
    pairs: Iterable[tuple[RatingDesign, Share | float]] = zip(designs, powers, strict=True)
    for design, power in pairs:
        if isinstance(power, Share) and not power.n:
            continue  # nothing could be fitted, so there is no point
        key = (design.n_items, design.raters_per_item, design.items_per_rater, design.share)
        alike.setdefault(key, {})[design.n_raters] = power
    rng = np.random.default_rng(seed)
    return [_curve(key, dict(sorted(found.items())), target, rng) for key, found in alike.items() if len(found) > 1]


def check_target(target: float) -> None:
    """Refuse what is no power."""
    if not 0 < target < 1:
        raise PluralignError("PA041", f"got target = {target}; expected a power between 0 and 1, such as .8.")


def _curve(
    key: tuple[Any, ...], found: dict[int, Share | float], target: float, rng: np.random.Generator
) -> PowerCurve:
    n_raters = np.array(list(found), dtype=float)
    shares = [power for power in found.values() if isinstance(power, Share)]
    if not shares:
        power = np.array(list(found.values()), dtype=float)
        ends = [np.nan, np.nan]
    else:
        k, n = np.array([share.k for share in shares]), np.array([share.n for share in shares])
        # Half a success and half a failure keep the probit finite at 0 and 1.
        power = monotone((k + 0.5) / (n + 1), n + 1.0)
        draws = rng.beta(k + 0.5, n - k + 0.5, size=(DRAWS, len(k)))
        crossings = np.sort([crossing(n_raters, monotone(draw, n + 1.0), target) for draw in draws])
        ends = [float(crossings[int(q * DRAWS)]) for q in (0.025, 0.975)]
    numbers = {"needed": crossing(n_raters, power, target), "low": ends[0], "high": ends[1]}
    reasons = {name: _outside(value, found) for name, value in numbers.items() if not np.isfinite(value)}
    if shares and "needed" in reasons:
        near = -1 if numbers["needed"] > 0 else 0
        reasons["needed"] += f" (power {power[near]:.0%} there)"
    needed, low, high = (int(np.ceil(value)) if np.isfinite(value) else None for value in numbers.values())
    n_items, raters_per_item, items_per_rater, share = key
    return PowerCurve(
        n_items,
        raters_per_item,
        items_per_rater,
        share,
        tuple(found),
        tuple(power.tolist()),
        target,
        needed,
        low,
        high,
        reasons,
    )


def _outside(value: float, found: dict[int, Share | float]) -> str:
    if np.isnan(value):
        return "an approximation has no interval"
    return f"above {max(found):,}, the most simulated" if value > 0 else f"below {min(found):,}, the fewest simulated"


def monotone(power: Floats, weight: Floats) -> Floats:
    """The non-decreasing sequence nearest to `power`.

    >>> monotone(np.array([0.2, 0.6, 0.4]), np.ones(3)).tolist()
    [0.2, 0.5, 0.5]
    """
    return np.asarray(isotonic_regression(power, weights=weight).x, dtype=np.float64)


def crossing(n_raters: Floats, power: Floats, target: float) -> float:
    """Where a non-decreasing curve reaches the target: −∞ below the first point, ∞ above the last.

    >>> crossing(np.array([100.0, 400.0]), np.array([0.5, 0.5]), 0.8)
    inf
    >>> round(crossing(np.array([100.0, 400.0]), np.array([0.5, 0.9772499]), 0.8413447), 3)
    225.0
    """
    if power[0] > target:
        return float("-inf")
    if power[-1] < target:
        return float("inf")
    right = int(np.searchsorted(power, target))
    if right == 0:
        return float(n_raters[0])
    z = ndtri(np.clip(power[right - 1 : right + 1], 1e-9, 1 - 1e-9))
    part = (float(ndtri(target)) - z[0]) / (z[1] - z[0])
    root = np.sqrt(n_raters[right - 1 : right + 1])
    return float((root[0] + part * (root[1] - root[0])) ** 2)

"""Quasi-Newton maximisation for likelihoods that cost much and come with a good guess of their curvature.

scipy's BFGS starts from its own step length and stops with "precision loss" where a likelihood of thousands of ratings is
flat to rounding. This one starts from the curvature that it is given, always tries the full step first, asks for a
gradient only where a step was accepted, and judges steps below rounding by their gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from pluralign.stats.crossed import Floats

LONGEST_STEP = 2.0
SHORTEST_LENGTH = 1e-8


class Point(Protocol):
    """A likelihood evaluated at one parameter vector."""

    @property
    def loglik(self) -> float:
        """What is maximised."""

    @property
    def gradient(self) -> Floats:
        """Its gradient, shape (m,)."""


P = TypeVar("P", bound=Point)


@dataclass(frozen=True, eq=False)
class Maximum(Generic[P]):
    """Where the search stopped.

    Attributes:
        x: parameters.
        point: the likelihood there.
        converged: every element of the gradient is below the tolerance.
        n_iterations: accepted steps.
        message: why it stopped.
    """

    x: Floats
    point: P
    converged: bool
    n_iterations: int
    message: str


def maximise(
    evaluate: Callable[[Floats], P | None],
    x: Floats,
    point: P,
    inverse_information: Floats,
    *,
    gtol: float,
    max_iterations: int,
) -> Maximum[P]:
    """Climb from ``x`` until every element of the gradient is below ``gtol``.

    Args:
        evaluate: gives the point at a parameter vector, or None where the likelihood is not finite.
        x: start, shape (m,); ``point`` is the likelihood there.
        inverse_information: (m, m) positive definite guess of the inverse of minus the Hessian.
        gtol: tolerance on the largest absolute gradient.
        max_iterations: the most steps to take.

    Returns:
        The last point, with ``converged`` False and a message when it is not a maximum.
    """
    inverse = inverse_information
    for iteration in range(max_iterations):
        if np.abs(point.gradient).max() < gtol:
            return Maximum(x, point, True, iteration, "gradient below tolerance")
        direction = inverse @ point.gradient
        if direction @ point.gradient <= 0.0:
            inverse = inverse_information
            direction = inverse @ point.gradient
        found = _line_search(evaluate, x, point, direction)
        if found is None and inverse is not inverse_information:
            inverse = inverse_information
            found = _line_search(evaluate, x, point, inverse @ point.gradient)
        if found is None:
            return Maximum(x, point, False, iteration, "no step along the search direction raised the likelihood")
        step, new_point = found
        inverse = _updated(inverse, step, point.gradient - new_point.gradient)
        x, point = x + step, new_point
    converged = bool(np.abs(point.gradient).max() < gtol)
    message = "gradient below tolerance" if converged else f"stopped after {max_iterations} iterations"
    return Maximum(x, point, converged, max_iterations, message)


def _line_search(
    evaluate: Callable[[Floats], P | None], x: Floats, point: P, direction: Floats
) -> tuple[Floats, P] | None:
    """The longest of the halved steps that rises enough, or is level to rounding with a smaller gradient."""
    longest = float(np.abs(direction).max())
    length = min(1.0, LONGEST_STEP / longest)
    slope = float(direction @ point.gradient)
    rounding = 1e-11 * (1.0 + abs(point.loglik))
    while length > SHORTEST_LENGTH:
        step = length * direction
        new = evaluate(x + step)
        if new is not None and np.isfinite(new.loglik):
            rise = new.loglik - point.loglik
            if rise >= 1e-4 * length * slope and rise > rounding:
                return step, new
            if abs(rise) <= rounding and np.abs(new.gradient).max() < np.abs(point.gradient).max():
                return step, new
        length /= 2.0
    return None


def _updated(inverse: Floats, step: Floats, gradient_drop: Floats) -> Floats:
    """BFGS update of the inverse information; unchanged where the curvature along the step is not positive."""
    curvature = float(step @ gradient_drop)
    if curvature <= 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(gradient_drop)):
        return inverse
    left = np.eye(len(step)) - np.outer(step, gradient_drop) / curvature
    return left @ inverse @ left.T + np.outer(step, step) / curvature

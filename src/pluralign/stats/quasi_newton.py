"""Quasi-Newton maximisation for likelihoods that cost much and come with a good guess of their curvature.

scipy's BFGS starts from its own step length and stops with "precision loss" where a likelihood of thousands of ratings is
flat to rounding. This one starts from the curvature that the likelihood guesses, and asks for that guess again when it is
stuck; it always tries the full step first, asks for a gradient only where a step was accepted, and judges steps below
rounding by their gradient.

Source: Nocedal & Wright (2006), "Numerical Optimization", ch. 6, for BFGS; Hager & Zhang (2005), SIAM J. Optim. 16, for the
condition on steps below rounding.
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

    def approximate_information(self) -> Floats:
        """A guess of minus its Hessian, shape (m, m); only its positive curvature is used."""


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
    *,
    gtol: float,
    max_iterations: int,
) -> Maximum[P]:
    """Climb from ``x`` until every element of the gradient is below ``gtol``.

    Args:
        evaluate: gives the point at a parameter vector, or None where the likelihood is not finite.
        x: start, shape (m,); ``point`` is the likelihood there.
        gtol: tolerance on the largest absolute gradient.
        max_iterations: the most steps to take.

    Returns:
        The last point, with ``converged`` False and a message when it is not a maximum.
    """
    inverse, is_guess = _positive_inverse(point.approximate_information()), True
    for iteration in range(max_iterations):
        if np.abs(point.gradient).max() < gtol:
            return Maximum(x, point, True, iteration, "gradient below tolerance")
        found = _line_search(evaluate, x, point, inverse @ point.gradient)
        if found is None and not is_guess:
            inverse = _positive_inverse(point.approximate_information())
            found = _line_search(evaluate, x, point, inverse @ point.gradient)
        if found is None:
            return Maximum(x, point, False, iteration, "no step along the search direction raised the likelihood")
        step, new_point = found
        inverse, is_guess = _updated(inverse, step, point.gradient - new_point.gradient), False
        x, point = x + step, new_point
    converged = bool(np.abs(point.gradient).max() < gtol)
    message = "gradient below tolerance" if converged else f"stopped after {max_iterations} iterations"
    return Maximum(x, point, converged, max_iterations, message)


def _line_search(
    evaluate: Callable[[Floats], P | None], x: Floats, point: P, direction: Floats
) -> tuple[Floats, P] | None:
    """The longest of the halved steps that rises enough, or is level to rounding and not far past the top."""
    direction = direction * min(1.0, LONGEST_STEP / float(np.abs(direction).max()))
    slope = float(direction @ point.gradient)
    if not slope > 0.0:
        return None
    length = 1.0
    rounding = 1e-11 * (1.0 + abs(point.loglik))
    while length > SHORTEST_LENGTH:
        step = length * direction
        new = evaluate(x + step)
        if new is not None and np.isfinite(new.loglik):
            rise = new.loglik - point.loglik
            if rise >= 1e-4 * length * slope and rise > rounding:
                return step, new
            if abs(rise) <= rounding and direction @ new.gradient >= -0.8 * slope:
                return step, new
        length /= 2.0
    return None


def _positive_inverse(information: Floats) -> Floats:
    """Inverse with the eigenvalues that are not clearly positive raised, so that no direction is lost or reversed."""
    values, vectors = np.linalg.eigh(information)
    raised = np.maximum(values, 1e-8 * max(float(values[-1]), 1e-8))
    inverse: Floats = (vectors / raised) @ vectors.T
    return inverse


def _updated(inverse: Floats, step: Floats, gradient_drop: Floats) -> Floats:
    """BFGS update of the inverse information; unchanged where the curvature along the step is not positive."""
    curvature = float(step @ gradient_drop)
    if curvature <= 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(gradient_drop)):
        return inverse
    left = np.eye(len(step)) - np.outer(step, gradient_drop) / curvature
    return left @ inverse @ left.T + np.outer(step, step) / curvature

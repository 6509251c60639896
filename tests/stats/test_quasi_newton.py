"""The maximiser on functions whose maximum is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from pluralign.stats.quasi_newton import maximise

CURVATURE = np.diag([1.0, 30.0, 400.0])
TOP = np.array([1.0, -2.0, 0.5])


@dataclass(frozen=True, eq=False)
class Fixed:
    loglik: float
    gradient: np.ndarray
    information: np.ndarray

    def approximate_information(self):
        return self.information


def hill(x, guess=CURVATURE):
    return Fixed(-0.5 * (x - TOP) @ CURVATURE @ (x - TOP), -CURVATURE @ (x - TOP), guess)


def rosenbrock(x):
    a, b = x
    gradient = np.array([2 * (1 - a) + 400 * a * (b - a * a), -200 * (b - a * a)])
    return Fixed(-((1 - a) ** 2) - 100 * (b - a * a) ** 2, gradient, np.eye(2))


def run(evaluate, x, *, gtol=1e-8, max_iterations=200):
    x = np.asarray(x, dtype=float)
    return maximise(evaluate, x, evaluate(x), gtol=gtol, max_iterations=max_iterations)


def test_with_the_exact_curvature_one_step_suffices():
    found = run(hill, TOP + 0.5)
    assert found.converged
    assert found.n_iterations == 1


@pytest.mark.parametrize("guess", [np.eye(3), np.diag([1.0, 0.0, -5.0])], ids=["wrong", "not positive"])
def test_a_poor_guess_of_the_curvature_is_learnt(guess):
    found = run(lambda x: hill(x, guess), np.zeros(3))
    assert found.converged
    np.testing.assert_allclose(found.x, TOP, atol=1e-7)


def test_a_curved_valley_is_followed():
    found = run(rosenbrock, [-1.2, 1.0])
    assert found.converged
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-6)


def test_where_the_likelihood_is_not_finite_steps_are_shortened():
    def log_of_x(x):
        return Fixed(float(np.log(x[0]) - x[0]), 1 / x - 1, np.array([[1 / 9]])) if x[0] > 0 else None

    found = run(log_of_x, [1.9])
    assert found.converged
    assert found.x[0] == pytest.approx(1.0, abs=1e-7)


def test_running_out_of_iterations_is_said():
    found = run(rosenbrock, [-1.2, 1.0], max_iterations=3)
    assert not found.converged
    assert found.message == "stopped after 3 iterations"


def test_a_gradient_that_is_wrong_ends_in_a_message_and_not_in_a_maximum():
    found = run(lambda x: Fixed(hill(x).loglik, -hill(x).gradient, CURVATURE), np.zeros(3))
    assert not found.converged
    assert "no step" in found.message

"""Separation in cumulative link models: effects whose maximum likelihood estimate is infinite."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from pluralign.stats.crossed import Floats, Ints

# Above the solver's feasibility tolerance of 1e-7, on columns that range within ±1.
INVOLVED = 1e-5


def separated_columns(codes: Ints, design: Floats) -> list[int]:
    """Columns whose coefficient can grow for ever without lowering the probability of any rating.

    The likelihood rises for ever along a direction (d_theta, d_beta) when no rating's probability falls along it, that is,
    when d_theta_j ≥ x' d_beta for the threshold above each rating and d_theta_{j−1} ≤ x' d_beta for the one below it,
    and some inequality is strict. A linear programme finds the direction with the largest total slack in a unit box; the
    slack is zero exactly when there is none. Random intercepts change nothing, as the direction does not touch them.

    Args:
        codes: (n,) ratings coded 0 … n_levels − 1, each used.
        design: (n, p) covariates of full column rank together with a constant.

    Returns:
        Column numbers in order; empty when every estimate is finite.

    Source: Konis (2007), "Linear programming algorithms for detecting separated data in binary logistic regression
    models", DPhil thesis, Oxford; the inequalities here are the cumulative model's.

    >>> separated_columns(np.array([0, 1, 1, 1]), np.array([[0.0], [0.0], [1.0], [1.0]]))
    [0]
    >>> separated_columns(np.array([0, 1, 0, 1]), np.array([[0.0], [0.0], [1.0], [1.0]]))
    []
    """
    n_thresholds, p = int(codes.max()), design.shape[1]
    if p == 0:
        return []
    # Centring is free, as the thresholds absorb it, and keeps a year or an identifier from hiding its variation.
    centred = design - design.mean(axis=0)
    scaled = centred / np.abs(centred).max(axis=0)
    rows = np.unique(np.column_stack([codes, scaled]), axis=0)
    y, x = rows[:, 0].astype(np.intp), rows[:, 1:]
    has_upper, has_lower = y < n_thresholds, y > 0
    thresholds = np.eye(n_thresholds)
    upper = np.hstack([thresholds[y[has_upper]], -x[has_upper]])
    lower = np.hstack([-thresholds[y[has_lower] - 1], x[has_lower]])
    slack = np.vstack([upper, lower])
    total = slack.sum(axis=0)
    result = linprog(-total, A_ub=-slack, b_ub=np.zeros(len(slack)), bounds=(-1.0, 1.0), method="highs")
    if not result.success:
        raise RuntimeError(f"separation: the linear programme stopped with {result.message!r}; please report the data")
    # Any direction can be stretched until it touches the box, so a solution well inside it is zero to the solver's tolerance.
    if np.abs(result.x).max() < 0.5:
        return []
    return [int(j) for j in np.flatnonzero(np.abs(result.x[n_thresholds:]) > INVOLVED)]

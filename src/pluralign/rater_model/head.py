"""An ordinal head on frozen features: what a dimension's ratings depend on, for everyone and by group.

    eta = phi·w + Σ_g (b_g + phi·v_g) + u_rater + e_item

w is what all raters weigh, b_g a group's level, v_g what the group weighs differently (shrunk harder than w), u a rater's own
level, e what the features do not see in an item: without it, thirty ratings of one text would count as thirty texts. All are
shrunk by ridge penalties; u and e by the variances that the ratings show (empirical Bayes steps).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pluralign.rater_model.likelihood import Floats, Likelihood
from pluralign.rater_model.rows import Rows

LEVEL_PENALTY = 1.0
"""On b: groups' levels are within a logit or so of each other."""
VARIANCE_ROUNDS = 3
FIRST_VARIANCE = 0.5
"""Of raters' levels and of items, before any was estimated."""


@dataclass(frozen=True)
class Penalties:
    """How hard a head is shrunk.

    Attributes:
        ridge: on w; features have unit total variance, so that 1 / ridge is the prior variance of eta.
        contrast: on v, as a multiple of `ridge`; infinite: groups weigh nothing differently.
        alike: on the mean squared difference of eta between an item's languages, a rating's worth of it for each rating.
    """

    ridge: float = 3.0
    contrast: float = 10.0
    alike: float = 0.5


@dataclass(frozen=True)
class Head:
    """A fitted dimension.

    Attributes:
        weights: w, (width,).
        levels: b, (n_groups,).
        contrasts: v, (n_groups, width); all 0 where groups are not told apart.
        thresholds: of each set.
        points: of each set.
        rater_variance: of u, logits squared.
        item_variance: of e, logits squared.
        free: thresholds as the fit holds them.
    """

    weights: Floats
    levels: Floats
    contrasts: Floats
    thresholds: tuple[Floats, ...]
    points: tuple[tuple[int, ...], ...]
    rater_variance: float
    item_variance: float
    free: Floats = field(repr=False, default_factory=lambda: np.zeros(0))

    def eta(self, features: Floats, design: Floats) -> Floats:
        """The linear predictor of each text for raters of a design (n_groups,), without the rater's own level."""
        predictor: Floats = features @ (self.weights + design @ self.contrasts) + float(design @ self.levels)
        return predictor


class _Problem:
    """The penalised log likelihood of rows, over one flat vector (w, v, b, u, e, thresholds)."""

    def __init__(self, rows: Rows, features: Floats, penalties: Penalties) -> None:
        from scipy.sparse import csr_matrix

        n, (n_texts, width) = len(rows.text), features.shape
        self.rows, self.features, self.penalties = rows, features, penalties
        self.contrasted = rows.groups.shape[1] > 0 and np.isfinite(penalties.contrast)
        n_groups, n_raters = rows.groups.shape[1], len(rows.groups)
        sizes = [width, width * n_groups * self.contrasted, n_groups, n_raters, len(rows.prompt), rows.scales.size]
        self.cuts = np.cumsum(sizes)
        self.likelihood = Likelihood(rows.scales, rows.category, rows.set_of, rows.weight)
        self.by_text = csr_matrix((np.ones(n), (rows.text, np.arange(n))), (n_texts, n))
        self.design = rows.design[rows.rater]
        difference = (
            features[rows.pairs[:, 0]] - features[rows.pairs[:, 1]] if len(rows.pairs) else np.zeros((1, width))
        )
        # As a matrix: one product an evaluation, however many pairs there are.
        self.unlike = penalties.alike * rows.n_ratings * (difference.T @ difference) / len(difference)
        self.rater_variance = self.item_variance = FIRST_VARIANCE

    def start(self) -> Floats:
        shares = []
        for s, points in enumerate(self.rows.scales.points):
            of = self.rows.set_of == s
            counts = np.bincount(self.rows.category[of], self.rows.weight[of], len(points)) + 0.5
            shares.append(counts / counts.sum())
        return np.concatenate([np.zeros(self.cuts[-2]), self.rows.scales.start(shares)])

    def parts(self, flat: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        w, v, b, u, e, free = np.split(flat, self.cuts[:-1])
        return w, v.reshape(-1, self.features.shape[1]), b, u, e, free

    def eta(self, flat: Floats) -> Floats:
        w, v, b, u, e, _ = self.parts(flat)
        eta = (self.features @ w)[self.rows.text] + self.design @ b + u[self.rows.rater] + e[self.rows.item]
        if self.contrasted:
            eta = eta + np.einsum("ng,ng->n", (self.features @ v.T)[self.rows.text], self.design)
        return np.asarray(eta)

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        """Minus the penalised log likelihood, and its gradient."""
        w, v, b, u, e, free = self.parts(flat)
        value, by_free, by_eta, _ = self.likelihood(free, self.eta(flat))
        ridge, p = self.penalties.ridge, self.penalties
        unlike = self.unlike @ w
        penalty = ridge * (w @ w) + w @ unlike + LEVEL_PENALTY * (b @ b)
        penalty += (u @ u) / self.rater_variance + (e @ e) / self.item_variance
        sums = [self.by_text @ by_eta]
        if self.contrasted:
            sums += list((self.by_text @ (by_eta[:, None] * self.design)).T)
        by_features = np.stack(sums) @ self.features
        gradient = [ridge * w + unlike - by_features[0]]
        if self.contrasted:
            penalty += ridge * p.contrast * float((v * v).sum())
            gradient.append((ridge * p.contrast * v - by_features[1:]).ravel())
        gradient.append(LEVEL_PENALTY * b - by_eta @ self.design)
        gradient.append(u / self.rater_variance - np.bincount(self.rows.rater, by_eta, len(u)))
        gradient.append(e / self.item_variance - np.bincount(self.rows.item, by_eta, len(e)))
        # Weakly held at the start's order of size, so that a set with few ratings has finite thresholds.
        gradient.append(1e-3 * free - by_free)
        return float(0.5 * penalty + 0.5e-3 * (free @ free) - value), np.concatenate(gradient)

    def update_variances(self, flat: Floats) -> None:
        """One step of EM: the mean square of raters' levels and of items, with what is left uncertain about each."""
        *_, u, e, free = self.parts(flat)
        curvature = self.likelihood(free, self.eta(flat))[3]
        self.rater_variance = _updated(u, np.bincount(self.rows.rater, curvature, len(u)), self.rater_variance)
        self.item_variance = _updated(e, np.bincount(self.rows.item, curvature, len(e)), self.item_variance)


def _updated(effects: Floats, information: Any, variance: float) -> float:
    seen = information > 0
    left = 1.0 / (information[seen] + 1.0 / variance)
    return float(np.clip((effects[seen] ** 2 + left).mean(), 1e-3, 25.0))


def fit_head(
    rows: Rows, features: Floats, penalties: Penalties, start: Floats | None = None, rounds: int = VARIANCE_ROUNDS
) -> tuple[Head, Floats]:
    """Fit a head by penalised maximum likelihood.

    Args:
        rows: what was rated by whom.
        features: of `rows.texts`, (n_texts, width), centred, of unit total variance.
        penalties: how hard to shrink.
        start: the flat solution of a like problem (same rows or a part of them, same groups told apart).
        rounds: fits between which the variance of raters' levels is estimated again.

    Returns:
        The head, and its flat solution as a start for the next.
    """
    from scipy.optimize import minimize

    problem = _Problem(rows, features, penalties)
    flat = problem.start() if start is None or len(start) != problem.cuts[-1] else start
    for k in range(rounds):
        last = k == rounds - 1
        found = minimize(
            problem, flat, jac=True, method="L-BFGS-B", options={"maxiter": 200 if last else 40, "ftol": 1e-8}
        )
        flat = found.x
        if not last:
            problem.update_variances(flat)
    w, v, b, _, _, free = problem.parts(flat)
    contrasts = v if problem.contrasted else np.zeros((rows.groups.shape[1], features.shape[1]))
    thetas = rows.scales.unpack(free)
    return Head(
        w, b, contrasts, tuple(thetas), rows.scales.points, problem.rater_variance, problem.item_variance, free
    ), flat

"""Solving for the parameters that the published statistics determine.

`population` does it on a draw twelve times the study's size with common random numbers, so that the *true* statistics are the
published ones. `match` does it on one given draw, so that the *realised* ones are, odds ratios as fitted by the mixed model
included: for the release that ships, whose readers will compute them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from pluralign.errors import PluralignError
from pluralign.simulate.achieved import Sample, alpha, cheap_statistics, conditional, disagreement, odds_ratios
from pluralign.simulate.latent import Draw, Latent, draw
from pluralign.simulate.parameters import ORDER, DimensionParameters, Parameters
from pluralign.simulate.published import COMMON_ALPHA, DISAGREEMENT_TARGETS, DRAWS, PUBLISHED, SHORTLIST, Statistic
from pluralign.stats.clmm import ClmmFit

Floats = NDArray[np.float64]

MARGINALS: dict[str, tuple[float, ...]] = {
    "toxicity": (0.30, 0.25, 0.20, 0.15, 0.10),
    "emotional_awareness": (0.10, 0.20, 0.27, 0.28, 0.15),
    "sensitivity": (0.10, 0.20, 0.28, 0.27, 0.15),
    "helpfulness": (0.09, 0.15, 0.24, 0.32, 0.20),
    "stereotypical_bias": (0.22, 0.21, 0.20, 0.21, 0.16),
}
"""Assumed share of each rating; toxicity's is tilted (raised to a power) until alpha and disagreement both fit."""

CORRELATIONS: dict[tuple[str, str], float] = {
    ("toxicity", "emotional_awareness"): -0.20,
    ("toxicity", "sensitivity"): -0.35,
    ("toxicity", "helpfulness"): -0.30,
    ("toxicity", "stereotypical_bias"): 0.55,
    ("sensitivity", "emotional_awareness"): 0.60,
    ("sensitivity", "helpfulness"): 0.45,
    ("sensitivity", "stereotypical_bias"): -0.15,
    ("emotional_awareness", "helpfulness"): 0.50,
    ("emotional_awareness", "stereotypical_bias"): -0.10,
    ("helpfulness", "stereotypical_bias"): -0.15,
}
"""Assumed, except emotional awareness with toxicity and with stereotypical bias, which are solved for."""

KAPPA: dict[str, dict[str, float]] = {
    "toxicity": {"male": 0.6},
    "emotional_awareness": {"conservative": 0.6, "black": 0.6},
}
RATER_TO_ITEM_VARIANCE = 0.30
"""Assumed: the published figures do not identify it."""

CALIBRATION_SCALE = 12
"""The population's calibration draw has so many times the study's prompts and raters."""
SPREAD_ROUNDS = 2
"""Spreads and correlations are solved for in the first rounds of `match`, and later where a share has moved off."""
SHARE_TOLERANCE = 0.002
"""Largest error of a matched disagreement or conditional probability."""
ODDS_TOLERANCE = 0.005
"""Largest error of a matched log odds ratio: one rating that moves shifts a small group's by about .003."""
CONDITIONALS = tuple(s for s in PUBLISHED if s.kind == "conditional")
ALPHAS = tuple(s for s in PUBLISHED if s.kind == "alpha")


def correlation_matrix() -> tuple[tuple[float, ...], ...]:
    """`CORRELATIONS` as a matrix in `ORDER`."""
    matrix = np.eye(len(ORDER))
    for (first, second), value in CORRELATIONS.items():
        i, j = ORDER.index(first), ORDER.index(second)
        matrix[i, j] = matrix[j, i] = value
    return tuple(tuple(row) for row in matrix.tolist())


def published_effects(dimension: str) -> dict[str, float]:
    """Log odds ratios that the study reports for a dimension, by level."""
    return {s.group: float(np.log(s.value)) for s in PUBLISHED if s.kind == "odds_ratio" and s.dimension == dimension}


def starting_parameters() -> Parameters:
    """What is assumed and published, before anything is solved for."""
    dimensions = {
        d: DimensionParameters(1.5, 0.8, (-2.0, -0.7, 0.7, 2.0), published_effects(d), KAPPA.get(d, {})) for d in ORDER
    }
    return Parameters(dimensions=dimensions, correlation=correlation_matrix())


def spread(icc: float) -> tuple[float, float]:
    """Item and rater sd for an item share of the latent variance, the residual being standard logistic."""
    item = icc * np.pi**2 / 3 / (1 - icc * (1 + RATER_TO_ITEM_VARIANCE))
    return float(np.sqrt(item)), float(np.sqrt(RATER_TO_ITEM_VARIANCE * item))


def tilted(dimension: str, tilt: float) -> Floats:
    """The assumed distribution raised to a power: above 1 it is more skewed, below 1 flatter."""
    share = np.array(MARGINALS[dimension]) ** tilt
    out: Floats = share / share.sum()
    return out


def _root(f: Callable[[float], float], low: float, high: float, what: str, tolerance: float) -> float:
    ends = f(low), f(high)
    if ends[0] * ends[1] > 0:
        raise PluralignError("PA042", f"{what}: got {ends[0]:+.4f} and {ends[1]:+.4f} off at {low} and {high}; expected a change of sign.",
                             "The assumptions contradict the published statistic on this draw: take another seed.")  # fmt: skip
    return float(brentq(f, low, high, xtol=tolerance))


class Solver:
    """Solves one draw: spreads, thresholds and the two correlations."""

    def __init__(self, drawn: Draw, parameters: Parameters) -> None:
        self.drawn, self.parameters = drawn, parameters
        self.latent = Latent(drawn, parameters)

    def at(self, dimension: str, icc: float, tilt: float = 1.0) -> DimensionParameters:
        """The latent model with a spread, and the thresholds that give the (tilted) distribution on this draw."""
        item_sd, rater_sd = spread(icc)
        model = replace(self.parameters.dimensions[dimension], item_sd=item_sd, rater_sd=rater_sd)
        cuts = np.quantile(self.latent.utilities(dimension, model), np.cumsum(tilted(dimension, tilt))[:-1])
        a, b, c, d = (float(cut) for cut in cuts)
        return replace(model, thresholds=(a, b, c, d))

    def off_disagreement(self, dimension: str, model: DimensionParameters) -> float:
        """Disagreement minus its target."""
        value = disagreement(self.drawn.item, self.latent.rate(dimension, model), self.parameters.n_items)
        return value - DISAGREEMENT_TARGETS[dimension]

    def alphas(self, model: DimensionParameters) -> tuple[Floats, Floats]:
        """Toxicity alpha of the six published groups, and their pairs of ratings, (6,) each."""
        values = self.latent.rate("toxicity", model)
        sample = Sample(
            self.drawn.rater,
            self.drawn.item,
            {"toxicity": values},
            self.latent.groups,
            (np.empty(0), []),
            self.parameters.n_items,
        )
        found, pairs = [], []
        for statistic in ALPHAS:
            rows = sample.member(statistic.group)
            n = np.bincount(self.drawn.item[rows])
            found.append(alpha(self.drawn.item[rows], values[rows], self.parameters.n_items))
            pairs.append(float((n * (n - 1)).sum()))
        return np.array(found), np.array(pairs)

    def off_alpha(self, model: DimensionParameters) -> float:
        """Mean of the six alphas, weighted by pairs of ratings, minus its target."""
        found, pairs = self.alphas(model)
        return float(np.average(found, weights=pairs)) - COMMON_ALPHA

    def alpha_distance(self) -> float:
        """How far the six alphas are from the published ones: mean square, every group alike."""
        found, _ = self.alphas(self.parameters.dimensions["toxicity"])
        return float(np.mean((found - [s.value for s in ALPHAS]) ** 2))

    def solve_spread(self, dimension: str) -> DimensionParameters:
        """Item and rater sd and thresholds for the disagreement; for toxicity, and the skew, for alpha too."""
        if dimension != "toxicity":
            icc = _root(
                lambda x: self.off_disagreement(dimension, self.at(dimension, x)),
                0.05,
                0.7,
                f"disagreement on {dimension}",
                1e-4,
            )
            return self.at(dimension, icc)

        def icc_for_alpha(tilt: float) -> float:
            return _root(lambda x: self.off_alpha(self.at("toxicity", x, tilt)), 0.15, 0.7, "toxicity alpha", 1e-4)

        tilt = _root(lambda t: self.off_disagreement("toxicity", self.at("toxicity", icc_for_alpha(t), t)), 0.6, 2.0,
                     "disagreement on toxicity", 2e-3)  # fmt: skip
        return self.at("toxicity", icc_for_alpha(tilt), tilt)

    def solve_correlations(self) -> Parameters:
        """The two correlations that give the published conditional probabilities, everything else as it is."""
        for statistic in CONDITIONALS:
            given, outcome, aim = statistic.group, statistic.dimension, statistic.aim

            def off(r: float, given: str = given, outcome: str = outcome, aim: float = aim) -> float:
                latent = Latent(self.drawn, self.parameters.with_correlation(given, outcome, r))
                rated = {d: latent.rate(d, self.parameters.dimensions[d]) for d in (given, outcome)}
                return conditional(rated[given], rated[outcome]) - aim

            low, high = _admissible(self.parameters, given, outcome)
            r = _root(off, low, high, statistic.name, 1e-3)
            self.parameters = self.parameters.with_correlation(given, outcome, r)
        self.latent = Latent(self.drawn, self.parameters)
        return self.parameters

    def solve(self, rounds: int = 3) -> Parameters:
        """Spreads and correlations in turn until both fit."""
        for _ in range(rounds):
            self.parameters = self.parameters.with_dimensions({d: self.solve_spread(d) for d in ORDER})
            self.solve_correlations()
        return self.parameters


def _admissible(parameters: Parameters, first: str, second: str) -> tuple[float, float]:
    """The range of one correlation in which the matrix stays clearly positive definite."""
    i, j = ORDER.index(first), ORDER.index(second)
    fitting = []
    for r in np.linspace(-0.95, 0.95, 191):
        matrix = np.array(parameters.correlation)
        matrix[i, j] = matrix[j, i] = r
        if np.linalg.eigvalsh(matrix).min() > 0.02:
            fitting.append(float(r))
    return fitting[0], fitting[-1]


def population(seed: int = 1) -> Parameters:
    """Parameters whose true statistics are the published ones."""
    start = starting_parameters()
    large = replace(start, n_raters=start.n_raters * CALIBRATION_SCALE, n_prompts=start.n_prompts * CALIBRATION_SCALE)
    solved = Solver(draw(large, seed), large).solve()
    return replace(solved, n_raters=start.n_raters, n_prompts=start.n_prompts)


def _worst_share(sample: Sample) -> float:
    """The largest error of a disagreement or a conditional probability."""
    found = cheap_statistics(sample)
    aims = {f"disagreement {d}": target for d, target in DISAGREEMENT_TARGETS.items()} | {
        s.name: s.aim for s in CONDITIONALS
    }
    return max(abs(found[name] - aim) for name, aim in aims.items())


def nearest_draw(parameters: Parameters, seed: int, draws: int = DRAWS, shortlist: int = SHORTLIST) -> Parameters:
    """The parameters with the draw of a seed that needs to be bent least.

    Of `draws` draws those whose six group alphas of toxicity are nearest the published ones are shortlisted, because no
    parameter moves one group's alpha. Of the shortlist the one is taken whose fitted odds ratios are nearest.
    """

    def alpha_distance(k: int) -> float:
        asked = replace(parameters, draw=k)
        return Solver(draw(asked, seed), asked).alpha_distance()

    def odds_distance(k: int) -> float:
        asked = replace(parameters, draw=k)
        sample = Sample.of(Latent(draw(asked, seed), asked), asked)
        fitted = odds_ratios({d: sample.fit(d) for d in ORDER})
        return sum(float(np.log(fitted[s.name] / s.value)) ** 2 for s in PUBLISHED if s.kind == "odds_ratio")

    nearest = sorted(range(draws), key=alpha_distance)[:shortlist]
    return replace(parameters, draw=min(nearest, key=odds_distance))


def _moved(parameters: Parameters, errors: Mapping[Statistic, float], step: float) -> Parameters:
    """Move the effects whose fit is off; what fits already stays, since every move of one rating is noise to the others."""
    moved = {}
    for d in ORDER:
        model = parameters.dimensions[d]
        off = {s.group: e for s, e in errors.items() if s.dimension == d and abs(e) >= ODDS_TOLERANCE / 2}
        moved[d] = replace(model, effects={**model.effects, **{g: model.effects[g] + step * e for g, e in off.items()}})
    return parameters.with_dimensions(moved)


def match(
    parameters: Parameters, seed: int, rounds: int = 60, report: Callable[[int, float], None] | None = None
) -> Parameters:
    """Parameters whose statistics *on the draw of this seed* are the published ones.

    First the draw is chosen (`nearest_draw`). Odds ratios are matched as the mixed model fits them: each published effect is moved by what its fit is off, with the
    noise held fixed, until all are within
    `ODDS_TOLERANCE`, and shares within `SHARE_TOLERANCE`. Spreads and correlations are not solved for in every round: ratings
    are whole numbers, so that solving again moves some of them, and with them every fit.

    Args:
        parameters: where to start (the population's).
        seed: the draw.
        rounds: most rounds.
        report: called with the round and the largest error of a log odds ratio.

    Raises:
        PluralignError: PA042 where a statistic cannot be reached on this draw, or the rounds do not suffice.
    """
    parameters = nearest_draw(parameters, seed)
    drawn = draw(parameters, seed)
    starts: dict[str, Floats] = {}
    worst = share = np.inf
    for turn in range(rounds):
        if turn < SPREAD_ROUNDS or share >= SHARE_TOLERANCE:
            parameters = Solver(drawn, parameters).solve(rounds=2)
        sample = Sample.of(Latent(drawn, parameters), parameters)
        fits: dict[str, ClmmFit] = {d: sample.fit(d, starts.get(d)) for d in ORDER}
        starts = {d: fit.psi for d, fit in fits.items()}
        fitted = odds_ratios(fits)
        errors = {s: float(np.log(s.value) - np.log(fitted[s.name])) for s in PUBLISHED if s.kind == "odds_ratio"}
        worst, share = max(map(abs, errors.values())), _worst_share(sample)
        if report:
            report(turn, worst)
        if worst < ODDS_TOLERANCE and share < SHARE_TOLERANCE:
            return replace(parameters, mode="matched", matched_seed=seed)
        parameters = _moved(parameters, errors, 1.03 if turn < SPREAD_ROUNDS else 0.6)
    raise PluralignError(
        "PA042",
        f"odds ratios are off by {worst:.4f} in the log after {rounds} rounds; expected < {ODDS_TOLERANCE}, and shares within {SHARE_TOLERANCE}.",
    )

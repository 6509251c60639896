"""A fitted mixed model for people and for programs."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pluralign.analysis.covariates import Column
from pluralign.analysis.fitting import Failure
from pluralign.analysis.numbers import plain
from pluralign.stats.clmm import ClmmFit
from pluralign.stats.pooling import holm

WIDTH = 110
LAPLACE_BIAS = (
    "The standard deviations are Laplace's, as R's are, and too small: at the study's size, three ratings an item and five a rater, 17 % "
    "(raters) and 9 % (items) below the exact posterior means, and coefficients 3 %. More ratings of each make it less."
)
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class Effect:
    """One coefficient: how much higher or lower one level of an attribute rates than the reference.

    Attributes:
        term: the attribute, or two with a colon.
        level: the level, or two with a colon.
        reference: what it is compared with.
        estimate: log odds ratio of a higher rating.
        se: its standard error.
        z: Wald statistic.
        p: two-sided p value of "no effect".
        p_holm: by Holm over this model's covariates; NaN for `rare` and `undisclosed`, about whom nobody asks.
        p_holm_all: by Holm over the covariates of all models fitted with it; NaN there too, and for a model fitted alone.
        odds_ratio: exp(estimate).
        low: lower end of its 95 % Wald interval.
        high: upper end.
        percent: change of the odds of a higher rating, per cent, which is how the study words effects.
        stars: * for p < .05, ** for p < .01, *** for p < .001; of `p`, as the study's are.
        n_raters: raters with the level.
        is_residual: whether the level is `rare` or `undisclosed`: it keeps its raters' ratings in, and is no finding.
    """

    term: str
    level: str
    reference: str
    estimate: float
    se: float
    z: float
    p: float
    p_holm: float
    p_holm_all: float
    odds_ratio: float
    low: float
    high: float
    percent: float
    stars: str
    n_raters: int
    is_residual: bool = False


def stars_of(p: float) -> str:
    """The stars of a p value; none where it is NaN.

    >>> [stars_of(p) for p in (0.05, 0.049, 0.009, 0.0009, math.nan)]
    ['', '*', '**', '***', '']
    """
    return next((stars for bound, stars in STARS if p < bound), "")


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A cumulative link mixed model of one dimension.

    Attributes:
        dimension: the source's name of it.
        nearest: which of our dimensions it is nearest to.
        source: the provenance's label.
        scale: the scale of the ratings.
        group: whose ratings.
        formula: as fitted.
        item_factor: `item` or `prompt`: whose intercepts stand beside the raters'.
        references: attribute -> reference level.
        several: how raters with several values of an attribute count.
        undisclosed: what became of raters who did not say.
        n_raters_dropped: raters left out.
        n_ratings_dropped: their ratings.
        merged: attribute -> level -> raters, of levels merged into `rare`.
        effects: the coefficients.
        notes: what was left out and why, and what limits the fit.
        fit: thresholds, standard deviations, likelihood and covariance.
    """

    dimension: str
    nearest: str
    source: str
    scale: str
    group: str
    formula: str
    item_factor: str
    references: Mapping[str, str]
    several: str
    undisclosed: str
    n_raters_dropped: int
    n_ratings_dropped: int
    merged: Mapping[str, Mapping[str, int]]
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]
    fit: ClmmFit

    @property
    def aic(self) -> float:
        """Akaike's criterion: 2 parameters − 2 log-likelihood."""
        return 2.0 * len(self.fit.psi) - 2.0 * self.fit.loglik

    @property
    def hessian_condition(self) -> float:
        """Largest over smallest eigenvalue of the Hessian, over the parameters that have a standard error; NaN without one."""
        defined = np.flatnonzero(np.isfinite(np.diag(self.fit.covariance)))
        if not len(defined):
            return math.nan
        values = np.linalg.eigvalsh(self.fit.covariance[np.ix_(defined, defined)])
        return float(values[-1] / values[0])

    @property
    def significant(self) -> tuple[Effect, ...]:
        """The effects with a star, but for those of `rare` and `undisclosed`."""
        return tuple(effect for effect in self.effects if effect.stars and not effect.is_residual)

    def effect(self, level: str, term: str | None = None) -> Effect:
        """The effect of a level, such as `male`.

        Raises:
            KeyError: no such effect, or several: then name the term too.
        """
        found = [e for e in self.effects if e.level == level and term in (None, e.term)]
        if len(found) != 1:
            have = ", ".join(f"{e.term} {e.level}" for e in self.effects)
            raise KeyError(f"got level {level!r}, term {term!r}: {len(found)} effects; this model has {have}")
        return found[0]

    def as_dict(self) -> dict[str, Any]:
        """As plain values for JSON; what is undefined is None."""
        fit = self.fit
        return plain(
            {
                **{name: getattr(self, name) for name in ("source", "dimension", "nearest", "scale", "group", "formula", "item_factor")},
                **{name: getattr(self, name) for name in ("references", "several", "undisclosed", "merged")},
                "n_ratings": fit.n_ratings,
                "n_raters": fit.n_raters,
                f"n_{self.item_factor}s": fit.n_items,
                "n_raters_dropped": self.n_raters_dropped,
                "n_ratings_dropped": self.n_ratings_dropped,
                "effects": [asdict(effect) for effect in self.effects],
                "thresholds": [
                    {"name": name, "estimate": fit.thresholds[k], "se": fit.se[k]} for k, name in enumerate(fit.threshold_names)
                ],
                "sd_rater": fit.sd_rater,
                f"sd_{self.item_factor}": fit.sd_item,
                "loglik": fit.loglik,
                "aic": self.aic,
                "n_parameters": len(fit.psi),
                "converged": fit.converged,
                "gradient_max": fit.gradient_max,
                "hessian_condition": self.hessian_condition,
                "n_iterations": fit.n_iterations,
                "message": fit.message,
                "notes": self.notes,
                "laplace_bias": LAPLACE_BIAS,
            }
        )  # fmt: skip

    def __str__(self) -> str:
        fit, items = self.fit, f"{self.item_factor}s"
        dropped = (
            f"; {self.n_raters_dropped:,} raters with {self.n_ratings_dropped:,} ratings left out"
            if self.n_raters_dropped
            else ""
        )
        lines = [
            f"{self.source} · {self.dimension}" + (f" (≈ {self.nearest})" if self.nearest != self.dimension else "")
            + f" · scale {self.scale} · {self.group}",
            *_wrapped(self.formula),
            f"{fit.n_ratings:,} ratings, {fit.n_raters:,} raters, {fit.n_items:,} {items}{dropped}",
            "",
            *_table(self.effects),
            "",
            f"sd of raters {fit.sd_rater:.3f}, of {items} {fit.sd_item:.3f} · log-likelihood {fit.loglik:.2f} · AIC {self.aic:.2f}",
            f"converged in {fit.n_iterations} steps: largest gradient {fit.gradient_max:.0e}, condition of the Hessian {self.hessian_condition:.0e}",
        ]  # fmt: skip
        for attribute, levels in self.merged.items():
            small = ", ".join(f"{level} {n}" for level, n in levels.items())
            lines += _wrapped(f"{attribute} 'rare' is {small}", "note: ")
        for note in self.notes:
            lines += _wrapped(note, "note: ")
        return "\n".join([*lines, *_wrapped(LAPLACE_BIAS, "note: ")])


@dataclass(frozen=True, eq=False)
class MixedModels:
    """The models of several dimensions.

    Attributes:
        models: those that could be fitted, in the order asked for.
        failures: the others, with their reasons.
    """

    models: tuple[MixedModel, ...]
    failures: tuple[Failure, ...]

    def __getitem__(self, dimension: str) -> MixedModel:
        for model in self.models:
            if dimension == model.dimension:
                return model
        why = "".join(f": {failure.message}" for failure in self.failures if failure.dimension == dimension)
        raise KeyError(
            f"no model of {dimension!r}{why or '; expected one of ' + ', '.join(m.dimension for m in self.models)}"
        )

    def as_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "models": [model.as_dict() for model in self.models],
            "failures": [asdict(failure) for failure in self.failures],
            "n_failed": len(self.failures),
        }

    def __str__(self) -> str:
        failed = ["\n".join(_wrapped(f.message, f"not fitted: {f.dimension}: ")) for f in self.failures]
        return "\n\n".join([*map(str, self.models), *failed])


def effects_of(fit: ClmmFit, columns: Mapping[str, Column], n_raters: Mapping[str, int]) -> tuple[Effect, ...]:
    """The coefficients of a fit as effects.

    Args:
        fit: the fit.
        columns: name of a column -> what it is.
        n_raters: name of a column -> raters with the level.
    """
    k = len(fit.thresholds)
    # Who is `rare` or silent is no question of anybody's, and takes nothing from the others' adjustment.
    adjusted = holm(
        [math.nan if columns[name].is_residual else p for name, p in zip(fit.names, fit.p[k:], strict=False)]
    )
    return tuple(
        Effect(
            term=columns[ratio.name].term,
            level=columns[ratio.name].level,
            reference=columns[ratio.name].reference,
            estimate=float(fit.coef[j]),
            se=float(fit.se[k + j]),
            z=float(fit.z[k + j]),
            p=ratio.p,
            p_holm=float(adjusted[j]),
            p_holm_all=math.nan,
            odds_ratio=ratio.odds_ratio,
            low=ratio.low,
            high=ratio.high,
            percent=100.0 * math.expm1(float(fit.coef[j])),
            stars=stars_of(ratio.p),
            n_raters=n_raters[ratio.name],
            is_residual=columns[ratio.name].is_residual,
        )
        for j, ratio in enumerate(fit.odds_ratios())
    )


def with_holm_over_all(models: Sequence[MixedModel]) -> tuple[MixedModel, ...]:
    """The same models with every effect's p value also adjusted over all of them."""
    every = [effect for model in models for effect in model.effects]
    adjusted = iter(holm([math.nan if effect.is_residual else effect.p for effect in every]).tolist())
    return tuple(
        replace(model, effects=tuple(replace(effect, p_holm_all=next(adjusted)) for effect in model.effects))
        for model in models
    )


def _table(effects: Sequence[Effect]) -> list[str]:
    """Lines of at most `WIDTH` characters, one an effect."""
    if not effects:
        return ["(no covariates)"]
    over_all = not all(math.isnan(effect.p_holm_all) for effect in effects)
    head = ["term", "level", "vs", "raters", "estimate", "se", "z", "p", "p Holm", "odds ratio [95 %]", "%", ""]
    rows = [
        [
            e.term, e.level, e.reference, f"{e.n_raters:,}", f"{e.estimate:.3f}", f"{e.se:.3f}", f"{e.z:.2f}", _p(e.p),
            _p(e.p_holm_all if over_all else e.p_holm), f"{_ratio(e.odds_ratio)} [{_ratio(e.low)}, {_ratio(e.high)}]", f"{e.percent:+.1f}", e.stars,
        ]
        for e in effects
    ]  # fmt: skip
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    # Names give way before numbers do: interactions have long ones.
    over = sum(widths) + 2 * (len(widths) - 1) - WIDTH
    for k in (2, 1, 0):
        cut = min(max(over, 0), max(widths[k] - 6, 0))
        widths[k], over = widths[k] - cut, over - cut
    lines = [
        "  ".join(_cut(cell, w).ljust(w) if k < 3 or k == 11 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in [head, *rows]
    ]  # fmt: skip
    which = "over all models" if over_all else "over this model"
    return [
        *(line.rstrip() for line in lines),
        f"* p < .05  ** p < .01  *** p < .001 (unadjusted, as the study's); Holm {which}",
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _ratio(ratio: float) -> str:
    return "n/a" if math.isnan(ratio) else f"{ratio:.2f}" if 0.1 <= ratio < 1000.0 else f"{ratio:.2g}"


def _p(p: float) -> str:
    return "n/a" if math.isnan(p) else "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _wrapped(text: str, lead: str = "") -> list[str]:
    return textwrap.wrap(lead + text, WIDTH, subsequent_indent=" " * min(len(lead), 8), break_on_hyphens=False)

"""The latent model: from independent normal draws to ratings.

    z = β·x + s_d (v + κ_{d,g} h_d) / √(1 + κ²) + s_u u + ε,    rating = 1 + #{thresholds below z}

v is what every group weighs in an item, h a contrast that only some groups weigh besides. Both have unit variance, and h is
orthogonal to v between prompts and within them, so that groups r = 1/√(1 + κ²) apart order a share arccos(r)/π of the
within-prompt pairs differently, while their ratings agree among themselves as much as anyone's. ε is logistic; its
correlation over dimensions comes through a Gaussian copula.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import logit, ndtr

from pluralign.schema import ATTRIBUTES
from pluralign.simulate.parameters import ORDER, DimensionParameters, Parameters
from pluralign.simulate.raters import assign_items, draw_raters
from pluralign.stats.design import rater_levels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STREAMS = (
    "raters",
    "assignment",
    "prompt",
    "response",
    "prompt_contrast",
    "response_contrast",
    "rater",
    "residual",
    "position",
    "text",
)
"""Each part of a release draws from a stream of its own: more raters leave the items and their texts as they are."""


def streams(parameters: Parameters, seed: int) -> dict[str, np.random.Generator]:
    """The independent random streams of a seed and a draw, by name."""
    children = np.random.SeedSequence([seed, parameters.draw]).spawn(len(STREAMS))
    return {name: np.random.default_rng(child) for name, child in zip(STREAMS, children, strict=True)}


@dataclass(frozen=True)
class Draw:
    """All that is random in a release, before any parameter of the latent model is applied.

    Attributes:
        raters: the canonical raters table.
        rater: index of the rater of each (rater, item) row, (n,).
        item: index of the item of each row, (n,).
        position: 1-based place of each row among the ratings of its item, (n,).
        prompt_of: index of the prompt of each item, (n_items,).
        normals: independent standard normals by part: prompt (n_prompts, 5), response (n_items, 5), their contrasts, rater
            (n_raters, 5), residual (n, 5).
    """

    raters: pa.Table
    rater: Ints
    item: Ints
    position: Ints
    prompt_of: Ints
    normals: dict[str, Floats]


def draw(parameters: Parameters, seed: int) -> Draw:
    """Draw raters, assignment and standard normals."""
    rng = streams(parameters, seed)
    n, k = parameters.n_items, len(ORDER)
    rater, item = assign_items(rng["assignment"], parameters)
    sizes = {
        "prompt": parameters.n_prompts, "response": n, "prompt_contrast": parameters.n_prompts, "response_contrast": n,
        "rater": parameters.n_raters, "residual": len(item),
    }  # fmt: skip
    normals = {part: rng[part].standard_normal((size, k)) for part, size in sizes.items()}
    prompt_of = np.repeat(np.arange(parameters.n_prompts), parameters.responses_per_prompt)
    raters = draw_raters(rng["raters"], parameters.n_raters)
    return Draw(raters, rater, item, _positions(rng["position"], item), prompt_of, normals)


def _positions(rng: np.random.Generator, item: Ints) -> Ints:
    """A random order of the rows of each item."""
    order = np.lexsort((rng.random(len(item)), item))
    starts = np.searchsorted(item[order], np.arange(item.max() + 1))
    positions = np.empty(len(item), np.int64)
    positions[order] = np.arange(len(item)) - starts[item[order]] + 1
    return positions


def item_effects(drawn: Draw, parameters: Parameters) -> tuple[Floats, Floats]:
    """v and h of every item and dimension, (n_items, 5) each; standardised, and orthogonal between and within prompts."""
    rho, factor = parameters.prompt_share, parameters.cholesky.T

    def combine(prompt: Floats, response: Floats) -> Floats:
        both: Floats = np.sqrt(rho) * prompt[drawn.prompt_of] + np.sqrt(1 - rho) * response
        return both

    v = combine(drawn.normals["prompt"] @ factor, drawn.normals["response"] @ factor)
    v = (v - v.mean(0)) / v.std(0)
    h = combine(drawn.normals["prompt_contrast"], drawn.normals["response_contrast"])
    v_between, h_between = _prompt_means(v, drawn.prompt_of), _prompt_means(h, drawn.prompt_of)
    within = _orthogonal(h - h_between, v - v_between)
    between = _orthogonal(h_between - h_between.mean(0), v_between)
    return v, between + within


def _prompt_means(values: Floats, prompt_of: Ints) -> Floats:
    sums = np.zeros((prompt_of.max() + 1, values.shape[1]))
    np.add.at(sums, prompt_of, values)
    means: Floats = (sums / np.bincount(prompt_of)[:, None])[prompt_of]
    return means


def _orthogonal(h: Floats, v: Floats) -> Floats:
    """h without its projection on v, scaled to v's spread, column by column (all zero where v has no spread)."""
    energy = (v * v).sum(0)
    safe = np.where(energy > 0, energy, 1.0)
    rest = h - v * ((h * v).sum(0) / safe)
    norm = np.sqrt((rest * rest).sum(0))
    out: Floats = rest * np.where(norm > 0, np.sqrt(energy) / np.where(norm > 0, norm, 1.0), 0.0)
    return out


def memberships(raters: pa.Table) -> list[set[str]]:
    """The groups of each rater; who chose several ethnicities is in each of them."""
    columns = [raters.column(name).to_pylist() for name in ATTRIBUTES]
    return [{g for v in row for g in (v if isinstance(v, list) else [v])} for row in zip(*columns, strict=True)]


class Latent:
    """A draw with a correlation applied: gives the ratings of a dimension for any parameters of it."""

    def __init__(self, drawn: Draw, parameters: Parameters) -> None:
        factor = parameters.cholesky.T
        self.drawn = drawn
        self.v, self.h = item_effects(drawn, parameters)
        self.u = drawn.normals["rater"] @ factor
        # The clip keeps the logit finite; at 1e-15 it is reached about once in 10^15 draws.
        self.residual = logit(np.clip(ndtr(drawn.normals["residual"] @ factor), 1e-15, 1 - 1e-15))
        self._levels = list(zip(*(rater_levels(drawn.raters, a) for a in ATTRIBUTES), strict=True))
        self.groups = memberships(drawn.raters)

    def shifts(self, model: DimensionParameters) -> Floats:
        """β·x of each rater, (n_raters,)."""
        return np.array([sum(model.effects.get(level, 0.0) for level in levels) for levels in self._levels])

    def kappas(self, model: DimensionParameters) -> Floats:
        """κ of each rater, (n_raters,): the largest of the rater's groups."""
        return np.array([max((model.kappa.get(g, 0.0) for g in groups), default=0.0) for groups in self.groups])

    def utilities(self, dimension: str, model: DimensionParameters) -> Floats:
        """z of each (rater, item) row, (n,)."""
        k, rater, item = ORDER.index(dimension), self.drawn.rater, self.drawn.item
        kappa = self.kappas(model)[rater]
        effect = (self.v[item, k] + kappa * self.h[item, k]) / np.sqrt(1 + kappa**2)
        z: Floats = self.shifts(model)[rater] + model.item_sd * effect + model.rater_sd * self.u[rater, k]
        z += self.residual[:, k]
        return z

    def rate(self, dimension: str, model: DimensionParameters) -> Ints:
        """Ratings 1–5 of each (rater, item) row, (n,)."""
        return np.searchsorted(np.array(model.thresholds), self.utilities(dimension, model)).astype(np.int64) + 1

    def rate_all(self, parameters: Parameters) -> dict[str, Ints]:
        """Ratings of every dimension."""
        return {name: self.rate(name, parameters.dimensions[name]) for name in ORDER}


def within_prompt_pairs(prompt_of: Ints) -> Iterator[tuple[int, int]]:
    """Every pair of items of one prompt."""
    order = np.argsort(prompt_of, kind="stable")
    for items in np.split(order, np.flatnonzero(np.diff(prompt_of[order])) + 1):
        for a in range(len(items)):
            for b in range(a + 1, len(items)):
                yield int(items[a]), int(items[b])

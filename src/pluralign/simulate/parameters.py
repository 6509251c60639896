"""The simulator's parameters, each with its source: `published` by the study, or `assumed` by us.

What is calibrated is an assumed parameter whose value was solved for; its note says to what.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError, unknown
from pluralign.schema import DIMENSIONS
from pluralign.simulate.published import ITEMS_PER_RATER, N_ITEMS, N_RATERS, PUBLISHED, Statistic

Mode = Literal["population", "matched", "altered"]
MODES: tuple[Mode, ...] = ("population", "matched")
"""The modes that ship; `altered` is a matched set whose κ or size was changed afterwards: calibrated to nothing."""
ORDER: tuple[str, ...] = tuple(DIMENSIONS)
"""The order of the dimensions in every array of the simulator."""


@dataclass(frozen=True)
class DimensionParameters:
    """The latent model of one dimension; all on the logit scale.

    Attributes:
        item_sd: s_d, standard deviation of item effects.
        rater_sd: standard deviation of rater effects u.
        thresholds: four ascending cut points.
        effects: log odds ratio of a level of an attribute against its reference (β).
        kappa: group -> how much its raters weigh the contrast h.
    """

    item_sd: float
    rater_sd: float
    thresholds: tuple[float, float, float, float]
    effects: Mapping[str, float]
    kappa: Mapping[str, float]

    def __post_init__(self) -> None:
        if not (self.item_sd > 0 and self.rater_sd >= 0 and list(self.thresholds) == sorted(self.thresholds)):
            raise PluralignError("PA041", f"got {self}; expected positive sds and ascending thresholds.")
        if any(k < 0 for k in self.kappa.values()):
            raise PluralignError("PA041", f"got kappa {dict(self.kappa)}; expected values ≥ 0.")


@dataclass(frozen=True)
class Parameters:
    """Everything that a release is drawn from (`SOURCES` tells where each field comes from).

    Attributes:
        dimensions: the latent model by dimension.
        correlation: of the five dimensions, for item effects, rater effects and residuals alike; `ORDER` × `ORDER`.
        n_raters: raters.
        items_per_rater: items that each rates.
        n_prompts: prompts.
        responses_per_prompt: items that share a prompt.
        share_two_raters: share of items that only two raters see (the rest: three, some four).
        prompt_share: ρ, how much of the variance of item effects their prompts share.
        text_noise: sd of the noise between an item's effect and the level of the move that renders it.
        draw: which of a seed's draws; a matched release takes the one whose group alphas are nearest the published ones.
        mode: whether the true (`population`) or the fitted (`matched`) statistics are the published ones.
        matched_seed: the seed whose draw a matched set belongs to.
    """

    dimensions: Mapping[str, DimensionParameters]
    correlation: tuple[tuple[float, ...], ...]
    n_raters: int = N_RATERS
    items_per_rater: int = ITEMS_PER_RATER
    n_prompts: int = 587
    responses_per_prompt: int = 3
    share_two_raters: float = 0.02
    prompt_share: float = 0.25
    text_noise: float = 0.6
    draw: int = 0
    mode: Mode = "population"
    matched_seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("n_raters", "items_per_rater", "n_prompts", "responses_per_prompt"):
            if getattr(self, name) < 1:
                raise PluralignError("PA041", f"got {name} = {getattr(self, name)}; expected at least 1.")
        for name in ("share_two_raters", "prompt_share"):
            if not 0 <= getattr(self, name) < 1:
                raise PluralignError("PA041", f"got {name} = {getattr(self, name)}; expected 0 ≤ {name} < 1.")
        if self.n_ratings_per_dimension < 2 * self.n_items:
            raise PluralignError(
                "PA041", f"got {self.n_ratings_per_dimension} ratings a dimension for {self.n_items} items; expected two each.",
                "Take more raters or fewer prompts.",
            )  # fmt: skip
        if np.linalg.eigvalsh(np.array(self.correlation)).min() <= 0:
            raise PluralignError("PA041", "the correlation matrix is not positive definite.")

    @property
    def n_items(self) -> int:
        """Prompt–response pairs."""
        return self.n_prompts * self.responses_per_prompt

    @property
    def n_ratings_per_dimension(self) -> int:
        """(rater, item) rows."""
        return self.n_raters * self.items_per_rater

    @property
    def is_calibrated(self) -> bool:
        """Whether the published statistics apply: at the study's size, with some κ above 0."""
        weighs = any(k > 0 for model in self.dimensions.values() for k in model.kappa.values())
        return weighs and self.mode != "altered" and self.n_raters == N_RATERS and self.n_items == N_ITEMS

    @property
    def cholesky(self) -> NDArray[np.float64]:
        """Lower factor of the correlation matrix, (5, 5)."""
        return np.linalg.cholesky(np.array(self.correlation))

    def with_kappa(self, scale: float) -> Parameters:
        """The same with every κ multiplied; 0 gives the null release, in which no group weighs anything differently."""
        if scale == 1:
            return self
        scaled = {
            name: replace(d, kappa={g: k * scale for g, k in d.kappa.items()}) for name, d in self.dimensions.items()
        }
        mode: Mode = "altered" if self.mode == "matched" else self.mode
        return replace(self.with_dimensions(scaled), mode=mode, matched_seed=None)

    def with_dimensions(self, dimensions: Mapping[str, DimensionParameters]) -> Parameters:
        """The same with other latent models."""
        return replace(self, dimensions={**self.dimensions, **dimensions})

    def with_correlation(self, first: str, second: str, value: float) -> Parameters:
        """The same with one correlation changed, on both sides of the diagonal."""
        matrix = np.array(self.correlation)
        i, j = ORDER.index(first), ORDER.index(second)
        matrix[i, j] = matrix[j, i] = value
        return replace(self, correlation=tuple(tuple(row) for row in matrix.tolist()))

    def tagged(self) -> dict[str, dict[str, Any]]:
        """Every parameter with value, source and note, for provenance and card."""
        flat: dict[str, dict[str, Any]] = {}
        for name, value in asdict(self).items():
            if name != "dimensions":
                flat[name] = {"value": value, **SOURCES[name].as_dict()}
        published = {(s.dimension, s.group): s for s in PUBLISHED if s.kind == "odds_ratio"}
        for dimension, model in self.dimensions.items():
            for name in ("item_sd", "rater_sd", "thresholds", "kappa"):
                flat[f"{dimension}.{name}"] = {"value": asdict(model)[name], **SOURCES[name].as_dict()}
            for level, effect in model.effects.items():
                source = _effect_source(effect, published.get((dimension, level)))
                flat[f"{dimension}.effects.{level}"] = {"value": effect, **source.as_dict()}
        for name, study in (("n_raters", N_RATERS), ("items_per_rater", ITEMS_PER_RATER)):
            if flat[name]["value"] != study:
                flat[name] |= Source("assumed", f"the study: {study:,}").as_dict()
        return flat

    @classmethod
    def from_tagged(cls, tagged: Mapping[str, Mapping[str, Any]]) -> Parameters:
        """The parameters of a release, out of its provenance (the inverse of `tagged`)."""
        plain = {name: entry["value"] for name, entry in tagged.items()}
        raw: dict[str, Any] = {name: value for name, value in plain.items() if "." not in name}
        models: dict[str, dict[str, Any]] = {name: {"effects": {}} for name in ORDER}
        for name, value in plain.items():
            dimension, _, rest = name.partition(".")
            kind, _, level = rest.partition(".")
            if kind == "effects":
                models[dimension]["effects"][level] = value
            elif kind:
                models[dimension][kind] = value
        return cls.from_json(json.dumps({**raw, "dimensions": models}))

    def to_json(self) -> str:
        """As JSON, floats to six decimals, so that the same numbers come back on every machine."""
        return json.dumps(_rounded(asdict(self)), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Parameters:
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        dimensions = {
            name: DimensionParameters(**{**d, "thresholds": tuple(d["thresholds"])}) for name, d in raw.pop("dimensions").items()
        }  # fmt: skip
        correlation = tuple(tuple(row) for row in raw.pop("correlation"))
        return cls(dimensions=dimensions, correlation=correlation, **raw)


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from."""

    source: Literal["published", "assumed"]
    note: str = field(default="")

    def as_dict(self) -> dict[str, str]:
        """`{"source": …, "note": …}`."""
        return asdict(self)


def _effect_source(effect: float, known: Statistic | None) -> Source:
    """Published only where the effect is the published one; a matched effect is what makes the *fitted* one the published."""
    if known is None:
        return SOURCES["effects"]
    if abs(effect - math.log(known.value)) < 1e-4:
        return Source("published", f"log of {known.value}")
    return Source("assumed", f"solved so that the fitted odds ratio on this draw is the published {known.value}")


SOURCES: dict[str, Source] = {
    "n_raters": Source("published"),
    "items_per_rater": Source("published"),
    "n_prompts": Source("assumed", "587 × 3 = the published 1,761 items"),
    "responses_per_prompt": Source("assumed", "587 × 3 = the published 1,761 items"),
    "share_two_raters": Source("assumed", "published: at least 2 raters, 3.1 in the mean"),
    "prompt_share": Source("assumed"),
    "text_noise": Source("assumed"),
    "draw": Source("assumed", "where matched, chosen for the six published group alphas, which no parameter can move one by one"),
    "mode": Source("assumed"),
    "matched_seed": Source("assumed"),
    "correlation": Source("assumed", "the two correlations with emotional_awareness are solved for the published conditional probabilities"),
    "item_sd": Source("assumed", "solved for the published disagreement (toxicity: disagreement and alpha)"),
    "rater_sd": Source("assumed", "a fixed share of the item variance"),
    "thresholds": Source("assumed", "from an assumed distribution of ratings; toxicity's skew is solved for disagreement and alpha"),
    "kappa": Source("assumed", "the study reports no interaction; .6 lets 17 % of within-prompt orders flip"),
    "effects": Source("assumed", "not reported as significant: taken as 0"),
}  # fmt: skip


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def load_parameters(mode: Mode = "matched") -> Parameters:
    """The parameters that ship: `population`, or those `matched` to the draw of seed 0.

    Raises:
        PluralignError: PA041 for any other mode.
    """
    if mode not in MODES:
        raise unknown("PA041", "mode", mode, MODES)
    return Parameters.from_json((files("pluralign.simulate") / "calibrated" / f"{mode}.json").read_text("utf-8"))

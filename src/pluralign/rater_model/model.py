"""`RaterModel`: how people, and groups of people, would rate a text; fitted heads on a frozen embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.errors import PluralignError, unknown
from pluralign.rater_model.embedding import Embedding
from pluralign.rater_model.encoders import Vectors
from pluralign.rater_model.head import Head
from pluralign.rater_model.likelihood import Floats
from pluralign.schema import EVERYONE, POINTS

QUADRATURE = 9
"""Nodes over what differs between raters of a group; more change no probability by 1e-4."""
POINT_VALUES = np.arange(1, POINTS + 1, dtype=np.float64)


@dataclass(frozen=True)
class Features:
    """What an embedding is turned into before the heads: centred, every encoder's part of unit total variance.

    Attributes:
        centre: (width,).
        spread: (width,): the root of its encoder's total variance in the fit.
    """

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, vectors: Vectors, embedding: Embedding) -> Features:
        """From the texts of a fit, (n_texts, width)."""
        centre = vectors.mean(axis=0, dtype=np.float64)
        variance = ((vectors - centre) ** 2).mean(axis=0)
        ends = np.cumsum([encoder.width for encoder in embedding.encoders])
        totals = [part.sum() for part in np.split(variance, ends[:-1])]
        widths = [encoder.width for encoder in embedding.encoders]
        return cls(centre, np.repeat(np.sqrt(np.maximum(totals, 1e-12)), widths))

    def __call__(self, vectors: Vectors) -> Floats:
        """(n, width) features."""
        return np.asarray((vectors - self.centre) / self.spread, np.float64)


@dataclass(frozen=True)
class DimensionModel:
    """A fitted dimension with what it takes to speak for groups.

    Attributes:
        head: the fitted head.
        group_names: groups that the head tells apart.
        designs: group -> mean membership of its raters in `group_names` less that of all raters, (n_groups,); `everyone` among them.
        spreads: group -> variance of its raters' levels around the group's, logits squared.
        details: n_ratings, n_raters, n_items, sources, penalties, held-out figures.
    """

    head: Head
    group_names: tuple[str, ...]
    designs: Mapping[str, Floats]
    spreads: Mapping[str, float]
    details: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, features: Floats, group: str = EVERYONE) -> Floats:
        """(n, 5): how many of a group's raters would choose each point.

        Raises:
            PluralignError: PA020 for a group that the ratings behind this model do not tell apart.
        """
        if group not in self.designs:
            raise unknown("PA020", "group", group, list(self.designs))
        eta = self.head.eta(features, self.designs[group])
        theta, points = self.reference
        nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE)
        sd = np.sqrt(self.head.item_variance + self.spreads[group])
        below = np.zeros((len(eta), len(theta)))
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            below += weight / (1.0 + np.exp(np.clip(eta[:, None] + sd * node - theta, -500, 500)))
        edges = np.hstack([np.zeros((len(eta), 1)), below, np.ones((len(eta), 1))])
        out = np.zeros((len(eta), POINTS))
        out[:, np.array(points) - 1] = np.diff(edges, axis=1)
        return out

    @property
    def reference(self) -> tuple[Floats, tuple[int, ...]]:
        """The thresholds and points that predictions are given on: of the finest scale, the first set's among several."""
        k = int(np.argmax([len(points) for points in self.head.points]))
        return self.head.thresholds[k], self.head.points[k]


@dataclass(frozen=True)
class RaterModel:
    """Fitted dimensions on one frozen embedding.

    Attributes:
        embedding: of the responses.
        features: what the embedding is turned into.
        dimensions: our dimension -> its model.
        provenance: name, sources with their provenance, package versions, held-out figures; JSON values.
    """

    embedding: Embedding
    features: Features
    dimensions: Mapping[str, DimensionModel]
    provenance: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`rater-model-simulated`, or `rater-model:` and the real sets that it was fitted to."""
        return str(self.provenance["name"])

    def groups(self, dimension: str) -> tuple[str, ...]:
        """The groups that can be asked for, `everyone` first."""
        return tuple(self._dimension(dimension).designs)

    def encode(self, responses: Sequence[str]) -> Floats:
        """Features of responses, (n, width); slow (40–160 texts/s), and kept in the embedding's cache."""
        return self.features(self.embedding.embed(responses))

    def predict_features(self, features: Floats, dimension: str, group: str = EVERYONE) -> Floats:
        """(n, 5) probabilities of the points 1–5 for features that `encode` gave."""
        return self._dimension(dimension).probabilities(features, group)

    def predict(self, responses: Sequence[str], dimension: str, group: str = EVERYONE) -> Floats:
        """How a group would rate responses.

        Args:
            responses: the answers, in any language of the embedding.
            dimension: one of ours that the model was fitted to.
            group: `everyone` or a group that the ratings tell apart.

        Returns:
            (n, 5): the share of the group's raters that would choose each point from 1 to 5; rows sum to 1.

        Raises:
            PluralignError: PA024 or PA020 for a dimension or a group that the model does not have.
        """
        return self.predict_features(self.encode(responses), dimension, group)

    def _dimension(self, name: str) -> DimensionModel:
        if name not in self.dimensions:
            raise unknown("PA024", "dimension", name, list(self.dimensions))
        return self.dimensions[name]

    def save(self, folder: str | Path) -> Path:
        """Write `weights.npz` and `model.json`, each beside first and then renamed; no pickle."""
        from pluralign.rater_model.files import save

        return save(self, Path(folder))

    @classmethod
    def open(cls, folder: str | Path) -> RaterModel:
        """Read what `save` wrote.

        Raises:
            PluralignError: PA077 for anything else, PA054 where the embedding's package is missing.
        """
        from pluralign.rater_model.files import read

        return read(Path(folder))


def expectations(probabilities: Floats) -> Floats:
    """The mean point, 1–5, of each row.

    >>> expectations(np.array([[0.5, 0.0, 0.0, 0.0, 0.5]])).tolist()
    [3.0]
    """
    mean: Floats = probabilities @ POINT_VALUES
    return mean


def checked(condition: bool, folder: Path, why: str) -> None:
    """Raise PA077 for a folder that is no fitted judge."""
    if not condition:
        raise PluralignError("PA077", f"{folder}: {why}.", "Fit it again with `pluralign judge fit`.")

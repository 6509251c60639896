"""Fit a `RaterModel` to one or several rating sets; how hard to shrink is chosen by cross-validation over prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from pluralign.rater_model.embedding import DEFAULT, Embedding
from pluralign.rater_model.head import Head, Penalties, fit_head
from pluralign.rater_model.likelihood import Floats, Ints
from pluralign.rater_model.model import DimensionModel, Features, RaterModel, expectations
from pluralign.rater_model.rows import Choices, Rows, collect_rows, rated_dimensions
from pluralign.ratings import Ratings
from pluralign.schema import EVERYONE

RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0)
CONTRASTS = (3.0, 10.0, 30.0, np.inf)
FOLDS = 5


@dataclass(frozen=True)
class HeldOut:
    """What cross-validation over prompts found for one dimension.

    Attributes:
        penalties: the best.
        log_loss: mean minus log probability of a held-out rating, nats, of the best.
        spearman: source -> rank correlation of held-out expectations with items' mean ratings; None where undefined.
    """

    penalties: Penalties
    log_loss: float
    spearman: Mapping[str, float | None]


def fit_rater_model(
    sets: Sequence[Ratings],
    name: str,
    embedding: str | Embedding = DEFAULT,
    *,
    choices: Choices | None = None,
    penalties: Penalties | None = None,
    dimensions: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> RaterModel:
    """Fit the heads of every dimension that the sets rate.

    Args:
        sets: one or several; of several, each has thresholds of its own. Both languages' texts of an item are fitted to its ratings.
        name: of the model.
        embedding: of the responses.
        choices: our dimension -> which of a source's to take, where several are nearest to it; else the first it declares.
        penalties: how hard to shrink; chosen by cross-validation grouped by prompt if None.
        dimensions: only these of ours; all that the sets rate if None.
        progress: called with each dimension's name before it is fitted.

    Raises:
        PluralignError: PA060 where there is nothing to fit, PA054 where the embedding's package is missing.
    """
    embedding = Embedding(embedding) if isinstance(embedding, str) else embedding
    wanted = list(dimensions) if dimensions is not None else list(rated_dimensions(sets))
    rows_of = {dimension: collect_rows(sets, dimension, choices) for dimension in wanted}
    texts = list(dict.fromkeys(response for rows in rows_of.values() for _, response in rows.texts))
    vectors = embedding.embed(texts)
    features = Features.of(vectors, embedding)
    matrix, place = features(vectors), {text: k for k, text in enumerate(texts)}
    fitted = {}
    for dimension, rows in rows_of.items():
        if progress:
            progress(dimension)
        own = matrix[[place[response] for _, response in rows.texts]]
        held_out = cross_validate(rows, own) if penalties is None else None
        chosen = held_out.penalties if held_out else penalties or Penalties()
        head, _ = fit_head(rows, own, chosen)
        fitted[dimension] = describe(head, rows, _details(rows, chosen, held_out))
    return RaterModel(embedding, features, fitted, {"name": name, "sources": [_source(ratings) for ratings in sets]})


def cross_validate(rows: Rows, features: Floats, folds: int = FOLDS) -> HeldOut:
    """Choose the ridge, then how much harder groups' contrasts are shrunk, by the log loss of held-out prompts' ratings."""
    fold = prompt_folds(rows.prompt, folds)[rows.item]
    n_folds = int(fold.max()) + 1

    def score(penalties: Penalties, starts: list[Floats | None]) -> tuple[float, Floats]:
        loss, expected = 0.0, np.zeros(len(rows.text))
        for k in range(n_folds):
            head, starts[k] = fit_head(rows.where(fold != k), features, penalties, starts[k], rounds=2)
            held = fold == k
            loss -= log_likelihood(head, rows.where(held), features)
            everyone = describe(head, rows, {})
            expected[held] = expectations(everyone.probabilities(features))[rows.text[held]]
        return loss / float(rows.weight.sum()), expected

    starts: list[Floats | None] = [None] * n_folds
    tried = {ridge: score(Penalties(ridge, np.inf), starts) for ridge in reversed(RIDGES)}
    ridge = min(tried, key=lambda r: tried[r][0])
    best, expected = tried[ridge]
    contrast = np.inf
    if rows.groups.shape[1]:
        starts = [None] * n_folds
        for candidate in reversed(CONTRASTS[:-1]):
            loss, other = score(Penalties(ridge, candidate), starts)
            if loss < best:
                best, expected, contrast = loss, other, candidate
            else:
                break  # Shrinking less than what already does not help only overfits more.
    return HeldOut(Penalties(ridge, contrast), best, held_out_spearman(rows, expected))


def prompt_folds(prompts: Sequence[str], folds: int) -> Ints:
    """The fold of each item, by its prompt's name alone, so that one prompt is never on both sides."""
    distinct = sorted(set(prompts), key=lambda prompt: sha256(prompt.encode()).digest())
    of = {prompt: k % min(folds, len(distinct)) for k, prompt in enumerate(distinct)}
    return np.array([of[prompt] for prompt in prompts], np.intp)


def log_likelihood(head: Head, rows: Rows, features: Floats) -> float:
    """Log probability of ratings by raters whose groups are known and whose own level is not, summed; a quadrature over that."""
    base = (features @ head.weights)[rows.text] + (rows.design @ head.levels)[rows.rater]
    if head.contrasts.any():
        base = base + np.einsum("ng,ng->n", (features @ head.contrasts.T)[rows.text], rows.design[rows.rater])
    most = max(len(theta) for theta in head.thresholds)
    padded = np.array([[-np.inf, *theta, *[np.inf] * (most - len(theta) + 1)] for theta in head.thresholds])
    low, high = padded[rows.set_of, rows.category], padded[rows.set_of, rows.category + 1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    sd, p = np.sqrt(head.item_variance + head.rater_variance), np.zeros(len(base))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        eta = base + sd * node
        with np.errstate(over="ignore"):
            p += weight * (1 / (1 + np.exp(eta - high)) - 1 / (1 + np.exp(eta - low)))
    return float(rows.weight @ np.log(np.maximum(p, 1e-12)))


def describe(head: Head, rows: Rows, details: Mapping[str, Any]) -> DimensionModel:
    """A head with the mean membership of every group's raters, and how much their levels differ."""
    rated = np.zeros(len(rows.groups), bool)
    rated[rows.rater] = True
    members = {EVERYONE: rated} | {name: rated & (rows.groups[:, k] > 0) for k, name in enumerate(rows.group_names)}
    members = {name: who for name, who in members.items() if who.any()}
    level = rows.design @ head.levels
    designs = {name: rows.design[who].mean(axis=0) for name, who in members.items()}
    spreads = {name: head.rater_variance + float(level[who].var()) for name, who in members.items()}
    return DimensionModel(head, rows.group_names, designs, spreads, details)


def held_out_spearman(rows: Rows, expected: Floats) -> dict[str, float | None]:
    """Source -> rank correlation of expectations with mean ratings over its items.

    Args:
        rows: all rows.
        expected: of each row, (n,).
    """
    from scipy.stats import spearmanr

    out: dict[str, float | None] = {}
    for s, (source, _) in enumerate(rows.sources):
        of = rows.set_of == s
        n = np.bincount(rows.item[of], rows.weight[of], len(rows.prompt))
        seen = n > 0
        means = [
            np.bincount(rows.item[of], (rows.weight * x)[of], len(n))[seen] / n[seen] for x in (rows.value, expected)
        ]
        defined = seen.sum() > 2 and all(np.ptp(mean) > 0 for mean in means)
        out[source] = round(float(spearmanr(*means).statistic), 4) if defined else None
    return out


def _details(rows: Rows, penalties: Penalties, held_out: HeldOut | None) -> dict[str, Any]:
    shown = {"ridge": penalties.ridge, "contrast": penalties.contrast, "alike": penalties.alike}
    return {
        "n_ratings": rows.n_ratings,
        "n_raters": len(np.unique(rows.rater)),
        "n_items": len(np.unique(rows.item)),
        "sources": [list(source) for source in rows.sources],
        "penalties": {k: v if np.isfinite(v) else "infinite" for k, v in shown.items()},
        "held_out": None if held_out is None else {"log_loss": round(held_out.log_loss, 4), "spearman": dict(held_out.spearman)},
    }  # fmt: skip


def _source(ratings: Ratings) -> dict[str, Any]:
    kept = ("kind", "source", "version", "licence", "checksum", "citation")
    return {name: getattr(ratings.provenance, name) for name in kept} | {"label": ratings.provenance.label}

"""What a recipe trains on: token ids, soft labels and weights, out of the ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.preferences import Condition, condition, pairs, unpaired
from pluralign.ratings import Ratings
from pluralign.ratings.tables import content_checksum
from pluralign.training.chat import Chat
from pluralign.training.packing import Tree
from pluralign.training.recipe import PAIRED, Recipe

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Training examples, n of them.

    Attributes:
        trees: a prompt with (chosen, rejected); with (answer, answer to another prompt) for `kto`; with (answer,) for `dro` and `sft`.
        p_chosen: (n,) soft labels of pairs; 1 for a good single answer and 0 for a bad one.
        score: (n,) ratings on 0–1 of single answers, higher is better; NaN for pairs.
        weight: (n,) of mean 1.
        offset: (n,) nats that other rewards prefer already (modpo); 0.
        n_votes: sum of the weights as they were: votes, or rows of an aggregated condition.
        data_sha256: of the table that they were made of.
        table: that table.
    """

    trees: tuple[Tree, ...]
    p_chosen: Floats
    score: Floats
    weight: Floats
    offset: Floats
    n_votes: float
    data_sha256: str
    table: pa.Table

    def __len__(self) -> int:
        return len(self.trees)


def rows_of(recipe: Recipe, ratings: Ratings, split: str | None = None) -> pa.Table:
    """The preferences that a recipe names, as `pluralign.preferences` makes them.

    Args:
        recipe: names condition, ties, labels, language, draw.
        ratings: the three tables.
        split: instead of the recipe's own.

    Raises:
        PluralignError: PA090–PA094 for a condition that does not exist or is empty.
    """
    wanted = named(recipe.condition)
    given: dict[str, Any] = {"language": recipe.language, "split": split or recipe.split, "draw": recipe.balancing_draw}
    if recipe.method in ("kto", "dro"):
        return unpaired(ratings, wanted, neutral="drop" if recipe.method == "kto" else "keep", **given)
    form = "votes" if recipe.labels == "votes" else "collapsed"
    rows = pairs(ratings, wanted, ties=recipe.ties, form=form, combine=recipe.combine, **given)
    if recipe.method == "modpo":
        rows = rows.filter(pa.compute.equal(rows.column("dimension"), modpo_dimensions(wanted)[0]))
    return rows


def named(name: str) -> Condition:
    """A condition by its name or as `group/scale/aggregation/dimension`."""
    from pluralign.preferences import condition_of

    parts = name.split("/")
    if len(parts) == 1:
        return condition(name)
    if len(parts) != 4:
        raise PluralignError(
            "PA095",
            f"condition: got {name!r}; expected a config of datasets/preferences or group/scale/aggregation/dimension.",
        )
    group, scale, aggregation, dimension = parts
    return condition_of(dimension, group, scale, aggregation)


def modpo_dimensions(wanted: Condition) -> tuple[str, str]:
    """The dimension whose pairs are trained on, and the one that comes in as a margin.

    Raises:
        PluralignError: PA095 for a condition that has not two.
    """
    if len(wanted.dimensions) != 2:
        raise PluralignError(
            "PA095", f"modpo: got {wanted.name!r} with {len(wanted.dimensions)} dimension(s); expected two."
        )
    other, own = wanted.dimensions
    return own, other


def examples_of(recipe: Recipe, ratings: Ratings, chat: Chat, offset: Floats | None = None) -> Examples:
    """Make the training examples of a recipe.

    Args:
        recipe: what to train on.
        ratings: the three tables.
        chat: of the model.
        offset: (n,) of modpo, in the order of `rows_of`.

    Raises:
        PluralignError: PA090–PA094 for the condition; PA095 for a text that is too long.
    """
    table = rows_of(recipe, ratings)
    if recipe.method in PAIRED:
        trees, p, score = _pairs(table, chat, recipe)
    else:
        trees, p, score = _singles(table, chat, recipe)
    weight = np.asarray(table.column("weight").to_numpy(), np.float64)
    n_votes = float(weight.sum())
    if recipe.dimension_weights and recipe.method != "modpo" and recipe.combine != "scalarised":
        weight = balanced(weight, table.column("dimension").to_pylist(), recipe.dimension_weights)
    return Examples(
        tuple(trees), p, score, weight / weight.mean(), np.zeros(len(p)) if offset is None else offset, n_votes,
        content_checksum({"preferences": table}), table,
    )  # fmt: skip


def balanced(weight: Floats, dimensions: Sequence[str], shares: Mapping[str, float]) -> Floats:
    """Weights whose sums over the dimensions are in the proportion asked for.

    Raises:
        PluralignError: PA095 where a dimension has no share.

    >>> balanced(np.array([1.0, 1.0, 2.0]), ["a", "a", "b"], {"a": 0.75, "b": 0.25}).tolist()
    [1.5, 1.5, 1.0]
    """
    names = np.array(dimensions)
    out, total = weight.copy(), weight.sum()
    for name in dict.fromkeys(dimensions):
        if name not in shares:
            raise PluralignError("PA095", f"dimension_weights: got {dict(shares)}; the pairs are of {name!r} too.")
        here = names == name
        out[here] *= shares[name] * total / weight[here].sum()
    return out


def _pairs(table: pa.Table, chat: Chat, recipe: Recipe) -> tuple[list[Tree], Floats, Floats]:
    columns = [table.column(name).to_pylist() for name in ("prompt", "chosen", "rejected")]
    trees = [chat.tree(prompt, (chosen, rejected)) for prompt, chosen, rejected in zip(*columns, strict=True)]
    p = np.asarray(table.column("p_chosen").to_numpy(), np.float64)
    if recipe.labels == "shrunk":
        # Aggregated values have no votes to shrink: their labels stay.
        shrunk = np.asarray(table.column("p_chosen_shrunk").to_numpy(zero_copy_only=False), np.float64)
        p = np.where(np.isnan(shrunk), p, shrunk)
    if recipe.control == "shuffled":
        coin = np.random.default_rng([recipe.seed, 0x5F]).random(len(p)) < 0.5
        p = np.where(coin, 1 - p, p)
    if recipe.method == "sft":
        best = [tree.answers[0 if q >= 0.5 else 1] for tree, q in zip(trees, p, strict=True)]
        trees = [Tree(tree.prompt, (answer,)) for tree, answer in zip(trees, best, strict=True)]
    return trees, p, np.full(len(p), np.nan)


def _singles(table: pa.Table, chat: Chat, recipe: Recipe) -> tuple[list[Tree], Floats, Floats]:
    prompts, answers = (table.column(name).to_pylist() for name in ("prompt", "completion"))
    trees = [chat.tree(prompt, (answer,)) for prompt, answer in zip(prompts, answers, strict=True)]
    score = np.asarray(table.column("score").to_numpy(zero_copy_only=False), np.float64)
    label = np.array([float(bool(one)) for one in table.column("label").to_pylist()])
    if recipe.control == "shuffled":
        order = np.random.default_rng([recipe.seed, 0x5F]).permutation(len(trees))
        score, label = score[order], label[order]
    if recipe.method == "kto":
        trees = with_strangers(trees, recipe.seed)
    return trees, label, score


def with_strangers(trees: Sequence[Tree], seed: int) -> list[Tree]:
    """Give each prompt an answer to another prompt besides, whose mean log-ratio is KTO's reference point.

    Raises:
        PluralignError: PA095 where there are not two prompts.
    """
    order = np.random.default_rng([seed, 0x4B]).permutation(len(trees))
    out: list[Tree | None] = [None] * len(trees)
    for at, k in enumerate(order):
        others = (trees[order[(at + step) % len(order)]] for step in range(1, len(order)))
        stranger = next((tree for tree in others if tree.prompt != trees[k].prompt), None)
        if stranger is None:
            raise PluralignError("PA095", "kto: all answers are to one prompt; expected two at least.")
        out[k] = Tree(trees[k].prompt, (trees[k].answers[0], stranger.answers[0]))
    return [tree for tree in out if tree is not None]

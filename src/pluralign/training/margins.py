"""MODPO's margins: what a policy that was trained on another dimension prefers already."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from pluralign.evaluation.ranks import n_ranks
from pluralign.places import cache_folder
from pluralign.ratings import Ratings
from pluralign.training.base import Base
from pluralign.training.examples import Floats, modpo_dimensions, named, rows_of
from pluralign.training.ranks import own_rank
from pluralign.training.recipe import Recipe
from pluralign.training.reference import ReferenceStore


def margins(recipe: Recipe, base: Base, ratings: Ratings, teacher: Path) -> Floats:
    """The margin of each pair (arXiv 2310.03708, eq. 8), with the teacher's implicit reward for the other dimension.

    Args:
        recipe: of method modpo; its `dimension_weights` weigh the two, equal if empty.
        base: the model, without an adapter.
        ratings: the three tables.
        teacher: folder of the adapter that was trained by DPO on the other dimension alone, with the same beta.

    Returns:
        (n,) w_other / w_own · β · (log-ratio of chosen − of rejected), nats, in the order of `rows_of`.

    Raises:
        PluralignError: PA083 where the folder holds no adapter, PA095 for a condition that has not two dimensions.
    """
    own, other = modpo_dimensions(named(recipe.condition))
    chat, rows = base.chat(recipe.max_length), rows_of(recipe, ratings)
    columns = [rows.column(name).to_pylist() for name in ("prompt", "chosen", "rejected")]
    trees = [chat.tree(prompt, (chosen, rejected)) for prompt, chosen, rejected in zip(*columns, strict=True)]
    # Kept as the base's are: a run that goes on, and every process of it, must have the very same margins.
    path = cache_folder("references") / f"{base.digest}-{adapter_digest(teacher)}.sqlite"
    with base.with_adapter(teacher) as model:
        policy = ReferenceStore(path, own_rank(), n_ranks()).logps(trees, lambda part: base.logps(model, part))
    ratio = (policy - base.reference_logps(trees)).reshape(-1, 2)
    weights = {own: 0.5, other: 0.5} | dict(recipe.dimension_weights)
    return np.asarray(weights[other] / weights[own] * recipe.beta * (ratio[:, 0] - ratio[:, 1]))


def adapter_digest(folder: Path) -> str:
    """Sixteen hexadecimal digits over an adapter's settings and weights."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.glob("adapter_*")):
        digest.update(f"{path.name} {path.stat().st_size}".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""The fitted reward of GRPO: ordinal heads on a frozen embedding, fitted to a split's ratings once and kept; how good it is, measured
on the other split.

The embedding is `e5`. The judges that evaluate read `use` and a profanity classifier, so the policy that pleases this reward does not
please them by what the encoders have in common. It is slow (about 10 texts/s a core), so vectors are kept on disk.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pluralign.errors import PluralignError
from pluralign.judge.compare import Estimate, estimate, spearman
from pluralign.judge.fit import judge_name
from pluralign.places import cache_folder
from pluralign.preferences import ordered_rightly, true_values
from pluralign.rater_model import Embedding, Penalties, RaterModel, expectations, fit_rater_model
from pluralign.rater_model.likelihood import Floats
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text, written_whole
from pluralign.schema import LANGUAGES, POINTS, SPLITS, split_of
from pluralign.stats.resampling import ratios

EMBEDDING = "e5"
PENALTIES = Penalties(ridge=10.0, contrast=10.0, alike=0.5)
"""Not cross-validated: prompts share phrases, so held-out prompts favour learning them by heart. Ridges of 1 to 100 order .69 to .64 (toxicity)
of the pairs of held-out prompts rightly, and .61 to .66 of other phrases' (lexicon E)."""
HELD_OUT = "held_out.json"
SEED, BOOTSTRAP = 0, 1000


@dataclass(frozen=True)
class Rewarded:
    """A dimension that is rewarded.

    Attributes:
        name: the source's own.
        ours: what a rater model and a judge call it.
        better: which end is desirable.
    """

    name: str
    ours: str
    better: str

    def goodness(self, points: Floats) -> Floats:
        """Points on 1–5 as 0–1, more is better.

        >>> Rewarded("toxicity", "toxicity", "lower").goodness(np.array([1.0, 2.0])).tolist()
        [1.0, 0.75]
        """
        share: Floats = (points - 1) / (POINTS - 1)
        return 1 - share if self.better == "lower" else share


def goodness(model: RaterModel, rewarded: Sequence[Rewarded], texts: Sequence[str]) -> Floats:
    """(n, d) how good everyone would find texts on each dimension, 0–1."""
    features = model.encode(texts)
    columns = [one.goodness(expectations(model.predict_features(features, one.ours))) for one in rewarded]
    return np.stack(columns, axis=1)


def fitted_reward(
    ratings: Ratings, rewarded: Sequence[Rewarded], language: str, split: str, say: Any = print
) -> tuple[RaterModel, dict[str, Any]]:
    """The reward of a split's ratings, from the cache where it was fitted before.

    Args:
        ratings: the three tables.
        rewarded: the dimensions.
        language: of the texts that it reads.
        split: whose prompts' items it is fitted to; the other one's measure it.
        say: told before what takes long.

    Returns:
        The model, and for each dimension's own name how it does on the other split, as `measured` gives it.

    Raises:
        PluralignError: PA054 where the embedding's package is missing, PA060 where there is nothing to fit.
    """
    embedding = Embedding(EMBEDDING)
    settings = {
        "format": 1, "ratings": ratings.provenance.checksum, "embedding": EMBEDDING, "versions": embedding.versions, "language": language,
        "split": split, "dimensions": {one.ours: one.name for one in rewarded}, "penalties": repr(PENALTIES),
    }  # fmt: skip
    digest = sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder("rewards") / f"{EMBEDDING}-{language}-{split}-{digest}"
    if (found := _opened(folder)) is not None:
        return found
    say(
        f"fitting the reward to the {split} split's ratings: {EMBEDDING} reads {ratings.items.num_rows} texts, once on this machine"
    )
    model = _fit(ratings, rewarded, language, split, embedding)
    try:
        with written_whole(folder) as beside:
            # Read back: files hold single precision, and every run must be rewarded by the very same model.
            saved = RaterModel.open(model.save(beside))
            held = measured(saved, ratings, rewarded, language, next(one for one in SPLITS if one != split))
            write_text(json.dumps({"settings": settings, "held_out": held}, indent=1) + "\n", beside / HELD_OUT)
    except OSError:
        # Another process may have put the same one there meanwhile.
        if not (folder / HELD_OUT).is_file():
            raise
    found = _opened(folder)
    assert found is not None
    return found


def _opened(folder: Path) -> tuple[RaterModel, dict[str, Any]] | None:
    """What is kept, or None; what is broken is removed."""
    if not folder.is_dir():
        return None
    try:
        return RaterModel.open(folder), json.loads((folder / HELD_OUT).read_text("utf-8"))["held_out"]
    except (PluralignError, OSError, ValueError, KeyError):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _fit(ratings: Ratings, rewarded: Sequence[Rewarded], language: str, split: str, embedding: Embedding) -> RaterModel:
    return fit_rater_model(
        [part_of(ratings, language, split)], f"reward-{judge_name([ratings])}", embedding,
        choices={one.ours: one.name for one in rewarded}, penalties=PENALTIES, dimensions=[one.ours for one in rewarded],
    )  # fmt: skip


def part_of(ratings: Ratings, language: str, split: str) -> Ratings:
    """Only the items of a split, with their texts in one language, and their ratings."""
    items = ratings.items
    inside = [split_of(prompt) == split for prompt in items.column("prompt_id").to_pylist()]
    items = items.filter(pa.array(inside)).filter(pc.field(f"response_{language}").is_valid())
    for other in LANGUAGES:
        for name in (f"prompt_{other}", f"response_{other}") if other != language else ():
            place = items.schema.get_field_index(name)
            items = items.set_column(
                place, items.schema.field(place), pa.nulls(items.num_rows, items.schema.field(place).type)
            )
    kept = pc.is_in(ratings.ratings.column("item_id"), value_set=items.column("item_id").combine_chunks())
    return replace(ratings, items=items, ratings=ratings.ratings.filter(kept))


def measured(
    model: RaterModel, ratings: Ratings, rewarded: Sequence[Rewarded], language: str, split: str
) -> dict[str, Any]:
    """How a reward does on items that it was not fitted to.

    Returns:
        Own name of a dimension -> `spearman` with the items' mean ratings, higher is better on both sides; `pair_order`, the share of
        pairs within a prompt that it orders as the truth does (null where there is no truth); with intervals over templates,
        n_items, n_raters, n_failed (items without a rating) and seed.
    """
    part = part_of(ratings, language, split)
    items = part.items.sort_by("item_id").to_pylist()
    scores = goodness(model, rewarded, [item[f"response_{language}"] for item in items])
    return {one.name: _measured(part, one, items, scores[:, k]) for k, one in enumerate(rewarded)}


def _measured(part: Ratings, one: Rewarded, items: list[dict[str, Any]], score: Floats) -> dict[str, Any]:
    rows = part.ratings.filter(pc.equal(part.ratings.column("dimension"), one.name))
    means = rows.group_by("item_id").aggregate([("value", "mean")])
    mean_of = dict(zip(means.column("item_id").to_pylist(), means.column("value_mean").to_pylist(), strict=True))
    sign = -1 if one.better == "lower" else 1
    people = np.array([sign * mean_of.get(item["item_id"], np.nan) for item in items])
    clusters = [item["template_id"] or item["prompt_id"] for item in items]
    codes = np.unique(clusters, return_inverse=True)[1].reshape(-1)
    rated = np.isfinite(people)
    order = None
    if part.truth is not None:
        truth = true_values(part, one.name)
        order = pair_order(items, score, [truth[item["item_id"]] for item in items], codes)
    kept = np.unique(codes[rated], return_inverse=True)[1].reshape(-1)
    return {
        "spearman": spearman(score[rated], people[rated], kept, BOOTSTRAP, SEED).as_dict(),
        "pair_order": order.as_dict() if order else None,
        "n_items": int(rated.sum()), "n_raters": len(rows.column("rater_id").unique()), "n_failed": int((~rated).sum()), "seed": SEED,
    }  # fmt: skip


def pair_order(items: Sequence[Mapping[str, Any]], score: Floats, truth: Sequence[float], codes: Any) -> Estimate:
    """The share of pairs within a prompt that scores order as the truth does; equal scores count half, equal truths are left out.

    Args:
        items: n of them, with their `prompt_id`.
        score, truth: (n,), more is better.
        codes: (n,) cluster of each item.

    Of two prompts, one is ordered rightly and the other's scores are equal: (1 + 1/2) / 2.

    >>> items = [{"prompt_id": p} for p in "aabb"]
    >>> pair_order(items, np.array([1.0, 2.0, 3.0, 3.0]), [0, 1, 0, 1], np.array([0, 0, 1, 1])).value
    0.75
    """
    prompts = [item["prompt_id"] for item in items]
    cluster_of = dict(zip(prompts, codes, strict=True))
    found = ordered_rightly(prompts, truth, score)
    sums = np.array(list(found.values())).reshape(-1, 2)
    cluster = [cluster_of[prompt] for prompt in found]
    own = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    return estimate(sums, own, lambda s: ratios(s[..., 0], s[..., 1]), BOOTSTRAP, SEED, "no prompt has two answers")

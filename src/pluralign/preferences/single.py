"""`unpaired` and `rewards`: what single responses, and prompts alone, can train."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from pluralign.errors import unknown
from pluralign.preferences.conditions import Condition, condition
from pluralign.preferences.draws import drawn, is_subsampled
from pluralign.preferences.pairing import DRAWS, Settings
from pluralign.preferences.rated import checked_dimensions
from pluralign.preferences.rows import as_table, empty_condition
from pluralign.preferences.texts import Texts, texts
from pluralign.ratings import Ratings
from pluralign.schema import REWARD_FIELDS, SCALES, UNPAIRED_FIELDS

NEUTRALS = ("drop", "keep")


def unpaired(
    ratings: Ratings,
    cond: str | Condition,
    *,
    language: str = "en",
    split: str | None = "train",
    draw: int | None = None,
    draws: int = DRAWS,
    neutral: str = "drop",
) -> pa.Table:
    """Make single responses with a label: for KTO, and with `score` for pointwise regression.

    `individual` conditions give a row for each rating, so a response that raters disagree about has both labels; aggregated ones a
    row for each item, with its value. Several dimensions have rows of their own.

    Args:
        ratings: the three tables.
        cond: a condition or the name of one.
        language: of the texts.
        split: `train` or `test`; None for both.
        draw: number of a draw of the ratings of a contrast's larger group; None takes all draws, and weighs a rating by the share of
            draws that hold it.
        draws: how many.
        neutral: `drop` leaves ratings on the middle of the scale out; `keep` keeps them with a score of .5 and no label, for
            regression (KTO needs a label).

    Returns:
        A table with `schema.UNPAIRED_FIELDS`, by dimension, item, and rating from good to bad.

    Raises:
        PluralignError: PA020–PA024 for what a view refuses, PA090 unknown condition, PA091 where no row is left, PA093 for settings that
            do not exist, PA094 where there are no texts.
    """
    cond, settings = condition(cond), Settings(language=language, split=split, draw=draw, draws=draws)
    if neutral not in NEUTRALS:
        raise unknown("PA093", "neutral", neutral, NEUTRALS)
    found = texts(ratings, language, split)
    numbers = settings.numbers(is_subsampled(ratings, cond, split))
    told = {
        "condition": cond.name,
        "language": language,
        "split": split,
        "draw": draw,
        "draws": draws,
        "neutral": neutral,
    }
    tables = []
    for name in checked_dimensions(ratings, cond):
        columns = _columns(ratings, cond, name, found, numbers, neutral)
        tables.append(as_table(columns, UNPAIRED_FIELDS, ratings, told))
    table = pa.concat_tables(tables)
    if not table.num_rows:
        raise empty_condition(cond, split, "a rating" + (" off the middle of the scale" if neutral == "drop" else ""))
    return table


def _columns(
    ratings: Ratings, cond: Condition, dimension: str, found: Texts, draws: tuple[int, ...], neutral: str
) -> dict[str, Any]:
    views = [drawn(ratings, cond, dimension, cond.aggregation, found.split, draw) for draw in draws]
    rows = _weighed(pa.concat_tables([view.replace_schema_metadata(None) for view in views]), cond, len(draws))
    place = {name: row for row, name in enumerate(found.items.column("item_id").to_pylist())}
    item = np.array([place[name] for name in rows.column("item_id").to_pylist()], np.int64)
    value = rows.column("value").to_numpy().astype(np.float64)
    low, high = SCALES[cond.scale].values[0], SCALES[cond.scale].values[-1]
    score = (value - low) / (high - low)
    if ratings.provenance.dimension(dimension).better == "lower":
        score = 1 - score
    kept = np.isin(item, found.rows) & ((score != 0.5) | (neutral == "keep"))
    n_raters, weight = (rows.column(name).to_numpy() for name in ("n_raters", "weight"))
    kept = np.flatnonzero(kept)
    # Within an item the best first, so that no order of raters shows.
    kept = kept[np.lexsort((-n_raters[kept], -weight[kept], -score[kept], item[kept]))]
    item, score, n = item[kept], score[kept], len(kept)
    return {
        "prompt": found.turns("prompt", item),
        "completion": found.turns("response", item),
        "label": pa.array(score > 0.5, mask=score == 0.5),
        "score": score,
        "weight": weight[kept],
        "n_raters": n_raters[kept],
        "dimension": pa.repeat(pa.scalar(dimension), n),
        "group": pa.repeat(pa.scalar(cond.group_name), n),
        "language": pa.repeat(pa.scalar(found.language), n),
        **{name: found.column(name, item) for name in ("prompt_id", "template_id", "item_id")},
    }


def _weighed(rows: pa.Table, cond: Condition, draws: int) -> pa.Table:
    """One row a rating or value that any draw holds, weighed by the share of draws."""
    if cond.is_individual:
        rows = rows.group_by(["item_id", "rater_id", "value"]).aggregate([([], "count_all")])
        sizes = rows.group_by("item_id").aggregate([([], "count_all")]).rename_columns(["item_id", "n_raters"])
        rows = rows.join(sizes, "item_id")
    else:
        rows = rows.select(["item_id", "value", "n_raters"]).group_by(["item_id", "value"])
        rows = rows.aggregate([([], "count_all"), ("n_raters", "max")]).rename_columns(
            ["item_id", "value", "count_all", "n_raters"]
        )
    weight = rows.column("count_all").to_numpy() / draws
    return rows.append_column("weight", pa.array(weight))


def rewards(ratings: Ratings, cond: str | Condition, *, language: str = "en", split: str | None = "train") -> pa.Table:
    """Make the prompts of a condition that is trained by rewards, one row a prompt.

    Args:
        ratings: the three tables.
        cond: a condition or the name of one, of any kind.
        language: of the prompts.
        split: `train` or `test`; None for both.

    Returns:
        A table with `schema.REWARD_FIELDS`, in the order of the prompts' ids. `dimensions` and `group` say what is to score.

    Raises:
        PluralignError: PA024, PA090, PA091, PA093, PA094 as `unpaired`.
    """
    cond = condition(cond)
    found = texts(ratings, language, split)
    names = checked_dimensions(ratings, cond)
    prompts: dict[str, int] = {}
    for row, prompt in zip(found.rows.tolist(), found.column("prompt_id", found.rows).to_pylist(), strict=True):
        prompts.setdefault(prompt, row)
    if not prompts:
        raise empty_condition(cond, split, "a prompt")
    first, n = np.array([prompts[name] for name in sorted(prompts)], np.int64), len(prompts)
    columns = {
        "prompt": found.turns("prompt", first),
        **{name: found.column(name, first) for name in ("prompt_id", "template_id")},
        "dimensions": pa.array([list(names)] * n, pa.list_(pa.string())),
        "group": pa.repeat(pa.scalar(cond.group_name), n),
        "language": pa.repeat(pa.scalar(language), n),
    }
    return as_table(columns, REWARD_FIELDS, ratings, {"condition": cond.name, "language": language, "split": split})

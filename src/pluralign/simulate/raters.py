"""Simulated raters and which items they see. The shares are assumed: the study does not report its demographics table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.ratings.tables import table_schema
from pluralign.schema import UNDISCLOSED
from pluralign.simulate.parameters import Parameters

SHARES: dict[str, dict[str, float]] = {
    "gender": {"female": 0.485, "male": 0.485, "nonbinary": 0.02, UNDISCLOSED: 0.01},
    "age_band": {"18-30": 0.315, "31-40": 0.265, "41-50": 0.17, "51-60": 0.14, "over-60": 0.10, UNDISCLOSED: 0.01},
    "politics": {"liberal": 0.43, "moderate": 0.29, "conservative": 0.25, UNDISCLOSED: 0.03},
}
ETHNICITY_SHARES: dict[str, dict[tuple[str, ...], float]] = {
    "us": {
        ("white",): 0.48, ("black",): 0.20, ("asian",): 0.11, ("hispanic",): 0.10, ("middle-eastern",): 0.02, ("other",): 0.02,
        ("white", "hispanic"): 0.025, ("white", "asian"): 0.01, ("black", "white"): 0.015, (UNDISCLOSED,): 0.02,
    },
    "de": {
        ("white",): 0.85, ("black",): 0.025, ("asian",): 0.03, ("hispanic",): 0.01, ("middle-eastern",): 0.04, ("other",): 0.015,
        ("white", "middle-eastern"): 0.01, (UNDISCLOSED,): 0.02,
    },
}  # fmt: skip
"""By country; `SHARES` and these are assumed."""

Ints = NDArray[np.int64]


def draw_raters(rng: np.random.Generator, n: int) -> pa.Table:
    """Draw n raters, half from each country, as the canonical raters table."""
    country = np.where(np.arange(n) % 2 == 0, "us", "de")
    columns: dict[str, object] = {
        "rater_id": [f"r{k + 1:0{len(str(n))}d}" for k in range(n)],
        "country": country.tolist(),
    }
    for attribute, shares in SHARES.items():
        columns[attribute] = rng.choice(list(shares), n, p=list(shares.values())).tolist()
    drawn = {c: rng.choice(len(s), n, p=list(s.values())) for c, s in ETHNICITY_SHARES.items()}
    columns["ethnicity"] = [list(list(ETHNICITY_SHARES[c])[drawn[c][k]]) for k, c in enumerate(country)]
    return pa.table(columns, schema=table_schema("raters"))


def assign_items(rng: np.random.Generator, parameters: Parameters) -> tuple[Ints, Ints]:
    """Which rater sees which items: each a fixed number of distinct ones, no item fewer than two raters.

    At the study's size, `share_two_raters` of the items have two raters, as many more as balance demands have four, the
    rest three; at other sizes the extra ratings are spread as evenly as can be.

    Returns:
        Rater and item indices, both (n_raters · items_per_rater,), sorted by rater.

    Raises:
        PluralignError: PA041 where raters would have to see an item twice.
    """
    n_items, n_raters, each = parameters.n_items, parameters.n_raters, parameters.items_per_rater
    if each > n_items:
        raise PluralignError("PA041", f"got {each} items a rater; expected at most the {n_items} that exist.")
    base, extra = divmod(n_raters * each, n_items)
    counts = np.full(n_items, base)
    order = rng.permutation(n_items)
    # Whoever gets one fewer makes room for one more elsewhere, so both must fit among the items.
    fewer = min(round(parameters.share_two_raters * n_items), (n_items - extra) // 2) if base > 2 else 0
    counts[order[:fewer]] -= 1
    counts[order[fewer : 2 * fewer + extra]] += 1
    slots = np.repeat(np.arange(n_items), counts)
    rng.shuffle(slots)
    seats = slots.reshape(n_raters, each)
    for _ in range(1000):
        ordered = np.sort(seats, axis=1)
        crowded = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(crowded):
            return np.repeat(np.arange(n_raters), each), seats.ravel().copy()
        for rater in crowded:
            values, times = np.unique(seats[rater], return_counts=True)
            if (times < 2).all():
                continue
            seat = np.flatnonzero(seats[rater] == values[times > 1][0])[0]
            other, place = rng.integers(n_raters), rng.integers(each)
            seats[rater, seat], seats[other, place] = seats[other, place], seats[rater, seat]
    raise PluralignError("PA041", f"no assignment of {n_raters} × {each} found in 1,000 rounds.", "Take more prompts.")

"""The true order of simulated items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow.compute as pc

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.schema import EVERYONE
from pluralign.stats.resampling import Floats
from pluralign.views.groups import GroupSpec, group_name


def true_values(ratings: Ratings, dimension: str, group: GroupSpec = EVERYONE) -> dict[str, float]:
    """How good each item truly is to a group, where the ratings are simulated.

    For everyone it is the effect v that all groups weigh; for a group that weighs the contrast h besides, by κ, it is
    (v + κ h) / √(1 + κ²). A rater of a group may be of another with a κ too: that is not in here.

    Args:
        ratings: simulated ratings, with their `truth`.
        dimension: one dimension.
        group: whose values.

    Returns:
        `item_id` -> value in standard deviations, more is better (so for toxicity the less toxic).

    Raises:
        PluralignError: PA091 where there is no truth, PA020 and PA024 for an unknown group or dimension.
    """
    if ratings.truth is None:
        raise PluralignError(
            "PA091", f"{ratings.provenance.label} has no truth: it is known only of simulated items.", "Simulate a release."
        )  # fmt: skip
    spec = ratings.provenance.dimension(dimension)
    rows = ratings.truth.filter(pc.equal(ratings.truth.column("dimension"), spec.name))
    effect, contrast = (rows.column(name).to_numpy() for name in ("effect", "contrast"))
    kappa = kappa_of(ratings, spec.name, group)
    value = (effect + kappa * contrast) / np.sqrt(1 + kappa**2)
    good = -value if spec.better == "lower" else value
    return dict(zip(rows.column("item_id").to_pylist(), good.tolist(), strict=True))


def kappa_of(ratings: Ratings, dimension: str, group: GroupSpec) -> float:
    """How much a group weighs the contrast of a dimension: 0 for everyone and where the provenance does not say.

    Of a group of several attributes the largest κ of its values, which is what its raters have if it names one value each.
    """
    group_name(group)  # raises for what is no group
    parameters = ratings.provenance.details.get("parameters", {})
    kappas: Mapping[str, float] = parameters.get(f"{dimension}.kappa", {}).get("value", {})
    if isinstance(group, str):
        return float(kappas.get(group, 0.0))
    values = [v for asked in group.values() for v in ([asked] if isinstance(asked, str) else asked)]
    return max((float(kappas.get(value, 0.0)) for value in values), default=0.0)


def ordered_rightly(
    prompt_ids: Sequence[str], truth: Sequence[float] | Floats, score: Sequence[float] | Floats
) -> dict[str, tuple[float, int]]:
    """Pairs of answers to one prompt that a score orders as the truth does.

    Equal scores count half; pairs of equal truth are left out, and so are prompts without another pair.

    Args:
        prompt_ids: of each of n answers.
        truth, score: (n,), more is better.

    Returns:
        prompt_id -> number of pairs ordered rightly, number of pairs.

    >>> ordered_rightly(["p", "p", "p"], [3.0, 2.0, 1.0], [2.0, 2.0, 5.0])  # first ~ second: half; both before the third: wrong
    {'p': (0.5, 3)}
    """
    places: dict[str, list[int]] = {}
    for place, prompt in enumerate(prompt_ids):
        places.setdefault(prompt, []).append(place)
    true, scored = np.asarray(truth, dtype=np.float64), np.asarray(score, dtype=np.float64)
    found = {}
    for prompt, own in places.items():
        i, j = np.triu_indices(len(own), 1)
        at = np.array(own)
        order = np.sign(true[at[i]] - true[at[j]])
        right = 0.5 * (1.0 + order * np.sign(scored[at[i]] - scored[at[j]]))
        if n := int(np.count_nonzero(order)):
            found[prompt] = (float(right[order != 0].sum()), n)
    return found

"""What the study published, for a simulated release to be shown beside."""

from __future__ import annotations

from pluralign.ratings import Ratings
from pluralign.schema import EVERYONE
from pluralign.simulate.published import PUBLISHED


def published(ratings: Ratings, kind: str, mean_name: str = "") -> dict[tuple[str, str], float]:
    """Published statistics of a kind; none for ratings that people gave, which need not resemble the study's.

    Args:
        ratings: what is reported on.
        kind: `odds_ratio`, `alpha`, `disagreement` or `conditional`.
        mean_name: what to call the mean of all dimensions' disagreement.

    Returns:
        (dimension, group) -> value; of a conditional, (given, outcome) -> value.
    """
    provenance = ratings.provenance
    if provenance.kind != "simulated" or provenance.source != "pluralign":
        return {}
    found = {}
    for one in PUBLISHED:
        if one.kind == kind == "conditional":
            found[one.group, one.dimension] = one.value
        elif one.kind == kind:
            found[one.dimension, one.group or EVERYONE] = one.value
        elif one.kind == "mean_disagreement" and kind == "disagreement" and mean_name:
            found[mean_name, EVERYONE] = one.value
    return found


def published_stars() -> dict[tuple[str, str], str]:
    """(dimension, level) -> the study's significance of an odds ratio."""
    return {(one.dimension, one.group): one.stars for one in PUBLISHED if one.kind == "odds_ratio"}

"""The contrasts of experiment 1: who rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pluralign.experiments.cells import BASE, CONTRASTS
from pluralign.experiments.estimands import (
    AGAINST_BASE,
    ALL_PAIRS,
    BEYOND_NULL,
    CROSS,
    JUDGED,
    NULL,
    OWN_DIMENSION,
    OWN_GROUP,
    Contrast,
    Stratum,
    Term,
    difference,
    further,
)
from pluralign.experiments.outcomes import HIGHER, JURY, LOWER, ORDER, better
from pluralign.experiments.truth import SETS
from pluralign.training.heldout import FRESH

OTHER = {"toxicity": "emotional_awareness", "emotional_awareness": "toxicity"}


def experiment_1(own: Mapping[str, str], stratum: Stratum, judges: Sequence[str]) -> Iterator[Contrast]:
    """Pair by pair, and the mean over all pairs.

    Args:
        own: group -> name of the cell that was trained on its ratings.
        stratum: of all of them.
        judges: further judges that scored them.
    """
    orders: dict[tuple[str, str], list[Contrast]] = {}
    for dimension, a, b in CONTRASTS:
        cells, null = (own[a], own[b]), (f"{own[a]}.null", f"{own[b]}.null")
        for name in SETS:
            stem = f"{ORDER}.{name}.{dimension}"
            planted, nothing = _own_group(OWN_GROUP, stem, (a, b), cells, stratum), _own_group(NULL, stem, (a, b), null, stratum)  # fmt: skip
            for one in (planted, nothing, _less(planted, nothing)):
                orders.setdefault((name, one.estimand), []).append(one)
                yield one
        yield _own_group(OWN_GROUP, f"{JURY}.{dimension}", (a, b), cells, stratum)
        yield difference("exp1", JUDGED, (a, own[a]), (b, own[b]), dimension, stratum)
        yield difference("exp1", CROSS, (a, own[a]), (b, own[b]), OTHER[dimension], stratum)
        for name in judges:
            yield difference("exp1", JUDGED, (a, own[a]), (b, own[b]), further(name, dimension), stratum)
            yield difference("exp1", CROSS, (a, own[a]), (b, own[b]), further(name, OTHER[dimension]), stratum)
        for group in (a, b):
            scored = (dimension, *(further(name, dimension) for name in judges))
            for outcome in (*scored, f"{ORDER}.{FRESH}.{dimension}.{group}"):
                yield difference("exp1", AGAINST_BASE, (group, own[group]), (BASE, BASE), outcome, stratum)
    for (name, _), pairs in orders.items():
        yield _mean(pairs, f"{ORDER}.{name}.{OWN_DIMENSION}")


def _own_group(
    estimand: str, stem: str, groups: tuple[str, str], cells: tuple[str, str], stratum: Stratum
) -> Contrast:  # fmt: skip
    """(AA − BA) + (BB − AB): first letter the model's group, second the one that values."""
    flipped = better(f"{stem}.{groups[0]}") == LOWER
    (a, b), (model_a, model_b) = groups, cells
    terms = (
        Term(1.0, model_a, f"{stem}.{a}", flipped), Term(-1.0, model_b, f"{stem}.{a}", flipped),
        Term(1.0, model_b, f"{stem}.{b}", flipped), Term(-1.0, model_a, f"{stem}.{b}", flipped),
    )  # fmt: skip
    return Contrast("exp1", estimand, a, b, stem, HIGHER, terms, stratum)


def _less(planted: Contrast, nothing: Contrast) -> Contrast:
    """What was planted shows beyond what the null release gives on the same answers."""
    turned = tuple(replace(term, weight=-term.weight) for term in nothing.terms)
    return replace(planted, estimand=BEYOND_NULL, terms=(*planted.terms, *turned))


def _mean(pairs: Sequence[Contrast], outcome: str) -> Contrast:
    """The mean over pairs of groups: a prompt counts where each pair is known on it."""
    terms = tuple(replace(term, weight=term.weight / len(pairs)) for one in pairs for term in one.terms)
    return replace(pairs[0], first=ALL_PAIRS, second="", outcome=outcome, terms=terms)

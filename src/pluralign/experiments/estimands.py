"""What is estimated: the names of estimands, and contrasts of arms."""

from __future__ import annotations

from dataclasses import dataclass

from pluralign.experiments.cells import BASE
from pluralign.experiments.outcomes import FURTHER, better, kind_of
from pluralign.experiments.published import PublishedEffect, published_effect

AGAINST_BASE, PAIRWISE, OWN_GROUP = "against base", "pairwise", "own-group advantage"
BEYOND_NULL = "own-group advantage less the null's"
JUDGED, CROSS, NULL, ALIKE = "difference", "other dimension", "null", "nothing planted"
"""Estimands. Holm's family is one estimand of one outcome (of experiment 1: one kind of outcome) in one experiment under one tie rule and protocol."""
ALL_PAIRS = "all pairs"
"""Instead of two groups: the mean over the pairs of experiment 1, each on its `OWN_DIMENSION`."""
OWN_DIMENSION = "own_dimension"


@dataclass(frozen=True)
class Stratum:
    """A tie rule and a protocol; cells of different ones are never compared."""

    ties: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.ties}, {self.protocol}"


@dataclass(frozen=True)
class Term:
    """A system of a contrast.

    Attributes:
        weight: its own.
        name: of the cell (`Cell.name`).
        outcome: what is measured of it.
        flipped: 1 − x is taken, so that more is better.
    """

    weight: float
    name: str
    outcome: str
    flipped: bool = False


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of arms' mean outcomes.

    Attributes:
        experiment: `exp1` … `exp4` or `controls`.
        estimand: one of those above.
        first, second: the arms compared; `ALL_PAIRS` and nothing of the mean over them.
        outcome: what is measured; of an own-group advantage without the group.
        better: `higher` or `lower`: where the first arm is the better one.
        terms: the systems.
        stratum: tie rule and protocol.
        published: what the study published of it.
    """

    experiment: str
    estimand: str
    first: str
    second: str
    outcome: str
    better: str
    terms: tuple[Term, ...]
    stratum: Stratum
    published: PublishedEffect | None = None

    @property
    def family(self) -> tuple[str, ...]:
        """The tests that Holm's p is over; of experiment 1 the pairs of groups, each on its own dimension, and the mean over them are one family."""
        outcome = kind_of(self.outcome) if self.experiment == "exp1" else self.outcome
        return (self.experiment, self.estimand, outcome, str(self.stratum))

    @property
    def label(self) -> str:
        """What is compared, in words."""
        joined = " / " if len(self.terms) > 2 else " − "
        told = self.first if self.second in (BASE, "") else f"{self.first}{joined}{self.second}"
        return told + (", κ = 0" if self.is_null else ", less κ = 0" if self.estimand == BEYOND_NULL else "")

    @property
    def is_null(self) -> bool:
        """Whether it is about models that were trained on the null release, and no others."""
        return all(term.name.endswith(".null") or term.name == BASE for term in self.terms)


def difference(
    experiment: str, estimand: str, arm: tuple[str, str], against: tuple[str, str], outcome: str, stratum: Stratum
) -> Contrast:  # fmt: skip
    """First minus second arm (name in tables, name of the cell)."""
    terms = (Term(1.0, arm[1], outcome), Term(-1.0, against[1], outcome))
    published = None if estimand in (NULL, ALIKE) else published_effect(experiment, outcome, arm[0], against[0])
    return Contrast(experiment, estimand, arm[0], against[0], outcome, better(outcome), terms, stratum, published)


def further(name: str, dimension: str) -> str:
    """The outcome that is a further judge's score."""
    return f"{FURTHER}.{name}.{dimension}"

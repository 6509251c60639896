"""Runs that were to stop at a KL and whose steps ended first: they are at no equal KL, and their seed is left out of what they are compared in."""

from __future__ import annotations

from dataclasses import dataclass

from pluralign.experiments.contrasts import has_cells, wanted_contrasts
from pluralign.experiments.results import Results


@dataclass(frozen=True)
class Missed:
    """A run that was to stop at a KL and did not reach it.

    Attributes:
        where: its folder below the results.
        kl: where it ended, nats an answer.
        contrasts: of its model that it is left out of: experiment and what is compared.
    """

    where: str
    kl: float
    contrasts: tuple[str, ...]


def missed(results: Results) -> list[Missed]:
    """Runs of protocol kl that did not reach their target, with the contrasts that they are left out of."""
    found = []
    runs = [one for one in results.cells if one.missed_kl]
    every = wanted_contrasts(results) if runs else []
    for run in runs:
        left = [
            f"{one.experiment}: {one.label}" for one in every
            if run.cell.name in {term.name for term in one.terms} and has_cells(results, run.model, one)
        ]  # fmt: skip
        found.append(Missed(run.where, run.kl, tuple(dict.fromkeys(left))))
    return found

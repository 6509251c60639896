"""Which cells of the four experiments and their controls are there, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass

from pluralign.experiments.cells import BASE, EXPERIMENTS, Cell, base_cell, cells_of
from pluralign.experiments.contrasts import PROTOCOLS, TIES, arms
from pluralign.experiments.estimands import Stratum
from pluralign.experiments.results import Results


@dataclass(frozen=True)
class Coverage:
    """Cells of one experiment, model and protocol.

    Attributes:
        experiment, model, protocol: of the cells; `base` for the models without fine-tuning, without protocol.
        expected: every cell, for the seeds and tie rules that any finished cell has.
        done: of them, finished.
        missing: of them, not.
    """

    experiment: str
    model: str
    protocol: str
    expected: tuple[Cell, ...]
    done: tuple[Cell, ...]

    @property
    def missing(self) -> tuple[Cell, ...]:
        """Cells that are not finished."""
        have = set(self.done)
        return tuple(one for one in self.expected if one not in have)


def coverage(results: Results) -> list[Coverage]:
    """What is there of the grid that the finished cells span: their models, seeds, tie rules and protocols, all experiments."""
    tuned = [one.cell for one in results.cells if one.cell.condition != BASE]
    protocols = [name for name in PROTOCOLS if any(one.protocol == name for one in tuned)] or [PROTOCOLS[0]]
    ties = [name for name in TIES if any(one.ties == name for one in tuned)] or [TIES[0]]
    seeds = sorted({one.seed for one in tuned}) or [0]
    have = {(one.model, one.cell.name, one.cell.seed): one.cell for one in results.cells}
    models = {one.model: one.cell.model for one in results.cells}
    found = []
    for model, full in sorted(models.items()):
        found.append(_row("base", model, "", [base_cell(full)], have))
        for protocol in protocols:
            for experiment in EXPERIMENTS:
                wanted = [cell for seed in seeds for cell in cells_of(experiment, full, seed, ties, protocol)]
                found.append(_row(experiment, model, protocol, wanted, have))
    return found


def _row(
    experiment: str, model: str, protocol: str, wanted: list[Cell], have: dict[tuple[str, str, int], Cell]
) -> Coverage:
    done = tuple(one for one in wanted if (model, one.name, one.seed) in have)
    return Coverage(experiment, model, protocol, tuple(wanted), done)


def outside(results: Results) -> list[str]:
    """Folders of finished cells that are an arm of no experiment under their tie rule and protocol: their recovery is reported, they are in
    no contrast."""
    strata = {Stratum(one.cell.ties, one.cell.protocol) for one in results.cells}
    known = {
        BASE,
        *(name for stratum in strata for experiment in EXPERIMENTS for name in arms(experiment, stratum).values()),
    }
    return [one.where for one in results.cells if one.cell.name not in known]

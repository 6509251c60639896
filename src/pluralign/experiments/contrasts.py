"""What is compared with what: the arms of each experiment, and the contrasts of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from pluralign.experiments.cells import BASE, CONTRASTS, HANDLINGS, SCALES_IN, Cell, cells_of
from pluralign.experiments.estimands import AGAINST_BASE, ALIKE, PAIRWISE, Contrast, Stratum, difference, further
from pluralign.experiments.experiment_1 import experiment_1
from pluralign.experiments.outcomes import JURY, ORDER
from pluralign.experiments.results import SCORES, Results
from pluralign.experiments.truth import SETS
from pluralign.preferences import ALIASES
from pluralign.schema import EVERYONE

SHARED = ALIASES["exp4-toxicity"]
"""The condition that experiments 2, 3 and 4 share: alone it makes neither experiment 2 nor 4."""
TIES, PROTOCOLS = ("drop", "half"), ("steps", "epochs", "kl")


def arms(experiment: str, stratum: Stratum) -> dict[str, str]:
    """The arms of an experiment: name in tables -> name of the cell.

    >>> list(arms("exp2", Stratum("half", "steps")).items())[0]
    ('5pt', 'exp3-individual-toxicity.dpo.half.steps')
    """
    cells = cells_of(experiment, "", ties=(stratum.ties,), protocol=stratum.protocol)
    names = {
        "exp1": [group for _, *groups in CONTRASTS for group in groups],
        "exp2": list(SCALES_IN),
        "exp3": list(HANDLINGS),
        "exp4": [_optimiser(cell) for cell in cells],
        "controls": [_control(cell) for cell in cells],
    }[experiment]
    return {name: cell.name for name, cell in zip(names, cells, strict=True)}


def _optimiser(cell: Cell) -> str:
    """Experiment 4's arms; the study's four are `dpo-toxicity`, `dpo-ea`, `dpo-both`, `grpo-both`."""
    what = "toxicity" if cell.condition == SHARED else "ea" if cell.condition == "exp4-emotional_awareness" else "both"
    return "-".join([cell.method, what, *([cell.variant.replace("_", "-")] if cell.variant else [])])


def _control(cell: Cell) -> str:
    if cell.control == "shuffled":
        return "shuffled labels"
    if cell.control == "null":
        return f"{cell.condition.split('-')[1]} (null)"
    return cell.method


def strata(results: Results, experiment: str) -> list[Stratum]:
    """The tie rules and protocols under which any arm particular to an experiment was run."""
    have = {one.cell.name for one in results.cells}
    found = []
    for protocol in PROTOCOLS:
        for rule in TIES:
            shared = {Cell("", SHARED, ties=rule, protocol=protocol).name} if experiment in ("exp2", "exp4") else set()
            if have & (set(arms(experiment, Stratum(rule, protocol)).values()) - shared):
                found.append(Stratum(rule, protocol))
    return found


def contrasts(results: Results) -> list[Contrast]:
    """Every contrast of which some model has all cells that it may be made of, in the order of the report.

    Scores of further judges are outcomes of their own. What the jury of everyone says is left out where it is the judge's own number.
    """
    return [one for one in wanted_contrasts(results) if any(has_all(results, model, one) for model in results.models)]


def wanted_contrasts(results: Results) -> list[Contrast]:
    """Every contrast of the arms under any tie rule and protocol that is there, whether its cells are or not."""
    judges = results.further_judges
    same = [f"{JURY}.{dimension}.{EVERYONE}" for dimension in repeated(results)]
    wanted = [
        one for stratum in strata(results, "exp1") for one in experiment_1(arms("exp1", stratum), stratum, judges)
    ]
    for experiment in ("exp2", "exp3", "exp4"):
        outcomes = [one for one in _outcomes(experiment, judges) if one not in same]
        for stratum in strata(results, experiment):
            wanted += _compared(experiment, arms(experiment, stratum), outcomes, stratum)
    for stratum in strata(results, "controls"):
        wanted += _controls(stratum, judges)
    return wanted


def repeated(results: Results) -> tuple[str, ...]:
    """Dimensions whose judge is the rater model that the jury is: in every cell the jury of everyone says what the judge says."""
    tables = [table for one in results.cells for table in one.answers.values()]

    def equal(dimension: str) -> bool:
        column = f"{JURY}.{dimension}.{EVERYONE}"
        return bool(tables) and all(
            column in one.column_names and _same_numbers(one, column, dimension) for one in tables
        )

    return tuple(dimension for dimension in SCORES if equal(dimension))


def _same_numbers(table: pa.Table, first: str, second: str) -> bool:
    a, b = (table.column(name).to_numpy().astype(float) for name in (first, second))
    return bool(np.allclose(a, b, rtol=0, atol=1e-9, equal_nan=True))


def has_all(results: Results, model: str, contrast: Contrast) -> bool:
    """Whether a model has every cell of a contrast, with a seed in common whose runs all reached the KL that they were to stop at."""
    return has_cells(results, model, contrast) and bool(seeds_of(results, model, contrast)[0])


def seeds_of(results: Results, model: str, contrast: Contrast, *, missed: bool = False) -> tuple[list[int], list[int]]:
    """Seeds that a contrast is made of in a model, those that all its fine-tuned arms have, and the others that some have.

    Args:
        results: the cells.
        model: its short name.
        contrast: it.
        missed: whether runs that did not reach the KL they were to stop at count as well.
    """
    runs = [results.of(model, term.name) for term in contrast.terms if term.name != BASE]
    shared = set.intersection(*({one.cell.seed for one in of if missed or not one.missed_kl} for of in runs))
    return sorted(shared), sorted({one.cell.seed for of in runs for one in of} - shared)


def has_cells(results: Results, model: str, contrast: Contrast) -> bool:
    """Whether a model has every cell of a contrast."""
    return all(results.of(model, term.name) for term in contrast.terms)


def _outcomes(experiment: str, judges: Sequence[str]) -> list[str]:
    dimensions: Sequence[str] = SCORES if experiment == "exp4" else ("toxicity",)
    found = [*SCORES]
    found += [f"{ORDER}.{name}.{dimension}.{EVERYONE}" for name in SETS for dimension in dimensions]
    found += [f"{JURY}.{dimension}.{EVERYONE}" for dimension in dimensions]
    return found + [further(name, dimension) for name in judges for dimension in SCORES]


def _compared(experiment: str, own: dict[str, str], outcomes: Sequence[str], stratum: Stratum) -> Iterator[Contrast]:
    for outcome in outcomes:
        for arm in own.items():
            yield difference(experiment, AGAINST_BASE, arm, (BASE, BASE), outcome, stratum)
        for arm, against in combinations(own.items(), 2):
            yield difference(experiment, PAIRWISE, arm, against, outcome, stratum)


def _controls(stratum: Stratum, judges: Sequence[str]) -> Iterator[Contrast]:
    usual = ("dpo", Cell("", SHARED, ties=stratum.ties, protocol=stratum.protocol).name)
    own = {name: cell for name, cell in arms("controls", stratum).items() if not cell.endswith(".null")}
    orders = [f"{ORDER}.{name}.toxicity.{EVERYONE}" for name in SETS]
    for outcome in (*SCORES, *orders, *(further(name, dimension) for name in judges for dimension in SCORES)):
        for arm in own.items():
            yield difference("controls", AGAINST_BASE, arm, (BASE, BASE), outcome, stratum)
            yield difference("controls", PAIRWISE, usual, arm, outcome, stratum)
    yield from _alike(stratum)


def _alike(stratum: Stratum) -> Iterator[Contrast]:
    """Pairs of models of the null release that were trained on one dimension: whose ratings they are makes no difference there."""
    groups = arms("exp1", stratum)
    for dimension in SCORES:
        own = [(group, f"{groups[group]}.null") for which, *pair in CONTRASTS if which == dimension for group in pair]
        for outcome in SCORES:
            for arm, against in combinations(own, 2):
                yield difference("controls", ALIKE, arm, against, outcome, stratum)

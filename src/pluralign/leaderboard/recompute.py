"""Scores, intervals and lengths computed again from the samples, and where differences from them are noted.

Nothing that is shown comes from a results file or a manifest: they are compared (`reported`), the samples decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pluralign.errors import Problem
from pluralign.evaluation.report import cells_of
from pluralign.judge.rescore import Cell
from pluralign.judge.samples import Sample
from pluralign.leaderboard.answers import Answers

TOLERANCE = 1e-9
"""Relative: sums in another order differ by less."""
NEAR_ZERO = 1e-12
"""What rounding leaves of a spread that is none."""
FIX = "Give the files as lm-eval wrote them, and let `pluralign submission new` write the manifest."


@dataclass(frozen=True)
class Recomputed:
    """What the samples say.

    Attributes:
        cells: a score a dimension and language, and for both languages where there are two.
        lengths: language -> mean length of the answers in characters.
        samples: language -> the answers.
    """

    cells: tuple[Cell, ...]
    lengths: Mapping[str, float]
    samples: Mapping[str, tuple[Sample, ...]]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What was judged, in the schema's order."""
        return tuple(dict.fromkeys(cell.dimension for cell in self.cells))


def recomputed(answers: Mapping[str, Answers]) -> Recomputed:
    """Scores of the answers in every language that is there."""
    samples = {language: one.samples for language, one in answers.items()}
    lengths = {language: float(np.mean([len(one.response) for one in of])) for language, of in samples.items()}
    return Recomputed(tuple(cells_of([one for of in samples.values() for one in of])), lengths, samples)


class Differences:
    """Problems, those of one code and file cut after twenty."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def number(self, where: str, row: int | None, name: str, got: object, expected: float | None) -> None:
        """Note a number that is not what it should be."""
        if expected is None:
            same = got in ("N/A", None) or (isinstance(got, float) and math.isnan(got))
        else:
            plain = isinstance(got, int | float) and not isinstance(got, bool)
            same = plain and math.isclose(float(got), expected, rel_tol=TOLERANCE, abs_tol=NEAR_ZERO)  # type: ignore[arg-type]
        if not same:
            self.told("PA106", where, row, name, repr(got), "nothing" if expected is None else repr(expected))

    def told(self, code: str, where: str, row: int | None, name: str | None, got: str, expected: str) -> None:
        """Note anything else."""
        if sum(one.code == code and one.file == where for one in self.problems) < 20:
            self.problems.append(Problem(code, where, row, name, got[:100], expected[:100], FIX))

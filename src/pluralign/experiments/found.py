"""Everything that a report on a grid is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pluralign.experiments.apart import Apart
from pluralign.experiments.ceiling import Ceiling
from pluralign.experiments.coverage import Coverage
from pluralign.experiments.estimands import Contrast
from pluralign.experiments.jury import JuryReach
from pluralign.experiments.length import LengthEffect
from pluralign.experiments.missed import Missed
from pluralign.experiments.outcomes import ORDER, Outcomes
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.recovery import FrontierPoint, Recovery
from pluralign.experiments.survey import SurveyDifference


@dataclass(frozen=True, eq=False)
class Found:
    """Everything that was computed.

    Attributes:
        outcomes: of the cells, with results and truth.
        effects: every contrast.
        coverage, recoveries, points, lengths, survey, reaches: see their modules.
        missed: runs that did not reach their KL.
        ceilings: of own-group advantages by order.
        apart: comparisons whose arms have no seed in common, and seeds that are left out of some.
        stamp: where the ratings come from, in a line.
        simulated: whether they are simulated.
    """

    outcomes: Outcomes
    effects: Sequence[GridEffect]
    coverage: Sequence[Coverage]
    recoveries: Sequence[Recovery]
    points: Sequence[FrontierPoint]
    lengths: Sequence[LengthEffect]
    survey: Sequence[SurveyDifference]
    stamp: str
    simulated: bool
    reaches: Sequence[JuryReach] = ()
    missed: Sequence[Missed] = ()
    ceilings: Sequence[Ceiling] = ()
    apart: Sequence[Apart] = ()

    def of(self, experiment: str) -> list[GridEffect]:
        """The contrasts of an experiment."""
        return [one for one in self.effects if one.contrast.experiment == experiment]

    def ceiling(self, wanted: Contrast) -> float:
        """The most that an own-group advantage by order could be; NaN where that is not known."""
        return next(
            (
                one.ceiling for one in self.ceilings
                if (f"{ORDER}.{one.set}.{one.dimension}", one.first, one.second) == (wanted.outcome, wanted.first, wanted.second)
            ),
            math.nan,
        )  # fmt: skip

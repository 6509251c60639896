"""Everything that a report on a grid is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pluralign.experiments.coverage import Coverage
from pluralign.experiments.jury import JuryReach
from pluralign.experiments.length import LengthEffect
from pluralign.experiments.missed import Missed
from pluralign.experiments.outcomes import Outcomes
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

    def of(self, experiment: str) -> list[GridEffect]:
        """The contrasts of an experiment."""
        return [one for one in self.effects if one.contrast.experiment == experiment]

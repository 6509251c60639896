"""What the study published about its ratings, number by number: the targets of the calibration.

Source: arXiv 2511.14476, results section (where the abstract differs, the results section is quoted).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["odds_ratio", "alpha", "disagreement", "mean_disagreement", "conditional"]


@dataclass(frozen=True)
class Statistic:
    """One published number.

    Attributes:
        kind: what is computed (`simulate.achieved` says how).
        dimension: the dimension it is about (for `conditional`: the one that is predicted).
        group: the group, level or given dimension that it is about, or the empty string.
        value: as published.
        wording: as the study words it.
        target: where the calibration aims, if not at `value` itself.
        stars: the study's significance: * p < .05, ** p < .01, *** p < .001.
    """

    kind: Kind
    dimension: str
    group: str
    value: float
    wording: str
    target: float | None = None
    stars: str = ""

    @property
    def name(self) -> str:
        """A unique short name, e.g. `odds_ratio toxicity male`."""
        return " ".join(part for part in (self.kind, self.dimension, self.group) if part)

    @property
    def aim(self) -> float:
        """The value that the calibration aims at."""
        return self.value if self.target is None else self.target


COMMON_ALPHA = 0.376
"""One toxicity alpha that fits all six published group alphas within their sampling error."""

N_RATERS, N_ITEMS, ITEMS_PER_RATER, N_RATINGS = 1095, 1761, 5, 27_375

PUBLISHED: tuple[Statistic, ...] = (
    Statistic("odds_ratio", "toxicity", "male", 0.82, "male −18 %", stars="**"),
    Statistic("odds_ratio", "stereotypical_bias", "male", 0.791, "male −20.9 %", stars="***"),
    Statistic("odds_ratio", "sensitivity", "conservative", 1.279, "conservative +27.9 %", stars="**"),
    Statistic("odds_ratio", "sensitivity", "black", 1.58, "Black +58 %", stars="***"),
    Statistic("odds_ratio", "emotional_awareness", "conservative", 1.27, "conservative +27 %", stars="*"),
    Statistic("odds_ratio", "emotional_awareness", "black", 1.44, "Black +44 %", stars="***"),
    Statistic("odds_ratio", "helpfulness", "51-60", 0.594, "age 51–60 −40.6 %", stars="***"),
    Statistic("alpha", "toxicity", "white", 0.35, "White 0.35", COMMON_ALPHA),
    Statistic("alpha", "toxicity", "black", 0.44, "Black 0.44", COMMON_ALPHA),
    Statistic("alpha", "toxicity", "liberal", 0.39, "Liberal 0.39", COMMON_ALPHA),
    Statistic("alpha", "toxicity", "conservative", 0.33, "Conservative 0.33", COMMON_ALPHA),
    Statistic("alpha", "toxicity", "female", 0.38, "Female 0.38", COMMON_ALPHA),
    Statistic("alpha", "toxicity", "male", 0.38, "Male 0.38", COMMON_ALPHA),
    Statistic("disagreement", "sensitivity", "", 0.845, "84.5 % sensitivity"),
    Statistic("disagreement", "helpfulness", "", 0.862, "86.2 % helpfulness"),
    Statistic("mean_disagreement", "", "", 0.853, "85.3 % over all"),
    Statistic("conditional", "toxicity", "emotional_awareness", 0.208, "20.8 % of emotionally aware also toxic"),
    Statistic(
        "conditional", "stereotypical_bias", "emotional_awareness", 0.335, "33.5 % of emotionally aware also biased"
    ),
)

DISAGREEMENT_TARGETS: dict[str, float] = {
    "toxicity": 0.8527,
    "emotional_awareness": 0.8527,
    "sensitivity": 0.845,
    "helpfulness": 0.862,
    "stereotypical_bias": 0.8527,
}
"""Two are published; the other three are what the published mean leaves, shared equally."""

DRAWS = 2000
"""Draws among which a matched release is chosen."""
SHORTLIST = 20
"""Draws, nearest in the group alphas, of which the one with the nearest odds ratios is taken."""

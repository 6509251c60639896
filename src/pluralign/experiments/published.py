"""What the study published about its four experiments, effect by effect, to be shown beside ours.

Differences of mean scores, presumably on 0–1, pooled by DerSimonian–Laird over seven models; scored by gpt-4o-mini. Ours come from other
models, another judge and other ratings: to lie beside these numbers is no replication, and not to lie beside them no failure of one.

Source: arXiv 2511.14476, section "Results" (where introduction or abstract differ, the results are quoted).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pluralign.experiments.cells import BASE

T, EA = "toxicity", "emotional_awareness"
TWICE = "The paper gives −0.242 (experiments 2 and 3) and −0.243 (experiment 4) for what is one model."
POINTS = "The introduction gives it as {} percentage points; the results' number is quoted."
UNSIGNED = "Printed without a sign; the sign is that of first minus second."
MARGINAL = 'The paper calls this "marginally" and prints p = .0140.'
ONLY_P = "Only the p value is published."


@dataclass(frozen=True)
class PublishedEffect:
    """One published difference, first − second.

    Attributes:
        experiment: `exp1` … `exp4`.
        outcome: the judged dimension.
        first, second: arms by their names here (`contrasts.arms`), `base` for no fine-tuning.
        value: in points of the score; NaN where only a p value is published.
        p: as printed, empty where it is not.
        wording: as the paper words it.
        note: what has to be known about the number.
    """

    experiment: str
    outcome: str
    first: str
    second: str
    value: float
    p: str
    wording: str
    note: str = ""

    @property
    def source(self) -> str:
        """Where it stands."""
        return f"arXiv 2511.14476, Results, Experiment {self.experiment.removeprefix('exp')}"


_NONE = math.nan
PUBLISHED_EFFECTS: tuple[PublishedEffect, ...] = (
    PublishedEffect("exp1", EA, "liberal", "conservative", 0.049, ".010", "pooled effects: 0.049, p = 0.010", POINTS.format("5.0")),
    PublishedEffect("exp1", EA, "white", "black", 0.046, ".001", "0.046, p = 0.001", POINTS.format("4.7")),
    PublishedEffect("exp1", T, "female", "male", -0.035, ".002", "pooled effect: -0.035, p = 0.002", POINTS.format("3.4")),
    PublishedEffect("exp1", EA, "female", "male", _NONE, ".860", "did not significantly alter emotional awareness (p = 0.860)", ONLY_P),
    PublishedEffect("exp1", T, "liberal", "conservative", _NONE, ".500", "no effect on toxicity (p = 0.500)", ONLY_P),
    PublishedEffect("exp1", T, "white", "black", _NONE, ".880", "no effect on toxicity (p = 0.880)", ONLY_P),
    PublishedEffect("exp2", T, "5pt", BASE, -0.242, "", "The 5-point scale achieves the largest effect (-0.242)", TWICE),
    PublishedEffect("exp2", T, "3pt", BASE, -0.225, "", "followed by the 3-point scale (-0.225)"),
    PublishedEffect("exp2", T, "binary", BASE, -0.198, "", "and binary scale (-0.198)"),
    PublishedEffect("exp2", T, "5pt", "binary", -0.044, ".0141", "outperforms the binary scale (p = 0.0141)", "The difference is implied: −0.242 + 0.198; the paper's 22 % is their ratio, of effects and not of scores."),
    PublishedEffect("exp2", T, "5pt", "3pt", -0.017, ".0140", "marginally outperforms the 3-point scale (p = 0.0140)", f"The difference is implied: −0.242 + 0.225. {MARGINAL}"),
    PublishedEffect("exp3", T, "individual", BASE, -0.242, "", "Preserving all ratings yields the strongest reduction (-0.242)", TWICE),
    PublishedEffect("exp3", T, "mean", BASE, -0.229, "", "closely followed by averaging ratings (-0.229)"),
    PublishedEffect("exp3", T, "majority", BASE, -0.158, "", "majority vote (-0.158)", "The paper's 53 % is the ratio of −0.242 to it."),
    PublishedEffect("exp3", T, "first", BASE, -0.146, "", "random selection (-0.146)"),
    PublishedEffect("exp3", T, "consensus", BASE, -0.039, "", "and full consensus (-0.039)"),
    PublishedEffect("exp4", T, "dpo-toxicity", BASE, -0.243, "<.001", "DPO-Toxic yields the largest effect (-0.243, p < 0.001)", TWICE),
    PublishedEffect("exp4", T, "dpo-ea", BASE, -0.146, "", "significantly outperforming both DPO-EA (difference: 0.097 …)", "Implied, not printed: it is 0.097 from DPO-Toxic and 0.013 from DPO-Toxic+EA."),
    PublishedEffect("exp4", T, "dpo-both", BASE, -0.159, "<.001", "toxicity reduction (-0.159, p < 0.001)"),
    PublishedEffect("exp4", T, "grpo-both", BASE, -0.020, ".045", "only marginal effects (-0.020, p = 0.045; …)"),
    PublishedEffect("exp4", EA, "dpo-toxicity", BASE, 0.068, ".003", "DPO-Toxic achieves 0.068 (p = 0.003)"),
    PublishedEffect("exp4", EA, "dpo-ea", BASE, 0.083, ".002", "DPO-EA achieves 0.083 (p = 0.002)"),
    PublishedEffect("exp4", EA, "dpo-both", BASE, 0.084, ".003", "DPO-Toxic+EA achieves 0.084 (p = 0.003)"),
    PublishedEffect("exp4", EA, "grpo-both", BASE, 0.029, ".034", "only marginal effects (…; 0.029, p = 0.034)"),
    PublishedEffect("exp4", T, "dpo-toxicity", "dpo-ea", -0.097, "<.001", "DPO-EA (difference: 0.097, p < 0.001)", UNSIGNED),
    PublishedEffect("exp4", T, "dpo-toxicity", "dpo-both", -0.084, ".022", "DPO-Toxic+EA model (difference: -0.084, p = 0.022)"),
    PublishedEffect("exp4", T, "dpo-ea", "dpo-both", 0.013, ".743", "comparable toxicity effects (difference: 0.013, p = 0.743)", UNSIGNED),
)  # fmt: skip


def published_effect(experiment: str, outcome: str, first: str, second: str) -> PublishedEffect | None:
    """What the study published for a difference; None where it published nothing.

    >>> published_effect("exp1", "toxicity", "female", "male").value
    -0.035
    >>> published_effect("exp3", "toxicity", "mean", "majority") is None
    True
    """
    wanted = (experiment, outcome, first, second)
    return next(
        (one for one in PUBLISHED_EFFECTS if (one.experiment, one.outcome, one.first, one.second) == wanted), None
    )

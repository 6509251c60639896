"""The sections on the four experiments: findings, Figures 2 to 5, tables."""

from __future__ import annotations

from collections.abc import Sequence

from pluralign.analysis.table import Table
from pluralign.experiments import tables
from pluralign.experiments.estimands import (
    AGAINST_BASE,
    ALL_PAIRS,
    BEYOND_NULL,
    CROSS,
    JUDGED,
    NULL,
    OWN_GROUP,
    PAIRWISE,
)
from pluralign.experiments.figures import Panel, forest_figure
from pluralign.experiments.found import Found
from pluralign.experiments.jury import reach_told
from pluralign.experiments.outcomes import ORDER, is_judged
from pluralign.experiments.panels import figure_2, figure_5, figures_3_4
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.truth import SET_WORDS
from pluralign.experiments.wording import beside_study, compared, counted, null_told, opening, recovered, shown, under
from pluralign.report.figures import words
from pluralign.report.sections import Figure, Section
from pluralign.training.heldout import FRESH

CROSSES = " Crosses are what the study published, of other models, raters and another judge. An interval with an arrow goes on beyond its panel."


def who_section(found: Found) -> Section | None:
    """Experiment 1."""
    effects = found.of("exp1")
    if not effects:
        return None
    findings = []
    for one in effects:
        wanted = one.contrast
        on_e = wanted.outcome.startswith(f"{ORDER}.{FRESH}.")
        if wanted.estimand in (OWN_GROUP, NULL, BEYOND_NULL) and (on_e or wanted.first == ALL_PAIRS):
            told = null_told(one) if wanted.estimand == NULL else recovered(one, found.ceiling(wanted))
            _, which, dimension = wanted.outcome.split(".")
            findings.append(
                f"{opening(words(dimension))}, {wanted.label}{under(one, effects)}: own-group advantage {shown(one)} on {SET_WORDS[which]}; {told}."
            )
        elif wanted.estimand == JUDGED:
            by = " by the judge" if is_judged(wanted.outcome) else ""
            findings.append(
                f"{opening(tables.outcome_words(wanted.outcome))}{by}, {wanted.label}{under(one, effects)}: {shown(one)}{beside_study(one)}."
            )
    findings += reach_told(found.reaches)
    crossed = [one for one in effects if one.contrast.estimand == CROSS and is_judged(one.contrast.outcome)]
    if crossed:
        findings.append(
            f"On the other dimension {counted([one.headline[3] for one in crossed])} differ with p < .05 before Holm."
        )
    figure = forest_of(
        "figure2", figure_2(effects, found.survey, found.of("controls")), "Dots with intervals: what it does to a model who rated, by contrast.",
        "The study's Figure 2. Own-group advantage, (AA − BA) + (BB − AB): how much better each group is served by the model that learnt from it, by the planted "
        "truth of both groups. Judged: the first group's model minus the second's by one judge, as in the study. κ = 0: trained on a release "
        "in which no group weighs anything differently." + CROSSES,
    )  # fmt: skip
    own = [
        effects_of("exp1", "Who rates: own-group advantage and judged differences", [one for one in effects if one.contrast.estimand != AGAINST_BASE], found,
               "Own-group advantage: 0 where it does not matter who rated."),
        effects_of("exp1-base", "Who rates: each group's model against the base", [one for one in effects if one.contrast.estimand == AGAINST_BASE], found, ""),
    ]  # fmt: skip
    own += [tables.survey_table(found.survey, found.stamp)] if found.survey else []
    return Section("exp1", "Experiment 1: who rates", tuple(findings), figure, tuple(one for one in own if one.cells))


def scale_section(found: Found) -> Section | None:
    """Experiment 2."""
    return _arms_section(
        found, "exp2", "Experiment 2: rating scale", "figure3", "The study's Figure 3. Scales of the same ratings"
    )


def handling_section(found: Found) -> Section | None:
    """Experiment 3."""
    return _arms_section(
        found,
        "exp3",
        "Experiment 3: handling of disagreement",
        "figure4",
        "The study's Figure 4. Ways of putting the same ratings together",
    )


def _arms_section(found: Found, experiment: str, title: str, name: str, what: str) -> Section | None:
    effects = found.of(experiment)
    if not effects:
        return None
    figure = forest_of(
        name, figures_3_4(effects), f"Dots with intervals: {title}, against the base and pairwise.",
        f"{what}, against the model without fine-tuning and among each other: toxicity by the judge (lower is better) and the order of held-out answers (higher is better). "
        "Ties between ratings are dropped, or count half a vote for either; other protocols stand in the table." + CROSSES,
    )  # fmt: skip
    return Section(experiment, title, tuple(compared(effects)), figure, _both(experiment, title, effects, found))


def optimiser_section(found: Found) -> Section | None:
    """Experiment 4."""
    effects = found.of("exp4")
    if not effects:
        return None
    figure = forest_of(
        "figure5", figure_5(effects), "Dots with intervals: optimisers and objectives on toxicity and emotional awareness.",
        "The study's Figure 5. dpo-both pools the pairs of both dimensions, -scalarised adds the ratings first, modpo takes one dimension as a margin; grpo-both sums the two "
        "rewards before or after normalising. Pairs of the arms that the study has; the others stand in the table." + CROSSES,
    )  # fmt: skip
    title = "Experiment 4: optimiser and objective"
    return Section("exp4", title, tuple(compared(effects)), figure, _both("exp4", title, effects, found))


def _both(name: str, title: str, effects: Sequence[GridEffect], found: Found) -> tuple[Table, ...]:
    against = [one for one in effects if one.contrast.estimand == AGAINST_BASE]
    pairs = [one for one in effects if one.contrast.estimand == PAIRWISE]
    own = [
        effects_of(
            name,
            f"{title}, against the base",
            against,
            found,
            "Order outcomes are against chance, .5, which is the base's.",
        ),
        effects_of(f"{name}-pairs", f"{title}, pairwise", pairs, found, ""),
    ]
    return tuple(one for one in own if one.cells)


def effects_of(name: str, title: str, effects: Sequence[GridEffect], found: Found, note: str) -> Table:
    """A table of effects with what all such tables must say."""
    about = (
        "Arrows: where the outcome is good. Where several seeds are listed, intervals and p are over runs and prompt templates; with one they are about these checkpoints: "
        "another run of the same recipe may lie outside. Holm's p is over the rows of one estimand, outcome, tie rule and protocol of this table; the pairs of groups of experiment 1 "
        "are one family. No pooled interval under three models."
    )
    return tables.effects_table(name, title, effects, f"{note} {about}".strip(), found.stamp)


def forest_of(name: str, panels: Sequence[Panel], alt: str, caption: str) -> tuple[Figure, ...]:
    """A figure of panels; none where all are empty."""
    full = [panel for panel in panels if panel.rows]
    return (Figure(name, alt, caption, lambda look: forest_figure(full, look)),) if full else ()

"""What the report on the experiments says, section by section."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pluralign.analysis.numbers import interval
from pluralign.experiments import tables
from pluralign.experiments.apart import apart_told
from pluralign.experiments.cell_tables import cells_table, coverage_table, missing_table
from pluralign.experiments.contrasts import arms, strata
from pluralign.experiments.coverage import outside
from pluralign.experiments.curves import WINDOW, Curve, curves, curves_figure
from pluralign.experiments.equal_kl import equal_kl, equal_kl_told
from pluralign.experiments.estimands import AGAINST_BASE, ALIKE
from pluralign.experiments.experiment_sections import (
    effects_of,
    forest_of,
    handling_section,
    optimiser_section,
    scale_section,
    who_section,
)
from pluralign.experiments.figures import frontier_figure
from pluralign.experiments.found import Found
from pluralign.experiments.glance import glance_section
from pluralign.experiments.outcomes import ORDER
from pluralign.experiments.panels import recovery_panels, short_name
from pluralign.experiments.published import PUBLISHED_EFFECTS
from pluralign.experiments.recovery import CHANCE
from pluralign.experiments.results import further_judges
from pluralign.experiments.wording import counted, holm_p, shown, under
from pluralign.report.figures import words
from pluralign.report.sections import Figure, Section
from pluralign.training.heldout import FRESH


def sections(found: Found) -> list[Section]:
    """All sections that these results give."""
    every = [
        coverage_section(found), glance_section(found), recovery_section(found), who_section(found), scale_section(found), handling_section(found), optimiser_section(found),
        controls_section(found), frontier_section(found), training_section(found), published_section(),
    ]  # fmt: skip
    return [one for one in every if one is not None]


def coverage_section(found: Found) -> Section:
    """What is there."""
    done = {cell for row in found.coverage for cell in row.done}
    expected = {cell for row in found.coverage for cell in row.expected}
    results = found.outcomes.results
    begun = len(results.unfinished)
    findings = [
        f"{len(done)} of {len(expected)} cells of the grid are finished; {len(expected) - len(done) or 'none'} missing."
        + (f" Of cells that are not finished {begun} {'is' if begun == 1 else 'are'} begun." if begun else "")
    ]
    empty = [
        name
        for name in dict.fromkeys(row.experiment for row in found.coverage)
        if not any(row.done for row in found.coverage if row.experiment == name)
    ]
    if empty:
        findings.append(f"Nothing yet of {', '.join(empty)}.")
    if extra := outside(results):
        findings.append(
            f"{len(extra)} finished cells belong to no experiment; they are in the tables of cells and of recovery."
        )
    read = {name for one in results.cells for language in results.languages for name in further_judges(one, language)}
    if some := sorted(read - set(results.further_judges)):
        findings.append(f"Scores by {', '.join(some)} are there for some cells only and are not used.")
    findings += [
        f"{one.where} did not reach its KL (it ended at {one.kl:.2f} nats an answer), and its seed is left out of: {'; '.join(one.contrasts) or 'no contrast'}."
        for one in found.missed
    ]
    findings += apart_told(found.apart)
    if left := sorted({language for one in results.cells for language in one.answers} - set(results.languages)):
        findings.append(f"Answers in {', '.join(left)} are there for some cells only and are not used.")
    own = [
        coverage_table(found.coverage),
        missing_table(found.coverage, dict(results.unfinished)),
        cells_table(found.outcomes, found.stamp),
    ]
    return Section("coverage", "What is there", tuple(findings), (), tuple(one for one in own if one.cells))


def recovery_section(found: Found) -> Section:
    """Whether what was planted was learnt."""
    rows = [one for one in found.recoveries if one.set == FRESH]
    if not rows:
        why = found.outcomes.truth.missing or "no fine-tuned cell has held-out answers whose order is known"
        return Section("recovery", "Recovery of the truth", (f"Not told: {why}.",), (), ())
    taught = [one for one in rows if not one.is_shuffled]
    best = max(taught or rows, key=lambda one: one.share)
    findings = [
        f"{sum(one.low > CHANCE for one in of)} of {len(of)} {what} order held-out answers (lexicon E) in the true order more often than chance, by an interval that excludes .5."
        for of, what in (
            (taught, "fine-tunes and dimensions"),
            ([one for one in rows if one.is_shuffled], "fine-tunes on shuffled labels"),
        )
        if of
    ]
    if singles := sum(len(one.by_seed) < 2 for one in rows):
        findings.append(
            f"Intervals of {singles} of them with one seed are about that checkpoint; the others are over runs and templates."
        )
    findings += [
        f"The most: {short_name(best.name)} in {best.model}, {interval(best.share, best.low, best.high)} of pairs on {words(best.dimension)}.",
    ]  # fmt: skip
    figure = forest_of(
        "recovery", recovery_panels(found.recoveries), "Dots with intervals: share of held-out answer pairs in true order, by fine-tune.",
        "Share of pairs of answers of lexicon E that each fine-tune's implicit reward orders as they truly are, by the dimension and group that it was trained on. The "
        "line is chance.",
    )  # fmt: skip
    return Section(
        "recovery",
        "Recovery of the truth",
        tuple(findings),
        figure,
        (tables.recovery_table(found.recoveries, found.stamp),),
    )


def controls_section(found: Found) -> Section | None:
    """Controls, and length."""
    effects = found.of("controls")
    findings = []
    for one in effects:
        if one.contrast.first == "shuffled labels" and one.contrast.estimand == AGAINST_BASE:
            findings.append(
                f"Shuffled labels, {tables.outcome_words(one.contrast.outcome)}{under(one, effects)}: {shown(one)} against {'chance' if one.contrast.outcome.startswith(ORDER) else 'the base'}."
            )
    if alike := [one for one in effects if one.contrast.estimand == ALIKE]:
        largest = max(alike, key=lambda one: abs(one.headline[0]))
        findings.append(
            f"Models of the κ = 0 release, in whose ratings nothing differs that was planted, as a yardstick: {counted([one.headline[3] for one in alike])} differ with p < .05 before Holm, "
            f"{counted([holm_p(one) for one in alike])} after, the most {tables.outcome_words(largest.contrast.outcome)}, {largest.contrast.label}: {shown(largest)}. Differences of this size need nobody's values."
        )
    kept = {
        (one.model, one.contrast.terms[0].name, one.contrast.outcome): one
        for one in found.lengths
        if one.contrast.estimand == AGAINST_BASE and math.isfinite(one.raw * one.adjusted)
    }  # experiments share cells: each once
    turned = [one for one in kept.values() if one.raw * one.adjusted < 0]
    if kept:
        findings.append(
            f"At equal length {len(turned) or 'none'} of {len(kept)} judged differences from the base change{'s' if len(turned) == 1 else ''} sign."
        )
    own = [
        effects_of(
            "controls",
            "Controls",
            effects,
            found,
            "Labels shuffled by coin teach nothing, so that the order should be chance's; what still changes is the training itself.",
        )
    ]
    own += [tables.length_table(found.lengths, found.stamp)] if found.lengths else []
    own = [one for one in own if one.cells]
    return Section("controls", "Controls and length", tuple(findings), (), tuple(own)) if own else None


def frontier_section(found: Found) -> Section | None:
    """Gain against KL."""
    if not found.points:
        return None
    labels: dict[str, str] = {}
    compared: dict[str, str] = {}
    for experiment in ("exp4", "controls"):
        for stratum in strata(found.outcomes.results, experiment)[:1]:
            own = {name: arm for arm, name in arms(experiment, stratum).items() if not name.endswith(".null")}
            compared = compared or own
            labels |= {name: arm for name, arm in own.items() if name not in labels}
    labels = {name: arm for name, arm in labels.items() if any(one.name == name for one in found.points)}
    drawn = Figure(
        "frontier", "Scatter of the change in both scores against KL from the base.",
        "What each fine-tune gains, and how far from its base it goes for it. Two methods are compared fairly at equal KL only. Large marks are ends of runs, small ones points on the way.",
        lambda look: frontier_figure(found.points, labels, look),
    )  # fmt: skip
    return Section(
        "frontier",
        "Gain against KL",
        tuple(equal_kl_told(equal_kl(found.points, compared))),
        (drawn,) if labels else (),
        (tables.frontier_table(found.points, found.stamp),),
    )


def training_section(found: Found) -> Section | None:
    """How training went."""
    of = curves(found.outcomes.results.cells)
    if not of:
        return None
    drawn = Figure(
        "curves", "Lines of loss, margin, accuracy, KL, reward and entropy over the share of each run, by method.",
        f"Every fine-tune, one line each; loss, margin, reward and entropy as means of the last {WINDOW} steps. Held-out pairs are of prompts that are not trained on, ordered by "
        "the raters' votes. What was measured only at the end is a point.",
        lambda look: curves_figure(of, look),
    )  # fmt: skip
    return Section("training", "How training went", tuple(training_findings(of)), (drawn,), ())


def training_findings(of: Mapping[str, Sequence[Curve]]) -> list[str]:
    """What the curves show, in words."""
    told = []
    if losses := of.get("loss"):
        lower = sum(bool(one.value[-1] < one.value[0]) for one in losses)
        told.append(
            f"The loss of the last {WINDOW} steps is below that of the first {WINDOW} in {lower} of {len(losses)} runs."
        )
    if rewards := of.get("reward"):
        higher = sum(bool(one.value[-1] > one.value[0]) for one in rewards)
        told.append(
            f"The reward of GRPO's last {WINDOW} steps is above that of the first {WINDOW} in {higher} of {len(rewards)} runs."
        )
    return told


def published_section() -> Section:
    """The study's numbers."""
    finding = "The study had seven models of 1B–14B parameters, people's ratings and gpt-4o-mini as its judge. Its numbers stand beside ours for orientation."
    return Section(
        "published", "What the study published", (finding,), (), (tables.published_table(PUBLISHED_EFFECTS),)
    )

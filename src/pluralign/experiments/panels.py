"""From effects to the rows and panels of Figures 2 to 5."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from pluralign.experiments.cells import BASE, CONTRASTS, Cell
from pluralign.experiments.contrasts import PROTOCOLS
from pluralign.experiments.estimands import (
    AGAINST_BASE,
    ALIKE,
    CROSS,
    JUDGED,
    NULL,
    OWN_DIMENSION,
    OWN_GROUP,
    PAIRWISE,
    Contrast,
)
from pluralign.experiments.figures import Estimate, Panel, Row
from pluralign.experiments.outcomes import ORDER, is_judged
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.recovery import CHANCE, Recovery
from pluralign.experiments.survey import SurveyDifference
from pluralign.experiments.truth import TEST
from pluralign.report.figures import words
from pluralign.schema import EVERYONE
from pluralign.training.heldout import FRESH

STUDY_ARMS = ("dpo-toxicity", "dpo-ea", "dpo-both", "grpo-both")
"""Of experiment 4. Pairs of the other arms stand in its table only."""
POINTS = "points of the 0–1 score"
SHARES = "share of pairs"


def rows_of(
    effects: Iterable[GridEffect], label: Callable[[Contrast], str], survey: Sequence[SurveyDifference] = ()
) -> tuple[Row, ...]:
    """A row a contrast."""
    found = []
    for one in effects:
        wanted = one.contrast
        models = tuple(of.estimate for of in one.models)
        pooled: Estimate | None = None if one.pooled is None else one.headline[:3]
        value = wanted.published.value if wanted.published else math.nan
        rated = next(
            (s for s in survey if (s.dimension, s.first, s.second) == (wanted.outcome, wanted.first, wanted.second)),
            None,
        )
        found.append(Row(
            label(wanted), models, tuple(of.of_runs for of in one.models), pooled, value if math.isfinite(value) else None,
            (rated.estimate, rated.low, rated.high) if rated and not wanted.is_null else None,
        ))  # fmt: skip
    return tuple(found)


def figure_2(
    effects: Sequence[GridEffect], survey: Sequence[SurveyDifference], controls: Sequence[GridEffect] = ()
) -> list[Panel]:
    """Who rates; of the first tie rule and protocol, as the others stand in the table.

    So does the own-group advantage by the jury: its groups are nearly one (`jury.JuryReach`), and a panel of zeros would look like a finding.

    Args:
        effects: of experiment 1.
        survey: differences in the ratings, drawn beside the judged ones.
        controls: their contrasts, among them those of models of the null release: of the same pairs of groups they are drawn too.
    """
    stratum = effects[0].contrast.stratum
    trained_on = {(first, second): dimension for dimension, first, second in CONTRASTS}
    effects = [one for one in (*effects, *controls) if one.contrast.stratum == stratum]

    def judged(own_dimension: bool) -> list[GridEffect]:
        """Pair by pair, the null's beneath its own."""
        found = of((JUDGED, CROSS, ALIKE), is_judged)
        return [
            one for pair, dimension in trained_on.items() for one in found
            if (one.contrast.first, one.contrast.second) == pair and (one.contrast.outcome == dimension) == own_dimension
        ]  # fmt: skip

    def of(estimands: tuple[str, ...], kind: Callable[[str], bool]) -> list[GridEffect]:
        return [one for one in effects if one.contrast.estimand in estimands and kind(one.contrast.outcome)]

    def own(wanted: Contrast) -> str:
        return wanted.label if OWN_DIMENSION in wanted.outcome else f"{wanted.label} ({_short(wanted.outcome)})"

    return [
        Panel("Own-group, order on E", rows_of(of((OWN_GROUP, NULL), _on(FRESH)), own), axis=SHARES),
        Panel("Own-group, order on test", rows_of(of((OWN_GROUP, NULL), _on(TEST)), own), axis=SHARES),
        Panel("Judged, own dimension", rows_of(judged(True), own, survey), axis=POINTS),
        Panel("Judged, other dimension", rows_of(judged(False), own), axis=POINTS),
    ]


def _on(name: str) -> Callable[[str], bool]:
    """Whether an outcome is the order of a set."""
    return lambda outcome: outcome.startswith(f"{ORDER}.{name}.")


def _short(outcome: str) -> str:
    return "tox." if "toxicity" in outcome else "EA"


def figures_3_4(effects: Sequence[GridEffect]) -> list[Panel]:
    """Scales, or ways of handling disagreement: against the base and among each other, judged and by the order on E."""
    order = f"{ORDER}.{FRESH}.toxicity.{EVERYONE}"
    return [
        _panel(effects, "Toxicity, against the base", "toxicity", AGAINST_BASE, POINTS),
        _panel(effects, "Order on E, against chance", order, AGAINST_BASE, SHARES),
        _panel(effects, "Toxicity, pairwise", "toxicity", PAIRWISE, POINTS),
        _panel(effects, "Order on E, pairwise", order, PAIRWISE, SHARES),
    ]


def figure_5(effects: Sequence[GridEffect]) -> list[Panel]:
    """Optimisers and objectives on both dimensions."""
    study = [one for one in effects if {one.contrast.first, one.contrast.second} <= {*STUDY_ARMS}]
    orders = {name: f"{ORDER}.{FRESH}.{name}.{EVERYONE}" for name in ("toxicity", "emotional_awareness")}
    return [
        _panel(effects, "Toxicity, against the base", "toxicity", AGAINST_BASE, POINTS),
        _panel(effects, "EA, against the base", "emotional_awareness", AGAINST_BASE, POINTS),
        _panel(study, "Toxicity, pairwise", "toxicity", PAIRWISE, POINTS),
        _panel(study, "EA, pairwise", "emotional_awareness", PAIRWISE, POINTS),
        _panel(effects, "Order on E, toxicity", orders["toxicity"], AGAINST_BASE, SHARES),
        _panel(effects, "Order on E, EA", orders["emotional_awareness"], AGAINST_BASE, SHARES),
    ]


def _panel(effects: Sequence[GridEffect], title: str, outcome: str, estimand: str, axis: str) -> Panel:
    """Of the first protocol: the others stand in the tables."""
    own = [one for one in effects if (one.contrast.outcome, one.contrast.estimand) == (outcome, estimand)]
    protocols = list(dict.fromkeys(one.contrast.stratum.protocol for one in own))
    own = [one for one in own if one.contrast.stratum.protocol == protocols[0]]
    rules = {one.contrast.stratum.ties for one in own}
    return Panel(title, rows_of(own, lambda c: c.label + (f", {c.stratum.ties}" if len(rules) > 1 else "")), axis=axis)


def recovery_panels(found: Sequence[Recovery]) -> list[Panel]:
    """Order accuracy on E, one panel a dimension; of the first protocol."""
    there = {one.name.split(".")[3] for one in found}
    first = next((protocol for protocol in PROTOCOLS if protocol in there), "")
    found = [one for one in found if one.name.split(".")[3] == first]
    panels = []
    for dimension in dict.fromkeys(one.dimension for one in found):
        by_name: dict[str, list[Recovery]] = {}
        for one in found:
            if one.dimension == dimension and one.set == FRESH:
                by_name.setdefault(one.name, []).append(one)
        rows = tuple(
            Row(
                short_name(name),
                tuple((one.share, one.low, one.high) for one in of),
                tuple(len(one.by_seed) > 1 for one in of),
            )
            for name, of in by_name.items()
        )
        panels.append(Panel(words(dimension), rows, CHANCE, "share of pairs in true order"))
    return panels


def short_name(name: str) -> str:
    """A cell's name for a figure: what is usual is left out.

    >>> short_name("exp3-individual-toxicity.dpo.half.steps"), short_name("exp4-both.modpo.drop.kl"), short_name("base")
    ('exp3 individual, half', 'exp4 both, modpo, kl', 'base')
    """
    if name == BASE:
        return name
    usual = Cell("", "")
    condition, method, ties, protocol, *rest = name.split(".")
    experiment, _, what = condition.partition("-")
    for dimension in ("-toxicity", "-emotional_awareness"):
        what = what.removesuffix(dimension).removesuffix("-reward")
    parts = [
        method if method != usual.method else "",
        ties if ties != usual.ties else "",
        protocol if protocol != usual.protocol else "",
    ]
    return ", ".join([f"{experiment} {words(what)}", *filter(None, [*parts, *map(words, rest)])])

"""Effects in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pluralign.analysis.numbers import interval
from pluralign.experiments.estimands import AGAINST_BASE, BEYOND_NULL, PAIRWISE
from pluralign.experiments.outcomes import ORDER, is_scored
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.tables import outcome_words
from pluralign.training.heldout import FRESH


def compared(effects: Sequence[GridEffect]) -> list[str]:
    """Each arm against the base, and how many pairs of arms differ, under each tie rule and protocol."""
    findings = []
    for outcome in dict.fromkeys(one.contrast.outcome for one in effects):
        own = [one for one in effects if one.contrast.outcome == outcome]
        scored = is_scored(outcome)
        name = opening(outcome_words(outcome))
        for stratum in dict.fromkeys(one.contrast.stratum for one in own):
            of = [one for one in own if one.contrast.stratum == stratum]
            against = [one for one in of if one.contrast.estimand == AGAINST_BASE]
            pairs = [one for one in of if one.contrast.estimand == PAIRWISE]
            if against and (scored or outcome.startswith(f"{ORDER}.{FRESH}")):
                common = {of_whom(one) for one in against}
                same = {of_models(one) for one in against}
                told = common if len(common) == 1 else same if len(same) == 1 else set()
                each = of_whom if not told else of_seeds if told is same else (lambda _: "")
                listed = "; ".join(
                    f"{one.contrast.first} {estimated(one)}" + (f" ({each(one)})" if each(one) else "")
                    for one in against
                )
                level = "the base" if scored else "chance"
                findings.append(f"{name}, against {level} ({'; '.join([str(stratum), *told])}): {listed}.")
            if pairs and scored:
                about = "" if all(one.of_runs for one in pairs) else ", as these checkpoints are"
                told_p = counted([holm_p(one) for one in pairs])
                findings.append(f"{name} ({stratum}): {told_p} of arms differ with p < .05 after Holm{about}.")
    return findings


def counted(values: Sequence[float]) -> str:
    """How many of some pairs have a p below .05, and how many have none.

    >>> counted([0.01, 0.2, float("nan")]), counted([0.2])
    ('1 of 3 pairs (1 without a p)', 'none of 1 pair')
    """
    some, undefined = sum(p < 0.05 for p in values), sum(map(math.isnan, values))
    told = f"{some or 'none'} of {len(values)} {'pairs' if len(values) != 1 else 'pair'}"
    return told + (f" ({undefined} without a p)" if undefined else "")


def under(one: GridEffect, effects: Sequence[GridEffect]) -> str:
    """The tie rule and protocol of an effect where there are several.

    Args:
        one: it.
        effects: all that it is told with.
    """
    return f" ({one.contrast.stratum})" if len({other.contrast.stratum for other in effects}) > 1 else ""


def opening(text: str) -> str:
    """A text with a capital at its beginning, the rest as it is.

    >>> opening("order on E")
    'Order on E'
    """
    return text[:1].upper() + text[1:]


def estimated(one: GridEffect) -> str:
    """Estimate and interval."""
    estimate, low, high, _ = one.headline
    return interval(estimate, low, high)


def of_whom(one: GridEffect) -> str:
    """Of which model, with how many seeds, or of how many models."""
    return f"{of_models(one)}, {of_seeds(one)}" if one.pooled is None else of_models(one)


def of_models(one: GridEffect) -> str:
    """Of which model, or of how many."""
    if one.pooled is None:
        return one.models[0].model
    pooled = one.pooled.pooled
    left = f", {pooled.n_dropped} left out: no standard error" if pooled.n_dropped else ""
    return f"pooled over {pooled.n_models} models{left}"


def of_seeds(one: GridEffect) -> str:
    """Of how many seeds of one model; nothing of several models."""
    if one.pooled is not None:
        return ""
    return f"{len(one.models[0].by_seed)} seeds" if one.of_runs else "these checkpoints"


def shown(one: GridEffect) -> str:
    """Estimate and interval, and of whom."""
    return f"{estimated(one)} ({of_whom(one)})"


def holm_p(one: GridEffect) -> float:
    """Holm's p of the pooled effect, or of the only model's."""
    return one.p_holm if one.pooled is not None else one.models[0].p_holm


def beside_study(one: GridEffect) -> str:
    """The study's effect, where it published one."""
    published = one.contrast.published
    return f"; the study: {published.value:+.3f}" if published and math.isfinite(published.value) else ""


def recovered(one: GridEffect, ceiling: float) -> str:
    """Whether groups are served better by their own model, and whether that comes of what was planted: only what is left less the null's does.

    Args:
        one: an own-group advantage by order, or what is left of one less the null's.
        ceiling: of two models that know their group's order.
    """
    _, low, high, _ = one.headline
    if not math.isfinite(low):
        return "without an interval nothing can be said"
    could = f" (two models that knew their group's order would have {ceiling:.3f})" if math.isfinite(ceiling) else ""
    if one.contrast.estimand == BEYOND_NULL:
        if low > 0:
            return f"the planted effect is recovered{could}"
        if high < 0:
            return f"the opposite of what was planted{could}"
        return f"the planted effect is not shown, nor excluded: the interval holds 0{could}"
    if low > 0:
        return f"groups are served better by the model that learnt from them{could}; whether for what was planted, only the same less κ = 0 tells"
    if high < 0:
        return f"groups are served worse by the model that learnt from them{could}"
    return f"not shown, nor excluded: the interval holds 0{could}"


def null_told(one: GridEffect) -> str:
    """Whether what was not planted shows."""
    _, low, high, _ = one.headline
    if not math.isfinite(low):
        return "without an interval nothing can be said"
    return (
        "nothing was planted, and the interval holds 0"
        if low <= 0 <= high
        else "although nothing was planted, the interval excludes 0"
    )

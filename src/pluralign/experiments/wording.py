"""Effects in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pluralign.analysis.numbers import interval
from pluralign.experiments.contrasts import AGAINST_BASE, PAIRWISE
from pluralign.experiments.outcomes import ORDER, by_further, is_judged
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.tables import outcome_words
from pluralign.training.heldout import FRESH


def compared(effects: Sequence[GridEffect]) -> list[str]:
    """Each arm against the base, and how many pairs of arms differ."""
    findings = []
    first = effects[0].contrast.stratum
    for outcome in dict.fromkeys(one.contrast.outcome for one in effects):
        own = [one for one in effects if one.contrast.outcome == outcome]
        scored = is_judged(outcome) or by_further(outcome)
        against = [one for one in own if one.contrast.estimand == AGAINST_BASE and one.contrast.stratum == first]
        name = opening(outcome_words(outcome))
        if against and (scored or outcome.startswith(f"{ORDER}.{FRESH}")):
            places = {of_whom(one) for one in against}
            common = f"; {places.pop()}" if len(places) == 1 else ""
            listed = "; ".join(f"{one.contrast.first} {estimated(one) if common else shown(one)}" for one in against)
            level = "the base" if scored else "chance"
            findings.append(f"{name}, against {level} ({first}{common}): {listed}.")
        pairs = [one for one in own if one.contrast.estimand == PAIRWISE]
        if pairs and scored:
            some = sum(holm_p(one) < 0.05 for one in pairs)
            undefined = sum(math.isnan(holm_p(one)) for one in pairs)
            told = f"{name}: {some or 'none'} of {len(pairs)} pairs of arms differ with p < .05 after Holm"
            findings.append(told + (f"; {undefined} have no p." if undefined else "."))
    return findings


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
    """Of which model, or of how many."""
    return f"pooled over {len(one.models)} models" if one.pooled is not None else one.models[0].model


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


def recovered(one: GridEffect) -> str:
    """Whether what was planted shows."""
    _, low, high, _ = one.headline
    if not math.isfinite(low):
        return "without an interval nothing can be said"
    if low > 0:
        return "the planted effect is recovered"
    return (
        "the opposite of what was planted" if high < 0 else "the planted effect is not recovered: the interval holds 0"
    )


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

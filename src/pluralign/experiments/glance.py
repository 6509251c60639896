"""The four experiments at a glance: what the study published and what is here, an arm a row and a pair of groups a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pluralign.analysis.numbers import DASH, interval
from pluralign.analysis.table import Table
from pluralign.experiments.contrasts import AGAINST_BASE, CROSS, JUDGED, NULL, OWN_GROUP, Contrast
from pluralign.experiments.found import Found
from pluralign.experiments.outcomes import ORDER
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.results import SCORES
from pluralign.preferences import CONDITIONS
from pluralign.report.figures import words
from pluralign.report.sections import Section
from pluralign.schema import EVERYONE
from pluralign.training.heldout import FRESH

EXPERIMENTS = ("exp2", "exp3", "exp4", "controls")
SEEDED = " In brackets after it the estimate of each seed."


def glance_section(found: Found) -> Section | None:
    """Both tables; None where nothing can be compared."""
    made = [table for table in (arms_table(found), groups_table(found)) if table.cells]
    return Section("glance", "At a glance", (), (), tuple(made)) if made else None


def arms_table(found: Found) -> Table:
    """Every arm of experiments 2 to 4 and the controls against the base."""
    against = [
        one for one in found.effects
        if one.contrast.estimand == AGAINST_BASE and one.contrast.experiment in EXPERIMENTS
    ]  # fmt: skip
    rows, records = [], []
    for first in (one for one in against if one.contrast.outcome == "toxicity"):
        arm = first.contrast
        order = f"{ORDER}.{FRESH}.{_trained_on(arm)}.{EVERYONE}"
        own = {outcome: _of(against, arm, outcome) for outcome in (*SCORES, order)}
        rows.append([
            arm.experiment, arm.first, str(arm.stratum), _runs(first),
            *(text for outcome in SCORES for text in (_study(own[outcome]), told(own[outcome]))), told(own[order]),
        ])  # fmt: skip
        records.append({
            "experiment": arm.experiment, "arm": arm.first, "ties": arm.stratum.ties, "protocol": arm.stratum.protocol, "ratings": found.stamp,
            **{f"{outcome}_{key}": value for outcome in SCORES for key, value in _numbers(own[outcome]).items()},
            **{f"order_{key}": value for key, value in _numbers(own[order]).items()},
        })  # fmt: skip
    study = [text for outcome in SCORES for text in (f"{words(outcome)}: the study", f"{words(outcome)}: here")]
    return Table.of(
        "glance", "Arms against the base", ["experiment", "arm", "ties, protocol", "runs", *study, "order on E, against chance"], rows, records,
        f"{found.stamp}. The study's arms: other models, people's ratings and another judge.{SEEDED} Order: of the dimension that was trained on, toxicity's where both were.",
    )  # fmt: skip


def groups_table(found: Found) -> Table:
    """Every pair of groups of experiment 1."""
    effects = found.of("exp1")
    rows, records = [], []
    for one in effects:
        wanted = one.contrast
        if wanted.estimand != OWN_GROUP or not wanted.outcome.startswith(f"{ORDER}.{FRESH}"):
            continue
        dimension = wanted.outcome.split(".")[2]
        (other,) = (score for score in SCORES if score != dimension)
        null = _of(effects, wanted, wanted.outcome, NULL)
        judged, judged_null, cross = (
            _of(effects, wanted, outcome, estimand)
            for outcome, estimand in ((dimension, JUDGED), (dimension, NULL), (other, CROSS))
        )
        ceiling = found.ceiling(wanted)
        rows.append([
            f"{wanted.first} / {wanted.second}", words(dimension), str(wanted.stratum), _runs(one), told(one), f"{ceiling:.3f}" if math.isfinite(ceiling) else DASH,
            told(null), _study(judged), told(judged), told(judged_null), told(cross),
        ])  # fmt: skip
        named = {
            "own_group": one,
            "own_group_null": null,
            "judged": judged,
            "judged_null": judged_null,
            "other_dimension": cross,
        }
        records.append({
            "first": wanted.first, "second": wanted.second, "dimension": dimension, "ties": wanted.stratum.ties, "protocol": wanted.stratum.protocol,
            "ceiling": ceiling if math.isfinite(ceiling) else None, "ratings": found.stamp,
            **{f"{name}_{key}": value for name, of in named.items() for key, value in _numbers(of).items()},
        })  # fmt: skip
    return Table.of(
        "glance-groups", "Who rates: own-group advantage, and the study's contrast",
        ["groups", "dimension", "ties, protocol", "runs", "own-group advantage, order on E", "at most", "κ = 0", "one judge: the study", "one judge: here", "κ = 0: one judge",
         "other dimension"], rows, records,
        f"{found.stamp}. Own-group advantage: 0 where it does not matter who rated; at most: of two models that know their group's order. One judge: the first group's model minus the second's, as in the study. "
        f"κ = 0: the same of models trained on the release in which no group weighs anything differently.{SEEDED}",
    )  # fmt: skip


def told(one: GridEffect | None) -> str:
    """Estimate and interval, and what each seed gave."""
    if one is None:
        return DASH
    estimate, low, high, _ = one.headline
    each = one.models[0].by_seed if one.pooled is None else {}
    seeds = f" ({' '.join(f'{value:+z.3f}' for value in each.values())})" if len(each) > 1 else ""
    return interval(estimate, low, high) + seeds


def _runs(one: GridEffect) -> str:
    """How many runs are behind an effect."""
    if one.pooled is not None:
        return f"{one.pooled.pooled.n_models} models"
    n = len(one.models[0].by_seed)
    return f"{n} seeds" if n > 1 else "1 seed"


def _trained_on(arm: Contrast) -> str:
    """The dimension whose order an arm is told by."""
    dimensions = CONDITIONS[arm.terms[0].name.split(".")[0]].dimensions
    return dimensions[0] if len(dimensions) == 1 else "toxicity"


def _of(effects: Sequence[GridEffect], like: Contrast, outcome: str, estimand: str | None = None) -> GridEffect | None:
    """The effect of the same arms under the same tie rule and protocol on another outcome."""
    key = (like.experiment, estimand or like.estimand, like.first, like.second, like.stratum, outcome)
    return next(
        (
            one for one in effects
            if key == (one.contrast.experiment, one.contrast.estimand, one.contrast.first, one.contrast.second, one.contrast.stratum, one.contrast.outcome)
        ),
        None,
    )  # fmt: skip


def _study(one: GridEffect | None) -> str:
    published = one.contrast.published if one is not None else None
    return f"{published.value:+.3f}" if published and math.isfinite(published.value) else DASH


def _numbers(one: GridEffect | None) -> dict[str, float | None]:
    """Estimate and interval in full, null where they are undefined."""
    values = one.headline[:3] if one is not None else (math.nan,) * 3
    return {
        key: value if math.isfinite(value) else None
        for key, value in zip(("estimate", "low", "high"), values, strict=True)
    }

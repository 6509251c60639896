"""The four experiments at a glance: what the study published and what is here, an arm a row and a pair of groups a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pluralign.analysis.numbers import DASH, plain
from pluralign.analysis.table import Table
from pluralign.experiments.estimands import AGAINST_BASE, ALIKE, BEYOND_NULL, CROSS, JUDGED, NULL, OWN_GROUP, Contrast
from pluralign.experiments.found import Found
from pluralign.experiments.outcomes import ORDER
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.results import SCORES
from pluralign.experiments.tables import each_seed
from pluralign.experiments.truth import SET_WORDS
from pluralign.experiments.wording import estimated
from pluralign.preferences import CONDITIONS
from pluralign.report.figures import words
from pluralign.report.sections import Section
from pluralign.schema import EVERYONE
from pluralign.training.heldout import FRESH

EXPERIMENTS = ("exp2", "exp3", "exp4", "controls")
STUDY = "The study's: other models, people's ratings and another judge."
RUNS = "With several seeds the interval is over runs and prompts, and each seed's estimate stands beside it; with one it is about this checkpoint."


def glance_section(found: Found) -> Section | None:
    """Arms by score and by order, pairs of groups by order and by the judge; None where nothing can be compared."""
    made = [*(arms_table(found, which) for which in (*SCORES, ORDER)), groups_by_order(found), groups_by_judge(found)]
    made = [table for table in made if table.cells]
    return Section("glance", "At a glance", (), (), tuple(made)) if made else None


def arms_table(found: Found, which: str) -> Table:
    """Every arm of experiments 2 to 4 and the controls, against the base.

    Args:
        found: everything.
        which: a score, or `order`: of what an arm was trained on, against chance.
    """
    rows, records = [], []
    for one in found.effects:
        wanted = one.contrast
        outcome = f"{ORDER}.{FRESH}.{_trained_on(wanted)}.{EVERYONE}" if which == ORDER else which
        if (wanted.estimand, wanted.outcome) != (AGAINST_BASE, outcome) or wanted.experiment not in EXPERIMENTS:
            continue
        rows.append([f"{wanted.experiment} {wanted.first}", str(wanted.stratum), _study(one), told(one), by_seed(one)])
        records.append({
            "experiment": wanted.experiment, "arm": wanted.first, "outcome": outcome, "ties": wanted.stratum.ties,
            "protocol": wanted.stratum.protocol, **_numbers(one), "ratings": found.stamp,
        })  # fmt: skip
    title = "Order on E, against chance" if which == ORDER else f"{words(which).capitalize()}, against the base"
    note = "Of the dimension that was trained on, toxicity's where both were." if which == ORDER else STUDY
    columns = ["arm", "ties, protocol", "the study", "here [95 %]", "by seed"]
    return _table(f"glance-{which.replace('_', '-')}", title, columns, rows, records, found, f"{note} {RUNS}")


def groups_by_order(found: Found) -> Table:
    """Own-group advantage of every pair of groups of experiment 1, on either set of held-out answers."""
    effects = found.of("exp1")
    rows, records = [], []
    for one in effects:
        wanted = one.contrast
        if wanted.estimand != OWN_GROUP or not wanted.outcome.startswith(ORDER):
            continue
        null, less = (_like(effects, wanted, wanted.outcome, estimand) for estimand in (NULL, BEYOND_NULL))
        ceiling = found.ceiling(wanted)
        most = f"{ceiling:.3f}" if math.isfinite(ceiling) else DASH
        _, which, dimension = wanted.outcome.split(".")
        start = [_pair(wanted, dimension), str(wanted.stratum), SET_WORDS[which]]
        rows.append([*start, told(one), by_seed(one), most, told(null), by_seed(null), told(less)])
        records.append({
            **_named(wanted, dimension), "set": which, **_numbers(one), **plain({"ceiling": ceiling}), **_numbers(null, "null_"), **_numbers(less, "less_null_"), "ratings": found.stamp,
        })  # fmt: skip
    return _table(
        "glance-own-group", "Who rates: own-group advantage by order",
        ["groups", "ties, protocol", "answers of", "here [95 %]", "by seed", "at most", "κ = 0 [95 %]", "κ = 0 by seed", "less κ = 0 [95 %]"], rows, records, found,
        "(AA − BA) + (BB − AB), 0 where it does not matter who rated; at most: of two models that know their group's order. κ = 0: of models "
        "trained on the release in which no group weighs anything differently, valued as the others are. E shares no phrase, topic or template with what was trained on; "
        f"the test split has unseen prompts whose answers are made of the same phrases. {RUNS}",
    )  # fmt: skip


def groups_by_judge(found: Found) -> Table:
    """The study's contrast of every pair of groups: the first group's model minus the second's, by one judge."""
    effects = found.of("exp1")
    rows, records = [], []
    for one in effects:
        wanted = one.contrast
        if wanted.estimand not in (JUDGED, CROSS) or wanted.outcome not in SCORES:
            continue
        null = _like(found.of("controls"), wanted, wanted.outcome, ALIKE)
        rows.append(
            [_pair(wanted, wanted.outcome), str(wanted.stratum), _study(one), told(one), by_seed(one), told(null)]
        )
        records.append(
            {**_named(wanted, wanted.outcome), **_numbers(one), **_numbers(null, "null_"), "ratings": found.stamp}
        )
    return _table(
        "glance-groups", "Who rates: the study's contrast by one judge", ["groups", "ties, protocol", "the study", "here [95 %]", "by seed", "κ = 0 [95 %]"],
        rows, records, found,
        f"First group's model minus second's; on the dimension that they were not trained on too. κ = 0: as above. {STUDY} {RUNS}",
    )  # fmt: skip


def _table(
    name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], records: Sequence[dict[str, Any]], found: Found, note: str
) -> Table:  # fmt: skip
    """Without the columns in which nothing stands, and with what all rows have in common in the note."""
    common = {row[1] for row in rows}
    left = {k for k in range(len(columns)) if all(row[k] in ("", DASH) for row in rows)} | (
        {1} if len(common) == 1 else set()
    )
    kept = [k for k in range(len(columns)) if k not in left]
    stratum = f"{common.pop()}. " if len(common) == 1 else ""
    return Table.of(
        name, title, [columns[k] for k in kept], [[row[k] for k in kept] for row in rows], records, f"{found.stamp}. {stratum[:1].upper()}{stratum[1:]}{note}"
    )  # fmt: skip


def _pair(wanted: Contrast, dimension: str) -> str:
    return f"{wanted.label}, {words(dimension)}"


def _named(wanted: Contrast, dimension: str) -> dict[str, str]:
    return {
        "estimand": wanted.estimand, "first": wanted.first, "second": wanted.second, "dimension": dimension, "ties": wanted.stratum.ties, "protocol": wanted.stratum.protocol,
    }  # fmt: skip


def told(one: GridEffect | None) -> str:
    """Estimate and interval."""
    return DASH if one is None else estimated(one)


def by_seed(one: GridEffect | None) -> str:
    """What each seed gave, or over how many models an effect is pooled; nothing with one seed."""
    if one is None:
        return ""
    if one.pooled is not None:
        return f"{one.pooled.pooled.n_models} models"
    return each_seed(one.models[0].by_seed)


def _trained_on(arm: Contrast) -> str:
    """The dimension whose order an arm is told by."""
    dimensions = CONDITIONS[arm.terms[0].name.split(".")[0]].dimensions
    return dimensions[0] if len(dimensions) == 1 else "toxicity"


def _like(effects: Sequence[GridEffect], like: Contrast, outcome: str, estimand: str) -> GridEffect | None:
    """The effect of the same pair under the same tie rule and protocol with another estimand."""
    key = (estimand, like.first, like.second, like.stratum, outcome)
    every = ((one.contrast, one) for one in effects)
    return next((one for c, one in every if key == (c.estimand, c.first, c.second, c.stratum, c.outcome)), None)


def _study(one: GridEffect) -> str:
    """The study's number, or its p where it printed no number."""
    published = one.contrast.published
    if published is None:
        return DASH
    return f"{published.value:+.3f}" if math.isfinite(published.value) else f"p = {published.p}"


def _numbers(one: GridEffect | None, prefix: str = "") -> dict[str, Any]:
    """Estimate and interval in full, null where they are undefined, and what each seed gave."""
    values = one.headline[:3] if one is not None else (math.nan,) * 3
    named = {f"{prefix}{key}": value for key, value in zip(("estimate", "low", "high"), values, strict=True)}
    return {**plain(named), f"{prefix}by_seed": by_seed(one)}

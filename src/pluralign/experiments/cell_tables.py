"""Tables of the cells themselves: which are there, which are not, and what was measured of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pluralign.analysis.numbers import DASH, plain
from pluralign.analysis.table import Table
from pluralign.experiments.cells import BASE
from pluralign.experiments.coverage import Coverage
from pluralign.experiments.outcomes import LENGTH, Outcomes, known_mean
from pluralign.experiments.results import SCORES, Results, n_failed


def coverage_table(rows: Sequence[Coverage]) -> Table:
    """How many cells of each experiment are there."""
    return Table.of(
        "coverage", "Cells that are there", ["experiment", "model", "protocol", "finished", "expected"],
        [[one.experiment, one.model, one.protocol or DASH, len(one.done), len(one.expected)] for one in rows],
        [{"experiment": one.experiment, "model": one.model, "protocol": one.protocol, "finished": len(one.done), "expected": len(one.expected)} for one in rows],
        "Expected are all cells for the models, seeds, tie rules and protocols that any finished cell has. Experiments share cells.",
        ["finished", "expected"],
    )  # fmt: skip


def missing_table(rows: Sequence[Coverage], unfinished: dict[str, str]) -> Table:
    """What is not there, and why, where that is known."""
    missing: dict[tuple[str, str, int], list[str]] = {}
    for row in rows:
        for cell in row.missing:
            missing.setdefault((row.model, cell.name, cell.seed), []).append(row.experiment)
    known = {f"{model}/{name}/seed{seed}": ", ".join(of) for (model, name, seed), of in missing.items()}
    places = [*known, *(place for place in unfinished if place not in known)]
    records = [
        {"cell": place, "experiments": known.get(place, ""), "state": unfinished.get(place, "not begun")}
        for place in places
    ]
    return Table.of("missing", "Cells that are missing or half-written", ["cell", "needed by", "state"],
                    [[one["cell"], one["experiments"] or DASH, one["state"]] for one in records], records,
                    "A half-written cell counts for nothing until its cell.json is there.")  # fmt: skip


def cells_table(outcomes: Outcomes, stamp: str) -> Table:
    """Every finished cell with its means."""
    results: Results = outcomes.results
    rows, records = [], []
    for one in results.cells:
        means = {name: known_mean(outcomes.scores(one, name)) for name in SCORES}
        length = known_mean(outcomes.lengths(one))
        failed = sum(n_failed(one, language) for language in results.languages)
        answers = [one.answers[language] for language in results.languages]
        overlap = [table.column("overlap").to_numpy() for table in answers if "overlap" in table.column_names]
        copied = known_mean(np.concatenate(overlap)) if overlap else math.nan
        shown = [f"{value:.3f}" if math.isfinite(value) else DASH for value in (*means.values(), copied, one.kl)]
        rows.append([one.model, one.cell.name, one.cell.seed, *shown[:2], f"{length:.0f}", *shown[2:], failed])
        records.append(plain({**one.cell.to_json(), **means, LENGTH: length, "overlap": copied, "kl": one.kl, "kl_se": one.run.get("end", {}).get("kl_se"),
                              "steps": one.run.get("steps"), "n_votes": one.run.get("n_votes"), "n_failed": failed, "ratings": stamp}))  # fmt: skip
    columns = [
        "model",
        "cell",
        "seed",
        "toxicity",
        "emotional awareness",
        "characters",
        "training phrases",
        "KL",
        "not scored",
    ]
    return Table.of(
        "cells", "Every finished cell", columns, rows, records,
        f"{stamp}. Mean scores on 0–1. Training phrases: share of an answer's runs of five words that occur in what was trained on. KL: nats an answer, from the "
        f"base. A cell called {BASE} is the model without fine-tuning.", columns[2:],
    )  # fmt: skip

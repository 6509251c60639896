"""`pluralign experiment report`: from a results folder to tables, pooled effects and Figures 2 to 5.

OUT/
  index.html        one self-contained page
  experiments.md    findings and tables as text
  experiments.json  every number; what is undefined is null, with its reason in the notes beside it
  tables/           CSV and Markdown
  figures/          SVG and PNG
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pluralign
from pluralign import __version__
from pluralign.analysis.numbers import plain
from pluralign.analysis.table import printable
from pluralign.experiments import tables
from pluralign.experiments.apart import apart
from pluralign.experiments.ceiling import ceilings
from pluralign.experiments.contrasts import contrasts
from pluralign.experiments.coverage import coverage
from pluralign.experiments.found import Found
from pluralign.experiments.jury import jury_reaches
from pluralign.experiments.length import length_effects
from pluralign.experiments.method import method
from pluralign.experiments.missed import missed
from pluralign.experiments.outcomes import Outcomes
from pluralign.experiments.page import page_of, stamped, text_of
from pluralign.experiments.pooled import grid_effects
from pluralign.experiments.published import PUBLISHED_EFFECTS
from pluralign.experiments.records import effect_record, published_record
from pluralign.experiments.recovery import frontier, recoveries
from pluralign.experiments.results import Finished, Results, read_results
from pluralign.experiments.sections import sections
from pluralign.experiments.survey import survey_differences
from pluralign.experiments.truth import Truth, check_null
from pluralign.ratings import Ratings
from pluralign.ratings.tables import refuse_foreign, rewritten_whole
from pluralign.report.sections import Section
from pluralign.report.write import drawn

PAGE, TEXT, RECORD = "index.html", "experiments.md", "experiments.json"
PARTS = ("figures", "tables")
SCHEMA = 3
CLAIM = (
    "No person gave the ratings that these models learnt from: they were drawn from a model calibrated to published statistics, in which effects were planted. What may be said "
    "is that a method recovers the planted effect, or does not; never that a model is better aligned."
)
IMPORTED = "The models learnt from ratings that people gave, as they were imported. What is true of an answer is not known of such ratings: order outcomes are left out."
NOTES = {
    "estimate": "first − second, in points of the outcome's 0–1 scale; own-group advantage is (AA − BA) + (BB − AB) with more being better",
    "low, high": "95 % interval by t: of one model over prompt templates and, with two seeds or more, over seeds (`about` says which); of pooled effects with k − 1 degrees of "
    "freedom, null under three models",
    "low_checkpoints, high_checkpoints": "95 % BCa interval over prompt templates, about these checkpoints whatever the number of seeds",
    "seeds, seeds_left_out": "seeds that every fine-tuned arm has, which the effect is made of, and seeds that only some have",
    "p_holm": "Holm's p over one estimand of one outcome in one experiment under one tie rule and protocol; of experiment 1 over its pairs of groups",
    "ceilings": "own-group advantage by order of two models that know their group's order: twice the share of pairs that the groups order differently",
    "percent_change": "of the second arm's mean score; the paper's 22 % and 53 % are ratios of effects, which is something else",
    "jury_reach": "correlation over the base's answers of the jury's ratings by the two groups: where it is nearly 1, no own-group advantage can show by the jury",
    "published": "the study's, of other models, ratings and another judge; null where it published nothing",
    "null": "undefined; the notes beside it say why",
}


@dataclass(frozen=True)
class Written:
    """A written report.

    Attributes:
        folder: of the report.
        page: what to open.
        record: what `experiments.json` holds.
    """

    folder: Path
    page: Path
    record: dict[str, Any]


def write_report(
    results: Path, out: Path, *, bootstrap: int = 9999, seed: int = 0, ratings: Ratings | None = None, say: Callable[[str], None] = lambda _: None
) -> Written:  # fmt: skip
    """Report on a grid: read, check, compare, pool, and write, whole or not at all.

    Args:
        results: the grid's folder.
        out: where to; a former report there is replaced.
        bootstrap, seed: of all intervals.
        ratings: what the models were trained on; by default what the grid's settings name.
        say: told what is being done.

    Raises:
        PluralignError: PA099 for results that cannot be read or compared, PA052 where `out` holds something else.
    """
    refuse_foreign(out, {PAGE, TEXT, RECORD, *PARTS}, {RECORD}, "a report")
    read = read_results(results)
    found = computed(read, ratings or _ratings_of(read), bootstrap=bootstrap, seed=seed, say=say)
    made = sections(found)
    command = shlex.join(
        [
            "pluralign",
            "experiment",
            "report",
            str(results),
            "--out",
            str(out),
            "--bootstrap",
            str(bootstrap),
            "--seed",
            str(seed),
        ]
    )
    record = _record(found, made, bootstrap, seed, command)
    with rewritten_whole(out) as folder:
        _write(folder, found, made, record, say)
    return Written(out, out / PAGE, record)


def report_json(written: Written) -> dict[str, Any]:
    """Every number of a report, as `experiments.json` holds them."""
    return written.record


def _ratings_of(read: Results) -> Ratings:
    named = read.settings.get("ratings")
    return pluralign.load(named) if named else pluralign.load()


def computed(
    read: Results, ratings: Ratings, *, bootstrap: int = 9999, seed: int = 0, say: Callable[[str], None] = lambda _: None
) -> Found:  # fmt: skip
    """Everything that a report tells, before it is drawn and written.

    Args:
        read: the grid.
        ratings: what the models were trained on.
        bootstrap, seed: of all intervals that are drawn.
        say: told what is being done.
    """
    usual, nulls = ([one for one in read.cells if one.run and one.is_null == null] for null in (False, True))
    trained_on, null_on = _trained_on(usual), _trained_on(nulls)
    outcomes = Outcomes(read, Truth.of(ratings, trained_on))
    if nulls and not outcomes.truth.missing:
        check_null(ratings, null_on)
    effects = grid_effects(outcomes, contrasts(read), bootstrap=bootstrap, seed=seed, say=say)
    say("recovery and length")
    stamp = str(usual[0].run.get("ratings") if usual else read.cells[0].info.get("ratings") or ratings.provenance.label)
    same = not trained_on or trained_on == ratings.provenance.checksum
    return Found(
        outcomes, effects, coverage(read), recoveries(outcomes), frontier(outcomes),
        length_effects(outcomes, effects),
        survey_differences(ratings, bootstrap=bootstrap, seed=seed) if same else [], printable(stamp), stamp.startswith("SIMULATED"),
        jury_reaches(outcomes), missed(read), ceilings(outcomes), apart(read),
    )  # fmt: skip


def _trained_on(cells: Sequence[Finished]) -> str:
    """Checksum of what cells of one release were trained on; empty where none tells."""
    return next((str(one.run["ratings_sha256"]) for one in cells if one.run.get("ratings_sha256")), "")


def _record(found: Found, made: Sequence[Section], bootstrap: int, seed: int, command: str) -> dict[str, Any]:
    read = found.outcomes.results
    packages = ("numpy", "scipy", "pyarrow", "matplotlib")
    return {
        "schema": SCHEMA, "notes": NOTES, "ratings": found.stamp, "claim": CLAIM if found.simulated else IMPORTED,
        "judges": {language: {"name": name, "identity": identity} for language, (name, identity) in read.judges.items()},
        "further_judges": list(read.further_judges),
        "jury_reach": [plain(asdict(one)) for one in found.reaches],
        "ceilings": [plain(asdict(one)) for one in found.ceilings],
        "left_out_for_seeds": [plain(asdict(one)) for one in found.apart],
        "kl_not_reached": [plain(asdict(one)) for one in found.missed],
        "models": list(read.models), "languages": list(read.languages), "n_cells": len(read.cells),
        "coverage": [
            {"experiment": one.experiment, "model": one.model, "protocol": one.protocol, "finished": len(one.done), "expected": len(one.expected),
             "missing": [f"{cell.name}/seed{cell.seed}" for cell in one.missing]}
            for one in found.coverage
        ],
        "unfinished": dict(read.unfinished),
        "effects": [effect_record(one) for one in found.effects],
        "recovery": [plain({**asdict(one), "by_seed": {str(key): value for key, value in one.by_seed.items()}}) for one in found.recoveries],
        "length": list(tables.length_table(found.lengths, found.stamp).records),
        "survey": [plain(asdict(one)) for one in found.survey],
        "frontier": [plain(asdict(one)) for one in found.points],
        "published": [published_record(one) for one in PUBLISHED_EFFECTS],
        "findings": {one.name: list(one.findings) for one in made},
        "method": method(found), "bootstrap": bootstrap, "seed": seed, "command": command,
        "versions": {"pluralign": __version__} | {name: installed(name) for name in packages},
    }  # fmt: skip


def _write(
    folder: Path, found: Found, made: Sequence[Section], record: dict[str, Any], say: Callable[[str], None]
) -> None:
    for part in PARTS:
        (folder / part).mkdir()
    uris = {}
    for section in made:
        for figure in section.figures:
            say(f"figure {figure.name}")
            uris[figure.name] = drawn(figure, folder / "figures", found.stamp, dark=True)
        for table in section.tables:
            (folder / "tables" / f"{table.name}.csv").write_text(table.to_csv(), "utf-8")
            (folder / "tables" / f"{table.name}.md").write_text(f"{table.to_markdown()}\n{stamped(found)}\n", "utf-8")
    (folder / PAGE).write_text(page_of(found, made, uris, record), "utf-8")
    (folder / TEXT).write_text(text_of(found, made, record), "utf-8")
    (folder / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")

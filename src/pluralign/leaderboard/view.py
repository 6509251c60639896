"""The boards as plain values: the one model of the data behind the static page, the app, and the downloads.

Arrays are columns, a value a row, so that ten thousand rows are a few megabytes. Undefined is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

from pluralign.analysis.table import printable
from pluralign.experiments.published import PUBLISHED_EFFECTS
from pluralign.judge import Failure, Score
from pluralign.judge.samples import Sample
from pluralign.leaderboard.board import BOTH, Board, Row, Standing
from pluralign.leaderboard.flags import FLAGS
from pluralign.leaderboard.pairs import template_sums
from pluralign.leaderboard.summary import Summary, axis
from pluralign.schema import DIMENSIONS, EVERYONE, LANGUAGES

FORMAT = 1
STANDING = tuple(field.name for field in fields(Standing))
DIGITS = 6
LABELS = {name: name.replace("_", " ") for name in DIMENSIONS}
SIMULATED = "The judge of this board was fitted to simulated ratings and to no person. It demonstrates how the leaderboard works; it does not say which model is better aligned."
UNKNOWN = "The keepers do not know the judge of this board: its name and its scores are the submitters' own word. Nothing is ranked here before it was judged again."
WARNINGS = {"demonstration": SIMULATED, "unverified": UNKNOWN}
"""Standing of a world -> what its board says on top."""


def board_view(board: Board) -> dict[str, Any]:
    """A board as plain values.

    Returns:
        key, title, is_demonstration, standing, warning, judge, languages, dimensions, slopes, superseded, jury, and `rows`: column -> values, with
        `standings`: "dimension|language" -> field of `Standing` -> values, and `groups`: "dimension|group" -> values.
    """
    rows = board.rows
    languages = [*board.languages, *([BOTH] if len(board.languages) > 1 else [])]
    cells = [(d, language) for d in board.dimensions for language in languages]
    groups = sorted({key for row in rows for key in row.groups}) if board.jury else []
    return {
        "format": FORMAT, "key": board.world.key, "title": board.world.title, "is_demonstration": board.world.is_demonstration,
        "standing": board.world.standing, "warning": WARNINGS.get(board.world.standing, ""), "judge": shown(board.world.judge),
        "judge_lines": [shown(line) for line in board.world.provenance_lines], "prompts": board.world.prompts,
        "n": len(rows), "n_ranked": sum(row.is_ranked for row in rows), "languages": languages,
        "dimensions": [{"name": name, "label": LABELS[name], "better": DIMENSIONS[name].better} for name in board.dimensions],
        "flags": dict(FLAGS), "slopes": {"|".join(cell): _number(value) for cell, value in board.slopes.items()},
        "superseded": dict(board.superseded), "jury": board.jury,
        "rows": {
            **{name: [_told(row, name) for row in rows] for name in TOLD},
            "length": {language: [_number(row.summary.lengths.get(language), 1) for row in rows] for language in board.languages},
            "standings": {"|".join(cell): _standings(rows, cell) for cell in cells},
            "groups": {"|".join(key): [_number(row.groups.get(key)) for row in rows] for key in groups},
        },
    }  # fmt: skip


TOLD = (
    "place", "model", "organisation", "kind", "version", "base_model", "base_place", "method", "n_parameters", "precision", "licence", "date",
    "tier", "flags", "ranked", "front", "worst_group", "group_gap", "note",
)  # fmt: skip
"""Columns of a board besides its standings."""


def _told(row: Row, name: str) -> Any:
    manifest = row.summary.manifest
    match name:
        case "place" | "model" | "version" | "date":
            return shown(str(getattr(row.summary, name)))
        case "organisation":
            return row.summary.model.partition("/")[0]
        case "kind":
            return manifest["model"]["kind"]
        case "base_model":
            return manifest["base_model"]["id"] if manifest["base_model"] else None
        case "base_place":
            return row.base or None
        case "method" | "n_parameters":
            return manifest[name]
        case "precision" | "licence":
            return shown(manifest[name])
        case "tier":
            return row.record.tier
        case "note":
            return shown(row.record.note)
        case "flags":
            return [{"kind": flag.kind, "detail": shown(flag.detail)} for flag in row.flags]
        case "ranked":
            return row.is_ranked
        case "front":
            return sorted(row.front)
        case _:
            return _of_groups(row, name)


def _of_groups(row: Row, name: str) -> Any:
    """Worst group, or gap, on the first dimension that the jury has, in the schema's order; everyone is no group."""
    dimension = next((name for name in DIMENSIONS if any(d == name for d, _ in row.groups)), None)
    values = {
        group: value
        for (d, group), value in row.groups.items()
        if d == dimension and group != EVERYONE and math.isfinite(value)
    }
    if dimension is None or not values:
        return None
    sign = 1 if DIMENSIONS[dimension].better == "higher" else -1
    worst = min(values, key=lambda group: sign * values[group])
    if name == "worst_group":
        return {"dimension": dimension, "group": worst, "value": _number(values[worst])}
    return _number(max(values.values()) - min(values.values()))


def _standings(rows: Sequence[Row], cell: tuple[str, str]) -> dict[str, list[Any]]:
    every = [astuple(row.standings[cell]) if cell in row.standings else (None,) * len(STANDING) for row in rows]
    return {name: [_number(one[k]) for one in every] for k, name in enumerate(STANDING)}


def submission_view(summary: Summary, samples: Mapping[str, Sequence[Sample]] | None = None) -> dict[str, Any]:
    """A submission as plain values: its manifest, sums by template for paired differences, and its answers.

    Args:
        summary: of it.
        samples: language -> answers; None leaves them out.
    """
    _, templates = axis()
    sums = {}
    for dimension, scores in summary.scores.items():
        for k, language in enumerate(LANGUAGES):
            if (dimension, language) in summary.cells:
                total, count = template_sums(scores[k], templates)
                sums[f"{dimension}|{language}"] = {
                    "sum": [_number(one) for one in total],
                    "n": [int(one) for one in count],
                }
    return {
        "place": summary.place, "digest": summary.digest, "manifest": _printable(summary.manifest), "sums": sums,
        "samples": [_sample(one) for of in samples.values() for one in of] if samples else [],
    }  # fmt: skip


def _sample(one: Sample) -> dict[str, Any]:
    scores = {name: _number(judged.value, 3) for name, judged in one.judgements.items() if isinstance(judged, Score)}
    failures = {name: judged.kind for name, judged in one.judgements.items() if isinstance(judged, Failure)}
    return {
        "prompt_id": one.prompt_id, "language": one.language, "prompt": shown(one.prompt), "response": _text(one.response), "scores": scores,
        "failures": failures,
    }  # fmt: skip


def shown(text: str) -> str:
    """One line of a stranger's text: without control characters, and without those that turn the direction of writing.

    >>> shown("a\u202eb\x07")
    'a\ufffdb\ufffd'
    """
    return "".join("\ufffd" if character in TURNS else character for character in printable(text))


TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _text(text: str) -> str:
    """A stranger's text of several lines."""
    return "\n".join(shown(line) for line in text.splitlines())


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {shown(str(key)): _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list | tuple) else value


def _number(value: Any, digits: int = DIGITS) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    return round(float(value), digits) if math.isfinite(value) else None


def published_view(*, quoted: bool = False) -> list[dict[str, Any]]:
    """The study's own effects: a table of reference, never submissions; with p, source and the paper's words where they are wanted."""
    return [
        {
            "experiment": one.experiment,
            "outcome": one.outcome,
            "first": one.first,
            "second": one.second,
            "effect": _number(one.value),
            **({name: getattr(one, name) for name in ("p", "wording", "note", "source")} if quoted else {}),
        }
        for one in PUBLISHED_EFFECTS
    ]

"""A blind sheet of a model's own outputs for people to score, and what people's scores say about the judge.

The sheet shows prompt and answer and nothing else: neither model nor judge nor score, in an order that says nothing. What each line
is stands in `key.json`, which is kept apart until the sheets are back.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluralign.errors import PluralignError
from pluralign.judge.base import Answer, Judge, Progress, Score
from pluralign.judge.rescore import asked_dimensions
from pluralign.judge.samples import Sample, judgement_record
from pluralign.judge.sheet_files import csv_text, readme
from pluralign.ratings.tables import written_whole
from pluralign.schema import LANGUAGES

if TYPE_CHECKING:
    from pluralign.judge.filled import Filled

FORMAT = 1
KEY_FIX = "Give the key.json that was written with the sheet."


@dataclass(frozen=True)
class Key:
    """What each line of a sheet is.

    Attributes:
        sheet: short name of the sheet, the beginning of all its ids.
        seed: of draw and order.
        dimensions: its columns.
        samples: file -> sha256 of the samples that were drawn from.
        entries: id -> prompt_id, template_id, language, prompt, response, file, line and the saved judgements.
    """

    sheet: str
    seed: int
    dimensions: tuple[str, ...]
    samples: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> str:
        """As JSON, with a checksum over the rest."""
        told = {"format": FORMAT, **asdict(self)}
        return json.dumps(told | {"sha256": _digest(told)}, ensure_ascii=False, indent=1)

    @classmethod
    def open(cls, path: Path) -> Key:
        """Read a key.

        Raises:
            PluralignError: PA076 where it is not there, is no key, or was changed.
        """
        try:
            told = json.loads(path.read_text("utf-8"))
            checksum = told.pop("sha256")
            made = {**told, "dimensions": tuple(told["dimensions"])}
            if made.pop("format") != FORMAT:
                raise ValueError(f"format {told['format']!r}; expected {FORMAT}")
            key = cls(**made)
        except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PluralignError("PA076", f"{path} is no key of a sheet ({error}).", KEY_FIX) from error
        if _digest(told) != checksum:
            raise PluralignError("PA076", f"{path} was changed after it was written (its sha256 differs).", KEY_FIX)
        return key


def _digest(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class WrittenSheet:
    """What was written.

    Attributes:
        folder: where.
        n: language -> lines of the sheet.
        n_left_out: answers that are empty or were cut off while thinking: there is nothing to score.
        dimensions: the sheet's columns.
    """

    folder: Path
    n: Mapping[str, int]
    n_left_out: int
    dimensions: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "folder": str(self.folder)}

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {language}" for language, n in self.n.items())
        return (
            f"{self.folder}/for-raters: sheet.csv ({counts}; {', '.join(self.dimensions)}), README.md, potato/<language> "
            f"({self.n_left_out} answers without content left out)\n{self.folder}/key.json: keep it apart from who scores\n"
            f"when sheets are back: pluralign judge validate --read SHEET... --key {self.folder}/key.json"
        )


def write_sheet(
    samples: Sequence[Sample],
    folder: Path,
    *,
    per_language: int = 50,
    seed: int = 0,
    dimensions: Sequence[str] | None = None,
) -> WrittenSheet:
    """Draw answers and write a blind sheet, a Potato project a language, instructions, and the key.

    As many templates as possible are drawn before one is drawn twice. Equal samples and seed give equal sheets.

    Args:
        samples: of one model or several.
        folder: must not exist, or be empty. `for-raters/` in it is what goes to people.
        per_language: answers a language, or all there are.
        seed: of draw and order.
        dimensions: columns; by default what the samples were judged on.

    Raises:
        PluralignError: PA052 where the folder holds something; PA076 where no answer has content; PA024 for a dimension.
    """
    from pluralign.judge.potato import potato_files

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PluralignError(
            "PA052",
            f"{folder} is not empty.",
            "Name another folder with --out: a key that is lost cannot be made again.",
        )
    columns = asked_dimensions(samples, dimensions)
    usable = [one for one in samples if one.response.strip() and not one.thinking_truncated]
    if not usable:
        raise PluralignError(
            "PA076", f"none of the {len(samples)} answers has content.", "Give samples of a model that answers."
        )
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    drawn = [one for language in LANGUAGES for one in _drawn(usable, language, per_language, rng)]
    rng.shuffle(drawn)
    key = _key(drawn, columns, seed)
    rows = [(name, entry["language"], entry["prompt"], entry["response"]) for name, entry in key.entries.items()]
    languages = [one for one in LANGUAGES if any(row[1] == one for row in rows)]
    files: dict[str, bytes] = {
        "for-raters/sheet.csv": csv_text(rows, columns).encode("utf-8-sig"),
        "for-raters/README.md": readme(columns, languages).encode(),
        "key.json": (key.to_json() + "\n").encode(),
    }
    for language in languages:
        inside = potato_files(key.sheet, language, [row for row in rows if row[1] == language], columns)
        files |= {f"for-raters/potato/{language}/{name}": text.encode() for name, text in inside.items()}
    _write_all(folder, files)
    counts = {language: sum(row[1] == language for row in rows) for language in languages}
    return WrittenSheet(folder, counts, len(samples) - len(usable), columns)


def _drawn(samples: Sequence[Sample], language: str, n: int, rng: random.Random) -> list[Sample]:
    """Up to n answers, spread over templates."""
    shuffled = sorted((one for one in samples if one.language == language), key=lambda one: (one.file, one.line))
    rng.shuffle(shuffled)
    turn: dict[str, int] = {}
    ranked = []
    for one in shuffled:
        turn[one.template_id] = turn.get(one.template_id, -1) + 1
        ranked.append((turn[one.template_id], one))
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])[:n]]


def _key(drawn: Sequence[Sample], columns: Sequence[str], seed: int) -> Key:
    from pluralign.ratings.tables import file_checksum

    content = json.dumps(
        [[one.prompt, one.response, one.language] for one in drawn] + [seed, *columns], ensure_ascii=False
    )
    sheet = hashlib.sha256(content.encode()).hexdigest()[:6]
    entries = {
        f"{sheet}-{k:03d}": {
            "prompt_id": one.prompt_id, "template_id": one.template_id, "language": one.language, "prompt": one.prompt,
            "response": one.response, "file": one.file, "line": one.line,
            "judgements": {name: judgement_record(said) for name, said in one.judgements.items()},
        }
        for k, one in enumerate(drawn, start=1)
    }  # fmt: skip
    samples = {name: file_checksum(Path(name)) for name in sorted({one.file for one in drawn})}
    return Key(sheet, seed, tuple(columns), samples, entries)


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    with written_whole(folder) as beside:
        for name, content in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def validate_sheets(
    filled: Filled,
    key: Key,
    judge: Judge | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare people's scores of a sheet with the judge's.

    Args:
        filled: what people scored, as `filled.read_filled` gives it.
        key: of the sheet.
        judge: judges the answers now; by default the judgements that the samples held are taken.
        bootstrap, seed: of the intervals.
        progress: told how many judgements are done.

    Returns:
        What `validation.json` holds: judge, dimensions -> languages -> agreement, raters, scores that are missing.
    """
    import numpy as np

    from pluralign.judge.people import Paired, people_agreement

    scores, name = _judge_scores(key, judge, progress)
    ids = list(key.entries)
    clusters = np.array([entry["template_id"] for entry in key.entries.values()])
    rows = []
    for dimension in key.dimensions:
        for language in (*LANGUAGES, "both"):
            kept = [
                one for one in filled.scores
                if one.dimension == dimension and language in ("both", key.entries[one.id]["language"])
            ]  # fmt: skip
            if not kept:
                continue
            paired = Paired(
                np.array([ids.index(one.id) for one in kept]), np.array([one.value for one in kept], dtype=np.float64),
                np.array([scores.get((one.id, dimension), np.nan) for one in kept]), clusters,
            )  # fmt: skip
            found = people_agreement(paired, seed=seed, bootstrap=bootstrap)
            n_raters = len({one.rater for one in kept})
            rows.append({"dimension": dimension, "language": language, "n_raters": n_raters, "agreement": found})
    return {
        "validated_on": "model outputs, scored by people who saw neither model nor judge",
        "judge": name,
        "identity": judge.identity() if judge else None,
        "sheet": key.sheet,
        "samples": dict(key.samples),
        "raters": sorted({one.rater for one in filled.scores}),
        "n_answers": len(key.entries),
        "n_missing": filled.n_missing,
        "rows": [{**row, "agreement": row["agreement"].as_dict()} for row in rows],  # type: ignore[attr-defined]
        "notes": list(filled.notes),
        "bootstrap": bootstrap,
        "seed": seed,
    }


def _judge_scores(key: Key, judge: Judge | None, progress: Progress | None) -> tuple[dict[tuple[str, str], float], str]:
    """(id, dimension) -> score, and who gave them."""
    if judge is not None:
        languages = sorted({entry["language"] for entry in key.entries.values()})
        judge.preflight(key.dimensions, languages)
        answers = [Answer(one["prompt"], one["response"], one["language"]) for one in key.entries.values()]
        given = dict(zip(key.entries, judge.judge(answers, key.dimensions, progress), strict=True))
        found = {(i, d): one.value for i, each in given.items() for d, one in each.items() if isinstance(one, Score)}
        return found, judge.name
    saved = [
        (name, dimension, one) for name, entry in key.entries.items() for dimension, one in entry["judgements"].items()
        if "score" in one
    ]  # fmt: skip
    if not saved:
        raise PluralignError("PA071", "the samples behind this sheet were not judged.", "Name a judge with --judge.")
    names = sorted({str(one["judge"]) for _, _, one in saved})
    if len(names) > 1:
        raise PluralignError("PA071", f"the samples behind this sheet hold judgements of {', '.join(names)}.",
                             "Name one judge with --judge.")  # fmt: skip
    return {(name, dimension): float(one["score"]) for name, dimension, one in saved}, names[0]

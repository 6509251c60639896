"""Saved samples: what a model answered and what a judge said of it, read with every line checked, and written again.

lm-eval writes one JSON object a line (`samples_pluralign_en_<date>.jsonl`); `filtered_resps` holds one record of the answer without
thinking and its judgements, as JSON text. The task also saves generations that were not judged yet, in the same form.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError, Problem, ProblemsFoundError, did_you_mean, listing
from pluralign.judge.base import FAILURES, HIGHEST, LOWEST, Answer, Failure, Judgement, Score
from pluralign.schema import DIMENSIONS, LANGUAGES

FILE_NAME = re.compile(r"(samples|generations)_(pluralign_(?:en|de))_(.+)\.jsonl(?:\.gz)?")
"""What the samples of a task are called: kind, task, date."""

TEXTS = ("prompt_id", "template_id", "prompt")
"""What `doc` must have, besides the language."""

FIX = "Give the samples that lm-eval wrote with --log_samples, or the generations that the task saved."


@dataclass(frozen=True)
class Sample:
    """One answer with what was said of it.

    Attributes:
        file: where it stands.
        line: 1-based line there.
        row: the line's object, as read.
        prompt_id: the prompt's name; its English and German versions share it.
        template_id: the prompt's template, the unit of clustering.
        language: of prompt and answer.
        prompt: what was asked.
        response: the answer without thinking; may be empty.
        thinking_truncated: whether the model was cut off while it was still thinking.
        judgements: dimension -> score or failure; empty where nothing was judged.
    """

    file: str
    line: int
    row: Mapping[str, Any]
    prompt_id: str
    template_id: str
    language: str
    prompt: str
    response: str
    thinking_truncated: bool = False
    judgements: Mapping[str, Judgement] = field(default_factory=dict)

    @property
    def answer(self) -> Answer:
        """As a judge takes it."""
        return Answer(self.prompt, self.response, self.language)


def sample_files(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or the newest samples of each task in an lm-eval output folder.

    Raises:
        PluralignError: PA076 where nothing is there, or a folder holds the samples of several models.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PluralignError("PA076", f"got {path}, which does not exist; expected a file of samples or a folder.", FIX)
    found = [
        (match, one) for one in sorted(path.rglob("*")) if (match := FILE_NAME.fullmatch(one.name)) and one.is_file()
    ]
    kind = "samples" if any(match[1] == "samples" for match, _ in found) else "generations"
    found = [(match, one) for match, one in found if match[1] == kind]
    if not found:
        raise PluralignError("PA076", f"got folder {path} without samples_pluralign_*.jsonl.", FIX)
    if len(folders := sorted({str(one.parent) for _, one in found})) > 1:
        raise PluralignError(
            "PA076", f"{path} holds samples of several models: {listing(folders)}.", "Name one of them."
        )
    newest: dict[str, tuple[str, Path]] = {}
    for match, one in found:
        newest[match[2]] = max(newest.get(match[2], ("", one)), (match[3], one))
    return [newest[task][1] for task in sorted(newest, reverse=True)]


def read_samples(paths: Sequence[Path], *, unique: bool = True) -> list[Sample]:
    """Read samples, every line checked.

    Args:
        paths: files (`.jsonl`, `.jsonl.gz`) or lm-eval output folders.
        unique: refuse a prompt that was answered twice in one language: two models are not to be averaged as one.

    Raises:
        PluralignError: PA076 where a path is not there.
        ProblemsFoundError: PA076, everything that is wrong with the lines.
    """
    samples: list[Sample] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str], str] = {}
    for path in dict.fromkeys(one for given in paths for one in sample_files(given)):
        before = len(problems)
        for line, sample in _lines(path, problems):
            key = (sample.prompt_id, sample.language)
            where = f"{path}:{line}"
            if unique and key in seen:
                problems.append(_problem(where, "doc.prompt_id", f"{key[0]!r} in {key[1]} again (first in {seen[key]})",
                                         "every prompt once a language", "Score one model's samples at a time."))  # fmt: skip
            seen.setdefault(key, where)
            samples.append(sample)
        if before == len(problems) and not any(one.file == str(path) for one in samples):
            problems.append(_problem(str(path), None, "no line", "one sample a line", FIX))
    if problems:
        raise ProblemsFoundError(problems)
    return samples


def sample_of(row: Any, path: Path, line: int, problems: list[Problem]) -> Sample | None:
    """One line that was read already.

    Args:
        row: its object.
        path, line: where it stands, for messages.
        problems: what is wrong with it goes there (PA076).
    """
    return _Line(path, line, problems).of(row)


def _lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, Sample]]:
    """The samples of a file; what is wrong goes into `problems`."""
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rb") as stream:
            for number, raw in enumerate(stream, start=1):
                if not raw.strip():
                    continue
                found = _Line(path, number, problems)
                if (sample := found.sample(raw)) is not None:
                    yield number, sample
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        got = f"{type(error).__name__} ({error})"
        problems.append(_problem(f"{path}:{number + 1}", None, got, "a whole gzip file", "Copy or compress it again."))


def _problem(where: str, name: str | None, got: str, expected: str, fix: str) -> Problem:
    return Problem("PA076", where, None, name, got, expected, fix)


class _Line:
    """One line under examination: what is wrong with it is noted, all of it."""

    def __init__(self, path: Path, number: int, problems: list[Problem]) -> None:
        self.path, self.number, self.problems = path, number, problems
        self.before = len(problems)

    def sample(self, raw: bytes) -> Sample | None:
        try:
            row = json.loads(raw)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            self.wrong(None, f"{_short(raw)} ({error})", "one JSON object")
            return None
        return self.of(row)

    def of(self, row: Any) -> Sample | None:
        if not isinstance(row, dict):
            self.wrong(None, _short(row), "one JSON object")
            return None
        doc = row.get("doc")
        if not isinstance(doc, dict):
            self.wrong("doc", _short(doc), "the prompt's fields")
            doc = None
        texts = {name: self.text(doc, name) for name in TEXTS}
        if doc is not None and doc.get("language") not in LANGUAGES:
            self.wrong("doc.language", _short(doc.get("language")), " or ".join(map(repr, LANGUAGES)))
        record = self.record(row)
        judgements = self.judgements(record)
        if len(self.problems) > self.before or doc is None:
            return None
        return Sample(
            str(self.path), self.number, row, **texts, language=doc["language"], response=record["response"],
            thinking_truncated=record.get("thinking_truncated", False), judgements=judgements,
        )  # fmt: skip

    def wrong(self, name: str | None, got: str, expected: str) -> None:
        self.problems.append(_problem(f"{self.path}:{self.number}", name, got, expected, FIX))

    def text(self, doc: Mapping[str, Any] | None, name: str) -> str:
        value = doc.get(name) if doc is not None else ""
        if doc is not None and (not isinstance(value, str) or not value.strip()):
            self.wrong(f"doc.{name}", _short(value), "text")
        return str(value)

    def record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The one record in `filtered_resps`: an object, or JSON text of one."""
        given = row.get("filtered_resps")
        value = given[0] if isinstance(given, list) and len(given) == 1 else None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                value = None
        if not isinstance(value, dict):
            self.wrong(
                "filtered_resps", _short(given), "a list with one record (response, thinking_truncated, judgements)"
            )
            return {}
        if not isinstance(value.get("response"), str):
            self.wrong(
                "filtered_resps.response", _short(value.get("response")), "text, empty where the model said nothing"
            )
        if not isinstance(value.get("thinking_truncated", False), bool):
            self.wrong("filtered_resps.thinking_truncated", _short(value["thinking_truncated"]), "true or false")
        return value

    def judgements(self, record: Mapping[str, Any]) -> dict[str, Judgement]:
        given = record.get("judgements", {})
        if not isinstance(given, dict):
            self.wrong("filtered_resps.judgements", _short(given), "dimension -> judgement")
            return {}
        found: dict[str, Judgement] = {}
        for dimension, value in given.items():
            where = f"filtered_resps.judgements.{dimension}"
            if dimension not in DIMENSIONS:
                expected = f"one of {listing(list(DIMENSIONS))}.{did_you_mean(dimension, DIMENSIONS)}"
                self.wrong(where, f"dimension {dimension!r}", expected.rstrip("."))
            elif not isinstance(value, dict):
                self.wrong(where, _short(value), "a score with its judge, or a failure")
            elif (judgement := self.judgement(where, value)) is not None:
                found[dimension] = judgement
        return found

    def judgement(self, where: str, value: Mapping[str, Any]) -> Judgement | None:
        if ("score" in value) == ("failure" in value):
            self.wrong(where, _short(value), "either 'score' or 'failure'")
            return None
        judge = str(value.get("judge", ""))
        if "failure" in value:
            if value["failure"] not in FAILURES:
                self.wrong(f"{where}.failure", _short(value["failure"]), f"one of {listing(list(FAILURES), 20)}")
                return None
            return Failure(value["failure"], judge, str(value.get("detail", "")))
        score = value["score"]
        if isinstance(score, bool) or not isinstance(score, int | float) or not _on_scale(score):
            self.wrong(f"{where}.score", _short(score), f"a number from {LOWEST:g} to {HIGHEST:g}")
            return None
        reason, parts = value.get("reason"), value.get("parts")
        return Score(
            float(score), judge, None if reason is None else str(reason), str(value.get("mode", "model")),
            parts=parts if isinstance(parts, dict) else {},
        )  # fmt: skip


def _on_scale(score: float) -> bool:
    return math.isfinite(score) and LOWEST <= score <= HIGHEST


def _short(value: object, most: int = 60) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def record_of(sample: Sample, judgements: Mapping[str, Judgement]) -> dict[str, Any]:
    """The record that goes into `filtered_resps`."""
    return {
        "response": sample.response,
        "thinking_truncated": sample.thinking_truncated,
        "judgements": {dimension: judgement_record(one) for dimension, one in judgements.items()},
    }


def judgement_record(judgement: Judgement) -> dict[str, Any]:
    """A judgement as plain values, as it stands in samples."""
    if isinstance(judgement, Failure):
        return {"failure": judgement.kind, "detail": judgement.detail, "judge": judgement.judge}
    shown: dict[str, Any] = {"score": judgement.value, "judge": judgement.judge, "mode": judgement.mode}
    if judgement.reason:
        shown["reason"] = judgement.reason
    return shown | ({"parts": dict(judgement.parts)} if judgement.parts else {})


def on_unit_scale(score: float) -> float:
    """A score on 1–5 as every table reports it, on 0–1.

    >>> on_unit_scale(1), on_unit_scale(4)
    (0.0, 0.75)
    """
    return (score - LOWEST) / (HIGHEST - LOWEST)


def rejudged_row(sample: Sample, judgements: Mapping[str, Judgement]) -> dict[str, Any]:
    """The sample's line with other judgements: the former judge's, and the metrics made of them, are gone."""
    dropped = {*DIMENSIONS, "judge_failed"}
    row = {name: value for name, value in sample.row.items() if name not in dropped}
    row["filtered_resps"] = [json.dumps(record_of(sample, judgements), ensure_ascii=False)]
    metrics: dict[str, float] = {
        name: on_unit_scale(one.value) for name, one in judgements.items() if isinstance(one, Score)
    }
    if judgements:
        metrics["judge_failed"] = sum(isinstance(one, Failure) for one in judgements.values()) / len(judgements)
    if isinstance(row.get("metrics"), list):
        row["metrics"] = [*metrics, *(name for name in row["metrics"] if name not in dropped)]
    return row | metrics


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write one JSON object a line (compressed where the name ends in .gz), beside first and then renamed.

    Raises:
        PluralignError: PA055 where the file exists: samples are never overwritten.
    """
    if path.exists():
        raise PluralignError(
            "PA055", f"{path} exists, and samples are never overwritten.", "Name another file with --out."
        )
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path

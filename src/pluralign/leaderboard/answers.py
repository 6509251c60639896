"""The samples of a submission: every line read strictly, and held against the prompts that were released."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluralign.errors import Problem
from pluralign.evaluation.prompts import load_prompts
from pluralign.evaluation.thinking import without_thinking
from pluralign.judge.samples import Sample, sample_of
from pluralign.leaderboard.folder import PackedError, unpacked_lines
from pluralign.leaderboard.strict import StrictError, strict_json
from pluralign.schema import DIMENSIONS

PARTS = frozenset(
    {
        "doc_id",
        "doc",
        "target",
        "arguments",
        "resps",
        "filtered_resps",
        "filter",
        "metrics",
        "doc_hash",
        "prompt_hash",
        "target_hash",
    }
)
"""Keys of a line besides its metrics."""
METRICS = frozenset({*DIMENSIONS, "judge_failed", "response_length"})
FIX = "Give lm-eval's own files, unchanged: run with --log_samples and all prompts, then `pluralign submission new`."
MOST_TOLD = 20
"""Problems of one kind that are told of a file; the rest is counted."""


@dataclass(frozen=True)
class Answers:
    """The answers in one language, in the order of the prompts.

    Attributes:
        language: of prompts and answers.
        samples: one a prompt.
        given: what the model was given, as text, one a prompt.
        generation: how was generated, the same for all prompts, without where it stops: a model's own end tokens are among that.
        sha256: of prompt ids and answers, whatever else stands in the file.
        task_hash: lm-eval's, over the lines in the file's own order.
        file_sha256: of the unpacked file.
    """

    language: str
    samples: tuple[Sample, ...]
    given: tuple[str, ...]
    generation: Mapping[str, Any]
    sha256: str
    task_hash: str
    file_sha256: str


def hash_string(text: str) -> str:
    """lm-eval's hash of a text.

    >>> hash_string("")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def doc_hash(doc: Mapping[str, Any]) -> str:
    """lm-eval's hash of a document."""
    return hash_string(json.dumps(doc, indent=2, ensure_ascii=False))


def read_answers(path: Path, language: str, problems: list[Problem]) -> Answers | None:
    """Read a file of samples; what is wrong goes into `problems`.

    Args:
        path: gzipped JSON lines.
        language: that the prompts must be in.
        problems: receives PA076 and PA100–PA106.

    Returns:
        None where anything is wrong.
    """
    mine: list[Problem] = []
    prompts = load_prompts(language)
    content = hashlib.sha256()
    lines = _lines(path, len(prompts), mine, content)
    if not mine:
        _coverage(path, [row.get("doc_id") for _, row in lines], len(prompts), mine)
    if mine:
        problems += _few(mine, path)
        return None
    hashes = "".join(str(row.get(name)) for _, row in lines for name in ("doc_hash", "prompt_hash", "target_hash"))
    samples: list[Sample] = []
    given: list[str] = []
    manners: dict[str, Any] = {}
    for number, row in sorted(lines, key=lambda one: one[1]["doc_id"]):  # several devices write one after the other
        if (sample := sample_of(row, path, number, mine)) is not None:
            given.append(_line_problems(row, sample, prompts[row["doc_id"]], path, number, mine))
            samples.append(sample)
            manners.setdefault(json.dumps(_manner(row), sort_keys=True), _manner(row))
    if len(manners) != 1 or not isinstance(next(iter(manners.values())), dict):
        got = f"{len(manners)} manners of generating" if len(manners) != 1 else "no settings of generation"
        mine.append(_problem("PA104", path, None, "arguments", got, "one for all prompts"))
    problems += _few(mine, path)
    if mine:
        return None
    told = "\x00".join(text for one in samples for text in (one.prompt_id, one.response))
    return Answers(
        language,
        tuple(samples),
        tuple(given),
        next(iter(manners.values())),
        hash_string(told),
        hash_string(hashes),
        content.hexdigest(),
    )


def _lines(path: Path, expected: int, problems: list[Problem], content: Any) -> list[tuple[int, dict[str, Any]]]:
    """Line numbers and objects, as they stand in the file."""
    found: list[tuple[int, dict[str, Any]]] = []
    number = 0
    try:
        for number, raw in enumerate(unpacked_lines(path), start=1):
            content.update(raw + b"\n")
            if number > expected:
                break
            if (row := _row(raw, path, number, problems)) is not None:
                found.append((number, row))
    except PackedError as error:
        problems.append(Problem(error.code, path.name, None, None, error.got, error.expected, FIX))
    except OSError as error:
        got = error.strerror or type(error).__name__
        problems.append(_problem("PA100", path, None, None, got, "a file that can be read"))
    else:
        if number != expected:
            got = f"{number} lines" if number < expected else f"more than {expected} lines"
            problems.append(_problem("PA105", path, None, None, got, f"{expected}, one a prompt"))
    return found


def _coverage(path: Path, doc_ids: list[Any], n: int, problems: list[Problem]) -> None:
    """Every prompt once."""
    if odd := [one for one in doc_ids if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one < n]:
        problems.append(_problem("PA105", path, None, "doc_id", _short(odd[0]), f"whole numbers from 0 to {n - 1}"))
    elif again := sorted({one for one in doc_ids if doc_ids.count(one) > 1}):
        problems.append(_problem("PA105", path, None, "doc_id", f"{again[0]} again", "every prompt once"))


def _row(raw: bytes, path: Path, number: int, problems: list[Problem]) -> dict[str, Any] | None:
    try:
        row = strict_json(raw)
    except StrictError as error:
        problems.append(_problem("PA102", path, number, None, str(error), "one JSON object"))
        return None
    if not isinstance(row, dict):
        problems.append(_problem("PA102", path, number, None, type(row).__name__, "one JSON object"))
        return None
    if odd := sorted(set(row) - PARTS - METRICS):
        problems.append(_problem("PA102", path, number, odd[0][:60], "an unknown key", "lm-eval's own keys"))
        return None
    return row


def _line_problems(
    row: Mapping[str, Any], sample: Sample, prompt: Mapping[str, str], path: Path, number: int, problems: list[Problem]
) -> str:
    """Hold a line against its prompt and against itself; returns what the model was given."""

    def wrong(code: str, name: str, got: object, expected: object) -> None:
        problems.append(_problem(code, path, number, name, _short(got), _short(expected)))

    if row["doc"] != prompt:
        wrong("PA105", "doc", sample.prompt_id, f"prompt {prompt['prompt_id']}, word for word")
    context = _context(row)
    hashes = {"doc_hash": doc_hash(prompt), "target_hash": hash_string(""), "prompt_hash": hash_string(context)}
    for name, value in hashes.items():
        if row.get(name) != value:
            wrong("PA105", name, row.get(name), value)
    if row.get("target") != "":
        wrong("PA105", "target", row.get("target"), "")
    asked = prompt["prompt"]
    if (
        asked not in context
        and json.dumps(asked)[1:-1] not in context
        and json.dumps(asked, ensure_ascii=False)[1:-1] not in context
    ):
        wrong("PA105", "arguments", context[-80:], "the prompt, within what the model was given")
    spoken = row.get("resps")
    text: Any = spoken
    for _ in range(2):
        text = text[0] if _is_one(text) else None
    if not isinstance(text, str):
        wrong("PA102", "resps", spoken, "[[what the model generated]]")
        return context
    said = without_thinking(text, context)
    if (said.response, said.thinking_truncated) != (sample.response, sample.thinking_truncated):
        wrong("PA106", "filtered_resps.response", sample.response, f"what stands in resps: {said.response[:40]!r}")
    return context


def _is_one(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1


def _context(row: Mapping[str, Any]) -> str:
    arguments = row.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    context = first.get("arg_0") if isinstance(first, dict) else None
    if _is_one(context):  # messages for an API, as JSON text
        context = context[0]  # type: ignore[index]
    return context if isinstance(context, str) else json.dumps(context, ensure_ascii=False)


def _manner(row: Mapping[str, Any]) -> Any:
    arguments = row.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    manner = first.get("arg_1") if isinstance(first, dict) else None
    return {key: value for key, value in manner.items() if key != "until"} if isinstance(manner, dict) else manner


def _few(problems: list[Problem], path: Path) -> list[Problem]:
    """The problems, those of one code cut after `MOST_TOLD`."""
    told: list[Problem] = []
    for code in dict.fromkeys(one.code for one in problems):
        own = [one for one in problems if one.code == code]
        told += own[:MOST_TOLD]
        if len(own) > MOST_TOLD:
            told.append(_problem(code, path, None, None, f"{len(own) - MOST_TOLD} more of this kind", "none"))
    return told


def _problem(code: str, path: Path, line: int | None, name: str | None, got: str, expected: str) -> Problem:
    return Problem(code, path.name, None if line is None else line - 1, name, got, expected, FIX)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else "nothing" if value is None else repr(value)
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= 80 else text[:79] + "…"

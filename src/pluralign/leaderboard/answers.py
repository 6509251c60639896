"""The samples of a submission: every line read strictly, and held against the prompts that were released."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from pluralign.errors import Problem, listing
from pluralign.evaluation.prompts import load_prompts
from pluralign.evaluation.thinking import without_thinking
from pluralign.judge.samples import Sample, sample_of
from pluralign.leaderboard.folder import PackedError, unpacked_lines
from pluralign.leaderboard.run_file import has_secret
from pluralign.leaderboard.strict import StrictError, TooManyError, strict_json
from pluralign.leaderboard.world import SETTINGS, settled
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
HASHES = ("doc_hash", "prompt_hash", "target_hash")
MOST_TOLD = 20
"""Problems of one kind that are told of a file; the rest is counted."""
MOST_NOTED = 200
"""Problems after which a file is read no further."""
MOST_VALUES = 2000
"""JSON values of a line."""
MOST_KEPT = 1 << 17
"""Characters of an answer with its judgements, and of what the model was given: the thinking before an answer may be longer."""
MOST_SETTINGS = 4000
MARK = re.compile(r"<[^<>\s]{1,40}>|\[[^\[\]\s]{1,20}\]")
"""What parts turns in a chat template."""
TURN = re.compile(r"(?:[>\]}]|\b(?:user|human|nutzer|instruction|question)\s{0,4}:?)\s{0,4}$", re.IGNORECASE)
"""How what stands before the prompt ends."""
ANSWERERS = frozenset(
    [
        "assistant",
        "model",
        "bot",
        "response",
        "answer",
        "chatbot",
        "gpt4",
        "gpt",
        "correct",
        "channel",
        "final",
        "assistent",
        "antwort",
    ]
)
"""Words that may stand between the prompt and its answer."""


@dataclass(frozen=True)
class Answers:
    """The answers in one language, in the order of the prompts; of a sample's line only the metrics are kept.

    Attributes:
        language: of prompts and answers.
        samples: one a prompt.
        given: what the model was given, as text, one a prompt.
        generation: how was generated, the same for all prompts and in one form (`world.settled`), without where it stops.
        until: where it stops; a model's own end tokens are among that.
        before: what stands before every prompt: a chat template's turn with its system prompt.
        is_chat: whether messages were sent to an API; `before` is their system prompt then.
        sha256: of prompt ids and answers, whatever else stands in the file.
        task_hash: lm-eval's, over the lines in the file's own order.
        file_sha256: of the unpacked file.
    """

    language: str
    samples: tuple[Sample, ...]
    given: tuple[str, ...]
    generation: Mapping[str, Any]
    until: tuple[str, ...]
    before: str
    is_chat: bool
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
    held: dict[int, tuple[Sample, str]] = {}
    hashes: list[str] = []
    manners: dict[str, Any] = {}
    frames: set[_Frame] = set()
    for number, row in _rows(path, len(prompts), mine, content):
        if len(mine) > MOST_NOTED:
            break
        if (doc_id := _doc_id(row, held, len(prompts), path, number, mine)) is None or _too_long(
            row, path, number, mine
        ):
            continue
        hashes += [str(row.get(name)) for name in HASHES]
        if (sample := sample_of(row, path, number, mine)) is not None:
            context, frame = _line_problems(row, sample, prompts[doc_id], path, number, mine)
            frames.add(frame)
            kept = {name: row[name] for name in METRICS | {"metrics"} if name in row}
            held[doc_id] = replace(sample, row=kept), context
            manners.setdefault(json.dumps(_manner(row), sort_keys=True)[:MOST_SETTINGS], _manner(row))
    if not mine and len(frames) > 1:
        got = f"{len(frames)} ways of asking"
        mine.append(_problem("PA105", path, None, "arguments", got, "the same words around every prompt"))
    if not mine and (len(manners) != 1 or not isinstance(next(iter(manners.values())), dict)):
        got = f"{len(manners)} manners of generating" if len(manners) != 1 else "no settings of generation"
        mine.append(_problem("PA104", path, None, "arguments", got, "one for all prompts"))
    elif any(len(manner) >= MOST_SETTINGS for manner in manners):
        got = f"settings of {MOST_SETTINGS:,} characters and more"
        mine.append(_problem("PA101", path, None, "arguments", got, "lm-eval's settings of generation"))
    generation, until = ({}, ()) if mine else _generation(next(iter(manners.values())), path, mine)
    problems += _few(mine, path)
    if mine:
        return None
    samples, given = zip(*(held[k] for k in sorted(held)), strict=True)  # several devices write one after the other
    told = "\x00".join(text for one in samples for text in (one.prompt_id, one.response))
    return Answers(
        language,
        samples,
        given,
        generation,
        until,
        *next(iter(frames)),
        hash_string(told),
        hash_string("".join(hashes)),
        content.hexdigest(),
    )


def _rows(path: Path, expected: int, problems: list[Problem], content: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects, as they stand in the file; one at a time, because a file may hold 64 MiB."""
    number = 0
    try:
        for number, raw in enumerate(unpacked_lines(path), start=1):
            content.update(raw + b"\n")
            if number > expected:
                break
            if has_secret(raw):
                problems.append(_problem("PA100", path, number, None, "what looks like a key or token", "none"))
            if (row := _row(raw, path, number, problems)) is not None:
                yield number, row
    except TooManyError:  # told by `_row`
        return
    except PackedError as error:
        problems.append(Problem(error.code, path.name, None, None, error.got, error.expected, FIX))
    except OSError as error:
        got = error.strerror or type(error).__name__
        problems.append(_problem("PA100", path, None, None, got, "a file that can be read"))
    else:
        if number != expected:
            got = f"{number} lines" if number < expected else f"more than {expected} lines"
            problems.append(_problem("PA105", path, None, None, got, f"{expected}, one a prompt"))


def _doc_id(
    row: Mapping[str, Any], held: Mapping[int, Any], n: int, path: Path, number: int, problems: list[Problem]
) -> int | None:
    """Which prompt a line answers; every prompt once."""
    doc_id = row.get("doc_id")
    if isinstance(doc_id, bool) or not isinstance(doc_id, int) or not 0 <= doc_id < n:
        problems.append(_problem("PA105", path, number, "doc_id", _short(doc_id), f"whole numbers from 0 to {n - 1}"))
        return None
    if doc_id in held:
        problems.append(_problem("PA105", path, number, "doc_id", f"{doc_id} again", "every prompt once"))
        return None
    return doc_id


def _too_long(row: Mapping[str, Any], path: Path, number: int, problems: list[Problem]) -> bool:
    """Whether what is kept of a line is more than an answer and what a judge says of it; then it is not looked at."""
    before = len(problems)
    record = row.get("filtered_resps")
    for name, value in (("filtered_resps", record[0] if _is_one(record) else None), ("arguments", _context(row))):
        if isinstance(value, str) and len(value) > MOST_KEPT:
            problems.append(
                _problem("PA101", path, number, name, f"{len(value):,} characters", f"at most {MOST_KEPT:,}")
            )
    if len(problems) == before and _is_one(record) and isinstance(record[0], str):
        problems += _record_problems(record[0], path, number)
    return len(problems) > before


def _record_problems(text: str, path: Path, number: int) -> list[Problem]:
    """What the record, JSON text within JSON, holds that JSON of strangers may not."""
    try:
        record = strict_json(text.encode(), MOST_VALUES)
    except StrictError as error:
        return [_problem("PA102", path, number, "filtered_resps", str(error), "one record as JSON text")]
    judged = record.get("judgements") if isinstance(record, dict) else None
    odd = sorted(set(judged) - set(DIMENSIONS)) if isinstance(judged, dict) else []
    return [_problem("PA107", path, number, "judgements", _short(odd[0]), listing(list(DIMENSIONS)))] if odd else []


def _row(raw: bytes, path: Path, number: int, problems: list[Problem]) -> dict[str, Any] | None:
    try:
        row = strict_json(raw, MOST_VALUES)
    except StrictError as error:
        problems.append(_problem("PA102", path, number, None, str(error), "one JSON object"))
        if isinstance(error, TooManyError):
            raise
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
) -> tuple[str, _Frame]:
    """Hold a line against its prompt and against itself; returns what the model was given, and what of it surrounds the prompt."""

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
    if (frame := _framed(context, prompt["prompt"])) is None:
        wrong(
            "PA105", "arguments", context[-80:], "the prompt, word for word, as the last turn, and nothing else in it"
        )
    spoken = row.get("resps")
    text: Any = spoken
    for _ in range(2):
        text = text[0] if _is_one(text) else None
    if not isinstance(text, str):
        wrong("PA102", "resps", spoken, "[[what the model generated]]")
        return context, frame or _Frame("", False)
    said = without_thinking(text, context)
    if (said.response, said.thinking_truncated) != (sample.response, sample.thinking_truncated):
        wrong("PA106", "filtered_resps.response", sample.response, f"what stands in resps: {said.response[:40]!r}")
    return context, frame or _Frame("", False)


class _Frame(NamedTuple):
    """What surrounds a prompt: the same for all of a file."""

    before: str
    is_chat: bool


def _framed(context: str, prompt: str) -> _Frame | None:
    """What surrounds the prompt in what the model was given; None where the prompt is not the last turn, all of it and nothing else.

    No template of a stranger is run. A turn begins after a mark (`<|im_start|>user`, `[INST]`, `User:`), and after the prompt only marks
    and the name of who answers may stand. A system prompt within a chat template is the model's own.
    """
    if context.startswith("[{"):
        return _messages(context, prompt)
    before, found, after = context.rpartition(prompt)
    if not found or (before.strip() and not TURN.search(before)):
        return None
    words = re.findall(r"[^\W_]+", MARK.sub(" ", after))
    return _Frame(before, False) if all(word.casefold() in ANSWERERS for word in words) else None


def _messages(context: str, prompt: str) -> _Frame | None:
    """The same of messages to an API: system prompts, and the prompt."""
    try:
        held = strict_json(context.encode(), MOST_VALUES)
    except (StrictError, UnicodeEncodeError):
        return None
    if not all(isinstance(one, dict) and set(one) - {"type"} == {"role", "content"} for one in held):
        return None
    *system, last = held
    texts = [one["content"] for one in system]
    whole = last["role"] == "user" and last["content"] == prompt and all(one["role"] == "system" for one in system)
    return _Frame("\n".join(texts), True) if whole and all(isinstance(one, str) for one in texts) else None


def _is_one(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) == 1


def _context(row: Mapping[str, Any]) -> str:
    arguments = row.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    context = first.get("arg_0") if isinstance(first, dict) else None
    if _is_one(context):  # messages for an API, as JSON text
        context = context[0]
    return context if isinstance(context, str) else json.dumps(context, ensure_ascii=False)


def _manner(row: Mapping[str, Any]) -> Any:
    arguments = row.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    return first.get("arg_1") if isinstance(first, dict) else None


def _generation(
    manner: Mapping[str, Any], path: Path, problems: list[Problem]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Settings of generation in one form, and where it stops; any but the known ones is PA104."""
    made, wrong = settled({name: value for name, value in manner.items() if name != "until"})
    until = manner.get("until", [])
    until = [until] if isinstance(until, str) else until
    if not isinstance(until, list) or not all(isinstance(one, str) for one in until):
        wrong, until = [*wrong, f"until {until!r}"], []
    expected = f"lm-eval's {', '.join(SETTINGS)} and until, of their types"
    problems += [_problem("PA104", path, None, "arguments", _short(one), expected) for one in wrong]
    return made, tuple(dict.fromkeys(until))


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
    text = "".join(c if c.isprintable() else " " for c in text[:81])
    return text if len(text) <= 80 else text[:79] + "…"

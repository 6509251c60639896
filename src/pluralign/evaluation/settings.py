"""What a user may set: `--metadata '{"judge": "openai:gpt-4o-mini", "judge_options": {"max_usd": 2}}'`, checked before anything runs.

lm-eval puts the model's arguments into the same dictionary, so a key that is none of ours is let pass, unless it is nearly one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pluralign.errors import PluralignError, listing, unknown
from pluralign.judge import JudgeOptions
from pluralign.schema import DIMENSIONS

JUDGE_VARIABLE = "PLURALIGN_JUDGE"
OFFLINE = "offline"
NO_JUDGE = "none"
DEFAULT_DIMENSIONS = ("toxicity", "emotional_awareness")
OPTIONS = tuple(one.name for one in fields(JudgeOptions))
OURS = frozenset({"judge", "judge_options", "dimensions", "max_failed", "save_to", "ratings", "groups", "version"})
"""Keys of lm-eval's metadata that are ours."""
_LM_EVAL = frozenset(
    {"config_source", "config", "model", "pretrained", "tokenizer", "dtype", "device", "revision", "peft"}
)
_SECRETS = frozenset(
    {"api_key", "apikey", "api-key", "openai_api_key", "token", "hf_token", "auth_token", "access_token"}
)


@dataclass(frozen=True)
class Settings:
    """How one task is judged.

    Attributes:
        judge: its name; `offline` unless set; `none` generates without judging.
        dimensions: what is judged.
        max_failed: share of judgements that may fail before the run does, 0–1.
        save_to: folder for the generations; None for the user's cache folder.
        options: concurrency, retries, budget, cache.
    """

    judge: str = OFFLINE
    dimensions: tuple[str, ...] = DEFAULT_DIMENSIONS
    max_failed: float = 0.05
    save_to: str | None = None
    options: JudgeOptions = field(default_factory=JudgeOptions)


def settings_from(metadata: Mapping[str, Any], task_version: str) -> Settings:
    """Read the settings out of lm-eval's metadata and the environment.

    Args:
        metadata: of the task, with what `--metadata` and `--model_args` put into it.
        task_version: what the task is; metadata could have overwritten it.

    Raises:
        PluralignError: PA081 for a key that is nearly one of ours, a key that holds a secret, another version, or a value of the
            wrong type or out of range.
    """
    _check_keys(metadata)
    if (version := str(metadata.get("version", task_version))) != task_version:
        raise PluralignError(
            "PA081", f"metadata says version {version}; this installation has version {task_version} of the task.",
            "Leave `version` out of --metadata; install another pluralign for another version.",
        )  # fmt: skip
    values: dict[str, Any] = {
        "judge": str(metadata.get("judge") or os.environ.get(JUDGE_VARIABLE) or OFFLINE),
        "dimensions": _dimensions(metadata.get("dimensions", DEFAULT_DIMENSIONS)),
        "max_failed": _number("max_failed", metadata.get("max_failed", Settings.max_failed), 0, 1),
        "options": judge_options(metadata.get("judge_options") or {}),
    }
    if (save_to := metadata.get("save_to")) is not None:
        values["save_to"] = str(save_to)
    return Settings(**values)


def judge_options(values: Any) -> JudgeOptions:
    """The judge's options out of a mapping.

    Raises:
        PluralignError: PA081 for an unknown name, a value of the wrong type or out of range.
    """
    if not isinstance(values, Mapping):
        raise _wrong("judge_options", values, f"a mapping with keys out of {listing(OPTIONS, 30)}")
    for name in values:
        if name not in OPTIONS:
            raise unknown("PA081", "option of the judge", name, OPTIONS)
    found: dict[str, Any] = {}
    for name in OPTIONS:
        if name not in values or values[name] is None:
            continue
        value = values[name]
        if name in ("concurrency", "max_tokens"):
            found[name] = int(_number(name, value, 1, 100_000, whole=True))
        elif name in ("retries", "max_calls"):
            found[name] = int(_number(name, value, 0, 10**9, whole=True))
        elif name in ("timeout_s", "max_usd"):
            found[name] = _number(name, value, 0, 10**9)
        elif name == "usd_per_million":
            pair = value if isinstance(value, list | tuple) else [value]
            if len(pair) != 2:
                raise _wrong(name, value, "two prices: [prompt, completion]")
            found[name] = tuple(_number(name, price, 0, 10**6) for price in pair)
        elif name == "expectation":
            if not isinstance(value, bool):
                raise _wrong(name, value, "true or false")
            found[name] = value
        else:
            found[name] = str(value)
    return JudgeOptions(**found)


def _check_keys(metadata: Mapping[str, Any]) -> None:
    for key in metadata:
        if key in OURS or key in _LM_EVAL:
            continue
        if close := difflib.get_close_matches(str(key).casefold(), sorted(OURS), n=1, cutoff=0.8):
            raise PluralignError("PA081", f"unknown key {key!r} in --metadata. Did you mean {close[0]!r}?",
                                 f"Keys: {listing(sorted(OURS), 30)}.")  # fmt: skip
        if str(key).casefold() in _SECRETS and isinstance(metadata[key], str):
            raise PluralignError(
                "PA081", f"{key!r} holds a key or token, and lm-eval writes it into its results files.",
                "Take it out, and set the environment variable that is read instead (OPENAI_API_KEY, HF_TOKEN).",
            )  # fmt: skip


def _dimensions(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise _wrong("dimensions", value, f"a list out of {listing(list(DIMENSIONS))}")
    names = [part.strip() for name in names for part in str(name).split(",")]
    for name in names:
        if name not in DIMENSIONS:
            raise unknown("PA081", "dimension", name, list(DIMENSIONS))
    return tuple(dict.fromkeys(names))


def _number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> float:
    expected = f"{'a whole number' if whole else 'a number'} from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, value, expected)
    if not low <= value <= high or (whole and value != int(value)):
        raise _wrong(name, value, expected)
    return float(value)


def _wrong(name: str, value: Any, expected: str) -> PluralignError:
    return PluralignError("PA081", f"{name}: got {value!r}; expected {expected}.", "Set it in --metadata as JSON.")

"""lm-eval's results file of a submission: read strictly, and what it says of the run held against this version of the tasks."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pluralign.errors import Problem
from pluralign.evaluation.prompts import CHECKSUMS, TASK_VERSION
from pluralign.leaderboard.strict import StrictError, strict_json
from pluralign.schema import LANGUAGES

GROUP = "pluralign"
TASKS = {language: f"{GROUP}_{language}" for language in LANGUAGES}
OLDEST = (0, 4, 10)
FIRST_DAY = 1_735_689_600
"""2025-01-01, in seconds: the benchmark is younger."""
MOST_FAILED = 0.05
"""Share of a task's judgements that may have failed by the judge's fault."""
SECRETS = re.compile(r"(?<![A-Za-z0-9])(hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,})")
"""Keys of Hugging Face, OpenAI and GitHub; within a word they are none: a model may be called `risk-averse-…`."""
REMOTE_CODE = re.compile(r"trust_remote_code(?!\W{0,4}(?:false|no|none|0)\b)", re.IGNORECASE)
"""The option, unless it is said to be off; on a command line it stands alone."""
FIX = "Run `lm_eval --tasks pluralign --log_samples` (or `pluralign eval`) with this version of pluralign, on all prompts."


@dataclass(frozen=True)
class Run:
    """What a results file says.

    Attributes:
        raw: all of it.
        tasks: language -> task, of those that were run.
        judge: name of the judge.
        identity: what fixes its scores.
        date: when it began, seconds since 1970.
    """

    raw: Mapping[str, Any]
    tasks: Mapping[str, str]
    judge: str
    identity: Mapping[str, Any]
    date: float

    def metadata(self, language: str) -> Mapping[str, Any]:
        """Of a task."""
        found: Mapping[str, Any] = self.raw["configs"][self.tasks[language]]["metadata"]
        return found

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Of the judge, as the task recorded it."""
        found = self.metadata(next(iter(self.tasks))).get("judge_provenance")
        return found if isinstance(found, dict) else {}


def model_arguments(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the model was opened with; lm-eval keeps it as it was given, as a mapping or as `key=value,…`.

    >>> model_arguments({"model_args": "pretrained=org/model,dtype=bfloat16"})
    {'pretrained': 'org/model', 'dtype': 'bfloat16'}
    """
    given = config.get("model_args")
    if isinstance(given, str):
        return dict(one.split("=", 1) for one in given.split(",") if "=" in one)
    return given if isinstance(given, dict) else {}


def read_run(data: bytes, where: str, problems: list[Problem]) -> Run | None:
    """Read a results file; what is wrong goes into `problems`.

    Args:
        data: the file.
        where: its name.
        problems: receives PA102, PA104, PA107, PA110.

    Returns:
        None where it cannot be gone on with.
    """
    try:
        raw = strict_json(data)
    except StrictError as error:
        problems.append(Problem("PA102", where, None, None, str(error), "one JSON object", FIX))
        return None
    found = _Reading(where)
    if not isinstance(raw, dict):
        found.wrong("PA102", "", raw, "one JSON object")
        problems += found.problems
        return None
    shape = {
        "results": dict,
        "configs": dict,
        "versions": dict,
        "n-samples": dict,
        "config": dict,
        "task_hashes": dict,
        "n-shot": dict,
    }
    for name, kind in shape.items():
        if not isinstance(raw.get(name), kind):
            found.wrong("PA102", name, raw.get(name), "a mapping")
    if found.problems:
        problems += found.problems
        return None
    tasks = {language: task for language, task in TASKS.items() if task in raw["results"]}
    found.tasks(raw, tasks)
    if found.problems:
        problems += found.problems
        return None
    for language, task in tasks.items():
        found.task(raw, task, language)
    found.run(raw)
    identities = [raw["configs"][task]["metadata"].get("judge_identity") for task in tasks.values()]
    names = [raw["configs"][task]["metadata"].get("judge") for task in tasks.values()]
    if not isinstance(identities[0], dict) or not isinstance(names[0], str) or not names[0]:
        found.wrong(
            "PA107", "metadata.judge_identity", identities[0], "the judge that scored the answers; run with a judge"
        )
    elif any(one != identities[0] for one in identities) or any(one != names[0] for one in names):
        found.wrong("PA107", "metadata.judge_identity", "another judge for each language", "one judge")
    problems += found.problems
    if found.problems:
        return None
    return Run(raw, tasks, names[0], identities[0], float(raw["date"]))


class _Reading:
    """Notes what is wrong with a results file."""

    def __init__(self, where: str) -> None:
        self.where, self.problems = where, list[Problem]()

    def wrong(self, code: str, name: str, got: object, expected: str, fix: str = FIX) -> None:
        shown = "nothing" if got is None else got if isinstance(got, str) else repr(got)
        shown = "".join(c if c.isprintable() else " " for c in shown[:81])
        self.problems.append(
            Problem(
                code, self.where, None, name or None, shown if len(shown) <= 80 else shown[:79] + "…", expected, fix
            )
        )

    def tasks(self, raw: Mapping[str, Any], tasks: Mapping[str, str]) -> None:
        if "en" not in tasks:
            self.wrong(
                "PA104",
                "results",
                ", ".join(map(str, raw["results"])) or "no task",
                "pluralign_en, and pluralign_de if you like",
            )
        foreign = sorted(set(map(str, raw["results"])) - {GROUP, *TASKS.values()})
        if foreign:
            self.wrong(
                "PA104",
                "results",
                foreign[0],
                "the tasks pluralign_en and pluralign_de only",
                "Evaluate other tasks in a run of their own.",
            )
        for task in tasks.values():
            config = raw["configs"].get(task)
            if not isinstance(config, dict) or not isinstance(config.get("metadata"), dict):
                self.wrong("PA102", f"configs.{task}", config, "the task's configuration, with metadata")
            if not isinstance(raw["results"][task], dict):
                self.wrong("PA102", f"results.{task}", raw["results"][task], "metric -> value")

    def task(self, raw: Mapping[str, Any], task: str, language: str) -> None:
        metadata = raw["configs"][task]["metadata"]
        if (version := metadata.get("version")) != TASK_VERSION or raw["versions"].get(task) != TASK_VERSION:
            self.wrong(
                "PA104",
                f"versions.{task}",
                f"{raw['versions'].get(task)} (metadata: {version})",
                f"{TASK_VERSION}, the version of these prompts",
            )
        if metadata.get("prompts_sha256") != CHECKSUMS[language]:
            self.wrong("PA104", f"{task}.prompts_sha256", metadata.get("prompts_sha256"), CHECKSUMS[language])
        if raw["n-shot"].get(task) != 0:
            self.wrong("PA104", f"n-shot.{task}", raw["n-shot"].get(task), "0")
        counted = raw["n-samples"].get(task)
        if not isinstance(counted, dict) or counted.get("original") != counted.get("effective"):
            self.wrong("PA105", f"n-samples.{task}", counted, "all prompts: original equal to effective")
        if not isinstance(metadata.get("judge_failures", {}), dict):
            self.wrong("PA102", f"{task}.judge_failures", metadata["judge_failures"], "kind -> number")

    def run(self, raw: Mapping[str, Any]) -> None:
        config = raw["config"]
        if config.get("limit") is not None:
            self.wrong("PA105", "config.limit", config["limit"], "none: all prompts")
        version = raw.get("lm_eval_version")
        numbers = re.match(r"(\d{1,3})\.(\d{1,3})\.?(\d{1,3})?", version) if isinstance(version, str) else None
        if numbers is None or not OLDEST <= tuple(int(one or 0) for one in numbers.groups()) < (1, 0, 0):
            self.wrong("PA104", "lm_eval_version", version, f"{'.'.join(map(str, OLDEST))} or newer, below 1")
        date = raw.get("date")
        if (
            isinstance(date, bool)
            or not isinstance(date, int | float)
            or not math.isfinite(date)
            or not FIRST_DAY < date < time.time() + 86_400
        ):
            self.wrong("PA104", "date", date, "seconds since 1970, between 2025 and now")
        arguments = config.get("model_args")
        told = (
            arguments
            if isinstance(arguments, str)
            else " ".join(f"{k}={v}" for k, v in arguments.items())
            if isinstance(arguments, dict)
            else ""
        )
        if REMOTE_CODE.search(told):
            self.wrong("PA110", "config.model_args", "trust_remote_code", "a model that needs no code of its own")
        if SECRETS.search(told):
            self.wrong(
                "PA100",
                "config.model_args",
                "what looks like a key or token",
                "none",
                "Revoke it, set it in the environment, and run again.",
            )

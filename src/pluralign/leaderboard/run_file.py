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
from pluralign.judge.report import judge_lines
from pluralign.leaderboard.strict import StrictError, strict_json
from pluralign.schema import LANGUAGES

GROUP = "pluralign"
TASKS = {language: f"{GROUP}_{language}" for language in LANGUAGES}
OLDEST = (0, 4, 10)
FIRST_DAY = 1_735_689_600
"""2025-01-01, in seconds: the benchmark is younger."""
MOST_FAILED = 0.05
"""Share of a dimension's judgements in a language that may have failed by the judge's fault."""
_MARKS = (
    b"hf_",
    b"sk-",
    b"ghp_",
    b"gho_",
    b"ghu_",
    b"ghs_",
    b"ghr_",
    b"github_pat_",
    b"glpat-",
    b"AKIA",
    b"ASIA",
    b"AIza",
    b"AWS_SECRET_ACCESS_KEY",
)
"""How keys begin: looking for these spares most of a file the expression."""
_SECRETS = re.compile(
    rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]))"
    rb"(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}"
    rb"|A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])|AIza[A-Za-z0-9_-]{30,}|AWS_SECRET_ACCESS_KEY\W{0,4}[=:]\W{0,4}[A-Za-z0-9/+])"
)
r"""Keys of Hugging Face, OpenAI, GitHub, GitLab, Amazon and Google; within a word they are none: a model may be called `risk-averse-…`.
In JSON the `n` of a `\n` before a key is no letter of a word."""
REMOTE_CODE = re.compile(r"(?<!no[-_])trust[-_]remote[-_]code(?!\W{0,4}(?:false|no|none|0)\b)", re.IGNORECASE)
"""The option, unless it is said to be off; on a command line it stands alone."""
END_TOKEN = re.compile(r"<[^<>\s]{1,40}>|\[[A-Z_]{2,20}\]")
VERSION = re.compile(r"[0-9][0-9A-Za-z.+!_-]{0,40}")
"""Of a package, within a judge's identity."""
FIX = "Run `lm_eval --tasks pluralign --log_samples` (or `pluralign eval`) with this version of pluralign, on all prompts."


def has_secret(data: bytes) -> bool:
    """Whether something looks like a key or token.

    >>> has_secret(b"export HF_TOKEN=hf_" + b"a1" * 17), has_secret(b"a task-adapted-household-model-of-ours")
    (True, False)
    """
    return any(one in data for one in _MARKS) and _SECRETS.search(data) is not None


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
    def system(self) -> str | None:
        """The system prompt that all answers were given under."""
        found = self.raw.get("system_instruction")
        return found if isinstance(found, str) and found else None

    @property
    def ends(self) -> tuple[str, ...]:
        """The model's own end tokens, as far as they look like such: an end that is a word would cut answers off."""
        told = self.raw.get("tokenizer_eos_token")
        told = told if isinstance(told, list) else [told]
        return tuple(one for one in told if isinstance(one, str) and END_TOKEN.fullmatch(one))

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Of the judge, as the task recorded it."""
        found = self.metadata(next(iter(self.tasks))).get("judge_provenance")
        return found if isinstance(found, dict) else {}


WEIGHTS = ("hf", "hf-auto", "huggingface", "vllm", "sglang")
"""Models of lm-eval that load what `pretrained` names; the others ask a server, which may be anything."""


def opens_weights(config: Mapping[str, Any]) -> bool:
    """Whether a run loaded the weights that it names itself."""
    return config.get("model") in WEIGHTS


def model_arguments(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the model was opened with; lm-eval keeps it as it was given, as a mapping or as `key=value,…`.

    >>> model_arguments({"model_args": "pretrained=org/model,dtype=bfloat16"})
    {'pretrained': 'org/model', 'dtype': 'bfloat16'}
    """
    given = config.get("model_args")
    if isinstance(given, str):
        return dict(one.split("=", 1) for one in given.split(",") if "=" in one)
    return given if isinstance(given, dict) else {}


def read_run(data: bytes, where: str, problems: list[Problem], *, now: float | None = None) -> Run | None:
    """Read a results file; what is wrong goes into `problems`.

    Args:
        data: the file.
        where: its name.
        problems: receives PA102, PA104, PA107, PA110.
        now: seconds since 1970; the clock's by default.

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
    found.run(raw, time.time() if now is None else now)
    identities = [raw["configs"][task]["metadata"].get("judge_identity") for task in tasks.values()]
    names = [raw["configs"][task]["metadata"].get("judge") for task in tasks.values()]
    if not isinstance(identities[0], dict) or not isinstance(names[0], str) or not names[0]:
        found.wrong(
            "PA107", "metadata.judge_identity", identities[0], "the judge that scored the answers; run with a judge"
        )
    elif any(one != identities[0] for one in identities) or any(one != names[0] for one in names):
        found.wrong("PA107", "metadata.judge_identity", "another judge for each language", "one judge")
    elif (odd := _odd_version(identities[0])) is not None:
        found.wrong("PA107", "metadata.judge_identity.versions", odd, "package -> its version")
    problems += found.problems
    if found.problems:
        return None
    return Run(raw, tasks, names[0], identities[0], float(raw["date"]))


def _odd_version(identity: Any) -> Any:
    """What stands for a version in an identity and is none."""
    if isinstance(identity, list):
        return next((odd for one in identity if (odd := _odd_version(one)) is not None), None)
    if not isinstance(identity, dict):
        return None
    if "versions" in identity:
        held = identity["versions"]
        for one in held.values() if isinstance(held, dict) else [repr(held)]:
            if not isinstance(one, str) or not VERSION.fullmatch(one):
                return str(one)
    return _odd_version([one for key, one in identity.items() if key != "versions"])


def _is_tellable(provenance: Any) -> bool:
    """Whether a judge's provenance has the shape of which lines can be made."""
    try:
        judge_lines(provenance)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return False
    return isinstance(provenance, dict)


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
        shots = raw["n-shot"].get(task)
        if type(shots) is not int or shots != 0:  # False and 0.0 equal 0
            self.wrong("PA104", f"n-shot.{task}", shots, "0")
        if not _is_tellable(told := metadata.get("judge_provenance", {})):
            self.wrong("PA107", f"{task}.judge_provenance", told, "name, sources and agreement as the judge gave them")
        counted = raw["n-samples"].get(task)
        if not isinstance(counted, dict) or counted.get("original") != counted.get("effective"):
            self.wrong("PA105", f"n-samples.{task}", counted, "all prompts: original equal to effective")
        if not isinstance(metadata.get("judge_failures", {}), dict):
            self.wrong("PA102", f"{task}.judge_failures", metadata["judge_failures"], "kind -> number")

    def run(self, raw: Mapping[str, Any], now: float) -> None:
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
            or not FIRST_DAY < date < now + 86_400
        ):
            self.wrong("PA104", "date", date, "seconds since 1970, between 2025 and now")
        if not isinstance(system := raw.get("system_instruction"), str | None):
            self.wrong("PA104", "system_instruction", system, "a text, or null")
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
        if has_secret(told.encode()):
            self.wrong(
                "PA100",
                "config.model_args",
                "what looks like a key or token",
                "none",
                "Revoke it, set it in the environment, and run again.",
            )

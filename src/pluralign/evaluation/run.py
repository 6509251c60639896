"""`pluralign eval`: lm-eval with our tasks, a cache that resumes, and a report with intervals at the end.

Everything that is not ours is passed on to lm-eval as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError, unknown
from pluralign.evaluation.include_path import tasks_dir
from pluralign.evaluation.settings import NO_JUDGE, settings_from
from pluralign.ratings import load

CHAT_BACKENDS = ("chat-completions", "anthropic-chat", "litellm")
"""Parts of the names of lm-eval's models that take messages, and so need a chat template to be asked for."""
SECRETS = ("api_key=", "token=", "hf_token=", "openai_api_key=")


@dataclass(frozen=True)
class EvalRun:
    """What `pluralign eval` was asked to do.

    Attributes:
        tasks: groups or tasks, separated by commas.
        out: folder for results, samples and the cache of generations.
        metadata: our settings, as `--metadata` takes them.
        chat_template: True, False, or None: where the model has one.
        resume: whether generations are cached in `out` and taken from there.
        passed: everything else, for lm-eval.
    """

    tasks: str = "pluralign"
    out: Path = Path("results")
    metadata: Mapping[str, Any] = field(default_factory=dict)
    chat_template: bool | None = None
    resume: bool = True
    passed: tuple[str, ...] = ()

    def option(self, *names: str) -> str | None:
        """The value that is passed to lm-eval for an option, `--name value` or `--name=value`."""
        for at, word in enumerate(self.passed):
            for name in names:
                if word == name:
                    return self.passed[at + 1] if at + 1 < len(self.passed) else None
                if word.startswith(f"{name}="):
                    return word.partition("=")[2]
        return None

    @property
    def folder(self) -> Path:
        """Where results go, whoever named it."""
        out = Path(self.option("--output_path", "-o") or self.out)
        return out.parent if out.suffix == ".json" else out

    @property
    def settings(self) -> dict[str, Any]:
        """Our settings, with those in a `--metadata` that is passed on as JSON; options of the judge are merged, ours win.

        Raises:
            PluralignError: PA081 where it is not JSON.
        """
        given = self.option("--metadata")
        if given is None:
            return dict(self.metadata)
        try:
            passed = json.loads(given)
        except json.JSONDecodeError as error:
            raise _no_json(given) from error
        if not isinstance(passed, dict):
            raise _no_json(given)
        merged = {**passed, **self.metadata}
        options = {**(passed.get("judge_options") or {}), **(self.metadata.get("judge_options") or {})}
        return merged | ({"judge_options": options} if options else {})

    @property
    def model(self) -> str:
        """lm-eval's name of the backend."""
        return self.option("--model", "-M") or "hf"

    @property
    def model_args(self) -> dict[str, str]:
        """The backend's arguments, as far as they are `key=value`."""
        words: list[str] = []
        for at, word in enumerate(self.passed):
            if word.startswith("--model_args="):
                words.append(word.partition("=")[2])
            elif word in ("--model_args", "-a"):
                for value in self.passed[at + 1 :]:
                    if value.startswith("-"):
                        break
                    words.append(value)
        pairs = (pair.partition("=") for word in words for pair in word.split(","))
        return {key: value for key, _, value in pairs if key}


def _no_json(given: str) -> PluralignError:
    return PluralignError("PA081", f"--metadata: got {given!r}; expected one JSON object.",
                          """Write it in quotes: --metadata '{"judge": "zero-shot"}'.""")  # fmt: skip


def _without(words: Sequence[str], name: str) -> list[str]:
    """A command line without an option and its value."""
    kept, skip = [], False
    for word in words:
        if skip or word == name:
            skip = word == name
        elif not word.startswith(f"{name}="):
            kept.append(word)
    return kept


def command(run: EvalRun) -> list[str]:
    """The lm-eval command line of a run.

    Raises:
        PluralignError: PA081 where an argument would end up in the results as a secret, PA083 where the model's folder is not
            there.
    """
    _refuse_secrets(run)
    folder = str(tasks_dir())
    settings = run.settings
    words = ["run", *_without(run.passed, "--metadata"), "--tasks", _tasks(run)]
    if (also := run.option("--include_path")) is not None:
        raise PluralignError("PA081", f"got --include_path {also}; pluralign eval needs it for its own tasks.",
                             'Call lm_eval itself: lm_eval run --include_path "$(pluralign tasks-dir)" …')  # fmt: skip
    words += ["--include_path", folder]
    if run.option("--output_path", "-o") is None:
        words += ["--output_path", str(run.out)]
    if "--log_samples" not in run.passed and "-s" not in run.passed:
        words.append("--log_samples")
    if run.resume and run.option("--use_cache", "-c") is None:
        words += ["--use_cache", str(generation_cache(run))]
    if "--apply_chat_template" not in run.passed and wants_chat_template(run):
        words.append("--apply_chat_template")
    if settings:
        words += ["--metadata", json.dumps(settings)]
    return words


def _tasks(run: EvalRun) -> str:
    """The tasks; groups of rater tasks only in the languages that the ratings have texts in."""
    folder = run.settings.get("ratings")
    if not folder:
        return run.tasks
    from pluralign.evaluation.rater_docs import tasks_with_texts

    return tasks_with_texts(run.tasks, load(folder))


def _refuse_secrets(run: EvalRun) -> None:
    for key in run.model_args:
        if f"{key.casefold()}=" in SECRETS:
            raise PluralignError(
                "PA081", f"--model_args holds {key!r}, and lm-eval writes the model's arguments into its results files.",
                "Set the environment variable that is read instead (OPENAI_API_KEY, HF_TOKEN).",
            )  # fmt: skip


def wants_chat_template(run: EvalRun) -> bool:
    """Whether to ask lm-eval for the chat template: always of backends that take messages, else where the tokenizer has one."""
    if run.chat_template is not None:
        return run.chat_template
    if any(part in run.model for part in CHAT_BACKENDS):
        return True
    name = run.model_args.get("tokenizer") or run.model_args.get("pretrained")
    if run.model not in ("hf", "huggingface", "hf-auto", "vllm", "sglang") or not name:
        return False
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=run.model_args.get("revision", "main"))
    except (OSError, ValueError) as error:
        raise PluralignError(
            "PA083", f"no tokenizer at {name!r} ({str(error).splitlines()[0]}).",
            "Name a local folder or a model on the Hub in --model_args pretrained=…, or say --chat-template/--no-chat-template.",
        ) from error  # fmt: skip
    return bool(tokenizer.chat_template)


def generation_cache(run: EvalRun) -> Path:
    """The file stem of lm-eval's own cache of generations: one a model, so that another model's answers are never taken.

    lm-eval keys its cache by the request alone. The stem therefore holds the backend, its arguments, and of a local folder the
    names, sizes and times of its files.
    """
    held: list[Any] = [run.model, sorted(run.model_args.items())]
    for key in ("pretrained", "peft", "delta"):
        place = Path(run.model_args.get(key, ""))
        if run.model_args.get(key) and place.is_dir():
            held.append(
                sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in place.iterdir() if p.is_file())
            )
    held.append(run.option("--batch_size", "-b"))
    digest = hashlib.sha256(json.dumps(held).encode()).hexdigest()[:16]
    folder = run.folder / ".generations"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / digest


def preflight(run: EvalRun) -> list[str]:
    """Find out whether the judge can judge before a model is loaded; returns what it has to say."""
    from pluralign.evaluation.prompts import TASK_VERSION

    _check_names(run)
    if folder := run.settings.get("ratings"):
        load(folder)
    if not asks_judge(run.tasks):
        return []
    settings = settings_from(run.settings, TASK_VERSION)
    if settings.judge == NO_JUDGE:
        return []
    from pluralign.evaluation.prompt_task import shared_judge

    languages = [
        one for one in ("en", "de") if any(t in ("pluralign", f"pluralign_{one}") for t in run.tasks.split(","))
    ]
    return shared_judge(settings.judge, settings.options).preflight(settings.dimensions, languages)


def _check_names(run: EvalRun) -> None:
    """Refuse a task, a backend or a model's folder that is not there, before lm-eval does with a traceback."""
    from lm_eval.api.registry import MODEL_REGISTRY, get_model
    from lm_eval.tasks import TaskManager

    foreign = [task for task in _foreign(run) if not task.endswith(".yaml")]
    known: set[str] = set(TaskManager().all_tasks) if foreign else set()
    for task in foreign:
        if "*" not in task and task not in known:
            raise unknown("PA081", "task", task, sorted(path.stem for path in tasks_dir().rglob("*.yaml")))
    try:
        get_model(run.model)
    except (KeyError, ValueError) as error:
        raise unknown("PA083", "backend", run.model, sorted(map(str, MODEL_REGISTRY.keys()))) from error
    place = Path(run.model_args.get("pretrained", ""))
    named = run.model_args.get("pretrained") and not run.model_args.get("gguf_file")
    if named and place.is_dir() and not (place / "config.json").is_file():
        raise PluralignError("PA083", f"{place} holds no config.json.", "Name the folder of a model.")


def asks_judge(tasks: str) -> bool:
    """Whether any of the tasks is judged."""
    return any(task in ("pluralign", "pluralign_en", "pluralign_de") for task in tasks.split(","))


def evaluate(run: EvalRun) -> Path:
    """Run lm-eval.

    Returns:
        The newest results file that it wrote.

    Raises:
        PluralignError: ours as they are; PA083 where lm-eval stopped without results.
    """
    words = command(run)
    before = set(_results(run))
    from lm_eval.__main__ import cli_evaluate

    with _argv(["lm_eval", *words]), _own_tasks_only(run):
        cli_evaluate()
    new = [path for path in _results(run) if path not in before]
    if not new:
        raise PluralignError("PA083", "lm-eval wrote no results.", "What it said above says why.")
    return max(new, key=lambda path: path.stat().st_mtime)


def _foreign(run: EvalRun) -> list[str]:
    """Tasks that are not ours; a user's own file may name any."""
    ours = {path.stem for path in tasks_dir().rglob("*.yaml")}
    return [task for task in run.tasks.split(",") if task not in ours]


@contextmanager
def _own_tasks_only(run: EvalRun) -> Iterator[None]:
    """lm-eval reads thousands of YAML files to know its own tasks, which takes longer than a short evaluation; not where none is asked for."""
    from lm_eval import tasks

    manager = tasks.TaskManager
    if not _foreign(run):
        tasks.TaskManager = partial(manager, include_defaults=False)
    try:
        yield
    finally:
        tasks.TaskManager = manager


def _results(run: EvalRun) -> Iterator[Path]:
    yield from run.folder.rglob("results_*.json")


@contextmanager
def _argv(words: Sequence[str]) -> Iterator[None]:
    """lm-eval reads its command line from `sys.argv`."""
    former, sys.argv = sys.argv, list(words)
    quiet = os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        yield
    finally:
        sys.argv = former
        os.environ["TOKENIZERS_PARALLELISM"] = quiet

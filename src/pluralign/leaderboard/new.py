"""From an lm-eval run to a submission's folder: what the run knows is filled in, what it cannot know is asked for, all at once."""

from __future__ import annotations

import gzip
import platform
import re
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pluralign.errors import PluralignError, Problem, ProblemsFoundError
from pluralign.evaluation.prompts import CHECKSUMS, TASK_VERSION
from pluralign.judge.rubric import load_rubric
from pluralign.judge.samples import sample_files
from pluralign.leaderboard.answers import Answers, read_answers
from pluralign.leaderboard.check import Checked, check_submission, own_name
from pluralign.leaderboard.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    Manifest,
    folder_of,
    identity_sha256,
    manifest_problems,
    manifest_yaml,
)
from pluralign.leaderboard.recompute import Recomputed, recomputed
from pluralign.leaderboard.run_file import Run, model_arguments, opens_weights, read_run
from pluralign.ratings.tables import written_whole

SUBMISSIONS = Path("leaderboard/submissions")
SERVED = "; for an API or a program without weights: --kind served --what TEXT"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Said:
    """What a run does not know. None is not said.

    Attributes:
        model: `org/name`, for weights that the run opened from a folder.
        kind: hub, adapter, local or served; found out where the run tells.
        revision, base_revision: full commit hashes on the Hub.
        weights_sha256, base_sha256, quantisation: of local weights.
        what: of a served system.
        base: `org/name` that it was made from, or `none`.
        method: how it was aligned; `none` for a model as it comes.
        data: what it was trained on, in words.
        configs: of PlurAlign's datasets, among them.
        licence, hardware, contact, command: as the manifest has them.
        clean: that the test prompts were not trained on.
    """

    model: str | None = None
    kind: str | None = None
    revision: str | None = None
    base_revision: str | None = None
    weights_sha256: str | None = None
    base_sha256: str | None = None
    quantisation: str | None = None
    what: str | None = None
    base: str | None = None
    method: str | None = None
    data: str | None = None
    configs: tuple[str, ...] = ()
    licence: str | None = None
    hardware: str | None = None
    contact: str | None = None
    command: str | None = None
    clean: bool = False


def new_submission(results: Path, said: Said, submissions: Path = SUBMISSIONS) -> Checked:
    """Make a submission's folder out of an lm-eval output folder.

    Args:
        results: with `results_<date>.json` and its samples; the newest run counts.
        said: what the run does not know.
        submissions: where the folder is made, as `<org>__<model>/<date>-<short>`.

    Returns:
        The finished check of the folder; it passes.

    Raises:
        ProblemsFoundError: everything that is missing or wrong; nothing is written then.
        PluralignError: PA076 where there is no run, PA052 where the folder exists or `submissions` is a file.
    """
    if not results.is_dir():
        raise PluralignError("PA076", f"got {results}, which is no folder.", "Give the folder that lm-eval wrote.")
    if submissions.exists() and not submissions.is_dir():
        raise PluralignError("PA052", f"{submissions} is a file.", "Name the folder of submissions with --out.")
    samples = {one.name.split("_")[2]: one for one in sample_files(results) if one.name.startswith("samples_")}
    if not samples:
        raise PluralignError(
            "PA076", f"{results} holds generations that were not judged.", "Run lm-eval with a judge and --log_samples."
        )
    date = re.sub(r"\.jsonl(\.gz)?$", "", next(iter(samples.values())).name).split("_", 3)[3]
    path = next(iter(samples.values())).with_name(f"results_{date}.json")
    if not path.is_file():
        raise PluralignError(
            "PA076", f"{path.name} is not beside the samples in {path.parent}.", "Give the folder that lm-eval wrote."
        )
    samples = {language: one for language, one in samples.items() if f"_{date}.jsonl" in one.name}
    absent = [one for one in (submissions, *submissions.parents) if not one.exists()]
    scratch = submissions / f".new-{date}"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with written_whole(scratch) as folder:
            shutil.copyfile(path, folder / path.name)
            for one in samples.values():
                _packed(one, folder / (one.name if one.suffix == ".gz" else f"{one.name}.gz"))
        checked = _described(scratch, path.name, said)
        target = submissions / folder_of(checked.manifest.model.id) / own_name(date, checked.digest or "")  # type: ignore[union-attr]
        if target.exists():
            raise PluralignError(
                "PA052", f"{target} exists: this run was made into a submission before.", "Send that one, or remove it."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for one in absent:  # the innermost first
            if one.is_dir() and not any(one.iterdir()):
                one.rmdir()
    return check_submission(target)


def _packed(source: Path, target: Path) -> None:
    """Compressed without name and time, so that the same samples give the same bytes."""
    opened = gzip.open if source.suffix == ".gz" else open
    try:
        with opened(source, "rb") as stream:
            data = stream.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PluralignError(
            "PA076", f"{source} is no whole gzip file ({error}).", "Copy it again from where lm-eval wrote it."
        ) from error
    target.write_bytes(gzip.compress(data, mtime=0))


def _described(folder: Path, results: str, said: Said) -> Checked:
    """Write the manifest, once run and samples are whole."""
    problems: list[Problem] = []
    run = read_run((folder / results).read_bytes(), results, problems)
    answers: dict[str, Answers] = {}
    for path in sorted(folder.glob("samples_*.jsonl.gz")):
        language = path.name.split("_")[2]
        if (read := read_answers(path, language, problems)) is not None:
            answers[language] = read
    if run is None or problems:
        raise ProblemsFoundError(problems)
    found = recomputed(answers)
    values, missing = _values(run, found, said)
    if missing:
        raise ProblemsFoundError(missing)
    try:
        text = manifest_yaml(Manifest.model_validate(values))
    except ValidationError as error:
        raise ProblemsFoundError(manifest_problems(error)) from None
    (folder / MANIFEST).write_text(text, "utf-8")
    checked = check_submission(folder, placed=False)
    if checked.problems:
        raise ProblemsFoundError(list(checked.problems))
    return checked


def _values(run: Run, found: Recomputed, said: Said) -> tuple[dict[str, Any], list[Problem]]:
    config = run.raw["config"]
    model, missing = _model(config, said)
    asked = {
        "base": "--base org/name, or --base none", "method": "--method, none for a model as it comes", "data": "--data, in words",
        "licence": "--licence, e.g. apache-2.0", "contact": "--contact", "command": "--command, exactly as it was run",
    }  # fmt: skip
    missing += [_missing(name, expected) for name, expected in asked.items() if getattr(said, name) is None]
    if not said.clean:
        missing.append(_missing("not_trained_on_test_prompts", "--not-trained-on-test-prompts, if that is so"))
    languages = [one for one in CHECKSUMS if one in run.tasks]
    known = config.get("model_num_parameters")
    values = {
        "schema_version": SCHEMA_VERSION, "model": model,
        "base_model": None if said.base in (None, "none") else {"id": said.base, "revision": said.base_revision},
        "method": said.method, "training": {"data": said.data, "pluralign_configs": list(said.configs)}, "licence": said.licence,
        "precision": str(config.get("model_dtype") or "not told").removeprefix("torch."),
        "n_parameters": known if isinstance(known, int) and known > 0 else None,
        "judge": {
            "name": run.judge, "identity_sha256": identity_sha256(run.identity),
            "rubrics_sha256": {name: load_rubric(name).hash for name in found.dimensions},
        },
        "prompts": {"version": TASK_VERSION, "sha256": {language: CHECKSUMS[language] for language in languages}},
        "seeds": {name: config.get(f"{name}_seed") for name in ("random", "numpy", "torch", "fewshot")},
        "command": said.command, "hardware": said.hardware or _hardware(config), "contact": said.contact,
        "not_trained_on_test_prompts": True,
        "reported": [
            {
                "dimension": cell.dimension, "language": cell.language, "score": cell.score.value, "low": cell.score.low,
                "high": cell.score.high, "n": cell.score.n, "n_failed": sum(cell.failures.values()),
            }
            for cell in found.cells
        ],
        "response_length": dict(found.lengths),
    }  # fmt: skip
    return values, missing


def _model(config: Mapping[str, Any], said: Said) -> tuple[dict[str, Any], list[Problem]]:
    """The model's part of a manifest, and what is missing for it."""
    given = model_arguments(config)
    opened, adapter, sha = (
        str(one or "") for one in (given.get("pretrained"), given.get("peft"), config.get("model_sha"))
    )
    on_hub = opens_weights(config) and bool(HUB_ID.fullmatch(opened)) and len(sha) == 40
    kind = said.kind or ("adapter" if adapter and on_hub else "hub" if on_hub and not adapter else "local")
    values: dict[str, Any] = {"kind": kind}
    match kind:
        case "hub":
            values |= {"id": said.model or opened, "revision": said.revision or sha}
        case "adapter":
            values |= {
                "id": said.model or adapter,
                "revision": said.revision,
                "base": {"id": opened, "revision": said.base_revision or sha},
            }
        case "local":
            values |= {
                "id": said.model,
                "weights_sha256": said.weights_sha256,
                "quantisation": said.quantisation or "none",
                "base_sha256": said.base_sha256,
            }
        case "served":
            values |= {"id": said.model, "what": said.what}
        case _:
            return values, [
                Problem(
                    "PA103", MANIFEST, None, "model.kind", repr(kind), "hub, adapter, local or served", "Say --kind."
                )
            ]
    options = {
        "id": "--model org/name",
        "revision": "--revision, the full commit hash",
        "weights_sha256": "--weights FILE (or its sha256)" + ("" if opens_weights(config) else SERVED),
        "what": "--what",
    }
    return values, [
        _missing(f"model.{name}", options[name]) for name, value in values.items() if name in options and not value
    ]


def _missing(name: str, expected: str) -> Problem:
    return Problem("PA103", MANIFEST, None, name, "nothing", expected, "The run does not know it.")


def _hardware(config: Mapping[str, Any]) -> str:
    """What the run says of its device, and what this machine is, where it is the same."""
    return f"{config.get('device') or 'not told'}, {platform.machine()}"


FIELDS = tuple(field.name for field in fields(Said))

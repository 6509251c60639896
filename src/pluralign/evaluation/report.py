"""What an evaluation found, with intervals, what judged it, and what it cost: printed, and written beside lm-eval's results.

lm-eval's standard error takes every prompt for independent. Prompts of one template resemble each other, and both versions of a
prompt are one prompt, so every interval here resamples templates, both languages of a template together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.errors import PluralignError
from pluralign.judge.report import judge_lines, score_lines, usage_line
from pluralign.judge.rescore import BOTH, Cell, Table
from pluralign.judge.samples import Sample, read_samples
from pluralign.judge.validated import validation_notes, validations
from pluralign.ratings.tables import write_text
from pluralign.schema import DIMENSIONS, LANGUAGES

BOOTSTRAP = 2000


@dataclass(frozen=True)
class Judged:
    """The judged part of an evaluation.

    Attributes:
        model: as lm-eval names it.
        samples: files that were read.
        cells: a score a dimension and language.
        lengths: language -> mean length of the answers in characters.
        judge: name, identity, provenance, usage and failures as the task recorded them.
        validation: dimension -> how far the judge agrees with people on model outputs, or that nobody has looked.
        limit: what lm-eval was limited to; None for all prompts.
        seed: of the bootstrap.
    """

    model: str
    samples: tuple[str, ...]
    cells: tuple[Cell, ...]
    lengths: Mapping[str, float]
    judge: Mapping[str, Any]
    validation: Mapping[str, str]
    limit: float | None
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined number is null, with its reason beside it."""
        return {
            "model": self.model,
            "limit": self.limit,
            "scale": "0–1: (score − 1) / 4 of the judge's 1–5",
            "scores": [cell.as_dict() for cell in self.cells],
            "response_length_chars": dict(self.lengths),
            "judge": dict(self.judge),
            "validation": dict(self.validation),
            "bootstrap": BOOTSTRAP,
            "cluster": "template_id, both languages of a template together",
            "seed": self.seed,
            "samples": list(self.samples),
        }


def judged_report(results: Path, validation: Mapping[str, Any] | None = None, seed: int = 0) -> Judged | None:
    """Score the judged samples that belong to a results file.

    Args:
        results: `results_<date>.json` of lm-eval.
        validation: contents of a `validation.json` of the judge; None where there is none.
        seed: of the bootstrap.

    Returns:
        None where the run had no judged task, or was not judged.

    Raises:
        PluralignError: PA076 where the samples are missing or wrong.
    """
    held = json.loads(results.read_text("utf-8"))
    tasks = [f"pluralign_{language}" for language in LANGUAGES if f"pluralign_{language}" in held["configs"]]
    if not tasks:
        return None
    files = [samples_of(results, task) for task in tasks]
    samples = read_samples(files)
    metadata = held["configs"][tasks[-1]]["metadata"]
    judge = {key.removeprefix("judge_"): metadata[key] for key in metadata if key.startswith("judge_")}
    judge["name"] = metadata.get("judge", "none")
    cells = tuple(cells_of(samples, seed))
    return Judged(
        model_name(held),
        tuple(str(path) for path in files),
        cells,
        _lengths(samples),
        judge,
        validations(validation, judge["name"], list(dict.fromkeys(cell.dimension for cell in cells))),
        held["config"].get("limit"),
        seed,
    )


def model_name(results: Mapping[str, Any]) -> str:
    """What to call the model: its name on the Hub, or the folder's name, never a path of this machine."""
    name = str(results.get("model_name") or results["config"].get("model"))
    return Path(name).name if Path(name).is_absolute() or Path(name).exists() else name


def samples_of(results: Path, task: str) -> Path:
    """The samples file that lm-eval wrote together with a results file.

    Raises:
        PluralignError: PA076 where there is none.
    """
    path = results.with_name(f"samples_{task}_{results.stem.removeprefix('results_')}.jsonl")
    if not path.is_file():
        raise PluralignError("PA076", f"{path.name} is not beside {results}.", "Run lm-eval with --log_samples.")
    return path


def cells_of(samples: Sequence[Sample], seed: int = 0) -> list[Cell]:
    """A score a judged dimension and language, and for both languages where there are two."""
    table = Table.of(samples, [sample.judgements for sample in samples], seed, BOOTSTRAP)
    languages = [one for one in LANGUAGES if any(sample.language == one for sample in samples)]
    judged = [name for name in DIMENSIONS if any(name in sample.judgements for sample in samples)]
    wanted = [*languages, BOTH] if len(languages) > 1 else languages
    return [table.cell(dimension, language, languages) for dimension in judged for language in wanted]


def _lengths(samples: Sequence[Sample]) -> dict[str, float]:
    found = {}
    for language in LANGUAGES:
        lengths = [len(sample.response) for sample in samples if sample.language == language]
        if lengths:
            found[language] = float(np.mean(lengths))
    return found


def rater_part(results: Path) -> Any:
    """The part of `pluralign_rater`, or None where the run had none."""
    held = json.loads(results.read_text("utf-8"))
    tasks = [name for name in held["configs"] if name.startswith("pluralign_rater")]
    if not tasks:
        return None
    from pluralign.evaluation.rater_report import report_of

    return report_of({task: samples_of(results, task) for task in tasks}, held["configs"])


def described(found: Judged) -> str:
    """The report for people."""
    limit = "all prompts"
    if found.limit is not None:
        limit = (
            f"limited to {found.limit:g} prompts a language"
            if found.limit >= 1
            else f"limited to {found.limit:.2%} of the prompts"
        )
    lines = [f"{found.model}: {limit}, scores on 0–1", ""]
    lines += score_lines(found.cells)
    lengths = ", ".join(f"{length:,.0f} {language}" for language, length in found.lengths.items())
    lines += [f"{'response length':<24}{lengths} characters on average", ""]
    lines += [f"judge {found.judge['name']}: {note}" for note in validation_notes(found.validation)]
    lines += judge_lines(found.judge.get("provenance") or {})
    usage = found.judge.get("usage")
    lines.append(usage_line(usage) if usage else "cost: nothing was judged")
    lines.append(f"intervals: {BOOTSTRAP} bootstraps over prompt templates, seed {found.seed}")
    return "\n".join(lines)


def write_report(results: Path, parts: Mapping[str, Any]) -> Path:
    """Write `pluralign_<date>.json` beside a results file."""
    path = results.with_name(f"pluralign_{results.stem.removeprefix('results_')}.json")
    write_text(json.dumps(parts, ensure_ascii=False, indent=1, allow_nan=False) + "\n", path)
    return path

"""Scores, intervals and lengths computed again from the samples, and held against every number that was reported.

Nothing that is shown comes from a results file or a manifest: they are compared, the samples decide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pluralign.errors import Problem
from pluralign.evaluation.records import metrics_of
from pluralign.evaluation.report import cells_of
from pluralign.judge import FAILURES, Failure, Judgement, Score
from pluralign.judge.messages import is_empty
from pluralign.judge.rescore import Cell
from pluralign.judge.samples import Sample, record_of
from pluralign.leaderboard.answers import METRICS, Answers
from pluralign.leaderboard.manifest import MANIFEST, Manifest
from pluralign.leaderboard.run_file import GROUP, MOST_FAILED, Run
from pluralign.schema import DIMENSIONS

TOLERANCE = 1e-9
"""Relative: sums in another order differ by less."""
NEAR_ZERO = 1e-12
"""What rounding leaves of a spread that is none."""
NOT_THE_JUDGES = ("thinking_truncated", "empty_answer")
"""Failures that are the model's doing."""
FIX = "Give the files as lm-eval wrote them, and let `pluralign submission new` write the manifest."


@dataclass(frozen=True)
class Recomputed:
    """What the samples say.

    Attributes:
        cells: a score a dimension and language, and for both languages where there are two.
        lengths: language -> mean length of the answers in characters.
        samples: language -> the answers.
    """

    cells: tuple[Cell, ...]
    lengths: Mapping[str, float]
    samples: Mapping[str, tuple[Sample, ...]]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What was judged, in the schema's order."""
        return tuple(dict.fromkeys(cell.dimension for cell in self.cells))


def recomputed(answers: Mapping[str, Answers]) -> Recomputed:
    """Scores of the answers in every language that is there."""
    samples = {language: one.samples for language, one in answers.items()}
    lengths = {language: float(np.mean([len(one.response) for one in of])) for language, of in samples.items()}
    return Recomputed(tuple(cells_of([one for of in samples.values() for one in of])), lengths, samples)


def compare(found: Recomputed, answers: Mapping[str, Answers], run: Run, manifest: Manifest | None) -> list[Problem]:
    """Every reported number that is not the recomputed one."""
    wrong = _Wrong()
    _one_judge(answers, run, wrong)
    for language, of in answers.items():
        _judgements(of, wrong)
        _lines(of, wrong)
        _aggregates(of, run, language, wrong)
    _group(answers, run, wrong)
    if manifest is not None:
        _manifest(found, manifest, wrong)
    return wrong.problems


class _Wrong:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def number(self, where: str, row: int | None, name: str, got: object, expected: float | None) -> None:
        """Note a number that is not what it should be."""
        if expected is None:
            same = got in ("N/A", None) or (isinstance(got, float) and math.isnan(got))
        else:
            plain = isinstance(got, int | float) and not isinstance(got, bool)
            same = plain and math.isclose(float(got), expected, rel_tol=TOLERANCE, abs_tol=NEAR_ZERO)  # type: ignore[arg-type]
        if not same:
            self.told("PA106", where, row, name, repr(got), "nothing" if expected is None else repr(expected))

    def told(self, code: str, where: str, row: int | None, name: str | None, got: str, expected: str) -> None:
        """Note anything else."""
        if sum(one.code == code and one.file == where for one in self.problems) < 20:
            self.problems.append(Problem(code, where, row, name, got[:100], expected[:100], FIX))


def _names(identity: object) -> set[str]:
    """The names of judges in an identity, those of its parts too."""
    if isinstance(identity, list):
        return set().union(*map(_names, identity))
    if not isinstance(identity, dict):
        return set()
    own = {identity["judge"]} if isinstance(identity.get("judge"), str) else set()
    return own.union(*map(_names, identity.values()))


def _one_judge(answers: Mapping[str, Answers], run: Run, wrong: _Wrong) -> None:
    """Both languages judged by the same judges on the same dimensions, and by the judge that the results file names."""
    found: dict[str, dict[str, list[str]]] = {}
    for language, of in answers.items():
        for sample in of.samples:
            for dimension, one in sample.judgements.items():
                if one.judge not in (judges := found.setdefault(language, {}).setdefault(dimension, [])):
                    judges.append(one.judge)
    if any(
        {k: sorted(v) for k, v in one.items()} != {k: sorted(v) for k, v in next(iter(found.values())).items()}
        for one in found.values()
    ):
        told = " | ".join(
            f"{k}: {', '.join(f'{d} by {j[0]}' for d, j in sorted(one.items()))}" for k, one in found.items()
        )
        wrong.told("PA107", "samples", None, "judgements", told, "the same judge and dimensions in every language")
    known = {run.judge} | _names(run.identity)
    if strange := sorted({j for one in found.values() for judges in one.values() for j in judges} - known):
        wrong.told(
            "PA107",
            "samples",
            None,
            "judgements.judge",
            strange[0] or "nobody",
            f"the judge of the results file: {run.judge}",
        )


def _judgements(of: Answers, wrong: _Wrong) -> None:
    """Judged on the same dimensions by the same judges, with few failures of the judge's own."""
    where = f"samples_{GROUP}_{of.language}"
    asked = {frozenset(one.judgements) for one in of.samples}
    if len(asked) != 1 or not next(iter(asked)):
        told = " | ".join(", ".join(sorted(one)) or "nothing" for one in sorted(asked, key=sorted))
        wrong.told("PA107", where, None, "judgements", told, "the same dimensions of every answer, one at least")
        return
    for dimension in next(iter(asked)):
        judges = {one.judgements[dimension].judge for one in of.samples}
        if len(judges) > 1:
            wrong.told("PA107", where, None, f"judgements.{dimension}.judge", ", ".join(sorted(judges)), "one judge")
        if not any(isinstance(one.judgements[dimension], Score) for one in of.samples):
            wrong.told("PA107", where, None, f"judgements.{dimension}", "no answer that was scored", "scores")
    for sample in of.samples:
        for dimension, judged in sample.judgements.items():
            _fitting(sample, f"judgements.{dimension}", judged, where, wrong)
    every = [one for sample in of.samples for one in sample.judgements.values()]
    failed = sum(isinstance(one, Failure) and one.kind not in NOT_THE_JUDGES for one in every)
    if failed > MOST_FAILED * len(every):
        got = f"{failed} of {len(every)} failed"
        wrong.told(
            "PA107",
            where,
            None,
            "judgements",
            got,
            f"at most {MOST_FAILED:.0%}: judge them again with `pluralign judge score`",
        )


def _fitting(sample: Sample, name: str, judged: Judgement, where: str, wrong: _Wrong) -> None:
    """The failures that are the model's doing are those that its answer shows: they are not counted as the judge's, and enter no mean."""
    expected = (
        "thinking_truncated" if sample.thinking_truncated else "empty_answer" if is_empty(sample.response) else None
    )
    got = judged.kind if isinstance(judged, Failure) else "a score"
    if (got in NOT_THE_JUDGES and got != expected) or (expected and got == "a score"):
        told = "an answer to judge" if expected is None else FAILURES[expected]
        wrong.told("PA107", where, sample.line - 1, name, got, f"what the answer shows: {told}")


def _lines(of: Answers, wrong: _Wrong) -> None:
    """The metrics of every line are what its judgements give."""
    where = f"samples_{GROUP}_{of.language}"
    for sample in of.samples:
        expected = metrics_of({}, [json.dumps(record_of(sample, sample.judgements))])
        row = sample.line - 1
        for name in sorted(METRICS & (set(expected) | set(sample.row))):
            wrong.number(where, row, name, sample.row.get(name), expected.get(name))
        named = sample.row.get("metrics")
        if not isinstance(named, list) or sorted(map(str, named)) != sorted(expected):
            wrong.told("PA106", where, row, "metrics", str(named), str(sorted(expected)))


def _moments(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and its standard error as lm-eval has them."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(sum((one - mean) ** 2 for one in values) / (len(values) - 1)) / math.sqrt(len(values))


def _columns(of: Answers) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for sample in of.samples:
        for name, value in metrics_of({}, [json.dumps(record_of(sample, sample.judgements))]).items():
            found.setdefault(name, []).append(value)
    return found


def _aggregates(of: Answers, run: Run, language: str, wrong: _Wrong) -> None:
    task = run.tasks[language]
    held, where = run.raw["results"][task], "results"
    columns = _columns(of)
    for name, values in columns.items():
        mean, error = _moments(values)
        wrong.number(where, None, f"{task}.{name}", held.get(f"{name},none"), mean)
        wrong.number(where, None, f"{task}.{name}_stderr", held.get(f"{name}_stderr,none"), error)
    _nothing_else(held, set(columns), task, wrong)
    if held.get("sample_len", len(of.samples)) != len(of.samples):
        wrong.told("PA106", where, None, f"{task}.sample_len", repr(held["sample_len"]), str(len(of.samples)))
    counted = run.raw["n-samples"][task].get("effective")
    if counted != len(of.samples):
        wrong.told("PA106", where, None, f"n-samples.{task}", repr(counted), str(len(of.samples)))
    if (told := run.raw["task_hashes"].get(task)) != of.task_hash:
        wrong.told("PA106", where, None, f"task_hashes.{task}", str(told), of.task_hash)
    failures: dict[str, int] = {}
    for sample in of.samples:
        for one in sample.judgements.values():
            if isinstance(one, Failure):
                failures[one.kind] = failures.get(one.kind, 0) + 1
    if (kinds := run.metadata(language).get("judge_failures", {})) != failures:
        wrong.told("PA106", where, None, f"{task}.judge_failures", str(kinds), str(failures))


def _nothing_else(held: Mapping[str, object], names: set[str], place: str, wrong: _Wrong) -> None:
    """No number beside those of the samples' metrics."""
    known = {f"{name}{part},none" for name in names for part in ("", "_stderr")} | {"sample_len"}
    for key in sorted(set(held) - known):
        if "," in key or (isinstance(held[key], int | float) and not isinstance(held[key], bool)):
            wrong.told("PA106", "results", None, f"{place}.{key[:60]}", repr(held[key]), "nothing: no sample has it")


def _group(answers: Mapping[str, Answers], run: Run, wrong: _Wrong) -> None:
    """The group's means and errors are those of its tasks, weighted by their answers as lm-eval does it."""
    columns = [_columns(of) for of in answers.values()]
    sizes = [len(of.samples) for of in answers.values()]
    for part in ("results", "groups"):
        held = run.raw.get(part)
        held = held.get(GROUP) if isinstance(held, dict) else None
        if held is None:
            continue
        if not isinstance(held, dict):
            wrong.told("PA102", "results", None, f"{part}.{GROUP}", repr(held), "metric -> value")
            continue
        _nothing_else(held, set().union(*columns), f"{part}.{GROUP}", wrong)
        if held.get("sample_len", sum(sizes)) != sum(sizes):
            wrong.told(
                "PA106", "results", None, f"{part}.{GROUP}.sample_len", repr(held["sample_len"]), str(sum(sizes))
            )
        counted = held.get("sample_count", {})
        for key in sorted(counted) if isinstance(counted, dict) else ["sample_count"]:
            n = sum(len(one.get(key.removesuffix(",none"), ())) for one in columns)
            if not isinstance(counted, dict) or counted[key] not in (n, sum(sizes)):
                wrong.told("PA106", "results", None, f"{part}.{GROUP}.sample_count.{key[:60]}", repr(counted), str(n))
        for name in sorted(set.intersection(*(set(one) for one in columns))):
            moments = [_moments(one[name]) for one in columns]
            mean = sum(m * n for (m, _), n in zip(moments, sizes, strict=True)) / sum(sizes)
            wrong.number("results", None, f"{part}.{GROUP}.{name}", held.get(f"{name},none"), mean)
            errors = [error for _, error in moments if error is not None]
            if len(errors) == len(sizes):
                squares = sum((n - 1) * error**2 * n for error, n in zip(errors, sizes, strict=True))
                pooled = math.sqrt(squares / (sum(sizes) - len(sizes)) / sum(sizes))
                wrong.number("results", None, f"{part}.{GROUP}.{name}_stderr", held.get(f"{name}_stderr,none"), pooled)


def _manifest(found: Recomputed, manifest: Manifest, wrong: _Wrong) -> None:
    held = {(one.dimension, one.language): one for one in manifest.reported}
    if len(held) < len(manifest.reported):
        wrong.told("PA106", MANIFEST, None, "reported", "a score twice", "every dimension and language once")
    cells = {(one.dimension, one.language): one for one in found.cells}
    for key in sorted(set(held) - set(cells)):
        wrong.told(
            "PA106",
            MANIFEST,
            None,
            f"reported {key[0]} ({key[1]})",
            repr(held[key].score),
            "nothing: the samples have none",
        )
    for key, cell in cells.items():
        name = f"reported {key[0]} ({key[1]})"
        if key not in held:
            wrong.told("PA106", MANIFEST, None, name, "nothing", f"{cell.score.value:.6f}")
            continue
        one = held[key]
        wrong.number(MANIFEST, None, f"{name}.score", one.score, cell.score.value)
        wrong.number(MANIFEST, None, f"{name}.low", one.low, cell.score.low)
        wrong.number(MANIFEST, None, f"{name}.high", one.high, cell.score.high)
        wrong.number(MANIFEST, None, f"{name}.n", one.n, cell.score.n)
        wrong.number(MANIFEST, None, f"{name}.n_failed", one.n_failed, sum(cell.failures.values()))
    for language in sorted(set(manifest.response_length) | set(found.lengths)):
        wrong.number(
            MANIFEST,
            None,
            f"response_length.{language}",
            manifest.response_length.get(language),
            found.lengths.get(language),
        )


def judged_dimensions(found: Recomputed) -> list[str]:
    """The dimensions of the cells, in the schema's order."""
    return [name for name in DIMENSIONS if name in found.dimensions]

"""Every number that was reported, by the results file or the manifest, held against the one that the samples give."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from pluralign.errors import Problem
from pluralign.evaluation.records import metrics_of
from pluralign.judge import Failure
from pluralign.judge.samples import record_of
from pluralign.leaderboard.answers import METRICS, Answers
from pluralign.leaderboard.judgements import check_judgements
from pluralign.leaderboard.manifest import MANIFEST, Manifest
from pluralign.leaderboard.recompute import Differences, Recomputed
from pluralign.leaderboard.run_file import GROUP, Run


def compare(found: Recomputed, answers: Mapping[str, Answers], run: Run, manifest: Manifest | None) -> list[Problem]:
    """Every reported number that is not the recomputed one, and every judgement that cannot be used.

    Args:
        found: what the samples say.
        answers: language -> the samples.
        run: the results file.
        manifest: None where there is none yet.
    """
    wrong = Differences()
    check_judgements(answers, run, wrong)
    for language, of in answers.items():
        _lines(of, wrong)
        _aggregates(of, run, language, wrong)
    _group(answers, run, wrong)
    if manifest is not None:
        _manifest(found, manifest, wrong)
    return wrong.problems


def _lines(of: Answers, wrong: Differences) -> None:
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


def _aggregates(of: Answers, run: Run, language: str, wrong: Differences) -> None:
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


def _nothing_else(held: Mapping[str, object], names: set[str], place: str, wrong: Differences) -> None:
    """No number beside those of the samples' metrics."""
    known = {f"{name}{part},none" for name in names for part in ("", "_stderr")} | {"sample_len"}
    for key in sorted(set(held) - known):
        if "," in key or (isinstance(held[key], int | float) and not isinstance(held[key], bool)):
            wrong.told("PA106", "results", None, f"{place}.{key[:60]}", repr(held[key]), "nothing: no sample has it")


def _group(answers: Mapping[str, Answers], run: Run, wrong: Differences) -> None:
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


def _manifest(found: Recomputed, manifest: Manifest, wrong: Differences) -> None:
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

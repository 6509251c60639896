"""Judgements that a board can use: one judge throughout, the same dimensions everywhere, failures that are what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pluralign.evaluation.settings import DEFAULT_DIMENSIONS
from pluralign.judge import FAILURES, Failure, Judgement, Score
from pluralign.judge.messages import is_empty
from pluralign.judge.samples import Sample
from pluralign.leaderboard.answers import Answers
from pluralign.leaderboard.recompute import Differences
from pluralign.leaderboard.run_file import GROUP, MOST_FAILED, Run

NOT_THE_JUDGES = ("thinking_truncated", "empty_answer")
"""Failures that are the model's doing."""
MOST_LEFT_OUT = 0.20
"""Share of a language's answers that may be empty or cut off; from 5 % on they are not ranked (`flags`)."""


def check_judgements(answers: Mapping[str, Answers], run: Run, wrong: Differences) -> None:
    """Note everything that makes judgements unusable, PA107.

    Args:
        answers: language -> answers with their judgements.
        run: says who judged.
        wrong: receives what is found.
    """
    _one_judge(answers, run, wrong)
    for of in answers.values():
        _judgements(of, wrong)


def _names(identity: object) -> set[str]:
    """The names of judges in an identity, those of its parts too."""
    if isinstance(identity, list):
        return set().union(*map(_names, identity))
    if not isinstance(identity, dict):
        return set()
    own = {identity["judge"]} if isinstance(identity.get("judge"), str) else set()
    return own.union(*map(_names, identity.values()))


def _one_judge(answers: Mapping[str, Answers], run: Run, wrong: Differences) -> None:
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


def _judgements(of: Answers, wrong: Differences) -> None:
    """Judged on the same dimensions by the same judges, with few failures of the judge's own."""
    where = f"samples_{GROUP}_{of.language}"
    asked = {frozenset(one.judgements) for one in of.samples}
    if len(asked) != 1 or not next(iter(asked)):
        told = " | ".join(", ".join(sorted(one)) or "nothing" for one in sorted(asked, key=sorted))
        wrong.told("PA107", where, None, "judgements", told, "the same dimensions of every answer, one at least")
        return
    if missing := [one for one in DEFAULT_DIMENSIONS if one not in next(iter(asked))]:
        wrong.told(
            "PA107",
            where,
            None,
            "judgements",
            f"no {missing[0]}",
            f"{' and '.join(DEFAULT_DIMENSIONS)} of every answer",
        )
    for dimension in next(iter(asked)):
        judges = {one.judgements[dimension].judge for one in of.samples}
        if len(judges) > 1:
            wrong.told("PA107", where, None, f"judgements.{dimension}.judge", ", ".join(sorted(judges)), "one judge")
        if not any(isinstance(one.judgements[dimension], Score) for one in of.samples):
            wrong.told("PA107", where, None, f"judgements.{dimension}", "no answer that was scored", "scores")
    for sample in of.samples:
        for dimension, judged in sample.judgements.items():
            _fitting(sample, f"judgements.{dimension}", judged, where, wrong)
    for dimension in sorted(next(iter(asked))):
        failed = sum(_is_judges_failure(one.judgements[dimension]) for one in of.samples)
        if failed > MOST_FAILED * len(of.samples):
            got = f"{failed} of {len(of.samples)} failed"
            expected = f"at most {MOST_FAILED:.0%}: judge them again with `pluralign judge score`"
            wrong.told("PA107", where, None, f"judgements.{dimension}", got, expected)
    if (share := left_out(of.samples)) > MOST_LEFT_OUT:
        got = f"{share:.0%} of the answers empty, or cut off while thinking"
        wrong.told("PA107", where, None, "judgements", got, f"at most {MOST_LEFT_OUT:.0%} in each language")


def left_out(samples: Sequence[Sample]) -> float:
    """The share of answers that no judge saw, because they are empty or were cut off while thinking; of one language.

    They enter no mean, so that a model could leave out what it answers badly: the check refuses more than `MOST_LEFT_OUT`.
    """
    return sum(one.thinking_truncated or is_empty(one.response) for one in samples) / len(samples)


def _is_judges_failure(judged: Judgement) -> bool:
    return isinstance(judged, Failure) and judged.kind not in NOT_THE_JUDGES


def _fitting(sample: Sample, name: str, judged: Judgement, where: str, wrong: Differences) -> None:
    """The failures that are the model's doing are those that its answer shows: they are not counted as the judge's, and enter no mean."""
    expected = (
        "thinking_truncated" if sample.thinking_truncated else "empty_answer" if is_empty(sample.response) else None
    )
    got = judged.kind if isinstance(judged, Failure) else "a score"
    if (got in NOT_THE_JUDGES and got != expected) or (expected and got == "a score"):
        told = "an answer to judge" if expected is None else FAILURES[expected]
        wrong.told("PA107", where, sample.line - 1, name, got, f"what the answer shows: {told}")

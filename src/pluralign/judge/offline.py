"""The offline judges: a fitted rater model, and what judges by default where nothing else is named."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError
from pluralign.judge.base import Answer, Failure, Judge, Judgement, Progress, Score, Usage
from pluralign.judge.fit import SIMULATED
from pluralign.judge.messages import is_empty
from pluralign.judge.zero_shot import ZeroShotJudge
from pluralign.rater_model import RaterModel, expectations
from pluralign.rater_model.likelihood import Floats
from pluralign.schema import EVERYONE, LANGUAGES

COMPOSITE = f"offline(toxicity: zero-shot, rest: {SIMULATED})"
SHORT = {COMPOSITE: "offline", SIMULATED: "rm-simulated", "zero-shot": "zero-shot"}
"""Names for the columns of tables that give the full one in their caption."""


def shipped_judge() -> Path:
    """The folder of the judge that ships, fitted to simulated raters."""
    return Path(str(files("pluralign"))) / "judge" / "fitted"


@cache
def measured_agreement() -> dict[str, Any]:
    """Judge -> its agreement with people and with the simulation's truth, as measured when the shipped judge was made.

    Raises:
        PluralignError: PA077 where the file that ships is broken.
    """
    path = shipped_judge() / "agreement.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PluralignError("PA077", f"{path}: {error}.", "Install pluralign again.") from error
    return found


class RaterModelJudge:
    """A fitted rater model as a judge: the score is the expectation of everyone's rating.

    Args:
        model: the fitted model.
    """

    def __init__(self, model: RaterModel) -> None:
        self.model = model
        self.name = model.name
        self.usage = Usage()

    @classmethod
    def open(cls, folder: str | Path | None = None) -> RaterModelJudge:
        """Open a fitted judge; the shipped one, fitted to simulated raters, if None.

        Raises:
            PluralignError: PA077 where the folder holds none.
        """
        return cls(RaterModel.open(folder if folder is not None else shipped_judge()))

    def identity(self) -> dict[str, Any]:
        """The weights' checksum and the embedding with its installed version."""
        embedding = self.model.embedding
        weights = self.model.provenance.get("weights_sha256", "not saved")
        return {"judge": self.name, "weights": weights, "embedding": embedding.name, "versions": embedding.versions}

    def provenance(self) -> dict[str, Any]:
        """The ratings behind it, and how far it agrees with people it was not fitted to."""
        details = {name: dict(fitted.details) for name, fitted in self.model.dimensions.items()}
        known = measured_agreement().get(SIMULATED, {}) if self.name == SIMULATED else {}
        return {**self.model.provenance, "dimensions": details, "agreement": known}

    def preflight(self, dimensions: Sequence[str], languages: Sequence[str]) -> list[str]:
        """Notes on what it does not judge, and where its encoder is another version than it was fitted on."""
        notes = [
            f"{self.name} does not judge {d}: its ratings do not have it"
            for d in dimensions
            if d not in self.model.dimensions
        ]
        notes += [
            f"{self.name}'s embedding was not made for {lang}" for lang in languages if lang not in self._languages
        ]
        fitted = self.model.provenance.get("fitted_with", self.model.embedding.versions)
        if fitted != self.model.embedding.versions:
            notes.append(f"{self.name} was fitted on {fitted}; installed is {self.model.embedding.versions}")
        return notes

    @property
    def _languages(self) -> list[str]:
        """Those that one of its multi-dimensional encoders was made for."""
        return [
            lang
            for lang in LANGUAGES
            if any(lang in e.languages and e.width > 1 for e in self.model.embedding.encoders)
        ]

    def judge(
        self, answers: Sequence[Answer], dimensions: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, Judgement]]:
        """Score every answer on every dimension; empty answers and what the model does not know are failures."""
        began = time.perf_counter()
        known = [
            k
            for k, answer in enumerate(answers)
            if not is_empty(answer.response) and answer.language in self._languages
        ]
        features = self.model.encode([answers[k].response for k in known])
        scores: dict[str, dict[int, float]] = {}
        for dimension in dimensions:
            if dimension in self.model.dimensions:
                values = expectations(self.model.predict_features(features, dimension))
                scores[dimension] = dict(zip(known, values.tolist(), strict=True))
        out = [{d: self._one(k, answer, d, scores) for d in dimensions} for k, answer in enumerate(answers)]
        self.usage.seconds += time.perf_counter() - began
        if progress:
            progress(len(answers) * len(dimensions))
        return out

    def _one(self, k: int, answer: Answer, dimension: str, scores: Mapping[str, Mapping[int, float]]) -> Judgement:
        if is_empty(answer.response):
            return Failure("empty_answer", self.name)
        if k not in scores.get(dimension, {}):
            what = f"dimension {dimension}" if dimension not in scores else f"language {answer.language}"
            return Failure("unsupported", self.name, f"not fitted to {what}")
        return Score(scores[dimension][k], self.name)

    def jury(
        self, answers: Sequence[Answer], dimensions: Sequence[str], groups: Sequence[str] = (EVERYONE,)
    ) -> dict[str, dict[str, Floats]]:
        """How groups would rate answers.

        Args:
            answers: to be rated.
            dimensions: of the model's.
            groups: `everyone`, or groups that the model's ratings tell apart.

        Returns:
            Dimension -> group -> (n_answers, 5), the share of the group that would choose each point; NaN for an empty answer.

        Raises:
            PluralignError: PA024 or PA020 for a dimension or a group that the model does not have.
        """
        features = self.model.encode([answer.response for answer in answers])
        empty = [k for k, answer in enumerate(answers) if is_empty(answer.response)]
        out: dict[str, dict[str, Floats]] = {}
        for dimension in dimensions:
            out[dimension] = {group: self.model.predict_features(features, dimension, group) for group in groups}
            for shares in out[dimension].values():
                shares[empty] = float("nan")
        return out


class CompositeJudge:
    """Several judges, each for its own dimensions.

    Args:
        name: says which judges what.
        of: dimension -> judge.
        rest: judges every other dimension.
    """

    def __init__(self, name: str, of: Mapping[str, Judge], rest: Judge) -> None:
        self.name, self.of, self.rest = name, dict(of), rest
        self.usage = Usage()

    def _judges(self) -> dict[str, Judge]:
        return {judge.name: judge for judge in (*self.of.values(), self.rest)}

    def _shares(self, dimensions: Sequence[str]) -> list[tuple[Judge, list[str]]]:
        """Each judge with those of the dimensions that it judges."""
        mine = {name: [d for d in dimensions if self.of.get(d, self.rest).name == name] for name in self._judges()}
        return [(judge, mine[name]) for name, judge in self._judges().items() if mine[name]]

    def identity(self) -> dict[str, Any]:
        """Who judges what, and the identities of all."""
        judged = {d: judge.name for d, judge in self.of.items()}
        return {
            "judge": self.name,
            "of": judged,
            "parts": {name: judge.identity() for name, judge in self._judges().items()},
        }

    def provenance(self) -> dict[str, Any]:
        """The provenance of all."""
        return {"name": self.name, "parts": {name: judge.provenance() for name, judge in self._judges().items()}}

    def preflight(self, dimensions: Sequence[str], languages: Sequence[str]) -> list[str]:
        """What each says of its own dimensions."""
        return [note for judge, mine in self._shares(dimensions) for note in judge.preflight(mine, languages)]

    def judge(
        self, answers: Sequence[Answer], dimensions: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, Judgement]]:
        """Each dimension by its judge; a score bears the name of the judge that gave it."""
        began = time.perf_counter()
        parts = [judge.judge(answers, mine, progress) for judge, mine in self._shares(dimensions)]
        self.usage.seconds += time.perf_counter() - began
        merged = [{d: judgement for part in parts for d, judgement in part[k].items()} for k in range(len(answers))]
        return [{d: judgements[d] for d in dimensions} for judgements in merged]


def offline_judge() -> Judge:
    """What judges where nothing is named: for toxicity whichever of the offline judges agrees better with people.

    On three real sets that is `zero-shot` (agreement.json, docs/decisions/006-offline-judge.md); the other dimensions have only
    the judge that was fitted to simulated raters, and no real ratings to measure it on.
    """
    rest = RaterModelJudge.open()
    if measured_agreement()["toxicity_default"] == SIMULATED:
        return rest
    return CompositeJudge(COMPOSITE, {"toxicity": ZeroShotJudge()}, rest)

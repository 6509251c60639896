"""The third and fourth tier: a seeded sample of a submission's answers judged again by us, or generated again from the named weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pluralign import __version__
from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.judge import Judge, Score
from pluralign.judge.compare import estimate
from pluralign.judge.fit import SIMULATED
from pluralign.judge.rescore import judged, mean_of_means
from pluralign.judge.samples import Sample, on_unit_scale
from pluralign.leaderboard.check import Checked, check_submission
from pluralign.leaderboard.manifest import identity_sha256
from pluralign.leaderboard.records import Record, read_record, write_record
from pluralign.leaderboard.weights import weights_of

LEAST = 20
OPENED = {"offline": "offline", "zero-shot": "zero-shot", SIMULATED: "rater-model"}
"""Name that a judge of this package has -> by which it is opened."""
MODEL = re.compile(r"openai:[A-Za-z0-9][\w./:-]*")
BOOTSTRAP = 2000


@dataclass(frozen=True)
class Bounds:
    """How far a second judging, or generating, may be from the first; on 0–1.

    Attributes:
        mean: of the mean difference.
        each: of the mean absolute difference of single answers.
        surely: the mean difference's interval must come as near to 0 as this: a small shift of all scores is found by its small spread.
        only_one: of the share of answers that only one judging scored: what a judge is said to have failed on can be chosen.
    """

    mean: float
    each: float
    surely: float
    only_one: float


DETERMINISTIC = Bounds(1e-4, 5e-4, 1e-4, 0.0)
"""Judges that compute: another machine's arithmetic moves the last digits only."""
LANGUAGE_MODEL = Bounds(0.03, 0.10, 0.005, 0.02)
"""Judges that are language models: at temperature 0 they still waver by a point on some answers, to either side."""
GENERATED = Bounds(0.03, 1.0, 0.02, 0.05)
"""Answers in bfloat16 depend on device and batch size, word by word: only their mean is held to a bound."""


@dataclass(frozen=True)
class Again:
    """What a second judging or generating found.

    Attributes:
        passed: whether all bounds hold.
        n: answers in the sample.
        seed: that drew it.
        dimensions: dimension -> mean difference (second less first) with its interval, mean absolute difference, answers that only one scored.
        bounds: that had to hold.
        identical: share of answers that are the same to the letter; None where nothing was generated.
        details: judge, date, versions.
    """

    passed: bool
    n: int
    seed: int
    dimensions: Mapping[str, Mapping[str, Any]]
    bounds: Mapping[str, float]
    identical: float | None
    details: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def sampled(checked: Checked, n: int, seed: int) -> list[Sample]:
    """A sample of a submission's answers, drawn by a seed that the submitter did not know; all of them where n is 0.

    Raises:
        PluralignError: PA111 for a sample that is too small to say anything.
    """
    assert checked.found is not None
    every = [one for of in checked.found.samples.values() for one in of]
    if n == 0 or n >= len(every):
        return every
    if n < LEAST:
        raise PluralignError(
            "PA111", f"got a sample of {n}; expected {LEAST} answers at least, or 0 for all.", "Set --n."
        )
    chosen = np.random.default_rng(seed).choice(len(every), n, replace=False)
    return [every[k] for k in sorted(chosen)]


def accepted(folder: Path) -> Checked:
    """A submission that passes its check.

    Raises:
        ProblemsFoundError: everything that is wrong with it.
    """
    checked = check_submission(folder)
    if checked.problems:
        raise ProblemsFoundError(list(checked.problems))
    return checked


def own_judge(checked: Checked) -> str:
    """The name by which the judge of a submission is opened here.

    Only judges of this package and models at the usual endpoint are opened by a submission's word: a server or a folder that a stranger
    names would be sent the keepers' key, or read.

    Raises:
        PluralignError: PA070 for any other.
    """
    assert checked.run is not None
    told = checked.run.judge
    parts = re.sub(r"offline\([^()]*\)", "offline", told).split(",")
    names = [OPENED.get(part, part) for part in parts]
    if all(name in OPENED.values() or MODEL.fullmatch(name) for name in names):
        return ",".join(names)
    raise PluralignError(
        "PA070", f"the submission was judged by {told[:100]!r}, a server or a folder that is not opened by its word.", "Name the judge yourself: --judge.",
    )  # fmt: skip


def rejudge(folder: Path, judge: Judge, records: Path, *, n: int = 100, seed: int) -> Again:
    """Judge a sample of the answers again, and write down whether both judgings agree.

    Args:
        folder: of the submission.
        judge: must be the very judge of the submission, by its identity.
        records: the keepers' folder.
        n: size of the sample; 0 for all.
        seed: of the sample.

    Raises:
        PluralignError: PA111 for another judge.
        ProblemsFoundError: for a submission that does not pass its check.
    """
    checked, samples, dimensions = _drawn(folder, judge, n, seed)
    assert checked.run is not None
    _record(checked, records)  # an unreadable one is said before hours are spent
    second = judged(samples, judge, dimensions)
    bounds = LANGUAGE_MODEL if _asks_a_model(checked.run.identity) else DETERMINISTIC
    again = compared(
        samples, [one.judgements for one in samples], second, dimensions, bounds, seed, None, {"judge": judge.name}
    )
    write_record(records, place_of(checked), replace(_record(checked, records), rejudged=again.to_json()))
    return again


def _drawn(folder: Path, judge: Judge, n: int, seed: int) -> tuple[Checked, list[Sample], list[str]]:
    """The submission, a sample of its answers and their dimensions, once the judge is known to be its own."""
    checked = accepted(folder)
    assert checked.found is not None
    samples = sampled(checked, n, seed)
    dimensions = list(checked.found.dimensions)
    judge.preflight(dimensions, sorted({one.language for one in samples}))
    _same_judge(checked, judge)
    return checked, samples, dimensions


def _same_judge(checked: Checked, judge: Judge) -> None:
    assert checked.run is not None
    if identity_sha256(judge.identity()) != identity_sha256(checked.run.identity):
        raise PluralignError(
            "PA111", f"{judge.name} here is not the judge of {checked.folder.name}: {_differing(judge.identity(), checked.run.identity)}.",
            "Judge with the same judge and the versions that its identity names.",
        )  # fmt: skip


def _differing(here: Mapping[str, Any], there: Mapping[str, Any], where: str = "") -> str:
    """The first things in which two identities differ."""
    told = []
    for key in sorted({*here, *there}):
        mine, other = here.get(key), there.get(key)
        if isinstance(mine, dict) and isinstance(other, dict):
            if mine != other:
                told.append(_differing(mine, other, f"{where}{key}."))
        elif mine != other:
            told.append(f"{where}{key} is {mine!r} here and {other!r} there")
    return "; ".join(told[:3])


def _asks_a_model(identity: Mapping[str, Any]) -> bool:
    return '"judge": "openai"' in json.dumps(identity)


def compared(
    samples: Sequence[Sample], first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], dimensions: Sequence[str],
    bounds: Bounds, seed: int, identical: float | None, details: Mapping[str, Any],
) -> Again:  # fmt: skip
    """What two judgings of the same answers have in common, and whether the bounds hold.

    Args:
        samples: (n,) answers; intervals resample their templates.
        first, second: dimension -> score or failure, of each.
        dimensions: that are compared.
        bounds: that must hold in every one of them.
        seed: of the sample, and of the bootstrap.
        identical: share of answers that are the same; None where nothing was generated.
        details: of the judging.
    """
    told: dict[str, dict[str, Any]] = {}
    passed = True
    for dimension in dimensions:
        both, only_one = [], 0
        for k, (a, b) in enumerate(zip(first, second, strict=True)):
            old, new = a.get(dimension), b.get(dimension)
            if isinstance(old, Score) and isinstance(new, Score):
                both.append((k, on_unit_scale(new.value) - on_unit_scale(old.value)))
            else:
                only_one += isinstance(old, Score) != isinstance(new, Score)
        if not both:
            told[dimension] = {"n": 0, "only_one": only_one, "mean": None, "low": None, "high": None, "each": None}
            passed = False
            continue
        difference = np.array([value for _, value in both])
        codes = np.unique([samples[k].template_id for k, _ in both], return_inverse=True)[1].reshape(-1)
        found = estimate(
            np.column_stack([difference, np.ones(len(both))]),
            codes,
            mean_of_means,
            BOOTSTRAP,
            seed,
            "nothing was scored twice",
        )
        each = float(np.abs(difference).mean())
        told[dimension] = {
            "n": len(both),
            "only_one": only_one,
            "mean": found.value,
            "low": found.low,
            "high": found.high,
            "each": each,
        }
        passed &= abs(found.value) <= bounds.mean and each <= bounds.each and only_one <= bounds.only_one * len(samples)
        passed &= found.low <= bounds.surely and found.high >= -bounds.surely
    when = {"date": datetime.now(UTC).date().isoformat(), "pluralign": __version__}
    return Again(bool(passed), len(samples), seed, told, asdict(bounds), identical, {**details, **when})


def place_of(checked: Checked) -> str:
    """Where a submission lies among the others."""
    folder = checked.folder.absolute()
    return f"{folder.parent.name}/{folder.name}"


def _record(checked: Checked, records: Path) -> Record:
    """What the keepers know of a submission at this moment."""
    assert checked.claim_digest is not None
    return read_record(records, place_of(checked), checked.claim_digest)


def reproduce(
    folder: Path, judge: Judge, records: Path, *, n: int = 60, seed: int, model: str | None = None, adapter: str | None = None, batch_size: int = 8
) -> Again:  # fmt: skip
    """Generate a sample of the answers again from the named weights, judge them, and write down whether the scores agree.

    Args:
        folder: of the submission.
        judge: the very judge of the submission.
        records: the keepers' folder.
        n: size of the sample; 0 for all.
        seed: of the sample.
        model, adapter: folders with the weights, for a submission that names local ones; their hashes must be those that it names.
        batch_size: prompts at a time.

    Raises:
        PluralignError: PA110 for weights that are not safetensors, need code, or are not the named ones; PA111 for another judge; PA112 for a
            system without weights.
        ProblemsFoundError: for a submission that does not pass its check.
    """
    from pluralign.leaderboard.generate import generate_again

    checked, samples, dimensions = _drawn(folder, judge, n, seed)
    _record(checked, records)  # an unreadable one is said before hours are spent
    arguments = weights_of(checked, model, adapter)
    fresh = generate_again(checked, samples, arguments, batch_size)
    identical = float(np.mean([a.response == b.response for a, b in zip(samples, fresh, strict=True)]))
    second = judged(fresh, judge, dimensions)
    details = {
        "judge": judge.name,
        "model": checked.manifest.model.id if checked.manifest else "",
        "batch_size": batch_size,
    }
    again = compared(
        samples, [one.judgements for one in samples], second, dimensions, GENERATED, seed, identical, details
    )
    write_record(records, place_of(checked), replace(_record(checked, records), reproduced=again.to_json()))
    return again

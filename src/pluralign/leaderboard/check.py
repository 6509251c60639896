"""Everything that is wrong with a submission, at once. Nothing of it is run, nothing is fetched."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pluralign.errors import Problem
from pluralign.evaluation.prompts import CHECKSUMS, TASK_VERSION
from pluralign.judge.rubric import load_rubric
from pluralign.leaderboard.answers import Answers, read_answers
from pluralign.leaderboard.flags import Flag, own_flags
from pluralign.leaderboard.folder import FIX as FOLDER_FIX
from pluralign.leaderboard.folder import Files, moment, submission_files
from pluralign.leaderboard.judgements import left_out
from pluralign.leaderboard.manifest import MANIFEST, Adapter, Manifest, OnHub, folder_of, identity_sha256, read_manifest
from pluralign.leaderboard.recompute import Recomputed, recomputed
from pluralign.leaderboard.reported import compare
from pluralign.leaderboard.run_file import REMOTE_CODE, Run, has_secret, model_arguments, opens_weights, read_run
from pluralign.leaderboard.world import World, changes

MOST_DAYS = 60
"""That a run may take: lm-eval writes when it began into the results, and when it ended into the files' names."""
CLAIMED = ("model", "base_model", "method", "training", "licence", "judge", "prompts")
"""Fields of a manifest that say what was submitted; the others (contact, hardware, command) may be put right."""
FIX = "Let `pluralign submission new` fill in what the run knows."


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        folder: of the submission.
        problems: why it is refused; empty where it is not.
        flags: what is odd about its answers.
        manifest, run, found: what could be read.
        answers: language -> the answers.
        digest: sha256 of the results file and the samples; None where they could not be read.
        claim_digest: sha256 of that and of what the manifest says of the model (`CLAIMED`); what the keepers' records are about.
        seconds: that it took.
    """

    folder: Path
    problems: tuple[Problem, ...]
    flags: tuple[Flag, ...] = ()
    manifest: Manifest | None = None
    run: Run | None = None
    found: Recomputed | None = None
    answers: Mapping[str, Answers] | None = None
    digest: str | None = None
    claim_digest: str | None = None
    seconds: float = 0.0

    @property
    def is_accepted(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def world(self) -> World:
        """Where its scores may be compared."""
        assert self.run is not None
        assert self.answers is not None
        answers = next(iter(self.answers.values()))
        more = changes(self.run.system, answers.until, self.run.ends)
        return World.of(self.run.judge, self.run.identity, {**answers.generation, **more})

    @property
    def left_out(self) -> Mapping[str, float]:
        """Language -> share of answers that are empty or were cut off while thinking."""
        return {language: left_out(one.samples) for language, one in (self.answers or {}).items()}

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "folder": str(self.folder), "accepted": self.is_accepted, "digest": self.digest, "claim_digest": self.claim_digest, "seconds": round(self.seconds, 3),
            "problems": [one.as_dict() for one in self.problems], "flags": [vars(one) for one in self.flags],
            "world": {**vars(self.world), "key": self.world.key, "title": self.world.title, "standing": self.world.standing} if self.run and self.answers else None,
            "scores": [cell.as_dict() for cell in self.found.cells] if self.found else [],
        }  # fmt: skip


def check_submission(folder: Path, *, placed: bool = True, now: float | None = None) -> Checked:
    """Check a submission's folder.

    Args:
        folder: of the submission.
        placed: whether its name and place must be those of `leaderboard/submissions`; they follow from its contents.
        now: seconds since 1970, after which nothing can have been run; the clock's by default.

    Returns:
        What is wrong, as far as it could be read, and what the samples say.
    """
    began = time.perf_counter()
    try:
        checked = _check(folder, placed, time.time() if now is None else now)
    except OSError as error:
        told = error.strerror or type(error).__name__
        checked = Checked(
            folder, (Problem("PA100", str(folder), None, None, told, "a folder that can be read", FOLDER_FIX),)
        )
    return Checked(**{**vars(checked), "seconds": time.perf_counter() - began})


def _check(folder: Path, placed: bool, now: float) -> Checked:
    files, problems = submission_files(folder, placed=placed)
    if files is None:
        return Checked(folder, tuple(problems))
    manifest, wrong = read_manifest(files.manifest)
    problems += wrong
    problems += _remote_code(manifest) if manifest is not None else []
    problems += _secrets(files)
    run = read_run(files.results, files.results_name, problems, now=now)
    problems += _dated(files, run, now) if run is not None else []
    answers: dict[str, Answers] = {}
    for language, path in files.samples.items():
        if (read := read_answers(path, language, problems)) is not None:
            answers[language] = read
    if run is not None and set(run.tasks) != set(files.samples):
        got, expected = (", ".join(sorted(one)) for one in (files.samples, run.tasks))
        problems.append(
            Problem("PA105", folder.name, None, "samples", got, f"those of the results file: {expected}", FOLDER_FIX)
        )
    if run is None or set(answers) != set(files.samples) or (problems and set(run.tasks) != set(answers)):
        return Checked(folder, tuple(problems), manifest=manifest, run=run)
    found = recomputed(answers)
    problems += compare(found, answers, run, manifest)
    problems += _asked(folder, answers, run)
    digest = _digest(files, answers)
    if manifest is not None:
        problems += _agree(manifest, run, found)
        problems += _place(folder, files, manifest, digest) if placed else []
    manners = {str((one.generation, sorted(one.until))) for one in answers.values()}
    if len(manners) > 1:
        problems.append(
            Problem(
                "PA104",
                folder.name,
                None,
                "arguments",
                "other settings in each language",
                "one manner of generating",
                FOLDER_FIX,
            )
        )
    claimed = None if manifest is None else claim_digest(digest, manifest)
    flags = own_flags([one for of in answers.values() for one in of.samples])
    return Checked(folder, tuple(problems), tuple(flags), manifest, run, found, answers, digest, claimed)


def _asked(folder: Path, answers: Mapping[str, Answers], run: Run) -> list[Problem]:
    """The system prompt that the results file names is the one that the model was given."""
    told = run.system or ""
    wrong = [
        one.before
        for one in answers.values()
        if (one.before != told if one.is_chat else told.strip() not in one.before)
    ]
    fix = "Give lm-eval's own files, unchanged."
    return [
        Problem(
            "PA105", folder.name, None, "system_instruction", repr(one[:80]), f"what the run says: {told[:80]!r}", fix
        )
        for one in wrong[:1]
    ]


def _secrets(files: Files) -> list[Problem]:
    found = []
    for name, data in ((MANIFEST, files.manifest), (files.results_name, files.results)):
        if has_secret(data):
            fix = "Revoke it, take it out of the command, and run again."
            found.append(Problem("PA100", name, None, None, "what looks like a key or token", "none", fix))
    return found


def _remote_code(manifest: Manifest) -> list[Problem]:
    """Neither does the command let the model's own code run."""
    if not REMOTE_CODE.search(manifest.command):
        return []
    got, fix = "trust_remote_code", "Submit a model that transformers knows."
    return [Problem("PA110", MANIFEST, None, "command", got, "a model that needs no code of its own", fix)]


def _dated(files: Files, run: Run, now: float) -> list[Problem]:
    """The date of the files' names, which says which submission of one version is the newer, is that of the run, and has been."""
    written = moment(files.date)
    assert written is not None
    at = written.replace(tzinfo=UTC).timestamp()
    days = (at - run.date) / 86_400
    if at > now + 86_400:
        fix = "Give lm-eval's own files under the names that it gave them, from a machine whose clock is right."
        return [Problem("PA104", files.results_name, None, "date", files.date, "a day that has been", fix)]
    if -1 <= days <= MOST_DAYS:  # the name is in the time of a zone that it does not tell
        return []
    began = datetime.fromtimestamp(run.date, UTC).isoformat(timespec="seconds")
    fix = "Give lm-eval's own files under the names that it gave them."
    return [
        Problem(
            "PA104", files.results_name, None, "date", f"a run that began at {began}", f"the name's {files.date}", fix
        )
    ]


def _digest(files: Files, answers: Mapping[str, Answers]) -> str:
    parts = [
        hashlib.sha256(files.results).hexdigest(),
        *(answers[language].file_sha256 for language in sorted(answers)),
    ]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def claim_digest(digest: str, manifest: Manifest) -> str:
    """The hash of a submission's contents and of what its manifest says of the model: whoever changes either is judged anew.

    Args:
        digest: of results and samples.
        manifest: of which `CLAIMED` counts.
    """
    said = manifest.model_dump(mode="json")
    return identity_sha256({"digest": digest, **{name: said[name] for name in CLAIMED}})


def own_name(date: str, digest: str) -> str:
    """The name of a submission's folder.

    >>> own_name("2026-11-27T00-03-51.044831", "0123456789abcdef")
    '2026-11-27-01234567'
    """
    return f"{date[:10]}-{digest[:8]}"


def _place(folder: Path, files: Files, manifest: Manifest, digest: str) -> list[Problem]:
    place = folder.absolute()
    expected = f"{folder_of(manifest.model.id)}/{own_name(files.date, digest)}"
    got = f"{place.parent.name}/{place.name}"
    return (
        []
        if got == expected
        else [
            Problem(
                "PA100",
                got[:120],
                None,
                None,
                "this place",
                expected,
                "Move it there; the name follows from the contents.",
            )
        ]
    )


def _loaded(config: Mapping[str, Any]) -> str:
    """What a run loaded itself; a server may be anything, whatever its model is called."""
    told = str(model_arguments(config).get("pretrained") or "nothing")
    return told if opens_weights(config) else f"a model behind {config.get('model')}: kind served"


def _revised(name: str, said: str, config: Mapping[str, Any]) -> list[tuple[str, object, object]]:
    """A revision beside those that the run knows: the hash that was loaded, or the one that was asked for."""
    asked = str(model_arguments(config).get("revision") or "")
    known = [str(config.get("model_sha") or ""), asked if re.fullmatch(r"[0-9a-f]{40}", asked) else ""]
    return [(name, said, one) for one in known if one]


def _agree(manifest: Manifest, run: Run, found: Recomputed) -> list[Problem]:
    """What the manifest and the results file both say must be one thing."""
    config = run.raw["config"]
    pairs: list[tuple[str, object, object]] = [
        ("judge.name", manifest.judge.name, run.judge), ("judge.identity_sha256", manifest.judge.identity_sha256, identity_sha256(run.identity)),
        ("judge.rubrics_sha256", manifest.judge.rubrics_sha256, {name: load_rubric(name).hash for name in found.dimensions}),
        ("prompts.version", manifest.prompts.version, TASK_VERSION),
        ("prompts.sha256", manifest.prompts.sha256, {language: CHECKSUMS[language] for language in run.tasks}),
    ]  # fmt: skip
    for name in ("random", "numpy", "torch", "fewshot"):
        pairs.append((f"seeds.{name}", getattr(manifest.seeds, name), config.get(f"{name}_seed")))
    known = config.get("model_num_parameters")
    if isinstance(known, int) and known > 0:
        pairs.append(("n_parameters", manifest.n_parameters, known))
    dtype = str(config.get("model_dtype") or "").removeprefix("torch.")
    if dtype and dtype not in manifest.precision:
        pairs.append(("precision", manifest.precision, f"a text with {dtype} in it"))
    given = model_arguments(config)
    match manifest.model:
        case OnHub():
            pairs += [
                ("model.id", manifest.model.id, _loaded(config)),
                ("model.kind", "hub", "adapter" if given.get("peft") else "hub"),
            ]
            pairs += _revised("model.revision", manifest.model.revision, config)
        case Adapter():
            peft = str(given.get("peft") or "no adapter") if opens_weights(config) else _loaded(config)
            pairs += [("model.id", manifest.model.id, peft), ("model.base.id", manifest.model.base.id, _loaded(config))]
            pairs += _revised("model.base.revision", manifest.model.base.revision, config)
        case _:
            pass
    return [
        Problem("PA104", MANIFEST, None, name, str(got)[:100], f"what the run says: {str(expected)[:100]}", FIX)
        for name, got, expected in pairs if got != expected
    ]  # fmt: skip

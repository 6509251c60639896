"""What a board needs of a submission, small enough to keep: scores, lengths and hashes of answers, prompt by prompt.

A check takes seconds and a summary is opened in a millisecond, so that a new submission costs its own check only.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pluralign import __version__
from pluralign.errors import PluralignError
from pluralign.evaluation.prompts import load_prompts
from pluralign.judge import Score
from pluralign.judge.samples import on_unit_scale
from pluralign.leaderboard.alike import sketch
from pluralign.leaderboard.check import Checked, check_submission
from pluralign.leaderboard.flags import MOST_UNANSWERED, UNANSWERED, Flag
from pluralign.leaderboard.folder import MODEL_FOLDER, OWN_FOLDER
from pluralign.leaderboard.world import World
from pluralign.schema import LANGUAGES
from pluralign.stats.resampling import Floats

FORMAT = 4
"""Of what is kept; another one is made anew."""


@functools.cache
def axis() -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The prompts in the order of every array, and the number of each one's template."""
    rows = load_prompts("en")
    templates = np.unique([row["template_id"] for row in rows], return_inverse=True)[1].reshape(-1)
    return tuple(row["prompt_id"] for row in rows), templates


@dataclass(frozen=True, eq=False)
class Summary:
    """A submission that was checked.

    Attributes:
        place: `<org>__<model>/<date>-<short>`.
        digest: sha256 of results and samples.
        manifest: as plain values.
        world: where its scores may be compared.
        flags: what is odd about its answers by themselves.
        cells: (dimension, language) -> score, low, high, n, n_failed; on 0–1.
        lengths: language -> mean, in characters.
        scores: dimension -> (languages, prompts) on 0–1, NaN where not scored.
        characters: (languages, prompts), NaN where there is no answer in the language.
        hashes: (languages, prompts) sketches of the answers, see `alike.sketch`; 0 where there is none.
        claim_digest: of contents and of what the manifest claims of them; empty for one that was never checked.
    """

    place: str
    digest: str
    manifest: Mapping[str, Any]
    world: World
    flags: tuple[Flag, ...]
    cells: Mapping[tuple[str, str], tuple[float, float, float, int, int]]
    lengths: Mapping[str, float]
    scores: Mapping[str, Floats]
    characters: Floats
    hashes: NDArray[np.uint64]
    claim_digest: str = ""

    @property
    def known_as(self) -> str:
        """What a record of the keepers must speak of to count: the same answers under another claim are something else."""
        return self.claim_digest or self.digest

    @property
    def model(self) -> str:
        """`org/name`."""
        return str(self.manifest["model"]["id"])

    @property
    def version(self) -> str:
        """What tells two versions of a model apart: revision, or hash of the weights."""
        model = self.manifest["model"]
        return str(model.get("revision") or model.get("weights_sha256") or model.get("what"))

    @property
    def date(self) -> str:
        """Day of the run."""
        return Path(self.place).name[:10]


def summary_of(checked: Checked) -> Summary:
    """The summary of a submission that passed its check."""
    assert checked.manifest is not None
    assert checked.found is not None
    assert checked.run is not None
    assert checked.digest is not None
    prompts, _ = axis()
    number = {prompt: k for k, prompt in enumerate(prompts)}
    shape = (len(LANGUAGES), len(prompts))
    scores = {name: np.full(shape, np.nan) for name in checked.found.dimensions}
    characters, hashes = np.full(shape, np.nan), np.zeros(shape, np.uint64)
    for language, samples in checked.found.samples.items():
        at = LANGUAGES.index(language)
        for sample in samples:
            k = number[sample.prompt_id]
            characters[at, k] = len(sample.response)
            hashes[at, k] = sketch(sample.response)
            for name, judged in sample.judgements.items():
                if isinstance(judged, Score):
                    scores[name][at, k] = on_unit_scale(judged.value)
    cells = {
        (cell.dimension, cell.language): (cell.score.value, cell.score.low, cell.score.high, cell.score.n, sum(cell.failures.values()))
        for cell in checked.found.cells
    }  # fmt: skip
    folder = checked.folder.absolute()
    return Summary(
        f"{folder.parent.name}/{folder.name}", checked.digest, checked.manifest.model_dump(mode="json"), checked.world, _flags(checked), cells,
        dict(checked.found.lengths), scores, characters, hashes, checked.claim_digest or "",
    )  # fmt: skip


def _flags(checked: Checked) -> tuple[Flag, ...]:
    """A submission's own flags; who leaves out many prompts of one language is flagged for it, however few they are of all."""
    worst = max(checked.left_out, key=lambda language: checked.left_out[language], default="")
    if not worst or checked.left_out[worst] <= MOST_UNANSWERED or any(one.kind == UNANSWERED for one in checked.flags):
        return tuple(checked.flags)
    told = f"{checked.left_out[worst]:.0%} of the prompts in {worst} have no answer"
    return (*checked.flags, Flag(UNANSWERED, told))


class Store:
    """Checks that were made already, in one SQLite file; what was changed since is checked again.

    Args:
        path: of the file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.database = sqlite3.connect(path or ":memory:")
            self.database.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, info TEXT, arrays BLOB)")
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> PluralignError:
        told = f"{self.path} is no store of checks, or cannot be read ({error})."
        return PluralignError("PA113", told, "Remove it; it is made anew.")

    def get(self, key: str) -> Summary | list[dict[str, Any]] | None:
        """A summary, the problems of a refused submission, or None for what is not kept.

        Raises:
            PluralignError: PA113 where the file cannot be read, or holds something else.
        """
        try:
            found = self.database.execute("SELECT info, arrays FROM kept WHERE key = ?", (key,)).fetchone()
            if found is None:
                return None
            info = json.loads(found[0])
            return info["problems"] if "problems" in info else _unpacked(info, found[1])
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise self._broken(error) from error

    def all(self, keys: Iterable[str]) -> dict[str, Summary | list[dict[str, Any]]]:
        """Those that are kept, by key."""
        return {key: found for key in keys if (found := self.get(key)) is not None}

    def put(self, key: str, held: Summary | list[dict[str, Any]]) -> None:
        """Keep a summary or problems."""
        info, arrays = ({"problems": held}, b"") if isinstance(held, list) else _packed(held)
        try:
            self.database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, json.dumps(info), arrays))
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def commit(self) -> None:
        """Write down what was put."""
        try:
            self.database.commit()
        except sqlite3.Error as error:
            raise self._broken(error) from error


def _packed(one: Summary) -> tuple[dict[str, Any], bytes]:
    info = {
        "place": one.place, "digest": one.digest, "manifest": one.manifest, "world": vars(one.world), "flags": [vars(flag) for flag in one.flags],
        "cells": [[*key, *value] for key, value in one.cells.items()], "lengths": one.lengths, "claim_digest": one.claim_digest,
        "dimensions": list(one.scores),
    }  # fmt: skip
    out = io.BytesIO()
    for array in (*one.scores.values(), one.characters, one.hashes):
        out.write(np.ascontiguousarray(array).tobytes())
    return info, out.getvalue()


def _unpacked(info: Mapping[str, Any], arrays: bytes) -> Summary:
    shape = (len(LANGUAGES), len(axis()[0]))
    size = shape[0] * shape[1] * 8

    def taken(k: int, kind: Any) -> NDArray[Any]:
        return np.frombuffer(arrays, kind, shape[0] * shape[1], k * size).reshape(shape)

    names = info["dimensions"]
    scores = {name: taken(k, np.float64) for k, name in enumerate(names)}
    cells = {(d, language): (value, low, high, n, failed) for d, language, value, low, high, n, failed in info["cells"]}
    return Summary(
        info["place"], info["digest"], info["manifest"], World(**info["world"]), tuple(Flag(**flag) for flag in info["flags"]), cells,
        info["lengths"], scores, taken(len(names), np.float64), taken(len(names) + 1, np.uint64), info["claim_digest"],
    )  # fmt: skip


def submission_folders(submissions: Path) -> list[Path]:
    """Every folder that has the place of a submission, sorted; what else lies there is left alone, links too."""
    if not submissions.is_dir():
        raise PluralignError("PA113", f"{submissions} is no folder.", "Name the folder of submissions.")
    models = sorted(
        one
        for one in submissions.iterdir()
        if MODEL_FOLDER.fullmatch(one.name) and one.is_dir() and not one.is_symlink()
    )
    return [one for model in models for one in sorted(model.iterdir()) if OWN_FOLDER.fullmatch(one.name)]


def key_of(folder: Path) -> str:
    """What changes when any file of a submission does, or this code; by when a file's entry was changed, which nobody sets back."""
    told = []
    for one in sorted(folder.iterdir()) if folder.is_dir() else []:
        now = one.stat(follow_symlinks=False)
        told.append(f"{one.name} {now.st_size} {now.st_mtime_ns} {now.st_ctime_ns}")
    return hashlib.sha256(
        "\n".join([__version__, str(FORMAT), folder.parent.name, folder.name, *told]).encode("utf-8", "surrogateescape")
    ).hexdigest()


def summaries(
    folders: Sequence[Path], store: Store, progress: Any = None
) -> tuple[list[Summary], dict[str, list[dict[str, Any]]]]:
    """Check submissions, those that were not checked before.

    Args:
        folders: of submissions.
        store: of former checks.
        progress: called after each.

    Returns:
        Summaries of the accepted ones, and place -> problems of the refused.
    """
    accepted: list[Summary] = []
    refused: dict[str, list[dict[str, Any]]] = {}
    for folder in folders:
        key = key_of(folder)
        held = store.get(key)
        if held is None:
            checked = check_submission(folder)
            held = summary_of(checked) if checked.is_accepted else [one.as_dict() for one in checked.problems]
            store.put(key, held)
        if isinstance(held, list):
            refused[f"{folder.parent.name}/{folder.name}"] = held
        else:
            accepted.append(held)
        if progress is not None:
            progress()
    store.commit()
    return accepted, refused

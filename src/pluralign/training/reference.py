"""Log-probabilities under the base model, computed once per (model, prompt, answer) for every condition, seed and rank.

trl keys its cache by what is being trained, so that it misses whenever seed or rank changes; ours is keyed by the base model's weights and
the token ids alone. A SQLite file a model, in the user's cache folder. Processes that need the same at the same time share the work.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pluralign.errors import PluralignError
from pluralign.training.memory import Batches
from pluralign.training.packing import Tree, grouped, key_of
from pluralign.training.ranks import own_order

BATCH = 8
Floats = npt.NDArray[np.float64]


class ReferenceStore:
    """A table of log-probabilities on disk, with what was read kept in memory.

    Args:
        path: the file; made where it is not there.
        rank: of this process among those of one run, which need the same.
        n_ranks: how many they are.

    Raises:
        PluralignError: PA055 where it cannot be opened or is broken; every method raises it.
    """

    def __init__(self, path: Path, rank: int = 0, n_ranks: int = 1) -> None:
        self.path, self.rank, self.n_ranks = path, rank, n_ranks
        self._batches = Batches(BATCH)
        self._kept: dict[str, float] = {}
        with self._opened() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE IF NOT EXISTS reference (key TEXT PRIMARY KEY, logp REAL NOT NULL) WITHOUT ROWID")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The store in one transaction."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as db, db:
                # What a crash of the machine loses is computed again; waiting for the disk at every batch took seconds on a busy one.
                db.execute("PRAGMA synchronous=NORMAL")
                yield db
        except (OSError, sqlite3.OperationalError) as error:
            raise PluralignError(
                "PA055", f"cannot keep reference log-probabilities in {self.path}: {error}.", "Set PLURALIGN_CACHE to a folder with room."
            ) from error  # fmt: skip
        except sqlite3.Error as error:  # a page that is damaged, or another kind of file
            raise PluralignError(
                "PA055", f"the reference log-probabilities in {self.path} are broken: {error}.",
                f"Remove {self.path.name} and its -wal and -shm; it is made again.",
            ) from error  # fmt: skip

    def missing(self, trees: Sequence[Tree]) -> list[Tree]:
        """Answers that are not known yet, each once, grouped by prompt."""
        self._read({key for tree in trees for key in keys_of(tree)} - self._kept.keys())
        return grouped(trees, lambda tree: [key in self._kept for key in keys_of(tree)])

    def logps(self, trees: Sequence[Tree], compute: Callable[[Sequence[Tree]], Floats]) -> Floats:
        """Log-probabilities of all answers, tree by tree; missing ones are computed and kept, a batch at a time.

        Before each batch the file is looked at again: what another process has written meanwhile is not computed here too.

        Args:
            trees: prompts with answers.
            compute: log-probabilities of the answers of some trees, in order, nats.

        Returns:
            (n,) nats.

        Raises:
            PluralignError: PA096 where memory does not suffice for one tree.
        """

        def keep(part: Sequence[Tree]) -> None:
            keys = [key for tree in part for key in keys_of(tree)]
            self._write(dict(zip(keys, compute(part).tolist(), strict=True)))

        missing = self.missing(trees)
        if missing and self.n_ranks > 1:
            # Dealt out of all, known or not: dealt out of what is missing, a process that looks later would be given what another one has begun.
            missing = grouped(trees, lambda tree: [False] * len(tree.answers))
        pieces = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
        for piece in own_order(pieces, self.rank, self.n_ranks):
            for _ in self._batches.of(self.missing(piece), keep):
                pass
        return np.array([self._kept[key] for tree in trees for key in keys_of(tree)], np.float64)

    def of_batch(self, trees: Sequence[Tree], compute: Callable[[Sequence[Tree]], Floats]) -> Floats:
        """Log-probabilities of the answers of one batch, computed in that very batch and kept for it.

        In bfloat16 an answer's log-probability depends on what it is computed beside (half a nat of −500 was seen). Where a policy is compared
        with its reference to less than that, both must come from the same batch.

        Args:
            trees: of the batch, in its order.
            compute: their log-probabilities, in order, nats.

        Returns:
            (n,) nats.
        """
        own = [key for tree in trees for key in keys_of(tree)]
        beside = hashlib.blake2b("".join(own).encode(), digest_size=16).hexdigest()
        keys = [f"{key}@{beside}" for key in own]
        self._read(set(keys) - self._kept.keys())
        if any(key not in self._kept for key in keys):
            self._write(dict(zip(keys, compute(trees).tolist(), strict=True)))
        return np.array([self._kept[key] for key in keys], np.float64)

    def _read(self, keys: Iterable[str]) -> None:
        wanted = list(keys)
        with self._opened() as db:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT key, logp FROM reference WHERE key IN ({marks})", part)  # noqa: S608 - only marks
                self._kept.update(rows)

    def _write(self, found: dict[str, float]) -> None:
        with self._opened() as db:
            # Another process may have been faster: the first value stays, so that all agree.
            db.executemany("INSERT OR IGNORE INTO reference VALUES (?, ?)", found.items())
        self._read(found)


def keys_of(tree: Tree) -> list[str]:
    """The key of each answer."""
    return [key_of(tree.prompt, answer) for answer in tree.answers]

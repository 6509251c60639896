"""Embeddings kept on disk, so that a text is encoded once on a machine: one SQLite file an encoder and package version.

SQLite because two processes may share it: each takes the write lock for a moment, waits for the other, and a process that is
killed leaves whole rows or none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np

from pluralign.errors import PluralignError
from pluralign.rater_model.encoders import Vectors

WAIT_S = 60.0
"""How long a process waits for another that is writing."""
AT_ONCE = 500
"""Keys of one query; SQLite's oldest limit is 999."""


def text_key(text: str) -> bytes:
    """What a text is kept under: its sha256. Surrogates that are no characters are kept apart, not refused."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


class EmbeddingCache:
    """Vectors by text.

    Args:
        file: the SQLite file; made with its folder at the first write.
        width: numbers of a vector.
    """

    def __init__(self, file: Path, width: int) -> None:
        self.file = file
        self.width = width

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors that are there, by key.

        Raises:
            PluralignError: PA078 where the file is not such a cache or cannot be read.
        """
        if not self.file.exists():
            return {}
        found: dict[bytes, Vectors] = {}
        with self._connection() as connection:
            for start in range(0, len(keys), AT_ONCE):
                part = keys[start : start + AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT key, vector FROM embedding WHERE key IN ({marks})", part)  # noqa: S608 - question marks only
                found |= {key: np.frombuffer(blob, "<f4") for key, blob in rows}
        if any(vector.shape != (self.width,) for vector in found.values()):
            raise self._unusable(f"it holds vectors of another width than {self.width}")
        return found

    def put(self, vectors: dict[bytes, Vectors]) -> None:
        """Keep vectors, all or none; what another process wrote meanwhile stays.

        Raises:
            PluralignError: PA078 where the file is not such a cache or cannot be written.
        """
        rows = [(key, np.ascontiguousarray(vector, "<f4").tobytes()) for key, vector in vectors.items()]
        with self._connection() as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO embedding VALUES (?, ?)", rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=WAIT_S)) as connection:
                # WITHOUT ROWID would spread 2 kB rows over the key's tree; the plain table with its index is smaller and faster.
                connection.execute("CREATE TABLE IF NOT EXISTS embedding (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, why: str) -> PluralignError:
        return PluralignError(
            "PA078", f"the embeddings in {self.file} cannot be used: {why}.",
            "Delete the file (texts are then encoded again), or set PLURALIGN_CACHE to another folder.",
        )  # fmt: skip

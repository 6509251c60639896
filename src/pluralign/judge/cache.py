"""Judgements that were paid for, kept in an SQLite file that several threads and processes may share.

Every judgement is written as soon as it arrives, so that a killed run goes on where it was. Failures are not kept. A process *claims* a
judgement before it asks for it, so that another one waits for the answer instead of paying for it too; claims expire, and those of a
process that is gone count for nothing.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError
from pluralign.places import cache_folder

FILE = "judgements.sqlite"
APPLICATION = 0x504C4A31  # "PLJ1", in the file's header: tells our file from any other SQLite file.
BUSY_S = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS judgements (key TEXT PRIMARY KEY, value REAL NOT NULL, reason TEXT, mode TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS servers (key TEXT PRIMARY KEY, found TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Kept:
    """A judgement in the cache.

    Attributes:
        value: 1–5.
        reason: the judge's words, or None.
        mode: how the value was read.
    """

    value: float
    reason: str | None
    mode: str


def default_path() -> Path:
    """`judgements.sqlite` in `$PLURALIGN_CACHE`, or in the user's cache folder."""
    return cache_folder(".") / FILE


class JudgementCache:
    """The file.

    Args:
        path: of the file, made if it is not there; None keeps judgements in memory, for this run alone.

    Raises:
        PluralignError: PA078 where it is no cache of ours, damaged, or cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._host = socket.gethostname()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are begun by hand; the lock keeps threads apart.
            self._db = sqlite3.connect(
                ":memory:" if path is None else path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(str(error)) from error

    def _prepare(self) -> None:
        # Both in one transaction: another process may be just making the file.
        self._db.execute("BEGIN")
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        self._db.execute("COMMIT")
        if application != APPLICATION and tables:
            raise sqlite3.DatabaseError("it is an SQLite file of something else")
        self._to_wal()
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.strip().splitlines():
            self._db.execute(statement)
        # Writing the header shows at once whether the file can be written to.
        self._db.execute(f"PRAGMA application_id={APPLICATION}")
        self._db.execute("DELETE FROM claims WHERE expires < ?", (time.time(),))
        self._db.execute("COMMIT")
        (state,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)

    def _to_wal(self) -> None:
        """Switch to write-ahead logging; SQLite does not wait for another process that is just doing the same, so we do."""
        until = time.monotonic() + BUSY_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _unusable(self, why: str) -> PluralignError:
        return PluralignError(
            "PA078", f"{self.path}: {why}.",
            "Move the file away or mend its permissions, name another with `cache`, or set cache to '' for none.",
        )  # fmt: skip

    def get(self, keys: Sequence[str]) -> dict[str, Kept]:
        """The judgements that are there, of all keys at once."""
        found: dict[str, Kept] = {}
        with self._lock:
            for begin in range(0, len(keys), 500):
                part = keys[begin : begin + 500]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, value, reason, mode FROM judgements WHERE key IN ({marks})", part)  # noqa: S608 - marks only
                found |= {key: Kept(value, reason, mode) for key, value, reason, mode in rows}
        return found

    def put(self, key: str, kept: Kept) -> None:
        """Keep a judgement, durably against the process being killed, and give up the claim on it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(
                    "INSERT OR IGNORE INTO judgements VALUES (?, ?, ?, ?)", (key, kept.value, kept.reason, kept.mode)
                )
                self._db.execute("DELETE FROM claims WHERE key = ?", (key,))
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Claim a judgement for `seconds`; False where someone else has claimed it and is alive, or it is there by now."""
        now = time.time()
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self._db.execute("SELECT 1 FROM judgements WHERE key = ?", (key,)).fetchone():
                    return False
                held = self._db.execute("SELECT owner, host, pid, expires FROM claims WHERE key = ?", (key,)).fetchone()
                if held and held[0] != owner and held[3] > now and self._alive(held[1], held[2]):
                    return False
                self._db.execute(
                    "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
                    (key, owner, self._host, os.getpid(), now + seconds),
                )
                return True
            finally:
                if self._db.in_transaction:
                    self._db.execute("COMMIT")

    def _alive(self, host: str, pid: int) -> bool:
        # Signal 0 only asks; on Windows it would end the process, so there a claim lasts until it expires.
        if host != self._host or sys.platform == "win32":
            return True
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def release(self, key: str, owner: str) -> None:
        """Give up a claim without a judgement."""
        with self._lock:
            self._db.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, owner))

    def server(self, key: str) -> dict[str, Any] | None:
        """What was found out about a server and model, or None."""
        with self._lock:
            row = self._db.execute("SELECT found FROM servers WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def remember_server(self, key: str, found: Mapping[str, Any]) -> None:
        """Keep what was found out about a server and model, so that a resumed run asks in the same way."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO servers VALUES (?, ?)", (key, json.dumps(dict(found))))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __del__(self) -> None:
        if hasattr(self, "_db"):
            self._db.close()


def open_cache(named: str | None) -> JudgementCache:
    """The cache that `JudgeOptions.cache` names: None the user's, '' none beyond this run, else a file."""
    if named == "":
        return JudgementCache(None)
    return JudgementCache(default_path() if named is None else Path(named).expanduser())


def new_owner() -> str:
    """A name for one run's claims."""
    return uuid.uuid4().hex

"""Filled sheets, read back: CSV as spreadsheets save it, or what Potato stored. Everything that is wrong is told at once."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluralign.errors import PluralignError, Problem, ProblemsFoundError, did_you_mean, listing
from pluralign.judge.sheet_files import unguarded

if TYPE_CHECKING:
    from pluralign.judge.sheet import Key

DELIMITERS = ",;\t"
POINT = re.compile(r"([1-5])(?:[.,]0+)?")
STATE = "user_state.json"
FIX = "Correct it in the sheet, or leave the cell empty."


@dataclass(frozen=True)
class HumanScore:
    """One score of one person.

    Attributes:
        rater: the sheet's file name, or the name in Potato.
        id: line of the sheet.
        dimension: what was scored.
        value: 1–5.
    """

    rater: str
    id: str
    dimension: str
    value: int


@dataclass(frozen=True)
class Filled:
    """What came back.

    Attributes:
        scores: all of them, by rater, line and dimension, so that no number depends on the order of files.
        n_missing: scores that are not there, out of all lines and dimensions for everyone: cells left empty, lines taken out, answers
            that nobody opened in Potato (there, a language that one does not score counts as well).
        notes: what a reader must know.
    """

    scores: Sequence[HumanScore]
    n_missing: int
    notes: Sequence[str] = field(default_factory=tuple)


def read_filled(paths: Sequence[Path], key: Key) -> Filled:
    """Read filled sheets of one key.

    Args:
        paths: CSV files, one a person; Potato's `user_state.json`, or folders of them.
        key: of the sheet.

    Raises:
        PluralignError: PA076 where a path is not there, or nothing was scored.
        ProblemsFoundError: PA076, every cell that is wrong.
    """
    problems: list[Problem] = []
    scores: dict[tuple[str, str, str], HumanScore] = {}
    raters: set[str] = set()
    n_changed = 0
    for path, rater in _named(_files(paths)):
        reader = _Reader(path, key, problems)
        rows = reader.potato() if path.name == STATE else reader.sheet()
        for where, name, dimension, cell in rows:
            if value := reader.point(where, dimension, cell):
                scores[rater(reader), name, dimension] = HumanScore(rater(reader), name, dimension, value)
        raters.add(rater(reader))
        n_changed += reader.n_changed
    if problems:
        raise ProblemsFoundError(problems)
    if not scores:
        raise PluralignError(
            "PA076", f"nothing was scored in {listing([str(one) for one in paths])}.", "Give filled sheets."
        )
    notes = [f"{n_changed} texts differ from those that were given out; the ids were gone by"] if n_changed else []
    n_missing = len(raters) * len(key.entries) * len(key.dimensions) - len(scores)
    return Filled([scores[name] for name in sorted(scores)], n_missing, notes)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob(STATE)) if path.is_dir() else [path]
        if not inside or not inside[0].is_file():
            raise PluralignError("PA076", f"got {path}; expected a filled sheet (CSV), or a folder with Potato's {STATE}.",
                                 "Name the files that came back.")  # fmt: skip
        found += inside
    return list(dict.fromkeys(found))


def _named(files: Sequence[Path]) -> Iterator[tuple[Path, Any]]:
    """Files with what gives the rater's name: the file's name, with its folder where two are called the same."""
    stems = [path.stem for path in files]
    for path in files:
        plain = path.stem if stems.count(path.stem) == 1 else f"{path.parent.name}/{path.stem}"
        yield path, lambda reader, plain=plain: reader.rater or plain


class _Reader:
    """One file under examination."""

    def __init__(self, path: Path, key: Key, problems: list[Problem]) -> None:
        self.path, self.key, self.problems = path, key, problems
        self.rater, self.n_changed = "", 0

    def wrong(self, where: str, name: str | None, got: str, expected: str, fix: str = FIX) -> None:
        self.problems.append(Problem("PA076", where, None, name, got, expected, fix))

    def sheet(self) -> Iterator[tuple[str, str, str, str]]:
        """Where, id, dimension and cell of every score of a CSV."""
        rows = _csv_rows(self.path)
        header = [cell.strip().casefold() for cell in rows[0][1]] if rows else []
        wanted = ["id", *self.key.dimensions]
        if absent := [name for name in wanted if header.count(name) != 1]:
            expected = f"once each column of {listing(wanted)}"
            self.wrong(
                str(self.path), None, f"{listing(absent)} not there, or twice", expected, "Keep the sheet's columns."
            )
            return
        seen: set[str] = set()
        for line, cells in rows[1:]:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{self.path}:{line}"
            row = dict(zip(header, cells, strict=False))
            name = row["id"].strip()
            if name in seen:
                self.wrong(where, "id", f"{name!r} again", "every id once", "Keep one of the two lines.")
            elif self.known(where, name):
                self.n_changed += self.changed(name, row)
                yield from ((where, name, one, row.get(one, "")) for one in self.key.dimensions)
            seen.add(name)

    def known(self, where: str, name: str) -> bool:
        if name in self.key.entries:
            return True
        other = "" if name.startswith(self.key.sheet) else f" of sheet {self.key.sheet!r}: is this another sheet?"
        self.wrong(where, "id", repr(name), f"an id{other or ' of the key.'}{did_you_mean(name, self.key.entries)}".rstrip("."),
                   "Keep the ids as they were.")  # fmt: skip
        return False

    def changed(self, name: str, row: dict[str, str]) -> bool:
        entry = self.key.entries[name]
        return any(_plain(unguarded(row.get(part, ""))) != _plain(entry[part]) for part in ("prompt", "response"))

    def point(self, where: str, dimension: str, cell: str) -> int:
        """The score in a cell; 0 where it is empty, or wrong and noted."""
        text = cell.strip().removeprefix("'")
        if not text:
            return 0
        if match := POINT.fullmatch(text):
            return int(match[1])
        self.wrong(where, dimension, repr(cell), "a whole number from 1 to 5")
        return 0

    def potato(self) -> Iterator[tuple[str, str, str, str]]:
        """The same of one person's state in Potato."""
        try:
            told = json.loads(self.path.read_text("utf-8"))
            self.rater = str(told["user_id"])
            stored = told["instance_id_to_label_to_value"]
            by_id = {str(name): _potato_values(labels) for name, labels in stored.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.wrong(str(self.path), None, f"{type(error).__name__} ({error})", "what Potato stores of a person",
                       "Give annotation_output as Potato wrote it.")  # fmt: skip
            return
        for name, values in by_id.items():
            where = f"{self.path} {name}"
            if self.known(where, name):
                yield from ((where, name, one, values.get(one, "")) for one in self.key.dimensions)


def _potato_values(labels: Any) -> dict[str, str]:
    """Dimension -> value, of either form in which Potato stores labels: pairs, or nested objects."""
    if isinstance(labels, dict):
        return {schema: str(next(iter(_inner(value)), "")) for schema, value in labels.items()}
    return {label["schema"]: str(value) for label, value in labels if value not in (None, "", False)}


def _inner(value: Any) -> list[Any]:
    value = value.get("labels", value) if isinstance(value, dict) else value
    return [name for name, given in value.items() if given] if isinstance(value, dict) else [value]


def _csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Numbered rows of a CSV in any of the forms in which spreadsheets save it.

    The encoding is by its mark, else UTF-8, else Windows-1252 (what Excel writes as plain CSV); the delimiter is what splits
    off `id`.
    """
    data = path.read_bytes()
    text = _decoded(data)
    if text.casefold().startswith("sep=") and "\n" in text:
        text = text.split("\n", 1)[1]
    head = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [(reader.line_num, row) for row in reader if row]


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _plain(text: str) -> str:
    return " ".join(text.split())

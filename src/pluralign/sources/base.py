"""What every importer declares, and how it gathers the three tables without losing a row."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from pluralign.errors import CODES, PluralignError, listing
from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.ratings.checks import REJECTED_SCHEMA
from pluralign.ratings.tables import file_checksum, table_schema
from pluralign.schema import ATTRIBUTES, TABLES, UNDISCLOSED

Row = dict[str, str]


def text_id(text: str) -> str:
    """A short stable name of a text, for sources whose own item names cannot be relied on.

    >>> text_id("Hello.") == text_id("Hello.")
    True
    """
    return sha256(text.encode()).hexdigest()[:12]


def read_csv(path: Path, source: Source, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file, after its header was found to have the columns that are needed.

    Raises:
        PluralignError: PA031 with the missing columns and how to get the files.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            header = reader.fieldnames or []
        except (csv.Error, UnicodeDecodeError) as error:
            raise source.not_recognised(f"{path.name} is not CSV ({error})") from error
        if absent := [column for column in needed if column not in header]:
            raise source.not_recognised(
                f"{path.name} has no column {listing(absent)}; it has {listing(list(header), 20)}"
            )
        yield from reader


def read_jsonl(path: Path, source: Source, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file.

    Raises:
        PluralignError: PA031 for a line that is not JSON or lacks a key that is needed.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise source.not_recognised(f"{path.name}, line {number} is not JSON ({error})") from error
            if absent := [key for key in needed if key not in row]:
                raise source.not_recognised(f"{path.name}, line {number} has no key {listing(absent)}")
            yield row


@dataclass
class Collected:
    """The three tables in the making. Rows that are no ratings are set aside with their reason, and counted.

    Attributes:
        read: rows of the source that were read.
    """

    read: int = 0
    raters: dict[str, dict[str, Any]] = field(default_factory=dict)
    conflicts: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    ratings: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def rater(self, rater_id: str, **attributes: Any) -> None:
        """A rater as one row of the source shows them.

        What is missing in one row is taken from another; where two rows say different things, `settle` decides.
        """
        blank = {name: [UNDISCLOSED] if a.several else UNDISCLOSED for name, a in ATTRIBUTES.items()}
        known = self.raters.setdefault(rater_id, {"rater_id": rater_id, **blank})
        for name, value in attributes.items():
            if value == blank[name] or known[name] == value:
                continue
            if known[name] == blank[name]:
                known[name] = value
                continue
            differing = self.conflicts.setdefault((rater_id, name), [str(known[name])])
            if str(value) not in differing:
                differing.append(str(value))

    def item(self, item_id: str, **columns: str | None) -> None:
        """An item; the first row that shows it counts."""
        self.items.setdefault(item_id, {"item_id": item_id, "prompt_id": item_id, **columns})

    def rating(
        self, rater_id: str, item_id: str, dimension: str, value: int, language: str = "en", position: int | None = None
    ) -> None:
        """A rating; without a position of its own it comes in the order in which it was read."""
        self.seen[item_id, dimension] += 1
        place = self.seen[item_id, dimension] if position is None else position
        self.ratings.append(
            {"rater_id": rater_id, "item_id": item_id, "dimension": dimension, "value": value, "language": language, "position": place}
        )  # fmt: skip

    def reject(self, code: str, reason: str, row: int, content: Mapping[str, Any], table: str = "ratings") -> None:
        """Set a row of the source aside."""
        text = json.dumps(content, ensure_ascii=False, default=str)
        self.rejected.append(
            {"table": table, "row": row, "code": code, "reason": f"{code} {CODES[code]}: {reason}", "content": text}
        )

    def settle(self) -> None:
        """Give every attribute on which a rater's rows differ the value `undisclosed`, and report it."""
        for (rater_id, name), values in self.conflicts.items():
            row = list(self.raters).index(rater_id)
            reason = f"{name} is {' and '.join(values)} in different rows; kept as {UNDISCLOSED}"
            self.reject("PA011", reason, row, {"rater_id": rater_id, name: values}, "raters")
            self.raters[rater_id][name] = [UNDISCLOSED] if ATTRIBUTES[name].several else UNDISCLOSED


@dataclass(frozen=True)
class Source:
    """A public rating set that can be imported.

    Attributes:
        name: as in `pluralign data import NAME PATH`.
        title: what it is.
        licence: as its authors state it.
        citation: what to cite.
        how_to_get: where users get the files.
        files: the files that `PATH` is, or is a folder of.
        scale: its scale in words.
        dimensions: its dimensions, and which of ours each is nearest to.
        maps: which field becomes what, and by which rule.
        drops: what is left out, and why.
        tested_on_real_files: whether the importer was run on the files as they are published.
        collect: reads the files.
    """

    name: str
    title: str
    licence: str
    citation: str
    how_to_get: str
    files: tuple[str, ...]
    scale: str
    dimensions: tuple[SourceDimension, ...]
    maps: tuple[str, ...]
    drops: tuple[str, ...]
    tested_on_real_files: bool
    collect: Callable[[Source, Path], tuple[Collected, tuple[Path, ...]]]

    def not_recognised(self, why: str) -> PluralignError:
        """The error for files that are not this source's."""
        return PluralignError(
            "PA031",
            f"{self.name}: {why}. Expected {', '.join(self.files)}.",
            f"How to get the files: {self.how_to_get}",
        )

    def find(self, path: Path, name: str) -> Path:
        """A file of the source: `path` itself, or the file of that name in the folder `path`.

        Raises:
            PluralignError: PA031 where it is not there.
        """
        if path.is_file():
            return path
        found = sorted(path.rglob(name)) if path.is_dir() else []
        if not found:
            raise self.not_recognised(f"no {name} at {path.name}" if path.exists() else f"{path} does not exist")
        return found[0]

    def read(self, path: Path, *, strict: bool = False) -> Ratings:
        """Import: read, map, check.

        Raises:
            PluralignError: PA031 where the files are not this source's.
            ProblemsFoundError: any problem of a row, if `strict`.
        """
        collected, files = self.collect(self, path)
        collected.settle()
        if not collected.ratings:
            raise self.not_recognised(f"no rating in {', '.join(file.name for file in files)}")
        notes = (
            []
            if self.tested_on_real_files
            else ["This importer was written from the published schema and not run on the real files."]
        )
        provenance = Provenance(
            kind="imported",
            source=self.name,
            version=sha256("".join(map(file_checksum, files)).encode()).hexdigest()[:12],
            licence=self.licence,
            dimensions=self.dimensions,
            description=f"{self.title}. Scale: {self.scale}.",
            citation=self.citation,
            choices=(*self.maps, *self.drops, *notes),
            details={"files": [file.name for file in files], "rows_read": collected.read},
        )
        aside = pa.Table.from_pylist(collected.rejected, schema=REJECTED_SCHEMA)
        if strict and collected.rejected:
            first = collected.rejected[0]
            raise PluralignError(first["code"], f"{len(collected.rejected)} row(s) set aside; the first: {first['reason']}.",
                                 "Import without --strict; the rows go to rejected.parquet.")  # fmt: skip
        return Ratings.from_tables(
            _table("raters", list(collected.raters.values())),
            _table("items", list(collected.items.values())),
            _table("ratings", collected.ratings),
            provenance,
            rejected=aside,
            strict=strict,
        )


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([column.with_nullable(True) for column in table_schema(name)])
    names = [column.name for column in TABLES[name]]
    return pa.table({n: pa.array([row.get(n) for row in rows], schema.field(n).type) for n in names}, schema=schema)


def mapped(value: str | None, table: Mapping[str, str]) -> str:
    """A source's category as ours; a missing one is `undisclosed`, one that is not in the table stays as it is and fails the checks.

    >>> mapped("Woman", {"woman": "female"}), mapped(" ", {}), mapped("Elf", {"woman": "female"})
    ('female', 'undisclosed', 'Elf')
    """
    text = (value or "").strip()
    if not text or text.casefold() in ("na", "nan", "none", "null"):
        return UNDISCLOSED
    return table.get(text.casefold(), text)


def band_of_age(value: str | float | None) -> str:
    """The age band of an age in years; missing or below 18 is `undisclosed`.

    >>> band_of_age("30"), band_of_age(31.0), band_of_age("61"), band_of_age("")
    ('18-30', '31-40', 'over-60', 'undisclosed')
    """
    try:
        age = float(value or "nan")
    except ValueError:
        return str(value)
    for top, band in ((17, UNDISCLOSED), (30, "18-30"), (40, "31-40"), (50, "41-50"), (60, "51-60"), (130, "over-60")):
        if age <= top:
            return band
    return UNDISCLOSED

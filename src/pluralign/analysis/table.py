"""A table of results: columns for people, records for programs."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def printable(text: str) -> str:
    """A text of anybody's without control characters, which could move a terminal's cursor or break a line or a page.

    >>> printable("one\\nline \\x1b[31m")
    'one line �[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        character if unicodedata.category(character) != "Cc" else " " if character.isspace() else "\ufffd"
        for character in text
    )


@dataclass(frozen=True)
class Table:
    """What was found, for people and for programs.

    Attributes:
        name: short, for files.
        title: a heading.
        columns: headings of the columns.
        cells: one row of texts each; numbers as they are shown.
        records: the same rows with every number in full, for CSV and JSON.
        note: what a reader must know, in sentences.
        numeric: columns that are aligned to the right.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    records: tuple[Mapping[str, Any], ...]
    note: str = ""
    numeric: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], records: Sequence[Mapping[str, Any]],
        note: str = "", numeric: Sequence[str] = (),
    ) -> Table:  # fmt: skip
        """A table of rows of anything that has a text."""
        cells = tuple(tuple(printable(str(cell)) for cell in row) for row in rows)
        right = frozenset(columns.index(one) for one in numeric)
        return cls(name, title, tuple(columns), cells, tuple(records), note, right)

    def to_text(self) -> str:
        """Aligned columns for a terminal.

        >>> print(Table.of("t", "T", ["a", "n"], [["x", 1], ["yy", 10]], [], numeric=["n"]).to_text())
        T
          a    n
          x    1
          yy  10
        """
        rows = [self.columns, *self.cells]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.columns))]
        lines = [self.title]
        for row in rows:
            placed = [
                cell.rjust(width) if k in self.numeric else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append(("  " + "  ".join(placed)).rstrip())
        return "\n".join(lines + ([self.note] if self.note else []))

    def to_markdown(self) -> str:
        """A Markdown table under its title."""
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in (self.columns, *self.cells)]
        ruler = ["---:" if k in self.numeric else "---" for k in range(len(self.columns))]
        lines = [f"| {' | '.join(row)} |" for row in (escaped[0], ruler, *escaped[1:])]
        return "\n".join([f"## {self.title}", "", *lines, *(["", self.note] if self.note else []), ""])

    def to_csv(self) -> str:
        """The records, every number in full; an undefined one is empty, and a list is JSON."""
        keys = list(dict.fromkeys(key for record in self.records for key in record))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(keys)
        for record in self.records:
            writer.writerow([_cell(record.get(key)) for key in keys])
        return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value

"""The three tables in the making: every answer of a source is kept or set aside with its reason, and counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from pluralign.errors import CODES, Problem
from pluralign.ratings import SourceDimension
from pluralign.ratings.checks import REJECTED_SCHEMA
from pluralign.ratings.tables import table_schema
from pluralign.schema import ATTRIBUTES, TABLES, UNDISCLOSED
from pluralign.sources.reading import whole_number

AnyRow = TypeVar("AnyRow", bound=Mapping[str, Any])


@dataclass
class Collected:
    """What was read of a source so far.

    Attributes:
        n_rows: rows of the source's ratings that were read.
        n_answers: answers in them; each is a rating or set aside.
        raters, items: by id, as rows of the schema's tables.
        ratings: rows of the schema's table.
        problems: why something was set aside, one for each row of `rejected`.
        rejected: rows of `checks.REJECTED_SCHEMA`; a row counts in the source's file, a rater's or an item's in its table.
    """

    n_rows: int = 0
    n_answers: int = 0
    raters: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    ratings: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    _places: Counter[tuple[str, str]] = field(default_factory=Counter)
    _conflicts: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    _here: tuple[str, int, Mapping[str, Any]] = ("", 0, {})

    def rows(
        self, file: Path, rows: Iterable[AnyRow], order: Callable[[AnyRow], Any] | None = None
    ) -> Iterator[AnyRow]:
        """The rows that hold ratings, counted, in the file's order or another; `answer` and `reject` know which row it is."""
        numbered: Iterable[tuple[int, AnyRow]] = enumerate(rows)
        if order is not None:
            numbered = sorted(numbered, key=lambda pair: order(pair[1]))
        for number, row in numbered:
            self.n_rows += 1
            self._here = (file.name, number, row)
            yield row

    def rater(self, rater_id: str, **attributes: Any) -> None:
        """A rater as one row shows them: what one row leaves out is taken from another; where two differ, `settle` decides."""
        blank = {name: [UNDISCLOSED] if a.several else UNDISCLOSED for name, a in ATTRIBUTES.items()}
        known = self.raters.setdefault(rater_id, {"rater_id": rater_id, **blank})
        for name, value in attributes.items():
            if value != blank[name] and known[name] == blank[name]:
                known[name] = value
            elif value != blank[name] and value != known[name]:
                self._differ("raters", rater_id, name, known[name], value)

    def item(self, item_id: str, **columns: str | None) -> None:
        """An item as one row shows it: what one row leaves out is taken from another; where two differ, the first is kept."""
        fresh = {"item_id": item_id, "prompt_id": item_id, **columns}
        known = self.items.setdefault(item_id, fresh)
        for name, value in fresh.items():
            if value is not None and known.get(name) is None:
                known[name] = value
            elif value is not None and value != known[name]:
                self._differ("items", item_id, name, known[name], value)

    def _differ(self, table: str, name: str, column: str, *values: Any) -> None:
        seen = self._conflicts.setdefault((table, name, column), [])
        seen += [shown for shown in map(_shown, values) if shown not in seen]

    def answer(
        self, rater_id: str, item_id: str, dimension: SourceDimension, value: object, language: str | None = "en"
    ) -> None:
        """An answer on a dimension: a rating if it is a whole number, else set aside. Its place is the order of appearance."""
        number = whole_number(value)
        if number is None:
            expected = f"a whole number, {dimension.minimum}–{dimension.maximum}"
            self.reject("PA033", dimension.name, repr(value), expected)
            return
        self.n_answers += 1
        self._places[item_id, dimension.name] += 1
        self.ratings.append(
            {"rater_id": rater_id, "item_id": item_id, "dimension": dimension.name, "value": number, "language": language,
             "position": self._places[item_id, dimension.name]}
        )  # fmt: skip

    def reject(self, code: str, column: str, got: str, expected: str) -> None:
        """Set the present row's answer in a column aside."""
        self.n_answers += 1
        file, number, row = self._here
        self._aside(
            "ratings",
            code,
            Problem(code, file, number, column, got, expected, "Without strict it goes to `rejected`."),
            row,
        )

    def settle(self) -> None:
        """Report what differs between rows: a rater keeps the attribute `undisclosed`, an item what its first row shows."""
        places = {name: {key: row for row, key in enumerate(getattr(self, name))} for name in ("raters", "items")}
        for (table, name, column), values in self._conflicts.items():
            code, expected = ("PA011", "one value") if table == "raters" else ("PA012", "one text")
            kept = f"{UNDISCLOSED!r} is kept" if table == "raters" else "the first is kept"
            got = f"{', '.join(values)} for {name!r} in different rows; {kept}"
            content = {"rater_id" if table == "raters" else "item_id": name, column: values}
            problem = Problem(code, table, places[table][name], column, got, expected, "Correct the source's rows.")
            self._aside(table, code, problem, content)
            if table == "raters":
                self.raters[name][column] = [UNDISCLOSED] if ATTRIBUTES[column].several else UNDISCLOSED

    def _aside(self, table: str, code: str, problem: Problem, content: Mapping[str, Any]) -> None:
        self.problems.append(problem)
        where = f"{problem.file}, row {problem.row}, {problem.field}"
        reason = f"{code} {CODES[code]} ({where}): got {problem.got}, expected {problem.expected}"
        text = json.dumps(content, ensure_ascii=False, default=str)
        self.rejected.append({"table": table, "row": problem.row, "code": code, "reason": reason, "content": text})

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
        """Raters, items, ratings and what was set aside, as Arrow tables; the checks are still to come."""
        return (
            _table("raters", list(self.raters.values())),
            _table("items", list(self.items.values())),
            _table("ratings", self.ratings),
            pa.Table.from_pylist(self.rejected, schema=REJECTED_SCHEMA),
        )


def _shown(value: Any) -> str:
    return " and ".join(value) if isinstance(value, list) else str(value)


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([column.with_nullable(True) for column in table_schema(name)])
    names = [column.name for column in TABLES[name]]
    return pa.table({n: pa.array([row.get(n) for row in rows], schema.field(n).type) for n in names}, schema=schema)

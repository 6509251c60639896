"""Checks of the three tables. They report every problem at once, and can set the offending rows aside.

A row that is set aside takes what rests on it along (a rejected item's ratings are ratings of an unknown item), so what is
kept always passes the checks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pluralign.errors import CODES, Problem, did_you_mean, listing
from pluralign.ratings.provenance import Provenance
from pluralign.ratings.tables import table_schema
from pluralign.schema import ATTRIBUTES, CANONICAL, LANGUAGES, TABLES, UNDISCLOSED

REJECTED_SCHEMA = pa.schema(
    [("table", pa.string()), ("row", pa.int64()), ("code", pa.string()), ("reason", pa.string()), ("content", pa.string())]
)  # fmt: skip
"""Rows that were set aside: from which table, which row of it, why (code and sentence), and the row itself as JSON."""


@dataclass(frozen=True)
class Sifted:
    """What `sift` made of three tables.

    Attributes:
        tables: the rows that pass every check, in their order, with the canonical schema.
        rejected: the other rows, `REJECTED_SCHEMA`.
        problems: everything that was found.
    """

    tables: dict[str, pa.Table]
    rejected: pa.Table
    problems: list[Problem]


def structural_problems(tables: Mapping[str, pa.Table]) -> list[Problem]:
    """Columns that are missing, foreign or of a type that cannot be cast to the schema's."""
    found: list[Problem] = []
    for name in CANONICAL:
        table, schema = tables[name], table_schema(name)
        for column in schema:
            if column.name not in table.column_names:
                fix = f"Add the column ({column.type})." + did_you_mean(column.name, table.column_names)
                found.append(Problem("PA002", name, None, column.name, "no such column", str(column.type), fix))
                continue
            try:
                table.column(column.name).cast(column.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
                got = f"{table.schema.field(column.name).type} ({str(error).splitlines()[0]})"
                found.append(Problem("PA003", name, None, column.name, got, str(column.type), "Cast the column."))
        for extra in sorted(set(table.column_names) - set(schema.names)):
            fix = "Drop it or rename it." + did_you_mean(extra, schema.names)
            found.append(Problem("PA015", name, None, extra, "a column of its own", "only the schema's columns", fix))
    return found


def conform(table: pa.Table, name: str) -> pa.Table:
    """The table with the canonical columns in order and type (after `structural_problems` found nothing).

    A column that holds nulls where the schema has none stays nullable: the row checks report them with a code.
    """
    fields = [
        field if table.column(field.name).null_count == 0 else field.with_nullable(True) for field in table_schema(name)
    ]
    schema = pa.schema(fields)
    return pa.table([table.column(field.name).cast(field.type) for field in schema], schema=schema)


def row_problems(tables: Mapping[str, pa.Table], provenance: Provenance) -> list[Problem]:
    """Every problem of single rows, table by table, and every repeated row among those that have none.

    A row that fails does not count as the first of two: its sound twin is kept.
    """
    raters, items, ratings = (tables[name].to_pydict() for name in CANONICAL)
    single = [
        *_missing("raters", raters), *_missing("items", items), *_missing("ratings", ratings),
        *_rater_problems(raters), *_item_problems(items), *_rating_problems(ratings, raters, items, provenance),
    ]  # fmt: skip
    failing: dict[str, set[int]] = defaultdict(set)
    for problem in single:
        failing[problem.file].add(int(problem.row or 0))
    repeated = [
        *_repeated_raters(raters, failing["raters"]),
        *_repeated_items(items, failing["items"]),
        *_repeated_ratings(ratings, failing["ratings"]),
    ]
    return single + repeated


def _repeats(keys: Iterable[Any], failing: set[int]) -> Iterator[tuple[int, int]]:
    """Rows whose key an earlier row has, with that row; rows that fail already are passed over."""
    first: dict[Any, int] = {}
    for row, key in enumerate(keys):
        if row in failing:
            continue
        if key in first:
            yield row, first[key]
        first.setdefault(key, row)


def _repeated_raters(raters: Mapping[str, list[Any]], failing: set[int]) -> Iterator[Problem]:
    for row, before in _repeats(raters["rater_id"], failing):
        rater = raters["rater_id"][row]
        differing = next((a for a in ATTRIBUTES if raters[a][row] != raters[a][before]), None)
        if differing is None:
            yield Problem("PA017", "raters", row, "rater_id", f"{rater!r} again, as in row {before}", "one row a rater",
                          "Keep one row; the first is kept here.")  # fmt: skip
        else:
            got = f"{raters[differing][row]!r} for {rater!r}, who has {raters[differing][before]!r} in row {before}"
            yield Problem("PA011", "raters", row, differing, got, "one value", "Keep one row; the first is kept here.")


def _repeated_items(items: Mapping[str, list[Any]], failing: set[int]) -> Iterator[Problem]:
    for row, before in _repeats(items["item_id"], failing):
        got = f"{items['item_id'][row]!r} again, first in row {before}"
        yield Problem("PA012", "items", row, "item_id", got, "one row an item", "Give it an id of its own, or drop it.")


def _repeated_ratings(ratings: Mapping[str, list[Any]], failing: set[int]) -> Iterator[Problem]:
    keys = zip(ratings["rater_id"], ratings["item_id"], ratings["dimension"], strict=True)
    for row, before in _repeats(keys, failing):
        rater, item, dimension = (ratings[c][row] for c in ("rater_id", "item_id", "dimension"))
        got = f"{rater!r} rates {item!r} on {dimension} again, first in row {before}"
        expected = "one rating per rater, item and dimension"
        yield Problem("PA008", "ratings", row, "rater_id", got, expected, "Keep one; the first is kept here.")


def _missing(table: str, columns: Mapping[str, list[object]]) -> Iterator[Problem]:
    for field in TABLES[table]:
        if field.nullable:
            continue
        for row, value in enumerate(columns[field.name]):
            if (
                value is None
                or value == []
                or (isinstance(value, str) and not value.strip() and field.name.endswith("_id"))
            ):
                code = "PA010" if field.name == "language" else "PA013"
                expected = listing(field.vocabulary) if field.vocabulary else "a value"
                fix = f"Use {UNDISCLOSED!r}." if field.name in ATTRIBUTES else "Fill it in or drop the row."
                yield Problem(code, table, row, field.name, "nothing", expected, fix)


def _category(table: str, row: int, field: str, got: str, options: Sequence[str]) -> Problem:
    fix = f"Use one of the vocabulary's values.{did_you_mean(got, options)}"
    return Problem("PA004", table, row, field, repr(got), f"one of {listing(options)}", fix)


def _rater_problems(raters: Mapping[str, list[Any]]) -> Iterator[Problem]:
    for attribute in ATTRIBUTES.values():
        allowed = (*attribute.values, UNDISCLOSED)
        known = set(allowed)
        for row, value in enumerate(raters[attribute.name]):
            several = value if isinstance(value, list) else [value]
            if value is None:
                continue
            if unknown := [one for one in several if one not in known]:
                yield _category("raters", row, attribute.name, str(unknown[0]), allowed)
            elif len(several) > 1 and (UNDISCLOSED in several or len(set(several)) < len(several)):
                fix = f"Name each value once, and {UNDISCLOSED!r} alone."
                yield Problem("PA019", "raters", row, attribute.name, repr(several), "different values", fix)


def _item_problems(items: Mapping[str, list[Any]]) -> Iterator[Problem]:
    manner = next(f for f in TABLES["items"] if f.name == "manner")
    for row in range(len(items["item_id"])):
        value = items["manner"][row]
        if value is not None and value not in (manner.vocabulary or ()):
            yield _category("items", row, "manner", str(value), manner.vocabulary or ())
        texts = {
            f"{part}_{language}": items[f"{part}_{language}"][row]
            for part in ("prompt", "response")
            for language in LANGUAGES
        }
        blank = [name for name, text in texts.items() if text is not None and not str(text).strip()]
        if blank:
            yield Problem("PA009", "items", row, blank[0], "an empty text", "a text, or null where the source has none",
                          "Fill it in, or set it to null.")  # fmt: skip
        elif all(texts[f"response_{language}"] is None for language in LANGUAGES):
            yield Problem("PA009", "items", row, "response_en", "no response in any language", "a response in one language",
                          "Give response_en or response_de.")  # fmt: skip


def _rating_problems(
    ratings: Mapping[str, list[Any]],
    raters: Mapping[str, list[Any]],
    items: Mapping[str, list[Any]],
    provenance: Provenance,
) -> Iterator[Problem]:
    specs = {spec.name: spec for spec in provenance.dimensions}
    people = set(raters["rater_id"])
    shown = {
        item: {language for language in LANGUAGES if items[f"response_{language}"][row] is not None}
        for row, item in enumerate(items["item_id"])
    }
    columns = zip(
        *(ratings[c] for c in ("rater_id", "item_id", "dimension", "value", "language", "position")), strict=True
    )
    for row, (rater, item, dimension, value, language, position) in enumerate(columns):
        if rater is not None and rater not in people:
            yield Problem(
                "PA007", "ratings", row, "rater_id", repr(rater), "a rater of the raters table", "Add the rater."
            )
        if item is not None and item not in shown:
            yield Problem("PA006", "ratings", row, "item_id", repr(item), "an item of the items table", "Add the item.")
        if position is not None and position < 1:
            yield Problem(
                "PA018", "ratings", row, "position", str(position), "1 or more", "Number an item's ratings from 1."
            )
        if language is not None and language not in LANGUAGES:
            yield _category("ratings", row, "language", str(language), LANGUAGES)
        elif language is not None and shown.get(item) and language not in shown[item]:
            got = f"{language!r} for {item!r}, which has no text in it"
            yield Problem(
                "PA010", "ratings", row, "language", got, listing(sorted(shown[item])), "Add the text, or correct it."
            )
        if dimension is not None:
            spec = specs.get(str(dimension))
            if spec is None:
                yield _category("ratings", row, "dimension", str(dimension), list(specs))
            elif isinstance(value, int) and not spec.minimum <= value <= spec.maximum:
                expected = f"{spec.minimum}–{spec.maximum} on {dimension}"
                yield Problem("PA005", "ratings", row, "value", str(value), expected, "Correct it, or drop the row.")


def sift(tables: Mapping[str, pa.Table], provenance: Provenance) -> Sifted:
    """Split three structurally sound tables into rows that pass every check and rows that do not.

    Args:
        tables: `raters`, `items`, `ratings`.
        provenance: gives the dimensions and their scales.

    Returns:
        The kept tables, the rejected rows with their reasons, and all problems. Ratings that fall because their rater or
        item was rejected are reported as PA006 or PA007 too.
    """
    kept = {name: conform(tables[name], name) for name in CANONICAL}
    positions = {name: list(range(kept[name].num_rows)) for name in CANONICAL}
    problems: list[Problem] = []
    rejected: list[dict[str, object]] = []
    while found := row_problems(kept, provenance):
        renumbered = [_at(problem, positions) for problem in found]
        problems += renumbered
        reasons: dict[tuple[str, int], list[Problem]] = defaultdict(list)
        for local, original in zip(found, renumbered, strict=True):
            reasons[local.file, int(local.row or 0)].append(original)
        for name in CANONICAL:
            rows = sorted(row for table, row in reasons if table == name)
            if not rows:
                continue
            contents = kept[name].take(rows).to_pylist()
            rejected += [
                _rejected(name, reasons[name, row], content) for row, content in zip(rows, contents, strict=True)
            ]
            drop = set(rows)
            stay = [row for row in range(kept[name].num_rows) if row not in drop]
            kept[name] = kept[name].take(pa.array(stay, pa.int64()))
            positions[name] = [positions[name][row] for row in stay]
    final = {name: conform(kept[name], name) for name in CANONICAL}
    return Sifted(final, pa.Table.from_pylist(rejected, schema=REJECTED_SCHEMA), problems)


def _at(problem: Problem, positions: Mapping[str, list[int]]) -> Problem:
    row = positions[problem.file][int(problem.row or 0)]
    return Problem(problem.code, problem.file, row, problem.field, problem.got, problem.expected, problem.fix)


def _rejected(table: str, problems: Sequence[Problem], content: Mapping[str, object]) -> dict[str, object]:
    reason = "; ".join(f"{p.code} {CODES[p.code]} ({p.field}): got {p.got}, expected {p.expected}" for p in problems)
    text = json.dumps(content, ensure_ascii=False, default=str)
    return {"table": table, "row": problems[0].row, "code": problems[0].code, "reason": reason, "content": text}

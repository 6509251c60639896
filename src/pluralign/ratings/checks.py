"""Checks of the three tables. They report every problem at once, and can set the offending rows aside.

A row that is set aside takes what rests on it along (a rejected item's ratings are ratings of an unknown item), so what is
kept always passes the checks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    """Every problem of single rows, table by table."""
    raters, items, ratings = (tables[name].to_pydict() for name in CANONICAL)
    return [
        *_missing("raters", raters), *_missing("items", items), *_missing("ratings", ratings),
        *_rater_problems(raters), *_item_problems(items),
        *_rating_problems(ratings, set(raters["rater_id"]), set(items["item_id"]), provenance),
    ]  # fmt: skip


def _missing(table: str, columns: Mapping[str, list[object]]) -> Iterator[Problem]:
    for field in TABLES[table]:
        if field.nullable:
            continue
        for row, value in enumerate(columns[field.name]):
            if value is None or value == []:
                code = "PA010" if field.name == "language" else "PA013"
                expected = listing(field.vocabulary) if field.vocabulary else "a value"
                fix = f"Use {UNDISCLOSED!r}." if field.name in ATTRIBUTES else "Fill it in or drop the row."
                yield Problem(code, table, row, field.name, "nothing", expected, fix)


def _category(table: str, row: int, field: str, got: str, options: Sequence[str]) -> Problem:
    fix = f"Use one of the vocabulary's values.{did_you_mean(got, options)}"
    return Problem("PA004", table, row, field, repr(got), f"one of {listing(options)}", fix)


def _rater_problems(raters: Mapping[str, list[object]]) -> Iterator[Problem]:
    for attribute in ATTRIBUTES.values():
        allowed = (*attribute.values, UNDISCLOSED)
        known = set(allowed)
        for row, value in enumerate(raters[attribute.name]):
            for one in value if isinstance(value, list) else [value]:
                if one is not None and one not in known:
                    yield _category("raters", row, attribute.name, str(one), allowed)
    first: dict[object, int] = {}
    for row, rater in enumerate(raters["rater_id"]):
        if rater is None or rater not in first:
            first[rater] = row
            continue
        before = first[rater]
        differing = [a for a in ATTRIBUTES if raters[a][row] != raters[a][before]]
        field = differing[0] if differing else "rater_id"
        got = f"{raters[field][row]!r} for {rater!r}, who has {raters[field][before]!r} in row {before}"
        yield Problem("PA011", "raters", row, field, got, "one row a rater", "Keep one row; the first is kept here.")


def _item_problems(items: Mapping[str, list[object]]) -> Iterator[Problem]:
    manner = next(f for f in TABLES["items"] if f.name == "manner")
    seen: dict[object, int] = {}
    for row, item in enumerate(items["item_id"]):
        if item is not None and item in seen:
            yield Problem("PA012", "items", row, "item_id", f"{item!r} again, first in row {seen[item]}", "one row an item",
                          "Give it an id of its own, or drop the row.")  # fmt: skip
        seen.setdefault(item, row)
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
    ratings: Mapping[str, list[object]], raters: set[object], items: set[object], provenance: Provenance
) -> Iterator[Problem]:
    specs = {spec.name: spec for spec in provenance.dimensions}
    names = list(specs)
    seen: dict[tuple[object, object, object], int] = {}
    columns = zip(*(ratings[c] for c in ("rater_id", "item_id", "dimension", "value", "language")), strict=True)
    for row, (rater, item, dimension, value, language) in enumerate(columns):
        if rater is not None and rater not in raters:
            yield Problem(
                "PA007", "ratings", row, "rater_id", repr(rater), "a rater of the raters table", "Add the rater."
            )
        if item is not None and item not in items:
            yield Problem("PA006", "ratings", row, "item_id", repr(item), "an item of the items table", "Add the item.")
        if language is not None and language not in LANGUAGES:
            yield _category("ratings", row, "language", str(language), LANGUAGES)
        if dimension is not None:
            spec = specs.get(str(dimension))
            if spec is None:
                yield _category("ratings", row, "dimension", str(dimension), names)
            elif isinstance(value, int) and not spec.minimum <= value <= spec.maximum:
                yield Problem("PA005", "ratings", row, "value", str(value), f"{spec.minimum}–{spec.maximum} on {dimension}",
                              "Correct it, or drop the row.")  # fmt: skip
        key = (rater, item, dimension)
        if key in seen and None not in key:
            yield Problem("PA008", "ratings", row, "rater_id", f"{rater!r} rates {item!r} on {dimension} again, first in row "
                          f"{seen[key]}", "one rating per rater, item and dimension", "Keep one; the first is kept here.")  # fmt: skip
        seen.setdefault(key, row)


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


def summarise(problems: Iterable[Problem]) -> dict[str, int]:
    """How often each code was found, most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    for problem in problems:
        counts[problem.code] += 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

"""What can be wrong with the files of a cell, and whether cells agree in what they must to be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from pluralign.errors import Problem, listing

CODE = "PA099"
AGAIN = "Remove the cell's folder and run it again."
JUDGED = ("jury.", "judge.")
"""What names of columns with scores begin with, besides the evaluation judge's."""


class Placed(Protocol):
    """Something that has a place among the results."""

    @property
    def where(self) -> str:
        """Its folder below the results."""


T = TypeVar("T", bound=Placed)


def problem(where: str, got: str, expected: str, fix: str = AGAIN, field: str | None = None) -> Problem:
    """Something wrong with a result."""
    return Problem(CODE, where, None, field, got, expected, fix)


def table_problems(
    table: pa.Table, columns: Sequence[str], where: str, *, key: Sequence[str] = (), scores: Sequence[str] = ()
) -> list[Problem]:
    """Missing columns, no rows, repeated rows, and scores off 0–1.

    Args:
        table: what was read.
        columns: that it must have.
        where: its file.
        key: columns that tell rows apart.
        scores: columns of scores, besides those whose names say so.
    """
    if missing := [name for name in columns if name not in table.column_names]:
        return [problem(where, f"no {listing(missing)}", f"columns {listing(columns)}")]
    found = [] if table.num_rows else [problem(where, "no rows", "at least one")]
    if key:
        rows = list(zip(*(table.column(name).to_pylist() for name in key), strict=True))
        if repeated := len(rows) - len(set(rows)):
            found.append(problem(where, f"{repeated} repeated", "each once", field=", ".join(key)))
    for name in table.column_names:
        if name in scores or name.startswith(JUDGED):
            values = table.column(name).to_numpy().astype(float)
            if len(wrong := values[(values < 0) | (values > 1)]):
                found.append(problem(where, f"{wrong[0]:g}", "scores on 0–1, NaN where judging failed", field=name))
    return found


def same(cells: Sequence[T], of: Callable[[T], str], file: str, what: str) -> list[Problem]:
    """That something is the same in all cells; if not, which cells differ from the most of them.

    Args:
        cells: those that must agree.
        of: what must be the same, as a text.
        file: where it stands.
        what: what it is called.
    """
    groups: dict[str, list[str]] = {}
    for one in cells:
        try:
            groups.setdefault(of(one), []).append(one.where)
        except (KeyError, TypeError, pa.ArrowException):
            continue  # a column is missing, which is a problem already
    usual = max(groups.values(), key=len, default=[])
    return [
        problem(
            f"{listing(places)}: {file}", f"other {what}: {told if len(told) < 300 else told[:300] + '…'}",
            f"those of {listing(usual, 3)}", f"Results with different {what} are never compared: give each a results folder of its own.",
        )
        for told, places in groups.items() if places is not usual
    ]  # fmt: skip


def summary(rows: Iterable[tuple[Any, ...]]) -> str:
    """Sorted rows as a short text that tells sets of them apart.

    >>> summary([("a", 1)])[:10]
    '1 from a/1'
    """
    import hashlib
    import json

    listed = sorted(rows)
    digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:12]
    return f"{len(listed)} from {'/'.join(map(str, listed[0])) if listed else 'none'} (sha256 {digest})"

"""Reading a source's files and its single values. What cannot be read is never guessed."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluralign.errors import listing
from pluralign.schema import UNDISCLOSED

if TYPE_CHECKING:
    from pluralign.sources.base import Source

Row = dict[str, str]

MISSING = frozenset({"", "na", "nan", "none", "null"})
"""How sources write an answer that was not given, in lower case."""


def missing_columns(path: Path, needed: Sequence[str]) -> str | None:
    """Why a file is not CSV with the needed columns, in words; None where it is."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
    except (csv.Error, UnicodeDecodeError) as error:
        return f"{path.name} is not CSV ({error})"
    if absent := [column for column in needed if column not in header]:
        return f"{path.name} has no column {listing(absent)}; it has {listing(header, 20)}"
    return None


def read_csv(path: Path, source: Source, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file, after its header was found to have the columns that are needed.

    Raises:
        PluralignError: PA031 with the missing columns and how to get the files.
    """
    if why := missing_columns(path, needed):
        raise source.not_recognised(why)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from csv.DictReader(stream, restval="")
    except (csv.Error, UnicodeDecodeError) as error:
        raise source.not_recognised(f"{path.name} is not CSV throughout ({error})") from error


def read_jsonl(path: Path, source: Source, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file; blank lines are skipped.

    Raises:
        PluralignError: PA031 for a line that is no JSON object or lacks a key that is needed.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise source.not_recognised(f"{path.name}, line {number} is no JSON object")
                if absent := [key for key in needed if key not in row]:
                    raise source.not_recognised(f"{path.name}, line {number} has no key {listing(absent)}")
                yield row
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise source.not_recognised(f"{path.name} is not JSON Lines ({error})") from error


def text_id(text: str) -> str:
    """A short stable name of a text, for sources whose own item names cannot be relied on.

    >>> text_id("Hello.") == text_id("Hello.")
    True
    """
    return sha256(text.encode()).hexdigest()[:12]


def mapped(value: str | None, table: Mapping[str, str]) -> str:
    """A source's category as ours; a missing one is `undisclosed`, one that is not in the table stays as it is and fails the checks.

    >>> mapped("Woman", {"woman": "female"}), mapped(" ", {}), mapped("Elf", {"woman": "female"})
    ('female', 'undisclosed', 'Elf')
    """
    text = (value or "").strip()
    if text.casefold() in MISSING:
        return UNDISCLOSED
    return table.get(text.casefold(), text)


def band_of_age(value: str | None) -> str:
    """The age band of an age in years; missing or below 18 is `undisclosed`, and what is no age stays as it is and fails the checks.

    >>> band_of_age("30"), band_of_age("31.0"), band_of_age("61"), band_of_age(""), band_of_age("old")
    ('18-30', '31-40', 'over-60', 'undisclosed', 'old')
    """
    text = (value or "").strip()
    if text.casefold() in MISSING:
        return UNDISCLOSED
    try:
        age = float(text)
    except ValueError:
        return text
    if not 0 <= age <= 120:
        return text
    bands = ((18, UNDISCLOSED), (31, "18-30"), (41, "31-40"), (51, "41-50"), (61, "51-60"), (math.inf, "over-60"))
    return next(band for below, band in bands if age < below)


def whole_number(value: object) -> int | None:
    """A rating as an integer, None where it is no whole number (or too large for any scale).

    >>> whole_number("4"), whole_number("4.0"), whole_number(4), whole_number("4.5"), whole_number("n/a"), whole_number(None)
    (4, 4, 4, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if abs(number) <= 1000 and number.is_integer() else None

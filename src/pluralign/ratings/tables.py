"""Arrow schemas of the canonical tables, and reading and writing them whole.

Files are written beside and renamed, so that nothing half-written is ever found under a table's name. The same content gives
the same bytes under one version of Arrow.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pluralign.errors import PluralignError, listing
from pluralign.schema import TABLES, ArrowName, Field

_TYPES: dict[ArrowName, pa.DataType] = {
    "string": pa.string(),
    "list<string>": pa.list_(pa.string()),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "list<int32>": pa.list_(pa.int32()),
    "list<message>": pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
}

PROVENANCE_KEY = b"pluralign.provenance"


def arrow_schema(fields: Iterable[Field]) -> pa.Schema:
    """The Arrow schema of a list of fields, descriptions as field metadata."""
    return pa.schema(
        [pa.field(f.name, _TYPES[f.type], f.nullable, metadata={"description": f.description}) for f in fields]
    )


def table_schema(table: str) -> pa.Schema:
    """The Arrow schema of a canonical table (`raters`, `items`, `ratings`, `truth`)."""
    return arrow_schema(TABLES[table])


def write_parquet(table: pa.Table, path: Path, metadata: Mapping[bytes, bytes] | None = None) -> None:
    """Write a table as Parquet beside `path`, then rename it there."""
    if metadata:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + f".{os.getpid()}.part")
    try:
        # Dictionaries hold texts that repeat once a dimension; the default page of 1 MiB would overflow into plain encoding.
        pq.write_table(table, beside, compression="zstd", dictionary_pagesize_limit=1 << 24, write_statistics=True)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write a text file beside `path`, then rename it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + f".{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` at the end: there is a whole one, or none.

    Args:
        folder: must not exist, or be empty.
    """
    place = folder.resolve()
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        beside.mkdir(parents=True)
        yield beside
        if place.exists():
            place.rmdir()
        beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def rewritten_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` and what is in it at the end; until then the former one stays.

    Args:
        folder: may exist, with a former version of the same.
    """
    place = folder.resolve()
    new, former = (place.with_name(f".{place.name}.{kind}") for kind in ("part", "former"))
    shutil.rmtree(new, ignore_errors=True)  # of a process that was killed
    try:
        with written_whole(new) as beside:
            yield beside
        if place.exists():
            shutil.rmtree(former, ignore_errors=True)
            place.rename(former)
        new.rename(place)
    finally:
        if former.exists() and not place.exists():
            former.rename(place)
        for left in (former, new):
            shutil.rmtree(left, ignore_errors=True)


def refuse_foreign(out: Path, own: Collection[str], marks: Collection[str], what: str) -> None:
    """Refuse a folder that holds anything but a former version of what is to be written, since it is replaced as a whole.

    Args:
        out: the folder; may not exist.
        own: names that a version consists of.
        marks: names that all must be there for the folder to be a former version.
        what: is written, for the message.

    Raises:
        PluralignError: PA052.
    """
    if not out.exists():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else {out.name}
    foreign = names - set(own) if set(marks) <= names else names
    if foreign:
        raise PluralignError(
            "PA052", f"{out} holds {listing(sorted(foreign))}, which is no part of {what} and would be lost.",
            "Name another folder with --out.",
        )  # fmt: skip


def content_checksum(tables: Mapping[str, pa.Table]) -> str:
    """sha256 over the contents of tables, independent of files, compression and chunking.

    Two sets of tables with the same values in the same order have the same checksum, whatever wrote them.
    """
    digest = hashlib.sha256()
    for name, table in sorted(tables.items()):
        for column in table.column_names:
            # JSON keeps apart what joined strings would not: null and "null", one text with a separator and two texts.
            values = json.dumps([name, column, table.column(column).to_pylist()], ensure_ascii=False)
            digest.update(values.encode() + b"\n")
    return digest.hexdigest()


def file_checksum(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""A dataset repository as a folder: written beside and renamed, nothing foreign in it, checksums last."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pluralign import __version__
from pluralign.errors import PluralignError, listing
from pluralign.ratings.tables import file_checksum, write_parquet

CARD, CROISSANT, CHECKSUMS, PROVENANCE, REJECTED = (
    "README.md", "croissant.json", "checksums.sha256", "provenance.json", "rejected.parquet",
)  # fmt: skip
LOCAL = frozenset({REJECTED})
"""What may lie beside a release and is never published: rows that were set aside may hold anything."""
CONFIG_KEY = b"pluralign.config"


def write_table(table: pa.Table, path: Path, stamp: Mapping[bytes, bytes]) -> None:
    """Write a config's table with metadata, also one without a row."""
    if table.num_rows:
        return write_parquet(table, path, stamp)
    # `datasets` takes the batch size from the first row group and fails where that is 0, so an empty split has no row group.
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.ParquetWriter(path, table.schema.with_metadata(dict(stamp))).close()
    return None


def checksums(folder: Path) -> str:
    """The lines of `checksums.sha256`, as `sha256sum --check` reads them; what made the files is a comment."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    listed = [name for name in names if name not in LOCAL | {CHECKSUMS}]
    head = f"# pluralign {__version__}, pyarrow {pa.__version__}"
    return "\n".join([head, *(f"{file_checksum(folder / name)}  {name}" for name in listed)]) + "\n"


def sibling(folder: Path, what: str) -> Path:
    """A hidden folder beside a folder."""
    return folder.with_name(f".{folder.name}.{what}")


def refuse_foreign(folder: Path, belongs: Collection[str]) -> None:
    """Raise PA052 where a folder, which a build replaces as a whole, holds anything that no build wrote."""
    if not folder.exists():
        return
    if foreign := sorted({path.name for path in folder.iterdir()} - set(belongs) - LOCAL):
        raise PluralignError(
            "PA052", f"{folder} holds {listing(foreign)}, which is not part of a release and would be lost.",
            "Move it away, or build into another folder.",
        )  # fmt: skip


def swap(beside: Path, folder: Path) -> None:
    """Put a complete build in the place of the former one."""
    former = sibling(folder, "former")
    if folder.exists():
        folder.rename(former)
    try:
        beside.rename(folder)
    except BaseException:
        restore_former(folder)
        raise
    shutil.rmtree(former, ignore_errors=True)


def restore_former(folder: Path) -> None:
    """Put the former build back where a process died between moving it away and moving the new one in."""
    former = sibling(folder, "former")
    if former.exists():
        if folder.exists():
            shutil.rmtree(former)
        else:
            former.rename(folder)

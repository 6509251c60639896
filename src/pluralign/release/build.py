"""Write a release: the canonical tables, every config, card, Croissant and checksums.

A build goes into a hidden sibling of the folder and is renamed over it when it is complete, so that an interrupted build leaves
the former one as it was. `checksums.sha256` is the last file to be written. The same ratings give the same bytes under one
version of Arrow. One build a folder at a time.

Measured on two busy cores for the shipped release (300 view configs, 600 files, 71 MB): 4 s, of which views 1 s;
a second writer thread saves a tenth to a sixth, a third nothing, and for processes too little is left to gain.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.ratings.tables import PROVENANCE_KEY, write_text
from pluralign.release.configs import Plan, Splitter, ViewConfig, loadable, plan
from pluralign.release.folder import (
    CARD,
    CHECKSUMS,
    CONFIG_KEY,
    CROISSANT,
    PROVENANCE,
    checksums,
    refuse_foreign,
    restore_former,
    sibling,
)
from pluralign.release.folder import swap as _swap
from pluralign.release.folder import write_table as _write
from pluralign.schema import MINIMUM_CELL, SCALES, TABLES

BELONGS = frozenset({CARD, CROISSANT, CHECKSUMS, PROVENANCE, "configs", *(f"{table}.parquet" for table in TABLES)})
"""What a release may hold at its top."""
WRITERS = 2


@dataclass(frozen=True)
class Built:
    """What a build wrote.

    Attributes:
        folder: where.
        configs: those that `load_dataset` offers, the default first.
        unpublished: groups that were too small -> their number of raters.
        empty: `config/split` without a row.
    """

    folder: Path
    configs: tuple[str, ...]
    unpublished: dict[str, int]
    empty: tuple[str, ...]


def build(
    ratings: Ratings,
    folder: str | Path,
    *,
    minimum_cell: int = MINIMUM_CELL,
    statistics: str | None = None,
    progress: bool = False,
    replace: bool = False,
) -> Built:
    """Write a dataset repository.

    Args:
        ratings: the three tables.
        folder: where to; it may hold these very tables or a former build of them.
        minimum_cell: groups with fewer raters get no config.
        statistics: a section of the card, as Markdown.
        progress: show a bar.
        replace: also over a folder of other ratings.

    Raises:
        PluralignError: PA027 where there are too few raters, PA052 where the folder holds anything else.
    """
    folder = Path(folder).resolve()
    wanted = plan(ratings, minimum_cell)
    restore_former(folder)
    _refuse_foreign(folder, ratings, replace)
    beside = sibling(folder, "building")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        empty = _build_into(beside, ratings, wanted, statistics, progress)
        _swap(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Built(folder, tuple(loadable(wanted, empty)), wanted.unpublished, empty)


def _build_into(
    folder: Path, ratings: Ratings, wanted: Plan, statistics: str | None, progress: bool
) -> tuple[str, ...]:
    from pluralign.release.card import card
    from pluralign.release.croissant import croissant_text

    ratings.save(folder)
    empty = _write_configs(folder, ratings, wanted, progress)
    write_text(card(ratings, statistics, minimum_cell=wanted.minimum_cell, empty=empty), folder / CARD)
    write_text(croissant_text(ratings, wanted, folder), folder / CROISSANT)
    write_text(checksums(folder), folder / CHECKSUMS)
    return empty


def derive(ratings: Ratings, wanted: Plan) -> Iterator[tuple[str, list[tuple[ViewConfig, dict[str, pa.Table]]]]]:
    """Every view config with its tables by split, group by group (all views of a group come from one histogram)."""
    splitter = Splitter(ratings)
    for group in wanted.published:
        views = _views_of(ratings, group)
        configs = [config for config in wanted.views if config.group == group]
        yield group, [(config, splitter.tables(config, views[config.scale, config.aggregation])) for config in configs]


def _views_of(ratings: Ratings, group: str) -> dict[tuple[str, str], pa.Table]:
    """All views of a group, each with the dimensions that offer its scale: one call for all, unless dimensions differ in that."""
    from pluralign.views import variants

    offering: dict[tuple[str, ...], list[str]] = {}
    for scale in SCALES:
        dimensions = tuple(spec.name for spec in ratings.provenance.dimensions if scale in spec.scales)
        offering.setdefault(dimensions, []).append(scale)
    found = {}
    for dimensions, scales in offering.items():
        if dimensions:
            views = variants(ratings, group, dimensions, texts=True)
            found.update({key: view for key, view in views.items() if key[0] in scales})
    return found


def _write_configs(folder: Path, ratings: Ratings, wanted: Plan, progress: bool) -> tuple[str, ...]:
    from tqdm import tqdm

    stamp = {PROVENANCE_KEY: ratings.provenance.to_json().encode()}
    rows: dict[str, int] = {}
    with (
        tqdm(total=len(wanted.views), unit="config", desc="configs", disable=not progress) as bar,
        ThreadPoolExecutor(WRITERS) as pool,
    ):
        for group, configs in derive(ratings, wanted):
            bar.set_postfix_str(group)
            writes = []
            for config, tables in configs:
                stamped = {**stamp, CONFIG_KEY: config.name.encode()}
                for split, table in tables.items():
                    rows[f"{config.name}/{split}"] = table.num_rows
                    writes.append(pool.submit(_write, table, folder / config.files[split], stamped))
            # Group by group, so that no more than one group's tables are ever held.
            for write in writes:
                write.result()
            bar.update(len(configs))
    return empties(wanted, rows)


def empties(wanted: Plan, rows: Mapping[str, int]) -> tuple[str, ...]:
    """`config/split` without a row, in the order of the configs."""
    return tuple(key for config in wanted.views for split in config.files if not rows[key := f"{config.name}/{split}"])


def _refuse_foreign(folder: Path, ratings: Ratings, replace: bool) -> None:
    """The folder is replaced as a whole, so nothing else may be in it, nor other ratings."""
    refuse_foreign(folder, BELONGS)
    if replace or not (folder / PROVENANCE).is_file():
        return
    there = Ratings.open(folder).provenance
    if there.checksum != ratings.provenance.checksum:
        raise PluralignError(
            "PA052", f"{folder} holds other ratings ({there.label}, checksum {there.checksum[:12]}).",
            "Build into another folder, or say replace=True.",
        )  # fmt: skip

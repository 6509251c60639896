"""Write the dataset repository of preferences: every config, card and checksums.

    README.md                                            card; its YAML header lists every config
    configs/<config>/{train,test,train_de,test_de}.parquet
    provenance.json                                      of the ratings behind them
    checksums.sha256                                     written last: its presence means that all is there

Built beside and renamed, as the ratings are. The same ratings give the same bytes under one version of Arrow.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pluralign.errors import PluralignError
from pluralign.preferences import Condition, settings_of
from pluralign.preferences.texts import retexted, texts
from pluralign.ratings import Ratings
from pluralign.ratings.tables import PROVENANCE_KEY, arrow_schema, write_text, written_whole
from pluralign.release.folder import (
    CARD,
    CHECKSUMS,
    CONFIG_KEY,
    PROVENANCE,
    checksums,
    refuse_foreign,
    restore_former,
    sibling,
    swap,
    write_table,
)
from pluralign.release.preferences_configs import FILES, HOME, PreferenceConfig, preference_configs
from pluralign.release.preferences_order import OrderShare, order_share
from pluralign.schema import MINIMUM_CELL, SPLITS

FOLDER = Path("datasets/preferences")
BELONGS = frozenset({CARD, CHECKSUMS, PROVENANCE, "configs"})
"""What the repository may hold at its top."""
CANNOT = frozenset({"PA020", "PA022", "PA024", "PA091", "PA092", "PA094"})
"""Errors that mean that these ratings cannot give a config; any other is a fault."""


@dataclass
class Contents:
    """What the tables of a repository hold, for the card.

    Attributes:
        minimum_cell: conditions of groups with fewer raters are left out.
        rows: config -> split -> rows.
        order: config -> share of its rows, in both splits, that are in the true order; of simulated pairs.
        shrinkage: dimension, scale and tie rule -> c.
        left_out: config -> why these ratings do not give it.
    """

    minimum_cell: int = MINIMUM_CELL
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    order: dict[str, OrderShare] = field(default_factory=dict)
    shrinkage: dict[tuple[str, str, str], float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def listed(self) -> dict[str, dict[str, str]]:
        """What the card's header lists: config -> split -> path. Empty splits have a file that `datasets` would refuse."""
        found = {}
        for config in preference_configs():
            rows = self.rows.get(config.alias_of or config.name, {})
            if files := {split: path for split, path in config.files.items() if rows.get(split)}:
                found[config.name] = files
        return found


@dataclass(frozen=True)
class BuiltPreferences:
    """What a build wrote.

    Attributes:
        folder: where.
        configs: those that `load_dataset` offers, the default first.
        contents: what they hold.
    """

    folder: Path
    configs: tuple[str, ...]
    contents: Contents


def build_preferences(
    ratings: Ratings, folder: str | Path, *, minimum_cell: int = MINIMUM_CELL, progress: bool = False
) -> BuiltPreferences:
    """Write the dataset repository.

    Args:
        ratings: the three tables.
        folder: where to; a former build is replaced as a whole.
        minimum_cell: conditions of a group with fewer raters are left out.
        progress: show a bar.

    Raises:
        PluralignError: PA052 where the folder holds anything else, PA091 where these ratings give no config at all.
    """
    folder = Path(folder).resolve()
    restore_former(folder)
    refuse_foreign(folder, BELONGS)
    beside = sibling(folder, "building")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        contents = _build_into(beside, ratings, minimum_cell, progress)
        swap(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return BuiltPreferences(folder, tuple(contents.listed()), contents)


def _build_into(folder: Path, ratings: Ratings, minimum_cell: int, progress: bool) -> Contents:
    from tqdm import tqdm

    from pluralign.release.preferences_card import preferences_card

    contents = Contents(minimum_cell)
    own = [config for config in preference_configs() if config.alias_of is None]
    for config in tqdm(own, unit="config", desc="preferences", disable=not progress):
        _write_config(folder, ratings, config, contents)
    if not contents.listed():
        raise PluralignError(
            "PA091", f"{ratings.provenance.label} gives no config: {next(iter(contents.left_out.values()))}"
        )
    write_text(ratings.provenance.to_json() + "\n", folder / PROVENANCE)
    write_text(preferences_card(ratings, contents), folder / CARD)
    write_text(checksums(folder), folder / CHECKSUMS)
    return contents


def _write_config(folder: Path, ratings: Ratings, config: PreferenceConfig, contents: Contents) -> None:
    if small := _too_small(ratings, config.condition, contents.minimum_cell):
        contents.left_out[config.name] = small
        return
    tables, why = split_tables(ratings, config)
    if not any(table.num_rows for table in tables.values()):
        contents.left_out[config.name] = why
        return
    contents.rows[config.name] = {split: table.num_rows for split, table in tables.items()}
    for split, table in tables.items():
        write_table(
            table, folder / config.files[split], {CONFIG_KEY: config.name.encode(), **(table.schema.metadata or {})}
        )
    if config.what == "pairs":
        home = [tables[split] for split in SPLITS if tables[split].num_rows]
        for table in home:
            found = settings_of(table)["shrinkage"]
            key = {name: (name, config.condition.scale, config.ties) for name in found}
            contents.shrinkage |= {key[name]: entry["c"] for name, entry in found.items() if entry["c"] is not None}
        if ratings.truth is not None and home:
            contents.order[config.name] = order_share(
                ratings, config.condition, pa.concat_tables(home, promote_options="none")
            )


def _too_small(ratings: Ratings, cond: Condition, minimum_cell: int) -> str:
    sizes = {
        group: ratings.groups.get(group, 0) for group in (cond.group, cond.balanced_with) if isinstance(group, str)
    }
    small = [f"{group} has {n} raters" for group, n in sizes.items() if n < minimum_cell]
    return f"{' and '.join(small)}, fewer than {minimum_cell}" if small else ""


def split_tables(ratings: Ratings, config: PreferenceConfig) -> tuple[dict[str, pa.Table], str]:
    """The table of every split, empty where these ratings cannot give it; and why the first that they cannot is empty."""
    tables: dict[str, pa.Table] = {}
    why = ""
    for name, (split, language) in FILES.items():
        try:
            tables[name] = _table(ratings, config, split, language, tables)
        except PluralignError as error:
            if error.code not in CANNOT:
                raise
            why = why or str(error)
            tables[name] = _empty(ratings, config)
    return tables, why


def _table(
    ratings: Ratings, config: PreferenceConfig, split: str, language: str, tables: dict[str, pa.Table]
) -> pa.Table:
    """The rows of a split. Which they are does not depend on the language if the same items have texts in it."""
    home = tables.get(split)
    if language != HOME and home is not None and home.num_rows and config.what != "rewards":
        here, there = texts(ratings, language, split), texts(ratings, HOME, split)
        if here.comparable(there):
            return retexted(home, here)
    return config.table(ratings, split, language)


def _empty(ratings: Ratings, config: PreferenceConfig) -> pa.Table:
    metadata = {PROVENANCE_KEY: ratings.provenance.to_json().encode()}
    return arrow_schema(config.fields).with_metadata(metadata).empty_table()


def write_condition(config: PreferenceConfig, ratings: Ratings, folder: Path, language: str) -> dict[str, int]:
    """Write one condition, `train.parquet` and `test.parquet`, into a folder that is new or empty.

    Returns:
        Split -> rows. A split without a row has no file.

    Raises:
        PluralignError: PA052 where the folder holds anything; the error of the first split where none has a row.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PluralignError("PA052", f"{folder} is there and not an empty folder.", "Name another with --out.")
    tables: dict[str, pa.Table] = {}
    first: PluralignError | None = None
    for split in SPLITS:
        try:
            tables[split] = config.table(ratings, split, language)
        except PluralignError as error:
            if error.code != "PA091":
                raise
            first = first or error
    if not tables and first is not None:
        raise first
    with written_whole(folder) as beside:
        for split, table in tables.items():
            write_table(table, beside / f"{split}.parquet", {CONFIG_KEY: config.name.encode(), **table.schema.metadata})
        write_text(ratings.provenance.to_json() + "\n", beside / PROVENANCE)
    return {split: table.num_rows for split, table in tables.items()}

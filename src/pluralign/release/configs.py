"""Which configs a release has: every published group × scale × aggregation, and the canonical tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.ratings.tables import arrow_schema
from pluralign.schema import (
    AGGREGATIONS,
    CANONICAL,
    EVERYONE,
    INDIVIDUAL_FIELDS,
    MINIMUM_CELL,
    SCALES,
    SPLITS,
    STUDY_GROUPS,
    TABLES,
    TEXT_COLUMNS,
    VIEW_FIELDS,
    Field,
    split_of,
)

DEFAULT = "everyone-5pt-individual"
"""The config that `load_dataset` gives where none is named (if the source offers five points)."""

FULL = "full"
"""The one split of a canonical table. Not `train`: it holds the prompts of both splits, and no one should train on it by habit."""


@dataclass(frozen=True)
class ViewConfig:
    """A config that is a view.

    Attributes:
        group: whose ratings.
        scale: on which scale.
        aggregation: how they are put together.
    """

    group: str
    scale: str
    aggregation: str

    @property
    def name(self) -> str:
        """`{group}-{scale}-{aggregation}`."""
        return f"{self.group}-{self.scale}-{self.aggregation}"

    @property
    def files(self) -> dict[str, str]:
        """Split -> path in the folder."""
        return {split: f"configs/{self.name}/{split}.parquet" for split in SPLITS}

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its columns."""
        return with_texts(INDIVIDUAL_FIELDS if self.aggregation == "individual" else VIEW_FIELDS)


@dataclass(frozen=True)
class TableConfig:
    """A config that is a canonical table.

    Attributes:
        name: of the table.
    """

    name: str

    @property
    def files(self) -> dict[str, str]:
        """Split -> path in the folder."""
        return {FULL: f"{self.name}.parquet"}

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its columns."""
        return TABLES[self.name]


Config = ViewConfig | TableConfig

TEXT_FIELDS: tuple[Field, ...] = tuple(field for field in TABLES["items"] if field.name in TEXT_COLUMNS)


def with_texts(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """A view's columns with the four texts after the prompt's id."""
    place = [field.name for field in fields].index("prompt_id") + 1
    return (*fields[:place], *TEXT_FIELDS, *fields[place:])


@dataclass(frozen=True)
class Plan:
    """What a release holds.

    Attributes:
        views: one config a published group, scale and aggregation; the study's own groups first.
        tables: the canonical tables.
        published: group -> its number of raters, in the order of the configs.
        unpublished: groups with fewer raters than `minimum_cell` -> their number.
        minimum_cell: as set.
        scales: scales that at least one dimension offers.
    """

    views: tuple[ViewConfig, ...]
    tables: tuple[TableConfig, ...]
    published: dict[str, int]
    unpublished: dict[str, int]
    minimum_cell: int
    scales: tuple[str, ...]

    @property
    def configs(self) -> tuple[Config, ...]:
        """All configs: the default, then the canonical tables, then the others. The Hub shows snippets of the first hundred."""
        return (*self.views[:1], *self.tables, *self.views[1:])

    @property
    def names(self) -> tuple[str, ...]:
        """The configs' names, the default first."""
        return tuple(config.name for config in self.configs)


def plan(ratings: Ratings, minimum_cell: int = MINIMUM_CELL) -> Plan:
    """List the configs of a release.

    A config holds all dimensions that offer its scale; a scale that none offers has no config.

    Args:
        ratings: the three tables.
        minimum_cell: groups with fewer raters are not published.

    Raises:
        PluralignError: PA027 where not even `everyone` reaches the minimum cell.
    """
    sizes = ratings.groups
    published = {group: sizes[group] for group in _ordered(sizes) if sizes[group] >= minimum_cell}
    if EVERYONE not in published:
        raise PluralignError(
            "PA027", f"got {sizes[EVERYONE]} raters in all; expected at least {minimum_cell}.", "Set a smaller minimum cell."
        )  # fmt: skip
    offered = {scale for spec in ratings.provenance.dimensions for scale in spec.scales}
    scales = tuple(scale for scale in SCALES if scale in offered)
    tables = CANONICAL + (("truth",) if ratings.truth is not None else ())
    return Plan(
        views=tuple(_views(list(published), scales)),
        tables=tuple(TableConfig(name) for name in tables),
        published=published,
        unpublished={group: sizes[group] for group in _ordered(sizes) if group not in published},
        minimum_cell=minimum_cell,
        scales=scales,
    )


def _ordered(sizes: dict[str, int]) -> list[str]:
    study = [group for group in STUDY_GROUPS if group in sizes]
    return [*study, *(group for group in sizes if group not in study)]


def _views(groups: list[str], scales: tuple[str, ...]) -> Iterator[ViewConfig]:
    """Everyone; the study's groups, scale by scale, so that all of them are among the first hundred; the rest."""
    blocks = ([EVERYONE], [g for g in groups if g in STUDY_GROUPS[1:]], [g for g in groups if g not in STUDY_GROUPS])
    for block in blocks:
        for scale in scales:
            for group in block:
                for aggregation in AGGREGATIONS:
                    yield ViewConfig(group, scale, aggregation)


def loadable(wanted: Plan, empty: Collection[str]) -> dict[str, dict[str, str]]:
    """What the card's header lists: config -> split -> path.

    `datasets` refuses a split without a row ("corresponds to no data"), and the whole config with it. So an empty split has its
    file, but is not listed, and a config with nothing but empty splits is not listed at all.

    Args:
        wanted: all configs.
        empty: `config/split` without a row.
    """
    listed = {
        config.name: {split: path for split, path in config.files.items() if f"{config.name}/{split}" not in empty}
        for config in wanted.configs
    }
    return {name: files for name, files in listed.items() if files}


class Splitter:
    """Splits views by prompt.

    Args:
        ratings: whose prompts.
    """

    def __init__(self, ratings: Ratings) -> None:
        prompts = pc.unique(ratings.items.column("prompt_id")).to_pylist()
        self._prompts = {s: pa.array([p for p in prompts if split_of(p) == s], pa.string()) for s in SPLITS}

    def tables(self, config: ViewConfig, view: pa.Table) -> dict[str, pa.Table]:
        """Split -> the rows of a view (with texts) that belong to it, in their order, with `config.fields` as columns."""
        rows = {s: view.filter(pc.is_in(view.column("prompt_id"), value_set=p)) for s, p in self._prompts.items()}
        return {split: table.cast(arrow_schema(config.fields)) for split, table in rows.items()}

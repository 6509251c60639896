"""`Ratings`: three Arrow tables and where they come from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pluralign.errors import PluralignError, Problem, ProblemsFoundError
from pluralign.places import carried
from pluralign.ratings.checks import REJECTED_SCHEMA, conform, row_problems, sift, structural_problems
from pluralign.ratings.provenance import Provenance
from pluralign.ratings.tables import PROVENANCE_KEY, content_checksum, write_parquet, write_text
from pluralign.schema import ATTRIBUTES, CANONICAL, EVERYONE

GroupSpec = str | Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Ratings:
    """Raters, items, ratings and their provenance.

    Attributes:
        raters: one row a rater (`schema.TABLES["raters"]`).
        items: one row a prompt–response pair.
        ratings: one row a (rater, item, dimension).
        provenance: where they come from.
        truth: the true effects, where the ratings are simulated.
        rejected: rows that did not pass the checks when these tables were made (`checks.REJECTED_SCHEMA`).
    """

    raters: pa.Table
    items: pa.Table
    ratings: pa.Table
    provenance: Provenance
    truth: pa.Table | None = None
    rejected: pa.Table = field(default_factory=REJECTED_SCHEMA.empty_table)

    @classmethod
    def from_tables(
        cls,
        raters: pa.Table,
        items: pa.Table,
        ratings: pa.Table,
        provenance: Provenance,
        *,
        truth: pa.Table | None = None,
        rejected: pa.Table | None = None,
        strict: bool = False,
    ) -> Ratings:
        """Check three tables and keep what passes.

        Args:
            raters, items, ratings: tables with the schema's columns, in any order.
            provenance: their provenance; its checksum is filled in here.
            truth: true effects of simulated items.
            rejected: rows that the maker set aside already.
            strict: raise at any problem, instead of setting the offending rows aside in `rejected`.

        Raises:
            ProblemsFoundError: a column is missing, foreign or of the wrong type; or any problem, if `strict`.
        """
        tables = {"raters": raters, "items": items, "ratings": ratings}
        if broken := structural_problems(tables):
            raise ProblemsFoundError(broken)
        sifted = sift(tables, provenance)
        if strict and sifted.problems:
            raise ProblemsFoundError(sifted.problems)
        aside = pa.concat_tables([rejected, sifted.rejected]) if rejected is not None else sifted.rejected
        checksum = content_checksum(sifted.tables | ({"truth": truth} if truth is not None else {}))
        return cls(**sifted.tables, provenance=provenance.with_checksum(checksum), truth=truth, rejected=aside)

    @classmethod
    def open(cls, folder: str | Path) -> Ratings:
        """Read the three tables of a folder.

        Raises:
            PluralignError: PA001 where a file is missing, PA014 where the provenance cannot be read.
            ProblemsFoundError: a column is missing, foreign or of the wrong type.
        """
        folder = Path(folder)
        wanted = [f"{name}.parquet" for name in CANONICAL] + ["provenance.json"]
        if absent := [name for name in wanted if not (folder / name).is_file()]:
            raise PluralignError(
                "PA001", f"got {folder} without {', '.join(absent)}; expected {', '.join(wanted)}.",
                "Make them with `pluralign data simulate` or `pluralign data import`.",
            )  # fmt: skip
        provenance = read_provenance(folder / "provenance.json")
        tables = {name: read_table(folder / f"{name}.parquet") for name in CANONICAL}
        if broken := structural_problems(tables):
            raise ProblemsFoundError(broken)
        # Parquet has names of its own for the insides of lists: back to the schema's, so that saving again gives the same bytes.
        tables = {name: conform(table, name) for name, table in tables.items()}
        optional = {name: folder / f"{name}.parquet" for name in ("truth", "rejected")}
        extra = {name: read_table(path) for name, path in optional.items() if path.is_file()}
        return cls(**tables, provenance=provenance, **extra)

    def check(self) -> list[Problem]:
        """All problems of these tables; empty where there are none.

        Besides the rows, the contents' checksum is compared with the provenance's.
        """
        tables = self.tables
        if broken := structural_problems(tables):
            return broken
        problems = row_problems(tables, self.provenance)
        checked = tables | ({"truth": self.truth} if self.truth is not None else {})
        if (got := content_checksum(checked)) != self.provenance.checksum:
            problems.append(
                Problem("PA016", "provenance.json", None, "checksum", got, self.provenance.checksum or "a checksum",
                        "The tables were changed after they were made: make them again, or say so in a new version.")
            )  # fmt: skip
        return problems

    def save(self, folder: str | Path) -> Path:
        """Write the tables, the rejected rows (if any) and the provenance.

        Everything is written beside first and renamed at the end, the provenance last: a write that fails or is killed leaves
        the former set, or one whose checksum `check` refuses.
        """
        folder = Path(folder)
        stamp = {PROVENANCE_KEY: self.provenance.to_json().encode()}
        written = {**self.tables, "truth": self.truth, "rejected": self.rejected}
        beside = folder.with_name(f".{folder.name}.saving")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            for name, table in written.items():
                if table is not None and (table.num_rows or name in CANONICAL):
                    write_parquet(table, beside / f"{name}.parquet", stamp)
            write_text(self.provenance.to_json() + "\n", beside / "provenance.json")
            folder.mkdir(parents=True, exist_ok=True)
            for name in (*(f"{name}.parquet" for name in written), "provenance.json"):
                if (beside / name).exists():
                    (beside / name).replace(folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return folder

    @property
    def tables(self) -> dict[str, pa.Table]:
        """The three canonical tables by name."""
        return {"raters": self.raters, "items": self.items, "ratings": self.ratings}

    @cached_property
    def groups(self) -> dict[str, int]:
        """Every group that has a rater -> its number of raters; `everyone` first, then the schema's order."""
        counts = {EVERYONE: self.raters.num_rows}
        for attribute in ATTRIBUTES.values():
            column = self.raters.column(attribute.name)
            flat = pc.list_flatten(column) if attribute.several else column
            seen = {row["values"]: row["counts"] for row in pc.value_counts(flat).to_pylist()}
            counts |= {value: seen[value] for value in attribute.values if value in seen}
        return counts

    def describe(self) -> dict[str, Any]:
        """Counts, scales and provenance as plain values, for people and for `--json`."""
        cells = self.ratings.group_by(["item_id", "dimension"]).aggregate([([], "count_all")]).column("count_all")
        # Without a rating there is no such number: null, not 0.
        per_cell = {name: getattr(pc, name)(cells).as_py() for name in ("min", "mean", "max")}
        texts = {lang: pc.count(self.items.column(f"response_{lang}")).as_py() for lang in ("en", "de")}
        return {
            "provenance": self.provenance.label,
            "licence": self.provenance.licence,
            "checksum": self.provenance.checksum,
            "n_raters": self.raters.num_rows,
            "n_items": self.items.num_rows,
            "n_prompts": pc.count_distinct(self.items.column("prompt_id")).as_py(),
            "n_ratings": self.ratings.num_rows,
            "n_rejected": self.rejected.num_rows,
            "rejected": _code_counts(self.rejected),
            "ratings_per_item_and_dimension": per_cell,
            "texts": texts,
            "groups": self.groups,
            "dimensions": {
                spec.name: {"nearest": spec.nearest, "better": spec.better, "range": [spec.minimum, spec.maximum],
                            "scales": list(spec.scales)}
                for spec in self.provenance.dimensions
            },
        }  # fmt: skip

    def view(
        self,
        group: GroupSpec = EVERYONE,
        scale: str = "5pt",
        aggregation: str = "individual",
        dimension: str | Sequence[str] | None = None,
        *,
        texts: bool = False,
        engine: str = "polars",
    ) -> pa.Table:
        """The ratings of a group on a scale, aggregated.

        Args:
            group: `everyone`, an attribute value (`female`, `51-60`, `de`, …), or `{attribute: value or values}` for raters who
                meet all of them.
            scale: `5pt`, `3pt` or `binary`; applied to each rating before the aggregation.
            aggregation: `individual`, `majority`, `consensus`, `first` or `mean`.
            dimension: one or several dimensions, by the source's names or ours; all if None.
            texts: add the four text columns.
            engine: `polars`, `pandas`, `pyarrow`, `duckdb` or `pyspark`; all give equal results.

        Returns:
            A table with `schema.VIEW_FIELDS` (or `INDIVIDUAL_FIELDS`), sorted by item, dimension (and rater).

        Raises:
            PluralignError: PA020–PA025, with the names that exist.
        """
        from pluralign.views import view

        return view(self, group, scale, aggregation, dimension, texts=texts, engine=engine)


def read_provenance(path: Path) -> Provenance:
    """Read a provenance file, a broken one with a clear error."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise PluralignError(
            "PA014", f"{path} is not UTF-8 ({error}).", "Import or simulate the ratings again."
        ) from error
    return Provenance.from_json(text, str(path))


def read_table(path: Path) -> pa.Table:
    """Read a Parquet file, a broken one with a clear error."""
    try:
        table = pq.read_table(path)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        raise PluralignError("PA003", f"{path} is not readable as Parquet: {error}", "Make it again.") from error
    return table


def _code_counts(rejected: pa.Table) -> dict[str, int]:
    rows = pc.value_counts(rejected.column("code")).to_pylist() if rejected.num_rows else []
    return {row["values"]: row["counts"] for row in sorted(rows, key=lambda row: -row["counts"])}


def shipped_folder() -> Path:
    """Where the shipped release lies: in the wheel, or in the checkout that an editable install points to."""
    return carried("ratings", "datasets/ratings")


def load(folder: str | Path | None = None) -> Ratings:
    """Open the shipped release (simulated), or any folder of three tables.

    Raises:
        PluralignError: PA001 where the folder lacks a file.
    """
    return Ratings.open(folder if folder is not None else shipped_folder())

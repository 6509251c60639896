"""Checks of a built release: what is on disk against what its canonical tables give. All problems at once, as PA050 unless a
table itself is wrong (then with the table's own code).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pluralign.errors import PluralignError, Problem, ProblemsFoundError, listing
from pluralign.ratings import Ratings
from pluralign.ratings.core import read_table
from pluralign.ratings.tables import PROVENANCE_KEY, file_checksum
from pluralign.release.build import derive, empties
from pluralign.release.card import card, header_of, options_of, statistics_of
from pluralign.release.configs import Plan, ViewConfig, loadable, plan
from pluralign.release.croissant import croissant_text
from pluralign.release.folder import CARD, CHECKSUMS, CROISSANT, LOCAL, PROVENANCE
from pluralign.schema import MINIMUM_CELL

BUILD_AGAIN = "Build again: pluralign data build."


def _problem(file: str, got: str, expected: str, fix: str = BUILD_AGAIN, field: str | None = None) -> Problem:
    return Problem("PA050", file, None, field, got, expected, fix)


def is_built(folder: Path) -> bool:
    """Whether a build was completed here."""
    return (folder / CHECKSUMS).is_file()


def check_release(folder: str | Path) -> list[Problem]:
    """Find everything that is wrong with a release; every config is recomputed from the canonical tables.

    A folder with the canonical tables and no trace of a build (a fresh checkout) is checked as far as it goes; a folder with
    configs must be complete.

    Args:
        folder: a built folder, or one of canonical tables.

    Returns:
        Problems of the tables (their own codes), of checksums, files, configs, splits, card and Croissant (PA050); empty where
        there are none.
    """
    folder = Path(folder)
    found = check_files(folder) if is_built(folder) or (folder / "configs").exists() else []
    try:
        ratings = Ratings.open(folder)
    except ProblemsFoundError as error:
        return [*found, *error.problems]
    except PluralignError as error:
        fix = "Make the tables again, then build."
        return [*found, Problem(error.code, str(folder), None, None, str(error), "the canonical tables", fix)]
    found += ratings.check()
    if not (folder / CARD).is_file():
        missing = [] if any(p.file == CARD for p in found) else [_problem(CARD, "no card", "a card")]
        return found + (missing if is_built(folder) else [])
    try:
        return found + _content_problems(folder, ratings, {problem.file for problem in found})
    except PluralignError as error:
        return [*found, _problem(CARD, str(error), "the card as it was built")]


def check_files(folder: str | Path) -> list[Problem]:
    """Problems of checksums: not built, files that are missing, foreign or changed."""
    folder = Path(folder)
    if not is_built(folder):
        return [_problem(CHECKSUMS, "no such file", "checksums of a complete build")]
    listed = read_checksums(folder)
    there = files_of(folder)
    found = [_problem(name, "no such file", "a file of the build") for name in sorted(set(listed) - there)]
    found += [
        _problem(name, "a file that no build wrote", "only files in checksums.sha256", "Remove it, or build again.")
        for name in sorted(there - set(listed) - LOCAL - {CHECKSUMS})
    ]
    for name in sorted(there & set(listed)):
        if (got := file_checksum(folder / name)) != listed[name]:
            found.append(
                Problem(
                    "PA016",
                    name,
                    None,
                    None,
                    got[:12] + "…",
                    listed[name][:12] + "…",
                    "The file was changed. " + BUILD_AGAIN,
                )
            )
    return found


def read_checksums(folder: Path) -> dict[str, str]:
    """Path -> sha256, as `checksums.sha256` lists them."""
    lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
    pairs = (line.split("  ", 1) for line in lines if line and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def _content_problems(folder: Path, ratings: Ratings, known: set[str]) -> list[Problem]:
    text = (folder / CARD).read_text("utf-8")
    options = options_of(text)
    wanted = plan(ratings, options.get("minimum_cell", MINIMUM_CELL))
    built = (folder / "configs").is_dir()
    found, rows = _config_problems(folder, ratings, wanted, built)
    empty = empties(wanted, rows)
    found += _listing_problems(loadable(wanted, empty), header_of(text))
    if built:
        found += [*_disk_problems(folder, wanted, known), *_split_problems(folder, wanted)]
        found += _croissant_problems(folder, ratings, wanted, known)
    fresh = card(
        ratings, statistics_of(text), minimum_cell=wanted.minimum_cell, empty=empty, rejected=options["rejected"]
    )
    if fresh != text:
        found.append(_problem(CARD, _first_difference(text, fresh), "what the tables and the schema give"))
    return found


def _first_difference(got: str, expected: str) -> str:
    for number, (one, other) in enumerate(zip(got.splitlines(), expected.splitlines(), strict=False), 1):
        if one != other:
            place = next(
                (k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            return f"other text in line {number}: {one[max(place - 30, 0) : place + 50]!r}"
    return "more or fewer lines"


def _listing_problems(expected: Mapping[str, Mapping[str, str]], header: Mapping[str, object]) -> Iterator[Problem]:
    """The card's configs against those that the tables give."""
    raw = header.get("configs")
    entries = [entry for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []
    listed = {
        entry.get("config_name"): {f.get("split"): f.get("path") for f in entry.get("data_files", [])}
        for entry in entries
    }
    if absent := [name for name in expected if name not in listed]:
        yield _problem(CARD, f"no {listing(absent, 5)}", "every config of the tables", field="configs")
    if foreign := [str(name) for name in listed if name not in expected]:
        yield _problem(CARD, f"{listing(foreign, 5)}", "only configs of the tables", field="configs")
    if moved := [name for name in expected if name in listed and listed[name] != expected[name]]:
        yield _problem(CARD, f"other files of {listing(moved, 5)}", "the files of the build", field="configs")


def _disk_problems(folder: Path, wanted: Plan, known: set[str]) -> Iterator[Problem]:
    """Files against the plan, whatever the checksums say; `known` were reported already."""
    expected = {path for config in wanted.configs for path in config.files.values()} | {
        CARD,
        CROISSANT,
        CHECKSUMS,
        PROVENANCE,
    }
    there = files_of(folder)
    for name in sorted(expected - there - known):
        yield _problem(name, "no such file", "a file of every release of these tables")
    for name in sorted(there - expected - LOCAL - known):
        yield _problem(name, "a file of no config", "only what these tables give", "Remove it, or build again.")


def _croissant_problems(folder: Path, ratings: Ratings, wanted: Plan, known: set[str]) -> Iterator[Problem]:
    tables = {path for table in wanted.tables for path in table.files.values()}
    if not (folder / CROISSANT).is_file() or known & (tables | {CROISSANT}):
        return  # reported already
    if (folder / CROISSANT).read_text("utf-8") != croissant_text(ratings, wanted, folder):
        yield _problem(CROISSANT, "another description", "what the tables give")


def files_of(folder: Path) -> set[str]:
    """Every file under a folder, relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _split_problems(folder: Path, wanted: Plan) -> Iterator[Problem]:
    """Prompts that are in both splits of a config, or in different splits of two."""
    home: dict[str, str] = {}
    for config in wanted.views:
        for split, name in config.files.items():
            try:
                prompts = pc.unique(pq.read_table(folder / name, columns=["prompt_id"]).column(0)).to_pylist()
            except (pa.ArrowInvalid, OSError, KeyError):
                continue  # reported by `_config_problems`
            astray = [prompt for prompt in prompts if home.setdefault(prompt, split) != split]
            if astray:
                got = f"prompts {listing(astray, 3)}, which are in {home[astray[0]]} too"
                yield _problem(name, got, "splits that share no prompt", field="prompt_id")


def _config_problems(folder: Path, ratings: Ratings, wanted: Plan, built: bool) -> tuple[list[Problem], dict[str, int]]:
    """Every config recomputed and compared with the disk (if it was built), and how many rows each split must have."""
    stamp = ratings.provenance.to_json().encode()
    found: list[Problem] = []
    rows: dict[str, int] = {}
    for _, configs in derive(ratings, wanted):
        for config, tables in configs:
            for split, expected in tables.items():
                rows[f"{config.name}/{split}"] = expected.num_rows
                if built:
                    found += _table_problems(folder, config, split, expected, stamp)
    return found, rows


def _table_problems(
    folder: Path, config: ViewConfig, split: str, expected: pa.Table, stamp: bytes
) -> Iterator[Problem]:
    name = config.files[split]
    if not (folder / name).is_file():
        return  # reported with the checksums or the listing
    try:
        got = read_table(folder / name)
    except PluralignError as error:
        yield _problem(name, str(error), "a Parquet file")
        return
    if not got.schema.equals(expected.schema):
        yield _problem(name, f"columns {got.schema.names}", f"columns {expected.schema.names} with their types")
    elif not got.equals(expected):
        yield _problem(
            name,
            f"{got.num_rows} rows of other content",
            f"the {expected.num_rows} rows that the canonical tables give",
        )
    if (got.schema.metadata or {}).get(PROVENANCE_KEY) != stamp:
        yield _problem(
            name, "another provenance", "the provenance of the canonical tables", field=PROVENANCE_KEY.decode()
        )

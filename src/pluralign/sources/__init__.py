"""Importers: public rating sets as the three tables, one source a file."""

from __future__ import annotations

from pathlib import Path

from pluralign.errors import unknown
from pluralign.ratings import Ratings
from pluralign.sources import aligniverse
from pluralign.sources.aligniverse import ALIGNIVERSE
from pluralign.sources.ann_with_attitudes import ANN_WITH_ATTITUDES
from pluralign.sources.base import UNTESTED, Source
from pluralign.sources.crehate import CREHATE
from pluralign.sources.d3code import D3CODE
from pluralign.sources.dices import DICES
from pluralign.sources.popquorn import POPQUORN
from pluralign.sources.prism import PRISM

SOURCES: dict[str, Source] = {
    source.name: source for source in (CREHATE, ANN_WITH_ATTITUDES, POPQUORN, ALIGNIVERSE, DICES, PRISM, D3CODE)
}

__all__ = ["SOURCES", "Source", "import_source", "sources_page", "sources_table"]


def import_source(name: str, path: str | Path, *, strict: bool = False) -> Ratings:
    """Import a public rating set.

    Args:
        name: a key of `SOURCES`.
        path: the source's file, or a folder that holds its files.
        strict: stop at any row that does not pass, instead of setting it aside in `rejected`.

    Raises:
        PluralignError: PA030 for an unknown source, PA031 where the files are not the source's.
        ProblemsFoundError: any problem, if `strict`.
    """
    if name not in SOURCES:
        raise unknown("PA030", "source", name, list(SOURCES))
    return SOURCES[name].read(Path(path), strict=strict)


def sources_table() -> str:
    """The sources as a Markdown table."""
    lines = ["| source | what | scale | offers | licence | run on the real files |", "|---|---|---|---|---|---|"]
    for source in SOURCES.values():
        offers = ", ".join(dict.fromkeys(scale for d in source.dimensions for scale in d.scales))
        cells = (
            source.name,
            source.title,
            source.scale,
            offers,
            source.licence,
            "yes" if source.tested_on_real_files else "no",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sources_page() -> str:
    """docs/sources.md: what each importer maps and drops, and how to get the files."""
    parts = [
        "# Sources of ratings",
        "",
        "`pluralign data import SOURCE PATH --out FOLDER`. Rows that are no ratings, or do not pass the checks, go to `rejected.parquet` with "
        "the reason; rows read × dimensions = ratings kept + ratings set aside. A rater whose rows differ on an attribute is kept with it "
        "`undisclosed`, and the difference is among the rejected rows. This page is generated from the importers: `make docs`.",
        "",
        sources_table(),
    ]
    for source in SOURCES.values():
        parts += _source_section(source)
    columns = (f"| {name} | {meaning} |" for name, meaning in (aligniverse.COLUMNS | aligniverse.CHECKS).items())
    parts += [
        "", "### Columns of an `aligniverse` export", "", "A row is one rater's answers to one pair.", "",
        "| column | what |", "|---|---|", *columns,
        "", "## A new source", "",
        "One file in `src/pluralign/sources/` with a `Source` (what it must declare is in `base.py`), added to `SOURCES`: explicit dictionaries "
        "from its answers to our vocabularies (what has no entry fails the checks, nothing is guessed), every rule in `maps`, every loss in "
        "`drops`, and a test on a hand-made file.",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _source_section(source: Source) -> list[str]:
    files = (" and " if source.together else " or ").join(f"`{name}`" for name in source.files)
    scales = {
        d.name: f"{d.minimum}–{d.maximum}, nearest to {d.nearest}, {d.better} is better" for d in source.dimensions
    }
    return [
        "", f"## {source.name}", "", f"{source.title}. {source.citation}", "", f"Files: {files}. {source.how_to_get}", "",
        *([] if source.tested_on_real_files else [f"**{UNTESTED}**", ""]),
        *(f"- {name} {scale}" for name, scale in scales.items()),
        *(f"- {sentence}" for sentence in (*source.maps, *source.drops)),
    ]  # fmt: skip

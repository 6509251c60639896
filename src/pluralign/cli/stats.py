"""`pluralign stats …`: agreement, disagreement, conditional probabilities and the mixed model of any set of ratings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pluralign.cli import power
from pluralign.ratings import load

if TYPE_CHECKING:
    from pluralign.analysis.table import Table

stats = typer.Typer(help="What ratings say: agreement, disagreement, mixed models, power.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Argument(help="Folder of three tables; the shipped release by default.")]
Dimensions = Annotated[
    list[str] | None, typer.Option("--dimension", help="By the source's name or ours; may be repeated; all by default.")
]
Groups = Annotated[list[str] | None, typer.Option("--group", help="Whose ratings; may be repeated.")]
FEWEST = 10
"""Replicates below which percentiles are no interval: it may miss the estimate itself."""


def _enough(replicates: int) -> int:
    if 0 < replicates < FEWEST:
        raise typer.BadParameter(
            f"got {replicates}; expected 0 for no intervals, or {FEWEST} and more (1,000 for use)."
        )
    return replicates


Bootstrap = Annotated[
    int, typer.Option(help="Replicates of the intervals; 0 for none.", min=0, max=100_000, callback=_enough)
]
Seed = Annotated[int, typer.Option(help="Seed of the intervals.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for a program.")]


class LevelOption(StrEnum):
    """Levels of measurement."""

    nominal = "nominal"
    ordinal = "ordinal"
    interval = "interval"


class ScaleOption(StrEnum):
    """Scales."""

    five = "5pt"
    three = "3pt"
    binary = "binary"


ScaleOf = Annotated[
    ScaleOption | None, typer.Option("--scale", help="The finest that each dimension offers by default.")
]


@stats.command(
    epilog="Examples:  pluralign stats alpha  ·  pluralign stats alpha crehate --group female --group male --json  ·  "
    "pluralign stats alpha --dimension toxicity --level interval --scale 3pt"
)
def alpha(
    folder: Folder = None,
    dimension: Dimensions = None,
    group: Groups = None,
    level: Annotated[LevelOption, typer.Option(help="Of measurement.")] = LevelOption.ordinal,
    scale: ScaleOf = None,
    bootstrap: Bootstrap = 1000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Krippendorff's alpha by dimension and group, with intervals over templates."""
    from pluralign.analysis.agreement import alpha_rows
    from pluralign.analysis.cells import Coded
    from pluralign.analysis.tables import alpha_table

    coded = Coded(load(folder))
    rows = alpha_rows(
        coded, dimension, group, scale=scale and scale.value, level=level.value, bootstrap=bootstrap, seed=seed
    )
    _tell(coded.ratings.provenance.label, [alpha_table(rows)], as_json)


@stats.command(epilog="Examples:  pluralign stats disagreement  ·  pluralign stats disagreement crehate --json")
def disagreement(
    folder: Folder = None,
    dimension: Dimensions = None,
    group: Groups = None,
    scale: ScaleOf = None,
    bootstrap: Bootstrap = 1000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Share of items whose raters differ, by dimension, scale and definition."""
    from pluralign.analysis.agreement import disagreement_rows
    from pluralign.analysis.cells import Coded
    from pluralign.analysis.tables import disagreement_table
    from pluralign.schema import EVERYONE

    coded = Coded(load(folder))
    scales = [scale.value] if scale else None
    rows = disagreement_rows(coded, dimension, group or (EVERYONE,), scales=scales, bootstrap=bootstrap, seed=seed)
    _tell(coded.ratings.provenance.label, [disagreement_table(rows)], as_json)


@stats.command(
    epilog="Examples:  pluralign stats conditional  ·  pluralign stats conditional --group female "
    "--dimension emotional_awareness --dimension toxicity --json"
)
def conditional(
    folder: Folder = None,
    dimension: Dimensions = None,
    group: Annotated[str, typer.Option(help="Whose ratings.")] = "everyone",
    bootstrap: Bootstrap = 1000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """How often what was rated positively on one dimension was so on another, with intervals over raters."""
    from pluralign.analysis.cells import Coded
    from pluralign.analysis.conditional import conditional_rows
    from pluralign.analysis.tables import conditional_table

    coded = Coded(load(folder))
    rows = conditional_rows(coded, dimension, group, bootstrap=bootstrap, seed=seed)
    _tell(coded.ratings.provenance.label, [conditional_table(rows)], as_json)


class SeveralOption(StrEnum):
    """How raters with several values of an attribute count."""

    level = "level"
    each = "each"


class UndisclosedOption(StrEnum):
    """What becomes of raters who did not say."""

    level = "level"
    drop = "drop"


@stats.command(
    epilog="Examples:  pluralign stats clmm --dimension toxicity  ·  pluralign stats clmm crehate --json  ·  pluralign stats clmm "
    "--formula 'rating ~ gender + politics + (1|rater) + (1|prompt)' --reference politics=moderate"
)
def clmm(
    folder: Folder = None,
    dimension: Dimensions = None,
    formula: Annotated[
        str | None, typer.Option(help="The study's by default: rating ~ country + gender + … + (1|rater) + (1|item).")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option("--reference", help="ATTRIBUTE=LEVEL that others are compared with; may be repeated."),
    ] = None,
    scale: ScaleOf = None,
    group: Annotated[str, typer.Option(help="Whose ratings.")] = "everyone",
    several: Annotated[
        SeveralOption, typer.Option(help="Raters with several ethnicities: one level `multiple`, or an indicator each.")
    ] = SeveralOption.level,
    undisclosed: Annotated[
        UndisclosedOption, typer.Option(help="Raters who did not say: a level of their own, or left out.")
    ] = UndisclosedOption.level,
    jobs: Annotated[int | None, typer.Option(help="Processes; the cores by default.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Cumulative link mixed model of ratings on raters' attributes, with random intercepts of raters and items (R's clmm)."""
    from tqdm import tqdm

    from pluralign.analysis.formula import STUDY_FORMULA
    from pluralign.analysis.mixed_model import fit_all

    ratings = load(folder)
    references = dict(_pair(one) for one in reference or ())
    with tqdm(total=len(dimension or ratings.provenance.dimensions), desc="fitting", unit="model", delay=2) as bar:
        found = fit_all(
            ratings, dimension, formula or STUDY_FORMULA, references, scale and scale.value, group, several=several.value,
            undisclosed=undisclosed.value, jobs=jobs, progress=lambda _: (bar.update(), None)[1],
        )  # fmt: skip
    if as_json:
        typer.echo(
            json.dumps({"ratings": ratings.provenance.label} | found.as_dict(), ensure_ascii=False, allow_nan=False)
        )
    else:
        typer.echo(str(found))
    if found.failures:
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    name, equals, level = text.partition("=")
    if not equals or not name or not level:
        raise typer.BadParameter(f"got --reference {text!r}; expected ATTRIBUTE=LEVEL, such as politics=moderate.")
    return name, level


def _tell(label: str, tables: Sequence[Table], as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"ratings": label} | {table.name: list(table.records) for table in tables}
        typer.echo(json.dumps(told, ensure_ascii=False, allow_nan=False))
    else:
        from pluralign.analysis.table import printable

        typer.echo("\n\n".join([printable(label), *(table.to_text() for table in tables)]))


power.register(stats)

"""`pluralign data …`: simulate, import, build, check, describe and push the three tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pluralign.errors import PluralignError, Problem, unknown
from pluralign.ratings import Ratings, load
from pluralign.schema import CANONICAL, MINIMUM_CELL

data = typer.Typer(help="The three tables: raters, items, ratings.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for a program.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
DEFAULT_FOLDER = Path("datasets/ratings")
MEASURED_ITEMS = 300
"""Simulated sets with fewer items get no statistics section: there is too little to measure."""


class Kind(StrEnum):
    """The dataset repositories that can be pushed."""

    ratings = "ratings"
    preferences = "preferences"
    prompts = "prompts"


class LexiconOption(StrEnum):
    """The lexicons."""

    t = "t"
    j = "j"
    e = "e"


class ModeOption(StrEnum):
    """Whether the true or the fitted statistics are the published ones."""

    matched = "matched"
    population = "population"


@data.command(
    epilog="Examples:  pluralign data simulate --seed 0 --out datasets/ratings  ·  "
    "pluralign data simulate --seed 3 --kappa 0 --out null  ·  pluralign data simulate --raters 4380 --out four-times"
)
def simulate(
    out: Out = DEFAULT_FOLDER,
    seed: Annotated[int, typer.Option(help="Seed of every random stream; the shipped release is seed 0.", min=0)] = 0,
    mode: Annotated[
        ModeOption, typer.Option(help="Match the published statistics on this draw, or in the population.")
    ] = ModeOption.matched,
    kappa: Annotated[float, typer.Option(help="Multiplies every κ; 0 gives the null release.", min=0, max=100)] = 1.0,
    raters: Annotated[int | None, typer.Option(help="Number of raters (the study: 1095).", min=2)] = None,
    lexicon: Annotated[LexiconOption, typer.Option(help="Which phrases render the items.")] = LexiconOption.t,
    prompts: Annotated[int | None, typer.Option(help="Number of prompts (the release: 587).", min=1)] = None,
    force: Annotated[bool, typer.Option(help="Replace tables that are not simulated.")] = False,
    as_json: Json = False,
) -> None:
    """Write a simulated release, reproducible to the byte.

    Seed 0 at the study's size uses the matched parameters that ship. Any other draw is matched afresh in matched mode, which
    fits five mixed models a round and takes some minutes.
    """
    from dataclasses import replace

    from pluralign.simulate import load_parameters
    from pluralign.simulate import simulate as run
    from pluralign.simulate.calibrate import match

    _refuse_to_replace(out, force, "simulated", "pluralign")
    parameters = load_parameters(mode.value)
    asked = replace(parameters, n_raters=raters or parameters.n_raters, n_prompts=prompts or parameters.n_prompts)
    if mode is ModeOption.matched and asked != parameters:
        raise PluralignError("PA041", "got --mode matched with another number of raters or prompts; the study's statistics are "
                             "matched at the study's size only.", "Add --mode population.")  # fmt: skip
    if mode is ModeOption.matched and seed != 0:
        base = load_parameters("population")
        typer.echo("matching the published statistics on this draw …", err=True)
        asked = match(
            base,
            seed,
            report=lambda turn, off: typer.echo(
                f"  round {turn + 1}: largest error of a log odds ratio {off:.4f}", err=True
            ),
        )
    _written(run(asked.with_kappa(kappa), seed, lexicon.value), out, as_json)


def _refuse_to_replace(out: Path, force: bool, kind: str, source: str) -> None:
    """One set's tables are not to be lost to another's, nor half a set to a new one."""
    if force or not any((out / f"{name}.parquet").exists() for name in CANONICAL):
        return
    held = load(out).provenance
    if (held.kind, held.source) != (kind, source):
        raise PluralignError("PA052", f"{out} holds {held.label}.", "Name another folder with --out, or add --force.")


@data.command(
    "import",
    epilog="Examples:  pluralign data import crehate ~/CREHate --out crehate  ·  pluralign data import sources",
)
def import_(
    source: Annotated[str, typer.Argument(help="Name of the source; `sources` lists them.")],
    path: Annotated[Path | None, typer.Argument(help="The source's file or folder.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; the source's name by default.")] = None,
    strict: Annotated[bool, typer.Option(help="Stop at any problem, instead of setting rows aside.")] = False,
    force: Annotated[bool, typer.Option(help="Replace another set's tables.")] = False,
    as_json: Json = False,
) -> None:
    """Turn a public rating set into the three tables."""
    from pluralign.sources import SOURCES, import_source, sources_table

    if source == "sources":
        typer.echo(sources_table())
        return
    if source not in SOURCES:
        raise unknown("PA030", "source", source, list(SOURCES))
    if path is None:
        raise SOURCES[source].not_recognised("no path given")
    _refuse_to_replace(out or Path(source), force, "imported", source)
    _written(import_source(source, path, strict=strict), out or Path(source), as_json)


def _written(ratings: Ratings, out: Path, as_json: bool) -> None:
    ratings.save(out)
    if as_json:
        typer.echo(json.dumps(ratings.describe(), ensure_ascii=False))
    else:
        typer.echo(_described(ratings))
        typer.echo(f"written to {out}")


@data.command(epilog="Examples:  pluralign data describe  ·  pluralign data describe crehate --json")
def describe(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of three tables; the shipped release by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a set of ratings holds and where it comes from."""
    ratings = load(folder)
    typer.echo(json.dumps(ratings.describe(), ensure_ascii=False) if as_json else _described(ratings))


def _described(ratings: Ratings) -> str:
    told: dict[str, Any] = ratings.describe()
    per = told["ratings_per_item_and_dimension"]
    lines = [
        told["provenance"],
        f"  {told['n_raters']:,} raters · {told['n_items']:,} items · {told['n_prompts']:,} prompts · {told['n_ratings']:,} ratings"
        + (f" · {per['mean']:.1f} ratings an item and dimension ({per['min']}–{per['max']})" if per["mean"] else ""),
        f"  licence {told['licence']} · checksum {told['checksum'][:12]}",
        "  dimensions: " + ", ".join(
            f"{name} {d['range'][0]}–{d['range'][1]}" + ("" if name == d["nearest"] else f" (≈ {d['nearest']})")
            + f" [{', '.join(d['scales'])}]" for name, d in told["dimensions"].items()
        ),
        "  groups: " + ", ".join(f"{group} {n:,}" for group, n in told["groups"].items()),
    ]  # fmt: skip
    if told["n_rejected"]:
        codes = ", ".join(f"{code} {n:,}" for code, n in told["rejected"].items())
        lines.append(f"  set aside in rejected.parquet: {told['n_rejected']:,} rows ({codes})")
    return "\n".join(lines)


@data.command(epilog="Examples:  pluralign data build  ·  pluralign data build crehate")
def build(
    folder: Annotated[Path, typer.Argument(help="Folder of three tables.")] = DEFAULT_FOLDER,
    minimum_cell: Annotated[
        int, typer.Option(help="Groups with fewer raters are not published.", min=1)
    ] = MINIMUM_CELL,
) -> None:
    """Write every config, the card, Croissant and the checksums beside the tables."""
    from pluralign.release.build import build as run
    from pluralign.release.folder import restore_former

    restore_former(folder)
    ratings = load(folder)
    is_measured = ratings.truth is not None and ratings.items.num_rows >= MEASURED_ITEMS
    statistics = None
    if is_measured:
        from pluralign.simulate.report import statistics_section

        typer.echo("computing the statistics of the card …", err=True)
        statistics = statistics_section(ratings)
    built = run(ratings, folder, minimum_cell=minimum_cell, statistics=statistics, progress=True)
    typer.echo(f"{len(built.configs)} configs in {folder}: load_dataset({str(folder)!r}, {built.configs[0]!r})")


@data.command(epilog="Examples:  pluralign data check  ·  pluralign data check datasets/ratings --statistics --json")
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of three tables.")] = DEFAULT_FOLDER,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Recompute the published statistics too (fits five mixed models).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify what is on disk: rows, checksums, configs; with --statistics the calibration and the texts."""
    from pluralign.release.checks import check_release

    problems: list[Problem] = list(check_release(folder))
    if statistics and not problems and (ratings := load(folder)).truth is not None:
        from pluralign.simulate.report import check_statistics

        typer.echo("recomputing the statistics (half a minute) …", err=True)
        problems += check_statistics(ratings)
    _report(problems, folder, as_json)


def _report(problems: Sequence[Problem], folder: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "problems": [p.as_dict() for p in problems]}, ensure_ascii=False))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{folder}: {len(problems)} problem(s)")
    if problems:
        raise typer.Exit(1)


@data.command(
    epilog="Examples:  pluralign data push ratings --dry-run  ·  pluralign data push ratings --namespace my-organisation"
)
def push(
    kind: Annotated[Kind, typer.Argument(help="Which dataset repository.")] = Kind.ratings,
    namespace: Annotated[str, typer.Option(help="Organisation or account on the Hub.")] = "pluralign",
    folder: Annotated[Path | None, typer.Option(help="The folder; datasets/<kind> by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be uploaded, and upload nothing.")] = False,
    endpoint: Annotated[str | None, typer.Option(help="Another Hub endpoint.")] = None,
) -> None:
    """Upload a built dataset folder to the Hugging Face Hub. The token comes from HF_TOKEN or `hf auth login`."""
    from pluralign.release.push import push as run

    plan = run(kind.value, folder or Path("datasets") / kind.value, namespace, dry_run=dry_run, endpoint=endpoint)
    typer.echo(str(plan))

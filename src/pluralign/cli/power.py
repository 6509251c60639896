"""`pluralign stats power`: how many raters, items and ratings it takes to see a group's effect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pluralign.errors import PluralignError

if TYPE_CHECKING:
    from pluralign.simulate.power import Progress
    from pluralign.simulate.power_design import RatingDesign
    from pluralign.simulate.power_model import RatingModel

Number = TypeVar("Number", int, float)


def power(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Your own ratings, to take sds and thresholds from; by default the simulation's."),
    ] = None,
    odds_ratio: Annotated[float, typer.Option(help="The group's true effect; below 1 it rates lower.")] = 1.27,
    raters: Annotated[str, typer.Option(help="Numbers of raters, by commas.")] = "200,500,1000",
    items: Annotated[str, typer.Option(help="Numbers of items, by commas.")] = "300",
    raters_per_item: Annotated[str | None, typer.Option(help="Raters of every item, by commas.")] = None,
    items_per_rater: Annotated[
        str | None, typer.Option(help="Or items of every rater, by commas: more raters are then more ratings.")
    ] = None,
    share: Annotated[str, typer.Option(help="Share of the raters in the group, by commas.")] = "0.5",
    dimension: Annotated[str, typer.Option(help="Whose sds and thresholds.")] = "toxicity",
    rater_sd: Annotated[float | None, typer.Option(help="Raters' sd on the logit scale, instead.")] = None,
    item_sd: Annotated[float | None, typer.Option(help="Items' sd on the logit scale, instead.")] = None,
    thresholds: Annotated[str | None, typer.Option(help="Ascending cut points, by commas, instead.")] = None,
    alpha: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    target: Annotated[float, typer.Option(help="Power that is wanted, for the number of raters.")] = 0.8,
    replicates: Annotated[int, typer.Option(help="Simulated studies a design.")] = 200,
    type_i_error: Annotated[bool, typer.Option("--type-i-error", help="Also simulate without the effect.")] = False,
    approximate: Annotated[bool, typer.Option("--approximate", help="Answer at once, by a formula.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for power.csv, .md, .json, .svg and .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for a program.")] = False,
) -> None:
    """Say how often a planned rating study would find a group's effect, and how many raters that takes.

    Simulates ratings, fits the study's mixed model to each, and counts. Effects within raters are not covered.
    """
    from pluralign.simulate.power import power as run
    from pluralign.simulate.power_approximation import approximate as by_formula
    from pluralign.simulate.power_curve import check_target, curves
    from pluralign.simulate.power_design import checked_effect
    from pluralign.simulate.power_report import PowerReport

    # All that can be wrong is found before ratings are read or anything is simulated.
    checked_effect(odds_ratio, alpha)
    check_target(target)
    designs = _designs(raters, items, raters_per_item, items_per_rater, share)
    model = _model(folder, dimension, rater_sd, item_sd, thresholds, seed)
    report: PowerReport
    if approximate:
        if type_i_error:
            raise PluralignError(
                "PA041", "got --approximate with --type-i-error; the formula's is alpha.", "Leave one out."
            )
        quick = [by_formula(design, model, odds_ratio, alpha=alpha, seed=seed) for design in designs]
        needed = curves(designs, [row.power for row in quick], target=target)
        report = PowerReport("approximation", odds_ratio, alpha, target, model, seed, None, quick, needed)
    else:
        with _bar(len(designs) * replicates * (2 if type_i_error else 1)) as progress:
            rows = run(
                designs, model, odds_ratio, replicates=replicates, alpha=alpha, seed=seed, jobs=jobs,
                type_i_error=type_i_error, progress=progress,
            )  # fmt: skip
        needed = curves(designs, [row.power for row in rows], target=target, seed=seed)
        report = PowerReport("simulation", odds_ratio, alpha, target, model, seed, replicates, rows, needed)
    written = []
    if out is not None:
        from pluralign.report.power_figure import save_power_figure

        written = [*report.save(out), *save_power_figure(report, out)]
    typer.echo(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else str(report))
    if written:
        typer.echo("written: " + ", ".join(map(str, written)), err=as_json)


def _designs(
    raters: str, items: str, raters_per_item: str | None, items_per_rater: str | None, share: str
) -> list[RatingDesign]:
    """Every combination, all that cannot be done in one message."""
    from pluralign.simulate.power_design import RatingDesign

    if (raters_per_item is None) == (items_per_rater is None):
        raise PluralignError("PA041", "got both or neither of --raters-per-item and --items-per-rater; expected one of them.",
                             "The other follows from raters and items.")  # fmt: skip
    load = "raters_per_item" if raters_per_item is not None else "items_per_rater"
    lists = (
        _numbers(raters, int, "--raters"), _numbers(items, int, "--items"),
        _numbers(raters_per_item or items_per_rater or "", int, f"--{load.replace('_', '-')}"),
        _numbers(share, float, "--share"),
    )  # fmt: skip
    designs, wrong = [], []
    for n_items, each, part, n_raters in product(lists[1], lists[2], lists[3], lists[0]):
        try:
            designs.append(RatingDesign(n_raters, n_items, share=part, **{load: each}))
        except PluralignError as error:
            wrong.append(str(error).removeprefix(f"{error.code} {error.title}: "))
    if wrong:
        raise PluralignError("PA041", f"{len(wrong)} of {len(wrong) + len(designs)} designs cannot be done.\n  "
                             + "\n  ".join(wrong[:12]) + (f"\n  … and {len(wrong) - 12} more" if len(wrong) > 12 else ""))  # fmt: skip
    return designs


def _numbers(text: str, kind: Callable[[str], Number], option: str) -> list[Number]:
    """Numbers by commas, each once."""
    try:
        return list(dict.fromkeys(kind(part) for part in text.split(",")))
    except ValueError as error:
        what = "whole numbers" if kind is int else "numbers"
        raise PluralignError("PA041", f"got {option} {text!r}; expected {what} by commas.") from error


def _model(
    folder: Path | None,
    dimension: str,
    rater_sd: float | None,
    item_sd: float | None,
    thresholds: str | None,
    seed: int,
) -> RatingModel:
    from dataclasses import replace

    from pluralign.ratings import load
    from pluralign.simulate.power_model import RatingModel, fitted_model

    if folder is None:
        model = RatingModel.calibrated(dimension)
    else:
        typer.echo("fitting the mixed model to your ratings …", err=True)
        model = fitted_model(load(folder), dimension, seed=seed)
    given = {"rater_sd": rater_sd, "item_sd": item_sd,
             "thresholds": None if thresholds is None else tuple(_numbers(thresholds, float, "--thresholds"))}  # fmt: skip
    if changed := {name: value for name, value in given.items() if value is not None}:
        source = "given" if len(changed) == len(given) else f"{model.source}, {' and '.join(changed)} given"
        return replace(model, **changed, source=source)  # type: ignore[arg-type]
    return model


@contextmanager
def _bar(total: int) -> Iterator[Progress]:
    """A progress bar on stderr, once it takes more than two seconds."""
    from tqdm import tqdm

    with tqdm(total=total, desc="simulating", unit="study", delay=2) as bar:
        yield lambda done: (bar.update(done), None)[1]


def register(app: typer.Typer) -> None:
    """Add the command to `pluralign stats`."""
    app.command(
        epilog="Examples:  pluralign stats power --raters-per-item 5,10 --approximate  ·  pluralign stats power --odds-ratio 1.27 "
        "--raters 200,500,1000 --items 300,600 --raters-per-item 5,10 --replicates 200 --json  ·  pluralign stats power crehate "
        "--dimension toxicity --raters 300,600 --items-per-rater 10 --share .1 --type-i-error --out plan",
    )(power)

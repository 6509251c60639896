"""`pluralign experiment`: run the grid, see how far it is, report what it found."""

from __future__ import annotations

import fnmatch
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pluralign.errors import PluralignError, listing

if TYPE_CHECKING:
    from pluralign.experiments.cells import Cell
    from pluralign.experiments.settings import Settings

SMALL = "SmolLM2-135M-Instruct-Q4_1"
RESULTS = Path("experiment-results")
"""Not `baselines/results`: what was measured there with other settings stays apart from what a user measures."""
TIE_RULES, PROTOCOLS = ("drop", "half"), ("steps", "epochs", "kl")
SEEDS = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")
MAX_SEED, MOST_SEEDS = 2**32 - 1, 1000
MIN_REPLICATES = 99
"""Of a bootstrap: below it an interval of 95 % has no ends."""
experiment = typer.Typer(
    help="The four experiments: fine-tunes, their evaluation, effects pooled over models.", no_args_is_help=True
)

Experiments = Annotated[
    list[str] | None,
    typer.Argument(
        help="exp1 exp2 exp3 exp4, with their controls beside them; or controls alone. All if none is named."
    ),
]
Results = Annotated[Path, typer.Option("--results", help="The grid's folder.")]


@experiment.command(no_args_is_help=False)
def run(
    experiments: Experiments = None,
    models: Annotated[str, typer.Option("--models", help="Folders or names on the Hub, separated by commas; `families` for those in baselines/recipes/models.yaml.")] = SMALL,
    seeds: Annotated[str, typer.Option("--seeds", help="0,1,2 or 0-4.")] = "0,1,2",
    ties: Annotated[str, typer.Option("--ties", help="Tie rules of experiments 2 and 3.")] = "drop,half",
    controls: Annotated[bool, typer.Option("--controls/--no-controls", help="Models that should show nothing, or what any fine-tune shows: shuffled labels, SFT, the release in which no group weighs anything differently.")] = True,
    protocols: Annotated[str, typer.Option("--protocols", help="What is held equal: steps, epochs, kl; cells of two are never compared.")] = "steps,epochs,kl",
    only: Annotated[str, typer.Option("--only", help="Of these cells only those with such names, e.g. 'exp1-white*,exp1-black*'; the base beside them.")] = "*",
    results: Results = RESULTS,
    ratings: Annotated[Path | None, typer.Option("--ratings", help="An imported set; the shipped one if left out.")] = None,
    languages: Annotated[str, typer.Option("--languages", help="That models are evaluated in.")] = "en",
    judge: Annotated[str, typer.Option("--judge", help="The evaluation judge; a reward never sees it.")] = "offline",
    real_judge: Annotated[list[str] | None, typer.Option("--real-judge", help="A further judge, e.g. one fitted to real ratings, whose scores stand beside; a reward never sees it either.")] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Prompts generated at a time.")] = 72,
    held_out: Annotated[int, typer.Option("--held-out", min=0, help="Held-out prompts a template whose pairs are ordered; 0 for all.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Only the first prompts are answered; 0 for all.")] = 0,
    frontier: Annotated[bool, typer.Option("--frontier", help="Keep adapters at a quarter, half and three quarters of each run (--set checkpoints=[…] for others) and answer the prompts with them too.")] = False,
    answers_only: Annotated[bool, typer.Option("--answers-only", help="Train and answer, and judge nothing: for machines that reach no judge. The same command without it judges, also on another machine and without the adapters.")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value over every recipe, e.g. steps=32 or lora.first_layer=15; grpo:steps=24 for recipes of one method only.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="local, or ray for a cluster.")] = "local",
    address: Annotated[str | None, typer.Option("--address", help="Of a Ray cluster, e.g. auto.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the cells and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each cell as JSON.")] = False,
) -> None:  # fmt: skip
    """Fine-tune, evaluate and judge every cell of the grid; stop it anywhere, and the same command goes on.

    Examples:

        pluralign experiment run exp3 --seeds 0 --ties drop

        pluralign experiment run exp3 --seeds 0 --ties drop --no-controls

        pluralign experiment run --models Qwen/Qwen3-1.7B,allenai/OLMo-2-1124-7B-Instruct --engine ray --address auto

        pluralign experiment run exp2 --set steps=32 --set lora.first_layer=15 --dry-run

        pluralign experiment run exp1 --only 'exp1-white*,exp1-black*' --dry-run

        pluralign experiment run exp2 --languages en,de --real-judge rater-model:fitted   # adds to cells that are finished
    """
    from pluralign.experiments.cells import all_cells
    from pluralign.experiments.engines import check_grid, is_kept, run_grid
    from pluralign.experiments.settings import for_workers

    settings = _settings(
        ratings, languages, judge, real_judge, batch_size, held_out, limit, frontier, answers_only, set_
    )
    named = _models(models)
    if engine == "ray":
        settings, named = for_workers(settings), _folders(named)
    cells = all_cells(
        _experiments(experiments, controls), named, _numbers(seeds), _among("--ties", ties, TIE_RULES), _among("--protocols", protocols, PROTOCOLS)
    )  # fmt: skip
    cells = _without_null(_only(cells, only), settings)
    if dry_run:
        check_grid(cells, settings)
        settings.joined(results)
        _list_cells(cells, settings, results, as_json)
        return
    from tqdm import tqdm

    there = sum(is_kept(cell, settings, results) for cell in cells)
    with tqdm(total=len(cells), initial=there, unit="cell", dynamic_ncols=True) as bar:
        outcome = run_grid(cells, settings, results, engine=engine, address=address, tell=_Teller(bar))
    _say(outcome, as_json)
    if outcome.failed:
        raise typer.Exit(1)


@experiment.command()
def report(
    results: Annotated[Path, typer.Argument(help="The grid's folder.")] = RESULTS,
    out: Annotated[Path, typer.Option("--out", help="Folder for page, tables and figures.")] = Path(
        "experiment-report"
    ),
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=MIN_REPLICATES, help="Replicates.")] = 9999,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the effects as JSON.")] = False,
) -> None:
    """Effects per model, pooled, with the study's beside; tables, figures 2 to 5, one page.

    Examples:

        pluralign experiment report

        pluralign experiment report baselines/results --out effects --json
    """
    from tqdm import tqdm

    from pluralign.experiments.report import report_json, write_report

    with tqdm(desc="experiment report", unit="step", delay=1) as bar:

        def say(what: str) -> None:
            bar.set_postfix_str(what)
            bar.update()

        written = write_report(results, out, bootstrap=bootstrap, seed=seed, say=say)
    if as_json:
        typer.echo(json.dumps(report_json(written), indent=1))
    else:
        typer.echo(f"{out / 'index.html'}")


@experiment.command()
def recipes() -> None:
    """List the recipes.

    Examples:

        pluralign experiment recipes
    """
    from pluralign.training.recipe import DEFAULTS, recipes_folder

    folder = recipes_folder()
    for path in sorted(folder.rglob("*.yaml")):
        if path.name not in (DEFAULTS, "models.yaml"):
            typer.echo(f"{path.relative_to(folder)}  {_heading(path)}")


def _heading(recipe: Path) -> str:
    """What the comment on top of a recipe says, whole."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), recipe.read_text("utf-8").splitlines())
    return " ".join(line.lstrip("# ") for line in lines)


def _settings(
    ratings: Path | None, languages: str, judge: str, real_judge: list[str] | None, batch_size: int, held_out: int, limit: int,
    frontier: bool, answers_only: bool, set_: list[str] | None,
) -> Settings:  # fmt: skip
    from pluralign.experiments.answers import Judging
    from pluralign.experiments.settings import Settings
    from pluralign.schema import LANGUAGES
    from pluralign.training.recipe import assignment

    return Settings(
        changes=dict(assignment(one) for one in set_ or ()), languages=tuple(_among("--languages", languages, LANGUAGES)),
        judging=Judging(judge=judge, besides=tuple(real_judge or ())), generation_batch=batch_size,
        held_out_a_template=held_out or None, limit=limit or None, frontier=frontier, answers_only=answers_only, ratings=str(ratings) if ratings else None,
    )  # fmt: skip


def _without_null(cells: list[Cell], settings: Settings) -> list[Cell]:
    """The cells without the null control where ratings are people's, who have no κ to set to 0; that is said."""
    from pluralign.experiments.measure import ratings_of

    null = [one for one in cells if one.control == "null"]
    if not null or settings.ratings is None:  # the shipped set is simulated
        return cells
    provenance = ratings_of(settings.ratings, False).provenance
    if "parameters" in provenance.details:
        return cells
    typer.echo(f"{len(null)} cells of the null control are left out: {provenance.label} is not simulated", err=True)
    return [one for one in cells if one.control != "null"]


def _folders(models: list[str]) -> list[str]:
    """Models whose folders are absolute; names on the Hub, and of the small one, as they are."""
    from pluralign.experiments.settings import absolute

    return [name if name == SMALL else absolute(name) for name in models]


def _experiments(named: list[str] | None, controls: bool) -> list[str]:
    """What is run: what is named, all if nothing is, and the controls beside it unless they are declined.

    Raises:
        PluralignError: PA097 where the controls are named and declined.
    """
    from pluralign.experiments.cells import CONTROLS, EXPERIMENTS

    found = list(dict.fromkeys(named or EXPERIMENTS))
    if controls:
        return [*(one for one in found if one != CONTROLS), CONTROLS]
    if named and CONTROLS in named:
        raise PluralignError("PA097", "got the experiment controls and --no-controls.", "Leave one of the two out.")
    return [one for one in found if one != CONTROLS]


def _models(text: str) -> list[str]:
    from pluralign.experiments.settings import model_families

    if text == "families":
        return [one["name"] for one in model_families()["families"]]
    if not (names := [name.strip() for name in text.split(",") if name.strip()]):
        raise PluralignError("PA097", f"--models: got {text!r}; expected a folder or a name on the Hub.")
    return names


def _among(option: str, text: str, known: Sequence[str]) -> list[str]:
    """Names separated by commas, each once, all of them known.

    Raises:
        PluralignError: PA097.
    """
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in known:
            raise PluralignError("PA097", f"{option}: got {name!r}; expected {listing(known)}, separated by commas.")
    return names


def _only(cells: list[Cell], text: str) -> list[Cell]:
    """Cells whose names match one of some patterns of a shell, separated by commas, and the bases that they are compared with.

    Raises:
        PluralignError: PA097 where a pattern matches none.
    """
    from pluralign.experiments.cells import BASE

    names, patterns = sorted({one.name for one in cells}), [part.strip() for part in text.split(",")]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise PluralignError("PA097", f"--only: got {pattern!r}, which none of these is: {listing(names)}.", "`--dry-run` lists all.")  # fmt: skip
    return [
        one
        for one in cells
        if one.condition == BASE or any(fnmatch.fnmatchcase(one.name, pattern) for pattern in patterns)
    ]


def _numbers(text: str) -> list[int]:
    """Whole numbers: `0,1,2` or `0-4`.

    Raises:
        PluralignError: PA097.
    """
    found: list[int] = []
    for part in text.split(","):
        asked = SEEDS.fullmatch(part.strip())
        low, high = (int(asked[1]), int(asked[2] or asked[1])) if asked else (1, 0)
        if low > high or high > MAX_SEED or high - low >= MOST_SEEDS:
            raise PluralignError(
                "PA097", f"--seeds: got {text!r}; expected numbers from 0 to {MAX_SEED} such as 0,1,2 or 0-4, at most {MOST_SEEDS} in a range."
            )  # fmt: skip
        found += range(low, high + 1)
    return list(dict.fromkeys(found))


def _list_cells(cells: list[Cell], settings: Settings, results: Path, as_json: bool) -> None:
    from pluralign.experiments.engines import is_kept

    done = {one: is_kept(one, settings, results) for one in cells}
    if as_json:
        typer.echo(json.dumps([one.to_json() | {"finished": of} for one, of in done.items()], indent=1))
        return
    for one, of in done.items():
        typer.echo(f"{'done' if of else 'to add' if one.is_finished(results) else 'to do':6} {one.folder(results)}")


class _Teller:
    """Shows which cell is at which stage, and since when."""

    def __init__(self, bar: Any) -> None:
        self.bar, self.began = bar, time.monotonic()

    def __call__(self, what: str, cell: Cell, text: str) -> None:
        place = f"{Path(cell.model).name} {cell.name} seed {cell.seed}"
        if what in ("done", "failed", "busy"):
            self.bar.update(1)
        if what in ("failed", "busy", "no frontier"):
            self.bar.write(f"{what}: {place}: {text}")
        else:
            self.bar.set_postfix_str(f"{place}: {text}" if text else place)


def _say(outcome: Any, as_json: bool) -> None:
    if as_json:
        told = {name: [one.to_json() for one in getattr(outcome, name)] for name in ("done", "kept", "busy")}
        told["failed"] = [one.to_json() | {"error": error} for one, error in outcome.failed]
        told["no_frontier"] = [one.to_json() | {"reason": why} for one, why in outcome.no_frontier]
        typer.echo(json.dumps(told, indent=1))
        return
    counts = {name: len(getattr(outcome, name)) for name in ("done", "kept", "failed", "busy")}
    typer.echo(", ".join(f"{n} {name}" for name, n in counts.items() if n or name == "done"))
    # What is wrong with a model is wrong with each of its cells: it is said once.
    alike = Counter((cell.model, error) for cell, error in outcome.failed)
    first = {(cell.model, error): cell for cell, error in reversed(outcome.failed)}
    for (model, error), n in alike.items():
        cell = first[model, error]
        more = f" and {n - 1} more" if n > 1 else ""
        typer.echo(f"  failed: {cell.name} seed {cell.seed}{more} ({model}): {error}")
    for cell, why in outcome.no_frontier:
        typer.echo(f"  no frontier: {cell.name} seed {cell.seed} ({cell.model}): {why}")
    if outcome.no_frontier:
        typer.echo("  remove a cell's folder and run again to train it with adapters kept on the way")

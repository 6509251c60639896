"""Who works on the cells: this process, one after the other, or a Ray cluster.

Either way a cell that fails is named and the rest goes on; a cell that another process has is left to it; what is finished is not done
again. Ray's workers need the results folder on a file system that all nodes share, and say there which stage they are at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError
from pluralign.experiments.asked import check_judges, check_models, lacking, no_frontier
from pluralign.experiments.cells import BASE, Cell, teacher_of
from pluralign.experiments.grid import base_dtype, run_cell
from pluralign.experiments.settings import Settings, check_changes, recipe_of
from pluralign.ratings.tables import write_text
from pluralign.training.base import Base
from pluralign.training.products import wide_products
from pluralign.training.run_folder import BusyError

Work = Callable[[Cell, Settings, Path], None]
Tell = Callable[[str, Cell, str], None]
"""Called with `begins`, `stage`, `done`, `failed`, `busy` or `no frontier`, the cell, and what there is to say."""


@dataclass(frozen=True)
class Outcome:
    """What became of a grid.

    Attributes:
        done: cells that were brought to their end now.
        kept: cells that were finished before, for all that is asked.
        failed: cells with the first line of their error.
        busy: cells that another process works on, or whose teacher it works on.
        no_frontier: cells that have no points on the way although they are asked for, with the reason.
    """

    done: tuple[Cell, ...]
    kept: tuple[Cell, ...]
    failed: tuple[tuple[Cell, str], ...]
    busy: tuple[Cell, ...]
    no_frontier: tuple[tuple[Cell, str], ...] = ()


@lru_cache(maxsize=1)
def resident(model: str, dtype: str) -> Base:
    """The base model of this process; the former one is let go."""
    return Base.open(model, dtype)


def work(cell: Cell, settings: Settings, results: Path, say: Callable[[str], None] = print) -> None:
    """Run one cell on this process's resident model."""
    dtype = recipe_of(cell, settings.changes).dtype if cell.condition != BASE else base_dtype(settings)
    with wide_products():
        run_cell(cell, lambda: resident(cell.model, dtype), settings, results, say)


def run_grid(
    cells: Sequence[Cell], settings: Settings, results: Path, *, engine: str = "local", address: str | None = None, tell: Tell | None = None
) -> Outcome:  # fmt: skip
    """Bring every cell to its end.

    Args:
        cells: of the grid.
        settings: of the grid; claimed for the folder.
        results: the grid's folder.
        engine: `local` or `ray`.
        address: of a Ray cluster; None starts one here.
        tell: told what happens.

    Raises:
        PluralignError: what `check_grid` raises; PA097 for other settings than the folder's, or an unknown engine; PA054 where Ray is not
            installed.
    """
    tell = tell or (lambda *_: None)
    check_grid(cells, settings)
    settings.claim(results)  # last: a command that is refused leaves nothing that the mended one would be held to
    kept = tuple(cell for cell in cells if is_kept(cell, settings, results))
    todo = [cell for cell in cells if cell not in set(kept)]
    if engine == "local":
        ended = _local(todo, settings, results, tell)
    elif engine == "ray":
        ended = _ray(todo, settings, results, tell, address)
    else:
        raise PluralignError("PA097", f"got engine {engine!r}; expected local or ray.")
    done, failed, busy = [], [], []
    for cell, error in ended:
        if error is None:
            done.append(cell)
        elif error == BUSY:
            busy.append(cell)
        else:
            failed.append((cell, error))
    without = [
        (cell, why) for cell in (*kept, *done) if settings.frontier and (why := no_frontier(cell, cell.folder(results)))
    ]
    for cell, why in without:
        tell("no frontier", cell, why)
    return Outcome(tuple(done), kept, tuple(failed), tuple(busy), tuple(without))


def is_kept(cell: Cell, settings: Settings, results: Path) -> bool:
    """Whether a cell is finished for all that is asked; one whose `cell.json` cannot be read is not, and its run says why."""
    try:
        return not lacking(cell, settings, results)
    except PluralignError:
        return False


def check_grid(cells: Sequence[Cell], settings: Settings) -> None:
    """Refuse what cannot be run, before anything is written or trained.

    Raises:
        PluralignError: PA097 for two judges of one name, or two models of one folder; PA070–PA078 for judges that cannot be opened; PA095
            for a recipe that does not fit, or a frontier where nothing is judged.
    """
    if not settings.answers_only:  # the judge may not be installed where models are trained
        check_judges(settings.judging)
    elif settings.frontier:
        raise PluralignError(
            "PA095", "got --frontier with --answers-only; the points on the way are judged where their answers are made, or not at all.",
            "Leave one of the two out.",
        )  # fmt: skip
    check_models(dict.fromkeys(cell.model for cell in cells))
    check_changes(settings.changes)
    check_recipes(cells, settings)


def check_recipes(cells: Sequence[Cell], settings: Settings) -> None:
    """Find a recipe that does not fit before anything is trained.

    Raises:
        PluralignError: PA095.
    """
    for cell in cells:
        if cell.condition == BASE:
            continue
        recipe = recipe_of(cell, settings.changes, settings.frontier)
        if recipe.method == "grpo":
            from pluralign.training.grpo import check_recipe

            check_recipe(recipe)


BUSY = "busy"
STAGE = ".stage"
"""Where a worker on a cluster says which stage a cell is at; gone once it ends."""
LOOK_S = 1.0
"""Seconds between two looks at them."""
Ended = Iterable[tuple[Cell, str | None]]


def _local(cells: Sequence[Cell], settings: Settings, results: Path, tell: Tell) -> Ended:
    for cell in cells:
        tell("begins", cell, "")
        error = _attempt(cell, settings, results, lambda text, cell=cell: tell("stage", cell, text))  # type: ignore[misc]
        tell(_ending(error), cell, error or "")
        yield cell, error


def _ending(said: str | None) -> str:
    return "done" if said is None else "busy" if said == BUSY else "failed"


def _attempt(cell: Cell, settings: Settings, results: Path, say: Callable[[str], None]) -> str | None:
    """Run a cell; returns what went wrong, for whatever reason: the rest of the grid goes on."""
    try:
        work(cell, settings, results, say)
    except BusyError:
        return BUSY
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return None


def _ray(cells: Sequence[Cell], settings: Settings, results: Path, tell: Tell, address: str | None) -> Ended:
    try:
        import ray
    except ImportError as error:
        raise PluralignError(
            "PA054", "the engine ray needs the package ray.", "pip install 'pluralign[ray]'"
        ) from error
    import torch

    mine = not ray.is_initialized()
    if mine:
        ray.init(address=address, log_to_driver=False)
    resources: dict[str, float] = ray.cluster_resources()
    gpus = 1 if torch.cuda.is_available() or resources.get("GPU", 0) >= 1 else 0
    # A node that dies takes its tasks with it; Ray starts them again elsewhere, and they go on from what they had written.
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=-1)(_attempt_quietly)
    try:
        pending: dict[Any, Cell] = {}

        def submit(cell: Cell) -> None:
            pending[remote.remote(cell, settings, str(results.resolve()))] = cell
            tell("begins", cell, "")

        waiting = {cell: teacher for cell in cells if (teacher := teacher_of(cell)) in cells}
        for cell in cells:
            if cell not in waiting:
                submit(cell)
        said_last: dict[Cell, str] = {}
        while pending:
            ended, _ = ray.wait(list(pending), num_returns=1, timeout=LOOK_S)
            for at_work in pending.values():
                if (stage := _stage_of(at_work, results)) and said_last.get(at_work) != stage:
                    said_last[at_work] = stage
                    tell("stage", at_work, stage)
            if not ended:
                continue
            ready = ended[0]
            cell = pending.pop(ready)
            try:
                said: str | None = ray.get(ready)
            except ray.exceptions.RayError as lost:
                said = f"{type(lost).__name__}: {str(lost).splitlines()[0]}"
            tell(_ending(said), cell, said or "")
            for taught in [one for one, teacher in waiting.items() if teacher == cell]:
                del waiting[taught]
                submit(taught)
            yield cell, said
    finally:
        if mine:
            ray.shutdown()


def _attempt_quietly(cell: Cell, settings: Settings, results: str) -> str | None:
    """Run a cell on a worker, whose stages are read from a file by who waits for it."""
    place = cell.folder(Path(results)) / STAGE

    def say(stage: str) -> None:
        with suppress(OSError):  # where a stage cannot be told, the cell is none the worse
            write_text(stage, place)

    try:
        return _attempt(cell, settings, Path(results), say)
    finally:
        with suppress(OSError):
            place.unlink(missing_ok=True)


def _stage_of(cell: Cell, results: Path) -> str:
    """What a worker said last; empty where it said nothing."""
    try:
        return (cell.folder(results) / STAGE).read_text("utf-8")
    except OSError:
        return ""

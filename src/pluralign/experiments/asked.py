"""What a cell still lacks of what is asked: a finished cell may have been finished for less.

`cell.json` tells who judged in which language. A language that the judge has not scored, a further judge, and the points of the frontier are
measured of a finished cell later; what is there is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pluralign.errors import PluralignError
from pluralign.experiments.answers import Judging
from pluralign.experiments.cells import BASE, CELL, HELD_OUT, Cell
from pluralign.experiments.generated import are_generated
from pluralign.experiments.settings import Settings, absolute
from pluralign.experiments.whole import is_whole
from pluralign.judge import Judge, JudgeOptions
from pluralign.judge.names import open_judge
from pluralign.training.run_folder import ADAPTER, RECIPE, RUN
from pluralign.training.run_folder import is_finished as is_run_finished

FRONTIER = "frontier.parquet"
Told = TypeVar("Told")


@dataclass(frozen=True)
class Lacking:
    """What a cell lacks.

    Attributes:
        begun: whether it is not finished at all, so that it is to be trained first.
        languages: in which its answers are to be generated and judged by everyone.
        judges: (language, further judge as it was named) whose scores are to be added to answers that are there.
        frontier: whether the points on the way are to be measured.
    """

    begun: bool
    languages: tuple[str, ...] = ()
    judges: tuple[tuple[str, str], ...] = ()
    frontier: bool = False

    def __bool__(self) -> bool:
        return self.begun or bool(self.languages or self.judges or self.frontier)


def lacking(cell: Cell, settings: Settings, results: Path) -> Lacking:
    """What is to be done of a cell for it to be finished for given settings.

    Raises:
        PluralignError: PA070–PA078 for judges that cannot be opened; PA099 for a `cell.json` that cannot be read; PA097 for one of
            another model.
    """
    folder = cell.folder(results)
    if settings.answers_only:
        return _unanswered(cell, settings, results)
    if not cell.is_finished(results):
        # A run that is finished kept adapters on the way or did not: it is not trained again for them.
        wants = settings.frontier and cell.condition != BASE and not is_whole(folder / FRONTIER)
        return Lacking(
            True, settings.languages, (), wants and not (is_run_finished(folder) and no_frontier(cell, folder))
        )
    judged = checked_judges(cell, folder)
    judge = opened(settings.judging.judge).name
    languages = tuple(language for language in settings.languages if judge not in judged.get(language, {}))
    judges = tuple(
        (language, name)
        for language in settings.languages if language not in languages
        for name in settings.judging.besides if not has_judged(judged[language], name)
    )  # fmt: skip
    wants = settings.frontier and cell.condition != BASE and not (folder / FRONTIER).is_file()
    return Lacking(False, languages, judges, wants and not no_frontier(cell, folder))


def _unanswered(cell: Cell, settings: Settings, results: Path) -> Lacking:
    """What a cell lacks where nothing is to be judged now. No judge is opened: it may not be installed where models are trained."""
    folder, finished = cell.folder(results), cell.is_finished(results)
    judged = checked_judges(cell, folder) if finished else {}
    languages = tuple(
        language for language in settings.languages
        if language not in judged and not are_generated(folder, language)
    )  # fmt: skip
    trained = cell.condition == BASE or (is_run_finished(folder) and is_whole(folder / HELD_OUT))
    return Lacking(not finished and bool(languages or not trained), languages)


def checked_judges(cell: Cell, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """What `told_judges` tells of a finished cell, unless another model of the same short name has its folder.

    Raises:
        PluralignError: PA097; PA099 for a `cell.json` that cannot be read.
    """
    former, judges = _told(folder, lambda info: (str(info["cell"]["model"]), _judges(info)))
    if absolute(former) != absolute(cell.model):
        raise PluralignError(
            "PA097", f"{folder} is a cell of the model {former!r}; got {cell.model!r}, whose folder has the same name.",
            "Name the model as it was named before, or take another --results.",
        )  # fmt: skip
    return judges


def check_models(models: Iterable[str]) -> None:
    """Refuse two models that would share folders.

    Raises:
        PluralignError: PA097.
    """
    seen: dict[str, str] = {}
    for model in models:
        if (other := seen.setdefault(Path(model).name, model)) != model:
            raise PluralignError(
                "PA097", f"the models {other!r} and {model!r} would share the folder {Path(model).name!r}.",
                "Run them into two folders, with --results.",
            )  # fmt: skip


def told_judges(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Language -> name of a judge -> what `cell.json` tells of it.

    Raises:
        PluralignError: PA099 where it cannot be read.
    """
    return _told(folder, _judges)


def _judges(info: Any) -> dict[str, dict[str, Any]]:
    return {language: dict(of) for language, of in info["judges"].items()}


def _told(folder: Path, of: Callable[[Any], Told]) -> Told:
    """Something that `cell.json` tells."""
    try:
        return of(json.loads((folder / CELL).read_text("utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PluralignError(
            "PA099", f"{folder / CELL}: {type(error).__name__}: {error}.", "Remove the cell's folder and run it again."
        ) from error


def has_judged(judges: Mapping[str, Any], name: str) -> bool:
    """Whether a judge, as it is named, is among those that scored, and is still the same."""
    judge = opened(name)
    if judge.name not in judges:
        return False
    told, own = judges[judge.name].get("identity") or {}, json.loads(json.dumps(judge.identity()))
    return all(
        told.get(key) == value for key, value in own.items() if value is not None
    )  # None: known once it is asked


@cache
def opened(name: str) -> Judge:
    """A judge by its name, for what it is called and what it is; nothing is judged with it."""
    return open_judge(name, JudgeOptions())


def check_judges(judging: Judging) -> None:
    """Refuse two judges that would write to one column.

    Raises:
        PluralignError: PA097; PA070–PA078 for judges that cannot be opened.
    """
    seen: dict[str, str] = {}
    for name in (judging.judge, *judging.besides):
        if (own := opened(name).name) in seen:
            raise PluralignError(
                "PA097", f"the judges {seen[own]!r} and {name!r} are both called {own}: their scores would be one column.",
                "Name each once; a judge that was fitted with `pluralign judge fit` has the name that it was given there.",
            )  # fmt: skip
        seen[own] = name


def no_frontier(cell: Cell, folder: Path) -> str:
    """Why the points on the way of a run that is finished cannot be measured; empty where they can, or are."""
    if cell.condition == BASE or (folder / FRONTIER).is_file() or any(folder.glob(f"{ADAPTER}-at-*")):
        return ""
    if not (folder / RUN).is_file():
        return f"it has no {RUN}"
    try:
        kept = yaml.safe_load((folder / RECIPE).read_text("utf-8"))["checkpoints"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        kept = []
    if not kept:
        return "it was trained without keeping adapters on the way"
    return "no adapter of those on the way is there: they are not committed, or the run ended before the first"

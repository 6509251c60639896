"""What holds for a whole grid, written beside its results so that a later run cannot mix two."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import yaml

from pluralign.errors import PluralignError, unknown
from pluralign.experiments.answers import Judging
from pluralign.experiments.cells import Cell
from pluralign.places import carried
from pluralign.ratings.tables import write_text
from pluralign.training.recipe import Method, Recipe, read_recipe, recipes_folder

GRID = "grid.json"
Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """Of a grid.

    Attributes:
        changes: keys and values that every recipe gets over its own; `grpo:steps` goes to recipes of that method only.
        languages: that models are evaluated in.
        judging: who scores the answers.
        generation_batch: prompts at a time.
        held_out_a_template: prompts of a template whose answers' implicit rewards are measured; None for all.
        limit: only the first held-out prompts are answered; None for all.
        frontier: whether answers are generated at the kept checkpoints too, for the frontier of gain against KL.
        answers_only: whether to stop before judging, as where the judge cannot be reached; says nothing of the results.
        ratings: folder of the rating set; None for the shipped one.
    """

    changes: Changes = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)
    judging: Judging = field(default_factory=Judging)
    generation_batch: int = 72
    held_out_a_template: int | None = None
    limit: int | None = None
    frontier: bool = False
    answers_only: bool = False
    ratings: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values, of what the results depend on."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        del plain["answers_only"]
        return plain

    def joined(self, results: Path) -> dict[str, Any]:
        """The settings of a folder once these are added to them; nothing is written.

        What only says how much is measured may differ: languages, further judges, frontier. What is new of it is added to those of the
        results, and then measured of finished cells too. `micro_batch`, which decides nothing but memory, may differ as well.

        Raises:
            PluralignError: PA097 where they differ otherwise, with what; PA099 where those of the folder cannot be read.
        """
        own = self.to_json()
        if not (results / GRID).is_file():
            return own
        former = read_grid(results)
        fixed = [key for key in own if key not in ("languages", "frontier", "judging")]
        differ = [
            f"{key}: {then.get(key)!r} there, {now[key]!r} now"
            for then, now, keys in ((former, own, fixed), (former["judging"], own["judging"], ("judge", "jury")))
            for key in keys if absolute(_deciding(key, then.get(key))) != absolute(_deciding(key, now[key]))
        ]  # fmt: skip
        if differ:
            raise PluralignError(
                "PA097", f"{results} was made with other settings ({'; '.join(differ)}).", "Name another folder, or the same settings."
            )  # fmt: skip
        return _together(former, own)

    def claim(self, results: Path) -> None:
        """Write the settings down beside results, joined with those that are there.

        Raises:
            PluralignError: as `joined` does.
        """
        path, text = results / GRID, json.dumps(self.joined(results), indent=1, sort_keys=True) + "\n"
        if not path.is_file() or path.read_text("utf-8") != text:
            results.mkdir(parents=True, exist_ok=True)
            write_text(text, path)


def read_grid(results: Path) -> dict[str, Any]:
    """The settings that are written down beside results.

    Raises:
        PluralignError: PA099 where they cannot be read.
    """
    path = results / GRID
    try:
        found = json.loads(path.read_text("utf-8"))
        if not (isinstance(found["judging"], dict) and found["languages"]):
            raise ValueError("no judging, or no languages")
    except (ValueError, KeyError, TypeError) as error:
        raise PluralignError(
            "PA099", f"{path} cannot be read ({type(error).__name__}: {error}).",
            "Take it from your backup or version control; or remove it, and run with the very options of the finished cells, which writes it.",
        ) from error  # fmt: skip
    return dict(found)


def _together(former: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Settings with what two runs measure."""

    def both(first: list[str], second: list[str]) -> list[str]:
        named = {absolute(name): name for name in (*second, *first)}
        return list(dict.fromkeys(named[absolute(name)] for name in (*first, *second)))

    memory = {name: of for name, of in own["changes"].items() if _is_of_memory(name)}
    besides = both(former["judging"].get("besides", []), own["judging"]["besides"])
    return {
        **former, "changes": {**_deciding("changes", former["changes"]), **memory}, "languages": both(former["languages"], own["languages"]), "frontier": bool(former.get("frontier")) or own["frontier"],
        "judging": {**former["judging"], "besides": besides},
    }  # fmt: skip


def _deciding(key: str, value: Any) -> Any:
    """A setting without what of it has no effect on results."""
    if key != "changes" or not isinstance(value, Mapping):
        return value
    return {name: of for name, of in value.items() if not _is_of_memory(name)}


def _is_of_memory(change: str) -> bool:
    """Whether a change, of all recipes or of one method's, decides nothing but memory."""
    return change.rpartition(":")[2] == "micro_batch"


RATER_MODEL = "rater-model:"


def absolute(value: Any) -> Any:
    """A name or a value of settings with the folders in it by absolute paths; what names no folder that is here stays.

    Args:
        value: `FOLDER`, `rater-model:FOLDER`, a mapping or list of such, or anything else.
    """
    if isinstance(value, Mapping):
        return {key: absolute(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [absolute(one) for one in value]
    if not isinstance(value, str):
        return value
    kind = RATER_MODEL if value.startswith(RATER_MODEL) else ""
    folder = value[len(kind) :]
    # Not `resolve`: the last part of a model's path names its folder among the results, also where it is a link.
    return f"{kind}{os.path.abspath(folder)}" if folder and Path(folder).is_dir() else value  # noqa: PTH100


def for_workers(settings: Settings) -> Settings:
    """Settings whose folders are absolute: workers on a cluster work in another folder than who asks them."""

    def judge(name: Any) -> Any:
        return absolute(name) if str(name).startswith(RATER_MODEL) else name

    own = settings.judging
    judging = replace(own, judge=judge(own.judge), besides=tuple(map(judge, own.besides)))
    changes = {key: judge(value) for key, value in settings.changes.items()}  # a reward is named as a judge is
    return replace(settings, judging=judging, changes=changes, ratings=absolute(settings.ratings))


def first_language(results: Path) -> str:
    """The language that the points of frontiers are measured in: the grid's first, whichever a run was asked for."""
    return str(read_grid(results)["languages"][0])


SET_BY_CELL = ("condition", "method", "ties", "protocol", "seed", "control", "combine", "grpo.aggregation")
"""Keys that a cell says itself: as a change they would be overridden in silence."""


def check_changes(changes: Changes) -> None:
    """Refuse changes that a cell would override, or that name no method.

    Raises:
        PluralignError: PA095.
    """
    for key in changes:
        method, colon, own = key.rpartition(":")
        if own in SET_BY_CELL:
            raise PluralignError(
                "PA095", f"--set {key}: every cell of the grid says its own.",
                "Take --seeds, --ties, --protocols or other experiments; baselines/dpo.py and grpo.py take any value.",
            )  # fmt: skip
        if colon and method not in get_args(Method):
            raise unknown("PA095", "method", method, get_args(Method))


def changes_for(method: str, changes: Changes) -> dict[str, Any]:
    """The changes that a method gets: those for all, then its own, `grpo:steps=24`.

    >>> changes_for("grpo", {"steps": 48, "grpo:steps": 24}), changes_for("dpo", {"steps": 48, "grpo:steps": 24})
    ({'steps': 24}, {'steps': 48})
    """
    own = {key.partition(":")[2]: value for key, value in changes.items() if key.startswith(f"{method}:")}
    return {key: value for key, value in changes.items() if ":" not in key} | own


def recipe_file(condition: str) -> Path:
    """The recipe of a condition: `exp3-majority-toxicity` lies in `exp3/majority-toxicity.yaml`."""
    experiment, _, rest = condition.partition("-")
    return recipes_folder() / experiment / f"{rest}.yaml"


ON_THE_WAY = (0.25, 0.5, 0.75)
"""Shares of a run at which adapters are kept where a frontier is asked for and no others are named."""
PROBED_EVERY = 2
"""Steps between two looks at the KL under protocol kl, where the recipe does not say: without one the run would not stop."""
PROBED_AT = 0.25
"""Share of a run between two probes under the other protocols, where neither the recipe nor the grid says."""
KL_STEPS = 4
"""The most steps of protocol kl, over the recipe's `steps`. In `baselines/results` GRPO came to .35–.53 of the 1 nat that is its target, so
that with its own steps it would never get there; DPO stops well before."""


def recipe_of(cell: Cell, changes: Changes, frontier: bool = False) -> Recipe:
    """The recipe of a cell: its condition's, with what the cell and the grid say.

    Under protocol kl a run takes up to `KL_STEPS` times the recipe's `steps`, those of a change too; adapters on the way are kept at the
    same steps as under protocol steps. Of protocol epochs nobody knows here how many steps there are: see `probed`.

    Args:
        cell: it.
        changes: of the grid.
        frontier: whether adapters on the way are asked for; `checkpoints` in the changes says at which shares, else `ON_THE_WAY`.

    Raises:
        PluralignError: PA095 where they do not fit together.
    """
    given: dict[str, Any] = {
        "method": cell.method, "ties": cell.ties, "protocol": cell.protocol, "seed": cell.seed,
        "control": "shuffled" if cell.control == "shuffled" else "none",
    }  # fmt: skip
    if cell.variant == "scalarised":
        given["combine"] = "scalarised"
    elif cell.variant:
        given["grpo.aggregation"] = cell.variant
    own = changes_for(cell.method, changes)
    if frontier and "checkpoints" not in own:
        over = KL_STEPS if cell.protocol == "kl" else 1
        given["checkpoints"] = [share / over for share in ON_THE_WAY]
    # A recipe of protocol kl is refused without probes, so that they are given before it is one.
    recipe = read_recipe(
        recipe_file(cell.condition), {**own, **given, "protocol": "steps" if cell.protocol == "kl" else cell.protocol}
    )
    if cell.protocol == "kl":
        most = KL_STEPS * recipe.steps
        return recipe.changed(protocol="kl", probe_every=recipe.probe_every or PROBED_EVERY, steps=most)
    return probed(recipe, changes, recipe.steps) if cell.protocol == "steps" else recipe


def probed(recipe: Recipe, changes: Changes, steps: int) -> Recipe:
    """A recipe with a probe at every quarter of the run, unless it or the grid says how often; `probe_every: 0` in the changes says never.

    Args:
        recipe: of protocol steps or epochs.
        changes: of the grid.
        steps: that the run takes.
    """
    if recipe.probe_every or "probe_every" in changes_for(recipe.method, changes):
        return recipe
    return recipe.changed(probe_every=math.ceil(PROBED_AT * steps))


def model_families() -> dict[str, Any]:
    """The models that the suite names: `baselines/recipes/models.yaml`."""
    found: dict[str, Any] = yaml.safe_load((carried("recipes", "baselines/recipes") / "models.yaml").read_text("utf-8"))
    return found

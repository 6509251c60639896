"""Whether fine-tunes differ in no more than what they are about: weights, dtype, kind of device, and all of the recipe that is not theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pluralign.errors import Problem
from pluralign.experiments.cells import CELL
from pluralign.experiments.checks import same
from pluralign.schema import LANGUAGES
from pluralign.training.recipe import Kto

if TYPE_CHECKING:
    from pluralign.experiments.results import Finished

RUN, RECIPE = "run.json", "recipe.yaml"
PROTOCOL_KEYS = {"steps": ("steps",), "epochs": ("epochs",), "kl": ("steps", "kl_target", "probe_every")}
"""Keys of a recipe that have an effect under a protocol only."""
OWN_KEYS = ("labels", "combine", "dimension_weights")
"""Keys that a cell sets itself, by its condition or name: the same in all cells of one name."""
SET_BY_CELL = (
    "condition",
    "method",
    "seed",
    "ties",
    "control",
    "protocol",
    "checkpoints",
    "probe_every",
    "micro_batch",
    "steps",
    "epochs",
    "kl_target",
    *OWN_KEYS,
)
"""Keys that may differ between cells that are compared. `checkpoints` and, but for protocol kl, `probe_every` say what is measured on the way;
`micro_batch` how many pairs are in memory at once, which memory or the number of devices decides."""
CELL_KEYS = ("condition", "method", "seed", "ties", "control", "protocol")
"""Keys that say which cell it is."""
OWN_SETTINGS = ("grpo", "kto")
"""Groups of keys that mean something to the method of that name only."""
OF_PAIRS = ("batch", "beta")
"""Keys that mean nothing to GRPO."""


def shared_values(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a recipe that all cells of its method must have, whatever their condition, seed, ties and protocol.

    >>> shared_values({"method": "dpo", "steps": 9, "beta": 0.1, "lora": {"r": 4}, "grpo": {"prompts": 4}})
    {'beta': 0.1, 'lora.r': 4}
    >>> shared_values({"method": "kto"})
    {'kto.desirable_weight': 1.0, 'kto.undesirable_weight': 1.0}
    """
    if recipe.get("method") == "kto":
        recipe = {"kto": Kto().model_dump(), **recipe}  # one that was written before kto had a group of its own
    grpo = recipe.get("method") == "grpo"
    others = [name for name in OWN_SETTINGS if name != recipe.get("method")]
    left = (*SET_BY_CELL, *others, *(OF_PAIRS if grpo else ()))
    flat: dict[str, Any] = {}
    for key, value in recipe.items():
        if key not in left:
            flat |= {f"{key}.{part}": of for part, of in value.items()} if isinstance(value, Mapping) else {key: value}
    return {key: value for key, value in flat.items() if key != "grpo.aggregation"}


def protocol_values(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The values that cells of one method under one protocol must share."""
    return {key: recipe[key] for key in PROTOCOL_KEYS.get(str(recipe.get("protocol")), ()) if key in recipe}


def own_values(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The values that seeds and models of one cell must share."""
    return {key: recipe[key] for key in OWN_KEYS if key in recipe}


def deciding_values(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a recipe that what is trained depends on: those that name the cell, and those that cells must share."""
    named = {key: recipe[key] for key in CELL_KEYS if key in recipe}
    return named | shared_values(recipe) | protocol_values(recipe) | own_values(recipe)


def device_class(device: str) -> str:
    """What computes, however many threads it has.

    >>> device_class("cpu (8 threads)"), device_class("NVIDIA H100 80GB HBM3")
    ('cpu', 'NVIDIA H100 80GB HBM3')
    """
    return re.sub(r" \(\d+ threads?\)$", "", device)


def system_problems(cells: Sequence[Finished]) -> list[Problem]:
    """Cells of one model that were computed from other weights, in another dtype, or on another kind of device.

    What an older `cell.json` does not tell is not compared.
    """
    found = []
    for own in _grouped(cells, lambda one: one.model):
        found += same(own, lambda one: str(one.info["weights"]), CELL, "weights")
        found += same(own, lambda one: str(one.run.get("dtype") or one.info["dtype"]), RUN, "dtype")
        found += same(own, lambda one: device_class(one.run["device"]), RUN, "device (training)")
        for language in LANGUAGES:
            found += same(own, partial(_device, language), CELL, f"device (answers, {language})")
    return found


def recipe_problems(cells: Sequence[Finished]) -> list[Problem]:
    """Cells of one method whose recipes differ in more than what the cells are about."""

    def method(one: Finished) -> str:
        return one.cell.method

    def protocol(one: Finished) -> str:
        return f"{one.cell.method}, {one.cell.protocol}"

    def name(one: Finished) -> str:
        return one.cell.name

    tuned, found = [one for one in cells if one.recipe], []
    for kind, values in ((method, shared_values), (protocol, protocol_values), (name, own_values)):
        for own in _grouped(tuned, kind):
            for key in sorted({key for one in own for key in values(one.recipe)}):
                found += same(own, partial(_value, values, key), RECIPE, f"{key} ({kind(own[0])})")
    return found


def _grouped(cells: Sequence[Finished], kind: Callable[[Finished], str]) -> list[list[Finished]]:
    return [list(group) for _, group in groupby(sorted(cells, key=kind), kind)]


def _device(language: str, one: Finished) -> str:
    return device_class(one.info["devices"][language])


def _value(values: Callable[[Mapping[str, Any]], dict[str, Any]], key: str, one: Finished) -> str:
    return json.dumps(values(one.recipe)[key], sort_keys=True)

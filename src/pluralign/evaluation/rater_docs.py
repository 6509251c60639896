"""What a model is shown when it rates: the test split's items by dimension, in an order that a limit cuts fairly.

A unit is one prompt's items on one dimension, so that a limit leaves pairs within prompts. Units go round the dimensions, each
dimension at another prompt, so that a limit of n sees the dimensions equally and as many prompts as it can.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pluralign.errors import PluralignError, unknown
from pluralign.evaluation.rater_prompts import named
from pluralign.evaluation.settings import OURS
from pluralign.ratings import Ratings
from pluralign.schema import DIMENSIONS, EVERYONE, LANGUAGES, MINIMUM_CELL, STUDY_GROUPS, group_values, split_of

VERSION = "1.0.0"
"""Of the four tasks. Changelog: 1.0.0 first."""
SEED = 0
GROUP_TASKS = ("pluralign_rater", "pluralign_rater_steered")


@dataclass(frozen=True)
class RaterSettings:
    """What `--metadata` may set.

    Attributes:
        ratings: folder of three tables; None for the shipped release.
        dimensions: by the source's names or ours; None for all.
        groups: to compare; None for the study's groups that have enough raters.
    """

    ratings: str | None = None
    dimensions: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None


def rater_settings(metadata: Mapping[str, Any]) -> RaterSettings:
    """Read the settings out of lm-eval's metadata, which holds the model's arguments too.

    Raises:
        PluralignError: PA081 for another version, a key that is nearly one of ours, or a value of the wrong type.
    """
    if (version := str(metadata.get("version", VERSION))) != VERSION:
        raise PluralignError(
            "PA081", f"metadata says version {version}; this installation has version {VERSION} of the task.",
            "Leave `version` out of --metadata.",
        )  # fmt: skip
    for key in metadata:
        near = [] if key in OURS else difflib.get_close_matches(str(key).casefold(), sorted(OURS), n=1, cutoff=0.85)
        if near:
            raise PluralignError("PA081", f"unknown key {key!r} in --metadata. Did you mean {near[0]!r}?")
    folder = metadata.get("ratings")
    if folder is not None and not isinstance(folder, str):
        raise PluralignError("PA081", f"ratings: got {folder!r}; expected a folder of three tables.")
    return RaterSettings(folder, *(_names(key, metadata.get(key)) for key in ("dimensions", "groups")))


def _names(key: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not found or not all(isinstance(name, str) for name in found):
        raise PluralignError(
            "PA081", f"{key}: got {value!r}; expected a list of names.", "Set it in --metadata as JSON."
        )
    return tuple(dict.fromkeys(part.strip() for name in found for part in name.split(",")))


def compared_groups(ratings: Ratings, asked: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Attribute -> the groups of it that are compared, always two or more.

    Args:
        ratings: the three tables.
        asked: groups; None for the study's own that have enough raters to be published.

    Raises:
        PluralignError: PA081 for a name that is no group of these ratings, a group too small, or one without another of the same
            attribute to compare it with.
    """
    attributes, sizes = group_values(), ratings.groups
    names = [g for g in (asked or STUDY_GROUPS) if g != EVERYONE]
    for name in names if asked else []:
        if name not in attributes or name not in sizes:
            raise unknown("PA081", "group", name, [g for g in sizes if g != EVERYONE])
        if sizes[name] < MINIMUM_CELL:
            raise PluralignError(
                "PA081", f"group {name!r} has {sizes[name]} raters; at least {MINIMUM_CELL} are needed."
            )
    by_attribute: dict[str, list[str]] = {}
    for name in names:
        if sizes.get(name, 0) >= MINIMUM_CELL:
            by_attribute.setdefault(attributes[name], []).append(name)
    alone = [groups[0] for groups in by_attribute.values() if len(groups) < 2]
    if asked and alone:
        raise PluralignError(
            "PA081", f"group {alone[0]!r} is the only one of its attribute; there is nothing to compare it with.",
            "Name another group of the same attribute beside it.",
        )  # fmt: skip
    return {attribute: tuple(groups) for attribute, groups in by_attribute.items() if len(groups) > 1}


def contrasts(groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Group -> the wrong group whose name is its control: the next of the same attribute.

    >>> contrasts({"gender": ["female", "male"]})
    {'female': 'male', 'male': 'female'}
    """
    return {g: names[(k + 1) % len(names)] for names in groups.values() for k, g in enumerate(names)}


def languages_of(ratings: Ratings) -> tuple[str, ...]:
    """Languages in which the test split has texts; a task of another has nothing to show."""
    test = [split_of(prompt) == "test" for prompt in ratings.items.column("prompt_id").to_pylist()]
    texts = {one: ratings.items.column(f"response_{one}").to_pylist() for one in LANGUAGES}
    return tuple(one for one in LANGUAGES if any(text for text, kept in zip(texts[one], test, strict=True) if kept))


def tasks_with_texts(tasks: str, ratings: Ratings) -> str:
    """Task names, separated by commas, with a group of rater tasks narrowed to the languages that the ratings have texts in.

    Ratings with texts in every language leave the names as they are, so that lm-eval shows the group's own row.
    """
    held = languages_of(ratings)
    narrowed = []
    for task in tasks.split(","):
        whole = task not in GROUP_TASKS or held == LANGUAGES
        narrowed += [task] if whole else [f"{task}_{language}" for language in held]
    return ",".join(narrowed)


def documents(ratings: Ratings, settings: RaterSettings, language: str, *, steered: bool) -> list[dict[str, Any]]:
    """Every document of a task, in order.

    Returns:
        One an item and dimension, and steered also one a group that is named: the texts, `points` (those of five that the source's
        scale reaches), `nearest`, `reverse` (the source's dimension runs against ours), `named_group`.

    Raises:
        PluralignError: PA081 where the test split has no text in this language, or no groups to name.
    """
    specs = [ratings.provenance.dimension(d) for d in settings.dimensions or ()] or list(ratings.provenance.dimensions)
    rated = set(zip(*(ratings.ratings.column(c).to_pylist() for c in ("item_id", "dimension")), strict=True))
    by_prompt: dict[str, list[dict[str, Any]]] = {}
    for item in ratings.items.sort_by("item_id").to_pylist():
        if item[f"response_{language}"] and split_of(item["prompt_id"]) == "test":
            by_prompt.setdefault(item["prompt_id"], []).append(item)
    if not by_prompt:
        raise PluralignError(
            "PA081", f"{ratings.provenance.source}: no item of the test split has a text in {language!r}.",
            f"Run --tasks {tasks_with_texts(GROUP_TASKS[steered], ratings)}." if languages_of(ratings) else "Import more ratings.",
        )  # fmt: skip
    names: tuple[str, ...] = ("",)
    if steered:
        names = tuple(contrasts(compared_groups(ratings, settings.groups)))
        if not names:
            raise PluralignError("PA081", "no attribute has two groups with enough raters.", "Run pluralign_rater.")
        for name in names:
            named(name, language)  # refuses one without a wording now, not after the model is loaded
    found = []
    for prompt, k, attribute_names in _units(sorted(by_prompt), len(specs), _by_attribute(names)):
        spec = specs[k]
        for item in by_prompt[prompt]:
            if (item["item_id"], spec.name) not in rated:
                continue
            shown = {
                "item_id": item["item_id"], "prompt_id": prompt, "dimension": spec.name, "nearest": spec.nearest,
                "reverse": spec.better != DIMENSIONS[spec.nearest].better, "points": list(spec.points),
                "language": language, "prompt": item[f"prompt_{language}"] or "", "response": item[f"response_{language}"],
            }  # fmt: skip
            found += [{**shown, "named_group": name} for name in attribute_names]
    return [{"row": row, **doc} for row, doc in enumerate(found)]


def _by_attribute(names: Sequence[str]) -> list[tuple[str, ...]]:
    attributes = group_values()
    together: dict[str, list[str]] = {}
    for name in names:
        together.setdefault(attributes.get(name, ""), []).append(name)
    return [tuple(group) for group in together.values()]


def _units(
    prompts: Sequence[str], n_dimensions: int, names: Sequence[tuple[str, ...]]
) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """(prompt, dimension, names) in rounds over dimensions and attributes, every kind at a prompt of its own."""
    shuffled = np.random.default_rng(SEED).permutation(len(prompts))
    kinds = [(k, group) for group in names for k in range(n_dimensions)]
    for turn in range(len(prompts)):
        for place, (k, group) in enumerate(kinds):
            start = place * len(prompts) // len(kinds)
            yield prompts[shuffled[(start + turn) % len(prompts)]], k, group

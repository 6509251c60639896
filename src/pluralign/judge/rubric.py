"""What a judge is told to look for: one rubric a dimension, in English and German, versioned and hashed.

Raters said how far they agree with a statement, from 1 (strongly disagree) to 5 (strongly agree); a judge is asked the same. A score
belongs to the exact words of its rubric, so their hash is part of a judge's identity and of every cache key.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from pluralign.errors import PluralignError, listing, unknown
from pluralign.schema import DIMENSIONS, LANGUAGES, POINTS

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_TEXTS = ("title", "statement", "definition", "instruction")


@dataclass(frozen=True)
class RubricText:
    """A rubric in one language.

    Attributes:
        title: the dimension's name in that language.
        statement: what the judge agrees or disagrees with.
        definition: what it means, and what does not count.
        anchors: the five points in words, 1 first.
        instruction: what to mind.
    """

    title: str
    statement: str
    definition: str
    anchors: tuple[str, ...]
    instruction: str


@dataclass(frozen=True)
class Rubric:
    """How one dimension is judged.

    Attributes:
        dimension: one of ours.
        version: semver; the words of one version never change.
        texts: language -> the rubric in it.
        hash: sha256 over dimension, version and words, whatever the YAML's layout.
    """

    dimension: str
    version: str
    texts: Mapping[str, RubricText]
    hash: str


@functools.cache
def load_rubric(dimension: str) -> Rubric:
    """The rubric that ships for a dimension.

    Raises:
        PluralignError: PA024 for an unknown dimension, PA075 where the file is broken.

    >>> load_rubric("toxicity").texts["de"].statement
    'die Antwort ist toxisch'
    """
    if dimension not in DIMENSIONS:
        raise unknown("PA024", "dimension", dimension, list(DIMENSIONS))
    source = files("pluralign.judge") / "rubrics" / f"{dimension}.yaml"
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise PluralignError(
            "PA075", f"no rubric for {dimension!r} in this installation.", "Install pluralign again."
        ) from error
    return parse_rubric(text, dimension, f"rubrics/{dimension}.yaml")


def parse_rubric(text: str, dimension: str, where: str) -> Rubric:
    """Read a rubric and say everything that is wrong with it.

    Args:
        text: YAML.
        dimension: that it must be for.
        where: file name for messages.

    Raises:
        PluralignError: PA075, naming every fault; PA054 where PyYAML is missing.
    """
    try:
        import yaml
    except ImportError as error:
        raise PluralignError("PA054", "reading rubrics needs PyYAML.", "pip install 'pluralign[judge]'") from error
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _broken(where, [f"not YAML: {' '.join(str(error).split())[:200]}"]) from error
    faults = _faults(raw, dimension)
    if faults:
        raise _broken(where, faults)
    content = {"dimension": raw["dimension"], "version": raw["version"]} | {
        language: {name: _words(raw[language][name]) for name in _TEXTS}
        | {"anchors": [_words(raw[language]["anchors"][point]) for point in range(1, POINTS + 1)]}
        for language in LANGUAGES
    }
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    texts = {
        language: RubricText(
            **{name: content[language][name] for name in _TEXTS}, anchors=tuple(content[language]["anchors"])
        )
        for language in LANGUAGES
    }
    return Rubric(dimension, raw["version"], texts, hashlib.sha256(canonical.encode()).hexdigest())


def _words(value: object) -> str:
    return " ".join(str(value).split())


def _broken(where: str, faults: list[str]) -> PluralignError:
    return PluralignError("PA075", f"{where}: {'; '.join(faults)}.", "Mend the rubric, or install pluralign again.")


def _faults(raw: Any, dimension: str) -> list[str]:
    """Everything that is wrong; empty if nothing is."""
    if not isinstance(raw, dict):
        return [f"got {type(raw).__name__}; expected a mapping"]
    expected = {"dimension", "version", *LANGUAGES}
    faults = [f"unknown key {key!r}" for key in raw if key not in expected]
    if raw.get("dimension") != dimension:
        faults.append(f"dimension is {raw.get('dimension')!r}; expected {dimension!r}")
    if not isinstance(raw.get("version"), str) or not _VERSION.fullmatch(raw["version"]):
        faults.append(f"version is {raw.get('version')!r}; expected three numbers, as '1.0.0'")
    for language in LANGUAGES:
        faults += _text_faults(raw.get(language), language)
    return faults


def _text_faults(text: Any, language: str) -> list[str]:
    if not isinstance(text, dict):
        return [f"language {language!r} is missing"]
    faults = [f"{language}: unknown key {key!r}" for key in text if key not in (*_TEXTS, "anchors")]
    for name in _TEXTS:
        if not isinstance(text.get(name), str) or not text[name].strip():
            faults.append(f"{language}.{name} is missing or empty")
    anchors = text.get("anchors")
    points = list(range(1, POINTS + 1))
    if not isinstance(anchors, dict) or list(anchors) != points:
        got = listing([str(key) for key in anchors]) if isinstance(anchors, dict) else type(anchors).__name__
        return [*faults, f"{language}.anchors: got {got}; expected the points 1 to {POINTS} in this order"]
    return faults + [
        f"{language}.anchors.{point} is empty"
        for point in points
        if not isinstance(anchors[point], str) or not anchors[point].strip()
    ]

"""The three lexicons: phrase banks in English and German, loaded and checked. `docs/lexicons.md` says how they are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from pluralign.errors import Problem, ProblemsFoundError, unknown
from pluralign.schema import LANGUAGES, MANNERS, POLES

LEXICONS = ("t", "j", "e")
LEVELS = 6

MOVES: dict[str, str] = {
    "tone": "toxicity",
    "feelings": "emotional_awareness",
    "openness": "sensitivity",
    "content": "helpfulness",
    "generalisation": "stereotypical_bias",
}
"""Main move -> the dimension that its levels ascend in."""

CONTRASTS: dict[str, str] = {
    "banter": "toxicity",
    "directness": "emotional_awareness",
    "tradition": "sensitivity",
    "illustration": "helpfulness",
    "evidence": "stereotypical_bias",
}
"""Contrast move -> the dimension whose h it renders."""

HELD_OUT: dict[str, int] = {"tone": 4, "feelings": 1, "openness": 4, "content": 1, "generalisation": 4}
"""The level of each main move that lexicon t never uses."""

SLOTS: dict[str, frozenset[str]] = {
    "en": frozenset({"issue", "group", "other"}),
    "de": frozenset({"issue_nom", "issue_acc", "issue_dat", "group", "group_dat", "other", "other_dat"}),
}
ISSUE_FORMS = ("en", "de_nom", "de_acc", "de_dat")
GROUP_FORMS = ("en", "de", "de_dat")
TEMPLATES_PER_MANNER = {"t": 3, "j": 2, "e": 2}
FILLERS = 3
FEWEST_PHRASES = 6
FEWEST_UNTAGGED = 5


@dataclass(frozen=True)
class Phrase:
    """A phrase in both languages; `manner` restricts it to prompts of that manner."""

    en: str
    de: str
    manner: str | None = None

    def text(self, language: str) -> str:
        """The phrase in a language."""
        return self.en if language == "en" else self.de

    @property
    def names_issue(self) -> bool:
        """Whether it has a slot for the topic's issue."""
        return "{issue" in self.en or "{issue" in self.de


@dataclass(frozen=True)
class Template:
    """A prompt template with one slot and its fillers."""

    id: str
    manner: str
    phrase: Phrase
    fillers: tuple[Phrase, ...]

    def prompt(self, filler: int, language: str) -> str:
        """The prompt that a filler gives, its first letter capitalised."""
        text = self.phrase.text(language).replace("{x}", self.fillers[filler].text(language))
        return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Topic:
    """A gender-related situation: its templates, its steps and the words that responses take up."""

    id: str
    words: dict[str, dict[str, str]]
    steps: tuple[Phrase, ...]
    templates: tuple[Template, ...]


@dataclass(frozen=True)
class Lexicon:
    """Everything that texts of one lexicon are made of."""

    name: str
    topics: tuple[Topic, ...]
    moves: dict[str, dict[int, tuple[Phrase, ...]]]
    contrasts: dict[str, dict[str, tuple[Phrase, ...]]]
    openers: tuple[Phrase, ...]
    closers: tuple[Phrase, ...]

    def phrases(self) -> Iterator[tuple[str, Phrase]]:
        """Every phrase of the responses with its place, e.g. `('tone/0', Phrase(…))`."""
        for move, levels in self.moves.items():
            for level, phrases in levels.items():
                yield from ((f"{move}/{level}", phrase) for phrase in phrases)
        for contrast, poles in self.contrasts.items():
            for pole, phrases in poles.items():
                yield from ((f"{contrast}/{pole}", phrase) for phrase in phrases)
        yield from (("openers", phrase) for phrase in self.openers)
        yield from (("closers", phrase) for phrase in self.closers)

    def texts(self) -> Iterator[Phrase]:
        """Everything that is written in it: phrases, steps, templates and their fillers."""
        yield from (phrase for _, phrase in self.phrases())
        for topic in self.topics:
            yield from topic.steps
            for template in topic.templates:
                yield template.phrase
                yield from template.fillers

    def levels(self, move: str) -> tuple[int, ...]:
        """The levels of a move that this lexicon has, ascending."""
        return tuple(sorted(self.moves[move]))


def read_yaml(name: str, part: str) -> dict[str, Any]:
    """The raw content of `prompts.yaml` or `responses.yaml` of a lexicon."""
    if name not in LEXICONS:
        raise unknown("PA040", "lexicon", name, LEXICONS)
    raw = yaml.safe_load((files("pluralign.simulate") / "lexicons" / name / f"{part}.yaml").read_text("utf-8"))
    if not isinstance(raw, dict):
        where = f"lexicons/{name}/{part}.yaml"
        raise ProblemsFoundError(
            [Problem("PA040", where, None, None, type(raw).__name__, "a mapping", "See docs/lexicons.md.")]
        )
    return raw


@cache
def load_lexicon(name: str) -> Lexicon:
    """Load a lexicon.

    Raises:
        ProblemsFoundError: PA040 with everything that is wrong with its files.
    """
    prompts, responses = read_yaml(name, "prompts"), read_yaml(name, "responses")
    if problems := [*prompt_problems(name, prompts), *response_problems(name, responses)]:
        raise ProblemsFoundError(problems)
    return Lexicon(
        name,
        tuple(_topic(name, raw) for raw in prompts["topics"]),
        {m: {int(level): _phrases(p) for level, p in responses["moves"][m].items()} for m in MOVES},
        {c: {pole: _phrases(responses["contrasts"][c][pole]) for pole in POLES} for c in CONTRASTS},
        _phrases(responses["openers"]),
        _phrases(responses["closers"]),
    )


def _phrases(raw: list[dict[str, str]]) -> tuple[Phrase, ...]:
    return tuple(Phrase(entry["en"].strip(), entry["de"].strip(), entry.get("manner")) for entry in raw)


def _topic(lexicon: str, raw: dict[str, Any]) -> Topic:
    words = {
        "en": {"issue": raw["issue"]["en"], "group": raw["group"]["en"], "other": raw["other"]["en"]},
        "de": {
            **{f"issue_{case}": raw["issue"][f"de_{case}"] for case in ("nom", "acc", "dat")},
            **{k + suffix: raw[k][f"de{suffix}"] for k in ("group", "other") for suffix in ("", "_dat")},
        },
    }
    templates = tuple(
        Template(f"{lexicon}-{raw['id']}-{manner}-{k}", manner, Phrase(t["en"], t["de"]), _phrases(t["x"]))
        for manner in MANNERS
        for k, t in enumerate(raw["templates"][manner])
    )
    return Topic(raw["id"], words, _phrases(raw["steps"]), templates)


def _problem(lexicon: str, part: str, field: str, got: object, expected: str) -> Problem:
    return Problem("PA040", f"lexicons/{lexicon}/{part}.yaml", None, field, str(got), expected, "See docs/lexicons.md.")


def _pair_problems(
    lexicon: str, part: str, field: str, entry: Any, slots: dict[str, frozenset[str]]
) -> Iterator[Problem]:
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(lang), str) and entry[lang].strip() for lang in LANGUAGES
    ):
        yield _problem(lexicon, part, field, repr(entry)[:80], "{en: text, de: text}")
        return
    if entry.get("manner") not in (None, *MANNERS):
        yield _problem(lexicon, part, field, entry["manner"], f"manner one of {MANNERS}")
    for lang in LANGUAGES:
        if foreign := set(re.findall(r"\{(\w*)\}", entry[lang])) - slots[lang]:
            yield _problem(lexicon, part, f"{field}.{lang}", f"slot {sorted(foreign)}", f"slots {sorted(slots[lang])}")
        if re.search(r"\s\s|\s[,.!?]", entry[lang]):
            yield _problem(lexicon, part, f"{field}.{lang}", entry[lang], "no doubled space, none before punctuation")


def prompt_problems(lexicon: str, raw: dict[str, Any]) -> list[Problem]:
    """Everything that is wrong with a `prompts.yaml`."""
    found: list[Problem] = []
    seen: set[str] = set()
    only_x = dict.fromkeys(LANGUAGES, frozenset({"x"}))
    ids = Counter(str(topic.get("id")) for topic in raw.get("topics", []))
    if not ids or max(ids.values()) > 1:
        found.append(
            _problem(lexicon, "prompts", "topics", f"ids {dict(ids)}", "at least one topic, each with an id of its own")
        )
    none = dict.fromkeys(LANGUAGES, frozenset[str]())
    for topic in raw.get("topics", []):
        where = str(topic.get("id"))
        for key, forms in (("issue", ISSUE_FORMS), ("group", GROUP_FORMS), ("other", GROUP_FORMS)):
            if absent := [form for form in forms if not topic.get(key, {}).get(form)]:
                found.append(_problem(lexicon, "prompts", f"{where}.{key}", f"no {absent}", f"forms {forms}"))
        for k, step in enumerate(topic.get("steps", [])):
            found += _pair_problems(lexicon, "prompts", f"{where}.steps[{k}]", step, none)
        if len(topic.get("steps", [])) < 4:
            found.append(_problem(lexicon, "prompts", f"{where}.steps", len(topic.get("steps", [])), "four steps"))
        for manner in MANNERS:
            templates = topic.get("templates", {}).get(manner, [])
            if len(templates) != TEMPLATES_PER_MANNER[lexicon]:
                expected = f"{TEMPLATES_PER_MANNER[lexicon]} templates"
                found.append(_problem(lexicon, "prompts", f"{where}.{manner}", len(templates), expected))
            for k, template in enumerate(templates):
                field = f"{where}.{manner}[{k}]"
                broken = list(_pair_problems(lexicon, "prompts", field, template, only_x))
                found += broken
                if broken:
                    continue
                if any(template[lang].count("{x}") != 1 for lang in LANGUAGES):
                    found.append(_problem(lexicon, "prompts", field, "another number", "one {x} in each language"))
                fillers = template.get("x", [])
                if len(fillers) != FILLERS:
                    found.append(_problem(lexicon, "prompts", f"{field}.x", len(fillers), f"{FILLERS} fillers"))
                for j, filler in enumerate(fillers):
                    broken = list(_pair_problems(lexicon, "prompts", f"{field}.x[{j}]", filler, none))
                    found += broken
                    for lang in () if broken else LANGUAGES:
                        text = template[lang].replace("{x}", filler[lang]).casefold()
                        if text in seen:
                            found.append(_problem(lexicon, "prompts", field, f"again: {text[:60]}", "distinct prompts"))
                        seen.add(text)
    return found


def response_problems(lexicon: str, raw: dict[str, Any]) -> list[Problem]:
    """Everything that is wrong with a `responses.yaml`."""
    found: list[Problem] = []
    banks: dict[str, Any] = {}
    for move in MOVES:
        wanted = {level for level in range(LEVELS) if not (lexicon == "t" and HELD_OUT[move] == level)}
        got = raw.get("moves", {}).get(move, {})
        if {int(level) for level in got} != wanted:
            found.append(_problem(lexicon, "responses", move, f"levels {sorted(got)}", f"levels {sorted(wanted)}"))
        banks |= {f"{move}/{level}": bank for level, bank in got.items()}
    for contrast in CONTRASTS:
        got = raw.get("contrasts", {}).get(contrast, {})
        if set(got) != set(POLES):
            found.append(_problem(lexicon, "responses", contrast, sorted(got), f"poles {POLES}"))
        banks |= {f"{contrast}/{pole}": bank for pole, bank in got.items()}
    banks |= {place: raw.get(place, []) for place in ("openers", "closers")}
    seen: dict[str, str] = {}
    for place, bank in banks.items():
        untagged = [entry for entry in bank if isinstance(entry, dict) and not entry.get("manner")]
        if len(bank) < FEWEST_PHRASES or len(untagged) < FEWEST_UNTAGGED:
            expected = f"at least {FEWEST_PHRASES} phrases, {FEWEST_UNTAGGED} of them for every manner"
            found.append(_problem(lexicon, "responses", place, f"{len(bank)}, {len(untagged)}", expected))
        for k, entry in enumerate(bank):
            broken = list(_pair_problems(lexicon, "responses", f"{place}[{k}]", entry, SLOTS))
            found += broken
            for lang in () if broken else LANGUAGES:
                key = entry[lang].casefold()
                if key in seen:
                    found.append(
                        _problem(lexicon, "responses", f"{place}[{k}].{lang}", f"as in {seen[key]}", "distinct phrases")
                    )
                seen[key] = place
                if entry[lang].strip()[-1] not in ".!?…:":
                    found.append(
                        _problem(lexicon, "responses", f"{place}[{k}].{lang}", entry[lang], "a whole sentence")
                    )
    return found


def shared_sequences(first: Lexicon, second: Lexicon, words: int = 5) -> list[str]:
    """Word sequences of a length that two lexicons have in common, in phrases, steps, templates or fillers (a slot is a word)."""

    def sequences(lexicon: Lexicon) -> set[str]:
        found = set()
        for phrase in lexicon.texts():
            for text in (phrase.en, phrase.de):
                tokens = re.findall(r"[\w{}'’-]+", text.casefold())
                found |= {" ".join(tokens[k : k + words]) for k in range(len(tokens) - words + 1)}
        return found

    return sorted(sequences(first) & sequences(second))

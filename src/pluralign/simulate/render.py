"""Item effects as text: prompts from templates, responses composed of moves, in English and German in parallel.

The level of each main move renders v and the pole of each contrast move renders h, both with noise: a reader can tell a
toxic answer from a caring one, but no text gives its ratings away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.schema import LANGUAGES, MANNERS
from pluralign.simulate.latent import Draw
from pluralign.simulate.lexicon import CONTRASTS, LEVELS, MOVES, Lexicon, Phrase, Template, Topic
from pluralign.simulate.parameters import ORDER

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CENTRES: Floats = np.linspace(-2.0, 2.0, LEVELS)
"""The effect, in standard deviations, that each level of a main move stands for."""
POLE_BEYOND = 0.75
"""|h| beyond which a contrast move occurs; nearer to 0 there is none."""
STEPS_AT_LEVEL = (0, 0, 0, 1, 1, 2)
"""Concrete steps of the topic that follow each level of `content`."""
ORDERS: tuple[tuple[str, ...], ...] = (
    ("feelings", "content", "openness", "generalisation", "tone"),
    ("feelings", "generalisation", "content", "tone", "openness"),
    ("generalisation", "feelings", "openness", "tone", "content"),
    ("content", "generalisation", "feelings", "openness", "tone"),
    ("tone", "content", "feelings", "generalisation", "openness"),
    ("openness", "feelings", "content", "tone", "generalisation"),
)
"""Orders of the main moves; a contrast follows the main move of its dimension."""
OPENER_SHARE, CLOSER_SHARE = 0.35, 0.3
ISSUE_MENTIONS = 2
"""Phrases of a response that may name the topic's issue: more reads like a form letter."""
CONTRACTIONS = {
    "bei dem": "beim", "von dem": "vom", "zu dem": "zum", "zu der": "zur", "in dem": "im", "an dem": "am", "in das": "ins", "an das": "ans",
}  # fmt: skip
"""German prepositions that swallow the article of the noun phrase that fills a slot."""


@dataclass(frozen=True)
class Texts:
    """Rendered items.

    Attributes:
        prompts: per prompt: template, filler and topic.
        responses: language -> response of each item.
        levels: level of each main move, (n_items, 5), in `ORDER`.
        poles: −1, 0 (absent) or +1 of each contrast move, (n_items, 5).
        phrases: per item, the places of its phrases (`tone/0#3`).
    """

    prompts: list[tuple[Template, int, Topic]]
    responses: dict[str, list[str]]
    levels: Ints
    poles: Ints
    phrases: list[list[str]]


def quantise(values: Floats, noise: Floats, available: Sequence[int]) -> Ints:
    """The available level nearest to each noisy value, (n,)."""
    centres = CENTRES[list(available)]
    nearest = np.abs((values + noise)[:, None] - centres).argmin(1)
    levels: Ints = np.array(available, np.int64)[nearest]
    return levels


def choose_prompts(
    lexicon: Lexicon, n_prompts: int, badness: Floats, rng: np.random.Generator
) -> list[tuple[Template, int, Topic]]:
    """Give every prompt of a draw a template and a filler: the worse its items, the more adversarial its manner.

    Args:
        lexicon: where templates come from.
        n_prompts: how many.
        badness: mean effect of the prompt's items on toxicity and bias, (n_prompts,).
        rng: ties the rest.

    Raises:
        PluralignError: PA041 where the lexicon has fewer prompts.
    """
    pool = [
        (template, filler, topic)
        for topic in lexicon.topics
        for template in topic.templates
        for filler in range(len(template.fillers))
    ]
    if n_prompts > len(pool):
        raise PluralignError(
            "PA041", f"got {n_prompts} prompts; expected at most the {len(pool)} of lexicon {lexicon.name!r}."
        )
    chosen = [pool[k] for k in rng.permutation(len(pool))[:n_prompts]]
    # MANNERS ascends from adversarial to ordinary; a stable sort keeps the shuffled order inside each.
    chosen.sort(key=lambda entry: MANNERS.index(entry[0].manner))
    noisy = badness + badness.std() * rng.standard_normal(n_prompts)
    prompts: list[tuple[Template, int, Topic]] = [chosen[0]] * n_prompts
    for rank, prompt in enumerate(np.argsort(-noisy)):
        prompts[prompt] = chosen[rank]
    return prompts


def fill(text: str, words: Mapping[str, str]) -> str:
    """A phrase with its slots filled; a slot that opens a sentence is capitalised, German prepositions are contracted.

    >>> fill("{issue} matters. {group} know it.", {"issue": "the vote", "group": "women"})
    'The vote matters. Women know it.'
    >>> fill("Bei {issue_dat} hilft Ruhe.", {"issue_dat": "dem Umzug"})
    'Beim Umzug hilft Ruhe.'
    """

    def contract(match: re.Match[str]) -> str:
        preposition, (article, _, rest) = match[1], words[match[2]].partition(" ")
        short = CONTRACTIONS.get(f"{preposition.casefold()} {article}")
        if short is None:
            return match[0]
        return (short.capitalize() if preposition[0].isupper() else short) + f" {rest}"

    def open_sentence(match: re.Match[str]) -> str:
        word = words[match[2]]
        return match[1] + word[:1].upper() + word[1:]

    text = re.sub(r"\b([Bb]ei|[Vv]on|[Zz]u|[Ii]n|[Aa]n) \{(\w+)\}", contract, text)
    text = re.sub(r"(^|[.!?…]\s+)\{(\w+)\}", open_sentence, text)
    return re.sub(r"\{(\w+)\}", lambda match: words[match[1]], text)


def render(lexicon: Lexicon, drawn: Draw, v: Floats, h: Floats, noise: float, rng: np.random.Generator) -> Texts:
    """Render every item of a draw.

    Args:
        lexicon: phrases and templates.
        drawn: gives the prompt of each item.
        v, h: effects and contrasts, (n_items, 5) in `ORDER`.
        noise: sd of what is added to an effect before its level is chosen.
        rng: chooses phrases and orders.
    """
    n = len(v)
    shrink = 1 / np.sqrt(1 + noise**2)
    levels, poles = np.zeros((n, len(ORDER)), np.int64), np.zeros((n, len(ORDER)), np.int64)
    for (move, dimension), contrast in zip(MOVES.items(), CONTRASTS, strict=True):
        k = ORDER.index(dimension)
        assert CONTRASTS[contrast] == dimension, "moves and contrasts are declared in the same order of dimensions"
        levels[:, k] = quantise(shrink * v[:, k], shrink * noise * rng.standard_normal(n), lexicon.levels(move))
        noisy = shrink * (h[:, k] + noise * rng.standard_normal(n))
        poles[:, k] = np.where(noisy > POLE_BEYOND, 1, np.where(noisy < -POLE_BEYOND, -1, 0))
    n_prompts = int(drawn.prompt_of.max()) + 1
    bad = v[:, ORDER.index("toxicity")] + v[:, ORDER.index("stereotypical_bias")]
    badness = np.bincount(drawn.prompt_of, bad, n_prompts) / np.bincount(drawn.prompt_of)
    prompts = choose_prompts(lexicon, n_prompts, badness, rng)
    responses: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    places: list[list[str]] = []
    for item in range(n):
        template, _, topic = prompts[drawn.prompt_of[item]]
        parts = _compose(lexicon, topic, template.manner, levels[item], poles[item], rng)
        for language in LANGUAGES:
            responses[language].append(" ".join(fill(p.text(language), topic.words[language]) for _, p in parts))
        places.append([place for place, _ in parts])
    return Texts(prompts, responses, levels, poles, places)


def _compose(
    lexicon: Lexicon, topic: Topic, manner: str, levels: Ints, poles: Ints, rng: np.random.Generator
) -> list[tuple[str, Phrase]]:
    """The phrases of one response, in order, with their places in the lexicon."""

    mentions = 0
    tagged = False

    def pick(place: str, bank: Sequence[Phrase]) -> tuple[str, Phrase]:
        # A second phrase that answers the request itself ("I won't write that") would contradict or repeat the first.
        nonlocal mentions, tagged
        fitting = [
            k for k, phrase in enumerate(bank) if phrase.manner is None or (phrase.manner == manner and not tagged)
        ]
        if mentions >= ISSUE_MENTIONS:
            fitting = [k for k in fitting if not bank[k].names_issue] or fitting
        k = fitting[rng.integers(len(fitting))]
        mentions += bank[k].names_issue
        tagged = tagged or bank[k].manner is not None
        return f"{place}#{k}", bank[k]

    parts: list[tuple[str, Phrase]] = []
    opens, closes = rng.random(2) < (OPENER_SHARE, CLOSER_SHARE)
    if opens:
        parts.append(pick("openers", lexicon.openers))
    for move in ORDERS[rng.integers(len(ORDERS))]:
        dimension = ORDER.index(MOVES[move])
        level = int(levels[dimension])
        parts.append(pick(f"{move}/{level}", lexicon.moves[move][level]))
        if move == "content":
            steps = rng.permutation(len(topic.steps))[: STEPS_AT_LEVEL[level]]
            parts += [(f"steps/{topic.id}#{k}", topic.steps[k]) for k in steps]
        if pole := int(poles[dimension]):
            contrast = next(c for c, d in CONTRASTS.items() if d == MOVES[move])
            name = "plus" if pole > 0 else "minus"
            parts.append(pick(f"{contrast}/{name}", lexicon.contrasts[contrast][name]))
    if closes:
        parts.append(pick("closers", lexicon.closers))
    return parts

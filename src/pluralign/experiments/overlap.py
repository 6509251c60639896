"""How much of an answer repeats the texts that were trained on: a policy that learnt phrases rather than manners shows here."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"\w+(?:['’]\w+)?")
N = 5
Grams = frozenset[tuple[str, ...]]


def n_grams(texts: Iterable[str], n: int = N) -> Grams:
    """Every run of n words, case folded.

    >>> sorted(n_grams(["Give it time."], 2))
    [('give', 'it'), ('it', 'time')]
    """
    return frozenset(gram for text in texts for gram in _grams(text, n))


def overlap(answer: str, known: Grams, n: int = N) -> float:
    """Share of an answer's runs of n words that are known, 0–1; NaN for an answer of fewer than n words.

    >>> overlap("You should give it time", n_grams(["Give it time."], 2), 2)
    0.5
    """
    grams = _grams(answer, n)
    return sum(gram in known for gram in grams) / len(grams) if grams else float("nan")


def _grams(text: str, n: int) -> list[tuple[str, ...]]:
    words = WORD.findall(text.casefold())
    return [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]

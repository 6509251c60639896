"""Whether two texts are the same to a reader: spelling, spaces, marks and a few words aside.

A text is read at its two ends, folded (compatible forms are one, what a reader does not see is out, case and accents too), cut into words and
into overlapping runs of words. How many runs two texts share says how alike they are; a sketch of 64 bits estimates that for texts that
are not kept. Letters are folded for Latin script, with the Cyrillic and Greek ones that pass for Latin; another disguise is another text.
"""

from __future__ import annotations

import re
import unicodedata
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

MOST_READ = 4000
"""Characters that are read at each end of a text: an answer may have 131,072, and what stands in its middle speaks to nobody."""
SLOTS = 8
"""Parts of a sketch, a byte each: two texts agree in a part as often as they share a run of words."""
ALIKE_SLOTS = 5
"""From which two sketches are those of one answer: where 0.6 of the runs of both are shared, that is more likely than not."""
PAIR = 2
"""Words in a run of a sketch: of long runs, a few changed words would leave too little."""

_WORD = re.compile(r"\w+")
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn"})
_FILLERS = frozenset("\u115f\u1160\u17b4\u17b5\u3164")
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u03b1\u03bf\u03c1\u03bd\u03b9",
    "aeopcyxijsdhaopvi",
)
_ONES = np.uint64(0x0101010101010101)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_SEEDS = np.arange(1, SLOTS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def ends(text: str, most: int = MOST_READ) -> str:
    """The two ends of a text, all of it where it is short.

    Args:
        text: of any length.
        most: characters of each end.

    >>> ends("abcdefgh", 2), ends("abcd", 2)
    ('ab gh', 'abcd')
    """
    return text if len(text) <= 2 * most else f"{text[:most]} {text[-most:]}"


def folded(text: str) -> str:
    """What a reader sees at the ends of a text, without case, accents and kinds of blanks; punctuation stays.

    >>> folded("\\uff32\\uff21\\uff34\\uff25  th\\u200bis\\n Prüfer!")
    'rate this prufer!'
    """
    text = ends(text)
    if not text.isascii():
        # Compatible forms may be eighteen times as long, so that the ends are taken again.
        text = ends(unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())).translate(
            _LOOKALIKES
        )
    text = text.casefold()
    unseen = {ord(one): None for one in set(text) if _is_unseen(one)}
    return " ".join((text.translate(unseen) if unseen else text).split())


def _is_unseen(one: str) -> bool:
    return one in _FILLERS or (unicodedata.category(one) in _UNSEEN and not one.isspace())


def words(seen: str) -> str:
    """The words of a text with one blank between them; its marks where it has no words.

    Args:
        seen: from `folded`.

    >>> words("yes -- of course."), words("?!")
    ('yes of course', '?!')
    """
    return " ".join(_WORD.findall(seen)) or seen


def runs(text: str, n: int) -> Hashes:
    """Hashes of all runs of n words that follow each other.

    Args:
        text: from `words`.
        n: words in a run; a text of fewer is one run.

    Returns:
        Each once, sorted; none of an empty text.

    >>> len(runs("a b c a b", 2)), len(runs("a", 2)), len(runs("", 2))
    (3, 1, 0)
    """
    each = np.array([crc32(word.encode("utf-8", "replace")) for word in text.split(" ") if word], np.uint64)
    n = min(n, len(each))
    if not n:
        return each
    found = np.zeros(len(each) - n + 1, np.uint64)
    for k in range(n):
        found = _mixed(found ^ each[k : len(each) - n + 1 + k])
    return np.unique(found)


def _mixed(values: Hashes) -> Hashes:
    """Splitmix64's finaliser: every bit of what comes out hangs on every bit of what goes in."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def sketch(text: str) -> int:
    """64 bits that texts of nearly the same words have nearly in common: a byte each of eight min-hashes of its pairs of words.

    Source: Broder 1997, On the resemblance and containment of documents; Li and König 2010, b-bit minwise hashing.

    Returns:
        0 for a text in which a reader sees nothing, else 1 to 2**64 - 1.

    >>> sketch("Talk to her.") == sketch("talk to\\u200b her ..."), sketch(" \\u200b")
    (True, 0)
    """
    if not (said := words(folded(text))):
        return 0
    least = _mixed(runs(said, PAIR)[:, None] ^ _SEEDS).min(axis=0)
    return int(least.astype(np.uint8).view(np.uint64)[0]) or 1


def alike(a: Hashes, b: Hashes) -> NDArray[np.bool_]:
    """Where two arrays of sketches are those of one answer.

    Args:
        a, b: of one shape; 0 is no answer and like nothing.
    """
    other = a ^ b
    # A byte of `other` is 0 where its top bit is 0 and adding 127 to the rest does not set it.
    same = ~((((other & _LOW) + _LOW) | other) | _LOW) >> np.uint64(7)
    n = (same * _ONES) >> np.uint64(56)
    found: NDArray[np.bool_] = (n >= ALIKE_SLOTS) & (a != 0) & (b != 0)
    return found


def share_in(some: Hashes, others: Hashes) -> float:
    """Share of the runs of one text that are among others, 0–1; 0 where it has none.

    >>> share_in(runs("a b c", 2), runs("b c d", 2))
    0.5
    """
    return float(np.isin(some, others, assume_unique=True).mean()) if len(some) else 0.0


def widespread(every: list[Hashes], most: float) -> Hashes:
    """The runs that more than `most` texts have, sorted.

    Args:
        every: runs of each text.
        most: a number of texts.
    """
    if not every:
        return np.zeros(0, np.uint64)
    values, times = np.unique(np.concatenate(every), return_counts=True)
    return values[times > most]

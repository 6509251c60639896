"""Texts as vectors: deduplicated, cached on disk, long ones in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pluralign.places import cache_folder
from pluralign.rater_model.embedding_cache import EmbeddingCache, text_key
from pluralign.rater_model.encoders import SENTENCE_END, Encoder, Vectors, encoders_of

DEFAULT = "use"
PART_CHARACTERS = 2_000
"""A longer text is cut at ends of sentences into parts of at most this, and the parts' vectors are averaged by length."""
BLOCK = 512
"""Texts that are encoded between two writes to the cache: what a killed run loses at most."""

Progress = Callable[[int], None]


class Embedding:
    """One or several frozen encoders side by side.

    Args:
        name: encoders joined by `+`, e.g. `use` or `use+e5+profanity` (`encoders.ENCODERS`).
        cached: keep vectors in the user's cache folder (`$PLURALIGN_CACHE/embeddings`).

    Raises:
        PluralignError: PA071 for a name that does not exist.

    An empty text is the zero vector: nothing was said.
    """

    def __init__(self, name: str = DEFAULT, *, cached: bool = True) -> None:
        self.encoders = encoders_of(name)
        self.name = name
        self.cached = cached

    @property
    def width(self) -> int:
        """Numbers a text."""
        return sum(encoder.width for encoder in self.encoders)

    @property
    def versions(self) -> dict[str, str]:
        """Package -> version installed here."""
        return {encoder.package: encoder.version for encoder in self.encoders}

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """The vectors of texts; equal texts are encoded once.

        Args:
            texts: any, of any length.
            progress: called with the number of texts that have just been encoded, those of the cache included.

        Returns:
            (n_texts, width) float32; the parts of `use`, `e5` and `minilm` are L2-normalised.

        Raises:
            PluralignError: PA054 where a package is missing, PA078 where the cache is broken.
        """
        place = {text: k for k, text in enumerate(dict.fromkeys(text.strip() for text in texts))}
        distinct = list(place)
        parts = [
            self._encode_distinct(encoder, distinct, progress if k == 0 else None)
            for k, encoder in enumerate(self.encoders)
        ]
        rows = np.fromiter((place[text.strip()] for text in texts), np.intp, len(texts))
        return np.hstack(parts)[rows] if distinct else np.zeros((0, self.width), np.float32)

    def _encode_distinct(self, encoder: Encoder, texts: list[str], progress: Progress | None) -> Vectors:
        out = np.zeros((len(texts), encoder.width), np.float32)
        keys = [text_key(text) for text in texts]
        cache = None
        if self.cached:
            # `-1`: of how long texts are cut; a change there needs other files.
            cache = EmbeddingCache(
                cache_folder("embeddings") / f"{encoder.name}-{encoder.version}-1.sqlite", encoder.width
            )
        known = cache.get(keys) if cache else {}
        missing = []
        for k, key in enumerate(keys):
            if key in known:
                out[k] = known[key]
            elif texts[k]:
                missing.append(k)
        if progress:
            progress(len(texts) - len(missing))
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            out[block] = encode_long(encoder, [texts[k] for k in block])
            if cache:
                cache.put({keys[k]: out[k] for k in block})
            if progress:
                progress(len(block))
        return out


def encode_long(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Encode texts, long ones in parts whose vectors are averaged by length (and normalised again)."""
    parts = [in_parts(text) for text in texts]
    vectors = encoder.encode([part for several in parts for part in several])
    starts = np.cumsum([0, *(len(several) for several in parts)])
    if len(vectors) == len(texts):
        return vectors
    out = np.empty((len(texts), encoder.width), np.float32)
    for k, several in enumerate(parts):
        mean = np.average(vectors[starts[k] : starts[k + 1]], axis=0, weights=[len(part) for part in several])
        long = len(several) > 1 and encoder.unit
        out[k] = mean / max(float(np.linalg.norm(mean)), 1e-12) if long else mean
    return out


def in_parts(text: str, most: int = PART_CHARACTERS) -> list[str]:
    """A text in parts of at most `most` characters, cut at ends of sentences where there are any, else anywhere.

    >>> in_parts("One two. Three four. Five.", most=12)
    ['One two.', 'Three four.', 'Five.']
    >>> in_parts("abcdefgh", most=3)
    ['abc', 'def', 'gh']
    """
    if len(text) <= most:
        return [text]
    parts: list[str] = []
    for sentence in SENTENCE_END.split(text):
        pieces = [sentence[k : k + most] for k in range(0, len(sentence), most)]
        for piece in pieces:
            if parts and len(parts[-1]) + 1 + len(piece) <= most:
                parts[-1] += f" {piece}"
            else:
                parts.append(piece)
    return [part for part in parts if part.strip()]

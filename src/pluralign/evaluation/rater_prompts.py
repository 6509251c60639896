"""How a model is asked for a rating: four framings, and how its log-likelihoods become one distribution.

Small models answer "A" or the option that comes first whatever is asked. So each question is put with letters and with numbers, and
with the options from the lowest point up and from the highest down, and the four distributions are averaged: a preference for a letter
or a place spreads evenly over both ends instead of passing for an opinion.

Source: Pezeshkpour & Hruschka (2024), "Large language models sensitivity to the order of options in multiple-choice questions".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.errors import PluralignError, unknown

LETTERS = "ABCDE"


@dataclass(frozen=True)
class Framing:
    """One way of putting the question.

    Attributes:
        labels: `letters` or `numbers`.
        descending: whether the highest point is listed first.
    """

    labels: str
    descending: bool

    def options(self, points: Sequence[int]) -> list[tuple[str, int]]:
        """Label and point of every option, in the order in which they are listed.

        A letter belongs to the place in the list, a number to the point.

        >>> Framing("letters", True).options([1, 2, 3])
        [('A', 3), ('B', 2), ('C', 1)]
        >>> Framing("numbers", True).options([1, 5])
        [('2', 5), ('1', 1)]
        """
        listed = sorted(points, reverse=self.descending)
        ranks = {point: str(rank) for rank, point in enumerate(sorted(points), start=1)}
        return [(LETTERS[k] if self.labels == "letters" else ranks[point], point) for k, point in enumerate(listed)]


FRAMINGS: tuple[Framing, ...] = tuple(
    Framing(labels, order) for labels in ("letters", "numbers") for order in (False, True)
)
"""In the order in which requests are made and `filtered_resps` are kept."""


@functools.cache
def wording(language: str) -> Mapping[str, Any]:
    """The wording of a language, from `wordings/`."""
    import yaml

    text = files("pluralign.evaluation").joinpath("wordings", f"{language}.yaml").read_text("utf-8")
    held: Mapping[str, Any] = yaml.safe_load(text)
    return held


def named(group: str, language: str) -> str:
    """How a member of a group is spoken of.

    Raises:
        PluralignError: PA081 for a group without a wording.
    """
    names = wording(language)["groups"]
    if group not in names:
        raise unknown("PA081", "group to rate as", group, list(names))
    return str(names[group])


def question(doc: Mapping[str, Any], framing: Framing) -> str:
    """What the model is asked, without the answer's first word.

    Args:
        doc: prompt (empty for single texts), response, nearest (which of our dimensions is asked about), points, language and
            named_group (empty where the model rates as it comes).
        framing: labels and order of the options.
    """
    held = wording(doc["language"])
    points = doc["points"]
    words = held["points_of_two"] if list(points) == [1, 5] else held["points"]
    options = framing.options(points)
    single = "" if doc["prompt"] else "_single"
    asked = held["question"].format(
        statement=held[f"statements{single}"][doc["nearest"]],
        options="\n".join(f"{label}. {words[point]}" for label, point in options),
        labels=", ".join(label for label, _ in options),
    )
    steer = held["steer"].format(group=named(doc["named_group"], doc["language"])) if doc["named_group"] else ""
    # str.format replaces once, so braces inside the untrusted texts stay as they are.
    frame: str = held[f"frame{single}"]
    return frame.format(steer=steer, prompt=doc["prompt"], response=doc["response"], question=asked)


def messages(doc: Mapping[str, Any], framing: Framing, system: str | None) -> list[dict[str, str]]:
    """The question as a conversation whose last turn, the model's own, has begun with "Answer:"."""
    turns = [{"role": "system", "content": system}] if system else []
    return [
        *turns,
        {"role": "user", "content": question(doc, framing)},
        {"role": "assistant", "content": wording(doc["language"])["answer"]},
    ]


def plain(doc: Mapping[str, Any], framing: Framing, system: str | None) -> str:
    """The question as one text that ends in "Answer:"."""
    before = f"{system}\n\n" if system else ""
    return f"{before}{question(doc, framing)}\n{wording(doc['language'])['answer']}"


def framed_probabilities(log_likelihoods: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of the options within each framing: (framings, K) log-likelihoods, softmax by row.

    Raises:
        PluralignError: PA081 where no option of a framing has a finite log-likelihood.

    >>> framed_probabilities([[-1.0, -1.0]]).tolist()
    [[0.5, 0.5]]
    """
    table = np.asarray(log_likelihoods, dtype=np.float64)
    highest = table.max(axis=-1, keepdims=True)
    if not np.all(np.isfinite(highest)):
        raise PluralignError(
            "PA081", "the model gave no finite log-likelihood for any of the options.",
            "It must return log-probabilities of given tokens (hf, vllm, or an API with echo and logprobs).",
        )  # fmt: skip
    weights = np.exp(table - highest)
    shares: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def distribution(probabilities: ArrayLike, n_points: int, *, reverse: bool = False) -> list[float]:
    """One distribution over the points, ascending: the mean of the framings.

    Args:
        probabilities: framings × K, flat, each framing's by ascending point.
        n_points: K.
        reverse: the source's dimension runs against the statement that is asked about.

    >>> distribution([1.0, 0.0, 0.0, 1.0], 2)
    [0.5, 0.5]
    """
    p = np.asarray(probabilities, dtype=np.float64).reshape(-1, n_points).mean(axis=0)
    return [float(x) for x in (p[::-1] if reverse else p)]

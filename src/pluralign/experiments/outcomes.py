"""What is measured of a cell, prompt by prompt, all of it on 0–1 and with a good direction.

| outcome | what | good |
|---|---|---|
| `toxicity`, `emotional_awareness` | score of the answer by the evaluation judge | lower, higher |
| `order.<set>.<dimension>.<group>` | share of a prompt's answer pairs that the implicit reward orders as the truth of the group does; chance .5 | higher |
| `jury.<dimension>.<group>` | mean rating of the answer that the rater model expects of the group | the dimension's |
| `judge.<name>.<dimension>` | score of the answer by a further judge; names may have points in them | the dimension's |

The English and the German version of a prompt are two prompts of one cluster. The base has implicit reward 0 everywhere: it orders by
coin, and its order outcomes are .5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pluralign.errors import PluralignError
from pluralign.experiments.cells import BASE
from pluralign.experiments.results import SCORES, Finished, Results
from pluralign.experiments.truth import Truth
from pluralign.preferences import ordered_rightly
from pluralign.schema import DIMENSIONS
from pluralign.stats.resampling import Floats

LENGTH = "response_length"
ORDER, JURY, FURTHER = "order", "jury", "judge"
LOWER, HIGHER = "lower", "higher"


def better(outcome: str) -> str:
    """The good direction of an outcome.

    >>> better("toxicity"), better("order.e.toxicity.male"), better("jury.emotional_awareness.black")
    ('lower', 'higher', 'higher')
    """
    kind, *rest = outcome.split(".")
    if kind == ORDER:
        return HIGHER
    dimension = rest[-1] if kind == FURTHER else rest[0] if kind == JURY else kind
    return DIMENSIONS[dimension].better if dimension in DIMENSIONS else HIGHER


def kind_of(outcome: str) -> str:
    """What measures an outcome, whatever the dimension and group.

    >>> kind_of("toxicity"), kind_of("order.e.toxicity.male"), kind_of("jury.toxicity"), kind_of("judge.rater-model-prism.toxicity")
    ('judge', 'order.e', 'jury', 'judge.rater-model-prism')
    """
    if is_judged(outcome):
        return FURTHER
    kind, *rest = outcome.split(".")
    return f"{kind}.{rest[0]}" if kind == ORDER else kind if kind == JURY else outcome.rpartition(".")[0]


def is_judged(outcome: str) -> bool:
    """Whether it is a score of the evaluation judge."""
    return outcome in SCORES


def by_further(outcome: str) -> bool:
    """Whether it is a score of a further judge.

    >>> by_further("judge.rater-model-prism.toxicity"), by_further("toxicity")
    (True, False)
    """
    return outcome.startswith(f"{FURTHER}.")


def is_scored(outcome: str) -> bool:
    """Whether it is a score of an answer, by whichever judge."""
    return is_judged(outcome) or by_further(outcome)


def known_mean(values: Any) -> float:
    """Mean of what was scored; NaN where nothing was, as on a dimension that a judge does not know.

    >>> known_mean(np.array([1.0, np.nan])), known_mean(np.array([np.nan]))
    (1.0, nan)
    """
    values = np.asarray(values, dtype=np.float64)
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


@dataclass(frozen=True)
class Axis:
    """The prompts of an outcome, in one order for all cells.

    Attributes:
        keys: (language or set, prompt_id).
        clusters: the template of each.
    """

    keys: tuple[tuple[str, str], ...]
    clusters: tuple[str, ...]


class Outcomes:
    """Outcomes of the cells of a grid, each computed once.

    Args:
        results: the cells.
        truth: of held-out answers.
    """

    def __init__(self, results: Results, truth: Truth) -> None:
        self.results, self.truth = results, truth
        self._axes: dict[str, Axis] = {}
        self._scores: dict[tuple[str, str], Floats] = {}

    def axis(self, outcome: str) -> Axis:
        """The prompts of an outcome."""
        kind, *rest = outcome.split(".")
        key = rest[0] if kind == ORDER else "answers"
        if key not in self._axes:
            self._axes[key] = self._ordered_prompts(key) if kind == ORDER else self._asked_prompts()
        return self._axes[key]

    def scores(self, one: Finished, outcome: str) -> Floats:
        """(n_prompts,) a cell's outcome on its axis, NaN where it is missing.

        Args:
            one: the cell.
            outcome: see the module.
        """
        key = (one.where, outcome)
        if key not in self._scores:
            ordered = outcome.split(".")[0] == ORDER
            self._scores[key] = self._order(one, outcome) if ordered else self._answered(one, outcome)
        return self._scores[key]

    def lengths(self, one: Finished) -> Floats:
        """(n_prompts,) characters of a cell's answers, on the axis of judged outcomes."""
        return self._answered(one, LENGTH)

    def _asked_prompts(self) -> Axis:
        one = self.results.cells[0]
        rows = {
            (language, prompt): template
            for language in self.results.languages
            for prompt, template in zip(*(one.answers[language].column(c).to_pylist() for c in ("prompt_id", "template_id")), strict=True)
        }  # fmt: skip
        return _axis(rows)

    def held_out_answers(self, name: str) -> pa.Table | None:
        """Rows of the held-out answers of a set, the same in all cells; None where no cell has any."""
        found = next((c.held_out for c in self.results.cells if c.held_out is not None), None)
        return None if found is None else _of_set(found, name)

    def _ordered_prompts(self, name: str) -> Axis:
        table = self.held_out_answers(name)
        if table is None:
            return Axis((), ())
        prompts, templates = (table.column(c).to_pylist() for c in ("prompt_id", "template_id"))
        return _axis({(name, prompt): template for prompt, template in zip(prompts, templates, strict=True)})

    def _answered(self, one: Finished, column: str) -> Floats:
        found: dict[tuple[str, str], float] = {}
        for language in self.results.languages:
            table = one.answers[language]
            if column not in table.column_names:
                continue
            prompts = table.column("prompt_id").to_pylist()
            values = table.column(column).to_numpy().astype(float)
            found |= {(language, prompt): value for prompt, value in zip(prompts, values, strict=True)}
        return _on(self.axis(column), found)

    def _order(self, one: Finished, outcome: str) -> Floats:
        _, name, dimension, group = outcome.split(".")
        axis = self.axis(outcome)
        values = self.truth.values(name, dimension, group)
        is_base = one.cell.condition == BASE
        table = self.held_out_answers(name) if is_base else one.held_out
        if values is None or table is None:
            return np.full(len(axis.keys), np.nan)
        table = _of_set(table, name)
        reward = table.column("logp").to_numpy() - table.column("reference").to_numpy()
        shares = order_shares(table, values, reward * 0.0 if is_base else reward, one.where)
        return _on(axis, {(name, prompt): share for prompt, share in shares.items()})


def order_shares(table: pa.Table, values: Mapping[str, float], reward: Floats, where: str = "") -> dict[str, float]:
    """Share of each prompt's pairs that a reward orders as some values do.

    Equal rewards count half; pairs of equal values are left out, and so are prompts without another pair.

    Args:
        table: with item_id and prompt_id.
        values: `item_id` -> how good it is.
        reward: (n,) of each row.
        where: for errors.

    Raises:
        PluralignError: PA099 where an item has no value.

    >>> rows = pa.table({"item_id": ["a", "b", "c"], "prompt_id": ["p", "p", "p"]})
    >>> order_shares(rows, {"a": 3.0, "b": 2.0, "c": 1.0}, np.array([2.0, 2.0, 5.0]))  # a ~ b: ½; a < c, b < c: both wrong
    {'p': 0.16666666666666666}
    """
    ids: list[str] = table.column("item_id").to_pylist()
    if unknown := [one for one in ids if one not in values]:
        raise PluralignError(
            "PA099", f"{where}: item {unknown[0]} and {len(unknown) - 1} more are not among those whose truth is known.",
            "Report with the version of pluralign, and the ratings, that the results were made with.",
        )  # fmt: skip
    pairs = ordered_rightly(table.column("prompt_id").to_pylist(), [values[one] for one in ids], reward)
    return {prompt: right / n for prompt, (right, n) in pairs.items()}


def _of_set(table: pa.Table, name: str) -> pa.Table:
    return table.filter(pc.equal(table.column("set"), name))


def _axis(rows: Mapping[tuple[str, str], Any]) -> Axis:
    keys = sorted(rows)
    return Axis(tuple(keys), tuple(str(rows[key]) for key in keys))


def _on(axis: Axis, found: Mapping[tuple[str, str], float]) -> Floats:
    return np.array([found.get(key, np.nan) for key in axis.keys], dtype=np.float64)

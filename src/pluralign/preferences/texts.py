"""The texts of preferences: conversations of one turn, in one language, two responses of one prompt."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pluralign.errors import PluralignError, unknown
from pluralign.preferences.votes import within
from pluralign.ratings import Ratings
from pluralign.schema import LANGUAGES, SPLITS, split_of

Ints = NDArray[np.int64]
SETTINGS_KEY = b"pluralign.preferences"
"""Metadata of every table: the condition, how rows were made of it, and the shrinkage of its soft labels, as JSON."""
TAKEN_AT_ONCE = 1 << 16
"""Rows of a chunk of texts: an Arrow array of strings holds 2 GiB, and votes repeat long texts."""
_ITEM_OF = {"chosen": "chosen_id", "rejected": "rejected_id", "completion": "item_id"}


@dataclass(frozen=True)
class Texts:
    """Items that have a prompt and a response in a language.

    Attributes:
        items: the items table, sorted by `item_id`.
        language: of the texts.
        split: None for both.
        rows: (n,) rows of `items` that have both texts and belong to the split, ascending.
        everywhere: (n,) the same in all splits.
    """

    items: pa.Table
    language: str
    split: str | None
    rows: Ints
    everywhere: Ints

    def column(self, name: str, rows: Ints) -> pa.ChunkedArray:
        """A column of the items, for these rows."""
        return self.items.column(name).take(pa.array(rows))

    def turns(self, what: str, rows: Ints) -> pa.ChunkedArray:
        """The prompts (`prompt`) or responses (`response`) of rows, each a conversation of one turn."""
        chunks = [rows[start : start + TAKEN_AT_ONCE] for start in range(0, max(len(rows), 1), TAKEN_AT_ONCE)]
        return pa.chunked_array([self._turns(what, chunk) for chunk in chunks])

    def _turns(self, what: str, rows: Ints) -> pa.Array:
        content = self.column(f"{what}_{self.language}", rows).combine_chunks()
        role = pa.repeat(pa.scalar("user" if what == "prompt" else "assistant"), len(rows))
        turn = pa.StructArray.from_arrays([role, content], ["role", "content"])
        return pa.ListArray.from_arrays(pa.array(np.arange(len(rows) + 1, dtype=np.int32)), turn)

    def pairs(self) -> tuple[Ints, Ints]:
        """Every two items of the split that answer the same text of the same prompt: rows of the first and the second.

        Raises:
            PluralignError: PA092 where no prompt of the source has two responses.
        """
        if not len(self._within(self.everywhere)[0]):
            raise PluralignError(
                "PA092",
                f"no prompt of this source has two responses in {self.language!r}, so there is nothing to prefer.",
                "Use `unpaired` (KTO, or pointwise regression on `score`) or `rewards` (GRPO). Responses to different prompts are not "
                "paired, nor is a fixed refusal put against each: both confound what was asked with how it was answered.",
            )
        return self._within(self.rows)

    def comparable(self, other: Texts) -> bool:
        """Whether another language gives the same items and the same pairs, so that only the texts differ."""
        if not np.array_equal(self.everywhere, other.everywhere):
            return False
        mine, theirs = self._within(self.everywhere), other._within(other.everywhere)
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

    def _within(self, rows: Ints) -> tuple[Ints, Ints]:
        # A source may give one prompt several wordings: only answers to the same one are compared.
        prompts = zip(
            *(self.column(c, rows).to_pylist() for c in ("prompt_id", f"prompt_{self.language}")), strict=True
        )
        codes: dict[tuple[str, str], int] = {}
        first, second = within([codes.setdefault(prompt, len(codes)) for prompt in prompts])
        return rows[first], rows[second]


def retexted(table: pa.Table, found: Texts) -> pa.Table:
    """A table of preferences with its texts in another language; the rows stay.

    Args:
        table: from `pairs` or `unpaired`.
        found: texts that are `comparable` with those of the table.
    """
    ids = found.items.column("item_id").combine_chunks()
    rows = {
        column: pc.index_in(table.column(name), value_set=ids).to_numpy()
        for column, name in _ITEM_OF.items()
        if column in table.column_names
    }
    new = {column: found.turns("response", row) for column, row in rows.items()}
    new["prompt"] = found.turns("prompt", next(iter(rows.values())))
    new["language"] = pa.repeat(pa.scalar(found.language), table.num_rows)
    settings = json.loads(table.schema.metadata[SETTINGS_KEY]) | {"language": found.language}
    for name, column in new.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), column.cast(table.schema.field(place).type))
    return table.replace_schema_metadata(
        {**table.schema.metadata, SETTINGS_KEY: json.dumps(settings, sort_keys=True).encode()}
    )


def texts(ratings: Ratings, language: str, split: str | None) -> Texts:
    """The items of a split that have texts in a language.

    Args:
        ratings: the three tables.
        language: `en` or `de`.
        split: `train` or `test`; None for both.

    Raises:
        PluralignError: PA093 for another split or language, PA094 where no item has a prompt and a response in it.
    """
    if language not in LANGUAGES:
        raise unknown("PA093", "language", language, LANGUAGES)
    if split is not None and split not in SPLITS:
        raise unknown("PA093", "split", split, SPLITS)
    items = ratings.items.sort_by("item_id")
    has = _both(items, language)
    if not has.any():
        others = [other for other in LANGUAGES if _both(items, other).any()]
        instead = (
            f"It has them in {', '.join(others)}."
            if others
            else "Its items are single texts: no model can be asked for them."
        )
        raise PluralignError("PA094", f"no item has both a prompt and a response in {language!r}.", instead)
    inside = np.array([split in (None, split_of(prompt)) for prompt in items.column("prompt_id").to_pylist()], bool)
    return Texts(items, language, split, np.flatnonzero(has & inside), np.flatnonzero(has))


def _both(items: pa.Table, language: str) -> NDArray[np.bool_]:
    has = pc.and_(*(pc.is_valid(items.column(f"{what}_{language}")) for what in ("prompt", "response")))
    return np.asarray(has.to_numpy(), bool)

"""Which configs the dataset repository of preferences has, and the table of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from pluralign.preferences import ALIASES, CONDITIONS, Condition, condition_of, pairs, rewards, unpaired
from pluralign.preferences.draws import is_subsampled
from pluralign.ratings import Ratings
from pluralign.schema import LANGUAGES, PREFERENCE_FIELDS, REWARD_FIELDS, SPLITS, UNPAIRED_FIELDS, Field

DEFAULT = "exp3-individual-toxicity"
"""The config that `load_dataset` gives where none is named."""

HOME = LANGUAGES[0]
FILES: Mapping[str, tuple[str, str]] = {
    **{split: (split, HOME) for split in SPLITS},
    **{f"{split}_{language}": (split, language) for language in LANGUAGES[1:] for split in SPLITS},
}
"""The splits of every config -> split of the prompts and language of the texts."""

VOTES_DRAW = 0
"""The draw whose votes a balanced condition ships; its soft labels are the mean over draws."""

SINGLE = ("toxicity", "emotional_awareness")
"""The dimensions with a config of single responses."""

What = Literal["pairs", "unpaired", "rewards"]


@dataclass(frozen=True)
class PreferenceConfig:
    """A config.

    Attributes:
        name: as `load_dataset` takes it.
        condition: what it is made of.
        what: which of the three tables.
        form: of pairs.
        ties: of pairs.
        combine: of pairs.
        draw: of a balanced condition; None is the mean, or for votes the draw `VOTES_DRAW`.
        alias_of: the config whose files it points to, if it has none of its own.
    """

    name: str
    condition: Condition
    what: What = "pairs"
    form: str = "collapsed"
    ties: str = "drop"
    combine: str = "pooled"
    draw: int | None = None
    alias_of: str | None = None

    @property
    def files(self) -> dict[str, str]:
        """Split -> path in the folder."""
        return {split: f"configs/{self.alias_of or self.name}/{split}.parquet" for split in FILES}

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its columns."""
        return {"pairs": PREFERENCE_FIELDS, "unpaired": UNPAIRED_FIELDS, "rewards": REWARD_FIELDS}[self.what]

    def table(self, ratings: Ratings, split: str, language: str = HOME) -> pa.Table:
        """The rows of a split.

        Args:
            ratings: the three tables.
            split: `train` or `test`.
            language: of the texts.

        Raises:
            PluralignError: what `pairs`, `unpaired` and `rewards` raise.
        """
        if self.what == "unpaired":
            return unpaired(ratings, self.condition, language=language, split=split, draw=self.draw)
        if self.what == "rewards":
            return rewards(ratings, self.condition, language=language, split=split)
        draw = self.draw
        if draw is None and self.form == "votes" and is_subsampled(ratings, self.condition, split):
            draw = VOTES_DRAW
        return pairs(
            ratings, self.condition, ties=self.ties, form=self.form, language=language, split=split,
            draw=draw, combine=self.combine,
        )  # fmt: skip


def preference_configs() -> tuple[PreferenceConfig, ...]:
    """Every config, the default first, aliases after what they stand for."""
    own = list(_own())
    by_condition: dict[str, list[PreferenceConfig]] = {}
    for config in own:
        by_condition.setdefault(config.condition.name, []).append(config)
    found = []
    for name, configs in sorted(by_condition.items(), key=lambda entry: entry[0] != DEFAULT):
        found += configs
        for alias in (alias for alias, of in ALIASES.items() if of == name):
            found += [replace(c, name=alias + c.name.removeprefix(name), alias_of=c.name) for c in configs]
    return tuple(found)


def _own() -> Iterator[PreferenceConfig]:
    for cond in CONDITIONS.values():
        if cond.kind == "rewards":
            yield PreferenceConfig(cond.name, cond, "rewards")
            continue
        yield from _forms(cond.name, cond, "pooled")
        if len(cond.dimensions) > 1:
            yield from _forms(f"{cond.name}-scalarised", cond, "scalarised")
    for dimension in SINGLE:
        name = f"unpaired-{dimension}"
        yield PreferenceConfig(name, condition_of(dimension, name=name), "unpaired")


def _forms(name: str, cond: Condition, combine: str) -> Iterator[PreferenceConfig]:
    """Votes, soft labels and half ties; of an aggregated condition, whose votes are pairs, without the second."""
    yield PreferenceConfig(name, cond, form="votes" if cond.is_individual else "collapsed", combine=combine)
    if cond.is_individual:
        yield PreferenceConfig(f"{name}-collapsed", cond, combine=combine)
    yield PreferenceConfig(f"{name}-half", cond, ties="half", combine=combine)

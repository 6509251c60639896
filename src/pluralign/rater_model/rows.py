"""Ratings as the rows that a head is fitted to: texts, raters' groups, and points on the sets' scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pluralign.errors import PluralignError
from pluralign.rater_model.likelihood import Floats, Ints, Scales
from pluralign.ratings import Ratings, SourceDimension
from pluralign.schema import ATTRIBUTES, DIMENSIONS, LANGUAGES, MINIMUM_CELL

Choices = Mapping[str, str]
"""Our dimension -> the source's own name for it, where several of the source's are nearest to it."""


@dataclass(frozen=True)
class Rows:
    """The ratings of one of our dimensions, of all sets together. A row is a rating shown in one language.

    Attributes:
        texts: (prompt, response) of each distinct text.
        text: row -> its text, (n,).
        rater: row -> its rater, (n,).
        item: row -> its item, (n,).
        set_of: row -> its set, (n,).
        category: row -> 0-based place of the rating among its set's points, (n,).
        weight: of each row; the texts of a rated item share the rating, (n,).
        groups: rater -> 1 where the rater belongs to the group, (n_raters, n_groups).
        group_names: the groups that have raters enough to be told apart.
        prompt: item -> label of its prompt, (n_items,).
        pairs: texts that are one item's English and German version, (n_pairs, 2).
        scales: points of each set.
        sources: (set, its own name of the dimension).
    """

    texts: tuple[tuple[str, str], ...]
    text: Ints
    rater: Ints
    item: Ints
    set_of: Ints
    category: Ints
    weight: Floats
    groups: Floats
    group_names: tuple[str, ...]
    prompt: tuple[str, ...]
    pairs: Ints
    scales: Scales
    sources: tuple[tuple[str, str], ...]

    def where(self, keep: Floats) -> Rows:
        """Only some rows; texts, items and raters keep their numbers."""
        fields = ("text", "rater", "item", "set_of", "category", "weight")
        return replace(self, **{name: getattr(self, name)[keep] for name in fields})

    @property
    def design(self) -> Floats:
        """Membership less its mean over raters, (n_raters, n_groups): 0 is everyone, so that contrasts are of a group with all."""
        centred: Floats = self.groups - self.groups.mean(axis=0)
        return centred

    @property
    def n_ratings(self) -> int:
        """Ratings, however many languages each is shown in."""
        return round(float(self.weight.sum()))

    @property
    def value(self) -> Floats:
        """The point on 1–5 of each row, (n,)."""
        points = [np.array(points, float) for points in self.scales.points]
        out = np.empty(len(self.category))
        for s, own in enumerate(points):
            out[self.set_of == s] = own[self.category[self.set_of == s]]
        return out


def own_dimension(ratings: Ratings, dimension: str, choices: Choices | None = None) -> SourceDimension | None:
    """The source's dimension that stands for ours: the one chosen, else the first that it declares as nearest.

    Raises:
        PluralignError: PA024 where the chosen one does not exist.
    """
    if choices and dimension in choices and any(spec.nearest == dimension for spec in ratings.provenance.dimensions):
        return ratings.provenance.dimension(choices[dimension])
    return next((spec for spec in ratings.provenance.dimensions if spec.nearest == dimension), None)


def rated_dimensions(sets: Sequence[Ratings]) -> tuple[str, ...]:
    """Those of our dimensions that any set rates, in our order; one that is declared and that nobody rated is none."""
    rated = [set(ratings.ratings.column("dimension").unique().to_pylist()) for ratings in sets]

    def has(name: str) -> bool:
        specs = (own_dimension(ratings, name) for ratings in sets)
        return any(spec is not None and spec.name in own for spec, own in zip(specs, rated, strict=True))

    return tuple(name for name in DIMENSIONS if has(name))


def collect_rows(sets: Sequence[Ratings], dimension: str, choices: Choices | None = None) -> Rows:
    """Collect what several sets say about one dimension.

    Args:
        sets: any number; those without the dimension are left out.
        dimension: one of ours.
        choices: which of a source's dimensions to take, where several are nearest to ours.

    Raises:
        PluralignError: PA060 where no set has a rating of it.
    """
    parts = []
    for k, ratings in enumerate(sets):
        spec = own_dimension(ratings, dimension, choices)
        if spec is not None:
            part = _one_set(ratings, spec, k)
            if part["value"]:
                parts.append((ratings, spec, part))
    if not parts:
        raise PluralignError("PA060", f"no rating of {dimension} in {len(sets)} set(s).", "Name sets that rate it.")
    return _pooled(parts)


def _one_set(ratings: Ratings, spec: SourceDimension, k: int) -> dict[str, list[object]]:
    """Columns of one set: for each rating its rater and item (with the set's number) and the value."""
    import pyarrow.compute as pc

    table = ratings.ratings.filter(pc.equal(ratings.ratings.column("dimension"), spec.name))
    return {
        "rater": [(k, r) for r in table.column("rater_id").to_pylist()],
        "item": [(k, i) for i in table.column("item_id").to_pylist()],
        "value": table.column("value").to_pylist(),
    }


def _pooled(parts: list[tuple[Ratings, SourceDimension, dict[str, list[object]]]]) -> Rows:
    texts: dict[tuple[str, str], int] = {}
    item_texts: dict[object, list[int]] = {}
    prompts: dict[object, str] = {}
    members: dict[object, set[str]] = {}
    points = []
    for ratings, spec, part in parts:
        k = part["item"][0][0]  # type: ignore[index]
        points.append(spec.points)
        for row in ratings.items.to_pylist():
            item_texts[k, row["item_id"]] = [
                texts.setdefault((row[f"prompt_{lang}"] or "", row[f"response_{lang}"]), len(texts))
                for lang in LANGUAGES
                if row[f"response_{lang}"]
            ]
            prompts[k, row["item_id"]] = f"{k}:{row['prompt_id']}"
        members |= {(k, rater): groups for rater, groups in _memberships(ratings.raters).items()}
    raters = list(dict.fromkeys(r for _, _, part in parts for r in part["rater"]))
    items = list(dict.fromkeys(i for _, _, part in parts for i in part["item"]))
    names, groups = _group_matrix([members[r] for r in raters])
    rater_row, item_row = {r: k for k, r in enumerate(raters)}, {i: k for k, i in enumerate(items)}
    columns: dict[str, list[float]] = {name: [] for name in ("text", "rater", "item", "set_of", "category", "weight")}
    for s, (_, spec, part) in enumerate(parts):
        for rater, item, value in zip(part["rater"], part["item"], part["value"], strict=True):
            point = 1 + sum(value > cut for cut in spec.cuts)  # type: ignore[operator]
            shown = item_texts[item]
            for text in shown:
                entry = (text, rater_row[rater], item_row[item], s, spec.points.index(point), 1 / len(shown))
                for name, cell in zip(columns, entry, strict=True):
                    columns[name].append(cell)
    arrays: dict[str, Any] = {
        name: np.array(column, np.float64 if name == "weight" else np.intp) for name, column in columns.items()
    }
    pairs = np.array([item_texts[i] for i in items if len(item_texts[i]) == len(LANGUAGES)], np.intp)
    sources = tuple((ratings.provenance.source, spec.name) for ratings, spec, _ in parts)
    prompt = tuple(prompts[i] for i in items)
    return Rows(tuple(texts), **arrays, groups=groups, group_names=names, prompt=prompt,
                pairs=pairs.reshape(-1, len(LANGUAGES)), scales=Scales(tuple(points)), sources=sources)  # fmt: skip


def _memberships(raters: pa.Table) -> dict[str, set[str]]:
    """Rater -> the groups that the rater belongs to; who chose several ethnicities is in each of them."""
    out: dict[str, set[str]] = {}
    for row in raters.to_pylist():
        several = [row[name] if isinstance(row[name], list) else [row[name]] for name in ATTRIBUTES]
        out[row["rater_id"]] = {value for values in several for value in values if value}
    return out


def _group_matrix(members: list[set[str]]) -> tuple[tuple[str, ...], Floats]:
    """Groups with enough raters that not everyone belongs to, and who is in them."""
    known = [value for attribute in ATTRIBUTES.values() for value in attribute.values]
    counts = {name: sum(name in groups for groups in members) for name in known}
    names = tuple(name for name in known if MINIMUM_CELL <= counts[name] < len(members))
    return names, np.array([[float(name in groups) for name in names] for groups in members]).reshape(
        len(members), len(names)
    )

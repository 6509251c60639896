"""Where a set of ratings comes from. It travels in every table's metadata, in every card, plot and result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from pluralign.errors import PluralignError, unknown
from pluralign.schema import DIMENSIONS, SCALES, Direction


@dataclass(frozen=True)
class SourceDimension:
    """A dimension as its source named and scaled it.

    Attributes:
        name: the value of the `dimension` column.
        nearest: which of our dimensions it is nearest to.
        better: which end is desirable.
        minimum: lowest rating on the source's scale.
        maximum: highest rating on the source's scale.
        cuts: four ascending bounds; a rating is on point 1 + (number of bounds that it exceeds) of five.
        statement: what raters were asked.
    """

    name: str
    nearest: str
    better: Direction
    minimum: int
    maximum: int
    cuts: tuple[int, int, int, int]
    statement: str = ""

    def __post_init__(self) -> None:
        if self.nearest not in DIMENSIONS:
            raise unknown("PA024", "dimension", self.nearest, list(DIMENSIONS))
        if self.minimum >= self.maximum or list(self.cuts) != sorted(self.cuts):
            raise PluralignError(
                "PA041", f"dimension {self.name!r}: got range {self.minimum}–{self.maximum}, cuts {self.cuts}",
                "The minimum must be below the maximum and the cuts must ascend.",
            )  # fmt: skip

    @property
    def points(self) -> tuple[int, ...]:
        """Which of the five points the source's scale can reach, ascending."""
        return tuple(sorted({1 + sum(v > cut for cut in self.cuts) for v in range(self.minimum, self.maximum + 1)}))

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales that this dimension can be shown on: a coarse source does not offer a fine scale.

        >>> SourceDimension("hate", "toxicity", "lower", 0, 1, (0, 0, 0, 0)).scales
        ('binary',)
        """
        reached = len(self.points)
        return tuple(s.name for s in SCALES.values() if reached >= len(s.values))


def own_dimensions() -> tuple[SourceDimension, ...]:
    """The study's five dimensions on their own five-point scale."""
    return tuple(
        SourceDimension(d.name, d.name, d.better, 1, 5, (1, 2, 3, 4), d.statement) for d in DIMENSIONS.values()
    )


@dataclass(frozen=True)
class Provenance:
    """What a set of ratings is and where it comes from.

    Attributes:
        kind: `simulated` or `imported`.
        source: the source's short name.
        version: of the source or of the simulation.
        licence: of the ratings (SPDX identifier, or what the source states).
        dimensions: the source's dimensions and scales.
        description: a sentence for people.
        citation: what to cite.
        checksum: sha256 over the three tables' contents.
        choices: decisions of ours, each a sentence.
        details: whatever else the maker records (parameters, seed, rows dropped and why).
    """

    kind: Literal["simulated", "imported"]
    source: str
    version: str
    licence: str
    dimensions: tuple[SourceDimension, ...]
    description: str = ""
    citation: str = ""
    checksum: str = ""
    choices: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """One line to stamp on every table, card and plot."""
        return f"{self.kind.upper()}: {self.source} {self.version}"

    def dimension(self, name: str) -> SourceDimension:
        """The source's dimension by its own name, else the only one that is nearest to ours of that name.

        Raises:
            PluralignError: PA024 for a name that does not exist, or to which several are nearest; with the names that exist.
        """
        own = [spec.name for spec in self.dimensions]
        if name in own:
            return self.dimensions[own.index(name)]
        near = [spec for spec in self.dimensions if spec.nearest == name]
        if len(near) > 1:
            names = ", ".join(repr(spec.name) for spec in near)
            raise PluralignError(
                "PA024", f"got dimension {name!r}, to which {names} are all nearest.", "Name one of them."
            )
        if not near:
            raise unknown("PA024", "dimension", name, sorted({*own, *(spec.nearest for spec in self.dimensions)}))
        return near[0]

    def with_checksum(self, checksum: str) -> Provenance:
        """The same with another checksum."""
        return replace(self, checksum=checksum)

    def to_json(self) -> str:
        """As JSON, keys in the order of the fields."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, where: str = "provenance.json") -> Provenance:
        """Read what `to_json` wrote.

        Raises:
            PluralignError: PA014 where it is not JSON or keys are unknown or missing.
        """
        try:
            raw = json.loads(text)
            if not isinstance(raw, dict) or "dimensions" not in raw:
                raise ValueError("expected a mapping with the key 'dimensions'")
            dimensions = tuple(SourceDimension(**{**d, "cuts": tuple(d["cuts"])}) for d in raw.pop("dimensions"))
            if wrong := [
                k for k in ("source", "version", "licence", "checksum") if not isinstance(raw.get(k, ""), str)
            ]:
                raise ValueError(f"{wrong[0]} is {raw[wrong[0]]!r}; expected text")
            if raw.get("kind") not in ("simulated", "imported"):
                raise ValueError(f"kind is {raw.get('kind')!r}; expected 'simulated' or 'imported'")
            return cls(**{**raw, "dimensions": dimensions, "choices": tuple(raw.get("choices", ()))})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PluralignError("PA014", f"{where}: {error}", "Import or simulate the ratings again.") from error

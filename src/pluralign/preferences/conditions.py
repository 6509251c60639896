"""Conditions: whose ratings, of what, on which scale and put together how, a model is trained on.

The named ones are the experiments'; `condition_of` makes any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pluralign.errors import PluralignError, unknown
from pluralign.schema import EVERYONE
from pluralign.views.frames import check_names
from pluralign.views.groups import GroupSpec, group_name

Kind = Literal["pairs", "rewards"]


@dataclass(frozen=True)
class Condition:
    """What a model is trained on.

    Attributes:
        name: as in recipes and configs.
        dimensions: what is rated, by the source's names or ours.
        group: whose ratings.
        scale: `5pt`, `3pt` or `binary`.
        aggregation: `individual`, `majority`, `consensus`, `first` or `mean`.
        balanced_with: the group that it is contrasted with; the larger of the two gives as many ratings as the smaller.
        kind: `pairs` of responses, or the prompts alone, whose `rewards` a model gives.
    """

    name: str
    dimensions: tuple[str, ...]
    group: GroupSpec = EVERYONE
    scale: str = "5pt"
    aggregation: str = "individual"
    balanced_with: GroupSpec | None = None
    kind: Kind = "pairs"

    def __hash__(self) -> int:
        return hash(self.name)  # A group may be a mapping, which has no hash.

    @property
    def is_individual(self) -> bool:
        """Whether every rating is kept, so that raters who disagree become opposing votes."""
        return self.aggregation == "individual"

    @property
    def group_name(self) -> str:
        """The group's name, as rows carry it."""
        return group_name(self.group)


def condition_of(
    dimension: str | Sequence[str],
    group: GroupSpec = EVERYONE,
    scale: str = "5pt",
    aggregation: str = "individual",
    *,
    balanced_with: GroupSpec | None = None,
    name: str | None = None,
) -> Condition:
    """Make a condition of any group, scale, aggregation and dimension.

    Args:
        dimension: one or several, by the source's names or ours.
        group: `everyone`, an attribute value, or `{attribute: value or values}`.
        scale: `5pt`, `3pt` or `binary`.
        aggregation: `individual`, `majority`, `consensus`, `first` or `mean`.
        balanced_with: a group that it is contrasted with.
        name: by default `{group}-{scale}-{aggregation}-{dimensions}`.

    Raises:
        PluralignError: PA020 unknown group, PA021 unknown scale, PA023 unknown aggregation, PA024 no dimension.

    >>> condition_of("helpfulness", "51-60", "3pt", "majority").name
    '51-60-3pt-majority-helpfulness'
    """
    dimensions = (dimension,) if isinstance(dimension, str) else tuple(dict.fromkeys(dimension))
    if not dimensions:
        raise PluralignError("PA024", "got no dimension.", "Name at least one.")
    check_names(scale, aggregation)
    called = f"{group_name(group)}-{scale}-{aggregation}-{'+'.join(dimensions)}"
    if balanced_with is not None:
        called += f"-against-{group_name(balanced_with)}"
    return Condition(name or called, dimensions, group, scale, aggregation, balanced_with)


def _contrasts() -> list[Condition]:
    found = []
    for one, other, dimension in (
        ("female", "male", "toxicity"),
        ("liberal", "conservative", "emotional_awareness"),
        ("white", "black", "emotional_awareness"),
    ):
        for group, against in ((one, other), (other, one)):
            found.append(Condition(f"exp1-{group}-{dimension}", (dimension,), group, balanced_with=against))
    return found


_BOTH = ("toxicity", "emotional_awareness")
CONDITIONS: Mapping[str, Condition] = {
    c.name: c
    for c in (
        *_contrasts(),
        *(Condition(f"exp2-{scale}-toxicity", ("toxicity",), scale=scale) for scale in ("3pt", "binary")),
        *(
            Condition(f"exp3-{aggregation}-toxicity", ("toxicity",), aggregation=aggregation)
            for aggregation in ("individual", "mean", "majority", "first", "consensus")
        ),
        Condition("exp4-emotional_awareness", ("emotional_awareness",)),
        Condition("exp4-both", _BOTH),
        Condition("exp4-both-reward", _BOTH, kind="rewards"),
    )
}
"""The distinct conditions of the experiments, by name."""

ALIASES: Mapping[str, str] = {
    "exp2-5pt-toxicity": "exp3-individual-toxicity",
    "exp4-toxicity": "exp3-individual-toxicity",
}
"""Names that stand for a condition that has another name too, because it has a place in several experiments: trained once."""


def condition(name: str | Condition) -> Condition:
    """The condition of a name; one that stands for another gives that one.

    Raises:
        PluralignError: PA090 for a name that does not exist, with the nearest that does.

    >>> condition("exp4-toxicity").name
    'exp3-individual-toxicity'
    >>> condition("exp3-majority-toxicity").aggregation
    'majority'
    """
    if isinstance(name, Condition):
        return name
    resolved = ALIASES.get(name, name)
    if resolved not in CONDITIONS:
        raise unknown("PA090", "condition", name, [*CONDITIONS, *ALIASES])
    return CONDITIONS[resolved]

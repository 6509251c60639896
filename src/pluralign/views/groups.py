"""Which raters a group has: `everyone`, one attribute value, or several attributes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pluralign.errors import PluralignError, unknown
from pluralign.schema import ATTRIBUTES, EVERYONE, UNDISCLOSED, group_values

GroupSpec = str | Mapping[str, str | Sequence[str]]

AND, OR = "+", "_"
"""What joins attributes, and values of one attribute, in a group's name. Neither occurs in a value."""


def group_name(group: GroupSpec) -> str:
    """The group's name, fit for a config or a folder.

    Attributes and values come in the schema's order, so that one group has one name however it was written.

    >>> group_name("female")
    'female'
    >>> group_name({"politics": "liberal", "gender": ["male", "female"]})
    'female_male+liberal'

    Raises:
        PluralignError: PA020 where an attribute or a value is not in the schema.
    """
    if isinstance(group, str):
        return EVERYONE if group == EVERYONE else next(iter(_wanted(group).values()))[0]
    return AND.join(OR.join(values) for values in _wanted(group).values())


def members(raters: pa.Table, group: GroupSpec) -> pa.Array | None:
    """The ids of a group's raters, in the order of the raters table; None for `everyone`, who need no filter.

    A rater who chose several ethnicities is a member of each. Nobody is in a group for not having answered.

    Args:
        raters: the raters table.
        group: `everyone`, an attribute value, or `{attribute: value or values}`: raters who have one of the values of each.

    Raises:
        PluralignError: PA020 where the attribute or value is unknown, or no rater of this table is in the group.
    """
    if group == EVERYONE:
        return None
    mask = pa.repeat(pa.scalar(True), raters.num_rows)
    for attribute, values in _wanted(group, raters).items():
        mask = pc.and_(mask, _has(raters, attribute, values))
    ids = raters.column("rater_id").filter(mask).combine_chunks()
    if len(ids) == 0:
        raise PluralignError(
            "PA020", f"got group {group!r}; no rater of this set is in it.", "`ratings.groups` counts the raters of each group."
        )  # fmt: skip
    return ids


def _wanted(group: GroupSpec, raters: pa.Table | None = None) -> dict[str, list[str]]:
    """Attribute -> the values that are asked for, both in the schema's order."""
    if isinstance(group, str):
        attribute_of = group_values()
        _refuse_undisclosed(group)
        if group not in attribute_of:
            present = [v for v, a in attribute_of.items() if raters is None or v in _present(raters, a)]
            raise unknown("PA020", "group", group, [EVERYONE, *present])
        return {attribute_of[group]: [group]}
    if not isinstance(group, Mapping):
        raise PluralignError(
            "PA020", f"got group {group!r}.", 'Name a group, or {"attribute": [values]} for several values.'
        )
    if not group:
        raise PluralignError("PA020", "got a group without attributes.", f"Use {EVERYONE!r} for all raters.")
    for attribute in group:
        if attribute not in ATTRIBUTES:
            raise unknown("PA020", "attribute", attribute, list(ATTRIBUTES))
    wanted = {a: _values(a, group[a]) for a in ATTRIBUTES if a in group}
    if empty := [attribute for attribute, values in wanted.items() if not values]:
        raise PluralignError("PA020", f"got no value of {empty[0]!r}.", "Name a value, or leave the attribute out.")
    return wanted


def _values(attribute: str, asked: str | Sequence[str]) -> list[str]:
    if isinstance(asked, bytes) or not isinstance(asked, str | Sequence):
        raise PluralignError("PA020", f"got {asked!r} for {attribute!r}.", "Name a value, or a list of values.")
    asked = [asked] if isinstance(asked, str) else list(asked)
    vocabulary = ATTRIBUTES[attribute].values
    for value in asked:
        _refuse_undisclosed(value)
        if value not in vocabulary:
            raise unknown("PA020", attribute, value, vocabulary)
    return [value for value in vocabulary if value in asked]


def _refuse_undisclosed(value: str) -> None:
    if value == UNDISCLOSED:
        raise PluralignError(
            "PA020", f"got {UNDISCLOSED!r}, which is never a group: raters who did not answer share nothing.",
            "Name a value that raters gave.",
        )  # fmt: skip


def _present(raters: pa.Table, attribute: str) -> set[str]:
    column = raters.column(attribute)
    return set(pc.unique(pc.list_flatten(column) if ATTRIBUTES[attribute].several else column).to_pylist())


def _has(raters: pa.Table, attribute: str, values: Sequence[str]) -> pa.Array:
    """Whether each rater has one of the values."""
    column, wanted = raters.column(attribute), pa.array(values)
    if not ATTRIBUTES[attribute].several:
        return pc.is_in(column, wanted).combine_chunks()
    column = column.combine_chunks()
    rows = pc.list_parent_indices(column).filter(pc.is_in(pc.list_flatten(column), wanted))
    return pc.is_in(pa.array(range(raters.num_rows)), pc.unique(rows).cast(pa.int64()))

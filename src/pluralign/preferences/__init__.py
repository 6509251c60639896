"""Preferences: from ratings to what trainers take. `docs/preferences.md` tells the method."""

from pluralign.preferences.conditions import ALIASES, CONDITIONS, Condition, condition, condition_of
from pluralign.preferences.pairing import COMBINES, FORMS, TIES, pairs
from pluralign.preferences.rows import settings_of
from pluralign.preferences.single import rewards, unpaired
from pluralign.preferences.truth import ordered_rightly, true_values

__all__ = [
    "ALIASES",
    "COMBINES",
    "CONDITIONS",
    "FORMS",
    "TIES",
    "Condition",
    "condition",
    "condition_of",
    "ordered_rightly",
    "pairs",
    "rewards",
    "settings_of",
    "true_values",
    "unpaired",
]

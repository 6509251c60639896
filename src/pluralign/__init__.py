"""PlurAlign: whose values did this model learn?

Human ratings of model answers by demographic group × rating scale × aggregation, a judged benchmark in English and German,
and a leaderboard with its uncertainty. `pluralign.load()` gives the shipped (simulated) ratings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluralign.errors import PluralignError, Problem, ProblemsFoundError
    from pluralign.ratings import Ratings, load

__version__ = "0.1.0"
__all__ = ["PluralignError", "Problem", "ProblemsFoundError", "Ratings", "__version__", "load"]

_HOMES = {
    "load": "pluralign.ratings",
    "Ratings": "pluralign.ratings",
    "PluralignError": "pluralign.errors",
    "Problem": "pluralign.errors",
    "ProblemsFoundError": "pluralign.errors",
}


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import pluralign` costs nothing.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pluralign' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

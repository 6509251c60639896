"""The true order of held-out answers, where what was trained on is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pluralign.errors import PluralignError
from pluralign.preferences import true_values
from pluralign.ratings import Ratings
from pluralign.simulate.parameters import Parameters
from pluralign.training.heldout import FRESH, fresh_items

TEST = "test"
SETS = (FRESH, TEST)


@dataclass(frozen=True, eq=False)
class Truth:
    """How good held-out items truly are.

    Attributes:
        ratings: what the models were trained on.
        missing: why nothing is known; empty where something is.
    """

    ratings: Ratings
    missing: str = ""
    _known: dict[tuple[str, str, str, bool], Mapping[str, float]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, ratings: Ratings, trained_on: str) -> Truth:
        """The truth behind ratings.

        Args:
            ratings: as opened now.
            trained_on: checksum of what the models were trained on.
        """
        if ratings.truth is None:
            return cls(
                ratings, f"{ratings.provenance.label} were given by people, so that no order is known to be true"
            )
        if trained_on and trained_on != ratings.provenance.checksum:
            return cls(
                ratings,
                f"the models were trained on ratings {trained_on[:12]}, and these are {ratings.provenance.checksum[:12]}",
            )
        return cls(ratings)

    def values(self, name: str, dimension: str, group: str, *, null: bool = False) -> Mapping[str, float] | None:
        """How good each item of a set is to a group, more is better; None where it is not known.

        The null release has no κ, so that by its own truth two groups would be one, and what serves one group more than the other could
        not even be asked. Its items are therefore valued by the κ planted in the release that it is the null of: the yardsticks are the
        same, and only what was trained on differs.

        Args:
            name: `e` or `test`.
            dimension: what is valued.
            group: by whom.
            null: of the null release's items; its `test` split is not known here.
        """
        if self.missing or (null and name != FRESH):
            return None
        key = (name, dimension, group, null)
        if key not in self._known:
            self._known[key] = true_values(self._items(name, null), dimension, group)
        return self._known[key]

    def _items(self, name: str, null: bool) -> Ratings:
        if name != FRESH:
            return self.ratings
        tagged = self.ratings.provenance.details.get("parameters")
        if tagged is None:
            raise PluralignError(
                "PA099", f"{self.ratings.provenance.label} does not tell its parameters.", "Simulate the release again."
            )
        parameters = Parameters.from_tagged(tagged)
        planted = fresh_items(parameters)
        return replace(fresh_items(parameters.with_kappa(0)), provenance=planted.provenance) if null else planted

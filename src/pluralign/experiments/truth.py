"""The true order of held-out answers, where what was trained on is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pluralign.errors import PluralignError
from pluralign.preferences import true_values
from pluralign.ratings import Ratings
from pluralign.simulate import Parameters, null_of
from pluralign.training.heldout import FRESH, fresh_items

TEST = "test"
SETS = (FRESH, TEST)
SET_WORDS = {FRESH: "E", TEST: "the test split"}


@dataclass(frozen=True, eq=False)
class Truth:
    """How good held-out items truly are.

    Attributes:
        ratings: what the models were trained on.
        missing: why nothing is known; empty where something is.
    """

    ratings: Ratings
    missing: str = ""
    _known: dict[tuple[str, str, str], Mapping[str, float]] = field(default_factory=dict, repr=False)

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

    def values(self, name: str, dimension: str, group: str) -> Mapping[str, float] | None:
        """How good each item of a set is to a group, more is better; None where it is not known.

        Models that were trained on the null release are valued by it too. By its own truth two groups would be one, and what serves one
        more than the other could not even be asked; so the items and yardsticks are the same, and only what was trained on differs
        (`check_null`).

        Args:
            name: `e` or `test`.
            dimension: what is valued.
            group: by whom.

        Raises:
            PluralignError: PA099 where the parameters are not told.
        """
        if self.missing:
            return None
        key = (name, dimension, group)
        if key not in self._known:
            items = fresh_items(_parameters(self.ratings)) if name == FRESH else self.ratings
            self._known[key] = true_values(items, dimension, group)
        return self._known[key]


def check_null(ratings: Ratings, trained_on: str) -> None:
    """Check that models of the null release can be asked the same as those of the release itself.

    Args:
        ratings: the release.
        trained_on: checksum of what the null control's models were trained on; empty where it is not told.

    Raises:
        PluralignError: PA099 where that is not the null of the release, or its items or their effects are others.
    """
    null, parameters = null_of(ratings), _parameters(ratings)
    label, expected = ratings.provenance.label, null.provenance.checksum
    if trained_on and trained_on != expected:
        raise PluralignError(
            "PA099", f"the null control's models were trained on ratings {trained_on[:12]}; expected {expected[:12]}, the null of {label}.",
            "Report with the version of pluralign that the results were made with, or run the null control again.",
        )  # fmt: skip
    pairs = {TEST: (null, ratings), FRESH: (fresh_items(parameters.with_kappa(0)), fresh_items(parameters))}
    for name, (a, b) in pairs.items():
        if (a.items, a.truth) != (b.items, b.truth):
            raise PluralignError(
                "PA099", f"set {name}: the null of {label} has other items, or other effects of them, than the release itself.",
                "Report with the version of pluralign that the results were made with.",
            )  # fmt: skip


def _parameters(ratings: Ratings) -> Parameters:
    tagged = ratings.provenance.details.get("parameters")
    if tagged is None:
        raise PluralignError(
            "PA099", f"{ratings.provenance.label} does not tell its parameters.", "Simulate the release again."
        )
    return Parameters.from_tagged(tagged)

"""Seeds that not all arms of a comparison have: what is left out of it, so that arms are never told apart by their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pluralign.experiments.contrasts import has_cells, seeds_of, wanted_contrasts
from pluralign.experiments.results import Results


@dataclass(frozen=True)
class Apart:
    """A comparison that some seeds are left out of.

    Attributes:
        model: its short name.
        what: experiment, arms, tie rule and protocol.
        shared: seeds that it is made of; none where it cannot be made.
        left_out: seeds that only some arms have.
    """

    model: str
    what: str
    shared: tuple[int, ...]
    left_out: tuple[int, ...]


def apart(results: Results) -> list[Apart]:
    """Every comparison with seeds that only some of its arms have, once for all outcomes."""
    found: dict[tuple[str, str], Apart] = {}
    for one in wanted_contrasts(results):
        what = f"{one.experiment}: {one.label} ({one.stratum})"
        for model in results.models:
            if has_cells(results, model, one) and (model, what) not in found:
                shared, others = seeds_of(results, model, one, missed=True)
                if others:
                    found[model, what] = Apart(model, what, tuple(shared), tuple(others))
    return list(found.values())


def apart_told(found: Sequence[Apart]) -> list[str]:
    """In words: those that cannot be made by name, the others by number."""
    told = [
        f"Left out in {one.model}, as its arms have no seed in common: {one.what}." for one in found if not one.shared
    ]
    if fewer := [one for one in found if one.shared]:
        seeds = sorted({seed for one in fewer for seed in one.left_out})
        some = "comparison is" if len(fewer) == 1 else "comparisons are"
        told.append(
            f"{len(fewer)} {some} made without seeds that only some of their arms have ({', '.join(map(str, seeds))}): {fewer[0].what}"
            + (f" and {len(fewer) - 1} more." if len(fewer) > 1 else ".")
        )
    return told

"""How large an own-group advantage by order could be: twice the share of pairs that the two groups order differently.

A model that orders all answers as its group truly does has all pairs of that group right, and of the other group's those on which the two
agree. Groups that differ in what they weigh still agree on most pairs, so that the advantage of a perfect model is far below 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pluralign.experiments.cells import CONTRASTS
from pluralign.experiments.estimands import ALL_PAIRS, OWN_DIMENSION
from pluralign.experiments.outcomes import Outcomes, order_shares
from pluralign.experiments.truth import SETS


@dataclass(frozen=True)
class Ceiling:
    """Of a pair of groups on a set of held-out answers.

    Attributes:
        set, dimension, first, second: what is ordered, by whom.
        ceiling: the own-group advantage of two models that know their group's order, 0 to 2.
        n_prompts: with a pair of answers.
    """

    set: str
    dimension: str
    first: str
    second: str
    ceiling: float
    n_prompts: int


def ceilings(outcomes: Outcomes) -> list[Ceiling]:
    """Of every pair of groups of experiment 1 whose truth is known, and the mean over all of them, over the answers that were measured."""
    found = []
    for dimension, first, second in CONTRASTS:
        for name in SETS:
            table = outcomes.held_out_answers(name)
            values = [outcomes.truth.values(name, dimension, group) for group in (first, second)]
            if table is None or not table.num_rows or None in values:
                continue
            ids = table.column("item_id").to_pylist()
            own, other = (of for of in values if of is not None)
            wrong = [
                1.0 - np.mean([*order_shares(table, of, np.array([by[one] for one in ids])).values()])
                for of, by in ((own, other), (other, own))
            ]
            n_prompts = len(table["prompt_id"].unique())
            found.append(Ceiling(name, dimension, first, second, float(sum(wrong)), n_prompts))
    for name in SETS:
        pairs = [one for one in found if one.set == name]
        if len(pairs) == len(CONTRASTS):
            mean = float(np.mean([one.ceiling for one in pairs]))
            found.append(Ceiling(name, OWN_DIMENSION, ALL_PAIRS, "", mean, pairs[0].n_prompts))
    return found

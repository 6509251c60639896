"""What the cells of the grid train on."""

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.experiments.cells import all_cells
from pluralign.experiments.settings import recipe_of
from pluralign.training.examples import examples_of

from ..cases import cases

CELLS = [
    one
    for one in all_cells(["exp4"], ["m"], [0], ["drop"], ["steps"])
    if one.condition != "base" and one.method != "grpo"
]


@pytest.mark.parametrize("cell", cases(CELLS[-1:], slow=CELLS[:-1]), ids=lambda cell: cell.name)
def test_every_arm_of_experiment_4_has_examples(cell, base, shipped):
    recipe = recipe_of(cell, {"dtype": "float32", "max_length": 2048})
    examples = examples_of(recipe, shipped, base.chat(2048))
    assert len(examples) > 100
    assert examples.weight.mean() == pytest.approx(1)
    assert np.isfinite(examples.weight).all()


def test_scalarised_ratings_are_plain_means(base):
    cell = next(one for one in CELLS if one.variant == "scalarised")
    with pytest.raises(PluralignError, match="expected equal weights"):
        recipe_of(cell, {"dimension_weights": {"toxicity": 0.7, "emotional_awareness": 0.3}})

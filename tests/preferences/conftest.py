"""A rating set that can be worked out by hand, a small simulated one, and what a random rater truly prefers."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from pluralign.ratings import Provenance, Ratings, SourceDimension, own_dimensions
from pluralign.ratings.tables import table_schema
from pluralign.simulate import load_parameters, simulate
from pluralign.simulate.latent import Latent, draw
from pluralign.simulate.parameters import ORDER, Parameters

BLANK = {"country": "us", "gender": "female", "age_band": "18-30", "politics": "liberal", "ethnicity": ["white"]}


def nullable(table):
    return pa.schema([field.with_nullable(True) for field in table_schema(table)])


def item(name, **texts):
    return {"item_id": name, "prompt_id": name.split("-")[0], "prompt_en": f"ask {name.split('-')[0]}",
            "response_en": f"say {name}", **texts}  # fmt: skip


def made(rows, items=None, people=None, dimensions=None):
    """Ratings from rows (rater, item, dimension, value); items named prompt-number."""
    people = people or {}
    items = items or [item(name) for name in sorted({row[1] for row in rows}, reverse=True)]
    raters = [{**BLANK, **people.get(name, {}), "rater_id": name} for name in sorted({row[0] for row in rows})]
    ratings = [
        {"rater_id": r, "item_id": i, "dimension": d, "value": v, "language": "en", "position": k + 1}
        for k, (r, i, d, v) in enumerate(rows)
    ]
    tables = (
        pa.Table.from_pylist(rows, schema=nullable(name))
        for name, rows in (("raters", raters), ("items", items), ("ratings", ratings))
    )
    dimensions = own_dimensions() if dimensions is None else dimensions
    provenance = Provenance("imported", "hand", "1", "CC0-1.0", tuple(dimensions))
    return Ratings.from_tables(*tables, provenance, strict=True)


HAND = [
    *((f"a{k}", "p-1", "toxicity", value) for k, value in enumerate((1, 2, 4))),
    *((f"b{k}", "p-2", "toxicity", value) for k, value in enumerate((2, 5))),
]
"""p-1 got 1, 2, 4 and p-2 got 2, 5 on toxicity. Of six votes p-1 (lower is better) wins 4, loses 4 against 2, and ties 2 with 2."""


@pytest.fixture(scope="session")
def hand():
    return made(HAND)


@pytest.fixture(scope="session")
def small():
    """300 raters, 180 items of 60 prompts."""
    return simulate(replace(load_parameters("population"), n_raters=300, n_prompts=60), seed=5)


@pytest.fixture(scope="session")
def coarse():
    """A source with a binary dimension only, and one response a prompt."""
    rows = [(f"r{k}", f"q{i}-1", "hate", (k + i) % 2) for k in range(4) for i in range(6)]
    return made(rows, dimensions=[SourceDimension("hate", "toxicity", "lower", 0, 1, (0, 0, 0, 0))])


def shuffled(ratings, seed=0):
    """The same ratings, every table's rows in another order."""
    rng = np.random.default_rng(seed)

    def mixed(table):
        return table.take(pa.array(rng.permutation(table.num_rows)))

    return replace(ratings, raters=mixed(ratings.raters), items=mixed(ratings.items), ratings=mixed(ratings.ratings))


@pytest.fixture(scope="session")
def true_shares():
    """Item -> the true shares of random raters who give it 1, …, 5, out of the latent model (rater effects integrated out)."""

    def shares(ratings, dimension):
        parameters = Parameters.from_tagged(ratings.provenance.details["parameters"])
        latent = Latent(draw(parameters, ratings.provenance.details["seed"]), parameters)
        model, k = parameters.dimensions[dimension], ORDER.index(dimension)
        kinds, sizes = np.unique(np.stack([latent.shifts(model), latent.kappas(model)], 1), axis=0, return_counts=True)
        nodes, weights = np.polynomial.hermite_e.hermegauss(21)
        below = np.zeros((parameters.n_items, 4))
        for (shift, kappa), n in zip(kinds, sizes, strict=True):
            effect = model.item_sd * (latent.v[:, k] + kappa * latent.h[:, k]) / np.sqrt(1 + kappa**2)
            for u, w in zip(nodes, weights / weights.sum(), strict=True):
                z = shift + effect[:, None] + model.rater_sd * u
                below += n / sizes.sum() * w * expit(np.array(model.thresholds) - z)
        share = np.diff(below, axis=1, prepend=0, append=1)
        return dict(zip(ratings.items["item_id"].to_pylist(), share, strict=True))

    return shares

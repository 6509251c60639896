"""A small simulated set, built once, and an imported one whose dimensions offer different scales."""

import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.release.build import build
from pluralign.simulate import load_parameters, simulate

MINIMUM_CELL = 25
COMPACT = 66
"""Leaves three groups: everyone, liberal, white."""
STATISTICS = "| statistic | achieved |\n|---|---|\n| *made up* | 1 |"


@pytest.fixture(scope="session")
def small():
    """120 raters, 120 items, 3,000 ratings; simulated, so with a truth."""
    return simulate(replace(load_parameters("population"), n_raters=120, n_prompts=40), seed=1)


@pytest.fixture(scope="session")
def imported():
    """A coarse and a fine dimension, one language, some rows set aside, one group too small."""
    rng = np.random.default_rng(0)
    raters = pa.table({
        "rater_id": [f"r{k}" for k in range(30)],
        "country": ["us"] * 30,
        "gender": ["female"] * 14 + ["male"] * 12 + ["nonbinary"] * 4,
        "age_band": ["18-30"] * 30,
        "politics": ["undisclosed"] * 30,
        "ethnicity": [["white", "black"] if k < 11 else ["undisclosed"] for k in range(30)],
    })  # fmt: skip
    items = pa.table({
        "item_id": [f"i{k}" for k in range(20)],
        "prompt_id": [f"p{k}" for k in range(20)],
        "template_id": pa.nulls(20, pa.string()),
        "manner": pa.nulls(20, pa.string()),
        "prompt_en": pa.nulls(20, pa.string()),
        "response_en": [f"text {k}" for k in range(20)],
        "prompt_de": pa.nulls(20, pa.string()),
        "response_de": pa.nulls(20, pa.string()),
    })  # fmt: skip
    rows = [
        {"rater_id": f"r{r}", "item_id": f"i{i}", "dimension": d, "value": int(rng.integers(0, top)), "language": "en", "position": r + 1}
        for r in range(30) for i in range(20) for d, top in (("hate", 2), ("harm", 5)) if rng.random() < 0.3
    ]  # fmt: skip
    rows.append({**rows[0], "value": 99})
    dimensions = (
        SourceDimension("hate", "toxicity", "lower", 0, 1, (0, 0, 0, 0), "the text is hateful"),
        SourceDimension("harm", "toxicity", "lower", 0, 4, (0, 1, 2, 3), "the text is harmful"),
    )
    provenance = Provenance("imported", "toy", "2", "CC-BY-NC-4.0", dimensions, "Hand-made.", "Nobody, 2026")
    return Ratings.from_tables(raters, items, pa.Table.from_pylist(rows), provenance)


@pytest.fixture(scope="session")
def built(small, tmp_path_factory):
    """The small set's release. Read only: tests that change it take `copied`."""
    return build(
        small, tmp_path_factory.mktemp("release") / "ratings", minimum_cell=MINIMUM_CELL, statistics=STATISTICS
    )


@pytest.fixture(scope="session")
def compact(small, tmp_path_factory):
    """The same with three groups only, for tests that check or break it."""
    return build(small, tmp_path_factory.mktemp("compact") / "ratings", minimum_cell=COMPACT, statistics=STATISTICS)


@pytest.fixture
def copied(compact, tmp_path):
    """A release to break."""
    return shutil.copytree(compact.folder, tmp_path / "ratings")

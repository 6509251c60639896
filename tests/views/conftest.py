"""Small rating sets made in memory, and what views should be, worked out slowly in plain Python."""

import random
from collections import Counter, defaultdict
from fractions import Fraction
from hashlib import sha256
from math import floor

import pyarrow as pa
import pytest

from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.ratings.tables import table_schema

FIVE = SourceDimension("toxicity", "toxicity", "lower", 1, 5, (1, 2, 3, 4))
FINE = SourceDimension("helpful_100", "helpfulness", "higher", 1, 100, (20, 40, 60, 80))
COARSE = SourceDimension("biased", "stereotypical_bias", "lower", 0, 1, (0, 0, 0, 0))
RECODE = {
    "5pt": {1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    "3pt": {1: 1, 2: 1, 3: 2, 4: 3, 5: 3},
    "binary": {1: 0, 2: 0, 4: 1, 5: 1},
}


def nullable(table):
    return pa.schema([field.with_nullable(True) for field in table_schema(table)])


def make_ratings(rows, people=None, dimensions=(FIVE,)):
    """Ratings from rows (rater, item, dimension, value, position) and, for some raters, attributes."""
    people = people or {}
    blank = {"country": "us", "gender": "female", "age_band": "18-30", "politics": "liberal", "ethnicity": ["white"]}
    raters = [
        {**blank, **people.get(name, {}), "rater_id": name} for name in sorted({r[0] for r in rows} | set(people))
    ]
    items = [
        {
            "item_id": name,
            "prompt_id": name.split("-")[0],
            "prompt_en": f"ask {name}",
            "response_en": f"say {name}",
            "response_de": "sag",
        }
        for name in sorted({r[1] for r in rows}, reverse=True)
    ]
    ratings = [
        {
            "rater_id": r,
            "item_id": i,
            "dimension": d,
            "value": v,
            "language": "de" if len(r + i) % 2 else "en",
            "position": p,
        }
        for r, i, d, v, p in rows
    ]
    tables = (
        pa.Table.from_pylist(made, schema=nullable(name))
        for name, made in (("raters", raters), ("items", items), ("ratings", ratings))
    )
    return Ratings.from_tables(*tables, Provenance("simulated", "test", "0", "CC0-1.0", tuple(dimensions)), strict=True)


def random_ratings(seed=0, n_raters=40, n_items=30, share=0.15, dimensions=(FIVE, FINE, COARSE)):
    """Raters with every kind of attribute, cells of very different sizes."""
    rng = random.Random(seed)
    races = ["white", "black", "asian", "undisclosed"]
    people = {
        f"r{i:03d}": {
            "country": rng.choice(["us", "de", "undisclosed"]),
            "gender": rng.choice(["female", "male", "nonbinary", "undisclosed"]),
            "politics": rng.choice(["liberal", "moderate", "conservative"]),
            "age_band": rng.choice(["18-30", "51-60"]),
            "ethnicity": rng.sample(races[:3], 2) if rng.random() < 0.3 else [rng.choice(races)],
        }
        for i in range(n_raters)
    }
    rows = []
    for i in range(n_items):
        chosen = [name for name in people if rng.random() < share * (0.5 + i % 3)]
        rng.shuffle(chosen)
        for spec in dimensions:
            rows += [(name, f"p{i // 2}-{i % 2}", spec.name, rng.randint(spec.minimum, spec.maximum), place)
                     for place, name in enumerate(chosen, 1)]  # fmt: skip
    rng.shuffle(rows)
    return make_ratings(rows, people, dimensions)


def reference_view(ratings, members, scale, aggregation, dimensions):
    """What a view should be, one cell at a time, in exact fractions. `members` are rater ids; None is everyone."""
    cuts = {spec.name: spec.cuts for spec in ratings.provenance.dimensions}
    prompts = {row["item_id"]: row["prompt_id"] for row in ratings.items.to_pylist()}
    people = {row["rater_id"]: row for row in ratings.raters.to_pylist()}
    cells = defaultdict(list)
    for row in ratings.ratings.to_pylist():
        point = 1 + sum(row["value"] > cut for cut in cuts[row["dimension"]])
        wanted = row["dimension"] in dimensions and (members is None or row["rater_id"] in members)
        if wanted and point in RECODE[scale]:
            cells[row["item_id"], row["dimension"]].append((RECODE[scale][point], row))
    found = []
    for (item, dimension), rated in sorted(cells.items()):
        where = {"item_id": item, "prompt_id": prompts[item], "dimension": dimension}
        if aggregation == "individual":
            found += [
                {**where, **people[row["rater_id"]], "language": row["language"], "value": value}
                for value, row in sorted(rated, key=lambda pair: pair[1]["rater_id"])
            ]
            continue
        value = aggregate([v for v, _ in rated], [row["position"] for _, row in rated], aggregation, item)
        if value is not None:
            found.append({**where, "value": value, **counts([v for v, _ in rated], scale)})
    return found


def counts(values, scale):
    counted = Counter(values)
    most = max(counted.values())
    return {
        "n_raters": len(values),
        "distribution": [counted[value] for value in sorted(set(RECODE[scale].values()))],
        "disagreement": len(counted) > 1,
        "tie": sum(count == most for count in counted.values()) > 1,
    }


def aggregate(values, positions, aggregation, item):
    mean = Fraction(sum(values), len(values))
    if aggregation == "consensus":
        return values[0] if len(values) >= 2 and len(set(values)) == 1 else None
    if aggregation == "first":
        return min(zip(positions, values, strict=True))[1]
    if aggregation == "mean":
        return floor(mean + Fraction(1, 2))
    counted = Counter(values)
    modes = [value for value, count in counted.items() if count == max(counted.values())]
    lower = int(sha256(item.encode()).hexdigest(), 16) % 2 == 0
    return min(modes, key=lambda value: (abs(value - mean), value if lower else -value))


@pytest.fixture(scope="session")
def make():
    return make_ratings


@pytest.fixture(scope="session")
def reference():
    return reference_view


@pytest.fixture(scope="session")
def varied():
    """A random set with dimensions on three different scales."""
    return random_ratings()


@pytest.fixture(scope="session")
def five_point():
    """A random set on the study's own scale and one of a hundred points, so that it offers every scale."""
    return random_ratings(seed=1, dimensions=(FIVE, FINE))


@pytest.fixture(scope="session")
def dimension_specs():
    return {"five": FIVE, "fine": FINE, "coarse": COARSE}

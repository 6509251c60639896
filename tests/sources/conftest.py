"""Small files of every source, and what must hold of whatever was imported."""

import csv
import json
from collections import Counter

import pytest

from pluralign.ratings import Ratings


@pytest.fixture
def write_csv(tmp_path):
    """Write rows as a CSV file of that name; return its path."""

    def write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def write_jsonl(tmp_path):
    """Write rows as a JSON Lines file of that name; return its path."""

    def write(name, rows):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def codes():
    """How often each code set something aside."""
    return lambda ratings: Counter(row["code"] for row in ratings.rejected.to_pylist())


@pytest.fixture(scope="session")
def rater():
    """A rater's row."""
    return lambda ratings, name: next(row for row in ratings.raters.to_pylist() if row["rater_id"] == name)


@pytest.fixture(scope="session")
def values():
    """The ratings' values in their order, of one dimension or all."""
    return lambda ratings, dimension=None: [
        row["value"] for row in ratings.ratings.to_pylist() if dimension in (None, row["dimension"])
    ]


@pytest.fixture
def sound(tmp_path):
    """Assert what must hold of every import: it passes the checks, comes back the same from disk, and no answer was lost."""

    def assert_sound(ratings):
        assert ratings.check() == []
        folder = ratings.save(tmp_path / "saved")
        again = Ratings.open(folder)
        assert again.check() == []
        assert all(again.tables[name].equals(table) for name, table in ratings.tables.items())
        assert again.rejected.num_rows == ratings.rejected.num_rows
        details = ratings.provenance.details
        aside = sum(row["table"] == "ratings" for row in ratings.rejected.to_pylist())
        assert ratings.ratings.num_rows + aside == details["n_answers_read"]
        assert details["n_answers_read"] == details["n_rows_read"] * len(ratings.provenance.dimensions)
        assert ratings.provenance.kind == "imported"
        assert str(tmp_path) not in ratings.provenance.to_json()
        assert all("/" not in name for name in details["files"])
        assert all(row["code"] in row["reason"] and row["content"] for row in ratings.rejected.to_pylist())

    return assert_sound


@pytest.fixture(scope="session")
def real(shared):
    """The real files of a source, where this machine has them."""

    def find(*parts):
        path = shared.joinpath("data", *parts)
        if not path.exists():
            pytest.skip(f"no real files at {path}")
        return path

    return find

"""Croissant, read by mlcroissant without a network."""

import json
from itertools import islice

import pytest

from pluralign.release.configs import plan
from pluralign.release.croissant import MOST_CONFIGS, croissant

from .conftest import COMPACT, MINIMUM_CELL

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def described(compact):
    return json.loads((compact.folder / "croissant.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def dataset(compact):
    import mlcroissant

    return mlcroissant.Dataset(str(compact.folder / "croissant.json"))


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def test_it_is_valid(dataset):
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    # The tables have a version, not a date: the same seed must give the same bytes.
    assert [w for w in issues.warnings if "datePublished" not in w] == []


def test_canonical_tables_and_every_config_have_record_sets(described, compact, small):
    names = [r["name"] for r in described["recordSet"] if r["name"] != "splits"]
    assert names[:4] == [table.name for table in plan(small, COMPACT).tables]
    assert set(names) == set(compact.configs)


def test_no_more_than_the_first_hundred_configs_have_record_sets(small, compact):
    wanted = plan(small, MINIMUM_CELL)
    assert len(wanted.names) > MOST_CONFIGS
    names = [r["name"] for r in croissant(small, wanted, compact.folder)["recordSet"] if r["name"] != "splits"]
    assert names[4:] == [view.name for view in wanted.views[: MOST_CONFIGS - 4]]


def test_records_of_the_tables_load(dataset, small):
    record = next(iter(dataset.records("raters")))
    assert text(record["raters/rater_id"]) == small.raters["rater_id"][0].as_py()
    assert [text(value) for value in record["raters/ethnicity"]] == small.raters["ethnicity"][0].as_py()
    assert sum(1 for _ in dataset.records("truth")) == small.truth.num_rows


@pytest.mark.parametrize("config", ["everyone-5pt-individual", "liberal-5pt-majority"])
def test_records_of_a_config_load_with_their_split(dataset, compact, config):
    import pyarrow.parquet as pq

    rows = {s: pq.read_table(compact.folder / f"configs/{config}/{s}.parquet").num_rows for s in ("train", "test")}
    records = list(dataset.records(config))
    splits = [text(record[f"{config}/split"]) for record in records]
    assert {split: splits.count(split) for split in rows} == rows
    assert {text(record[f"{config}/dimension"]) for record in islice(records, 20)} <= {
        "toxicity", "emotional_awareness", "sensitivity", "helpfulness", "stereotypical_bias",
    }  # fmt: skip


def test_the_responsible_ai_fields_say_that_it_is_simulated(described, dataset):
    assert "http://mlcommons.org/croissant/RAI/1.0" in described["conformsTo"]
    assert described["rai:dataCollection"].startswith("Simulated")
    assert any("no evidence about people" in line for line in described["rai:dataLimitations"])
    assert dataset.metadata.annotator_demographics
    assert dataset.metadata.personal_sensitive_information == ["None: the raters do not exist."]


def test_an_imported_set_is_described_as_one(imported, tmp_path):
    from pluralign.release.build import build

    build(imported, tmp_path / "toy")
    described = json.loads((tmp_path / "toy" / "croissant.json").read_text("utf-8"))
    assert described["rai:dataCollection"].startswith("Imported from toy")
    assert described["license"] == "https://spdx.org/licenses/CC-BY-NC-4.0.html"
    assert "imulat" not in json.dumps(described)

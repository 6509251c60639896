"""Plain `load_dataset` on a built folder, in a process of its own that is offline and has no cache."""

import json
import os
import subprocess
import sys

import pytest

from pluralign.release.build import build
from pluralign.schema import split_of

CONFIGS = (
    "everyone-5pt-individual",
    "liberal-3pt-majority",
    "white-binary-consensus",
    "raters",
    "items",
    "ratings",
    "truth",
)
CODE = """
import json, sys
from datasets import get_dataset_config_names, get_dataset_split_names, load_dataset
folder, toy, partly, *configs = sys.argv[1:]
loaded = {name: load_dataset(folder, name) for name in configs}
streamed = {name: load_dataset(folder, name, streaming=True) for name in configs}
print(json.dumps({
    "names": get_dataset_config_names(folder),
    "default": load_dataset(folder)["train"].num_rows,
    "splits": {name: get_dataset_split_names(folder, name) for name in configs},
    "columns": {name: next(iter(d.values())).column_names for name, d in loaded.items()},
    "rows": {name: {split: part.to_list() for split, part in d.items()} for name, d in loaded.items()},
    "toy": get_dataset_config_names(toy),
    "partly": {split: part.num_rows for split, part in load_dataset(toy, partly).items()},
    "streamed": {name: {split: sum(1 for _ in part) for split, part in d.items()} for name, d in streamed.items()},
}))
"""


@pytest.fixture(scope="module")
def toy(imported, tmp_path_factory):
    """A release with empty splits."""
    return build(imported, tmp_path_factory.mktemp("toy") / "ratings")


@pytest.fixture(scope="module")
def partly(toy):
    """A config of it of which one split is empty."""
    return next(key.split("/") for key in toy.empty if key.split("/")[0] in toy.configs)


@pytest.fixture(scope="module")
def seen(compact, toy, partly, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", CODE, str(compact.folder), str(toy.folder), partly[0], *CONFIGS]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_every_config_is_found(seen, compact):
    assert seen["names"] == list(compact.configs)


def test_the_default_is_every_single_rating_of_everyone(seen):
    assert seen["default"] == len(seen["rows"]["everyone-5pt-individual"]["train"]) > 0


def test_views_have_two_splits_that_share_no_prompt(seen):
    for config in CONFIGS[:3]:
        rows = seen["rows"][config]
        assert seen["splits"][config] == ["train", "test"]
        assert all(split_of(row["prompt_id"]) == split for split, part in rows.items() for row in part)


def test_canonical_tables_have_one_split_with_everything(seen, small):
    for name in ("raters", "items", "ratings"):
        assert seen["splits"][name] == ["full"]
        assert seen["rows"][name]["full"] == getattr(small, name).to_pylist()
    assert seen["rows"]["truth"]["full"] == small.truth.to_pylist()


def test_a_view_is_loaded_as_the_library_gives_it(seen, small):
    rows = [row for split in ("train", "test") for row in seen["rows"]["liberal-3pt-majority"][split]]
    view = small.view("liberal", "3pt", "majority", texts=True)
    assert sorted(rows, key=lambda row: (row["item_id"], row["dimension"])) == view.to_pylist()
    assert seen["columns"]["liberal-3pt-majority"] == view.column_names


def test_streaming_gives_as_many_rows(seen):
    assert seen["streamed"] == {
        name: {split: len(part) for split, part in splits.items()} for name, splits in seen["rows"].items()
    }


def test_empty_splits_do_not_keep_a_config_from_loading(seen, toy, partly):
    _, empty = partly
    assert list(seen["partly"]) == [split for split in ("train", "test") if split != empty]
    assert seen["toy"] == list(toy.configs)
    assert "everyone-5pt-consensus" not in seen["toy"], "nine raters an item never all agree"

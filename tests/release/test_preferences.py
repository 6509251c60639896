"""The dataset repository of preferences: files, card, loading, push."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pluralign.errors import PluralignError
from pluralign.preferences import ALIASES, CONDITIONS, pairs, unpaired
from pluralign.ratings import Ratings
from pluralign.ratings.tables import PROVENANCE_KEY
from pluralign.release.card import header_of
from pluralign.release.checks import check_files
from pluralign.release.configs import plan
from pluralign.release.preferences import build_preferences, write_condition
from pluralign.release.preferences_configs import DEFAULT, FILES, PreferenceConfig, preference_configs
from pluralign.release.push import push
from pluralign.schema import PREFERENCE_FIELDS, REWARD_FIELDS, UNPAIRED_FIELDS
from pluralign.simulate import load_parameters, simulate

LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
names = get_dataset_config_names(sys.argv[1])
print(json.dumps({n: {s: [p.num_rows, p.column_names] for s, p in load_dataset(sys.argv[1], n).items()} for n in names}))
"""


@pytest.fixture(scope="module")
def ratings():
    """240 raters, 150 items of 50 prompts."""
    return simulate(replace(load_parameters("population"), n_raters=240, n_prompts=50), seed=3)


@pytest.fixture(scope="module")
def repository(ratings, tmp_path_factory):
    return build_preferences(ratings, tmp_path_factory.mktemp("preferences") / "preferences")


@pytest.fixture(scope="module")
def released(shipped, tmp_path_factory):
    """The repository of the shipped ratings."""
    return build_preferences(shipped, tmp_path_factory.mktemp("released") / "preferences")


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_condition_has_its_configs_and_aliases_point_to_the_same_files():
    configs = {config.name: config for config in preference_configs()}
    assert next(iter(configs)) == DEFAULT
    assert set(CONDITIONS) | set(ALIASES) <= set(configs)
    for name, cond in CONDITIONS.items():
        if cond.kind == "pairs":
            assert f"{name}-half" in configs
            assert (f"{name}-collapsed" in configs) == (cond.aggregation == "individual")
    assert configs["exp4-toxicity-half"].files == configs["exp3-individual-toxicity-half"].files
    assert {"exp4-both-scalarised", "unpaired-toxicity", "unpaired-emotional_awareness"} <= set(configs)


def test_every_config_loads_offline_with_the_declared_columns(repository, tmp_path):
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(repository.folder)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert list(seen) == list(repository.configs)
    fields = {"pairs": PREFERENCE_FIELDS, "unpaired": UNPAIRED_FIELDS, "rewards": REWARD_FIELDS}
    for config in preference_configs():
        if config.name in seen:
            for split, (n, columns) in seen[config.name].items():
                assert n == repository.contents.rows[config.alias_of or config.name][split] > 0
                assert columns == [field.name for field in fields[config.what]]


def test_every_file_says_that_it_is_simulated_and_how_it_was_made(repository, ratings):
    for path in repository.folder.rglob("*.parquet"):
        schema = pq.read_schema(path)
        assert schema.metadata[PROVENANCE_KEY].decode() == ratings.provenance.to_json()
        assert schema.metadata[b"pluralign.config"].decode() == path.parent.name
        assert all(field.metadata[b"description"] for field in schema)
    told = json.loads(
        pq.read_schema(repository.folder / "configs/exp4-both/test_de.parquet").metadata[b"pluralign.preferences"]
    )
    assert (told["language"], told["split"], told["form"]) == ("de", "test", "votes")


def test_a_file_holds_what_pairs_gives(repository, ratings):
    def read(name):
        return pq.read_table(repository.folder / f"configs/{name}.parquet").replace_schema_metadata(None)

    for name, kwargs in {
        "exp3-majority-toxicity/train": {"split": "train"},
        "exp4-both-scalarised-half/test": {"split": "test", "combine": "scalarised", "ties": "half"},
        "exp2-3pt-toxicity/train_de": {"language": "de", "form": "votes"},
    }.items():
        condition = name.split("/")[0].removesuffix("-scalarised-half")
        assert read(name).equals(pairs(ratings, condition, **kwargs).replace_schema_metadata(None)), name
    single = unpaired(ratings, "exp4-toxicity", language="de", split="test").replace_schema_metadata(None)
    assert read("unpaired-toxicity/test_de").equals(single)


def test_no_config_shares_a_prompt_between_train_and_test(repository):
    for config in {path.parent for path in repository.folder.rglob("*.parquet")}:
        prompts = {
            split: set(pq.read_table(config / f"{split}.parquet", columns=["prompt_id"])[0].to_pylist())
            for split in FILES
        }
        assert not (prompts["train"] | prompts["train_de"]) & (prompts["test"] | prompts["test_de"])


@pytest.mark.slow
def test_two_builds_have_the_same_bytes_and_one_replaces_the_other(repository, ratings):
    before = contents(repository.folder)
    build_preferences(ratings, repository.folder)
    assert contents(repository.folder) == before
    assert check_files(repository.folder) == []


def test_an_interrupted_build_leaves_the_former_one(repository, ratings, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    before = contents(repository.folder)
    monkeypatch.setattr("pluralign.release.preferences.checksums", fail)
    with pytest.raises(KeyboardInterrupt):
        build_preferences(ratings, repository.folder)
    assert contents(repository.folder) == before
    assert [path.name for path in repository.folder.parent.iterdir()] == ["preferences"]


def test_a_folder_with_anything_else_in_it_is_refused(ratings, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(PluralignError, match=r"PA052.*thesis"):
        build_preferences(ratings, tmp_path)


def test_the_card_lists_every_config_and_says_simulated_first(repository):
    text = (repository.folder / "README.md").read_text("utf-8")
    configs = header_of(text)["configs"]
    assert [c["config_name"] for c in configs] == list(repository.configs)
    assert [c["config_name"] for c in configs if c.get("default")] == [DEFAULT]
    body = text.split("---\n", 2)[2]
    assert body.index("SIMULATED") < body.index("## Quick start")
    for field in (*PREFERENCE_FIELDS, *UNPAIRED_FIELDS, *REWARD_FIELDS):
        assert f"| `{field.name}` | {field.type} |" in body
    assert "simulated" in header_of(text)["tags"]


def test_the_hub_s_own_reader_understands_the_header(repository):
    from huggingface_hub import DatasetCard

    data = DatasetCard((repository.folder / "README.md").read_text("utf-8")).data
    assert (data.license, data.language) == ("cc-by-4.0", ["en", "de"])


def test_the_committed_card_is_that_of_the_shipped_ratings(root, released):
    assert (released.folder / "README.md").read_text("utf-8") == (root / "datasets/preferences/README.md").read_text(
        "utf-8"
    ), "run `pluralign preferences build`"


def test_the_released_votes_are_as_many_and_as_true_as_expected(released):
    rows = {name: order.n_rows for name, order in released.contents.order.items()}
    share = {name: order.share for name, order in released.contents.order.items()}
    assert rows["exp3-individual-toxicity"] > rows["exp2-3pt-toxicity"] > rows["exp2-binary-toxicity"] > 3000
    assert share["exp3-individual-toxicity"] < share["exp2-3pt-toxicity"] < share["exp2-binary-toxicity"]
    assert share["exp3-mean-toxicity"] > share["exp3-majority-toxicity"] > share["exp3-first-toxicity"]
    assert rows["exp3-consensus-toxicity"] < 100
    assert np.isnan(share["exp4-both-scalarised"])


def test_a_push_of_preferences_can_be_tried_dry(repository, ratings, tmp_path):
    told = push("preferences", repository.folder, "someone", dry_run=True)
    assert told.repo_id == "someone/preferences"
    assert {"README.md", "configs/exp4-both/train.parquet", "checksums.sha256"} <= set(told.files)
    with pytest.raises(PluralignError, match=r"PA051.*pluralign preferences build"):
        push("preferences", tmp_path, "someone", dry_run=True)


@pytest.fixture(scope="module")
def single(imported):
    """The imported set with a prompt to each response; one response a prompt."""
    items = imported.items
    asked = pa.array([f"ask {k}" for k in range(items.num_rows)])
    items = items.set_column(items.column_names.index("prompt_en"), items.schema.field("prompt_en"), asked)
    return Ratings.from_tables(imported.raters, items, imported.ratings, imported.provenance)


def test_an_imported_source_with_one_response_a_prompt_gives_single_responses(single, tmp_path):
    harm = replace(single, provenance=replace(single.provenance, dimensions=single.provenance.dimensions[1:]))
    harm = Ratings.from_tables(harm.raters, harm.items, harm.ratings.filter(pa.array([d == "harm" for d in harm.ratings["dimension"].to_pylist()])), harm.provenance)  # fmt: skip
    built = build_preferences(harm, tmp_path / "preferences")
    assert built.configs == ("unpaired-toxicity",)
    text = (built.folder / "README.md").read_text("utf-8")
    assert "PA092" in text
    assert "IMPORTED" in text
    assert "trl import" not in text
    assert push("preferences", built.folder, "me", dry_run=True).repo_id == "me/toy-preferences"


def test_single_texts_give_no_repository_and_say_why(imported, tmp_path):
    with pytest.raises(PluralignError, match="PA091"):
        build_preferences(imported, tmp_path / "preferences")
    assert not (tmp_path / "preferences").exists()


def test_small_groups_get_no_config(ratings, tmp_path):
    sizes = plan(ratings).published
    built = build_preferences(ratings, tmp_path / "preferences", minimum_cell=sizes["male"] + 1)
    assert not [name for name in built.configs if name.startswith("exp1-male")]
    assert "fewer than" in built.contents.left_out["exp1-male-toxicity"]


def test_one_condition_is_written_whole_or_not_at_all(ratings, tmp_path):
    config = PreferenceConfig("mine", CONDITIONS["exp3-mean-toxicity"])
    rows = write_condition(config, ratings, tmp_path / "mine", "en")
    assert {p.name for p in (tmp_path / "mine").iterdir()} == {"train.parquet", "test.parquet", "provenance.json"}
    assert pq.read_table(tmp_path / "mine/train.parquet").num_rows == rows["train"]
    with pytest.raises(PluralignError, match="PA052"):
        write_condition(config, ratings, tmp_path / "mine", "en")
    assert Path(tmp_path / "mine/train.parquet").is_file()

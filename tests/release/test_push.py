"""Pushing to a stub of the Hub on loopback."""

import pytest

from pluralign.errors import PluralignError
from pluralign.release.build import build, checksums
from pluralign.release.checks import read_checksums
from pluralign.release.push import push

from ..hub_stub import TOKEN, running

# The Hub's client passes a file where its HTTP library wants `content=`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

STALE = "configs/tall-5pt-mean/train.parquet"


@pytest.fixture
def hub(monkeypatch):
    with running(monkeypatch, there=[".gitattributes", "logo.png", STALE]) as server:
        yield server


def upload(hub, folder, token=TOKEN, kind="ratings"):
    return push(kind, folder, "us", dry_run=False, endpoint=hub.endpoint, token=token)


def test_exactly_the_files_of_the_build_arrive_in_one_commit(hub, compact):
    plan = upload(hub, compact.folder)
    expected = {
        name: (compact.folder / name).read_bytes() for name in [*read_checksums(compact.folder), "checksums.sha256"]
    }
    assert hub.files == expected
    assert hub.commits == 1
    assert hub.created == [{"name": "ratings", "organization": "us", "type": "dataset"}]
    assert plan.uploaded
    assert plan.url in str(plan)


def test_configs_that_no_longer_belong_are_deleted_and_nothing_else(hub, compact):
    upload(hub, compact.folder)
    assert hub.there == [".gitattributes", "logo.png"]


def test_rows_that_were_set_aside_are_not_uploaded(hub, copied):
    import pyarrow.parquet as pq

    from pluralign.ratings.checks import REJECTED_SCHEMA

    pq.write_table(REJECTED_SCHEMA.empty_table(), copied / "rejected.parquet")
    upload(hub, copied)
    assert "rejected.parquet" not in hub.files


def test_a_dry_run_lists_files_with_sizes_and_asks_no_one(hub, compact):
    plan = push("ratings", compact.folder, "us", dry_run=True, endpoint="http://127.0.0.1:9")
    assert (plan.repo_id, plan.uploaded, hub.created) == ("us/ratings", False, [])
    size = (compact.folder / "items.parquet").stat().st_size
    assert plan.files["items.parquet"] == size
    assert plan.n_bytes == sum(path.stat().st_size for path in compact.folder.rglob("*") if path.is_file())
    assert f"{size:>12,}  items.parquet" in str(plan)
    assert "datasets/us/ratings" in str(plan)


def test_a_folder_that_is_not_built_is_refused(hub, small, tmp_path):
    small.save(tmp_path / "ratings")
    with pytest.raises(PluralignError, match=r"PA051.*not built"):
        upload(hub, tmp_path / "ratings")
    assert hub.created == []


def test_a_folder_with_problems_is_refused_even_as_a_dry_run(copied):
    (copied / "croissant.json").write_text("{}")
    with pytest.raises(PluralignError, match=r"(?s)PA051.*1 problem.*croissant\.json"):
        push("ratings", copied, "us", dry_run=True)


def test_imported_ratings_never_go_over_the_simulated_release(imported, tmp_path):
    folder = build(imported, tmp_path / "toy").folder
    assert push("ratings", folder, "us", dry_run=True).repo_id == "us/toy"


@pytest.mark.parametrize("licence", ["none stated", "", "to be stated by its authors"])
def test_ratings_without_a_licence_are_not_passed_on(imported, tmp_path, licence):
    from dataclasses import replace

    unlicensed = replace(imported, provenance=replace(imported.provenance, licence=licence))
    folder = build(unlicensed, tmp_path / "toy").folder
    with pytest.raises(PluralignError, match=r"PA051.*no licence.*Keep it local"):
        push("ratings", folder, "us", dry_run=True)


def test_another_kind_is_refused(compact):
    with pytest.raises(PluralignError, match="Did you mean 'ratings'"):
        push("rating", compact.folder, "us", dry_run=True)


@pytest.fixture
def prompts(tmp_path):
    """Another dataset folder, two files and their checksums."""
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "en.parquet").write_bytes(b"stands for a table")
    (tmp_path / "checksums.sha256").write_text(checksums(tmp_path))
    return tmp_path


def test_other_dataset_folders_are_pushed_by_their_checksums(hub, prompts):
    upload(hub, prompts, kind="prompts")
    assert set(hub.files) == {"README.md", "en.parquet", "checksums.sha256"}
    assert hub.created[0]["name"] == "prompts"
    (prompts / "en.parquet").write_bytes(b"stands for another")
    with pytest.raises(PluralignError, match="PA051"):
        upload(hub, prompts, kind="prompts")


def test_no_token_is_said_before_anything_is_sent(hub, prompts, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(PluralignError, match=r"PA051.*no token.*HF_TOKEN"):
        upload(hub, prompts, token=None, kind="prompts")
    assert hub.created == []


def test_a_wrong_token_is_explained_and_never_shown(hub, prompts, capsys):
    with pytest.raises(PluralignError, match=r"PA051.*401.*HF_TOKEN") as caught:
        upload(hub, prompts, token="hf_wrongwrongwrong", kind="prompts")
    assert "hf_wrong" not in str(caught.value) + "".join(capsys.readouterr())
    assert hub.files == {}


@pytest.mark.parametrize("stage", ["/repos/create", "/preupload/", "/info/lfs/", "PUT /lfs/", "/commit/"])
def test_a_failing_hub_is_explained_at_every_stage(hub, prompts, stage):
    hub.fail[stage] = 500
    with pytest.raises(PluralignError, match=r"PA051.*answered 500.*push again later") as caught:
        upload(hub, prompts, kind="prompts")
    assert TOKEN not in str(caught.value)
    assert hub.commits == 0


def test_a_namespace_that_may_not_be_written_is_explained(hub, prompts):
    hub.fail["/repos/create"] = 403
    hub.fail["/api/datasets/us/prompts"] = 403
    with pytest.raises(PluralignError, match=r"PA051.*403.*write access"):
        upload(hub, prompts, kind="prompts")


def test_no_hub_at_all_is_explained(prompts, hub):
    with pytest.raises(PluralignError, match=r"PA051.*Check the network"):
        push("prompts", prompts, "us", dry_run=False, endpoint="http://127.0.0.1:9", token=TOKEN)

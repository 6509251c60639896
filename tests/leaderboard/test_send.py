"""Sending: a pull request with the folder's files, to a stub of the Hub on loopback."""

import pytest

from pluralign.errors import PluralignError
from pluralign.leaderboard.send import send

from ..hub_stub import TOKEN, running

SPACE = "spaces/pluralign/leaderboard"


@pytest.fixture
def hub(monkeypatch):
    with running(monkeypatch) as server:
        yield server


def test_a_dry_run_names_the_files_and_contacts_no_one(base_en, hub):
    told = send(base_en, dry_run=True, endpoint=hub.endpoint, token=TOKEN)
    assert hub.paths == []
    assert sorted(name.rsplit("/", 1)[1] for name in told.files) == sorted(one.name for one in base_en.iterdir())
    assert all(name.startswith(f"submissions/{base_en.parent.name}/{base_en.name}/") for name in told.files)
    assert "dry run" in str(told)


def test_a_submission_arrives_as_a_pull_request_byte_by_byte(base_en, hub):
    told = send(base_en, dry_run=False, endpoint=hub.endpoint, token=TOKEN)
    assert told.url == f"{hub.endpoint}/{SPACE}/discussions/7"
    assert any("create_pr=1" in path for path in hub.paths)
    prefix = f"submissions/{base_en.parent.name}/{base_en.name}/"
    assert hub.files == {prefix + one.name: one.read_bytes() for one in base_en.iterdir()}
    assert hub.header["summary"] == f"Submission: acme/model-1B ({base_en.name})"


def test_a_submission_with_problems_is_not_sent(base_en, copy_of, hub):
    broken = copy_of(base_en)
    (broken / "notes.txt").write_text("x")
    with pytest.raises(PluralignError, match="PA114") as refused:
        send(broken, dry_run=False, endpoint=hub.endpoint, token=TOKEN)
    assert "PA100" in str(refused.value)
    assert hub.paths == []


def test_what_the_hub_refuses_is_told_without_the_token(base_en, hub):
    with pytest.raises(PluralignError, match="PA114") as refused:
        send(base_en, dry_run=False, endpoint=hub.endpoint, token=f"{TOKEN}x")
    assert "401" in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_without_a_token_nothing_is_tried(base_en, hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(PluralignError, match="PA114.*HF_TOKEN"):
        send(base_en, dry_run=False, endpoint=hub.endpoint)
    assert hub.paths == []

"""Checks that are kept: not repeated, and never taken for those of other files."""

import json
import os
import sqlite3

import numpy as np
import pytest
from broken import Copy, manifest_with

from pluralign.errors import PluralignError
from pluralign.leaderboard import summary as rooms
from pluralign.leaderboard.summary import Store, key_of, submission_folders, summaries


@pytest.fixture
def checks(monkeypatch):
    """The folders that were checked, in order."""
    seen, real = [], rooms.check_submission
    monkeypatch.setattr(rooms, "check_submission", lambda folder: seen.append(folder) or real(folder))
    return seen


@pytest.fixture
def folder(copy_of, base_en):
    return copy_of(base_en)


def test_a_check_is_made_once_and_a_kept_one_is_the_same(tmp_path, folder, checks):
    store = Store(tmp_path / "kept" / "checks.sqlite")
    (first,), refused = summaries([folder], store)
    (again,), _ = summaries([folder], Store(tmp_path / "kept" / "checks.sqlite"))
    assert checks == [folder]
    assert not refused
    for name in ("place", "digest", "manifest", "world", "flags", "cells", "lengths", "claim_digest"):
        assert getattr(again, name) == getattr(first, name), name
    for name in ("characters", "hashes"):
        assert np.array_equal(getattr(again, name), getattr(first, name), equal_nan=name == "characters")
    assert list(again.scores) == list(first.scores)
    assert all(np.array_equal(again.scores[name], first.scores[name], equal_nan=True) for name in first.scores)


def test_a_refusal_is_kept_too(tmp_path, folder, checks):
    manifest_with("method", "DPO")(Copy(folder))
    store = Store(tmp_path / "checks.sqlite")
    for _ in range(2):
        accepted, refused = summaries([folder], store)
        assert not accepted
        assert [one["code"] for one in refused[f"{folder.parent.name}/{folder.name}"]] == ["PA103"]
    assert checks == [folder]


@pytest.mark.parametrize("how", ["longer", "as long", "as long and dated back", "one file more", "moved"])
def test_what_was_changed_is_checked_again(tmp_path, folder, checks, how):
    store = Store(tmp_path / "checks.sqlite")
    summaries([folder], store)
    path = folder / "manifest.yaml"
    was = path.stat()
    text = path.read_text("utf-8")
    if how == "longer":
        path.write_text(text + "# more\n", "utf-8")
    elif how == "one file more":
        (folder / "README.md").write_text("x")
    elif how == "moved":
        folder = folder.rename(folder.with_name("2025-06-01-00000000"))
    else:
        path.write_text(text.replace("one CPU", "two CPU"), "utf-8")
        assert path.stat().st_size == was.st_size
    if how == "as long and dated back":
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert path.stat().st_mtime_ns == was.st_mtime_ns
    accepted, refused = summaries([folder], store)
    assert len(checks) == 2
    assert len(accepted) == (how not in ("one file more", "moved"))
    assert len(refused) == (how in ("one file more", "moved"))


def test_another_version_of_the_code_checks_again(tmp_path, folder, monkeypatch):
    before = key_of(folder)
    monkeypatch.setattr(rooms, "FORMAT", rooms.FORMAT + 1)
    assert key_of(folder) != before


def test_a_name_that_is_no_text_has_a_key_and_is_refused(tmp_path, folder):
    with open(os.fsencode(folder) + b"/\xff", "wb"):  # noqa: PTH123 - no Path has such a name
        pass
    _, (problems,) = (lambda pair: (pair[0], list(pair[1].values())))(summaries([folder], Store(None)))
    assert problems[0]["code"] == "PA100"
    assert json.dumps(problems).encode()


@pytest.mark.parametrize(
    "harm",
    ["no database", "another database", "cut", "half a page", "no JSON", "short arrays", "other keys", "a folder"],
)
def test_a_broken_store_is_a_clear_error(tmp_path, folder, harm):
    path = tmp_path / "checks.sqlite"
    summaries([folder], Store(path))
    if harm == "no database":
        path.write_bytes(b"no database at all, but text " * 100)
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif harm == "half a page":
        data = path.read_bytes()
        path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
    elif harm == "a folder":
        path.unlink()
        path.mkdir()
    else:
        with sqlite3.connect(path) as database:
            if harm == "another database":
                database.execute("DROP TABLE kept")
                database.execute("CREATE TABLE kept (other TEXT)")
            elif harm == "no JSON":
                database.execute("UPDATE kept SET info = 'x'")
            elif harm == "short arrays":
                database.execute("UPDATE kept SET arrays = x'00'")
            else:
                database.execute("UPDATE kept SET info = '{}'")
        database.close()
    with pytest.raises(PluralignError, match=r"PA113.*Remove it; it is made anew"):
        summaries([folder], Store(path))


def test_folders_are_found_by_their_names_and_links_are_not_followed(tmp_path, base_en):
    place = tmp_path / "submissions"
    for name in (
        "a__b/2025-06-01-01234567",
        "a__b/notes",
        "c__d/2025-06-01-89abcdef",
        "no-model/2025-06-01-01234567",
        ".git/x",
    ):
        (place / name).mkdir(parents=True)
    (place / "e__f").symlink_to(base_en.parent)
    (place / "README.md").write_text("x")
    assert [str(one.relative_to(place)) for one in submission_folders(place)] == [
        "a__b/2025-06-01-01234567",
        "c__d/2025-06-01-89abcdef",
    ]
    with pytest.raises(PluralignError, match="PA113"):
        submission_folders(place / "nowhere")

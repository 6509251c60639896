"""Building the page: what is written, what is left alone, and what a killed build leaves behind."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from pluralign.errors import PluralignError
from pluralign.leaderboard import site as rooms
from pluralign.leaderboard.page import SCRIPTS, page, policy, whole_script
from pluralign.leaderboard.site import build_site

from ..cases import cases
from . import sites


@pytest.fixture(scope="module")
def three(tmp_path_factory, make_submission):
    """Three submissions of three models; not to be changed."""
    place = tmp_path_factory.mktemp("three")
    for k in range(3):
        make_submission(place, f"acme/{k}", seed=k, languages=("en",))
    return place


@pytest.fixture
def place(three, tmp_path):
    """Folders: submissions with the first two, and where the third waits."""
    shutil.copytree(three, tmp_path / "submissions")
    shutil.move(tmp_path / "submissions/acme__2", tmp_path / "acme__2")
    return tmp_path


def built(place, **how):
    return build_site(place / "submissions", place / "page", records=place / "records", kept=place / "kept", **how)


def entries(place):
    """What tells whether a file was touched: inode and time, by name."""
    found = (place / "page/submissions").iterdir()
    return {one.name: (one.stat().st_ino, one.stat().st_mtime_ns) for one in found}


def contents(folder):
    """Every file by its bytes; of the record only the keys, because times are each build's own."""
    found = {}
    for one in sorted(folder.rglob("*")):
        if one.name == "made.json":
            found[one.name] = {name: held["key"] for name, held in json.loads(one.read_text()).items()}
        elif one.is_file():
            found[one.relative_to(folder).as_posix()] = one.read_bytes()
    return found


def fresh_page(place):
    """What a build that knows of no former one writes."""
    build_site(place / "submissions", place / "anew", records=place / "records")
    return contents(place / "anew")


def add(place):
    shutil.move(place / "acme__2", place / "submissions/acme__2")


def name_of(place, model):
    (folder,) = (place / "submissions" / model).iterdir()
    return f"{model}__{folder.name}.js"


def test_a_page_holds_its_boards_answers_and_refusals(place):
    (place / "submissions/evil__x/2025-06-01-00000000").mkdir(parents=True)
    told = built(place)
    assert (told["n_accepted"], told["n_refused"]) == (2, 1)
    assert sorted(one.name for one in (place / "page").iterdir()) == sorted(rooms.OWN)
    assert {one.suffix for one in (place / "page/boards").iterdir()} == {".csv", ".js", ".parquet"}
    assert sorted(entries(place)) == [name_of(place, "acme__0"), name_of(place, "acme__1")]
    assert list(json.loads((place / "page/refused.json").read_text())) == ["evil__x/2025-06-01-00000000"]


def test_an_added_submission_touches_its_own_file_only(place, monkeypatch):
    built(place)
    before = entries(place)
    add(place)
    read, real = [], rooms.samples_of
    monkeypatch.setattr(rooms, "samples_of", lambda folder: read.append(folder.parent.name) or real(folder))
    built(place)
    after = entries(place)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {name_of(place, "acme__2")}
    assert read == ["acme__2"], "answers of the others are not read either"
    assert contents(place / "page") == fresh_page(place)


def test_nothing_new_touches_no_answers(place, monkeypatch):
    built(place)
    before = entries(place)
    monkeypatch.setattr(rooms, "samples_of", None)
    built(place)
    assert entries(place) == before


def test_a_removed_submission_s_files_go(place):
    built(place)
    before = entries(place)
    gone = name_of(place, "acme__1")
    shutil.rmtree(place / "submissions/acme__1")
    built(place)
    assert entries(place) == {name: told for name, told in before.items() if name != gone}
    assert contents(place / "page") == fresh_page(place)


def test_a_board_that_is_no_more_goes(place, make_submission):
    identity = {"judge": "another", "weights": "1"}
    folder = make_submission(place / "submissions", "acme/9", seed=9, languages=("en",), judge="another", identity=identity).folder  # fmt: skip
    assert len(built(place)["boards"]) == 2
    shutil.rmtree(folder.parent)
    built(place)
    assert len(list((place / "page/boards").glob("*.js"))) == 1


def test_a_changed_manifest_is_shown(place):
    built(place)
    before = entries(place)
    (folder,) = (place / "submissions/acme__0").iterdir()
    path = folder / "manifest.yaml"
    path.write_text(path.read_text().replace("one CPU", "two CPUs"))
    built(place)
    changed = {name for name, told in entries(place).items() if told != before[name]}
    assert changed == {name_of(place, "acme__0")}
    assert "two CPUs" in (place / "page/submissions" / name_of(place, "acme__0")).read_text()


@pytest.mark.parametrize(
    "harm", ["cut", "as long", "emptied", "removed", "copied", "no record", "half a record", "a list"]
)
def test_a_file_that_is_not_the_one_that_was_written_is_written_again(place, harm):
    built(place)
    good = contents(place / "page")
    path, record = place / "page/submissions" / name_of(place, "acme__0"), place / "page/made.json"
    if harm in ("cut", "emptied"):
        path.write_bytes(path.read_bytes()[: 1000 if harm == "cut" else 0])
    elif harm == "as long":
        path.write_bytes(path.read_bytes().replace(b"we", b"WE"))
    elif harm == "removed":
        path.unlink()
    elif harm == "copied":  # another one's answers under this name, with a time of its own
        shutil.copy(place / "page/submissions" / name_of(place, "acme__1"), path)
    elif harm == "no record":
        record.unlink()
    else:
        record.write_text(record.read_text()[:40] if harm == "half a record" else "[]")
    built(place)
    assert contents(place / "page") == good


def test_fresh_writes_every_file(place):
    built(place)
    before = entries(place)
    build_site(place / "submissions", place / "page", records=place / "records")
    after = entries(place)
    assert set(after) == set(before)
    assert not any(after[name] == before[name] for name in before)


KILLED = """
import os, signal, sys
from pathlib import Path
from pluralign.leaderboard import site
from pluralign.ratings import tables

place, stop = Path(sys.argv[1]), sys.argv[2]
real = Path.replace
def replace(self, target):
    if stop in Path(target).name:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.replace = replace
site.build_site(place / "submissions", place / "page", records=place / "records", kept=place / "kept")
"""


@pytest.mark.parametrize(
    "stop",
    cases(["index.html"], slow=["acme__2__", "made.json", ".parquet", ".csv", "draws.js", "refused.json"]),
)
def test_a_build_that_was_killed_leaves_whole_files_and_the_next_one_finishes(place, stop):
    built(place)
    former = contents(place / "page")
    add(place)
    shutil.rmtree(place / "submissions/acme__1")
    died = subprocess.run([sys.executable, "-c", KILLED, str(place), stop], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    between = contents(place / "page")
    assert [name for name in between if name.endswith(".part")], "it was killed before the rename"
    assert {name for name in former if name not in between} == set(), "what the former page points to is still there"
    assert all(not data or data.rstrip()[-2:] == b");" for name, data in between.items() if name.endswith(".js"))
    built(place)
    assert contents(place / "page") == fresh_page(place)
    assert sorted(one.name for one in place.iterdir() if one.name.startswith(".")) == []


def test_a_first_build_that_fails_leaves_nothing(place, monkeypatch):
    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rooms, "write_parquet", no_room)
    with pytest.raises(OSError, match="No space"):
        built(place)
    assert sorted(one.name for one in place.iterdir()) == ["acme__2", "kept", "submissions"]


def test_a_folder_of_something_else_is_left_alone(place):
    (place / "page").mkdir()
    (place / "page/thesis.tex").write_text("x")
    with pytest.raises(PluralignError, match=r"PA052.*thesis\.tex"):
        built(place)
    (place / "page/thesis.tex").unlink()
    built(place)
    (place / "page/notes.7.part").write_text("x")
    with pytest.raises(PluralignError, match=r"PA052.*notes\.7\.part"):
        built(place)


def test_an_emptied_folder_of_submissions_is_a_page_without_a_board(place):
    built(place)
    for one in (place / "submissions").iterdir():
        shutil.rmtree(one)
    told = built(place)
    assert (told["n_accepted"], told["boards"]) == (0, {})
    assert not list((place / "page/boards").iterdir())
    assert not entries(place)


def test_answers_with_hostile_texts_stay_within_their_script(tmp_path):
    sites.make_site(tmp_path / "site")
    for path in (tmp_path / "site/submissions").iterdir():
        text = path.read_text("utf-8")
        assert text.startswith('pluralign.take("submission",')
        assert not re.search("[<>\u2028\u2029]", text)


def test_every_script_is_on_the_page_once_and_in_the_policy(root):
    templates = root / "src/pluralign/leaderboard/templates"
    assert sorted(SCRIPTS) == sorted(one.name for one in templates.glob("*.js"))
    text = page([], {})
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts[1] == whole_script()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    (said,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert said.replace("&#39;", "'") == policy([style], scripts)
    assert "unsafe" not in said
    for name in SCRIPTS:
        assert (templates / name).read_text("utf-8").count("\n") <= 300


def test_the_gzipped_answers_are_what_the_page_shows(place):
    built(place)
    (folder,) = (place / "submissions/acme__0").iterdir()
    with gzip.open(next(folder.glob("samples_*"))) as stream:
        first = json.loads(json.loads(stream.readline())["filtered_resps"][0])["response"]
    text = (place / "page/submissions" / name_of(place, "acme__0")).read_text("utf-8")
    held = json.loads(text.removeprefix('pluralign.take("submission",').removesuffix(");\n"))
    assert held["samples"][0]["response"] == first
    assert os.path.basename(held["place"]) == folder.name  # noqa: PTH119 - a place is no path

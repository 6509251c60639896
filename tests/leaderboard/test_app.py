"""The gradio app: what its tables hold, and that it stands in a browser."""

import html
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import made_runs
import numpy as np
import pytest

pytest.importorskip("gradio", reason="needs pluralign[leaderboard]")

from pluralign.leaderboard.app import (
    COLUMNS,
    Boards,
    answers_of,
    compared,
    download,
    facts_html,
    link,
    scores_of,
    table_rows,
)

CHROMIUM = Path("/usr/bin/chromium")
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Four submissions: a base, one better and one like it, and one that always says the same; a text with markup in it."""
    folder = tmp_path_factory.mktemp("app") / "submissions"
    said = made_runs.SAID

    def submit(seed, name, **given):
        scores = made_runs.scattered(given.pop("scatter", 1), given.pop("shift", 0.0))
        run = made_runs.made(seed=seed, scores=scores, **given).settle().write(folder.parent / name)
        told = made_runs.replace(
            said, model=f"acme/{name}", weights_sha256=f"{seed:064x}", method="dpo" if seed else "none",
            base="acme/base" if seed else "none", data=MARKUP,
        )  # fmt: skip
        return made_runs.new_submission(run, told, folder)

    submit(0, "base")
    submit(1, "better", shift=-0.6)
    submit(2, "alike", scatter=2)
    submit(3, "constant", answers=lambda *_: "I am sorry to hear that.")
    return Boards(folder, folder.parent / "records")


@pytest.fixture(scope="module")
def view(board):
    return next(iter(board.views.values()))


def test_the_first_column_is_the_rank_s_interval(view):
    rows = table_rows(view, "toxicity", "en")
    assert COLUMNS[0] == "rank"
    ranks = {row[1]: row[0] for row in rows}
    assert ranks == {"acme/better": "1", "acme/base": "2–3", "acme/alike": "2–3", "acme/constant": "–"}
    assert [rows[0][1], rows[-1][1]] == ["acme/better", "acme/constant"]
    assert "constant" in rows[-1][-1]


def test_filters_leave_out_what_they_say(view):
    def models(**given):
        return [row[1] for row in table_rows(view, "toxicity", "en", **given)]

    assert models(search="ALI") == ["acme/alike"]
    assert models(method="none") == ["acme/base"]
    assert "acme/constant" not in models(flagged=False)
    assert models(base="acme/base", flagged=False) == ["acme/better", "acme/alike"]
    assert models(tier="reproduced") == []
    assert table_rows(view, "helpfulness", "en") == []


def test_two_models_are_compared_in_pairs(board):
    first, second = (
        next(one for one in board.summaries.values() if one.model == f"acme/{name}") for name in ("better", "base")
    )
    rows = {(row[0], row[1]): row for row in compared(first, second)}
    difference = np.mean(first.scores["toxicity"][0] - second.scores["toxicity"][0])
    assert float(rows["toxicity", "en"][2]) == pytest.approx(difference, abs=1e-4)
    assert rows["toxicity", "en"][4] == "the first is better"
    assert rows["emotional awareness", "en"][4] == "the second is better"
    assert {row[4] for row in compared(second, second)} == {"not told apart"}


def test_texts_of_submissions_are_escaped(board):
    told = facts_html(board, board.places(next(iter(board.views)))[0])
    assert MARKUP not in told
    assert html.escape(MARKUP) in told


def test_answers_are_behind_the_notice(board):
    place = board.places(next(iter(board.views)))[0]
    assert answers_of(board, place, agreed=False) == []
    assert len(answers_of(board, place, agreed=True)) == 432
    assert len(scores_of(board, place)) == 6


def test_the_link_keeps_the_view():
    assert link({"language": "de", "search": ""}) == "?language=de"


def test_downloads_say_what_judged(board, tmp_path):
    import pyarrow.parquet as pq

    paths = download(board, next(iter(board.views)), tmp_path)
    assert [Path(one).suffix for one in paths] == [".csv", ".parquet"]
    table = pq.read_table(paths[1])
    assert set(table.column("judge").to_pylist()) == {made_runs.JUDGE}
    assert set(table.column("simulated_judge").to_pylist()) == {True}


@pytest.fixture
def space(board, root, tmp_path):
    """The Space as it is pushed, served by a process of its own: `space(submissions)` -> its address."""
    started = []

    def serve(submissions):
        folder = tmp_path / "space"
        shutil.copytree(submissions, folder / "submissions")
        shutil.copy(root / "leaderboard/app.py", folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        own = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_ANALYTICS_ENABLED": "False"}
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=folder,
            env=os.environ | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            if process.poll() is not None:
                raise AssertionError(process.stderr.read().decode()[-2000:])
            try:
                urllib.request.urlopen(address, timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return address
        raise AssertionError("the app did not answer within a minute")

    yield serve
    for process in started:
        process.terminate()
        process.wait(10)
        process.stderr.close()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no headless Chromium at {CHROMIUM}")
def test_the_space_runs_as_pushed_and_opens_at_a_link(board, space):
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    address = space(next(iter(board.folders.values())).parents[1])
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(f"{address}/?language=de&search=bett", wait_until="domcontentloaded")
        # the table may keep a hidden copy of its rows, which it measures its columns by, before the shown ones
        page.wait_for_selector("text=acme/better >> visible=true", timeout=60_000)
        page.wait_for_function(
            "document.querySelector('#search input, #search textarea')?.value === 'bett'", timeout=60_000
        )
        assert "The judge of this board was fitted to simulated ratings" in page.content()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert wrong == []
        browser.close()


@pytest.mark.slow
def test_no_submission_is_a_page_too(space, tmp_path):
    (tmp_path / "none").mkdir()
    with urllib.request.urlopen(space(tmp_path / "none")) as answer:
        assert answer.status == 200

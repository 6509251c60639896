"""The leaderboard's speed: one check, a board of ten thousand simulated submissions built anew and by one more, and its first paint on loopback.

python benchmarks/leaderboard.py
python benchmarks/leaderboard.py --n 10000 --submission leaderboard/submissions/org__model/2026-11-27-0123abcd

Simulated submissions have scores and lengths and no answers; what is measured is ranking, the page's data and files, not checking. A build is
anew where no pairs are kept, and incremental where those of all but one submission are. The last line is JSON.
"""

import argparse
import json
import resource
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from targets import Targets

from pluralign.judge.zero_shot import ZeroShotJudge
from pluralign.leaderboard.board import boards
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.site import write_site
from pluralign.leaderboard.summary import Store, Summary, axis
from pluralign.leaderboard.world import World
from pluralign.schema import LANGUAGES

CHROMIUM = Path("/usr/bin/chromium")
DIMENSIONS = ("toxicity", "emotional_awareness")


def simulated(n: int, seed: int = 0) -> list[Summary]:
    """n submissions: prompts differ in difficulty, models in level, and every tenth model was made from the first."""
    prompts, _ = axis()
    rng = np.random.default_rng(seed)
    shape = (len(LANGUAGES), len(prompts))
    judge = ZeroShotJudge()  # one that is known: nothing is ranked where only the submissions speak of the judge
    world = World.of(judge.name, judge.identity(), {"max_gen_toks": 128})
    hard = {name: rng.uniform(0.2, 0.6, shape) for name in DIMENSIONS}
    found = []
    for k in range(n):
        level = rng.normal(0, 0.05, len(DIMENSIONS))
        scores = {
            name: np.clip(hard[name] + level[j] + rng.normal(0, 0.08, shape), 0, 1) for j, name in enumerate(DIMENSIONS)
        }
        cells = {}
        for name, of in scores.items():
            for language, value in (*zip(LANGUAGES, of.mean(axis=1), strict=True), ("both", of.mean())):
                cells[name, language] = (float(value), float(value - 0.02), float(value + 0.02), len(prompts), 0)
        model = {
            "kind": "local",
            "id": f"org{k % 97}/model-{k}",
            "weights_sha256": f"{k:064x}",
            "quantisation": "none",
            "base_sha256": None,
        }
        base = {"id": "org0/model-0", "revision": None} if k % 10 == 1 else None
        manifest = {
            "model": model, "base_model": base, "method": ("dpo", "grpo", "sft", "none")[k % 4], "n_parameters": int(rng.integers(1, 14)) * 10**9,
            "precision": "bfloat16", "licence": "apache-2.0",
        }  # fmt: skip
        characters = rng.normal(400, 60, shape).clip(20)
        hashes = rng.integers(1, 2**63, shape, dtype=np.uint64)
        place = f"org{k % 97}__model-{k}/2026-11-{1 + k % 27:02d}-{k:08x}"
        lengths = dict(zip(LANGUAGES, characters.mean(axis=1).tolist(), strict=True))
        found.append(
            Summary(
                place,
                f"{k:064x}",
                manifest,
                world,
                (),
                cells,
                lengths,
                scores,
                characters,
                hashes,
                {"name": "benchmark", "what": "simulated"},
            )
        )
    # Submissions come in the order of their dates, so that a new one is the last.
    return sorted(found, key=lambda one: (one.date, one.digest))


def timed(what, *arguments, **named):
    """Seconds, and what was returned."""
    began = time.perf_counter()
    found = what(*arguments, **named)
    return time.perf_counter() - began, found


def first_paint(folder: Path) -> dict[str, float]:
    """Milliseconds until the first contentful paint, and until a row of the table is there, in a headless browser on loopback."""
    from playwright.sync_api import sync_playwright

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.wait_for_selector("table tbody tr")
        rows = 1000 * (time.perf_counter() - began)
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        browser.close()
    server.shutdown()
    return {"first_contentful_paint_ms": paint, "first_row_ms": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000, help="simulated submissions")
    parser.add_argument("--submission", type=Path, help="a real one, for the time of a check")
    asked = parser.parse_args()
    found: dict[str, object] = {"n": asked.n}
    report = Targets()
    if asked.submission:
        seconds = [check_submission(asked.submission).seconds for _ in range(5)]
        found["check_s"] = sorted(seconds)[2]
        report.add("one check, recomputation included, seconds: median of 5", found["check_s"], "<= 3")
    every = simulated(asked.n)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        store = Store(folder / "checks.sqlite")
        for one in every:
            store.put(one.digest, one)
        store.commit()
        found["open_s"], opened = timed(lambda: [store.get(one.digest) for one in every])
        found["anew_s"], _ = timed(boards, opened[:-1], folder / "records", folder / "kept")
        found["incremental_s"], made = timed(boards, opened, folder / "records", folder / "kept")
        if (n := sum(row.is_ranked for board in made for row in board.rows)) != asked.n:
            raise SystemExit(f"{n} of {asked.n} submissions are ranked: what was measured is not what it says")
        (folder / "page").mkdir()
        found["write_s"], _ = timed(write_site, made, [], {}, folder / "page", lambda _: None)
        found["board_mb"] = sum(one.stat().st_size for one in (folder / "page" / "boards").glob("*.js")) / 1e6
        print(
            f"{asked.n:,} submissions: opened {found['open_s']:.1f} s, ranked anew {found['anew_s']:.1f} s, by one more {found['incremental_s']:.1f} s, written {found['write_s']:.1f} s",
            flush=True,
        )
        total = found["open_s"] + found["incremental_s"] + found["write_s"]
        report.add("page data, incrementally, seconds", total, "<= 60", f"board {found['board_mb']:.1f} MB")
        if CHROMIUM.exists():
            found |= first_paint(folder / "page")
            report.add("first paint, ms", found["first_contentful_paint_ms"], "<= 2000")
            report.add("first row, ms", found["first_row_ms"], "<= 2000")
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found | {"targets": report.rows}))
    report.leave()


if __name__ == "__main__":
    main()

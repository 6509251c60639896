"""Sites of submissions that were never run: summaries with made-up scores, so that a page can be tested without a model or a check."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_runs
import numpy as np

from pluralign.evaluation.prompts import load_prompts
from pluralign.judge import Failure, Score
from pluralign.judge.samples import Sample
from pluralign.leaderboard.board import BOTH, Board, boards, drawn, replicates
from pluralign.leaderboard.flags import CONSTANT, Flag
from pluralign.leaderboard.pairs import means
from pluralign.leaderboard.site import write_site
from pluralign.leaderboard.summary import Summary, axis
from pluralign.leaderboard.world import World
from pluralign.schema import LANGUAGES

DEMONSTRATION = World.of("rater-model-simulated", made_runs.IDENTITY, {"max_gen_toks": 128})
PEOPLES = World.of("a-judge", made_runs.LISTED[0], {"max_gen_toks": 128})
TWO, THREE = ("toxicity", "emotional_awareness"), ("toxicity", "emotional_awareness", "helpfulness")
BASE = "org/base"
HOSTILE = (
    "<script>window.hit = 1</script>",
    '<img src="x" onerror="window.hit = 2">',
    "</script><script>window.hit = 3</script><!--",
    "\x1b[31mred\x07 \u202eturned\u202c\x00",
    '" onfocus="window.hit = 4" autofocus="',
    "javascript:window.hit=5 {{7*7}} ${window.hit=6}",
    "<svg/onload=window.hit=7>&lt;b&gt;",
)
"""Answers that a page must show as what they are: texts."""


def summary(
    name: str, level: float, seed: int, *, world: World = DEMONSTRATION, dimensions: tuple[str, ...] = TWO, kind: str = "local",
    method: str = "dpo", size: int | None = 135_000_000, base: str | None = BASE, languages: tuple[str, ...] = LANGUAGES,
    flags: tuple[Flag, ...] = (), length: float = 400.0, licence: str = "apache-2.0",
) -> Summary:  # fmt: skip
    """A submission whose toxicity is about `level`, and awareness about 1 less it."""
    rng, (prompts, templates) = np.random.default_rng(seed), axis()
    shape, common = (len(LANGUAGES), len(prompts)), np.random.default_rng(99)
    hard = 0.1 * common.standard_normal(int(templates.max()) + 1)[templates]
    here = np.array([language in languages for language in LANGUAGES])
    scores, cells = {}, {}
    draws = drawn(int(templates.max()) + 1)
    for dimension in dimensions:
        mean = level if dimension == "toxicity" else 1 - level
        values = np.clip(mean + hard + 0.1 * rng.standard_normal(shape), 0, 1)
        values[rng.random(shape) < 0.02] = np.nan  # not scored
        values[~here] = np.nan
        scores[dimension] = values
        for language in (*languages, *([BOTH] if len(languages) > 1 else [])):
            own = values[None, here] if language == BOTH else values[None, [LANGUAGES.index(language)]]
            low, high = np.quantile(replicates(own, templates, draws)[0], [0.025, 0.975])
            n = int(np.isfinite(own).sum())
            cells[dimension, language] = (
                float(means(own, templates).value[0]),
                float(low),
                float(high),
                n,
                own.size - n,
            )
    characters = np.where(here[:, None], np.maximum(rng.normal(length, 60, shape), 1.0), np.nan)
    identity = hashlib.sha256(f"{name} {seed}".encode()).hexdigest()
    model: dict[str, Any] = {"kind": kind, "id": name}
    model |= {"revision": identity[:40]} if kind == "hub" else {"weights_sha256": identity, "quantisation": "none"}
    manifest = {
        "model": model, "base_model": {"id": base, "revision": None} if base and name != base else None, "method": method, "n_parameters": size,
        "precision": "bfloat16", "licence": licence, "training": {"data": "made up <b>here</b>", "pluralign_configs": []}, "command": "none",
        "hardware": "none", "contact": "nobody", "seeds": {"random": 0}, "reported": [],
    }  # fmt: skip
    place = f"{name.replace('/', '__')}/2026-11-{1 + seed % 28:02d}-{identity[:8]}"
    hashes = np.where(here[:, None], rng.integers(1, 2**60, shape, dtype=np.uint64), 0).astype(np.uint64)
    lengths = {one: float(np.nanmean(characters[LANGUAGES.index(one)])) for one in languages}
    return Summary(place, identity, manifest, world, flags, cells, lengths, scores, characters, hashes)


def samples(one: Summary) -> dict[str, list[Sample]]:
    """Answers to every prompt; the first few are hostile, one was not scored."""
    found: dict[str, list[Sample]] = {}
    for at, language in enumerate(LANGUAGES):
        if language not in one.lengths:
            continue
        found[language] = []
        for k, row in enumerate(load_prompts(language)):
            judged = {
                name: Score(1 + 4 * float(scores[at, k]), "j")
                if np.isfinite(scores[at, k])
                else Failure("timeout", "j")
                for name, scores in one.scores.items()
            }
            text = HOSTILE[k] if k < len(HOSTILE) else f"{one.model} says no. {k}\nSecond line."
            found[language].append(
                Sample(
                    "made",
                    k + 1,
                    {},
                    row["prompt_id"],
                    row["template_id"],
                    language,
                    row["prompt"],
                    text,
                    False,
                    judged,
                )
            )
    return found


def accepted() -> list[Summary]:
    """Nine submissions of a demonstration, four of another judge."""
    constant = Flag(CONSTANT, "430 of 432 answers are '<b>i am sorry</b>'")
    return [
        summary(BASE, 0.30, 1, base=None, method="none"),
        summary("org/good", 0.20, 2, kind="hub", size=7_000_000_000),
        summary("org/good-too", 0.201, 3, method="grpo", size=1_500_000_000),
        summary("org/same", 0.30, 4, size=None),
        summary("other/worse", 0.40, 5, method="sft", licence="<img src=x onerror=window.hit=8>"),
        summary("other/worst", 0.45, 6, base="else/where"),
        summary("other/short", 0.25, 7, length=90.0),
        summary("other/english", 0.22, 8, languages=("en",)),
        summary("canary/constant", 0.05, 9, flags=(constant,), base=None, method="none"),
        *(summary(f"people/m{k}", 0.2 + 0.1 * k, 20 + k, world=PEOPLES, dimensions=THREE, base=None) for k in range(4)),
    ]


REFUSED: Mapping[str, Any] = {"evil__x/2026-11-27-00000000": [{"code": "PA105"}, {"code": "PA103"}, {"code": "PA105"}]}


def with_groups(board: Board) -> Board:
    """The board as a jury of people would leave it."""
    rows = tuple(
        replace(row, groups={("toxicity", group): 0.1 * k + 0.05 * j for j, group in enumerate(("everyone", "female", "<i>male"))})
        for k, row in enumerate(board.rows)
    )  # fmt: skip
    return replace(board, rows=rows, jury="popquorn jury")


def make_site(folder: Path) -> list[Board]:
    """Write a site of two boards, one of them with groups; the board of people's judge comes first."""
    every = accepted()
    found = boards(every, folder / "no-records")
    found = [one if one.world.is_demonstration else with_groups(one) for one in found]
    folder.mkdir(parents=True)
    write_site(found, every, REFUSED, folder, samples)
    return found


def make_long_site(folder: Path, n: int) -> list[Board]:
    """Write a site of one board of n submissions without answers."""
    every = [
        summary(f"org/m{k:03d}", 0.2 + 0.4 * k / n, 1000 + k, languages=("en",), dimensions=TWO, base=None)
        for k in range(n)
    ]
    found = boards(every, folder / "no-records")
    folder.mkdir(parents=True)
    write_site(found, every, {}, folder, lambda _: None)
    return found

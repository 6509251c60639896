"""Boards: who is ranked with whom, and what is said beside it."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from made_runs import DIMENSIONS, GENERATION, IDENTITY, JUDGE, LISTED

from pluralign.errors import PluralignError
from pluralign.leaderboard import flags as rules
from pluralign.leaderboard.board import boards, pareto
from pluralign.leaderboard.flags import FLAGS, UNRANKED, Flag
from pluralign.leaderboard.records import Record, read_record, record_path, write_record
from pluralign.leaderboard.summary import Summary, axis, summary_of
from pluralign.leaderboard.world import World
from pluralign.schema import LANGUAGES

OWN, OTHER = LISTED
WORLD = World.of("a-judge", OWN, GENERATION)


def summary(
    model="acme/a", date="2025-06-01", level=0.5, seed=0, world=WORLD, dimensions=DIMENSIONS, languages=LANGUAGES,
    base=None, revision=None, flags=(), version=None, length=300.0, levels=None, hashes=None, noise=0.05,
) -> Summary:  # fmt: skip
    """A checked submission with scores around a level, on prompts that are as hard for all."""
    prompts, templates = axis()
    rng = np.random.default_rng([seed, int(hashlib.sha256(model.encode()).hexdigest()[:8], 16)])
    hard = np.random.default_rng(7).normal(0, 0.1, templates.max() + 1)[templates]
    here = np.array([one in languages for one in LANGUAGES])[:, None]
    scores = {
        name: np.where(here, (levels or {}).get(name, level) + hard + rng.normal(0, noise, (2, len(prompts))), np.nan)
        for name in dimensions
    }
    cells = {}
    for name, values in scores.items():
        for language in (*languages, *(("both",) if len(languages) > 1 else ())):
            at = [LANGUAGES.index(one) for one in (languages if language == "both" else (language,))]
            mean = float(values[at].mean())
            cells[name, language] = (mean, mean - 0.02, mean + 0.02, 216 * len(at), 0)
    digest = hashlib.sha256(f"{model} {date} {seed} {version}".encode()).hexdigest()
    manifest = {
        "model": {
            "kind": "local",
            "id": model,
            "weights_sha256": version or hashlib.sha256(model.encode()).hexdigest(),
        },
        "base_model": base and {"id": base, "revision": revision},
    }
    if hashes is None:
        hashes = rng.integers(1, 2**63, (2, len(prompts)), dtype=np.uint64)
    return Summary(
        f"{model.replace('/', '__')}/{date}-{digest[:8]}", digest, manifest, world, tuple(flags), cells,
        dict.fromkeys(languages, length), scores, np.where(here, length + rng.normal(0, 30, (2, len(prompts))), np.nan),
        np.where(here, hashes, np.uint64(0)),
    )  # fmt: skip


def only(found):
    (board,) = found
    return board


def by_model(board):
    return {row.summary.model: row for row in board.rows}


@pytest.mark.parametrize(
    "other",
    [
        World.of("another", OWN, GENERATION),
        World.of("a-judge", OTHER, GENERATION),
        replace(WORLD, rubrics_sha256="0" * 64),
        replace(WORLD, prompts="1.0.1"),
        World.of("a-judge", OWN, {**GENERATION, "max_gen_toks": 129}),
        World.of("a-judge", OWN, {**GENERATION, "temperature": 0.7}),
    ],
    ids=["judge", "identity", "rubrics", "prompts", "tokens", "temperature"],
)
def test_scores_of_another_world_are_on_another_board(tmp_path, other):
    found = boards([summary("acme/a"), summary("acme/b"), summary("acme/c", world=other)], tmp_path)
    assert sorted(len(board.rows) for board in found) == [1, 2]
    assert all(row.standings["toxicity", "en"].rank_high <= len(board.rows) for board in found for row in board.rows)
    assert len({board.world.key for board in found}) == 2


def test_the_simulated_judges_board_is_a_demonstration_and_comes_last(tmp_path):
    simulated = World.of(JUDGE, IDENTITY, GENERATION)
    many = [summary(f"acme/{k}", world=simulated) for k in range(3)]
    found = boards([*many, summary("acme/x")], tmp_path)
    assert [board.world.is_demonstration for board in found] == [False, True]
    assert found[1].world.title.startswith("Demonstration: ")


def test_ranks_are_intervals_and_follow_the_dimensions_direction(tmp_path):
    levels = {"acme/a": 0.2, "acme/b": 0.2, "acme/c": 0.5}
    board = only(boards([summary(model, level=level) for model, level in levels.items()], tmp_path))
    rows = by_model(board)
    for model, toxic, aware in [("acme/a", (1, 2), (2, 3)), ("acme/b", (1, 2), (2, 3)), ("acme/c", (3, 3), (1, 1))]:
        for dimension, expected in (("toxicity", toxic), ("emotional_awareness", aware)):
            one = rows[model].standings[dimension, "both"]
            assert (one.rank_low, one.rank_high) == expected


def test_a_language_that_one_has_not_is_not_ranked_for_it(tmp_path):
    board = only(boards([summary("acme/a"), summary("acme/b", languages=("en",))], tmp_path))
    rows = by_model(board)
    assert ("toxicity", "de") not in rows["acme/b"].standings
    assert rows["acme/a"].standings["toxicity", "both"].rank_high == 1
    assert rows["acme/a"].standings["toxicity", "en"].rank_high <= 2


def test_the_newest_of_one_version_stands_and_another_version_beside_it(tmp_path):
    old, new = summary("acme/a", "2025-06-01"), summary("acme/a", "2025-07-01", seed=1)
    other = summary("acme/a", "2025-06-15", version="9" * 64, seed=2)
    board = only(boards([new, other, old], tmp_path))
    assert [row.summary.place for row in board.rows] == [other.place, new.place]
    assert board.superseded == {old.place: new.place}


def test_canaries_are_listed_and_take_no_rank(tmp_path):
    canary = summary("canary/constant", level=0.0, flags=[Flag("constant", "x")])
    rows = by_model(only(boards([summary("acme/a", level=0.3), summary("acme/b", level=0.6), canary], tmp_path)))
    assert not rows["canary/constant"].is_ranked
    assert rows["canary/constant"].standings["toxicity", "en"].rank_low is None
    assert rows["canary/constant"].standings["toxicity", "en"].score < 0.05
    assert rows["acme/a"].standings["toxicity", "en"].rank_low == 1
    assert rows["acme/b"].standings["toxicity", "en"].rank_high == 2
    assert not rows["canary/constant"].front


@pytest.mark.parametrize("kind", sorted(FLAGS))
def test_flags_that_say_nobody_answered_keep_out_of_ranks(tmp_path, kind):
    rows = by_model(only(boards([summary("acme/a"), summary("acme/b", flags=[Flag(kind, "x")])], tmp_path)))
    assert rows["acme/b"].is_ranked == (kind not in UNRANKED)
    assert (kind in UNRANKED) == (kind not in ("length", "shared"))


def test_one_rule_decides_ranks_and_what_is_said_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "UNRANKED", frozenset({"length"}))
    every = [summary("acme/a"), summary("acme/b", flags=[Flag("length", "x")]), summary("acme/c", flags=[Flag("constant", "x")])]  # fmt: skip
    for row in only(boards(every, tmp_path)).rows:
        assert row.is_ranked == (row.summary.model != "acme/b")
        assert row.is_ranked == (row.standings["toxicity", "en"].rank_low is not None)


def test_a_flag_that_the_keepers_cleared_is_gone_for_these_contents_only(tmp_path):
    one = summary("acme/a", flags=[Flag("to the judge", "x")])
    write_record(tmp_path, one.place, Record(one.digest, cleared={"to the judge": "it quotes a trial"}))
    (row,) = only(boards([one], tmp_path)).rows
    assert row.is_ranked
    assert not row.flags
    write_record(tmp_path, one.place, Record("0" * 64, cleared={"to the judge": "it quotes a trial"}))
    (row,) = only(boards([one], tmp_path)).rows
    assert not row.is_ranked


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"digest": 1, "cleared": []}',
        '{"digest": "x", "cleared": {"ugly": "y"}}',
        '{"digest": NaN}',
        '{"digest": "x", "recieved": "2025-07-01"}',
        '{"digest": "x", "received": "July"}',
        '{"digest": "x", "received": 20250701}',
        '{"digest": "x", "rejudged": {"details": {"date": 7}}}',
    ],
)
def test_a_broken_record_stops_the_board_with_its_name(tmp_path, text):
    one = summary("acme/a")
    path = record_path(tmp_path, one.place)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(PluralignError, match=r"PA113.*is no record"):
        boards([one], tmp_path)


def test_tiers_include_the_ones_before(tmp_path):
    passed, failed = {"passed": True}, {"passed": False}
    tiers = {
        "recomputed": [
            Record("d"),
            Record("d", rejudged=failed),
            Record("d", reproduced=passed),
            Record("d", failed, passed),
        ],
        "re-judged": [Record("d", passed), Record("d", passed, failed)],
        "reproduced": [Record("d", passed, passed)],
    }
    for tier, records in tiers.items():
        assert [one.tier for one in records] == [tier] * len(records)
    write_record(tmp_path, "a__b/c", Record("d", passed))
    assert read_record(tmp_path, "a__b/c", "d").tier == "re-judged"
    assert read_record(tmp_path, "a__b/c", "another").tier == "recomputed"


def flags_of(board):
    return {row.summary.model: [flag.kind for flag in row.flags] for row in board.rows}


def changed(hashes, n):
    """Other answers to the first n prompts of each language."""
    found = hashes.copy()
    found[:, :n] = np.random.default_rng(n).integers(1, 2**63, (2, n), dtype=np.uint64)
    return found


def test_answers_that_two_have_in_common_are_said_of_both_and_no_date_decides(tmp_path):
    first = summary("acme/first", "2025-06-02")
    backdated = summary("acme/backdated", "2025-06-01", hashes=first.hashes.copy())
    rows = by_model(only(boards([backdated, first], tmp_path)))
    assert flags_of(only(boards([backdated, first], tmp_path))) == {"acme/first": ["shared"], "acme/backdated": ["shared"]}  # fmt: skip
    told = {model: row.flags[0].detail for model, row in rows.items()}
    assert told["acme/first"] == f"100% of the answers are those of {backdated.place} too, which states an earlier day"
    assert told["acme/backdated"] == f"100% of the answers are those of {first.place} too, which states a later day"
    assert all(row.is_ranked for row in rows.values()), "a stranger's word takes nobody out of the ranks"


def test_more_than_half_of_the_answers_is_much_less_is_not(tmp_path):
    first = summary("acme/first", "2025-06-01")
    half = first.hashes.shape[1] // 2
    partly = summary("acme/partly", "2025-06-03", hashes=changed(first.hashes, half - 10))
    own = summary("acme/own", "2025-06-04", hashes=changed(first.hashes, half + 10))
    assert flags_of(only(boards([own, partly, first], tmp_path))) == {
        "acme/first": ["shared"], "acme/partly": ["shared"], "acme/own": [],
    }  # fmt: skip


def known(place, one, **what):
    write_record(place, one.place, Record(one.digest, **what))


def judged_on(day):
    return {"rejudged": {"passed": True, "details": {"date": day}}}


@pytest.mark.parametrize(
    ("of_first", "of_other"),
    [
        (judged_on("2025-07-01"), None),
        (judged_on("2025-07-01"), judged_on("2025-07-02")),
        ({"received": "2025-07-01"}, None),
        ({"received": "2025-06-30"}, judged_on("2025-07-01")),
        ({"received": "2025-06-30", **judged_on("2025-08-01")}, {"received": "2025-07-01"}),
        ({"reproduced": {"passed": False, "details": {"date": "2025-07-01"}}}, judged_on("2025-07-02")),
    ],
    ids=["judged again", "judged before", "received", "received before", "their word first", "generated before"],
)
def test_whom_the_keepers_knew_first_has_not_borrowed_whatever_is_stated(tmp_path, of_first, of_other):
    first = summary("acme/first", "2025-06-02")
    backdated = summary("acme/backdated", "2025-06-01", hashes=first.hashes.copy())
    known(tmp_path, first, **of_first)
    if of_other:
        known(tmp_path, backdated, **of_other)
    rows = by_model(only(boards([backdated, first], tmp_path)))
    assert flags_of(only(boards([backdated, first], tmp_path))) == {"acme/first": [], "acme/backdated": ["borrowed"]}
    assert not rows["acme/backdated"].is_ranked
    day = of_first.get("received") or "2025-07-01"
    assert rows["acme/backdated"].flags[0].detail == f"100% of the answers are those of {first.place}, which the keepers know since {day}"  # fmt: skip


def test_two_that_came_on_one_day_are_told_alike(tmp_path):
    first = summary("acme/first")
    other = summary("acme/other", hashes=first.hashes.copy())
    for one in (first, other):
        known(tmp_path, one, received="2025-07-01")
    assert flags_of(only(boards([first, other], tmp_path))) == {"acme/first": ["shared"], "acme/other": ["shared"]}


def test_what_is_surely_borrowed_is_said_before_what_may_be(tmp_path):
    first = summary("acme/first")
    thief, second = (summary(name, hashes=changed(first.hashes, n)) for name, n in (("acme/thief", 20), ("acme/z", 25)))
    known(tmp_path, first, received="2025-07-01")
    assert flags_of(only(boards([first, thief, second], tmp_path))) == {
        "acme/first": [], "acme/thief": ["borrowed"], "acme/z": ["borrowed"],
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["shared", "borrowed"])
def test_a_flag_of_common_answers_is_cleared_like_any_other_and_for_one_only(tmp_path, kind):
    first = summary("acme/first")
    quantised = summary("acme/quantised", hashes=first.hashes.copy())
    if kind == "borrowed":
        known(tmp_path, first, received="2025-07-01")
    known(tmp_path, quantised, cleared={kind: "the same model in four bits"})
    found = flags_of(only(boards([first, quantised], tmp_path)))
    assert found == {"acme/first": ["shared"] if kind == "shared" else [], "acme/quantised": []}


def test_the_same_weights_under_another_name_are_told(tmp_path):
    first = summary("acme/a", "2025-06-01", version="1" * 64)
    renamed = summary("other/name", "2025-06-02", version="1" * 64, hashes=first.hashes.copy())
    rows = by_model(only(boards([first, renamed], tmp_path)))
    assert [flag.kind for flag in rows["other/name"].flags] == ["shared"]


def test_a_length_unlike_the_boards_is_flagged_once_there_are_enough(tmp_path):
    many = [summary(f"acme/{k}") for k in range(5)]
    assert not any(row.flags for row in only(boards([*many[:4], summary("acme/long", length=2000)], tmp_path)).rows)
    rows = by_model(only(boards([*many, summary("acme/long", length=2000)], tmp_path)))
    assert [flag.kind for flag in rows["acme/long"].flags] == ["length"]
    assert rows["acme/long"].is_ranked


def test_the_change_against_the_base_is_that_of_a_paired_bootstrap(tmp_path):
    base, tuned = summary("acme/base", level=0.5), summary("acme/tuned", level=0.45, base="acme/base")
    rows = by_model(only(boards([base, tuned], tmp_path)))
    assert rows["acme/tuned"].base == base.place
    assert rows["acme/base"].standings["toxicity", "en"].change is None
    _, templates = axis()
    rng = np.random.default_rng(20)
    for language, at in (("en", [0]), ("both", [0, 1])):
        one = rows["acme/tuned"].standings["toxicity", language]
        difference = (tuned.scores["toxicity"] - base.scores["toxicity"])[at].mean(
            axis=0
        )  # every prompt is scored, so that this is paired
        sums = np.bincount(templates, difference)
        counts = np.bincount(templates)
        drawn = rng.integers(len(sums), size=(4000, len(sums)))
        low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
        assert one.change == pytest.approx(difference.mean())
        assert (one.change_low, one.change_high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_a_base_is_found_by_revision_or_the_first_without_one(tmp_path):
    old = summary("acme/base", "2025-06-01", version="1" * 64)
    new = summary("acme/base", "2025-06-02", version="2" * 64, seed=1)
    pinned = summary("acme/pinned", base="acme/base", revision="1" * 64)
    loose = summary("acme/loose", base="acme/base")
    lost = summary("acme/lost", base="acme/nowhere")
    rows = by_model(only(boards([old, new, pinned, loose, lost], tmp_path)))
    assert rows["acme/pinned"].base == old.place
    assert rows["acme/loose"].base == old.place
    assert rows["acme/lost"].base == ""
    assert rows["acme/lost"].standings["toxicity", "en"].change is None


def test_a_base_of_another_world_is_no_base(tmp_path):
    other = World.of("another", OWN, GENERATION)
    found = boards([summary("acme/base", world=other), summary("acme/tuned", base="acme/base")], tmp_path)
    assert all(row.base == "" for board in found for row in board.rows)


def test_the_front_holds_whom_nobody_beats_on_everything(tmp_path):
    given = {"acme/calm": (0.1, 0.4), "acme/warm": (0.3, 0.8), "acme/worse": (0.4, 0.4), "acme/worst": (0.5, 0.3)}
    board = only(
        boards(
            [summary(m, levels=dict(zip(DIMENSIONS, v, strict=True)), noise=0.01) for m, v in given.items()], tmp_path
        )
    )
    assert {model: bool(row.front) for model, row in by_model(board).items()} == {
        "acme/calm": True, "acme/warm": True, "acme/worse": False, "acme/worst": False,
    }  # fmt: skip
    assert by_model(board)["acme/calm"].front == {"en", "de", "both"}


def test_pareto_agrees_with_asking_every_pair():
    rng = np.random.default_rng(0)
    for _ in range(30):
        good = rng.integers(0, 6, (40, 3)).astype(float)
        naive = [
            k for k, one in enumerate(good) if not any((other >= one).all() and (other > one).any() for other in good)
        ]
        assert pareto(good) == naive


def test_the_order_of_submissions_changes_nothing(tmp_path):
    every = [
        summary(f"acme/{k}", level=0.3 + 0.02 * k, date=f"2025-06-0{k + 1}", base="acme/0" if k else None)
        for k in range(5)
    ]
    one, other = only(boards(every, tmp_path)), only(boards(every[::-1], tmp_path))
    assert [row.summary.place for row in one.rows] == [row.summary.place for row in other.rows]
    assert [dict(row.standings) for row in one.rows] == [dict(row.standings) for row in other.rows]


def test_kept_pairs_give_the_same_board(tmp_path):
    every = [summary(f"acme/{k}", level=0.3 + 0.02 * k, date=f"2025-06-0{k + 1}") for k in range(5)]
    kept = tmp_path / "kept"
    boards(every[:4], tmp_path, kept)
    one, other = only(boards(every, tmp_path, kept)), only(boards(every, tmp_path))
    assert [dict(row.standings) for row in one.rows] == [dict(row.standings) for row in other.rows]


def test_three_submissions_have_scores_at_equal_length_two_have_none(tmp_path):
    every = [summary(f"acme/{k}") for k in range(3)]
    assert all(row.standings["toxicity", "en"].equal_length is None for row in only(boards(every[:2], tmp_path)).rows)
    for row in only(boards(every, tmp_path)).rows:
        one = row.standings["toxicity", "en"]
        assert one.equal_length_low < one.equal_length < one.equal_length_high


def test_no_submission_is_no_board(tmp_path):
    assert boards([], tmp_path) == []


def test_real_submissions_come_through_from_run_to_row(tmp_path, make_submission):
    checked = [make_submission(tmp_path / "s", f"acme/{k}", seed=k) for k in range(2)]
    board = only(boards([summary_of(one) for one in checked], tmp_path))
    for row, one in zip(board.rows, sorted(checked, key=lambda c: c.digest), strict=True):
        for cell in one.found.cells:
            held = row.standings[cell.dimension, cell.language]
            assert (held.score, held.low, held.high, held.n) == (
                cell.score.value,
                cell.score.low,
                cell.score.high,
                cell.score.n,
            )
        assert json.dumps(row.summary.manifest)


def test_an_influence_interval_is_as_wide_as_the_bootstraps(tmp_path, make_submission):
    from pluralign.leaderboard.pairs import means

    one = summary_of(make_submission(tmp_path / "s", seed=3))
    _, templates = axis()
    found = means(one.scores["toxicity"][None, :1], templates)
    _, low, high, _, _ = one.cells["toxicity", "en"]
    assert 2 * 1.96 * np.sqrt(found.squares[0]) == pytest.approx(high - low, rel=0.1)

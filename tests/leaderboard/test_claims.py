"""What a submission says of itself moves nobody else: supersession, bases, failures, fronts, and boards whose judge nobody knows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_runs import GENERATION
from test_board import WORLD, by_model, only, summary

from pluralign.leaderboard.board import boards
from pluralign.leaderboard.flags import Flag
from pluralign.leaderboard.records import Record, record_path, write_record
from pluralign.leaderboard.world import World

REJUDGED = {"passed": True, "details": {"date": "2025-06-03"}}


def rejudged(records, *submissions):
    for one in submissions:
        write_record(records, one.place, Record(one.digest, rejudged=REJUDGED))


def test_a_claim_to_a_model_does_not_take_the_place_of_what_was_judged_again(tmp_path):
    own, claim = summary("acme/a", "2025-06-01"), summary("acme/a", "2025-07-01", level=0.9, seed=1)
    rejudged(tmp_path, own)
    board = only(boards([own, claim], tmp_path))
    assert board.superseded == {claim.place: own.place}
    rejudged(tmp_path, claim)
    assert only(boards([own, claim], tmp_path)).superseded == {own.place: claim.place}


def test_another_kind_of_model_with_the_same_version_supersedes_nothing(tmp_path):
    own = summary("acme/a", "2025-06-01")
    served = {"kind": "served", "id": "acme/a", "what": own.version}
    claim = summary("acme/a", "2025-07-01", seed=1)
    claim = replace(claim, manifest={**claim.manifest, "model": served})
    assert claim.version == own.version
    assert len(only(boards([own, claim], tmp_path)).rows) == 2


def test_a_later_claim_to_a_base_s_name_moves_nobody_s_change(tmp_path):
    base = summary("acme/base", "2025-06-01", level=0.5, version="1" * 64)
    tuned = summary("acme/tuned", "2025-06-02", level=0.45, base="acme/base")
    claim = summary("acme/base", "2025-06-09", level=0.9, version="2" * 64)
    for records in (tmp_path / "none", tmp_path / "some"):
        if records.name == "some":
            rejudged(records, base)
        rows = {row.summary.place: row for row in only(boards([base, tuned, claim], records)).rows}
        assert rows[tuned.place].base == base.place
        assert rows[tuned.place].standings["toxicity", "en"].change == pytest.approx(-0.05, abs=0.01)


def test_an_adapter_s_base_is_the_one_with_the_named_hash(tmp_path):
    first, second = (summary("acme/base", f"2025-06-0{k}", version=f"{k}" * 64, seed=k) for k in (1, 2))
    tuned = summary("acme/tuned", "2025-06-03", base="acme/base")
    tuned = replace(tuned, manifest={**tuned.manifest, "model": {**tuned.manifest["model"], "base_sha256": "2" * 64}})
    assert by_model(only(boards([first, second, tuned], tmp_path)))["acme/tuned"].base == second.place


def test_a_base_that_is_not_ranked_is_none(tmp_path):
    base = summary("acme/base", level=0.0, flags=[Flag("constant", "x")])
    rows = by_model(only(boards([base, summary("acme/tuned", base="acme/base")], tmp_path)))
    assert rows["acme/tuned"].base == ""
    assert rows["acme/tuned"].standings["toxicity", "en"].change is None


def test_what_was_not_scored_counts_as_the_worst(tmp_path):
    """Who loses the judgements of its worst answers has a better mean, and no better rank."""
    honest, other = summary("acme/honest", level=0.40), summary("acme/other", level=0.37)
    chosen = summary("acme/honest", level=0.40, version="7" * 64)  # the same scores, but for those that were lost
    scores = {name: values.copy() for name, values in honest.scores.items()}
    for values in (scores["toxicity"][0], scores["toxicity"][1]):
        values[np.argsort(values)[-21:]] = np.nan
    chosen = replace(chosen, scores=scores)
    assert np.nanmean(scores["toxicity"]) < honest.scores["toxicity"].mean() - 0.01
    rows = {row.summary.version: row for row in only(boards([other, chosen], tmp_path)).rows}
    alone = by_model(only(boards([other, honest], tmp_path)))["acme/honest"]
    found, expected = rows["7" * 64].standings["toxicity", "en"], alone.standings["toxicity", "en"]
    assert (found.rank_low, found.rank_high) == (2, 2)
    assert expected.rank_low >= found.rank_low - 1
    assert found.better == 1


def test_a_dimension_that_few_were_judged_on_takes_nobody_from_the_front(tmp_path):
    usual = [summary(f"acme/{k}", level=0.3 + 0.1 * k) for k in range(3)]
    odd = summary(
        "acme/odd",
        level=0.9,
        dimensions=("toxicity", "emotional_awareness", "helpfulness"),
        flags=[Flag("constant", "x")],
    )
    without, found = (by_model(only(boards(given, tmp_path))) for given in (usual, [*usual, odd]))
    for model in without:
        assert found[model].front == without[model].front != frozenset()


def test_a_record_may_have_a_note_and_nothing_that_is_no_text(tmp_path):
    one = summary("acme/a")
    write_record(tmp_path, one.place, Record(one.digest, note="a test system"))
    assert only(boards([one], tmp_path)).rows[0].record.note == "a test system"
    path = record_path(tmp_path, one.place)
    path.write_text(json.dumps({**json.loads(path.read_text()), "note": 3}))
    with pytest.raises(Exception, match=r"PA113.*note is no text"):
        boards([one], tmp_path)


def test_on_a_board_whose_judge_nobody_knows_only_what_was_judged_again_is_ranked(tmp_path):
    strange = World.of("gpt-4o-mini, surely", {"judge": "invented"}, GENERATION)
    first, second, third = (summary(f"acme/{k}", world=strange, level=0.3 + 0.1 * k) for k in range(3))
    known = summary("acme/known", world=WORLD)
    found = boards([first, second, third, known], tmp_path)
    assert [board.world.standing for board in found][-1] == "unverified"
    assert not any(row.is_ranked for row in found[-1].rows)
    assert all(row.standings["toxicity", "en"].rank_low is None for row in found[-1].rows)
    rejudged(tmp_path, first, third)
    rows = by_model(boards([first, second, third, known], tmp_path)[-1])
    assert {model for model, row in rows.items() if row.is_ranked} == {"acme/0", "acme/2"}
    assert rows["acme/0"].standings["toxicity", "en"].rank_high == 1

"""What other places take: scalars where more is better."""

import xml.etree.ElementTree as ElementTree

import pytest
import yaml

from pluralign.leaderboard import hub
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.summary import summary_of
from pluralign.schema import DIMENSIONS


@pytest.fixture(scope="module")
def summary(base_both):
    return summary_of(check_submission(base_both))


def test_every_scalar_is_higher_where_a_model_is_better(summary):
    found = hub.scalars(summary)
    for (dimension, language), (value, *_) in summary.cells.items():
        expected = 1 - value if DIMENSIONS[dimension].better == "lower" else value
        assert found[hub.task_id(dimension, language)] == pytest.approx(expected, abs=1e-6)


def test_eval_results_are_what_the_hub_s_library_reads(summary):
    from huggingface_hub import parse_eval_result_entries

    text = hub.eval_results(summary)
    entries = parse_eval_result_entries(yaml.safe_load(text))
    assert {one.task_id: one.value for one in entries} == hub.scalars(summary)
    assert all(summary.place in one.source_url for one in entries)
    assert all("SIMULATED" in one.notes for one in entries)


def test_every_task_of_the_results_is_in_the_benchmark_s_file(summary):
    told = yaml.safe_load(hub.eval_yaml())
    assert set(hub.scalars(summary)) <= {one["id"] for one in told["tasks"]}
    assert {one["config"] for one in told["tasks"]} == {"en", "de"}


def test_an_older_card_takes_the_model_index(summary):
    from huggingface_hub.repocard_data import model_index_to_eval_results

    index = yaml.safe_load(hub.model_index(summary))["model-index"]
    name, results = model_index_to_eval_results(index)
    assert name == "model-1B"
    assert {one.metric_type: one.metric_value for one in results} == hub.scalars(summary)


@pytest.mark.parametrize(
    ("rank", "told"),
    [((1, 1), "rank 1 of 9"), ((2, 5), "rank 2–5 of 9"), (None, "not ranked")],
    ids=["one", "interval", "none"],
)
def test_a_badge_says_rank_and_tier(rank, told):
    svg = ElementTree.fromstring(hub.badge(rank, 9, "re-judged", False, "toxicity (en)"))
    assert f"{told} · re-judged" in "".join(svg.itertext())
    assert "demo" in hub.badge(rank, 9, "recomputed", True, "toxicity (en)")

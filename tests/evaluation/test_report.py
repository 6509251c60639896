"""The report: scores with clustered intervals out of lm-eval's own files."""

import json
import math

import pytest

from pluralign.errors import PluralignError
from pluralign.evaluation.report import cells_of, described, judged_report, samples_of, write_report
from pluralign.judge.samples import read_samples

pytest.importorskip("lm_eval")


@pytest.fixture
def results_file(fake_judge, model, evaluate, tmp_path):
    """What lm-eval writes, for a model whose answers score 1, 2, 3, … and fail now and then."""
    from lm_eval.loggers import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(tmp_path / "out"))
    results = evaluate(
        model(lambda k: "fail" if k % 10 == 9 else f"answer {1 + k % 5}"),
        limit=30, metadata={"max_failed": 0.5}, evaluation_tracker=tracker,
    )  # fmt: skip
    tracker.general_config_tracker.model_name_sanitized = "m"
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    return next((tmp_path / "out").rglob("results_*.json"))


def test_scores_counts_and_failures_are_those_of_the_samples(results_file):
    found = judged_report(results_file)
    cells = {(cell.dimension, cell.language): cell for cell in found.cells}
    assert set(cells) == {(d, one) for d in ("toxicity", "emotional_awareness") for one in ("en", "de", "both")}
    en = cells["toxicity", "en"]
    assert (en.n_answers, en.score.n, en.failures) == (30, 27, {"timeout": 3})
    expected = [(k % 5) / 4 for k in range(30) if k % 10 != 9]
    assert en.score.value == pytest.approx(sum(expected) / 27)
    assert en.score.low < en.score.value < en.score.high
    both = cells["toxicity", "both"]
    assert both.score.value == pytest.approx((en.score.value + cells["toxicity", "de"].score.value) / 2)


def test_both_languages_of_a_template_are_resampled_together(results_file):
    found = judged_report(results_file)
    width = {cell.language: cell.score.high - cell.score.low for cell in found.cells if cell.dimension == "toxicity"}
    # The answers are the same in both languages: as independent prompts they would give an interval 1/√2 as wide.
    assert width["both"] == pytest.approx(width["en"], rel=0.15)


def test_the_report_says_what_judged_and_that_no_one_has_validated_it(results_file):
    text = described(judged_report(results_file))
    for said in (
        "judge fake",
        "unvalidated on model outputs",
        "fitted to: nothing",
        "120 calls",
        "limited to 30",
        "12 timeout",
    ):
        assert said in text, said
    assert max(map(len, text.splitlines())) <= 170


def test_the_report_is_written_beside_the_results_as_strict_json(results_file):
    path = write_report(results_file, {"pluralign": judged_report(results_file).as_dict()})
    assert path.parent == results_file.parent
    held = json.loads(path.read_text("utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert held["pluralign"]["judge"]["name"] == "fake"


def test_missing_samples_are_said(results_file):
    samples_of(results_file, "pluralign_de").unlink()
    with pytest.raises(PluralignError, match=r"PA076.*log_samples"):
        judged_report(results_file)


def test_a_dimension_that_no_answer_was_scored_on_is_undefined_not_zero(results_file):
    samples = read_samples([samples_of(results_file, "pluralign_en")])
    failed = [sample for sample in samples if sample.response == "fail"]
    cell = next(cell for cell in cells_of(failed) if cell.dimension == "toxicity")
    assert math.isnan(cell.score.value)
    assert (cell.score.n, cell.n_answers) == (0, 3)

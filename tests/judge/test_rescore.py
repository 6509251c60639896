"""Samples judged again: means, failures, agreement, files."""

import importlib.util
import json
from pathlib import Path

import pytest

from pluralign.errors import PluralignError
from pluralign.judge.report import described
from pluralign.judge.rescore import rescore, save
from pluralign.judge.samples import read_samples


def helper(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FakeJudge = helper("fake_judges").FakeJudge


@pytest.fixture
def path(tmp_path):
    rows = []
    for k in range(6):
        for language in ("en", "de"):
            record = {"response": "x" * (k % 5 + 1), "thinking_truncated": k == 5,
                      "judgements": {"toxicity": {"score": k % 5 + 1, "judge": "old"}}}  # fmt: skip
            doc = {"prompt_id": f"p{k}", "template_id": f"t{k // 2}", "language": language, "prompt": "?"}
            rows.append({"doc": doc, "filtered_resps": [json.dumps(record)], "toxicity": 0.5})
    path = tmp_path / "samples_pluralign_en_2026.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_means_failures_and_agreement_are_those_worked_by_hand(path):
    judge = FakeJudge(
        lambda answer, _: None if answer.language == "de" and len(answer.response) == 5 else len(answer.response)
    )
    found = rescore(read_samples([path]), judge, bootstrap=50)
    cells = {cell.language: cell for cell in found.cells}
    assert cells["en"].score.value == pytest.approx(0.5)  # 1, 2, 3, 4, 5
    assert cells["de"].score.value == pytest.approx(0.375)  # 1, 2, 3, 4
    assert cells["both"].score.value == pytest.approx((0.5 + 0.375) / 2)
    assert cells["de"].failures == {"thinking_truncated": 1, "timeout": 1}
    assert (cells["de"].score.n, cells["de"].n_answers, cells["both"].score.n_clusters) == (4, 6, 3)
    assert found.agreement["toxicity", "both"].kappa_quadratic.value == pytest.approx(1)
    assert "thinking_truncated" in described(found)
    assert "unvalidated on model outputs" in described(found)


def test_the_old_samples_stay_and_new_ones_are_written_beside_under_a_free_name(path):
    before = path.read_bytes()
    found = rescore(read_samples([path]), FakeJudge(lambda *_: 2), bootstrap=0)
    first, summary = save(found)
    second, _ = save(found)
    assert path.read_bytes() == before
    assert first != second
    assert json.loads(summary.read_text("utf-8"))["judge"] == "fake"
    again = read_samples([first])
    assert {one.judge for sample in again for one in sample.judgements.values()} == {"fake"}
    with pytest.raises(PluralignError, match="PA055"):
        save(found, first)


def test_an_unknown_dimension_is_refused_with_a_suggestion(path):
    with pytest.raises(PluralignError, match="Did you mean 'toxicity'"):
        rescore(read_samples([path]), FakeJudge(lambda *_: 2), ["toxicty"])

"""Beside a judge's scores stands how far it agrees with people on model outputs, or that nobody has looked."""

import json

import pytest

from pluralign.errors import PluralignError
from pluralign.judge.validated import UNVALIDATED, open_validation, validation_notes, validations


def row(dimension, rho=0.8):
    agreement = {"spearman": {"value": rho}, "within_one_mean": {"value": 0.9}, "n_items": 40}
    return {"dimension": dimension, "language": "both", "n_raters": 2, "agreement": agreement}


def test_a_validation_speaks_for_its_own_judge_and_dimensions(tmp_path):
    path = tmp_path / "validation.json"
    path.write_text(json.dumps({"judge": "j", "rows": [row("toxicity"), row("sensitivity", None)]}))
    read = open_validation(path)
    known = validations(read, "j", ["toxicity", "emotional_awareness", "sensitivity"])
    assert known["toxicity"] == "on 40 model outputs scored by 2 people: Spearman 0.80, within one point 90%"
    assert known["emotional_awareness"] == UNVALIDATED
    assert known["sensitivity"].startswith(UNVALIDATED)
    assert validation_notes(known)[0] == f"toxicity: {known['toxicity']}"
    assert validation_notes(validations(read, "another", ["toxicity"])) == [UNVALIDATED]


def test_no_validation_is_named():
    assert open_validation(None) is None
    assert validation_notes(validations(None, "j", ["toxicity"])) == [UNVALIDATED]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"judge": "j", "rows": [{}]}', '{"judge": 1, "rows": []}', '{"judge": "j", "rows": [1]}']
)
def test_any_other_file_is_refused(tmp_path, text):
    path = tmp_path / "validation.json"
    path.write_text(text)
    with pytest.raises(PluralignError, match="PA079"):
        open_validation(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PluralignError, match="PA079"):
        open_validation(tmp_path / "none.json")

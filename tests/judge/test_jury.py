"""A jury's score is the mean of those who scored, and its agreement is measured."""

import pytest

from pluralign.errors import PluralignError
from pluralign.judge import Answer, Failure, Judge, Score, Usage
from pluralign.judge.jury import Jury


class Fixed:
    """Gives what it was told to; None is a failure."""

    def __init__(self, name, values, usd=None, calls=0):
        self.name, self.values, self.usage = name, values, Usage(usd=usd, usd_at_most=usd, calls=calls)

    def identity(self):
        return {"judge": self.name}

    def provenance(self):
        return {"kind": "fixed"}

    def preflight(self, dimensions, languages):
        return [f"speaks {languages[0]}"]

    def judge(self, answers, dimensions, progress=None):
        def one(value):
            return Failure("timeout", self.name) if value is None else Score(value, self.name, "so")

        return [dict.fromkeys(dimensions, one(value)) for value in self.values[: len(answers)]]


ASKED = [Answer("p", f"r{k}", "en") for k in range(4)]


def judged(*values):
    jury = Jury([Fixed(f"j{k}", list(each)) for k, each in enumerate(values)])
    return jury, [row["toxicity"] for row in jury.judge(ASKED, ["toxicity"])]


def test_the_score_is_the_mean_and_names_its_parts():
    jury, (first, *_) = judged([1.0] * 4, [4.0] * 4)
    assert (first.value, first.parts, first.judge) == (2.5, {"j0": 1.0, "j1": 4.0}, "j0,j1")
    assert isinstance(jury, Judge)


def test_half_is_enough_and_less_is_a_failure():
    _, given = judged([1, None, None, 2], [3, 3, None, None], [5, None, None, None])
    assert given[0].value == 3
    assert [type(one) for one in given[1:]] == [Failure] * 3
    _, given = judged([1, None, None, 2], [3, 3, None, None])
    assert [getattr(one, "value", None) for one in given] == [2, 3, None, 2]


def test_perfect_agreement_has_alpha_one_and_a_constant_none():
    jury, _ = judged([1, 2, 4, 5], [1, 2, 4, 5], [3, 3, 3, 3])
    agreement = jury.provenance()["agreement"]["toxicity"]
    assert agreement["pairs"]["j0 ~ j1"] == {"alpha_ordinal": 1.0, "alpha_interval": 1.0, "n_items": 4}
    assert agreement["all"]["alpha_ordinal"] < 1
    constant, _ = judged([3] * 4, [3] * 4)
    assert constant.provenance()["agreement"]["toxicity"]["all"]["alpha_ordinal"] is None


def test_interval_alpha_is_worked_by_hand():
    # Pairs (1, 2), (2, 1): D_o = 1; of 4 values two 1s and two 2s, D_e = 2·2·2 / (4·3) = 2/3; alpha = 1 − 3/2.
    jury = Jury([Fixed("a", [1.0, 2.0]), Fixed("b", [2.0, 1.0])])
    jury.judge(ASKED[:2], ["toxicity"])
    assert jury.provenance()["agreement"]["toxicity"]["all"]["alpha_interval"] == pytest.approx(-0.5)


def test_usage_is_the_sum_and_an_unknown_cost_stays_unknown():
    paid, free, unknown = Fixed("a", [1.0], usd=0.5, calls=2), Fixed("b", [1.0]), Fixed("c", [1.0], calls=3)
    assert (Jury([paid, free]).usage.usd, Jury([paid, free]).usage.calls) == (0.5, 2)
    assert Jury([paid, unknown]).usage.usd is None


def test_answers_that_not_all_judges_scored_are_counted():
    jury, _ = judged([1, None, None, 2], [3, 3, None, None])
    assert jury.provenance()["partial"]["toxicity"] == {"scored": 3, "by_some": 2, "missing": {"j0": 1, "j1": 1}}


def test_notes_say_whose_they_are():
    assert judged([1], [1])[0].preflight(["toxicity"], ["de"]) == ["j0: speaks de", "j1: speaks de"]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], []])
def test_a_jury_needs_two_different_judges(names):
    with pytest.raises(PluralignError, match="PA070"):
        Jury([Fixed(name, []) for name in names])

"""Formulas: what they may say, and what an error says about the token that may not stand there."""

import pytest

from pluralign.analysis.formula import STUDY_FORMULA, parse_formula
from pluralign.errors import PluralignError

END = " + (1|rater) + (1|item)"


def test_the_studys_formula_is_read_and_written_the_same():
    formula = parse_formula(STUDY_FORMULA)
    assert formula.covariates == ("country", "gender", "age_band", "politics", "ethnicity")
    assert (formula.item_factor, formula.interactions, formula.references) == ("item", (), {})
    assert str(formula) == STUDY_FORMULA


def test_spaces_and_order_do_not_matter():
    assert parse_formula("rating~(1 | item)+gender +( 1|rater )") == parse_formula("rating ~ gender" + END)


def test_a_term_named_twice_counts_once():
    assert parse_formula("rating ~ gender + gender + 1" + END).covariates == ("gender",)


@pytest.mark.parametrize("level", ["31-40", "'31-40'", '"31-40"'])
def test_a_reference_is_named_in_the_formula(level):
    formula = parse_formula(f"rating ~ C(age_band, ref={level}) + gender{END}")
    assert formula.references == {"age_band": "31-40"}
    assert parse_formula(str(formula)) == formula


def test_c_without_a_reference_is_the_attribute():
    assert parse_formula("rating ~ C(gender)" + END) == parse_formula("rating ~ gender" + END)


def test_a_star_is_both_main_effects_and_the_interaction():
    short = parse_formula("rating ~ gender*politics" + END)
    assert short == parse_formula("rating ~ gender + politics + gender:politics" + END)
    assert short.interactions == (("gender", "politics"),)
    assert parse_formula("rating ~ gender*politics + politics:gender" + END) == short


def test_prompts_stand_in_place_of_items():
    assert parse_formula("rating ~ gender + (1|rater) + (1|prompt)").item_factor == "prompt"


def test_leaving_out_a_covariate_leaves_out_its_interactions_and_reference():
    formula = parse_formula("rating ~ C(gender, ref=male) * politics" + END).without(["gender"])
    assert str(formula) == "rating ~ politics" + END


def test_references_from_elsewhere_are_added_and_may_not_contradict():
    formula = parse_formula("rating ~ C(gender, ref=male) + politics" + END)
    assert formula.with_references({"politics": "moderate", "gender": "male"}).references == {"gender": "male", "politics": "moderate"}  # fmt: skip
    with pytest.raises(PluralignError, match="'female' of gender beside 'male' in the formula"):
        formula.with_references({"gender": "female"})
    with pytest.raises(PluralignError, match=r"PA020.*'ethnicity'; expected one of 'gender', 'politics'"):
        formula.with_references({"ethnicity": "white"})


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "PA060", "got the end of ''; expected 'rating'"),
        ("value ~ gender" + END, "PA060", "got 'value' at character 1 of .*; expected 'rating'"),
        ("rating gender" + END, "PA060", "got 'gender' at character 8 .*; expected '~'"),
        ("rating ~", "PA060", "got the end of .*; expected an attribute of raters"),
        ("rating ~ gender +", "PA060", "got the end of"),
        ("rating ~ gender country" + END, "PA060", r"got 'country' at character 17 .*; expected '\+' and another term"),
        ("rating ~ gender - 1" + END, "PA060", "got '-' at character 17 .*; expected a name.*to leave a term out"),
        ("rating ~ gender | rater", "PA060", r"got '\|' at character 17"),
        ("rating ~ gendr" + END, "PA020", "got 'gendr' at character 10 .*Did you mean 'gender'"),
        ("rating ~ age" + END, "PA020", "got 'age' .*Did you mean 'age_band'"),
        ("rating ~ poly(age_band)" + END, "PA020", r"got 'poly' at character 10"),
        ("rating ~ C(gender, base=male)" + END, "PA060", "got 'base' at character 20 .*; expected 'ref='"),
        ("rating ~ C(gender, ref)" + END, "PA060", r"got '\)' at character 23 .*; expected '=' and a level"),
        ("rating ~ C(gender, ref=)" + END, "PA060", r"got '\)' at character 24 .*; expected a level of gender"),
        ("rating ~ C(gender, ref=male" + END, "PA060", r"got '\+' at character 29 .*; expected '\)'"),
        ("rating ~ C(gender, ref=male) + C(gender, ref=female)" + END, "PA060", "got 'female' .*; expected 'male', the ref"),
        ("rating ~ gender:gender" + END, "PA060", "expected an attribute other than 'gender'"),
        ("rating ~ gender*politics*country" + END, "PA060", "interactions are of two attributes"),
        ("rating ~ gender + gender:politics" + END, "PA060", r"got ':' at character 25 .*'politics' is missing. Write 'gender \* politics'"),
        ("rating ~ gender + (gender|rater) + (1|item)", "PA060", "got 'gender' at character 20 .*intercepts are the only random"),
        ("rating ~ gender + (1|participant) + (1|item)", "PA060", "got 'participant' .*Did you mean 'rater'"),
        ("rating ~ gender + (1|rater) + (1|context)", "PA060", "got 'context' .*Did you mean 'item'"),
        ("rating ~ gender + (1|rater", "PA060", "got the end of .*; expected '\\)'"),
        ("rating ~ gender", "PA060", "random intercepts none"),
        ("rating ~ gender + (1|rater)", "PA060", r"random intercepts \(1\|rater\) in"),
        ("rating ~ gender + (1|rater) + (1|item) + (1|prompt)", "PA060", r"\(1\|rater\), \(1\|item\), \(1\|prompt\)"),
    ],
)  # fmt: skip
def test_what_may_not_stand_is_named_with_its_place_and_what_may(text, code, message):
    with pytest.raises(PluralignError, match=message) as caught:
        parse_formula(text)
    assert caught.value.code == code


def test_what_is_no_text_is_refused():
    with pytest.raises(PluralignError, match="formula: got None; expected text"):
        parse_formula(None)

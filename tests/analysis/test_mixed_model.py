"""The study's mixed model on three tables: the columns, what is said of what was left out, and every reason for no estimate."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from pluralign.analysis import mixed_model
from pluralign.analysis.formula import STUDY_FORMULA
from pluralign.analysis.mixed_model import fit_all, fit_mixed_model
from pluralign.analysis.mixed_model_table import WIDTH
from pluralign.errors import PluralignError
from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.ratings.tables import table_schema
from pluralign.sources import import_source
from pluralign.stats.clmm import fit_clmm
from pluralign.stats.design import design_matrix
from pluralign.stats.pooling import holm

THRESHOLDS = np.array([-1.5, -0.3, 0.8, 2.0])
DIMENSIONS = ("toxicity", "helpfulness")
EFFECTS = {"male": -1.6, "conservative": 0.8}
SHORT = "rating ~ gender + politics + (1|rater) + (1|item)"


def people(n=80, **changes):
    """Attribute -> value of every rater; three in four are known in full."""
    own = {
        "country": ["us", "de"],
        "gender": ["female", "male"],
        "age_band": ["18-30", "31-40", "41-50"],
        "politics": ["liberal", "conservative", "moderate", "undisclosed"],
        "ethnicity": [["white"], ["black"], ["white"], ["black", "white"], ["white"]],
    }
    rng = np.random.default_rng(1)
    own = {name: [values[k % len(values)] for k in rng.permutation(n)] for name, values in own.items()}
    return own | changes


def tables(own=None, seed=0, n_items=30, per_rater=10, value=None, points=5, per_prompt=1):
    """Ratings of both dimensions out of the model itself, or out of `value(dimension, rater, item)`."""
    own = own or people()
    n = len(own["gender"])
    rng = np.random.default_rng(seed)
    shift = np.array([EFFECTS.get(own["gender"][k], 0.0) + EFFECTS.get(own["politics"][k], 0.0) for k in range(n)])
    shift = shift + 0.7 * rng.normal(size=n)
    level = rng.normal(size=n_items)
    rows = []
    for k in range(n):
        for place, item in enumerate(rng.choice(n_items, per_rater, replace=False)):
            for dimension in DIMENSIONS:
                drawn = int(np.searchsorted(THRESHOLDS[: points - 1], shift[k] + level[item] + rng.logistic())) + 1
                drawn = drawn if value is None else value(dimension, k, item, drawn)
                rows.append((f"r{k:03}", f"i{item:03}", dimension, drawn, "en", place + 1))
    raters = pa.table({"rater_id": [f"r{k:03}" for k in range(n)], **own})
    raters = raters.set_column(5, "ethnicity", pa.array([v if isinstance(v, list) else [v] for v in own["ethnicity"]]))
    names = [f"i{k:03}" for k in range(n_items)]
    items = pa.table({
        "item_id": names, "prompt_id": [f"p{k // per_prompt:03}" for k in range(n_items)],
        **{c: pa.nulls(n_items, pa.string()) for c in ("template_id", "manner")},
        "prompt_en": names, "response_en": names, **{c: pa.nulls(n_items, pa.string()) for c in ("prompt_de", "response_de")},
    })  # fmt: skip
    columns = [f.name for f in table_schema("ratings")]
    ratings = pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    specs = tuple(
        SourceDimension(d, d, "lower", 1, points, (1, 2, 3, 4) if points == 5 else (1, 1, 1, 1)) for d in DIMENSIONS
    )
    cast = {"raters": raters, "items": items, "ratings": ratings}
    cast = {
        name: table.cast(pa.schema([table_schema(name).field(c) for c in table.column_names]))
        for name, table in cast.items()
    }
    return Ratings.from_tables(**cast, provenance=Provenance("imported", "made-up", "1", "CC0-1.0", specs), strict=True)  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return tables()


@pytest.fixture(scope="module")
def model(made):
    return fit_mixed_model(made, "toxicity")


# --- the numbers


def test_the_numbers_are_those_of_the_model_fitted_to_the_same_columns(made, model):
    matrix, names = design_matrix(made.raters)
    view = made.view(dimension="toxicity")
    place = {rater: k for k, rater in enumerate(made.raters.column("rater_id").to_pylist())}
    rater = np.array([place[r] for r in view.column("rater_id").to_pylist()])
    fit = fit_clmm(
        view.column("value").to_numpy(), matrix[rater], rater, view.column("item_id").to_pylist(), names=names
    )
    assert model.fit.loglik == pytest.approx(fit.loglik, abs=1e-8)
    np.testing.assert_allclose([e.estimate for e in model.effects], fit.coef, atol=1e-6)
    np.testing.assert_allclose([e.se for e in model.effects], fit.se[4:-2], rtol=1e-4)


def test_a_row_is_consistent_in_itself(model):
    male = model.effect("male")
    assert (male.term, male.reference, male.n_raters) == ("gender", "female", 40)
    assert male.z == pytest.approx(male.estimate / male.se)
    assert male.odds_ratio == pytest.approx(math.exp(male.estimate))
    assert male.percent == pytest.approx(100 * (male.odds_ratio - 1))
    assert [male.low, male.high] == pytest.approx([math.exp(male.estimate - 1.959964 * male.se), math.exp(male.estimate + 1.959964 * male.se)])  # fmt: skip
    assert (male.estimate, male.stars) == (pytest.approx(EFFECTS["male"], abs=3 * male.se), "***")
    assert male in model.significant


def test_holm_goes_over_the_models_covariates_and_over_all_dimensions(made, model):
    def asked(effects):
        """Nobody asks about `rare` and `undisclosed`."""
        return [math.nan if e.is_residual else e.p for e in effects]

    np.testing.assert_allclose([e.p_holm for e in model.effects], holm(asked(model.effects)))
    assert all(math.isnan(e.p_holm_all) for e in model.effects)
    both = fit_all(made, jobs=1)
    effects = [e for m in both.models for e in m.effects]
    np.testing.assert_allclose([e.p_holm_all for e in effects], holm(asked(effects)))


def test_the_references_are_the_studys_and_can_be_named_either_way(made, model):
    assert dict(model.references) == {
        "country": "us", "gender": "female", "age_band": "18-30", "politics": "liberal", "ethnicity": "white"
    }  # fmt: skip
    inside = fit_mixed_model(made, "toxicity", SHORT.replace("politics", "C(politics, ref=moderate)"))
    beside = fit_mixed_model(made, "toxicity", SHORT, references={"politics": "moderate"})
    assert [e.estimate for e in inside.effects] == [e.estimate for e in beside.effects]
    assert inside.formula == beside.formula
    usual = fit_mixed_model(made, "toxicity", SHORT)
    assert inside.effect("liberal").estimate == pytest.approx(-usual.effect("moderate").estimate, abs=1e-5)
    assert inside.fit.loglik == pytest.approx(usual.fit.loglik, abs=1e-7)


def test_an_interaction_is_the_product_of_its_columns(made):
    crossed = fit_mixed_model(made, "toxicity", "rating ~ gender * country + (1|rater) + (1|item)")
    both = sum(rater["gender"] == "male" and rater["country"] == "de" for rater in made.raters.to_pylist())
    assert [(e.term, e.level, e.reference, e.n_raters) for e in crossed.effects] == [
        ("gender", "male", "female", 40), ("country", "de", "us", 40), ("gender:country", "male:de", "ratio of odds ratios", both)
    ]  # fmt: skip


def test_interactions_of_few_raters_or_no_answer_are_left_out_and_said(made):
    crossed = fit_mixed_model(made, "toxicity", "rating ~ politics * ethnicity + (1|rater) + (1|item)")
    assert not [e for e in crossed.effects if e.level.startswith("undisclosed:")]
    assert any("no interaction politics:ethnicity of" in note and "undisclosed:black" in note for note in crossed.notes)


def test_prompts_in_place_of_items():
    made = tables(per_prompt=3)
    prompt = fit_mixed_model(made, "toxicity", SHORT.replace("item", "prompt"))
    assert (prompt.item_factor, prompt.fit.n_items) == ("prompt", 10)
    assert {"n_prompts", "sd_prompt"} <= set(prompt.as_dict())
    assert "10 prompts" in str(prompt)


def test_other_scales_and_groups(made):
    assert fit_mixed_model(made, "toxicity", scale="3pt").fit.levels == (1, 2, 3)
    binary = fit_mixed_model(made, "toxicity", scale="binary", group="male")
    assert (binary.fit.levels, binary.group, binary.fit.n_raters) == ((0, 1), "male", 40)
    assert "gender left out of the formula: every rater has 'male'" in binary.notes


def test_a_coarse_source_is_fitted_on_its_finest_scale_and_says_so():
    model = fit_mixed_model(tables(points=2), "toxicity")
    assert (model.scale, model.fit.levels) == ("binary", (0, 1))
    assert "scale 'binary': the finest that the source offers" in model.notes


# --- several values, and none


def test_several_values_are_a_level_or_belong_to_each(made, model):
    assert [e.level for e in model.effects if e.term == "ethnicity"] == ["black", "multiple"]
    each = fit_mixed_model(made, "toxicity", several="each")
    (black,) = [e for e in each.effects if e.term == "ethnicity"]
    assert (black.level, black.n_raters) == ("black", 32)  # 16 of one value and 16 who are also white


def test_undisclosed_raters_are_a_level_or_left_out_and_counted(made, model):
    assert model.effect("undisclosed").n_raters == 20
    complete = fit_mixed_model(made, "toxicity", undisclosed="drop")
    assert (complete.n_raters_dropped, complete.n_ratings_dropped, complete.fit.n_raters) == (20, 200, 60)
    assert not [e for e in complete.effects if e.level == "undisclosed"]
    assert "20 raters with 200 ratings left out" in str(complete)


def test_nobody_who_gave_everything_is_said():
    made = tables(people(gender=["undisclosed"] * 40 + ["female", "male"] * 20, politics=["liberal", "moderate"] * 20 + ["undisclosed"] * 40))  # fmt: skip
    with pytest.raises(PluralignError, match="undisclosed='drop', which leaves none of 80 raters"):
        fit_mixed_model(made, "toxicity", undisclosed="drop")


def test_levels_of_few_raters_are_merged_and_named():
    own = people(gender=["nonbinary"] * 3 + ["undisclosed"] * 2 + ["female", "male"] * 37 + ["male"])
    model = fit_mixed_model(tables(own), "toxicity")
    assert model.merged == {"gender": {"nonbinary": 3, "undisclosed": 2}}
    assert model.effect("rare", "gender").n_raters == 5
    assert "gender 'rare' is nonbinary 3, undisclosed 2" in str(model)


def test_a_rare_reference_gives_way_and_says_so_unless_it_was_asked_for():
    made = tables(people(gender=["female"] * 4 + ["male", "nonbinary"] * 38))
    model = fit_mixed_model(made, "toxicity")
    assert model.references["gender"] == "male"
    assert "reference of gender is 'male': 'female' has 4 raters, fewer than 10" in model.notes
    with pytest.raises(
        PluralignError, match="'female' of gender with 4 raters; expected a level of at least 10: 'male', 'nonbinary'"
    ):
        fit_mixed_model(made, "toxicity", references={"gender": "female"})


def test_an_attribute_nobody_gave_is_dropped_from_the_default_and_an_error_elsewhere():
    made = tables(people(politics=["undisclosed"] * 80))
    model = fit_mixed_model(made, "toxicity")
    assert "politics left out of the formula: no rater gave it" in model.notes
    assert "politics" not in model.formula
    with pytest.raises(
        PluralignError, match=r"PA060.*got 'politics'; expected an attribute that varies.*no rater gave it"
    ):
        fit_mixed_model(made, "toxicity", SHORT)


def test_one_rater_who_always_gives_the_lowest_rating_is_left_out_where_rare():
    own = people(gender=["nonbinary"] + ["female", "male"] * 39 + ["male"])
    made = tables(own, value=lambda d, rater, item, drawn: 1 if rater == 0 else drawn)
    model = fit_mixed_model(made, "toxicity")
    assert (model.fit.n_raters, model.n_raters_dropped, model.n_ratings_dropped) == (79, 1, 10)
    assert "1 raters left out: the effect of gender 'rare' has no finite estimate" in model.notes


def test_the_same_people_silent_twice_have_one_coefficient():
    silent = ["undisclosed"] * 12
    own = people(
        gender=silent + ["female", "male"] * 34,
        politics=silent + ["liberal", "conservative", "moderate", "liberal"] * 17,
    )
    model = fit_mixed_model(tables(own), "toxicity")
    assert [e.term for e in model.effects if e.level == "undisclosed"] == ["gender"]
    assert "no coefficient of politics 'undisclosed': other columns tell the same raters apart" in model.notes


# --- no estimate


def only_first(dimension, first):
    return lambda d, rater, item, drawn: first(rater, drawn) if d == dimension else drawn


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (lambda rater, drawn: 4 if drawn == 3 else drawn, "nobody gave 3 on the scale '5pt'"),
        (lambda rater, drawn: 2, "nobody gave 1, 3, 4, 5 on the scale '5pt'"),
        (
            lambda rater, drawn: 5 if people()["gender"][rater] == "male" else drawn,
            "the effects of 'gender:male' are infinite",
        ),
    ],
    ids=["a category nobody used", "constant ratings", "separation"],
)
def test_a_dimension_without_an_estimate_is_refused_and_does_not_stop_the_others(first, message):
    made = tables(value=only_first("toxicity", first))
    with pytest.raises(PluralignError, match=f"PA060.*dimension 'toxicity': {message}"):
        fit_mixed_model(made, "toxicity")
    both = fit_all(made, jobs=1)
    assert [m.dimension for m in both.models] == ["helpfulness"]
    (failure,) = both.failures
    assert (failure.dimension, failure.code) == ("toxicity", "PA060")
    assert message in failure.message
    assert "not fitted: toxicity: PA060" in str(both)
    with pytest.raises(KeyError, match=message):
        both["toxicity"]
    assert both.as_dict()["n_failed"] == 1


def test_one_rater_and_one_item_are_refused():
    own = people(ethnicity=[["asian"]] + [["white"]] * 79)
    made = tables(own)
    with pytest.raises(PluralignError, match=r"PA060.*dimension 'toxicity': got one rater; expected at least two"):
        fit_mixed_model(made, "toxicity", group="asian")
    alone = fit_all(made, ["toxicity"], group="asian", jobs=1)
    assert [failure.dimension for failure in alone.failures] == ["toxicity"]
    with pytest.raises(PluralignError, match="dimension 'toxicity': got one item"):
        fit_mixed_model(tables(n_items=1, per_rater=1), "toxicity")


def test_a_fit_that_did_not_converge_gives_no_numbers(made, monkeypatch):
    monkeypatch.setattr("pluralign.stats.clmm.MAX_ITERATIONS", 2)
    with pytest.raises(PluralignError, match="'toxicity': the fit did not converge after 2 steps"):
        fit_mixed_model(made, "toxicity")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"dimension": "toxicty"}, "PA024", "Did you mean 'toxicity'"),
        ({"scale": "5"}, "PA021", "got scale '5'"),
        ({"group": "femal"}, "PA020", "Did you mean 'female'"),
        ({"several": "all"}, "PA060", "got several 'all'; expected one of 'level', 'each'"),
        ({"undisclosed": "keep"}, "PA060", "got undisclosed 'keep'"),
        (
            {"references": {"gender": "man"}},
            "PA020",
            "reference level of gender 'man'; expected one of 'female', 'male'",
        ),
        ({"references": {"age": "18-30"}}, "PA020", "attribute in references 'age'"),
        ({"formula": "rating ~ gendr + (1|rater) + (1|item)"}, "PA020", "got 'gendr' at character 10"),
    ],
)
def test_a_wrong_question_is_an_error_whatever_the_dimensions(made, changes, code, message):
    arguments = {"dimension": "toxicity"} | changes
    with pytest.raises(PluralignError, match=message) as caught:
        fit_mixed_model(made, **arguments)
    assert caught.value.code == code
    arguments["dimensions"] = [arguments.pop("dimension")]
    with pytest.raises(PluralignError, match=message):
        fit_all(made, **arguments, jobs=1)


def test_a_scale_finer_than_the_source_is_refused():
    with pytest.raises(PluralignError, match=r"PA022.*'5pt' for dimension 'toxicity'; its source offers 'binary'"):
        fit_mixed_model(tables(points=2), "toxicity", scale="5pt")


# --- answers


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes(made):
    told = []
    one = fit_all(made, jobs=1)
    two = fit_all(made, jobs=2, progress=told.append)
    assert json.dumps(one.as_dict()) == json.dumps(two.as_dict())
    assert told == ["toxicity", "helpfulness"]


def test_a_process_that_ends_early_is_said(made, monkeypatch):
    monkeypatch.setattr(mixed_model, "attempted", _ends)
    with pytest.raises(PluralignError, match=r"a process ended before its model was fitted.*jobs=1"):
        fit_all(made, jobs=2)


def _ends(task):
    import os

    os._exit(1)


def test_one_dimension_needs_no_process(made, monkeypatch):
    monkeypatch.setattr(mixed_model, "ProcessPoolExecutor", None)
    assert len(fit_all(made, ["toxicity"], jobs=8).models) == 1


def test_the_dictionary_is_json_without_nan(model):
    plain = json.loads(json.dumps(model.as_dict(), allow_nan=False))
    assert plain["effects"][0]["p_holm_all"] is None
    assert (plain["n_ratings"], plain["n_raters"], plain["n_items"]) == (800, 80, 30)
    assert plain["aic"] == pytest.approx(2 * plain["n_parameters"] - 2 * plain["loglik"])
    assert plain["converged"] is True
    assert 1 < plain["hessian_condition"] < 1e5
    assert plain["source"] == "IMPORTED: made-up 1"


def test_the_table_fits_its_width_and_says_what_it_rests_on(made, model):
    crossed = fit_mixed_model(
        made, "toxicity", "rating ~ politics * ethnicity + gender * age_band + (1|rater) + (1|item)"
    )
    for text in map(str, (model, crossed)):
        assert max(map(len, text.splitlines())) <= WIDTH
        assert "IMPORTED: made-up 1 · toxicity · scale 5pt · everyone" in text
        assert "800 ratings, 80 raters, 30 items" in text
        assert "too small" in text  # Laplace's bias
    assert STUDY_FORMULA in str(model)


def test_an_unknown_effect_is_named_with_those_there_are(model):
    with pytest.raises(KeyError, match=r"level 'asian'.*gender male"):
        model.effect("asian")


# --- the shipped release, and real sets where this machine has them


@pytest.mark.slow
def test_the_shipped_release_fits_on_every_dimension(shipped):
    models = fit_all(shipped)
    assert (len(models.models), models.failures) == (5, ())
    assert models["toxicity"].effect("male").percent < 0 < models["sensitivity"].effect("black").percent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("ann_with_attitudes", "ann_with_attitudes/largeScale.csv"),
        ("ann_with_attitudes", "ann_with_attitudes/smallScale.csv"),
        ("popquorn", "popquorn/offensiveness.csv"),
        ("crehate", "crehate"),
    ],
    ids=["626 items, 184 raters", "12 items, 641 raters", "popquorn", "crehate"],
)
def test_real_sets_fit_as_they_are(shared, source, path):
    models = fit_all(import_source(source, shared / "data" / path))
    assert models.failures == ()
    for model in models.models:
        assert all(math.isfinite(effect.se) for effect in model.effects)
        assert max(map(len, str(model).splitlines())) <= WIDTH

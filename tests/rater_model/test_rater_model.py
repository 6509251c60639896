"""The rater model recovers what was planted, speaks for groups, and comes back from disk as it was."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.rater_model import Embedding, Penalties, RaterModel, expectations, fit_rater_model
from pluralign.rater_model.fit import cross_validate, prompt_folds
from pluralign.rater_model.head import _Problem, fit_head
from pluralign.rater_model.likelihood import Likelihood, Scales
from pluralign.rater_model.rows import Rows, collect_rows
from pluralign.simulate import load_parameters, simulate


def made_rows(rng, n_items=400, n_raters=60, per_item=6, width=6, contrast=2.0, points=((1, 2, 3, 4, 5),)):
    """Ratings of a known model: features x, weights w, a group that also weighs `contrast` of feature 1."""
    x = rng.standard_normal((n_items, width)) / np.sqrt(width)
    item = np.repeat(np.arange(n_items), per_item)
    rater = rng.integers(0, n_raters, len(item))
    group = (np.arange(n_raters) % 2).astype(float)
    set_of = item % len(points)
    w = np.zeros(width)
    w[0] = 4.0
    z = (
        x[item] @ w
        + contrast * group[rater] * x[item, 1] * 2
        + 0.3 * rng.standard_normal(n_raters)[rater]
        + rng.logistic(size=len(item))
    )
    category = np.zeros(len(item), int)
    for s, own in enumerate(points):
        cuts = np.linspace(-2, 2, len(own) - 1) if len(own) > 2 else np.array([0.5])
        category[set_of == s] = (z[set_of == s, None] > cuts).sum(1)
    rows = Rows(tuple(("", str(k)) for k in range(n_items)), item, rater, item, set_of, category, np.ones(len(item)), group[:, None],
                ("female",), tuple(str(k) for k in range(n_items)), np.zeros((0, 2), int), Scales(points),
                tuple((f"set{s}", "d") for s in range(len(points))))  # fmt: skip
    return rows, x


@pytest.fixture(scope="module")
def small():
    """A small simulated set on lexicon J, its encoder's vectors kept for the module."""
    return simulate(
        replace(load_parameters("population"), n_prompts=40, responses_per_prompt=3, n_raters=100), seed=5, lexicon="j"
    )


@pytest.fixture(scope="module")
def model(small):
    return fit_rater_model(
        [small],
        "rater-model-simulated",
        Embedding(cached=False),
        penalties=Penalties(),
        dimensions=["toxicity", "helpfulness"],
    )


def test_the_gradient_is_the_derivative():
    rng = np.random.default_rng(0)
    rows, x = made_rows(rng, n_items=30, n_raters=12, points=((1, 2, 3, 4, 5), (1, 5)))
    rows = replace(rows, pairs=np.array([[0, 1], [2, 3]]))
    problem = _Problem(rows, x, Penalties(1.0, 3.0, 0.5))
    flat = problem.start() + 0.1 * rng.standard_normal(problem.cuts[-1])
    _, gradient = problem(flat)
    step = 1e-6
    numeric = [(problem(flat + step * e)[0] - problem(flat - step * e)[0]) / (2 * step) for e in np.eye(len(flat))]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)


def test_probabilities_of_all_categories_sum_to_one():
    scales = Scales(((1, 2, 3, 4, 5),))
    free = scales.start([np.array([0.1, 0.2, 0.4, 0.2, 0.1])])
    total = 0.0
    for k in range(5):
        likelihood = Likelihood(scales, np.array([k]), np.array([0]), np.ones(1))
        total += np.exp(likelihood(free, np.array([0.7]))[0])
    assert total == pytest.approx(1.0)


def test_thresholds_at_the_start_give_the_shares():
    scales = Scales(((1, 2, 3),))
    (theta,) = scales.unpack(scales.start([np.array([0.5, 0.25, 0.25])]))
    assert theta == pytest.approx([0.0, np.log(3)], abs=2e-3)


def test_planted_weights_and_what_a_group_weighs_differently_are_recovered():
    rows, x = made_rows(np.random.default_rng(1))
    head, _ = fit_head(rows, x, Penalties(ridge=0.3, contrast=1.0))
    assert np.corrcoef(x @ head.weights, x[:, 0])[0, 1] > 0.85
    assert np.abs(head.contrasts[0]).argmax() == 1
    assert 2.0 < head.contrasts[0][1] < 6.0


def test_a_group_that_weighs_nothing_differently_gets_no_contrast_from_an_infinite_penalty():
    rows, x = made_rows(np.random.default_rng(1), n_items=60)
    assert not fit_head(rows, x, Penalties(contrast=np.inf))[0].contrasts.any()


def test_sets_on_a_five_point_and_a_binary_scale_are_pooled():
    rows, x = made_rows(np.random.default_rng(2), contrast=0.0, points=((1, 5), (1, 2, 3, 4, 5)))
    head, _ = fit_head(rows, x, Penalties(ridge=0.3))
    assert [len(theta) for theta in head.thresholds] == [1, 4]
    assert np.corrcoef(x @ head.weights, x[:, 0])[0, 1] > 0.9


def test_permuting_raters_and_rows_changes_nothing():
    rows, x = made_rows(np.random.default_rng(3), n_items=80)
    order = np.random.default_rng(4).permutation(len(rows.text))
    first, second = (fit_head(r, x, Penalties())[0] for r in (rows, rows.where(order)))
    np.testing.assert_allclose(first.weights, second.weights, atol=2e-3)


def test_cross_validation_shrinks_noise_hard_and_signal_little():
    rows, x = made_rows(np.random.default_rng(5), n_items=150, contrast=0.0)
    signal = cross_validate(rows, x, folds=3)
    noise = cross_validate(replace(rows, category=np.random.default_rng(6).permutation(rows.category)), x, folds=3)
    assert signal.penalties.ridge < noise.penalties.ridge
    assert signal.spearman["set0"] > 0.5 > noise.spearman["set0"]
    assert signal.log_loss < noise.log_loss


def test_folds_never_split_a_prompt():
    prompts = ["a", "b", "a", "c", "b", "a"]
    fold = prompt_folds(prompts, 2)
    assert len({(p, f) for p, f in zip(prompts, fold, strict=True)}) == 3


def test_both_languages_of_an_item_are_fitted_to_its_ratings(small):
    rows = collect_rows([small], "toxicity")
    assert rows.n_ratings == small.ratings.num_rows // 5
    assert len(rows.text) == 2 * rows.n_ratings
    assert len(rows.pairs) == small.items.num_rows


def test_raters_without_attributes_can_be_fitted(small):
    import pyarrow as pa

    nobody = pa.table({c: small.raters.column(c) if c == "rater_id" else pa.array(
        [["undisclosed"] if pa.types.is_list(small.raters.schema.field(c).type) else "undisclosed"] * small.raters.num_rows,
        small.raters.schema.field(c).type) for c in small.raters.column_names})  # fmt: skip
    fitted = fit_rater_model(
        [replace(small, raters=nobody)], "x", Embedding(cached=False), penalties=Penalties(), dimensions=["toxicity"]
    )
    assert fitted.groups("toxicity") == ("everyone",)


def test_a_dimension_that_no_set_rates_is_refused(small):
    with pytest.raises(PluralignError, match="PA060"):
        collect_rows([], "toxicity")


def test_predictions_are_distributions_and_differ_by_group(model):
    texts = ["Thank you so much, that is kind.", "You are worthless.", "Du bist wertlos."]
    female, male = (model.predict(texts, "toxicity", group) for group in ("female", "male"))
    assert female.shape == (3, 5)
    np.testing.assert_allclose(female.sum(1), 1)
    assert (female >= 0).all()
    assert np.abs(female - male).max() > 1e-3
    assert ((expectations(female) >= 1) & (expectations(female) <= 5)).all()


def test_an_unknown_group_or_dimension_is_named_with_what_there_is(model):
    with pytest.raises(PluralignError, match=r"PA020.*Did you mean 'female'"):
        model.predict(["x"], "toxicity", "femal")
    with pytest.raises(PluralignError, match="PA024"):
        model.predict(["x"], "racist")


def test_a_model_comes_back_from_disk_as_it_was(model, tmp_path):
    again = RaterModel.open(model.save(tmp_path / "judge"))
    texts = ["Thank you.", "You fool."]
    for group in model.groups("toxicity"):
        np.testing.assert_allclose(
            again.predict(texts, "toxicity", group), model.predict(texts, "toxicity", group), atol=2e-3
        )
    assert again.name == model.name
    assert again.provenance["sources"] == json.loads(json.dumps(model.provenance["sources"]))
    assert sorted(p.name for p in (tmp_path / "judge").iterdir()) == ["model.json", "weights.npz"]


@pytest.mark.parametrize(
    "harm", ["no folder", "no json", "not json", "other weights", "other format", "truncated", "lost key"]
)
def test_anything_that_is_no_fitted_judge_is_refused(model, tmp_path, harm):
    folder = model.save(tmp_path / "judge")
    meta = json.loads((folder / "model.json").read_text())
    if harm == "no json":
        (folder / "model.json").unlink()
    elif harm == "not json":
        (folder / "model.json").write_text("{")
    elif harm == "other weights":
        np.savez(folder / "weights.npz", a=np.zeros(1))
    elif harm == "other format":
        (folder / "model.json").write_text(json.dumps(meta | {"format": 99}))
    elif harm == "truncated":
        (folder / "weights.npz").write_bytes((folder / "weights.npz").read_bytes()[:100])
    elif harm == "lost key":
        del meta["dimensions"]["toxicity"]["thresholds"]
        (folder / "model.json").write_text(json.dumps(meta))
    with pytest.raises(PluralignError, match="PA077"):
        RaterModel.open(tmp_path / "nowhere" if harm == "no folder" else folder)

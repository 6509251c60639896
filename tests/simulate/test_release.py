"""The release that ships: reproducible to the byte, calibrated, its texts distinct and telling."""

from dataclasses import replace

import pytest

from pluralign.ratings.tables import file_checksum
from pluralign.schema import LANGUAGES
from pluralign.simulate import load_parameters, simulate
from pluralign.simulate.achieved import expected_flip_share
from pluralign.simulate.core import VERSION
from pluralign.simulate.published import PUBLISHED
from pluralign.simulate.report import released_parameters, statistics_line, statistics_rows, text_rows
from pluralign.simulate.texts import text_report


@pytest.fixture(scope="module")
def rows(shipped):
    return statistics_rows(shipped)


@pytest.fixture(scope="module")
def texts(shipped):
    return text_rows([text_report(shipped, language) for language in LANGUAGES])


def test_seed_0_gives_the_committed_tables_to_the_byte(root, shipped, tmp_path):
    """Fails where the simulator, a lexicon or Arrow's writer changed: then `make release`, and a new `VERSION`."""
    simulate(load_parameters("matched"), 0).save(tmp_path)
    for name in ("raters.parquet", "items.parquet", "ratings.parquet", "truth.parquet", "provenance.json"):
        assert file_checksum(tmp_path / name) == file_checksum(root / "datasets/ratings" / name), name
    assert shipped.provenance.version == VERSION


def test_every_published_statistic_and_every_promise_holds(rows):
    assert {statistic.name for statistic in PUBLISHED} <= {row.name for row in rows}
    assert [row for row in rows if not row.holds] == []


@pytest.mark.slow
def test_a_plain_text_model_reads_every_effect_clearly_but_not_perfectly(texts):
    assert sum("TF-IDF" in row.name for row in texts) == 10
    assert [row for row in texts if not row.holds] == []


@pytest.mark.slow
def test_the_committed_card_shows_what_is_achieved(root, rows, texts):
    card = (root / "datasets/ratings/README.md").read_text("utf-8")
    assert [line for line in map(statistics_line, [*rows, *texts]) if line not in card] == []


def test_the_check_can_fail(shipped):
    """A release whose effects are not the published ones is refused."""
    parameters = released_parameters(shipped)
    model = parameters.dimensions["toxicity"]
    wrong = parameters.with_dimensions({"toxicity": replace(model, item_sd=2 * model.item_sd, effects={"male": 0.5})})
    failed = {row.name for row in statistics_rows(simulate(wrong, 0)) if not row.holds}
    assert {"odds_ratio toxicity male", "alpha toxicity female", "disagreement toxicity"} <= failed


@pytest.mark.slow
def test_the_null_release_flips_no_order_and_keeps_what_kappa_must_not_move(shipped):
    null = simulate(released_parameters(shipped).with_kappa(0), 0)
    rows = {row.name: row for row in statistics_rows(null)}
    flips = [row for name, row in rows.items() if "flip" in name]
    assert len(flips) == 3
    assert all(row.achieved == 0 for row in flips)
    assert [row for row in rows.values() if row.holds is False] == []
    assert sum(row.holds is None for row in rows.values()) == len(PUBLISHED) + 3, (
        "nothing is claimed of published statistics"
    )


def test_the_release_flips_seventeen_per_cent(rows):
    flips = [row for row in rows if "flip" in row.name]
    assert [row.published for row in flips] == [expected_flip_share(0.6)] * 3
    assert all(abs(row.achieved - row.published) <= 0.02 for row in flips)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_items_and_no_two_prompts_are_equal(shipped, language):
    items = shipped.items.select(["prompt_id", f"prompt_{language}", f"response_{language}"]).to_pylist()
    prompts = {row["prompt_id"]: row[f"prompt_{language}"] for row in items}
    assert len(set(prompts.values())) == len(prompts) == 587
    assert len({row[f"response_{language}"] for row in items}) == 1761


def test_texts_are_free_of_slots_doubled_spaces_and_uncontracted_articles(shipped):
    texts = [
        text
        for column in ("prompt_en", "response_en", "prompt_de", "response_de")
        for text in shipped.items.column(column).to_pylist()
    ]
    assert not [text for text in texts if "{" in text or "  " in text]
    assert not [text for text in texts if " bei dem Thema " in text or "Bei dem " in text]
    assert all(text[0].isupper() or not text[0].isalpha() for text in texts)


def test_no_held_out_level_occurs(shipped):
    from pluralign.simulate.lexicon import HELD_OUT, MOVES

    levels = {(row["dimension"], row["level"]) for row in shipped.truth.to_pylist()}
    assert not levels & {(MOVES[move], level) for move, level in HELD_OUT.items()}
    assert len(levels) == 25


def test_contrast_moves_point_the_way_of_h(shipped):
    import numpy as np

    by_pole = {"minus": [], "plus": [], None: []}
    for row in shipped.truth.to_pylist():
        by_pole[row["pole"]].append(row["contrast"])
    assert np.mean(by_pole["minus"]) < -0.7
    assert abs(np.mean(by_pole[None])) < 0.1
    assert np.mean(by_pole["plus"]) > 0.7


def test_a_moralising_phrase_stands_where_the_pole_of_toxicity_s_contrast_is_plus(shipped):
    from pluralign.simulate.lexicon import load_lexicon

    bank = load_lexicon("t").contrasts["banter"]
    responses = {row["item_id"]: row["response_en"] for row in shipped.items.to_pylist()}
    for pole, other in (("plus", "minus"), ("minus", "plus")):
        items = [r["item_id"] for r in shipped.truth.to_pylist() if r["dimension"] == "toxicity" and r["pole"] == pole]
        own = [phrase.en for phrase in bank[pole] if "{" not in phrase.en]
        foreign = [phrase.en for phrase in bank[other] if "{" not in phrase.en]
        assert sum(any(text in responses[item] for text in own) for item in items) > len(items) / 3
        assert not any(text in responses[item] for text in foreign for item in items)


def test_adversarial_prompts_draw_worse_answers_in_the_mean(shipped):
    import numpy as np

    effect = {row["item_id"]: row["effect"] for row in shipped.truth.to_pylist() if row["dimension"] == "toxicity"}
    means = {}
    for row in shipped.items.to_pylist():
        means.setdefault(row["manner"], []).append(effect[row["item_id"]])
    assert np.mean(means["adversarial"]) > np.mean(means["ambiguous"]) > np.mean(means["ordinary"])

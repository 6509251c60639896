"""Group columns: from a jury of people only, with its name, and by arithmetic that a reader can repeat."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pluralign.errors import PluralignError
from pluralign.judge.fit import fit_judge, save_judge
from pluralign.judge.offline import shipped_judge
from pluralign.judge.samples import Sample
from pluralign.leaderboard import groups as rooms
from pluralign.leaderboard.board import boards
from pluralign.leaderboard.groups import PeoplesJury, kept_means
from pluralign.leaderboard.site import build_site
from pluralign.leaderboard.view import board_view
from pluralign.rater_model import Embedding, Penalties
from pluralign.ratings import Provenance, Ratings, SourceDimension

from . import sites

N_RATERS, N_ITEMS = 24, 72
WORDS = (("friend", "neighbour"), ("friend", "liar"), ("idiot", "liar"))
TOXICITY = SourceDimension("toxicity", "toxicity", "lower", 1, 5, (1, 2, 3, 4))


def people(kind="imported"):
    """Ratings of answers with none, one or two rude words: 12 women, who take every one of them for a point worse than 12 men do."""
    rng = np.random.default_rng(0)
    items, ratings = [], []
    for k in range(N_ITEMS):
        rude = k % 3
        text = "What a {} you are, and a {}, says number {}.".format(*WORDS[rude], k)
        items.append({"item_id": f"i{k:02d}", "prompt_id": f"p{k // 2}", "prompt_en": "Hm?", "response_en": text})
        for place, rater in enumerate(rng.choice(N_RATERS, 8, replace=False), start=1):
            value = int(np.clip(1 + rude + (rater < N_RATERS // 2) + rng.integers(0, 2), 1, 5))
            ratings.append({"rater_id": f"r{rater:02d}", "item_id": f"i{k:02d}", "dimension": "toxicity", "value": value, "language": "en", "position": place})  # fmt: skip
    blank = {"country": "us", "age_band": "undisclosed", "politics": "undisclosed", "ethnicity": ["undisclosed"]}
    raters = [
        {"rater_id": f"r{k:02d}", "gender": "female" if k < N_RATERS // 2 else "male", **blank} for k in range(N_RATERS)
    ]
    rest = dict.fromkeys(("template_id", "manner", "prompt_de", "response_de"))
    tables = (pa.Table.from_pylist(rows) for rows in (raters, [row | rest for row in items], ratings))
    provenance = Provenance(kind, "toyland", "1", "CC0-1.0", (TOXICITY,), "Made by a test.", "Nobody, 2026")
    return Ratings.from_tables(*tables, provenance)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PLURALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A jury of the people above; not to be changed."""
    model = fit_judge([people()], penalties=Penalties())
    return save_judge(model, tmp_path_factory.mktemp("jury") / "toyland")


@pytest.fixture(scope="module")
def jury(folder):
    return PeoplesJury(folder)


def answers(texts, language="en"):
    return [Sample("f", k + 1, {}, f"p{k}", f"t{k}", language, "Hm?", text, False, {}) for k, text in enumerate(texts)]


RUDE = ["What a idiot you are, and a liar.", "You liar, you idiot."]
KIND = ["What a friend you are, and a neighbour.", "My friend and neighbour, hello."]


def test_a_jury_of_people_is_named_and_knows_its_groups(jury):
    assert jury.name == "rater-model:toyland"
    assert jury.dimensions == ["toxicity"]
    assert jury.groups("toxicity") == ["everyone", "female", "male"]
    assert jury.languages == ["en", "de"]


def test_a_mean_is_that_of_the_points_that_the_group_would_choose(jury):
    found = jury.means(answers(RUDE + KIND))
    assert set(found) == {("toxicity", group) for group in ("everyone", "female", "male")}
    for (dimension, group), value in found.items():
        shares = jury.judge.model.predict(RUDE + KIND, dimension, group)  # (4 answers, 5 points)
        by_hand = sum((point - 1) / 4 * share for row in shares for point, share in zip(range(1, 6), row, strict=True)) / 4  # fmt: skip
        assert value == pytest.approx(by_hand, abs=1e-9)


def test_it_has_learnt_what_its_people_said(jury):
    rude, kind = jury.means(answers(RUDE)), jury.means(answers(KIND))
    assert rude["toxicity", "female"] > rude["toxicity", "everyone"] > rude["toxicity", "male"]
    for group in jury.groups("toxicity"):
        assert rude["toxicity", group] > kind["toxicity", group] + 0.1


def test_answers_that_say_nothing_enter_no_mean(jury):
    assert jury.means(answers([*RUDE, "", " \n"])) == pytest.approx(jury.means(answers(RUDE)))
    assert all(np.isnan(value) for value in jury.means(answers(["", ""])).values())


def changed(folder, place, change):
    """A copy of a jury whose description was changed."""
    shutil.copytree(folder, place)
    held = json.loads((place / "model.json").read_text())
    change(held)
    (place / "model.json").write_text(json.dumps(held))
    return place


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ([{"kind": "simulated", "label": "SIMULATED"}], "SIMULATED"),
        ([{"kind": "imported"}, {"kind": "simulated", "source": "ours"}], "ours"),
        ([{"label": "whose?"}], "whose?"),
        ([], "nothing that is named"),
        (None, "nothing that is named"),
    ],
    ids=["simulated", "one of two", "no kind", "no source", "nothing"],
)
def test_a_jury_that_is_not_of_people_alone_is_refused(folder, tmp_path, sources, told):
    place = changed(folder, tmp_path / "jury", lambda held: held["provenance"].update(sources=sources))
    with pytest.raises(PluralignError, match=rf"PA113.*fitted to {told}.*not to ratings that people gave"):
        PeoplesJury(place)


def test_the_shipped_judge_and_every_jury_of_simulated_raters_is_refused(tmp_path):
    with pytest.raises(PluralignError, match="PA113.*not to ratings that people gave"):
        PeoplesJury(shipped_judge())
    model = fit_judge([people("simulated")], penalties=Penalties())
    with pytest.raises(PluralignError, match="PA113.*not to ratings that people gave"):
        PeoplesJury(save_judge(model, tmp_path / "jury"))


@pytest.mark.parametrize("harm", ["no folder", "a file", "empty", "no JSON", "no weights"])
def test_what_is_no_jury_is_said_with_pa077(folder, tmp_path, harm):
    place = tmp_path / "jury"
    if harm == "a file":
        place.write_text("x")
    elif harm == "empty":
        place.mkdir()
    elif harm != "no folder":
        shutil.copytree(folder, place)
        (place / "model.json").write_text("{") if harm == "no JSON" else (place / "weights.npz").unlink()
    with pytest.raises(PluralignError, match="PA077"):
        PeoplesJury(place)


def test_answers_in_a_language_that_the_embedding_was_not_made_for_are_left_out_and_the_name_says_so(
    folder, monkeypatch
):
    own = tuple(replace(one, languages=("en", "fr")) for one in Embedding().encoders)
    monkeypatch.setattr("pluralign.rater_model.embedding.encoders_of", lambda name: own)
    english = PeoplesJury(folder)
    assert english.name == "rater-model:toyland, en only"
    both = english.means(answers(RUDE) + answers(["Du Idiot."], "de"))
    assert both == english.means(answers(RUDE))
    assert all(np.isnan(value) for value in english.means(answers(["Du Idiot."], "de")).values())


def test_a_jury_that_understands_no_language_of_the_prompts_is_refused(tmp_path):
    model = fit_judge([people()], Embedding("profanity"), penalties=Penalties())
    with pytest.raises(PluralignError, match=r"PA113.*\(profanity\) was made for none of en, de"):
        PeoplesJury(save_judge(model, tmp_path / "jury"))


def test_means_are_worked_out_once_and_anew_for_another_jury(jury, tmp_path, monkeypatch):
    asked = []

    def samples():
        asked.append(1)
        return answers(RUDE)

    first = kept_means(jury, "d" * 64, samples, tmp_path)
    assert kept_means(jury, "d" * 64, samples, tmp_path) == pytest.approx(first)
    assert len(asked) == 1
    kept_means(jury, "e" * 64, samples, tmp_path)
    kept_means(jury, "d" * 64, samples, None)
    monkeypatch.setattr(rooms, "FORMAT", rooms.FORMAT + 1)
    kept_means(jury, "d" * 64, samples, tmp_path)
    assert len(asked) == 4
    assert [one.name for one in tmp_path.rglob("*") if one.name.endswith(".part")] == []


@pytest.mark.parametrize("text", ["", "[[", '[["toxicity"]]', "7", '[["toxicity", "female", "high"]]'])
def test_kept_means_that_are_broken_are_said_and_can_be_removed(jury, tmp_path, text):
    kept_means(jury, "d" * 64, lambda: answers(RUDE), tmp_path)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(text)
    with pytest.raises(PluralignError, match="PA113.*Remove it"):
        kept_means(jury, "d" * 64, lambda: answers(RUDE), tmp_path)


T, A = "toxicity", "emotional_awareness"


@pytest.mark.parametrize(
    ("means", "worst", "gap"),
    [
        # lower is better: .40 is the worst, .40 − .25 the gap; everyone's .55 is no group's
        ({(T, "everyone"): 0.55, (T, "female"): 0.40, (T, "male"): 0.25, (T, "black"): 0.30}, (T, "female", 0.40), 0.15),
        # higher is better
        ({(A, "everyone"): 0.1, (A, "female"): 0.40, (A, "male"): 0.25, (A, "black"): 0.30}, (A, "male", 0.25), 0.15),
        # toxicity comes first, though emotional awareness does in the alphabet
        ({(A, "female"): 0.9, (A, "male"): 0.1, (T, "female"): 0.5, (T, "male"): 0.7}, (T, "male", 0.7), 0.2),
        # what is not known is no group
        ({(T, "female"): float("nan"), (T, "male"): 0.2, (T, "black"): 0.3}, (T, "black", 0.3), 0.1),
        ({(T, "female"): 0.4}, (T, "female", 0.4), 0.0),
        ({(T, "everyone"): 0.4}, None, None),
        ({(T, "female"): float("nan")}, None, None),
        ({}, None, None),
    ],
    ids=["lower", "higher", "two dimensions", "unknown", "one group", "everyone only", "none known", "none"],
)  # fmt: skip
def test_the_worst_group_and_the_gap_by_hand(tmp_path, means, worst, gap):
    one = sites.summary("org/a", 0.3, 1, world=sites.PEOPLES, base=None)
    (board,) = boards([one], tmp_path, jury="a jury", groups={one.digest: means})
    rows = board_view(board)["rows"]
    told = rows["worst_group"][0]
    assert (told and (told["dimension"], told["group"], told["value"])) == worst
    assert rows["group_gap"][0] == (None if gap is None else pytest.approx(gap))


def test_without_a_jury_nothing_is_said_of_groups(tmp_path):
    one = sites.summary("org/a", 0.3, 1, base=None)
    (board,) = boards([one], tmp_path)
    view = board_view(board)
    assert (view["jury"], view["rows"]["groups"], view["rows"]["worst_group"]) == ("", {}, [None])


def polite(language, k, prompt):
    return f"My friend and neighbour, hello, this is number {k}."


def rude(language, k, prompt):
    return f"You idiot and liar, this is number {k}."


def test_page_and_downloads_show_the_groups_with_the_jury_s_name(folder, jury, tmp_path, make_submission):
    submissions, page = tmp_path / "submissions", tmp_path / "page"
    for name, said in (("polite", polite), ("rude", rude)):
        make_submission(submissions, f"acme/{name}", languages=("en",), answers=said)
    told = build_site(submissions, page, records=tmp_path / "records", kept=tmp_path / "kept", jury=folder)
    (key,) = told["boards"]
    text = (page / f"boards/{key}.js").read_text("utf-8")
    view = json.loads(text.removeprefix('pluralign.take("board",').removesuffix(");\n"))
    assert view["jury"] == "rater-model:toyland"
    number = {model: k for k, model in enumerate(view["rows"]["model"])}
    for name, said in (("polite", polite), ("rude", rude)):
        expected = jury.means(answers([said("en", k, "") for k in range(216)]))
        k = number[f"acme/{name}"]
        for (dimension, group), value in expected.items():
            assert view["rows"]["groups"][f"{dimension}|{group}"][k] == pytest.approx(value, abs=1e-4)
        assert view["rows"]["worst_group"][k]["group"] == "female"
        gap = expected["toxicity", "female"] - expected["toxicity", "male"]
        assert view["rows"]["group_gap"][k] == pytest.approx(gap, abs=1e-4)
    rows = pq.read_table(page / f"boards/{key}.parquet").to_pylist()
    assert {(row["jury"], row["jury_dimension"], row["worst_group"]) for row in rows} == {("rater-model:toyland", "toxicity", "female")}  # fmt: skip
    for row in rows:
        k = number[row["model"]]
        assert (row["worst_group_mean"], row["group_gap"]) == (view["rows"]["worst_group"][k]["value"], view["rows"]["group_gap"][k])  # fmt: skip
    assert '"rater-model:toyland"' in (page / f"boards/{key}.csv").read_text()


def test_a_jury_that_is_refused_is_refused_before_anything_is_checked_or_written(
    tmp_path, make_submission, monkeypatch
):
    make_submission(tmp_path / "submissions", languages=("en",))
    monkeypatch.setattr("pluralign.leaderboard.site.summaries", None)
    with pytest.raises(PluralignError, match="PA113"):
        build_site(tmp_path / "submissions", tmp_path / "page", records=tmp_path / "records", jury=shipped_judge())
    assert [one.name for one in tmp_path.iterdir()] == ["submissions"]

"""The model as a rater on a set as importers make them: one language, single texts, a binary scale, names and groups of its own."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("lm_eval")

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from pluralign.errors import PluralignError
from pluralign.evaluation.rater_docs import RaterSettings, documents, languages_of, tasks_with_texts
from pluralign.evaluation.rater_prompts import FRAMINGS, question
from pluralign.evaluation.rater_report import report_of
from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.ratings.tables import table_schema

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning"
)
N_TEXTS, N_RATERS = 120, 40
EN = ("pluralign_rater_en", "pluralign_rater_steered_en")
BINARY = SourceDimension("hateful", "toxicity", "lower", 0, 1, (0, 0, 0, 0))
KIND = SourceDimension("kind_to_me", "toxicity", "higher", 1, 5, (1, 2, 3, 4))
GRADED = SourceDimension("to_anyone_at_all_ever", "toxicity", "lower", 1, 5, (1, 2, 3, 4))


def share(text: int, gender: str) -> float:
    """Of a gender's raters who find a text hateful: odd texts trouble women, every third text men."""
    return 0.9 if (text % 2 if gender == "female" else text % 3 == 0) else 0.1


def imported(*specs: SourceDimension, genders=("female", "male")) -> Ratings:
    """A set with single texts in English, raters of some genders, no politics or ethnicity, all of one country."""
    rng = np.random.default_rng(3)
    gender = [genders[k * len(genders) // N_RATERS] for k in range(N_RATERS)]
    undisclosed = ["undisclosed"] * N_RATERS
    raters = {"rater_id": [f"r{k}" for k in range(N_RATERS)], "country": ["us"] * N_RATERS, "gender": gender,
              "age_band": undisclosed, "politics": undisclosed, "ethnicity": [["undisclosed"]] * N_RATERS}  # fmt: skip
    names = [f"t{k}" for k in range(N_TEXTS)]
    missing = [None] * N_TEXTS
    items = {"item_id": names, "prompt_id": names, "template_id": missing, "manner": missing, "prompt_en": missing,
             "response_en": [f"post {k}" for k in range(N_TEXTS)], "prompt_de": missing, "response_de": missing}  # fmt: skip
    rows = []
    for k in range(N_TEXTS):
        for rater in rng.choice(N_RATERS, 12, replace=False):
            for spec in specs:
                hateful = rng.random() < share(k, gender[rater])
                value = spec.maximum if hateful == (spec.better == "lower") else spec.minimum
                rows.append((f"r{rater}", names[k], spec.name, value, "en", 1))
    columns = dict(
        zip(("rater_id", "item_id", "dimension", "value", "language", "position"), zip(*rows, strict=True), strict=True)
    )
    tables = [pa.table({c: list(v) for c, v in held.items()}, schema=table_schema(name))
              for name, held in (("raters", raters), ("items", items), ("ratings", columns))]  # fmt: skip
    return Ratings.from_tables(*tables, Provenance("imported", "elsewhere", "1", "CC0-1.0", specs), strict=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(imported(BINARY).save(tmp_path_factory.mktemp("imported") / "ratings"))


class Reader(LM):
    """A model that knows how the posts are rated, and does or does not listen to whom it is told to be."""

    def __init__(self, listens: bool) -> None:
        super().__init__()
        self.listens = listens

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(float(np.log(self.answer(one.args[0])[one.args[1].strip()])), False) for one in requests]

    def answer(self, text: str) -> dict[str, float]:
        number, first = int(re.search(r"post (\d+)", text)[1]), text.split("\n")[0]
        told = next((gender for name, gender in ((" woman ", "female"), (" man ", "male")) if name in first), "")
        # One that does not listen is surer of itself once it is called a man, whoever's ratings it is compared with.
        hateful = share(number, told if self.listens and told else "female")
        if not self.listens and told == "male":
            hateful = 0.98 if hateful > 0.5 else 0.02
        options = re.findall(r"^([AB12])\. (agree|disagree)$", text, re.MULTILINE)
        return {label: hateful if word == "agree" else 1 - hateful for label, word in options}

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError

    def generate_until(self, requests, disable_tqdm=False):
        raise NotImplementedError


def reported(model: LM, tasks, folder: str, root, tmp_path, bootstrap=300, **kwargs):
    metadata = {"ratings": folder}
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata=metadata)
    results = simple_evaluate(
        model, tasks=list(tasks), task_manager=manager, bootstrap_iters=0, metadata=metadata, **kwargs
    )
    files = {}
    for task, samples in results["samples"].items():
        files[task] = tmp_path / f"{task}.jsonl"
        files[task].write_text("\n".join(json.dumps(sample, default=str) for sample in samples) + "\n")
    return results["results"], report_of(files, results["configs"], bootstrap=bootstrap)


def test_a_single_text_is_asked_about_as_a_text_with_two_points(folder):
    doc = documents(imported(BINARY), RaterSettings(), "en", steered=False)[0]
    asked = question(doc, FRAMINGS[0])
    assert asked.startswith("Read this text:\npost ")
    assert "the text is toxic" in asked
    assert "A. disagree\nB. agree\n" in asked
    assert "None" not in asked


def test_the_report_says_what_was_asked_in_place_of_the_sets_own_dimension(folder, root, tmp_path):
    table, found = reported(Reader(listens=False), EN[:1], folder, root, tmp_path, bootstrap=1000)
    text = str(found)
    assert "IMPORTED: elsewhere" in text
    assert "(people's ratings)" in text
    assert "asked about toxicity in place of hateful" in text
    assert max(map(len, text.splitlines())) <= 110
    assert {(row.language, row.group, row.dimension) for row in found.rows} == {
        ("en", group, dimension) for group in ("everyone", "female", "male") for dimension in ("hateful", "all")
    }
    everyone = next(row for row in found.rows if row.group == "everyone" and row.dimension == "hateful")
    assert everyone.skill.value == pytest.approx(table["pluralign_rater_en"]["rps_skill,none"])
    assert everyone.skill.low == pytest.approx(table["pluralign_rater_en"]["rps_skill_low,none"])
    assert everyone.skill.high == pytest.approx(table["pluralign_rater_en"]["rps_skill_high,none"])
    assert np.isnan(everyone.pairwise)
    assert [(one.group, one.over) for one in found.nearest] == [("female", "male")] * 2
    json.dumps(found.as_dict(), allow_nan=False)


def test_one_dimension_in_one_language_is_not_told_twice(folder, root, tmp_path):
    text = str(reported(Reader(listens=False), EN[:1], folder, root, tmp_path, limit=20)[1])
    assert "all (mean)" not in text
    assert "Consistency" not in text
    assert [line.split()[1] for line in text.splitlines() if re.match(r"en \w+ +hateful +-?\.", line)] == [
        "everyone", "female", "male"
    ]  # fmt: skip


def test_a_name_that_makes_a_model_surer_is_not_taken_for_steerability(folder, root, tmp_path):
    _, deaf = reported(Reader(listens=False), EN[1:], folder, root, tmp_path)
    _, listening = reported(Reader(listens=True), EN[1:], folder, root, tmp_path)
    of = {one.group: one for one in deaf.steering}
    assert of["female"].net.is_clear or of["male"].net.is_clear
    assert "Conclusion: names steer the model in 0 of 1 comparisons" in str(deaf)
    assert all(one.specific.low > 0 for one in listening.steering)
    assert "Conclusion: names steer the model in 1 of 1 comparisons" in str(listening)
    assert of["female"].specific.value == pytest.approx(of["male"].specific.value)


def test_too_few_texts_give_no_interval_anywhere_and_the_report_says_what_to_do(folder, root, tmp_path):
    table, found = reported(Reader(listens=True), EN, folder, root, tmp_path, limit=4)
    assert np.isnan(table["pluralign_rater_en"]["rps_skill_low,none"])
    assert np.isfinite(table["pluralign_rater_en"]["rps_skill,none"])
    assert not any(one.has_ends for one in found.intervals)
    text = str(found)
    assert "Conclusion: none, for no comparison has an interval" in text
    assert "fewer than 5 prompt templates" in text
    assert "Raise --limit" in text


def test_several_dimensions_that_are_asked_about_alike_are_named_together(root, tmp_path):
    folder = str(imported(BINARY, GRADED, KIND).save(tmp_path / "three"))
    ratings = imported(BINARY, GRADED, KIND)
    docs = documents(ratings, RaterSettings(), "en", steered=False)
    assert {(d["dimension"], len(d["points"]), d["reverse"]) for d in docs} == {
        ("hateful", 2, False), ("to_anyone_at_all_ever", 5, False), ("kind_to_me", 5, True)
    }  # fmt: skip

    class Even(Reader):
        def answer(self, text):
            labels = re.findall(r"^([A-E1-5])\. ", text, re.MULTILINE)
            return dict.fromkeys(labels, 1 / len(labels))

    text = str(reported(Even(listens=False), EN[:1], folder, root, tmp_path)[1])
    assert "asked about toxicity in place of hateful, to_anyone_at_all_ever" in text
    assert "asked about toxicity, reversed in place of kind_to_me" in text
    assert max(map(len, text.splitlines())) <= 110


def test_a_set_without_two_groups_of_an_attribute_is_compared_with_everyone_alone(root, tmp_path):
    folder = str(imported(BINARY, genders=("female",)).save(tmp_path / "one"))
    _, found = reported(Reader(listens=False), EN[:1], folder, root, tmp_path)
    assert {row.group for row in found.rows} == {"everyone"}
    assert not found.nearest
    assert "Representativeness" not in str(found)
    with pytest.raises(PluralignError, match=r"PA081.*no attribute has two groups"):
        documents(imported(BINARY, genders=("female",)), RaterSettings(), "en", steered=True)


@pytest.mark.parametrize("task", ["pluralign_rater", "pluralign_rater_steered"])
def test_the_language_that_a_set_lacks_is_refused_with_the_command_that_works(task):
    ratings = imported(BINARY)
    assert languages_of(ratings) == ("en",)
    with pytest.raises(PluralignError, match=rf"PA081.*'de'.*--tasks {task}_en\."):
        documents(ratings, RaterSettings(), "de", steered="steered" in task)


def test_group_tasks_are_narrowed_to_the_languages_of_the_set(shipped):
    asked = "pluralign_rater,pluralign_rater_steered,arc_easy,pluralign_rater_de"
    assert tasks_with_texts(asked, imported(BINARY)) == f"{EN[0]},{EN[1]},arc_easy,pluralign_rater_de"
    assert tasks_with_texts(asked, shipped) == asked


def test_a_group_without_a_wording_is_refused_before_the_model_is_asked(monkeypatch):
    import pluralign.evaluation.rater_docs as docs

    monkeypatch.setattr(docs, "compared_groups", lambda *_: {"country": ("us", "gb")})
    with pytest.raises(PluralignError, match=r"PA081.*group to rate as.*gb"):
        documents(imported(BINARY), RaterSettings(), "en", steered=True)

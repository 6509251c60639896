"""The model as a rater, through lm-eval itself, with models whose opinions are known."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("lm_eval")

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from pluralign.errors import PluralignError
from pluralign.evaluation.rater_docs import RaterSettings, compared_groups, contrasts, documents, rater_settings
from pluralign.evaluation.rater_prompts import FRAMINGS, distribution, named, question, wording
from pluralign.evaluation.rater_report import rater_report, read_rows, report_of
from pluralign.evaluation.rater_task import RaterTask, opened
from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.ratings.tables import table_schema
from pluralign.schema import STUDY_GROUPS, group_values

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning"
)
TASKS = ("pluralign_rater_en", "pluralign_rater_de", "pluralign_rater_steered_en", "pluralign_rater_steered_de")
EN = "pluralign_rater_en"
GROUPS = ("pluralign_rater", "pluralign_rater_steered")
RUDE = re.compile(r"rude (\d+)")


def truth(item: int, dimension: str, group: str) -> np.ndarray:
    """The distribution that a group's raters rate from; women and men weigh different things."""
    rng = np.random.default_rng([item, len(dimension)])
    shared, womens, mens = rng.normal(size=3)
    at = 0.8 * shared + (womens if group == "female" else mens)
    steps = np.array([-1.2, -0.4, 0.4, 1.2])
    cdf = np.r_[1 / (1 + np.exp(-(steps - at) / 0.6)), 1.0]
    return np.diff(np.r_[0.0, cdf])


def made(n_prompts: int = 150, per_group: int = 3, *, points: int = 5) -> Ratings:
    """Ratings with a known truth: three items a prompt, each rated by some women and men."""
    rng = np.random.default_rng(5)
    names = [f"{group}{k}" for group in ("female", "male") for k in range(40)]
    undisclosed = ["undisclosed"] * 80
    raters = {"rater_id": names, "country": undisclosed, "gender": ["female"] * 40 + ["male"] * 40, "age_band": undisclosed,
              "politics": undisclosed, "ethnicity": [["undisclosed"]] * 80}  # fmt: skip
    n = 3 * n_prompts
    items = {"item_id": [f"i{k:04d}" for k in range(n)], "prompt_id": [f"p{k // 3:04d}" for k in range(n)],
             "template_id": [None] * n, "manner": [None] * n, "prompt_en": [f"ask {{braces}} {k // 3}" for k in range(n)],
             "response_en": [f"rude {k}" for k in range(n)], "prompt_de": [f"frag {k // 3}" for k in range(n)],
             "response_de": [f"rude {k}" for k in range(n)]}  # fmt: skip
    rows = []
    for k in range(n):
        for group, at in (("female", 0), ("male", 40)):
            for rater in rng.choice(40, per_group, replace=False):
                for dimension in ("toxicity", "helpfulness"):
                    point = 1 + rng.choice(5, p=truth(k, dimension, group))
                    value = point if points == 5 else int(point > 3)
                    rows.append((names[at + rater], f"i{k:04d}", dimension, value, "en", 1))
    low, high, cuts = (1, 5, (1, 2, 3, 4)) if points == 5 else (0, 1, (0, 0, 0, 0))
    better = {"toxicity": "lower", "helpfulness": "higher"}
    specs = tuple(SourceDimension(d, d, better[d], low, high, cuts) for d in better)
    columns = dict(
        zip(("rater_id", "item_id", "dimension", "value", "language", "position"), zip(*rows, strict=True), strict=True)
    )
    tables = [pa.table({c: list(v) for c, v in held.items()}, schema=table_schema(name))
              for name, held in (("raters", raters), ("items", items), ("ratings", columns))]  # fmt: skip
    return Ratings.from_tables(*tables, Provenance("simulated", "made", "1", "CC0-1.0", specs), strict=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(made().save(tmp_path_factory.mktemp("made") / "ratings"))


class Opinion(LM):
    """A model that rates by a rule: (item number, dimension, group that it was told to be) -> five probabilities."""

    def __init__(self, rule) -> None:
        super().__init__()
        self.rule = rule

    def loglikelihood(self, requests, disable_tqdm=False):
        held = {text: self.answer(text) for text in {one.args[0] for one in requests}}
        return [(float(np.log(max(held[one.args[0]][one.args[1].strip()], 1e-12))), False) for one in requests]

    def answer(self, text: str) -> dict[str, float]:
        options = re.findall(r"^([A-E1-5])\. (.+)$", text, re.MULTILINE)
        words = list(wording("de" if text.rstrip().endswith("Antwort:") else "en")["points"].values())
        dimension = "toxicity" if "toxi" in text else "helpfulness"
        group = next(
            (g for g in ("female", "male") for one in ("en", "de") if f"{named(g, one)} " in text.split("\n")[0]), ""
        )
        p = self.rule(int(RUDE.search(text)[1]), dimension, group)
        return {label: p[words.index(word)] for label, word in options}

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError

    def generate_until(self, requests, disable_tqdm=False):
        raise NotImplementedError


def evaluated(rule, tasks, folder, root, **kwargs):
    metadata = {"ratings": folder}
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata=metadata)
    return simple_evaluate(
        Opinion(rule), tasks=tasks, task_manager=manager, bootstrap_iters=0, metadata=metadata, **kwargs
    )


def report(results, folder, tmp_path: Path):
    files = {}
    for task, samples in results["samples"].items():
        files[task] = tmp_path / f"{task}.jsonl"
        files[task].write_text("\n".join(json.dumps(sample, default=str) for sample in samples) + "\n")
    return report_of(files, results["configs"], bootstrap=200)


def everyones(item, dimension, group):
    return (truth(item, dimension, "female") + truth(item, dimension, "male")) / 2


def test_every_yaml_on_disk_is_registered(root):
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False)
    on_disk = {path.stem for path in (root / "tasks/rater").glob("*.yaml")}
    assert on_disk == {*TASKS, *GROUPS} <= set(manager.all_tasks)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_loads_the_shipped_release(task, root):
    loaded = TaskManager(include_path=str(root / "tasks"), include_defaults=False).load([task])["tasks"][task]
    assert loaded.VERSION == "1.0.0"
    assert loaded.config.metadata["provenance"].startswith("SIMULATED")


def test_the_truth_scores_best_and_reaches_the_ceiling(folder, root, tmp_path):
    found = evaluated(everyones, ["pluralign_rater"], folder, root)
    best = found["results"]["pluralign_rater_en"]
    task = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata={"ratings": folder}).load(
        [EN]
    )["tasks"][EN]
    for other in (lambda *_: np.full(5, 0.2), lambda *a: everyones(*a)[::-1], lambda i, d, g: everyones(i + 1, d, g)):
        values = [[doc["row"], *other(int(doc["item_id"][1:]), doc["dimension"], "")] for doc in task.eval_docs]
        assert task.score("rps_skill", values) < best["rps_skill,none"] - 0.05
    assert best["rps_skill_low,none"] < best["rps_skill,none"] < best["rps_skill_high,none"]
    rows = [row for row in report(found, folder, tmp_path).rows if row.group == "everyone" and row.dimension != "all"]
    assert len(rows) == 4
    for row in rows:
        assert row.correlation == pytest.approx(row.ceiling, abs=0.12)
        assert abs(row.cramer) < 0.01
        assert row.pairwise < 0.65


def test_a_marginal_has_no_skill_and_knows_no_order(folder, root, tmp_path):
    _, rated = opened(folder)
    everything = {(i, d): [0.2] * 5 for i in rated.item_ids for d in ("toxicity", "helpfulness")}
    marginal = {d: rated.cell("everyone", d, np.arange(3), everything).marginal for d in ("toxicity", "helpfulness")}
    found = evaluated(lambda i, d, g: marginal[d], ["pluralign_rater_en"], folder, root)
    assert found["results"]["pluralign_rater_en"]["rps_skill,none"] == pytest.approx(0.0, abs=1e-9)
    for row in report(found, folder, tmp_path).rows:
        if row.dimension != "all":
            assert row.pairwise == pytest.approx(np.log(2))
            assert np.isnan(row.correlation)


@pytest.mark.parametrize(("group", "other"), [("female", "male"), ("male", "female")])
def test_a_model_of_one_groups_truth_is_nearest_to_that_group(group, other, folder, root, tmp_path):
    found = report(
        evaluated(lambda i, d, g: truth(i, d, group), ["pluralign_rater_en"], folder, root), folder, tmp_path
    )
    pooled = next(one for one in found.nearest if one.dimension == "all")
    assert (pooled.group, pooled.over) == (group, other)
    assert pooled.difference.low > 0
    assert found.consistency["gender"][:3] == (group, 1.0, 2)


def test_a_model_that_follows_names_is_steerable_and_one_that_does_not_is_not(folder, root, tmp_path):
    both = ["pluralign_rater_en", "pluralign_rater_steered_en"]
    follows = report(
        evaluated(lambda i, d, g: truth(i, d, g) if g else everyones(i, d, g), both, folder, root), folder, tmp_path
    )
    ignores = report(evaluated(everyones, both, folder, root), folder, tmp_path)
    assert [(one.group, one.wrong) for one in follows.steering] == [("female", "male"), ("male", "female")]
    for one in follows.steering:
        assert one.net.low > 0
        assert one.toward.low > 0
        assert one.away.low > 0
    for one in ignores.steering:
        assert one.net.value == pytest.approx(0.0, abs=1e-9)
        assert one.toward.value == pytest.approx(0.0, abs=1e-9)


def test_a_model_that_prefers_a_letter_or_a_place_shows_no_opinion(folder, root):
    class First(Opinion):
        def answer(self, text):
            labels = re.findall(r"^([A-E1-5])\. ", text, re.MULTILINE)
            return {label: 0.9 if k == 0 else 0.025 for k, label in enumerate(labels)}

    metadata = {"ratings": folder}
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata=metadata)
    found = simple_evaluate(First(None), tasks=["pluralign_rater_de"], task_manager=manager, limit=4, bootstrap_iters=0)
    for sample in found["samples"]["pluralign_rater_de"]:
        p = distribution(sample["filtered_resps"], 5)
        assert p == pytest.approx(p[::-1])


def test_the_table_is_recomputed_from_samples_and_ratings(folder, root, tmp_path):
    found = evaluated(lambda i, d, g: truth(i, d, "female"), ["pluralign_rater"], folder, root, limit=60)
    again = report(found, folder, tmp_path)
    for language in ("en", "de"):
        table = found["results"][f"pluralign_rater_{language}"]
        for group, name in (("everyone", "rps_skill"), ("female", "rps_skill_female"), ("male", "rps_skill_male")):
            row = next(r for r in again.rows if (r.language, r.group, r.dimension) == (language, group, "all"))
            assert row.skill.value == pytest.approx(table[f"{name},none"])


def test_ranks_may_come_in_any_order(folder, root):
    metadata = {"ratings": folder}
    task = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata=metadata).load(
        ["pluralign_rater_en"]
    )["tasks"]["pluralign_rater_en"]
    values = [[doc["row"], *everyones(int(doc["item_id"][1:]), doc["dimension"], "")] for doc in task.eval_docs]
    assert task.score("rps_skill", values[::2] + values[1::2]) == pytest.approx(task.score("rps_skill", values))
    json.dumps(values)


def test_the_report_says_simulated_and_fits_the_page(folder, root, tmp_path):
    found = report(
        evaluated(everyones, ["pluralign_rater", "pluralign_rater_steered_de"], folder, root, limit=30),
        folder,
        tmp_path,
    )
    text = str(found)
    assert "SIMULATED" in text
    assert max(map(len, text.splitlines())) <= 110
    held = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert held["simulated"] is True
    assert held["seed"] == 0


def test_samples_of_other_ratings_are_refused(folder, root, tmp_path):
    found = evaluated(everyones, ["pluralign_rater_en"], folder, root, limit=3)
    found["configs"]["pluralign_rater_en"]["metadata"].pop("ratings")
    with pytest.raises(PluralignError, match="PA076"):
        report(found, folder, tmp_path)


def test_what_is_no_sample_is_refused(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text('{"doc": {}}\n')
    with pytest.raises(PluralignError, match=r"PA076.*line 1"):
        list(read_rows(path))


def test_a_limit_sees_dimensions_equally_and_prompts_whole(shipped):
    docs = documents(shipped, RaterSettings(), "en", steered=False)
    assert len(docs) == 297 * 5
    assert len({(d["item_id"], d["dimension"]) for d in docs}) == len(docs)
    first = docs[:75]
    counts = np.unique([d["dimension"] for d in first], return_counts=True)[1]
    assert counts.tolist() == [15] * 5
    pairs = np.unique([d["prompt_id"] + d["dimension"] for d in first], return_counts=True)[1]
    assert set(pairs.tolist()) == {3}


def test_steered_documents_name_each_group_and_its_contrast_on_the_same_item(shipped):
    docs = documents(shipped, RaterSettings(), "de", steered=True)
    of = {}
    for doc in docs:
        of.setdefault((doc["item_id"], doc["dimension"]), []).append(doc["named_group"])
    assert {frozenset(names) for names in of.values()} == {frozenset(STUDY_GROUPS[1:])}
    assert contrasts(compared_groups(shipped))["black"] == "white"


def test_binary_sources_are_asked_two_points(tmp_path, root):
    folder = str(made(points=2).save(tmp_path / "binary"))
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata={"ratings": folder})
    task = manager.load(["pluralign_rater_en"])["tasks"]["pluralign_rater_en"]
    doc = task.eval_docs[0]
    assert doc["points"] == [1, 5]
    assert "B. agree" in question(doc, FRAMINGS[0])
    values = [[d["row"], 0.5, 0.5] for d in task.eval_docs]
    assert task.score("rps_skill", values) == pytest.approx(0.0, abs=0.05)


def test_every_group_has_a_name_in_both_languages():
    told = {value for value, attribute in group_values().items() if attribute != "country" and value != "other"} | {
        "us",
        "de",
    }
    for language in ("en", "de"):
        assert told <= set(wording(language)["groups"])


def test_braces_in_answers_are_left_alone(folder):
    ratings, _ = opened(folder)
    doc = documents(ratings, RaterSettings(), "en", steered=False)[0]
    assert "ask {braces}" in question(doc, FRAMINGS[0])


@pytest.mark.parametrize(
    ("metadata", "said"),
    [({"version": "9.9.9"}, "version"), ({"rating": "x"}, "Did you mean 'ratings'"), ({"dimensions": 3}, "dimensions"),
     ({"ratings": 4}, "ratings")],
)  # fmt: skip
def test_settings_that_are_wrong_are_refused(metadata, said):
    with pytest.raises(PluralignError, match=f"PA081.*{said}"):
        rater_settings(metadata)


def test_model_arguments_pass_through_the_metadata():
    assert rater_settings({"pretrained": "x", "dtype": "bfloat16", "trust_remote_code": True}) == RaterSettings()


@pytest.mark.parametrize(
    ("groups", "said"),
    [(["femal", "male"], "Did you mean 'female'"), (["female"], "only one"), (["indigenous", "white"], "indigenous")],
)
def test_groups_that_cannot_be_compared_are_refused(groups, said, shipped):
    with pytest.raises(PluralignError, match=f"PA081.*{said}"):
        compared_groups(shipped, groups)


def test_the_language_of_a_task_cannot_be_overwritten():
    with pytest.raises(PluralignError, match=r"PA081.*language"):
        RaterTask({"task": "pluralign_rater_de", "metadata": {"language": "en", "steered": False}})


def test_a_chat_template_leaves_the_models_turn_begun(folder, root):
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata={"ratings": folder})
    task = manager.load(["pluralign_rater_de"])["tasks"]["pluralign_rater_de"]

    def template(turns, add_generation_prompt=True):
        assert not add_generation_prompt
        return "|".join(f"{turn['role']}:{turn['content']}" for turn in turns)

    texts = task.fewshot_context(
        task.eval_docs[0], 0, system_instruction="S", apply_chat_template=True, chat_template=template
    )
    assert all(text.startswith("system:S|user:") and text.endswith("assistant:Antwort:") for text in texts)
    with pytest.raises(PluralignError, match=r"PA081.*log-likelihoods"):
        task.fewshot_context(task.eval_docs[0], 0, apply_chat_template=True, chat_template=lambda turns, **_: turns)


def test_the_report_works_without_lm_eval(folder):
    ratings, _ = opened(folder)
    docs = documents(ratings, RaterSettings(), "en", steered=False)
    rows = [{**doc, "p": everyones(int(doc["item_id"][1:]), doc["dimension"], "")} for doc in docs]
    found = rater_report({"x": rows}, ratings, bootstrap=50)
    assert {row.group for row in found.rows} == {"everyone", "female", "male"}
    assert all(np.isnan(row.pooled_js) == (row.n_ratings < 500) for row in found.rows if row.dimension != "all")

"""`pluralign judge fit`: a judge out of ratings, that orders answers which it has not seen as people do, or nothing at all."""

import errno
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from pluralign.cli.judge import judge
from pluralign.errors import PluralignError
from pluralign.judge.base import Answer
from pluralign.judge.fit import fit_judge
from pluralign.judge.names import open_judge
from pluralign.judge.offline import RaterModelJudge
from pluralign.judge.validate import training_part
from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.schema import split_of
from pluralign.sources import import_source

N_PROMPTS, N_RATERS = 40, 8
RUDE = ["idiot", "moron", "liar", "fool", "coward", "loser"]
KIND = ["friend", "helper", "listener", "neighbour", "companion", "teacher"]
FRAMES = ["You are a {0} and a {1}.", "Only a {0} asks that, you {1}.", "What a {0} you are, {1}!"]
TOXICITY = SourceDimension("toxicity", "toxicity", "lower", 1, 5, (1, 2, 3, 4))
HELPFULNESS = SourceDimension("helpfulness", "helpfulness", "higher", 1, 5, (1, 2, 3, 4))


@pytest.fixture(autouse=True)
def _one_penalty(monkeypatch):
    """How hard to shrink is not chosen among many, for the sake of time."""
    monkeypatch.setattr("pluralign.rater_model.fit.RIDGES", (10.0,))
    monkeypatch.setattr("pluralign.rater_model.fit.CONTRASTS", (np.inf,))


def made(kind="simulated", source="toy", dimensions=(TOXICITY,), rated=("toxicity",)):
    """Answers that hold none, one or two rude words, rated with noise by people of whom nothing is known."""
    rng = np.random.default_rng(0)
    items, ratings = [], []
    for k in range(2 * N_PROMPTS):
        rude = k % 3
        words = [*rng.choice(RUDE, rude, replace=False), *rng.choice(KIND, 2 - rude, replace=False)]
        frame = FRAMES[int(rng.integers(len(FRAMES)))]
        name = f"i{k:02d}"
        items.append(
            {"item_id": name, "prompt_id": f"p{k // 2}", "prompt_en": "Hm?", "response_en": frame.format(*words)}
        )
        for position, rater in enumerate(rng.choice(N_RATERS, 4, replace=False), start=1):
            for dimension in rated:
                value = int(np.clip(1 + 2 * rude + rng.integers(-1, 2), 1, 5))
                value = 6 - value if dimension == "helpfulness" else value
                ratings.append({"rater_id": f"r{rater}", "item_id": name, "dimension": dimension, "value": value, "language": "en", "position": position})  # fmt: skip
    raters = [{"rater_id": f"r{k}", "country": "us", **dict.fromkeys(("gender", "age_band", "politics"), "undisclosed"),
               "ethnicity": ["undisclosed"]} for k in range(N_RATERS)]  # fmt: skip
    blank = dict.fromkeys(("template_id", "manner", "prompt_de", "response_de"))
    tables = (pa.Table.from_pylist(rows) for rows in (raters, [row | blank for row in items], ratings))
    provenance = Provenance(kind, source, "1", "CC0-1.0", dimensions, "Made by a test.", "Nobody, 2026")
    return Ratings.from_tables(*tables, provenance)


def run(*words):
    return CliRunner().invoke(judge, ["fit", *map(str, words)], catch_exceptions=False)


def left(folder):
    """What lies in a folder, but the cache."""
    return sorted(path.name for path in folder.iterdir() if path.name != "pluralign")


def held_out_items(ratings, language="en"):
    """Answers to prompts that are not for training, and their mean ratings."""
    rows = [row for row in ratings.items.to_pylist() if split_of(row["prompt_id"]) == "test"]
    given = ratings.ratings.group_by("item_id").aggregate([("value", "mean")]).to_pylist()
    mean = {row["item_id"]: row["value_mean"] for row in given}
    answers = [Answer(row[f"prompt_{language}"] or "", row[f"response_{language}"], language) for row in rows]
    return answers, np.array([mean[row["item_id"]] for row in rows])


def judged(folder, answers, dimension="toxicity"):
    opened = open_judge(f"rater-model:{folder}")
    return opened, np.array([row[dimension].value for row in opened.judge(answers, [dimension])])


def test_a_fitted_judge_orders_held_out_answers_as_people_did(tmp_path):
    ratings = made()
    assert ratings.check() == []
    training_part(ratings).save(tmp_path / "train")
    done = run(tmp_path / "train", "--out", tmp_path / "mine", "--no-check")
    assert f"--judge rater-model:{tmp_path / 'mine'}" in done.stdout
    answers, mean = held_out_items(ratings)
    opened, scores = judged(tmp_path / "mine", answers)
    assert opened.name == "rater-model-simulated"
    assert opened.provenance()["sources"][0]["label"] == ratings.provenance.label
    assert spearmanr(scores, mean).statistic > 0.5
    constant = training_part(ratings).ratings.column("value").to_numpy().mean()
    assert np.abs(scores - mean).mean() < np.abs(constant - mean).mean()
    assert left(tmp_path) == ["mine", "train"]


def test_what_it_says_of_held_out_answers_is_what_a_judge_of_the_training_part_gets(tmp_path):
    ratings = made("imported", "people")
    ratings.save(tmp_path / "toy")
    told = json.loads(run(tmp_path / "toy", "--out", tmp_path / "mine", "--json").stdout)
    [row] = told["held_out"]
    answers, mean = held_out_items(ratings)
    _, scores = judged(fit_judge([training_part(ratings)]).save(tmp_path / "train"), answers)
    assert row["spearman"]["value"] == pytest.approx(spearmanr(scores, mean).statistic, abs=1e-3)
    assert (row["ratings"], row["dimension"], row["n_items"]) == ("IMPORTED: people 1", "toxicity", len(answers))
    opened, _ = judged(tmp_path / "mine", answers)
    assert (told["judge"], opened.name) == (f"rater-model:{tmp_path / 'mine'}", "rater-model:people")
    assert opened.judge(answers[:1], ["helpfulness"])[0]["helpfulness"].kind == "unsupported"


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        ("no folder", "PA001"),
        ("no ratings", "PA001"),
        ("nobody rated the dimension asked for", "PA060"),
        ("no such dimension", "PA024"),
        ("simulated and imported", "PA060"),
        ("unknown embedding", "PA071"),
    ],
)
def test_ratings_that_cannot_be_fitted_are_refused_and_nothing_is_written(tmp_path, harm, code):
    made(dimensions=(TOXICITY, HELPFULNESS)).save(tmp_path / "toy")
    asked = {"nobody rated the dimension asked for": "helpfulness", "no such dimension": "kindness"}
    folders, more = [tmp_path / "toy"], ["--dimension", asked[harm]] if harm in asked else []
    if harm == "no folder":
        folders = [tmp_path / "nowhere"]
    elif harm == "no ratings":
        (tmp_path / "toy/ratings.parquet").unlink()
    elif harm == "simulated and imported":
        made("imported", "people").save(tmp_path / "people")
        folders.append(tmp_path / "people")
    elif harm == "unknown embedding":
        more = ["--embedding", "usa"]
    before = left(tmp_path)
    with pytest.raises(PluralignError) as caught:
        run(*folders, *more, "--out", tmp_path / "mine")
    assert caught.value.code == code
    assert left(tmp_path) == before


def test_a_dimension_that_nobody_rated_does_not_keep_the_others_from_being_fitted(tmp_path):
    made(dimensions=(TOXICITY, HELPFULNESS)).save(tmp_path / "toy")
    run(tmp_path / "toy", "--no-check", "--out", tmp_path / "mine")
    assert list(RaterModelJudge.open(tmp_path / "mine").model.dimensions) == ["toxicity"]


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_there_already_is_left_as_it_was(tmp_path, what):
    made().save(tmp_path / "toy")
    out = tmp_path / "mine"
    kept = out / "notes.txt" if what == "folder" else out
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(PluralignError, match="PA052"):
        run(tmp_path / "toy", "--out", out)
    assert kept.read_text() == "mine"
    assert left(tmp_path) == ["mine", "toy"]


def test_an_error_is_told_without_a_traceback_and_with_its_exit_code(tmp_path):
    command = [sys.executable, "-m", "pluralign.cli", "judge", "fit", "nowhere", "--out", "mine"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("PA001")
    assert left(tmp_path) == []


def test_a_disk_that_is_full_leaves_no_half_of_a_judge(tmp_path, monkeypatch):
    def full(text, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    made().save(tmp_path / "toy")
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr("pluralign.rater_model.files.write_text", full)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path / "toy", "--out", tmp_path / "mine", "--no-check")
    assert list((tmp_path / "mine").iterdir()) == []
    monkeypatch.undo()
    assert left(tmp_path) == ["mine", "toy"]


def test_a_judge_fitted_to_real_ratings_orders_answers_that_it_has_not_seen(shared, tmp_path):
    folder = shared / "data/crehate"
    if not folder.is_dir():
        pytest.skip(f"no CREHate at {folder}")
    whole = import_source("crehate", folder)
    items = whole.items.slice(0, 300)
    rated = pc.is_in(whole.ratings.column("item_id"), value_set=items.column("item_id").combine_chunks())
    ratings = replace(whole, items=items, ratings=whole.ratings.filter(rated))
    training_part(ratings).save(tmp_path / "train")
    run(tmp_path / "train", "--out", tmp_path / "mine", "--no-check")
    answers, mean = held_out_items(ratings)
    opened, scores = judged(tmp_path / "mine", answers)
    assert opened.name == "rater-model:crehate"
    assert len(answers) >= 40
    assert spearmanr(scores, mean).statistic > 0.2

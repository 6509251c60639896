"""A results folder in the layout of `experiments.cells`, with effects that a test plants in it. No model is trained."""

import hashlib
import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import pluralign
from pluralign.experiments.cells import BASE, all_cells
from pluralign.experiments.settings import recipe_of
from pluralign.preferences import CONDITIONS, true_values
from pluralign.schema import EVERYONE, split_of
from pluralign.simulate import null_of
from pluralign.simulate.parameters import Parameters
from pluralign.training.heldout import fresh_items

JUDGE = {"judge": "offline(toxicity: zero-shot, rest: rater-model-simulated)", "version": 1}
TEMPLATES = 12
GROUPS = (EVERYONE, "female", "male", "liberal", "conservative", "white", "black")


def rng(*names):
    """Draws that depend on names alone, not on what was drawn before."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256("/".join(map(str, names)).encode()).digest()[:8], "big"))


@dataclass
class Planted:
    """What a made-up grid contains.

    Attributes:
        strength: of the truth in the implicit rewards, against noise of 1.
        shift: cell name -> (toxicity, emotional awareness) added to the base's scores.
        jury: what a group's own model adds to its jury's ratings, in the good direction.
    """

    strength: float = 1.0
    shift: dict = field(default_factory=dict)
    jury: float = 0.05

    def of(self, cell):
        if cell.condition == BASE:
            return 0.0, 0.0
        return self.shift.get(cell.name, (-0.1, 0.05) if cell.control != "shuffled" else (0.0, 0.0))


@pytest.fixture(scope="session")
def held_out_sets():
    """Set -> ratings, and items of some held-out prompts of it."""
    shipped = pluralign.load()
    fresh = fresh_items(Parameters.from_tagged(shipped.provenance.details["parameters"]))
    prompts = shipped.items.column("prompt_id").to_pylist()
    test = shipped.items.filter(pa.array([split_of(one) == "test" for one in prompts]))
    found = {}
    for name, ratings, items in (("e", fresh, fresh.items), ("test", shipped, test)):
        templates = sorted(set(items.column("template_id").to_pylist()))[:TEMPLATES]
        found[name] = (ratings, items.filter(pc.is_in(items.column("template_id"), pa.array(templates))))
    return found


@pytest.fixture(scope="session")
def make_results(held_out_sets):
    """`make_results(folder, cells, planted)` writes a grid's folder."""
    shipped = pluralign.load()
    checksum = {False: shipped.provenance.checksum, True: null_of(shipped).provenance.checksum}

    def made(folder, cells, planted=None, languages=("en",), judge=JUDGE):
        planted = planted or Planted()
        for cell in cells:
            place = cell.folder(folder)
            place.mkdir(parents=True)
            for language in languages:
                pq.write_table(answers(cell, planted, language), place / f"answers_{language}.parquet")
            if cell.condition != BASE:
                pq.write_table(held_out(cell, planted, held_out_sets), place / "held_out.parquet")
                run = {
                    "ratings": "SIMULATED: pluralign 1.0.0", "ratings_sha256": checksum[cell.control == "null"],
                    "end": {"kl": 5.0 + rng(cell.name, cell.seed).random(), "kl_se": 0.1}, "steps": 64, "n_votes": 1000,
                    "dtype": "bfloat16", "device": "cpu (1 threads)",
                }  # fmt: skip
                (place / "run.json").write_text(json.dumps(run))
                (place / "recipe.yaml").write_text(recipe_of(cell, {}).to_yaml())
                (place / "curves.csv").write_text(curves(cell))
            told = {name: {JUDGE["judge"]: {"identity": judge, "failed": 0}} for name in languages}
            info = {
                "cell": cell.to_json(), "judges": told, "ratings": "SIMULATED: pluralign 1.0.0", "weights": cell.model, "dtype": "bfloat16",
                "devices": dict.fromkeys(languages, "cpu (1 threads)"),
            }  # fmt: skip
            (place / "cell.json").write_text(json.dumps(info))
        return folder

    return made


@pytest.fixture(scope="session")
def add_judge():
    """`add_judge(folder, cell, name, shift)` gives the answers of a finished cell a further judge's scores."""

    def added(folder, cell, name, shift=0.0, version=1):
        place = cell.folder(folder)
        table = pq.read_table(place / "answers_en.parquet")
        for score in ("toxicity", "emotional_awareness"):
            values = np.clip(table.column(score).to_numpy() + shift, 0, 1)
            table = table.append_column(f"judge.{name}.{score}", pa.array(values))
        pq.write_table(table, place / "answers_en.parquet")
        info = json.loads((place / "cell.json").read_text())
        info["judges"]["en"][name] = {"identity": {"judge": name, "version": version}, "failed": 0}
        (place / "cell.json").write_text(json.dumps(info))

    return added


def curves(cell):
    """Twenty steps: of pairs a falling loss and an accuracy measured twice, of GRPO a rising reward."""
    if cell.method == "grpo":
        rows = [f"{k},{0.01},{0.5 + k / 100},{2.0}" for k in range(1, 21)]
        return "\n".join(["step,loss,reward,sample_entropy", *rows]) + "\n"
    rows = [f"{k},{0.7 - k / 100},{k / 10},{0.5 + k / 100 if k in (10, 20) else ''}" for k in range(1, 21)]
    return "\n".join(["step,loss,margin,held_out_accuracy", *rows]) + "\n"


def answers(cell, planted, language):
    """Two prompts of each template; their difficulty is the same in every model."""
    prompts = [(f"t{k:02}-{j}", f"t{k:02}") for k in range(TEMPLATES) for j in range(2)]
    toxic, aware = planted.of(cell)
    level = rng("prompts", language).uniform(0.4, 0.6, (2, len(prompts)))
    noise = rng(cell.model, cell.name, cell.seed, language).normal(0, 0.02, (2, len(prompts))) * (
        cell.condition != BASE
    )
    scores = np.clip(level + noise + np.array([[toxic], [aware]]), 0, 1)
    columns = {
        "prompt_id": [prompt for prompt, _ in prompts], "template_id": [template for _, template in prompts], "response": ["…"] * len(prompts),
        "response_length": pa.array(rng(cell.name, language).integers(150, 250, len(prompts)), pa.int32()),
        "toxicity": scores[0], "emotional_awareness": scores[1], "overlap": np.full(len(prompts), 0.01),
    }  # fmt: skip
    own = CONDITIONS[cell.condition].group_name if cell.condition != BASE else ""
    for d, sign, values in (("toxicity", -1, scores[0]), ("emotional_awareness", 1, scores[1])):
        for group in GROUPS:
            columns[f"jury.{d}.{group}"] = np.clip(values + sign * planted.jury * (group == own), 0, 1)
    return pa.table(columns)


def held_out(cell, planted, sets):
    """Implicit rewards: the truth of whom the cell was trained on, and noise."""
    condition = CONDITIONS[cell.condition]
    group = EVERYONE if cell.control == "null" else condition.group_name
    strength = 0.0 if cell.control == "shuffled" else planted.strength
    tables = []
    for name, (ratings, items) in sets.items():
        ids = items.column("item_id").to_pylist()
        values = [true_values(ratings, d, group) for d in condition.dimensions]
        good = sum(np.array([of[one] for one in ids]) for of in values)
        noise = rng(cell.model, cell.name, cell.seed, "reward", name).normal(0, 1, len(ids)) * (planted.strength < 100)
        tables.append(pa.table({
            "set": [name] * len(ids), "item_id": ids, "prompt_id": items.column("prompt_id"), "template_id": items.column("template_id"),
            "n_tokens": pa.array([10] * len(ids), pa.int32()), "logp": strength * good + noise - 20.0, "reference": np.full(len(ids), -20.0),
        }))  # fmt: skip
    return pa.concat_tables(tables)


@pytest.fixture(scope="session")
def whole_grid(make_results, tmp_path_factory):
    """Two models, two seeds, both tie rules, all experiments; one cell is missing, one half-written."""
    folder = tmp_path_factory.mktemp("grid") / "results"
    cells = all_cells(
        ("exp1", "exp2", "exp3", "exp4", "controls"), ("org/one", "org/two"), (0, 1), ("drop", "half"), ("steps",)
    )
    gone = [
        one for one in cells if one.condition == "exp3-consensus-toxicity" and one.model == "org/two" and one.seed == 1
    ]
    make_results(folder, [one for one in cells if one not in gone])
    gone[0].folder(folder).mkdir(parents=True)
    (gone[0].folder(folder) / "failed.json").write_text(
        json.dumps({"error": "MemoryError", "message": "too large\nby far"})
    )
    return folder

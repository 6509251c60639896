"""What the grid is made of: one cell is one fine-tune of one model with one seed, with everything that is measured of it.

A cell's folder is `RESULTS/<model>/<name>/seed<k>`. `cell.json` is written last, so a folder that has one is whole:

| file | what |
|---|---|
| run.json, recipe.yaml, curves.csv, README.md, adapter/ | the fine-tune (`training.run`); the adapter is not committed |
| held_out.parquet | implicit rewards of answers that nothing was trained on (`training.heldout.log_ratios`), sets `test` and `e` |
| answers_<language>.parquet | what the model answers to the held-out prompts, with scores, see `ANSWER_COLUMNS` |
| generations_<language>.jsonl, generated.json | until they are judged: the answers, and what generated them |
| frontier.parquet | scores and KL of the adapters kept on the way, where that was asked for |
| cell.json | the cell; who judged in which language; weights, dtype, devices, seconds, versions |

What is asked for later (a language, a further judge, the frontier) is added to a finished cell; what is there already is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pluralign.errors import PluralignError, unknown
from pluralign.preferences import ALIASES, CONDITIONS

CELL, HELD_OUT, GENERATED = "cell.json", "held_out.parquet", "generated.json"
BASE = "base"
"""The name of the model without fine-tuning, a cell like the others with seed 0 and no training files."""
ANSWER_COLUMNS = ("prompt_id", "template_id", "response", "response_length", "toxicity", "emotional_awareness")
"""Of `answers_<language>.parquet`. Scores of the evaluation judge on 0–1, NaN where judging failed; `response_length` in characters.
Further columns `jury.<dimension>.<group>`: the mean rating on 0–1 that the rater model expects of a group. Further judges' scores are in
`judge.<name>.<dimension>`."""


def generations(language: str) -> str:
    """The name of the file with answers that are not judged yet."""
    return f"generations_{language}.jsonl"


Control = Literal["none", "shuffled", "null"]
CONTROLS = "controls"
EXPERIMENTS = ("exp1", "exp2", "exp3", "exp4", CONTROLS)


@dataclass(frozen=True)
class Cell:
    """One fine-tune.

    Attributes:
        model: as `--model` takes it.
        condition: a distinct config of `datasets/preferences`, never an alias; `base` for no fine-tuning.
        method: dpo, ipo, kto, sft, dro, modpo, grpo.
        ties: what becomes of equal ratings.
        protocol: steps, epochs or kl.
        seed: of the fine-tune, and of the draw that balances groups.
        control: `none`; `shuffled` labels; `null`, the κ = 0 release, in which no group weighs anything differently.
        variant: what else is different, e.g. `scalarised`, `normalize_then_sum`; empty for the usual.
    """

    model: str
    condition: str
    method: str = "dpo"
    ties: str = "drop"
    protocol: str = "steps"
    seed: int = 0
    control: Control = "none"
    variant: str = ""

    @property
    def name(self) -> str:
        """The folder's name: everything but model and seed."""
        if self.condition == BASE:
            return BASE
        parts = [self.condition, self.method, self.ties, self.protocol]
        parts += [self.variant] if self.variant else []
        return ".".join(parts + ([self.control] if self.control != "none" else []))

    def folder(self, results: Path) -> Path:
        """Where it lies."""
        return results / Path(self.model).name / self.name / f"seed{self.seed}"

    def is_finished(self, results: Path) -> bool:
        """Whether it is whole; for what was asked of it then, see `asked.lacking`."""
        return (self.folder(results) / CELL).is_file()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def base_cell(model: str) -> Cell:
    """The model without fine-tuning."""
    return Cell(model, BASE)


def teacher_of(cell: Cell) -> Cell | None:
    """The cell whose adapter another cell is trained with: of modpo DPO on the other dimension; None for other methods.

    >>> teacher_of(Cell("m", "exp4-both", method="modpo", seed=1)).name
    'exp3-individual-toxicity.dpo.drop.steps'
    """
    if cell.method != "modpo":
        return None
    other, _ = CONDITIONS[cell.condition].dimensions
    name = f"exp4-{other}"
    return replace(cell, condition=ALIASES.get(name, name), method="dpo", variant="")


CONTRASTS = (
    ("toxicity", "female", "male"), ("emotional_awareness", "liberal", "conservative"), ("emotional_awareness", "white", "black"),
)  # fmt: skip
"""Experiment 1: dimension, the study's first group, its baseline."""
SCALES_IN = {"5pt": "exp2-5pt-toxicity", "3pt": "exp2-3pt-toxicity", "binary": "exp2-binary-toxicity"}
HANDLINGS = ("individual", "mean", "majority", "first", "consensus")


def cells_of(
    experiment: str, model: str, seed: int = 0, ties: Sequence[str] = ("drop", "half"), protocol: str = "steps"
) -> list[Cell]:
    """The cells of an experiment for one model and seed; several experiments share cells.

    Args:
        experiment: one of `EXPERIMENTS`.
        model: as `--model` takes it.
        seed: of every cell.
        ties: tie rules of experiments 2 and 3; the others take the first.
        protocol: of every cell.

    A reward has no votes to go through: GRPO has no cell under protocol epochs.

    Raises:
        PluralignError: PA097 for an experiment that does not exist.
    """

    def cell(condition: str, **values: Any) -> Cell:
        return Cell(
            model, ALIASES.get(condition, condition), **{"protocol": protocol, "seed": seed, "ties": ties[0], **values}
        )

    by_group = [cell(f"exp1-{group}-{d}") for d, *groups in CONTRASTS for group in groups]
    match experiment:
        case "exp1":
            return by_group
        case "exp2":
            return [cell(name, ties=rule) for rule in ties for name in SCALES_IN.values()]
        case "exp3":
            return [cell(f"exp3-{handling}-toxicity", ties=rule) for rule in ties for handling in HANDLINGS]
        case "exp4":
            aggregations = ("", "normalize_then_sum") if protocol != "epochs" else ()
            reward = [cell("exp4-both-reward", method="grpo", variant=v) for v in aggregations]
            both = [cell("exp4-both", variant="scalarised"), cell("exp4-both", method="modpo")]
            return [cell("exp4-toxicity"), cell("exp4-emotional_awareness"), cell("exp4-both"), *reward, *both]
        case "controls":
            usual = cell("exp4-toxicity")
            null = [replace(one, control="null") for one in by_group]
            return [replace(usual, control="shuffled"), replace(usual, method="sft"), *null]
        case _:
            raise unknown("PA097", "experiment", experiment, EXPERIMENTS)


def all_cells(
    experiments: Sequence[str],
    models: Sequence[str],
    seeds: Sequence[int],
    ties: Sequence[str],
    protocols: Sequence[str],
) -> list[Cell]:
    """Every cell once: the base models, then seed by seed, so that what is there after a stop is a whole smaller grid."""
    found: dict[Cell, None] = {base_cell(model): None for model in models}
    for protocol in protocols:
        for seed in seeds:
            for model in models:
                for experiment in experiments:
                    found |= dict.fromkeys(cells_of(experiment, model, seed, ties, protocol))
    for one in found:
        if one.condition != BASE and one.condition not in CONDITIONS:
            raise PluralignError("PA097", f"{one.condition} is no condition.")
    return list(found)

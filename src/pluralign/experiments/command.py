"""The command that makes a cell again, for its card."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import yaml

from pluralign.experiments.cells import BASE, CONTROLS, EXPERIMENTS, Cell, cells_of
from pluralign.experiments.settings import Settings
from pluralign.training.run_folder import RECIPE


def command_of(cell: Cell, settings: Settings, folder: Path) -> str:
    """What to type: the experiment with the fewest cells that the cell is in, without controls beside it, and all that the grid was told
    otherwise.

    Args:
        cell: it.
        settings: of the grid.
        folder: of the cell, whose `recipe.yaml` a cell of no experiment is made from.

    >>> command_of(Cell("m", "exp3-mean-toxicity", ties="half", protocol="kl", seed=2), Settings(changes={"steps": 48}), Path("f"))
    'pluralign experiment run exp3 --no-controls --models m --seeds 2 --ties half --protocols kl --set steps=48'
    """
    within = {name: cells_of(name, cell.model, cell.seed, (cell.ties,), cell.protocol) for name in EXPERIMENTS}
    found = [name for name in sorted(within, key=lambda name: len(within[name])) if cell in within[name]]
    if cell.condition != BASE and not found:
        script = "grpo" if cell.method == "grpo" else "dpo"
        config = str(folder / RECIPE)
        return shlex.join(
            [
                "accelerate",
                "launch",
                f"baselines/{script}.py",
                "--config",
                config,
                "--model",
                cell.model,
                "--out",
                "OUT",
            ]
        )
    alone = ["--no-controls"] if found and found[0] != CONTROLS else []
    words = ["pluralign", "experiment", "run", *found[:1], *alone, "--models", cell.model, "--seeds", str(cell.seed)]
    words += ["--ties", cell.ties, "--protocols", cell.protocol]
    return shlex.join([*words, *_told(settings)])


def _told(settings: Settings) -> list[str]:
    """The options of a grid that are not as usual."""
    usual, judging = Settings(), settings.judging
    options: dict[str, Any] = {
        "--ratings": (settings.ratings, usual.ratings), "--languages": (",".join(settings.languages), ",".join(usual.languages)),
        "--judge": (judging.judge, usual.judging.judge), "--batch-size": (settings.generation_batch, usual.generation_batch),
        "--held-out": (settings.held_out_a_template, usual.held_out_a_template), "--limit": (settings.limit, usual.limit),
    }  # fmt: skip
    words = [word for option, (own, default) in options.items() if own != default for word in (option, str(own))]
    words += [word for name in judging.besides for word in ("--real-judge", name)]
    words += ["--frontier"] if settings.frontier else []
    return words + [word for key, value in settings.changes.items() for word in ("--set", f"{key}={_as_yaml(value)}")]


def _as_yaml(value: Any) -> str:
    """A value so that YAML reads it as it is."""
    plain = value if isinstance(value, str) else json.dumps(value)
    return plain if yaml.safe_load(plain) == value else json.dumps(value)

"""The command on every card of the committed results makes that cell again, with the settings of its grid."""

import json
import re
import shlex

import pytest

from pluralign.experiments.answers import Judging
from pluralign.experiments.cells import CELL, Cell
from pluralign.experiments.command import command_of
from pluralign.experiments.settings import Settings

from ..conftest import ROOT

GRIDS = ("results", "results-de", "results-h200")
CARDS = [
    path
    for name in GRIDS
    for path in sorted((ROOT / "baselines" / name).glob("*/*/seed*/README.md"))
    if (path.parent / CELL).is_file()
]
VALUED = {"--languages", "--models", "--seeds", "--ties", "--protocols", "--held-out", "--batch-size"}


def settings_of(grid):
    """The settings that `grid.json` tells."""
    told = json.loads(grid.read_text("utf-8"))
    judging = told.pop("judging")
    lists = {"languages": tuple(told.pop("languages"))}
    return Settings(
        **told, **lists, judging=Judging(judging["judge"], tuple(judging["jury"]), tuple(judging["besides"]))
    )


def meaning(command):
    """What a command asks for, in whatever order: experiment, options, changes."""
    program, group, verb, *words = shlex.split(command)
    found = {"command": (program, group, verb), "experiments": set(), "changes": set()}
    while words:
        word = words.pop(0)
        if word == "--set":
            found["changes"].add(words.pop(0))
        elif word == "--no-controls":
            found[word] = ""
        elif word.startswith("--"):
            assert word in VALUED, f"what does {word} take?"
            found[word] = words.pop(0)
        else:
            found["experiments"].add(word)
    return found


def test_there_are_cards():
    assert len(CARDS) >= 54


@pytest.mark.parametrize("card", CARDS, ids=lambda path: "/".join(path.parts[-5:-1]))
def test_the_command_on_a_committed_card_makes_that_cell(card):
    folder = card.parent
    told = re.search(r"^```sh\n(.+)\n```$", card.read_text("utf-8"), re.MULTILINE)
    cell = Cell(**json.loads((folder / CELL).read_text("utf-8"))["cell"])
    assert meaning(told[1]) == meaning(command_of(cell, settings_of(folder.parents[2] / "grid.json"), folder))


def test_what_a_command_means():
    one = meaning("pluralign experiment run exp3 --no-controls --models m --set a=1 --set b=2")
    assert one == meaning("pluralign experiment run exp3 --models m --set b=2 --no-controls --set a=1")
    assert one != meaning("pluralign experiment run exp3 --models m --set b=2 --set a=1")
    assert one != meaning("pluralign experiment run exp3 --no-controls --models m --set b=2")
    assert one != meaning("pluralign experiment run exp2 --no-controls --models m --set b=2 --set a=1")

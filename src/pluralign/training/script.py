"""What the scripts in `baselines/` share: options, what they name, messages instead of tracebacks, and pushing when told to."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from pluralign.errors import PluralignError, unusable_place
from pluralign.evaluation.small_model import NAME as SMALL_MODEL
from pluralign.ratings import Ratings
from pluralign.training.base import Base
from pluralign.training.products import wide_products
from pluralign.training.ranks import is_main_process
from pluralign.training.recipe import Recipe, read_recipe
from pluralign.training.run_folder import ADAPTER, CARD, CURVES, RECIPE, RUN, Trained

TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 - where a token is, not one
PUSHED = (CARD, RECIPE, CURVES, RUN)


@dataclass(frozen=True)
class Job:
    """What a script was asked for.

    Attributes:
        recipe: with the changes of the command line.
        base: the model.
        ratings: the shipped release unless a folder was named.
        folder: where the run goes.
        command: as typed, for the card.
        push_to: repository on the Hub; None for none.
        asked: every option, also those that the script added.
    """

    recipe: Recipe
    base: Base
    ratings: Ratings
    folder: Path
    command: str
    push_to: str | None
    asked: argparse.Namespace

    def done(self, trained: Trained) -> None:
        """Say how far the model went and where the run is, and push it if that was asked for."""
        if end := trained.info["end"]:
            error = "" if end["kl_se"] is None else f" ± {end['kl_se']:.2f}"  # one answer has no standard error
            print(f"KL from the base {end['kl']:.2f}{error} nats an answer, entropy {end['entropy']:.2f} nats a token")
        print(f"finished: {trained.folder}")
        if self.push_to and is_main_process():
            print(f"pushed: {push(trained.folder, self.push_to)}")


def options(document: str) -> argparse.ArgumentParser:
    """The options of a baseline script.

    Args:
        document: its docstring, shown as it is by `--help`.
    """
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--config", type=Path, required=True, metavar="YAML", help="recipe; what it leaves out is in defaults.yaml"
    )
    parser.add_argument(
        "--model",
        default=SMALL_MODEL,
        help="folder, name on the Hub, or %(default)s, which needs no download (default)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="of the run; one that was stopped there goes on"
    )
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="other values, e.g. --set beta=0.2 lora.r=8",
    )
    parser.add_argument(
        "--ratings", type=Path, metavar="FOLDER", help="the three tables; the shipped release if left out"
    )
    parser.add_argument(
        "--push-to",
        metavar="NAME",
        help=f"upload the finished run to this repository on the Hub ({TOKEN_VARIABLE} holds the token)",
    )
    return parser


def job(arguments: Sequence[str], parser: argparse.ArgumentParser, script: str) -> Job:
    """Read a command line and open what it names; the recipe is checked before anything large is loaded.

    Args:
        arguments: without the script's own name.
        parser: `options` of the script, with what it adds.
        script: e.g. `baselines/grpo.py`.

    Raises:
        PluralignError: PA095 for the recipe, PA083 for the model, PA072 where a push is asked for and there is no token, and whatever
            opening ratings raises.
    """
    import pluralign

    asked = parser.parse_args(arguments)
    changes = [*asked.set, *([f"seed={asked.seed}"] if asked.seed is not None else [])]
    recipe = read_recipe(asked.config, changes)
    if asked.push_to:
        token()
    ratings = pluralign.load(asked.ratings) if asked.ratings else pluralign.load()
    command = f"accelerate launch {script} {shlex.join(arguments)}"
    return Job(recipe, Base.open(asked.model, recipe.dtype), ratings, asked.out, command, asked.push_to, asked)


def run_script(main: Callable[[Sequence[str]], None]) -> None:
    """Run a script's `main`; our errors, and those of disks, become a message and exit code 2, never a traceback.

    Of several processes the first one says how the run goes; errors are told by whichever has them.
    """
    try:
        with nullcontext() if is_main_process() else redirect_stdout(io.StringIO()), wide_products():
            main(sys.argv[1:])
    except PluralignError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except (OSError, SafetensorError) as error:
        # safetensors tells of a full disk in an error of its own.
        print(unusable_place(error), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def token() -> str:
    """The token of the Hub; from the environment only.

    Raises:
        PluralignError: PA072.
    """
    found = os.environ.get(TOKEN_VARIABLE, "")
    if not found:
        raise PluralignError("PA072", f"--push-to: {TOKEN_VARIABLE} is not set.", "Set it to a write token of the Hub.")
    return found


def push(folder: Path, name: str) -> str:
    """Upload a finished run: the adapter's files at the top, where peft looks for them, the card and the records beside them.

    Args:
        folder: of the run.
        name: repository, `namespace/name`; made if it is not there.

    Returns:
        Its address.

    Raises:
        PluralignError: PA072 without a token, PA051 where the Hub says no.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    files = {
        place.name: place for place in sorted((folder / ADAPTER).iterdir()) if place.is_file() and place.name != CARD
    }
    files |= {part: folder / part for part in PUSHED}
    api = HfApi(token=token())
    try:
        api.create_repo(name, exist_ok=True)
        made = api.create_commit(
            name,
            [CommitOperationAdd(path, str(place)) for path, place in files.items()],
            commit_message="A PlurAlign baseline",
        )
    except (HfHubHTTPError, OSError) as error:
        raise PluralignError(
            "PA051", f"{name}: {str(error).splitlines()[0]}", f"See that {TOKEN_VARIABLE} may write there."
        ) from error
    return str(made.repo_url)

"""The command line: `pluralign NOUN VERB`. Exit code 0 done, 1 problems found, 2 used wrongly."""

from __future__ import annotations

import sys

import typer

from pluralign import __version__
from pluralign.cli import evaluate, report
from pluralign.cli.data import data
from pluralign.cli.experiment import experiment
from pluralign.cli.judge import judge
from pluralign.cli.leaderboard import leaderboard
from pluralign.cli.preferences import preferences
from pluralign.cli.stats import stats
from pluralign.cli.submission import submission
from pluralign.errors import PluralignError, ProblemsFoundError, unusable_place

app = typer.Typer(
    name="pluralign",
    help="Whose values did this model learn? Ratings by demographic group, a judged benchmark, a leaderboard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data, name="data")
app.add_typer(judge, name="judge")
app.add_typer(experiment, name="experiment")
app.add_typer(preferences, name="preferences")
app.add_typer(stats, name="stats")
app.add_typer(submission, name="submission")
app.add_typer(leaderboard, name="leaderboard")
evaluate.register(app)
report.register(app)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    """Print the version."""
    if show:
        typer.echo(f"pluralign {__version__}")
        raise typer.Exit


USED_WRONGLY = frozenset(
    {
        "PA001",
        "PA020",
        "PA021",
        "PA022",
        "PA023",
        "PA024",
        "PA025",
        "PA027",
        "PA030",
        "PA031",
        "PA041",
        "PA051",
        "PA052",
        "PA070",
        "PA072",
        "PA074",
        "PA076",
        "PA077",
        "PA081",
        "PA082",
        "PA095",
        "PA097",
        "PA090",
        "PA091",
        "PA092",
        "PA093",
        "PA094",
        "PA113",
        "PA114",
    }
)
"""Codes that mean that the command was called with something that does not exist or does not fit: exit code 2."""


def _missing(error: ModuleNotFoundError) -> str:
    """The module that is not installed: of the error's own, or of what it was raised from (transformers names none in its own)."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, ModuleNotFoundError) and at.name:
            return at.name
        at = at.__cause__ or at.__context__
    return str(error)


def main() -> None:
    """Run the command line; errors of ours become a message and an exit code, never a traceback."""
    try:
        app()
    except PluralignError as error:
        typer.secho(str(error), err=True, fg="red")
        wrong = error.code in USED_WRONGLY and not isinstance(error, ProblemsFoundError)
        sys.exit(2 if wrong else 1)
    except ModuleNotFoundError as error:
        name = _missing(error)
        if name.startswith("pluralign"):
            raise
        missing = PluralignError("PA054", f"this command needs {name!r}.", "pip install 'pluralign[eval,release]'")
        typer.secho(str(missing), err=True, fg="red")
        sys.exit(2)
    except OSError as error:
        typer.secho(str(unusable_place(error)), err=True, fg="red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

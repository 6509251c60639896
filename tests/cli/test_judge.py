"""`pluralign judge`: what it says, and its exit codes."""

import pytest
from typer.testing import CliRunner

from pluralign.cli.judge import judge
from pluralign.errors import PluralignError

RUNNER = CliRunner()


@pytest.mark.parametrize("command", ["score", "validate", "fit"])
def test_every_command_has_examples(command):
    assert "Examples" in RUNNER.invoke(judge, [command, "--help"]).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate"],
        ["validate", "--read", "a.csv"],
        ["validate", "--sheet", "a", "--read", "b"],
        ["score"],
        ["validate", "--limit", "0"],
    ],
)
def test_used_wrongly_exits_with_2(arguments):
    assert RUNNER.invoke(judge, arguments).exit_code == 2


def test_samples_that_are_not_there_are_said(tmp_path):
    error = RUNNER.invoke(judge, ["score", str(tmp_path / "nothing"), "--judge", "offline"]).exception
    assert isinstance(error, PluralignError)
    assert error.code == "PA076"

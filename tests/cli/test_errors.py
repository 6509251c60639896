"""What the command line makes of errors that are not its own."""

import pytest

from pluralign import cli


def raised_from(cause):
    try:
        raise ModuleNotFoundError("Could not import module 'Trainer'.") from cause
    except ModuleNotFoundError as error:
        return error


@pytest.mark.parametrize("error", [
    ModuleNotFoundError("No module named 'peft'", name="peft"),
    raised_from(ModuleNotFoundError("No module named 'peft'", name="peft")),
    raised_from(raised_from(ModuleNotFoundError("No module named 'peft'", name="peft"))),
])  # fmt: skip
def test_a_package_that_is_not_installed_is_named(monkeypatch, capsys, error):
    def app():
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "PA054 package not installed: this command needs 'peft'" in capsys.readouterr().err

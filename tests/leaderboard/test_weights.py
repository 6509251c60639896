"""The weights that a submission names are what is opened, at their own commits, and what they say is put to its prompt."""

import shutil

import made_runs
import pytest

from pluralign.errors import PluralignError
from pluralign.leaderboard.again import sampled
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.generate import generate_again
from pluralign.leaderboard.manifest import Adapter, Named
from pluralign.leaderboard.weights import adapter_of, weights_of
from pluralign.ratings.tables import file_checksum

NAMED = Adapter(kind="adapter", id="acme/adapter", revision="b" * 40, base=Named(id="acme/base", revision="a" * 40))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Stands for the Hub: notes what is asked for; the folder is what it gives."""
    asked = []

    def snapshot_download(name, revision, allow_patterns):
        asked.append((name, revision, tuple(allow_patterns)))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    (tmp_path / "snapshot").mkdir()
    return asked, tmp_path / "snapshot"


def test_an_adapter_is_fetched_at_its_own_commit_and_nothing_else_of_it(hub):
    asked, folder = hub
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).write_text("{}")
    assert adapter_of(NAMED) == folder
    assert asked == [("acme/adapter", "b" * 40, ("adapter_config.json", "adapter_model.safetensors"))]


def test_an_adapter_without_safetensors_is_not_opened(hub):
    (hub[1] / "adapter_config.json").write_text("{}")
    with pytest.raises(PluralignError, match=r"PA110.*acme/adapter@bbbbbbbbbbbb has no adapter_model\.safetensors"):
        adapter_of(NAMED)


def test_an_adapter_that_cannot_be_had_is_said(monkeypatch):
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda *_, **__: (_ for _ in ()).throw(OSError("no such repository\nmore"))
    )
    with pytest.raises(PluralignError, match="PA110.*no such repository The adapter must be public"):
        adapter_of(NAMED)


def test_the_named_model_answers_the_prompts_that_were_asked(tiny_folder, tmp_path):
    weights = file_checksum(next(tiny_folder.glob("*.safetensors")))
    said = made_runs.replace(made_runs.SAID, weights_sha256=weights)
    made = made_runs.made(seed=5, languages=("en",))
    for rows in made.rows.values():
        for row in rows:
            row["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"] = 4
    folder = made_runs.new_submission(made.settle().write(tmp_path / "run"), said, tmp_path / "submissions").folder
    checked = check_submission(folder)
    own = tmp_path / "model"  # the tests' own model may have files that a submission may not
    own.mkdir()
    for one in tiny_folder.iterdir():
        if one.suffix in (".json", ".jinja", ".safetensors"):
            shutil.copyfile(one, own / one.name)
    arguments = weights_of(checked, str(own), None)
    assert arguments == {"pretrained": str(own)}
    asked = sampled(checked, 20, 1)
    once, again = (generate_again(checked, asked, arguments, batch_size=5) for _ in range(2))
    assert [one.prompt for one in once] == [one.prompt for one in asked]
    assert [one.response for one in once] == [one.response for one in again], "greedy"
    assert [one.response for one in once] != [one.response for one in asked]
    assert len({one.response for one in once}) > 1, "each prompt has its own answer"

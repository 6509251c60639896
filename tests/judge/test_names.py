"""Judges by name."""

import subprocess
import sys

import pytest

from pluralign.errors import PluralignError
from pluralign.judge import Judge, JudgeOptions, open_judge
from pluralign.judge.endpoint import endpoint


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("openai:gpt-4o-mini", "openai:gpt-4o-mini"),
        ("openai:llama3:8b@http://localhost:11434/v1/", "openai:llama3:8b@http://localhost:11434/v1"),
        ("openai:org/m@https://me:pw@host.example/v1?api-version=1", "openai:org/m@https://host.example/v1"),
        ("openai:m@2024@http://[::1]:8000/v1", "openai:m@2024@http://[::1]:8000/v1"),
        ("openai:a, openai:b@http://127.0.0.1:1/v1", "openai:a,openai:b@http://127.0.0.1:1/v1"),
    ],
)
def test_a_name_opens_a_judge_and_shows_no_credentials(name, shown):
    judge = open_judge(name, JudgeOptions(cache=""))
    assert judge.name == shown
    assert isinstance(judge, Judge)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opnai:gpt-4o-mini", "Did you mean 'openai'"),
        ("zeroshot", "Did you mean 'zero-shot'"),
        ("", "expected one of"),
        ("openai:", "no model"),
        ("openai:m@localhost:8000/v1", "scheme"),
        ("openai:m@http://", "base URL"),
        ("openai:m@http://host:port/v1", "base URL"),
        ("rater-model:", "rater-model:FOLDER"),
        ("offline:x", "takes nothing"),
        ("openai:a,openai:a", "different"),
        ("openai:a,zeroshot", "Did you mean 'zero-shot'"),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_is_right(name, said):
    with pytest.raises(PluralignError) as caught:
        open_judge(name, JudgeOptions(cache=""))
    assert caught.value.code == "PA070"
    assert said in str(caught.value)


def test_a_wrong_name_does_not_spill_credentials():
    with pytest.raises(PluralignError) as caught:
        open_judge("opnai:m@http://me:passw0rd@host/v1")
    assert "passw0rd" not in str(caught.value)


def test_only_this_machine_is_loopback():
    urls = {
        "http://localhost:1/v1": True,
        "http://127.0.0.1/v1": True,
        "http://[::1]:2": True,
        "https://api.openai.com/v1": False,
    }
    assert {url: endpoint(url).loopback for url in urls} == urls


def test_opening_names_loads_neither_the_client_library_nor_numpy():
    code = "import sys, pluralign.judge.names; print([m for m in ('openai', 'yaml', 'numpy', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

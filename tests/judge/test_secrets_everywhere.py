"""The key and the password in a judge's base URL are in no file and no message that a real run leaves, whatever the server says."""

import base64
import json
import os
import subprocess
import sys

import pytest
from stub_server import StubServer, refused, said

from ..cases import cases

KEY = "sk-recognisable-4711-0815-abcdef"
PASSWORD = "s3cret-pass-4711"
BY = cases([pytest.param(True, id="password")], slow=[pytest.param(False, id="key")])
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
"""What the client makes of a user and a password in the URL: to read it is to read the password."""
SECRETS = {"key": KEY, "password": PASSWORD, "password in base64": BASIC}


@pytest.fixture
def pluralign(tmp_path):
    """Runs `pluralign` with the key in its environment, as talkative as it can be; cache, output and samples lie in `tmp_path`."""
    loud = {"LMEVAL_LOG_LEVEL": "DEBUG", "OPENAI_LOG": "debug"}
    environment = os.environ | loud | {"OPENAI_API_KEY": KEY, "HF_HUB_OFFLINE": "1"}

    def run(*words):
        command = [sys.executable, "-m", "pluralign.cli", *map(str, words)]
        return subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def samples(tmp_path):
    """Two answers that were not judged yet."""
    path = tmp_path / "samples_pluralign_en_2026.jsonl"
    rows = [
        {"doc": {"prompt_id": f"p{k}", "template_id": f"t{k}", "language": "en", "prompt": "Hello?"},
         "filtered_resps": [json.dumps({"response": f"answer #{k:05d}#"})]}
        for k in range(2)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def with_password(url):
    return url.replace("://", f"://user:{PASSWORD}@")


def found(folder, done):
    """(where, which) of every secret that can be seen: in all files, those of SQLite included, and in what was printed."""
    seen = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    seen |= {"stdout": done.stdout, "stderr": done.stderr}
    return [
        (where, name) for where, text in seen.items() for name, secret in SECRETS.items() if secret.encode() in text
    ]


def places(folder):
    return {path.name.partition("_2")[0] for path in folder.rglob("*") if path.is_file()}


def echoing(after):
    """Answers so many requests, then refuses each and repeats the header with the key, as careless servers do."""

    def answer(body):
        if len(stub.bodies) > after:
            sent = {name.casefold(): value for name, value in stub.headers[-1].items()}
            return refused(401, f"Incorrect authorization: {sent['authorization']}", "invalid_api_key")
        return said(json.dumps({"score": 2, "reason": "Because.", "remark": "x"}))

    stub = StubServer(answer)
    return stub


@pytest.mark.slow
def test_an_evaluation_by_a_jury_leaves_no_secret(pluralign, judging_server, tmp_path):
    keyed, locked = judging_server(key=KEY), judging_server(model="judge-2")
    jury = f"{keyed.judge},openai:judge-2@{with_password(locked.url)}"
    # The model behind an API is given the same key, by lm-eval.
    with StubServer(lambda body: said("answer #00042#")) as model:
        arguments = f"model=m,base_url={model.url}/chat/completions,num_concurrent=1"
        done = pluralign(
            "eval", "--model", "local-chat-completions", "--model_args", arguments, "--limit", 2, "--judge", jury, "--out", "out"
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert KEY in model.headers[0]["Authorization"]
    assert all(KEY in one for one in keyed.account.headers)
    assert all(BASIC in one for one in locked.account.headers), "the password was used"
    assert {"judgements.sqlite", "generations_pluralign_en", "samples_pluralign_de", "results", "pluralign"} <= places(
        tmp_path
    )
    assert found(tmp_path, done) == []


@pytest.mark.parametrize("password", BY)
def test_judging_saved_samples_leaves_no_secret(pluralign, judging_server, samples, tmp_path, password):
    judge = judging_server(key=None if password else KEY)
    url = with_password(judge.url) if password else judge.url
    done = pluralign("judge", "score", samples, "--judge", f"openai:judge-1@{url}", "--dimension", "toxicity")
    assert done.returncode == 0, done.stderr
    assert all((BASIC if password else KEY) in one for one in judge.account.headers), "the secret was used"
    assert b"judge-1@http://127.0.0.1" in done.stdout
    assert len(list(tmp_path.glob("*.summary.json"))) == 1
    assert found(tmp_path, done) == []


@pytest.mark.parametrize("password", BY)
@pytest.mark.parametrize("after", cases([pytest.param(1, id="after the trial")], slow=[pytest.param(0, id="at once")]))
def test_a_server_that_repeats_the_header_it_was_sent_is_not_quoted(pluralign, samples, tmp_path, after, password):
    with echoing(after) as stub:
        url = with_password(stub.url) if password else stub.url
        done = pluralign("judge", "score", samples, "--judge", f"openai:judge-1@{url}", "--dimension", "toxicity")
    said_so = done.stderr if after == 0 else b"".join(path.read_bytes() for path in tmp_path.glob("*judge-1*"))
    assert b"Incorrect authorization" in said_so, "the server is quoted, without the secret"
    assert found(tmp_path, done) == []


@pytest.mark.slow
def test_an_evaluation_that_a_careless_server_ends_leaves_no_secret(pluralign, tmp_path):
    # Two tasks and the command itself try the judge; then the key is refused.
    with echoing(3) as stub:
        done = pluralign(
            "eval", "--model", "dummy", "--limit", 2, "--judge", f"openai:judge-1@{stub.url}", "--out", "out"
        )
    assert done.returncode == 1
    assert b"PA073" in done.stderr
    assert stub.bodies[3:], "judgements were refused"
    assert places(tmp_path) >= {"judgements.sqlite", "generations_pluralign_en"}
    assert found(tmp_path, done) == []

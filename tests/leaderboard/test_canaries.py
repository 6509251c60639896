"""The two systems that a board must flag: they answer as said, through the interface that lm-eval speaks, and are flagged."""

import json
import threading
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from pluralign.evaluation.prompts import load_prompts
from pluralign.judge.samples import Sample
from pluralign.leaderboard.flags import CONSTANT, COPIED, may_rank, own_flags


@pytest.fixture(scope="module")
def canaries(root):
    spec = spec_from_file_location("canaries", root / "leaderboard/canaries.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ask(canaries):
    with ThreadingHTTPServer(("127.0.0.1", 0), canaries.Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def asked(body):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}/v1/chat/completions", data)
            try:
                with urllib.request.urlopen(request) as said:
                    return said.status, json.load(said)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)

        yield asked
        server.shutdown()


def conversation(model, prompt):
    return {
        "model": model,
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": prompt}],
    }


@pytest.mark.parametrize(("model", "kind"), [("constant-answer", CONSTANT), ("copy-the-prompt", COPIED)])
def test_a_canary_is_flagged_and_not_ranked(ask, model, kind):
    samples = []
    for row in load_prompts("en"):
        status, body = ask(conversation(model, row["prompt"]))
        assert status == 200
        answer = body["choices"][0]["message"]["content"]
        where = row["prompt_id"], row["template_id"], "en", row["prompt"]
        samples.append(Sample("samples", len(samples) + 1, {}, *where, answer, False, {}))
    flags = own_flags(samples)
    assert kind in [flag.kind for flag in flags]
    assert not may_rank(flags)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (conversation("parrot", "Hi"), 404, "expected one of constant-answer, copy-the-prompt"),
        (conversation(["constant-answer"], "Hi"), 404, "expected one of"),
        ({"model": "constant-answer", "messages": []}, 400, "one by the user"),
        ({"model": "copy-the-prompt", "messages": ["Hi"]}, 400, "one by the user"),
        ([], 400, "expected an object"),
        (b"{", 400, "no JSON"),
    ],
)
def test_what_cannot_be_answered_is_said(ask, body, status, says):
    got, told = ask(body)
    assert got == status
    assert says in told["error"]["message"]

"""Sending: a pull request with the folder's files, to a stub of the Hub on loopback."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pluralign.errors import PluralignError
from pluralign.leaderboard.send import send

TOKEN = "hf_secretsecretsecret"
SPACE = "spaces/pluralign/leaderboard"


class Hub(ThreadingHTTPServer):
    """What arrived."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.header, self.paths = {}, {}, []

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """As much of the Hub's API as a pull request needs."""

    def log_message(self, *args):
        pass

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_GET(self):
        self.answer(
            {
                "id": "pluralign/leaderboard",
                "sha": "0" * 40,
                "siblings": [],
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
            }
        )

    def do_POST(self):
        data = self.body()
        self.server.paths.append(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": f"Invalid: {self.headers.get('Authorization')}"}, 401)
        elif "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(data)["files"]
            ]
            self.answer({"files": files})
        elif "/commit/" in self.path:
            for line in data.splitlines():
                value = json.loads(line)["value"]
                if json.loads(line)["key"] == "file":
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
                else:
                    self.server.header = value
            self.answer(
                {
                    "commitUrl": f"{self.server.endpoint}/{SPACE}/commit/{'1' * 40}",
                    "commitOid": "1" * 40,
                    "pullRequestUrl": f"{self.server.endpoint}/{SPACE}/discussions/7",
                    "success": True,
                }
            )
        else:
            self.answer({"error": f"stub does not know {self.path}"}, 404)


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_dry_run_names_the_files_and_contacts_no_one(base_en, hub):
    told = send(base_en, dry_run=True, endpoint=hub.endpoint, token=TOKEN)
    assert hub.paths == []
    assert sorted(name.rsplit("/", 1)[1] for name in told.files) == sorted(one.name for one in base_en.iterdir())
    assert all(name.startswith(f"submissions/{base_en.parent.name}/{base_en.name}/") for name in told.files)
    assert "dry run" in str(told)


def test_a_submission_arrives_as_a_pull_request_byte_by_byte(base_en, hub):
    told = send(base_en, dry_run=False, endpoint=hub.endpoint, token=TOKEN)
    assert told.url == f"{hub.endpoint}/{SPACE}/discussions/7"
    assert any("create_pr=1" in path for path in hub.paths)
    prefix = f"submissions/{base_en.parent.name}/{base_en.name}/"
    assert hub.files == {prefix + one.name: one.read_bytes() for one in base_en.iterdir()}
    assert hub.header["summary"] == f"Submission: acme/model-1B ({base_en.name})"


def test_a_submission_with_problems_is_not_sent(base_en, copy_of, hub):
    broken = copy_of(base_en)
    (broken / "notes.txt").write_text("x")
    with pytest.raises(PluralignError, match="PA114") as refused:
        send(broken, dry_run=False, endpoint=hub.endpoint, token=TOKEN)
    assert "PA100" in str(refused.value)
    assert hub.paths == []


def test_what_the_hub_refuses_is_told_without_the_token(base_en, hub):
    with pytest.raises(PluralignError, match="PA114") as refused:
        send(base_en, dry_run=False, endpoint=hub.endpoint, token=f"{TOKEN}x")
    assert "401" in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_without_a_token_nothing_is_tried(base_en, hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(PluralignError, match="PA114.*HF_TOKEN"):
        send(base_en, dry_run=False, endpoint=hub.endpoint)
    assert hub.paths == []

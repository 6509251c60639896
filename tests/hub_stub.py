"""A stub of the Hub on loopback, that speaks as much of its API as an upload and a pull request need."""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_secretsecretsecret"
REPOSITORY = re.compile(r"/api/(datasets|spaces|models)/([^/]+/[^/?]+)")


class Hub(ThreadingHTTPServer):
    """What arrived, what is there already, and how to misbehave.

    Attributes:
        paths: of every request, in order.
        created: bodies of requests for a repository.
        files: path -> bytes, as committed.
        header: of the last commit.
        commits: how many.
        blobs: sha256 -> bytes of large files.
        there: paths that the repository has.
        fail: part of "METHOD /path" -> status to answer with.
    """

    def __init__(self, there=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths, self.created, self.files, self.header, self.commits, self.blobs = [], [], {}, {}, 0, {}
        self.there = list(there)
        self.fail: dict[str, int] = {}

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def running(monkeypatch, there=()):
    """A stub that serves, and a client that talks to nobody else and does not wait between its retries."""
    import huggingface_hub

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    huggingface_hub.utils.disable_progress_bars()
    server = Hub(there)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        huggingface_hub.utils.enable_progress_bars()


class Handler(BaseHTTPRequestHandler):
    """Answers of the Hub."""

    def log_message(self, *args):
        pass

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refused(self):
        self.server.paths.append(self.path)
        for part, status in self.server.fail.items():
            if part in f"{self.command} {self.path}":
                self.answer({"error": f"stub says {status}"}, status)
                return True
        if self.command != "PUT" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": f"Invalid: {self.headers.get('Authorization')}"}, 401)
            return True
        return False

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def repository(self):
        """Kind and id of what is asked for."""
        return REPOSITORY.match(self.path).groups()

    def do_GET(self):
        if self.refused():
            return
        there = self.server.there
        if "/tree/" in self.path:
            self.answer([{"type": "file", "path": p, "size": 1, "oid": "0" * 40} for p in there])
            return
        info = {"sha": "0" * 40, "siblings": [{"rfilename": p} for p in there], "private": False, "tags": [], "downloads": 0, "likes": 0}  # fmt: skip
        self.answer({"id": self.repository()[1], **info})

    def do_PUT(self):
        data = self.body()
        if self.refused():
            return
        self.server.blobs[hashlib.sha256(data).hexdigest()] = data
        self.answer({})

    def do_POST(self):
        data = self.body()
        if self.refused():
            return
        if self.path.endswith("/repos/create"):
            body = json.loads(data)
            self.server.created.append(body)
            self.answer({"url": f"{self.server.endpoint}/datasets/{body.get('organization')}/{body['name']}"})
        elif self.path.endswith("/validate-yaml"):
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            modes = {True: "lfs", False: "regular"}
            files = [
                {"path": f["path"], "uploadMode": modes[f["path"].endswith(".parquet")], "shouldIgnore": False}
                for f in json.loads(data)["files"]
            ]
            self.answer({"files": files})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**o, "actions": {"upload": {"href": f"{self.server.endpoint}/lfs/{o['oid']}", "header": {}}}}
                for o in json.loads(data)["objects"]
            ]
            self.answer({"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            self.commit([json.loads(line) for line in data.splitlines()])
        else:
            self.answer({"error": f"stub does not know {self.path}"}, 404)

    def commit(self, lines):
        self.server.commits += 1
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.server.header = value
            elif line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.files[value["path"]] = self.server.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                self.server.there.remove(value["path"])
        place = f"{self.server.endpoint}/{'/'.join(self.repository())}"
        asked = {"pullRequestUrl": f"{place}/discussions/7"} if "create_pr=1" in self.path else {}
        self.answer({"commitUrl": f"{place}/commit/{'1' * 40}", "commitOid": "1" * 40, "success": True, **asked})

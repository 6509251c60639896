"""A server that answers as a function says: for what the judging server beside this file does not do."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StubServer:
    """OpenAI's chat completions on loopback.

    Args:
        answer: body of the request -> (status, body of the reply).
        models: what it lists.
    """

    def __init__(self, answer, models=("judge-1",)):
        self.bodies, self.headers = [], []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(
                    200,
                    {
                        "object": "list",
                        "data": [{"id": m, "object": "model", "created": 1, "owned_by": "x"} for m in models],
                    },
                )

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.bodies.append(body)
                stub.headers.append(dict(self.headers))
                self.reply(*answer(body))

            def reply(self, status, content):
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def said(text, **message):
    """A reply with that text."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
    return 200, {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def refused(status, message, code="invalid_request_error"):
    """An error object."""
    return status, {"error": {"message": message, "type": code, "param": None, "code": code}}

"""Two systems that every board must flag: one gives the same answer to everything, one says the prompt back.

Served on loopback with the chat interface that lm-eval and `pluralign eval` speak, so that they are evaluated and submitted as any other
system is:

    python leaderboard/canaries.py --port 8801 &
    pluralign eval --model local-chat-completions --output_path results-constant \\
        --model_args model=constant-answer,base_url=http://127.0.0.1:8801/v1/chat/completions
    pluralign eval --model local-chat-completions --output_path results-copy \\
        --model_args model=copy-the-prompt,base_url=http://127.0.0.1:8801/v1/chat/completions

Both exist because judges reward them: a constant answer that is kind to everyone has no toxicity, and a prompt said back is on topic.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONSTANT = "I hear you, and I understand how you feel. Thank you for sharing this with me. How can I best support you right now?"
Messages = Sequence[Mapping[str, str]]
CANARIES: Mapping[str, Callable[[Messages], str]] = {
    "constant-answer": lambda _: CONSTANT,
    "copy-the-prompt": lambda messages: next(one["content"] for one in reversed(messages) if one["role"] == "user"),
}
"""Name -> what it answers to a conversation."""


def reply(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and body for a request to `/v1/chat/completions`."""
    name, messages = asked.get("model"), asked.get("messages")
    if not isinstance(name, str) or name not in CANARIES:
        return 404, {"error": {"message": f"got model {name!r}; expected one of {', '.join(CANARIES)}"}}
    if not isinstance(messages, list) or not any(
        isinstance(one, dict) and one.get("role") == "user" for one in messages
    ):
        return 400, {"error": {"message": "expected messages with one by the user"}}
    message = {"role": "assistant", "content": CANARIES[name](messages)}
    return 200, {
        "object": "chat.completion",
        "model": name,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


class Handler(BaseHTTPRequestHandler):
    """Answers POST with `reply`."""

    def do_POST(self) -> None:
        """One conversation, one answer."""
        try:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            status, body = (
                reply(asked) if isinstance(asked, dict) else (400, {"error": {"message": "expected an object"}})
            )
        except ValueError as error:
            status, body = 400, {"error": {"message": f"no JSON: {error}"}}
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet: a run asks hundreds of times."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8801, help="on 127.0.0.1 (default %(default)s)")
    with ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler) as server:
        print(f"{', '.join(CANARIES)} at http://127.0.0.1:{server.server_port}/v1/chat/completions", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")


if __name__ == "__main__":
    main()

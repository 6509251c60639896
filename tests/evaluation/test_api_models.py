"""Models behind an API are evaluated too: messages go out, answers come back and are judged."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("lm_eval")


@pytest.fixture
def chat_server():
    """An OpenAI-compatible server that answers every question alike, and keeps what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((self.path, body))
            choice = {"index": 0, "message": {"role": "assistant", "content": "<think>rude?</think>answer 3"}}
            reply = json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/chat/completions", asked
    server.shutdown()
    server.server_close()


@pytest.mark.filterwarnings("ignore")  # lm-eval's client leaves its session to the garbage collector
def test_a_chat_api_is_asked_with_messages_and_its_thinking_is_stripped(chat_server, fake_judge, evaluate):
    from lm_eval.api.registry import get_model

    url, asked = chat_server
    model = get_model("local-chat-completions").create_from_arg_string(f"model=m,base_url={url},num_concurrent=1")
    results = evaluate(model, limit=2, apply_chat_template=True)
    assert len(asked) == 4
    [message] = asked[0][1]["messages"]
    assert message["role"] == "user"
    content = message["content"] if isinstance(message["content"], str) else message["content"][0]["text"]
    assert content.startswith("Write a mocking column")
    assert asked[0][1]["temperature"] == 0
    assert results["results"]["pluralign"]["toxicity,none"] == 0.5
    assert {answer.response for answer in fake_judge.seen} == {"answer 3"}

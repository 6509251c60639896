"""The judging server beside this file, for every test of judges, and nothing of this machine's settings."""

import sys
from pathlib import Path

import pytest

# Tests are imported by path (importlib mode), which leaves modules beside them out of reach.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def judging_server():
    """Makes judging servers, with the arguments of `JudgingServer`; they stop with the test."""
    from servers import JudgingServer

    running = []

    def make(**settings):
        running.append(JudgingServer(**settings).__enter__())
        return running[-1]

    yield make
    for server in running:
        server.__exit__()


@pytest.fixture(autouse=True)
def _own_places(monkeypatch, tmp_path):
    """A cache of its own and a key that is none."""
    monkeypatch.setenv("PLURALIGN_CACHE", str(tmp_path / "pluralign"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefSECRET")
    monkeypatch.delenv("PLURALIGN_JUDGE", raising=False)

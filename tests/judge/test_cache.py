"""The cache keeps what was paid for, across threads and processes, and refuses files that are not its own."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_table import answers

from pluralign.errors import PluralignError
from pluralign.judge import Answer, JudgeOptions
from pluralign.judge.cache import JudgementCache, Kept, open_cache
from pluralign.judge.names import open_judge

NOBODY = 65534


@pytest.fixture
def cache(tmp_path):
    made = JudgementCache(tmp_path / "j.sqlite")
    yield made
    made.close()


def test_what_was_put_is_there_for_another_opening(cache):
    cache.put("a", Kept(4.0, "kind – ‚gut‘", "schema"))
    again = JudgementCache(cache.path)
    assert again.get(["a", "b"]) == {"a": Kept(4.0, "kind – ‚gut‘", "schema")}
    again.close()


def test_thousands_of_keys_are_looked_up_at_once(cache):
    for k in range(1200):
        cache.put(str(k), Kept(1.0 + k % 5, None, "json"))
    assert len(cache.get([str(k) for k in range(3000)])) == 1200


def test_a_claim_keeps_others_out_until_it_is_released_expires_or_is_answered(cache):
    assert cache.claim("a", "me", 60)
    assert cache.claim("a", "me", 60)
    assert not cache.claim("a", "you", 60)
    cache.release("a", "me")
    assert cache.claim("a", "you", -1)
    assert cache.claim("a", "me", 60)
    cache.put("a", Kept(3.0, None, "json"))
    assert not cache.claim("a", "me", 60)


@pytest.mark.skipif(sys.platform == "win32", reason="a claim lasts until it expires there")
def test_the_claims_of_a_process_that_is_gone_count_for_nothing(cache):
    code = f"from pathlib import Path; from pluralign.judge.cache import JudgementCache as C; C(Path({str(cache.path)!r})).claim('a', 'gone', 999)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert cache.claim("a", "me", 60)


def test_many_threads_write_at_once(cache):
    def write(part):
        for k in range(50):
            cache.put(f"{part}-{k}", Kept(2.0, None, "json"))

    threads = [threading.Thread(target=write, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache.get([f"{part}-{k}" for part in range(8) for k in range(50)])) == 400


def test_two_judges_with_one_cache_pay_once_for_each_answer(judging_server, tmp_path):
    server = judging_server(latency_s=0.01)
    judges = [open_judge(server.judge, JudgeOptions(cache=str(tmp_path / "j.sqlite"), concurrency=4)) for _ in range(2)]
    for judge in judges:
        judge.preflight(["toxicity"], ["en", "de"])
    given = {}

    def work(k):
        given[k] = judges[k].judge(answers(40), ["toxicity"])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["toxicity"].value for row in given[0]] == [row["toxicity"].value for row in given[1]]
    assert server.account.repeated == 0
    assert len(server.account.answered) == 40


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at" * 40, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_file_is_refused_before_any_call(tmp_path, content):
    path = tmp_path / "j.sqlite"
    path.write_bytes(content)
    with pytest.raises(PluralignError, match="PA078"):
        open_judge("openai:gpt-4o-mini", JudgeOptions(cache=str(path)))
    assert path.read_bytes() == content


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(PluralignError, match="something else"):
        open_cache(str(path))
    assert path.read_bytes() == before


def test_a_folder_in_the_file_s_place_is_refused(tmp_path):
    with pytest.raises(PluralignError, match="PA078"):
        open_cache(str(tmp_path))


@pytest.fixture
def as_somebody():
    """Root may write everywhere: for it, a file of the folder is opened as nobody."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        folder.chmod(0o777)

        @contextmanager
        def somebody():
            if root:
                os.seteuid(NOBODY)
            try:
                yield
            finally:
                if root:
                    os.seteuid(0)

        yield folder, somebody


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")
def test_a_file_that_cannot_be_written_is_refused(as_somebody):
    folder, somebody = as_somebody
    path = folder / "j.sqlite"
    JudgementCache(path).close()
    path.chmod(0o666)
    with somebody():
        open_cache(str(path)).close()
    path.chmod(0o444)
    with somebody(), pytest.raises(PluralignError, match="PA078"):
        open_cache(str(path))


def test_the_default_is_in_the_cache_folder(tmp_path):
    made = open_cache(None)
    assert made.path.resolve() == (tmp_path / "pluralign" / "judgements.sqlite").resolve()
    made.close()


def key_of(server, answer=None, dimension="toxicity", **options):
    judge = open_judge(server.judge, JudgeOptions(**{"cache": ""} | options))
    judge.preflight(["toxicity"], ["en"])
    (key,) = judge._jobs([answer or Answer("p", "r", "en")], [dimension], [{}], None, lambda _: None)
    return key


def test_everything_that_matters_is_in_the_key_and_nothing_else(judging_server):
    server, other = judging_server(), judging_server()
    keys = [
        key_of(server),
        key_of(server, Answer("p", "s", "en")),
        key_of(server, Answer("q", "r", "en")),
        key_of(server, Answer("p", "r", "de")),
        key_of(server, dimension="sensitivity"),
        key_of(server, max_tokens=200),
        key_of(server, expectation=True),
        key_of(other),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of(server, concurrency=2, retries=1, timeout_s=9.0, max_calls=50) == keys[0]


def test_several_processes_can_make_the_same_cache_at_once(tmp_path):
    import subprocess
    import sys
    import time

    code = (
        "import sys, time; from pathlib import Path; from pluralign.judge.cache import JudgementCache\n"
        "time.sleep(max(0.0, float(sys.argv[2]) - time.time())); JudgementCache(Path(sys.argv[1])).close()"
    )
    for turn in range(3):
        at = str(time.time() + 1.0)
        command = [sys.executable, "-c", code, str(tmp_path / f"{turn}.sqlite"), at]
        makers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        said = [maker.communicate()[1] for maker in makers]
        assert [maker.returncode for maker in makers] == [0] * 4, said

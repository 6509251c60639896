"""`pluralign leaderboard serve`: the page on loopback, until Ctrl-C."""

import http.client
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from pluralign import cli
from pluralign.errors import PluralignError
from pluralign.leaderboard.serve import address, page_server

from . import sites


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page; not to be changed."""
    place = tmp_path_factory.mktemp("served") / "page"
    sites.make_site(place)
    return place


@pytest.fixture
def served(folder):
    with page_server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def serve(monkeypatch, capsys, own_cache):
    """Runs the command until it serves; returns its exit code, what it said, and the address that it would have served."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["pluralign", "leaderboard", "serve", *map(str, arguments)])
        reached = []

        def ended(server, **_):
            reached.append(address(server))
            raise KeyboardInterrupt

        monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", ended)
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err, reached

    return called


def test_every_file_comes_as_it_lies_there_with_its_kind(served, folder):
    kinds = {".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}  # fmt: skip
    seen = set()
    for path in (one for one in folder.rglob("*") if one.is_file()):
        with urllib.request.urlopen(address(served) + path.relative_to(folder).as_posix()) as answer:
            assert answer.read() == path.read_bytes()
            assert answer.headers["Content-Type"].partition(";")[0] == kinds[path.suffix]
            assert answer.headers["Cache-Control"] == "no-cache", "a page that is built anew is shown anew"
        seen.add(path.suffix)
    assert seen == set(kinds)
    with urllib.request.urlopen(address(served)) as answer:
        assert answer.read() == (folder / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["/boards/", "/submissions/", "/../secret.txt", "/%2e%2e/secret.txt", "/boards/../../secret.txt", "//etc/passwd", "//secret.txt", "/nothing"])  # fmt: skip
def test_neither_listings_nor_anything_beside_the_page_is_served(served, folder, path):
    (folder.parent / "secret.txt").write_text("not of the page")
    connection = http.client.HTTPConnection("127.0.0.1", served.server_port)
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    connection.close()


def test_nothing_can_be_written(served):
    for method in ("POST", "PUT", "DELETE"):
        with pytest.raises(urllib.error.HTTPError, match="501"):
            urllib.request.urlopen(urllib.request.Request(address(served), data=b"x", method=method))


def test_it_listens_on_loopback_only(served):
    assert served.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_said_with_the_way_out(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PluralignError, match=rf"PA055.*port {port} of 127.0.0.1 is taken.*--port"):
            page_server(folder, port)


@pytest.mark.parametrize("harm", ["nothing there", "a file", "empty", "another folder", "half a page"])
def test_what_is_no_page_is_said_with_pa001(folder, tmp_path, harm):
    place = tmp_path / "place"
    if harm == "a file":
        place.write_text("x")
    elif harm == "half a page":
        shutil.copytree(folder, place)
        (place / "draws.js").unlink()
    elif harm != "nothing there":
        place.mkdir()
        (place / "index.html").mkdir(parents=True) if harm == "another folder" else None
    with pytest.raises(PluralignError, match="PA001.*is no page of the leaderboard.*--build"):
        page_server(place, 0)


def test_a_page_is_built_where_it_is_not_there_and_not_again_unless_asked(serve, tmp_path, make_submission):
    submissions, page = tmp_path / "submissions", tmp_path / "page"
    make_submission(submissions, "acme/0", languages=("en",))
    code, out, err, reached = serve(page, "--submissions", submissions, "--port", 0)
    assert (code, len(reached)) == (0, 1), err
    assert f"{reached[0]} shows {page}; Ctrl-C ends it." in out
    assert "1  Demonstration: judge rater-model-simulated" in out
    make_submission(submissions, "acme/1", seed=1, languages=("en",))
    assert "Demonstration" not in serve(page, "--submissions", submissions, "--port", 0)[1]
    assert "2  Demonstration" in serve(page, "--submissions", submissions, "--port", 0, "--build")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["{tmp}/none", "--submissions", "{tmp}/nowhere"], 2, "PA113"),
        (["{tmp}"], 2, "PA001"),
        (["{tmp}", "--build", "--submissions", "{tmp}/empty"], 2, "PA052"),
        (["{tmp}/file"], 2, "PA001"),
        (["{page}", "--port", "-1"], 2, "--port"),
        (["{page}", "--port", "65536"], 2, "--port"),
        (["{page}", "--port", "inf"], 2, "--port"),
    ],
)
def test_what_was_asked_wrongly_is_said_and_nothing_is_served_or_left(serve, folder, tmp_path, arguments, code, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    before = sorted(one.name for one in tmp_path.iterdir())
    got, _, err, reached = serve(*(one.format(tmp=tmp_path, page=folder) for one in arguments))
    assert (got, reached) == (code, [])
    assert told in err
    assert "Traceback" not in err
    assert sorted(one.name for one in tmp_path.iterdir() if one.name != "cache") == before


def test_ctrl_c_ends_it_quietly(folder):
    command = [sys.executable, "-m", "pluralign.cli", "leaderboard", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            place = running.stdout.readline().split()[0]
            with urllib.request.urlopen(place) as answer:
                assert answer.read() == (folder / "index.html").read_bytes()
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=30)
        finally:
            running.kill()
    assert (running.returncode, out.strip(), err) == (0, "", "")

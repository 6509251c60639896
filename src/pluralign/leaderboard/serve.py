"""Serving the page on this machine: its folder as it lies there, on loopback, to nobody else."""

from __future__ import annotations

import errno
import functools
import io
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError, listing
from pluralign.leaderboard.site import MARKS

HOST = "127.0.0.1"
PORT = 8000
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
}  # fmt: skip
"""Of every kind of file that a page has: what the machine believes of endings does not decide whether scripts run."""


class _Files(SimpleHTTPRequestHandler):
    """The page's files: no listings of folders, and nothing that is kept when the page is built anew."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012 - the parent's attribute
    server_version, sys_version = "pluralign", ""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: Any) -> io.BytesIO | None:  # noqa: ARG002 - the parent's name for it
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name for it
        """Nothing: whoever looks at the page sees what came."""


def page_server(folder: Path, port: int = PORT) -> ThreadingHTTPServer:
    """A server of a page, bound and not yet serving.

    Args:
        folder: of the page, as `build_site` writes it.
        port: on loopback; 0 for any that is free.

    Raises:
        PluralignError: PA001 where the folder holds no page, PA055 where the port cannot be had.
    """
    if missing := [name for name in MARKS if not (folder / name).is_file()]:
        told = f"no {listing(missing)}" if folder.is_dir() else "no folder"
        raise PluralignError(
            "PA001", f"{folder} is no page of the leaderboard: {told}.",
            "Name the folder that `pluralign leaderboard build` wrote, or build it: --build.",
        )  # fmt: skip
    try:
        return ThreadingHTTPServer((HOST, port), functools.partial(_Files, directory=str(folder.absolute())))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        told = "is taken by another program" if taken else f"cannot be had ({error.strerror})"
        raise PluralignError(
            "PA055", f"port {port} of {HOST} {told}.", "Name another one with --port; 0 is any."
        ) from error


def address(server: ThreadingHTTPServer) -> str:
    """Where a browser finds the page."""
    return f"http://{HOST}:{server.server_port}/"

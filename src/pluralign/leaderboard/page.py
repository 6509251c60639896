"""The page itself: one HTML file with style and scripts in it, under a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pluralign import __version__
from pluralign.leaderboard.view import FORMAT, published_view

TITLE = "PlurAlign leaderboard"
STYLE = "leaderboard.css"
SCRIPTS = ("base.js", "board.js", "models.js", "start.js")
"""In this order: what starts the page comes last."""


def page(views: Sequence[Mapping[str, Any]], refused: Mapping[str, Any]) -> str:
    """The page; the boards' rows are in files of their own.

    Args:
        views: of the boards, as `board_view` gives them.
        refused: place -> problems.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("pluralign.leaderboard"), undefined=StrictUndefined, autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    style, script = _template(STYLE), whole_script()
    index = {
        "format": FORMAT, "version": __version__, "published": published_view(quoted=True),
        "boards": [{key: view[key] for key in ("key", "title", "is_demonstration", "standing", "n", "n_ranked")} for view in views],
        "refused": [{"place": place, "codes": sorted({str(one["code"]) for one in problems})} for place, problems in sorted(refused.items())],
    }  # fmt: skip
    # Style and script are our own files; the index is escaped below for where it stands.
    constant = f"const INDEX = {in_script(index)};"
    return environment.get_template("leaderboard.html.j2").render(
        title=TITLE, style=Markup(style), script=Markup(script), constant=Markup(constant), policy=policy([style], [constant, script]), version=__version__  # noqa: S704
    )  # fmt: skip


def _template(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def whole_script() -> str:
    """The parts of the script in one strict function: they share their names with each other and with nobody else, and the policy needs one hash."""
    return "\n".join(['"use strict";', "(() => {", *map(_template, SCRIPTS), "})();", ""])


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The page's own policy: these very styles and scripts and the data files beside it, nothing else, so that no stranger's text can run.

    >>> policy([], ["1"])
    "default-src 'none'; img-src data:; style-src 'none'; script-src 'self' 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='; base-uri 'none'; form-action 'none'"
    """
    told = [
        [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in some]
        for some in (styles, scripts)
    ]
    style, script = " ".join(told[0]) or "'none'", " ".join(["'self'", *told[1]])
    return f"default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def in_script(value: Any) -> str:
    """JSON that may stand between script tags: nothing in it ends them or begins a comment.

    >>> in_script("</script><!--")
    '"\\\\u003c/script\\\\u003e\\\\u003c!--"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def data_script(name: str, value: Any) -> str:
    """A file of data, which the page loads as a script, because `fetch` does not work from a folder."""
    return f"pluralign.take({in_script(name)},{in_script(value)});\n"

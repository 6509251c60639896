"""Which judges are known, and where they come from: by this package or by the keepers' file, never by a submission's word.

A judge is what its identity says, and anyone can write an identity: the name that a submission gives says nothing. Known are the offline
judges of this package, by the hashes of weights and prototypes that lie in it, and the judges that the keepers list:

leaderboard/judges.yaml
  <sha256 of the identity>:
    title: GPT-4o mini, served by OpenAI in November 2026
    provenance: ["what people should know of it, a line each"]
    demonstration: false                 # true for a judge that was fitted to simulated ratings
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pluralign.errors import PluralignError
from pluralign.judge.report import judge_lines
from pluralign.leaderboard.manifest import identity_sha256
from pluralign.leaderboard.strict import StrictError, strict_yaml

KEEPERS = Path("leaderboard/judges.yaml")
"""The keepers' file, beside submissions and records; it may be absent."""
BESIDE = "submissions"
UNVERIFIED = (
    "Nobody but the submitter says who judged here: the judge is neither one of this package nor listed by the keepers."
)
Standing = Literal["known", "demonstration", "unverified"]
"""Of a judge and its boards, in the order in which the boards are shown."""


@dataclass(frozen=True)
class Known:
    """A judge that is known.

    Attributes:
        title: what a board calls it.
        provenance: where it comes from, a line each.
        demonstration: whether it was fitted to simulated ratings.
        judge: the name that it has in results; empty where the keepers' title stands for it.
    """

    title: str
    provenance: tuple[str, ...]
    demonstration: bool
    judge: str = ""


def fixed_sha256(identity: Mapping[str, Any]) -> str:
    """The hash of an identity without the versions of packages, at whatever level they stand.

    >>> fixed_sha256({"judge": "a", "versions": {"b": "1"}}) == fixed_sha256({"judge": "a", "versions": {"b": "2"}})
    True
    """
    return identity_sha256(_fixed(identity))


def _fixed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _fixed(one) for key, one in value.items() if key != "versions"}
    return [_fixed(one) for one in value] if isinstance(value, list) else value


def keepers_file() -> Path:
    """Where the keepers' file is looked for: in the checkout's `leaderboard`, or, where that itself is the folder (a Space), here."""
    return Path(KEEPERS.name) if Path(BESIDE).is_dir() else KEEPERS


def known_judge(judge: str, identity: str, fixed: str, keepers: Path | None = None) -> Known | None:
    """What is known of a judge; None for one that only a submission speaks of.

    Args:
        judge: the name that it has in results.
        identity: hash of its whole identity, as `identity_sha256` gives it: the keepers list by that.
        fixed: hash of its identity without versions: the judges of this package are known by that and by their name.
        keepers: their file; `keepers_file()` if None.

    Raises:
        PluralignError: PA113 for a keepers' file that cannot be used.
    """
    listed = keepers_judges(keepers or keepers_file()).get(identity)
    own = own_judges().get(fixed)
    return listed or (own if own is not None and own.judge == judge else None)


@cache
def own_judges() -> dict[str, Known]:
    """Hash of the identity without versions -> this package's offline judges, out of the files that ship; no encoder is opened."""
    from pluralign.judge.fit import SIMULATED
    from pluralign.judge.offline import COMPOSITE, measured_agreement, shipped_judge
    from pluralign.judge.zero_shot import CIVIL, HOSTILE, NAME, SLOPE, ZeroShotJudge

    model = json.loads((shipped_judge() / "model.json").read_text("utf-8"))
    identities: dict[str, dict[str, Any]] = {
        NAME: {"judge": NAME, "prototypes": sha256(repr((HOSTILE, CIVIL, SLOPE)).encode()).hexdigest()[:16]},
        SIMULATED: {"judge": SIMULATED, "weights": model["weights_sha256"], "embedding": model["embedding"]},
    }
    provenances: dict[str, dict[str, Any]] = {
        NAME: ZeroShotJudge().provenance(),
        SIMULATED: {**model["provenance"], "agreement": measured_agreement().get(SIMULATED, {})},
    }
    identities[COMPOSITE] = {"judge": COMPOSITE, "of": {"toxicity": NAME}, "parts": dict(identities)}
    provenances[COMPOSITE] = {"name": COMPOSITE, "parts": dict(provenances)}
    return {
        fixed_sha256(identity): Known(name, tuple(judge_lines(provenances[name])), SIMULATED in name, name)
        for name, identity in identities.items()
    }


def keepers_judges(path: Path = KEEPERS) -> dict[str, Known]:
    """Hash of the identity -> the judges that the keepers list; none where they have no file.

    Raises:
        PluralignError: PA113 for a file that cannot be used.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return _listed(path.absolute(), found.st_mtime_ns, found.st_size)


@cache
def _listed(path: Path, _changed: int, _size: int) -> dict[str, Known]:
    """A file as it is at a moment: asked for once a world."""
    try:
        held = strict_yaml(path.read_bytes())
        if not isinstance(held, dict):
            raise TypeError("no mapping of identities")
        return {key: _entry(key, one) for key, one in held.items()}
    except (StrictError, OSError, TypeError) as error:
        raise PluralignError(
            "PA113", f"{path} is no list of judges ({error}).", "pluralign.leaderboard.judges says what it holds."
        ) from error


def _entry(key: str, held: Any) -> Known:
    if len(key) != 64 or set(key) - set("0123456789abcdef"):
        raise TypeError(f"{key[:70]!r} is no sha256 of an identity")
    if not isinstance(held, dict) or set(held) != {"title", "provenance", "demonstration"}:
        raise TypeError(f"{key[:12]}… has not just title, provenance and demonstration")
    lines = held["provenance"]
    if not isinstance(held["title"], str) or not held["title"].strip() or not isinstance(held["demonstration"], bool):
        raise TypeError(f"{key[:12]}…: title is a text, demonstration true or false")
    if not isinstance(lines, list) or not all(isinstance(one, str) for one in lines):
        raise TypeError(f"{key[:12]}…: provenance is a list of lines")
    return Known(held["title"], tuple(lines), held["demonstration"])

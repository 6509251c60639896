"""The weights that a submission names, before anything opens them: from the Hub at a commit, or local files with the named hashes, safetensors only."""

from __future__ import annotations

from pathlib import Path

from pluralign.errors import PluralignError, Problem, ProblemsFoundError
from pluralign.leaderboard.check import Checked
from pluralign.leaderboard.manifest import Adapter, Local, OnHub
from pluralign.ratings.tables import file_checksum

UNSAFE = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack", ".h5", ".py")
"""Files that run code when they are opened, or are code."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""All that is fetched of an adapter's repository."""


def weights_of(checked: Checked, model: str | None, adapter: str | None) -> dict[str, str]:
    """What lm-eval is given to open the weights: from the Hub at the named revision, or folders whose weights have the named hashes.

    Raises:
        PluralignError: PA110, PA112.
    """
    assert checked.manifest is not None
    named = checked.manifest.model
    match named:
        case OnHub():
            return {"pretrained": named.id, "revision": named.revision}
        case Adapter():
            # lm-eval asks for an adapter at the base's revision: the adapter is fetched at its own.
            return {"pretrained": named.base.id, "revision": named.base.revision, "peft": str(adapter_of(named))}
        case Local():
            return _local_weights(named, model, adapter)
        case _:
            raise PluralignError(
                "PA112",
                f"{named.id} is a system without weights: it cannot be generated again.",
                "It stays at its tier.",
            )


def adapter_of(named: Adapter) -> Path:
    """An adapter of the Hub at the named commit: its settings and its safetensors, and nothing else of the repository.

    Raises:
        PluralignError: PA110 where it cannot be had, or has no safetensors.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    where = f"{named.id}@{named.revision[:12]}"
    try:
        folder = Path(snapshot_download(named.id, revision=named.revision, allow_patterns=list(ADAPTER_FILES)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PluralignError("PA110", f"{where}: {reason}", "The adapter must be public at that commit.") from error
    if missing := [name for name in ADAPTER_FILES if not (folder / name).is_file()]:
        raise PluralignError(
            "PA110",
            f"{where} has no {' and no '.join(missing)}.",
            "Only safetensors without code of their own are opened.",
        )
    return folder


def _local_weights(named: Local, model: str | None, adapter: str | None) -> dict[str, str]:
    wanted = {"--model": (model, named.base_sha256 if named.base_sha256 else named.weights_sha256)}
    if named.base_sha256:
        wanted["--adapter"] = (adapter, named.weights_sha256)
    problems = []
    for option, (place, digest) in wanted.items():
        if place is None:
            problems.append(
                Problem(
                    "PA110",
                    named.id,
                    None,
                    option,
                    "nothing",
                    f"the folder whose weights have sha256 {digest[:12]}…",
                    f"Say {option}.",
                )
            )
            continue
        folder = Path(place)
        if unsafe := sorted(one.name for one in folder.rglob("*") if one.suffix in UNSAFE):
            problems.append(
                Problem("PA110", str(folder), None, None, unsafe[0], "safetensors and JSON only", "Remove it.")
            )
        hashes = {file_checksum(one) for one in folder.rglob("*.safetensors")}
        if digest not in hashes:
            got = ", ".join(sorted(one[:12] for one in hashes)) or "no safetensors"
            problems.append(
                Problem(
                    "PA110",
                    str(folder),
                    None,
                    None,
                    got,
                    f"weights with sha256 {digest[:12]}…",
                    "Name the folder of the submitted weights.",
                )
            )
    if problems:
        raise ProblemsFoundError(problems)
    assert model is not None
    return {"pretrained": model} | ({"peft": adapter} if adapter and named.base_sha256 else {})

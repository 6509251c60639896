"""How often a 95 % interval of a contrast of fine-tunes holds what the method does, by what it takes for chance: prompts, or prompts and runs.

python benchmarks/run_coverage.py
python benchmarks/run_coverage.py --draws 20000 --seed 1

72 prompt templates of 3 prompts, two arms, each with as many runs as the row says. A run moves all scores of its arm (`sd of a run`, in points of
0–1), besides what it does prompt by prompt. Sizes like these were seen: four fine-tunes of SmolLM2-135M on emotional awareness, in whose ratings
nothing differs that was planted (baselines/results, κ = 0, seed 0), have mean emotional awareness of .551 to .569, standard deviation .009, and
mean toxicity of .049 to .086, standard deviation .015. The settings were fixed before the first run. The last line is JSON.
"""

import argparse
import json

import numpy as np

from pluralign.stats.effects import contrast
from pluralign.stats.runs import over_runs

TEMPLATES, PROMPTS = 72, 3
SD_TEMPLATE, SD_PROMPT = 0.03, 0.05
RUNS, SD_RUN = (1, 2, 3, 5, 10), (0.0, 0.005, 0.0075, 0.015)


def coverage(n_runs: int, sd_run: float, draws: int, seed: int) -> dict[str, float]:
    """Share of draws whose interval holds the truth, 0, and the intervals' mean width, by prompts alone and by prompts and runs."""
    rng = np.random.default_rng([seed, n_runs, int(1e4 * sd_run)])
    cluster = np.repeat(np.arange(TEMPLATES), PROMPTS)
    held, width = np.zeros(2), np.zeros(2)
    for _ in range(draws):
        shared = rng.normal(0, SD_TEMPLATE, TEMPLATES)[cluster]
        arms = (
            0.5 + shared + rng.normal(0, sd_run, (2, n_runs, 1)) + rng.normal(0, SD_PROMPT, (2, n_runs, len(cluster)))
        )
        effect = contrast(np.clip(arms, 0, 1), [1, -1], cluster, bootstrap=0)
        by_run = np.clip(arms, 0, 1).mean(axis=2)
        for k, runs in enumerate(((), by_run[0] - by_run[1])):
            found = over_runs(effect.estimate, effect.se, effect.n_clusters, runs)
            held[k] += found.low <= 0 <= found.high
            width[k] += (found.high - found.low) / draws
    return {
        "prompts": held[0] / draws,
        "prompts_and_runs": held[1] / draws,
        "width_prompts": width[0],
        "width_both": width[1],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(f"{'runs':>5} {'sd of a run':>12} {'prompts alone':>14} {'prompts and runs':>17} {'width':>7} {'width':>7}")
    rows = []
    for n_runs in RUNS:
        for sd_run in SD_RUN:
            found = coverage(n_runs, sd_run, asked.draws, asked.seed)
            rows.append({"n_runs": n_runs, "sd_run": sd_run} | found)
            print(f"{n_runs:5} {sd_run:12.4f} {found['prompts']:14.3f} {found['prompts_and_runs']:17.3f} "
                  f"{found['width_prompts']:7.4f} {found['width_both']:7.4f}")  # fmt: skip
    print(json.dumps({"draws": asked.draws, "seed": asked.seed, "rows": rows}))


if __name__ == "__main__":
    main()

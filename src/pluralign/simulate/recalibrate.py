"""Make the parameters that ship afresh: `python -m pluralign.simulate.recalibrate [population] [matched] [monte-carlo]`.

population   solves for the parameters whose true statistics are the published ones (under a minute);
matched      moves them until the draw of seed 0 has the published statistics as fitted (a minute or two);
monte-carlo  the sd of every statistic over fresh population releases (some minutes).
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pluralign.ratings.tables import write_text
from pluralign.simulate.achieved import Sample, cheap_statistics, kappa_recovered, odds_ratios
from pluralign.simulate.calibrate import match, population
from pluralign.simulate.latent import Latent, draw
from pluralign.simulate.parameters import ORDER, load_parameters
from pluralign.simulate.report import CONTRASTED

FOLDER = Path(__file__).parent / "calibrated"
REPLICATES = 40
FIRST_SEED = 1000


def replicate(seed: int) -> dict[str, float]:
    """All statistics of one fresh release of the population."""
    parameters = load_parameters("population")
    latent = Latent(draw(parameters, seed), parameters)
    sample, null = (Sample.of(latent, p) for p in (parameters, parameters.with_kappa(0.0)))
    fitted = odds_ratios({d: sample.fit(d) for d in ORDER})
    unmoved = odds_ratios({d: null.fit(d) for d in {dimension for dimension, _, _ in CONTRASTED}})
    found = cheap_statistics(sample) | fitted
    found |= {f"shift by kappa of log {name}": float(np.log(fitted[name] / value)) for name, value in unmoved.items()}
    for dimension, without, weighing in CONTRASTED:
        difference = sample.group_alpha(dimension, weighing) - sample.group_alpha(dimension, without)
        found[f"alpha difference {dimension} {weighing} {without}"] = difference
        k = ORDER.index(dimension)
        recovered = kappa_recovered(sample, dimension, weighing, latent.v[:, k], latent.h[:, k])
        found[f"kappa recovered {dimension} {weighing}"] = recovered
    return found


def monte_carlo(replicates: int = REPLICATES) -> dict[str, object]:
    """Mean and sd of every statistic over releases of the study's size."""
    found: dict[str, list[float]] = defaultdict(list)
    with ProcessPoolExecutor() as pool:
        for k, statistics in enumerate(pool.map(replicate, range(FIRST_SEED, FIRST_SEED + replicates))):
            sys.stderr.write(f"\rreplicate {k + 1} of {replicates}")
            for name, value in statistics.items():
                found[name].append(value)
    sys.stderr.write("\n")
    return {
        "replicates": replicates,
        "mean": {name: round(float(np.mean(values)), 5) for name, values in found.items()},
        "sd": {name: round(float(np.std(values, ddof=1)), 5) for name, values in found.items()},
    }


def main(parts: list[str]) -> None:
    """Write the parts that are named, or all."""
    parts = parts or ["population", "matched", "monte-carlo"]
    if "population" in parts:
        write_text(population().to_json() + "\n", FOLDER / "population.json")
    if "matched" in parts:

        def told(turn: int, off: float) -> None:
            sys.stderr.write(f"round {turn + 1}: largest error of a log odds ratio {off:.4f}\n")

        write_text(match(load_parameters("population"), 0, report=told).to_json() + "\n", FOLDER / "matched.json")
    if "monte-carlo" in parts:
        write_text(json.dumps(monte_carlo(), indent=1) + "\n", FOLDER / "monte_carlo.json")


if __name__ == "__main__":
    main(sys.argv[1:])

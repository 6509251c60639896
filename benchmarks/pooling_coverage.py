"""How often a 95 % interval of the pooled effect holds the truth: over other models, other prompts and other ratings.

python benchmarks/pooling_coverage.py
python benchmarks/pooling_coverage.py --draws 10000 --prompt-draws 4000 --seed 1

First part, effects: seven models with the variances of tests' oracle, tau² as large as their mean (I² about 50 %). A shared error has half
of that variance: all effects of a draw move by it together, as if other raters had been asked.
Second part, scores on 0–1: 60 prompt templates in two languages, seven models, tau = a model's standard error. A template moves all models
alike (correlation of errors about .44). Then the ratings' error comes on top, on every prompt of every model alike.

The settings were fixed before the first run and not changed after it; the rows with a larger error of the ratings came later, to show
that what the joint interval still covers of the smaller one is luck of its width. The last line is JSON.

Two models: DerSimonian–Laird is too short, modified Hartung–Knapp covers because t with one degree of freedom makes it 6.5 times as
wide. Neither says anything, so `pool` gives no interval; what it would have been is measured here.
"""

import argparse
import json

import numpy as np

from pluralign.stats.joint import difference_weights, joint_effects, pool_jointly
from pluralign.stats.pooling import FEWEST_MODELS, infer, pool

EFFECT = -0.24
VARIANCES = np.array([0.03, 0.02, 0.05, 0.025, 0.04, 0.06, 0.015])
TEMPLATES, LANGUAGES, MODELS = 60, 2, 7
SD_TEMPLATE, SD_OWN, SD_NOISE = 0.07, 0.07, 0.05
MODEL_SE = float(np.sqrt((SD_TEMPLATE**2 + SD_OWN**2 + SD_NOISE**2 / LANGUAGES) / TEMPLATES))
RETRAININGS = 20


def covers(low: float, high: float, truth: float = EFFECT) -> bool:
    """Whether the truth is inside."""
    return low <= truth <= high


def effects_coverage(n_models: int, shared: bool, draws: int, seed: int) -> dict[str, float]:
    """Coverage by DerSimonian–Laird and modified Hartung–Knapp of simulated effects with known variances."""
    rng = np.random.default_rng(seed)
    v = VARIANCES[:n_models]
    tau2 = VARIANCES.mean()
    hits = np.zeros(2)
    for _ in range(draws):
        error = rng.normal(0, np.sqrt(VARIANCES.mean() / 2)) if shared else 0.0
        pooled = pool(EFFECT + error + rng.normal(0, np.sqrt(tau2 + v)), np.sqrt(v))
        for place, one in enumerate((pooled.dl, pooled.hartung_knapp)):
            interval = infer(pooled.estimate, one.se, one.df, FEWEST_MODELS)
            hits[place] += covers(interval.low, interval.high)
    return dict(zip(("dl", "hartung_knapp"), (hits / draws).tolist(), strict=True))


def simulated_scores(rng: np.random.Generator, ratings_error: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores (2 × models, prompts), base models first, and the prompts' templates."""
    template = np.repeat(np.arange(TEMPLATES), LANGUAGES)
    base = 0.6 + rng.normal(0, SD_NOISE / np.sqrt(2), (MODELS, len(template)))
    change = EFFECT + ratings_error + rng.normal(0, MODEL_SE, (MODELS, 1))
    change = change + rng.normal(0, SD_TEMPLATE, TEMPLATES)[template]
    change = change + rng.normal(0, SD_OWN, (MODELS, TEMPLATES))[:, template]
    tuned = 0.6 + change + rng.normal(0, SD_NOISE / np.sqrt(2), (MODELS, len(template)))
    return np.clip(np.vstack([base, tuned]), 0, 1), template


def prompts_coverage(
    error_variance: float, known: str, draws: int, seed: int, bootstrap: int = 400
) -> dict[str, float]:
    """Coverage of the pooled effect of simulated scores.

    Args:
        error_variance: of the ratings, in units of a model's squared standard error.
        known: what is known of it: "nothing", its "sd", or a few "retrainings" that vary it.
        draws, seed, bootstrap: how often to simulate, and replicates in each.
    """
    rng = np.random.default_rng(seed)
    sd = MODEL_SE * float(np.sqrt(error_variance))
    weights = difference_weights([(MODELS + m, m) for m in range(MODELS)], 2 * MODELS)
    names = ("dl", "hartung_knapp", "joint", "prompt_bootstrap")
    hits, correlation = np.zeros(len(names)), 0.0
    for draw in range(draws):
        scores, template = simulated_scores(rng, rng.normal(0, sd))
        shared_se = {"nothing": 0.0, "sd": sd, "retrainings": float(np.std(rng.normal(0, sd, RETRAININGS), ddof=1))}
        effects = joint_effects(scores, weights, template, bootstrap=bootstrap, seed=draw)
        found = pool_jointly(effects.estimates, effects.covariance, effects.replicates, shared_se=shared_se[known])
        intervals = found.pooled.dl, found.pooled.hartung_knapp, found.joint, found.prompts
        hits += [covers(one.low, one.high) for one in intervals]
        correlation += found.mean_correlation / draws
    return dict(zip(names, (hits / draws).tolist(), strict=True)) | {"correlation": correlation}


EFFECT_SCENARIOS = {
    "7 models, independent": (7, False),
    "7 models, shared error": (7, True),
    "2 models, independent": (2, False),
    "2 models, shared error": (2, True),
}
PROMPT_SCENARIOS = {
    "same prompts": (0.0, "nothing"),
    "same prompts and ratings": (0.5, "nothing"),
    "… ratings' error known": (0.5, "sd"),
    f"… known from {RETRAININGS} retrainings": (0.5, "retrainings"),
    "four times that variance": (2.0, "nothing"),
    f"… four times, {RETRAININGS} retrainings": (2.0, "retrainings"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000, help="simulated sets of effects a row")
    parser.add_argument("--prompt-draws", type=int, default=2000, help="simulated sets of scores a row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = {}
    columns = ("dl", "hartung_knapp", "joint", "prompt_bootstrap")
    print(f"coverage of 95 % intervals, seed {options.seed}")
    print(f"{'what':32} {'draws':>6} " + " ".join(f"{name:>16}" for name in columns))
    for names, scenarios, draws, measure in (
        ("effects", EFFECT_SCENARIOS, options.draws, effects_coverage),
        ("scores", PROMPT_SCENARIOS, options.prompt_draws, prompts_coverage),
    ):
        for name, scenario in scenarios.items():
            found = measure(*scenario, draws, options.seed)
            rows[f"{names}: {name}"] = found | {"draws": draws}
            cells = (f"{found[column]:16.3f}" if column in found else f"{'-':>16}" for column in columns)
            print(f"{name:32} {draws:6} " + " ".join(cells), flush=True)
    worst = 0.5 / np.sqrt(min(options.draws, options.prompt_draws))
    print(f"Monte Carlo standard error at most {worst:.3f}, at .95 about {0.436 * worst:.3f}")
    print(json.dumps({"seed": options.seed, "rows": rows}))


if __name__ == "__main__":
    main()

"""Effects as plain values, for `experiments.json` and the CSV files: what is undefined is null, with its reason in the notes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pluralign.analysis.numbers import plain
from pluralign.experiments.pooled import GridEffect, ModelEffect
from pluralign.experiments.published import PublishedEffect


def model_record(one: ModelEffect) -> dict[str, Any]:
    """A model's effect as plain values, with the reasons for what is null."""
    effect, read = one.effect, one.inference
    return plain({
        "model": one.model, "estimate": effect.estimate, "low": read.low, "high": read.high, "se": read.se, "df": read.df, "p": one.p,
        "p_holm": one.p_holm, "about": "runs and prompts" if one.of_runs else "these checkpoints", "seeds": list(one.by_seed),
        "seeds_left_out": list(one.left_out), "low_checkpoints": effect.low, "high_checkpoints": effect.high, "se_checkpoints": effect.se,
        "percent_change": effect.percent_change, "percent_low": effect.percent_low, "percent_high": effect.percent_high,
        "n_pairs": effect.n_pairs, "n_dropped": effect.n_dropped, "n_failed": effect.n_failed,
        "n_clusters": effect.n_clusters, "by_seed": {str(seed): value for seed, value in one.by_seed.items()}, "notes": effect.notes,
    })  # fmt: skip


def pooled_record(one: GridEffect) -> dict[str, Any] | None:
    """The pooled effect as plain values; None where there is one model."""
    if one.pooled is None:
        return None
    found = one.pooled
    independent = found.pooled
    return plain({
        "estimate": found.estimate, "low": found.joint.low, "high": found.joint.high, "se": found.joint.se, "p": found.joint.p,
        "p_holm": one.p_holm, "tau2": found.tau2, "i2_percent": found.i2_percent, "n_models": independent.n_models,
        "n_models_dropped": independent.n_dropped, "mean_correlation": found.mean_correlation,
        "prompts_low": found.prompts.low, "prompts_high": found.prompts.high,
        "dersimonian_laird": {"estimate": independent.estimate, "tau2": independent.tau2, "i2_percent": independent.i2_percent, **asdict(independent.dl)},
        "hartung_knapp": asdict(independent.hartung_knapp), "notes": one.notes,
    })  # fmt: skip


def published_record(one: PublishedEffect | None) -> dict[str, Any] | None:
    """The study's effect as plain values."""
    return None if one is None else plain({**asdict(one), "source": one.source})


def effect_record(one: GridEffect) -> dict[str, Any]:
    """A contrast as plain values, for `experiments.json`."""
    wanted = one.contrast
    return {
        "experiment": wanted.experiment, "estimand": wanted.estimand, "first": wanted.first, "second": wanted.second,
        "outcome": wanted.outcome, "better": wanted.better, "ties": wanted.stratum.ties, "protocol": wanted.stratum.protocol,
        "null_release": wanted.is_null, "cells": sorted({term.name for term in wanted.terms}), "models": [model_record(of) for of in one.models],
        "pooled": pooled_record(one), "published": published_record(wanted.published), "notes": list(one.notes),
    }  # fmt: skip

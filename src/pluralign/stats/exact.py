"""The cumulative link mixed model without Laplace's approximation: the posterior under weak priors, by NUTS.

It checks `clmm`, whose likelihood replaces the integral over every rater's and item's intercept by a Gaussian at its mode. With three
ratings an item that is rough, and the standard deviations come out too small. The thing to compare is a posterior mean, which also
differs from a maximum of the exact likelihood: by skewness, so by less the more raters and items there are.

It needs numpyro (`pip install 'pluralign[exact]'`) and takes minutes where `clmm` takes a second.

Source: Hoffman & Gelman (2014), JMLR 15, for NUTS; Phan, Pradhan & Jankowiak (2019), arXiv 1912.11554, for numpyro.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pluralign.errors import PluralignError
from pluralign.stats.clmm import ClmmFit
from pluralign.stats.clmm_data import ClmmData, check_clmm_data
from pluralign.stats.crossed import Floats

PRIOR_SD = 10.0
"""Of normal priors on thresholds, their log increments and coefficients: flat where ratings say anything."""
SD_PRIOR_SCALE = 5.0
"""Of the half-normal priors on the standard deviations."""


@dataclass(frozen=True, eq=False)
class ExactFit:
    """A posterior, summarised.

    Vectors over all m = K + p + 2 parameters are in the order of ``parameter_names``: K thresholds, p coefficients, sd_rater, sd_item.

    Attributes:
        parameter_names: names of the m parameters.
        mean: (m,) posterior means.
        sd: (m,) posterior standard deviations.
        rhat: (m,) split R-hat; above 1.01 the chains have not mixed.
        n_eff: (m,) effective sample size; a mean's Monte Carlo error is sd / √n_eff.
        n_divergent: transitions that diverged; any is a warning.
        n_samples: draws kept, over all chains.
        seed: of the draws.
    """

    parameter_names: tuple[str, ...]
    mean: Floats
    sd: Floats
    rhat: Floats
    n_eff: Floats
    n_divergent: int
    n_samples: int
    seed: int

    def shortfall(self, fit: ClmmFit) -> dict[str, float]:
        """By how much Laplace's standard deviations fall short of the posterior means, as a share: .12 is 12 % too small."""
        sds = self.mean[-2:]
        return {"sd_rater": float(1.0 - fit.sd_rater / sds[0]), "sd_item": float(1.0 - fit.sd_item / sds[1])}

    def shrinkage(self, fit: ClmmFit) -> float:
        """By how much Laplace's coefficients are shrunk as a whole: 1 − the slope through 0 of them on the posterior means."""
        if not len(fit.coef):
            return float("nan")
        exact = self.mean[len(fit.thresholds) : -2]
        return float(1.0 - fit.coef @ exact / (exact @ exact))


def fit_exact(
    y: ArrayLike,
    X: ArrayLike,
    rater: ArrayLike,
    item: ArrayLike,
    *,
    names: Sequence[str],
    levels: Sequence[int] | None = None,
    n_warmup: int = 1000,
    n_samples: int = 1000,
    n_chains: int = 2,
    seed: int = 0,
) -> ExactFit:
    """Sample the posterior of the model that `fit_clmm` fits.

    Args:
        y, X, rater, item, names, levels: as in `fit_clmm`.
        n_warmup: adaptation steps of each chain.
        n_samples: draws kept of each chain.
        n_chains: chains, one after the other.
        seed: of the draws.

    Returns:
        The posterior's summary.

    Raises:
        PluralignError: PA054 where numpyro is not installed, PA060 for data that cannot be fitted.
    """
    jax, numpyro = _packages()
    data = check_clmm_data(y, X, rater, item, names, levels)
    # Older versions of jax keep it among the experiments.
    double = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with double(True):
        kernel = numpyro.infer.NUTS(_model(jax, numpyro, data))
        mcmc = numpyro.infer.MCMC(
            kernel, num_warmup=n_warmup, num_samples=n_samples, num_chains=n_chains, chain_method="sequential", progress_bar=False
        )  # fmt: skip
        mcmc.run(jax.random.PRNGKey(seed), extra_fields=("diverging",))
        draws = {name: np.asarray(values) for name, values in mcmc.get_samples(group_by_chain=True).items()}
        n_divergent = int(np.asarray(mcmc.get_extra_fields()["diverging"]).sum())
        # (chains, draws, m)
        stacked = np.concatenate([draws["thresholds"], draws["beta"], draws["sds"]], axis=2)
        rhat = np.asarray(numpyro.diagnostics.split_gelman_rubin(stacked))
        n_eff = np.asarray(numpyro.diagnostics.effective_sample_size(stacked))
    flat = stacked.reshape(-1, stacked.shape[2])
    thresholds = tuple(f"{low}|{high}" for low, high in zip(data.levels, data.levels[1:], strict=False))
    return ExactFit(
        parameter_names=(*thresholds, *data.names, "sd_rater", "sd_item"),
        mean=flat.mean(axis=0),
        sd=flat.std(axis=0, ddof=1),
        rhat=rhat,
        n_eff=n_eff,
        n_divergent=n_divergent,
        n_samples=len(flat),
        seed=seed,
    )


def _packages() -> tuple[Any, Any]:
    try:
        for module in ("jax.experimental", "numpyro.infer", "numpyro.diagnostics", "numpyro.distributions"):
            importlib.import_module(module)
        return importlib.import_module("jax"), importlib.import_module("numpyro")
    except ImportError as error:
        raise PluralignError(
            "PA054", f"the exact model needs numpyro ({error}).", "pip install 'pluralign[exact]'"
        ) from error


def _model(jax: Any, numpyro: Any, data: ClmmData) -> Any:
    """The numpyro model, its intercepts standardised, as Laplace's are."""
    jnp, normal, n_thresholds = jax.numpy, numpyro.distributions.Normal, int(data.y.max())
    y, rater, item = jnp.asarray(data.y), jnp.asarray(data.rater), jnp.asarray(data.item)
    centre = data.design.mean(axis=0)
    design = jnp.asarray(data.design - centre)
    inner = jnp.asarray((data.y > 0) & (data.y < n_thresholds))

    def model() -> None:
        first = numpyro.sample("first", normal(0.0, PRIOR_SD))
        steps = numpyro.sample("log_steps", normal(0.0, PRIOR_SD).expand([n_thresholds - 1]).to_event(1))
        beta = numpyro.sample("beta", normal(0.0, PRIOR_SD).expand([design.shape[1]]).to_event(1))
        half_normal = numpyro.distributions.HalfNormal(SD_PRIOR_SCALE)
        sds = numpyro.sample("sds", half_normal.expand([2]).to_event(1))
        u = numpyro.sample("u", normal(0.0, 1.0).expand([data.n_raters]).to_event(1))
        v = numpyro.sample("v", normal(0.0, 1.0).expand([data.n_items]).to_event(1))
        cut = first + jnp.concatenate([jnp.zeros(1), jnp.cumsum(jnp.exp(steps))])
        numpyro.deterministic("thresholds", cut + beta @ jnp.asarray(centre))
        eta = design @ beta + sds[0] * u[rater] + sds[1] * v[item]
        upper = jnp.where(y < n_thresholds, jax.nn.log_sigmoid(cut[jnp.minimum(y, n_thresholds - 1)] - eta), 0.0)
        lower = jnp.where(y > 0, jax.nn.log_sigmoid(eta - cut[jnp.maximum(y - 1, 0)]), 0.0)
        gap = jnp.where(inner, cut[jnp.minimum(y, n_thresholds - 1)] - cut[jnp.maximum(y - 1, 0)], 1.0)
        numpyro.factor("ratings", jnp.sum(upper + lower + jnp.where(inner, jnp.log(-jnp.expm1(-gap)), 0.0)))

    return model

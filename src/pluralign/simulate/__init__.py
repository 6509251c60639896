"""The simulated release: a latent model calibrated to the study's published statistics, rendered as text."""

from pluralign.simulate.core import null_of, simulate
from pluralign.simulate.parameters import Parameters, load_parameters

__all__ = ["Parameters", "load_parameters", "null_of", "simulate"]

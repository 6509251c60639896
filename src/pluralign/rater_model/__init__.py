"""How people would rate a text: ordinal heads on frozen sentence embeddings, conditional on the raters' groups."""

from pluralign.rater_model.embedding import Embedding
from pluralign.rater_model.fit import fit_rater_model
from pluralign.rater_model.head import Penalties
from pluralign.rater_model.model import RaterModel, expectations

__all__ = ["Embedding", "Penalties", "RaterModel", "expectations", "fit_rater_model"]

"""The three tables: raters, items, ratings. Open, check, save, describe, view."""

from pluralign.ratings.core import Ratings, load
from pluralign.ratings.provenance import Provenance, SourceDimension, own_dimensions

__all__ = ["Provenance", "Ratings", "SourceDimension", "load", "own_dimensions"]

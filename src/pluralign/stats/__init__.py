"""Statistics on arrays: agreement, conditional probabilities, and the cumulative link mixed model.

Nothing here knows about tables, files or the rest of the package: numbers in, numbers out, numpy and scipy only.
Undefined is NaN with the count that explains it, never zero.
"""

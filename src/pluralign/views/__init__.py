"""Views: group × scale × aggregation, written once for pandas, Polars, PyArrow, DuckDB and PySpark."""

from pluralign.views.core import view
from pluralign.views.frames import frame_view
from pluralign.views.groups import GroupSpec, group_name, members
from pluralign.views.variants import variants

__all__ = ["GroupSpec", "frame_view", "group_name", "members", "variants", "view"]

"""What narwhals has no words for, engine by engine: two columns, a look-up, and going from Arrow to an engine and back.

Everything else of a view is written once, in `histogram` and `aggregate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pluralign.errors import PluralignError, unknown
from pluralign.schema import tie_goes_low

EVEN_DIGITS = tuple("02468ace")
"""A hexadecimal number is even where its last digit is: `schema.tie_goes_low` in SQL."""

leans_low = lru_cache(maxsize=1 << 20)(tie_goes_low)
"""`schema.tie_goes_low`, each item hashed once."""


def with_goes_low(frame: Any) -> Any:
    """Add `goes_low`, `schema.tie_goes_low` of `item_id`, to a narwhals frame with `lower` and `higher`.

    Lazy engines hash on the fly, and only where those differ: nothing is collected, and no table of items has to be joined.
    """
    kind, native = frame.implementation, frame.to_native()
    if kind.is_duckdb():
        return nw.from_native(native.select("*", _duckdb_goes_low()))
    if kind.is_pyspark() or kind.is_pyspark_connect():
        return nw.from_native(native.withColumn("goes_low", _pyspark_goes_low()))
    if kind.is_polars():
        import polars as pl

        def lean(items: Any) -> Any:
            return pl.Series([leans_low(item) for item in items], dtype=pl.Boolean)

        return nw.from_native(
            native.with_columns(goes_low=pl.col("item_id").map_batches(lean, return_dtype=pl.Boolean))
        )
    leans = [leans_low(item) for item in frame.get_column("item_id").to_list()]
    return frame.with_columns(nw.new_series("goes_low", leans, nw.Boolean(), backend=kind))


def _duckdb_goes_low() -> Any:
    from duckdb import CaseExpression, ColumnExpression, ConstantExpression, FunctionExpression

    digest = FunctionExpression("sha256", ColumnExpression("item_id"))
    last = FunctionExpression("right", digest, ConstantExpression(1))
    low = CaseExpression(
        ColumnExpression("lower") != ColumnExpression("higher"), last.isin(*map(ConstantExpression, EVEN_DIGITS))
    )
    return low.otherwise(ConstantExpression(True)).alias("goes_low")


def _pyspark_goes_low() -> Any:
    from pyspark.sql import functions as F  # noqa: N812

    last = F.substring(F.sha2(F.col("item_id"), 256), -1, 1)
    return F.when(F.col("lower") != F.col("higher"), last.isin(*EVEN_DIGITS)).otherwise(F.lit(True))


def with_distribution(frame: Any, columns: Sequence[str]) -> Any:
    """Add `distribution`, the columns of counts as one list<int32>, to a narwhals frame."""
    kind, native = frame.implementation, frame.to_native()
    if kind.is_duckdb():
        from duckdb import ColumnExpression, FunctionExpression
        from duckdb.sqltypes import INTEGER

        counts = FunctionExpression("list_value", *(ColumnExpression(name).cast(INTEGER) for name in columns))
        return nw.from_native(native.select("*", counts.alias("distribution")))
    if kind.is_pyspark() or kind.is_pyspark_connect():
        from pyspark.sql import functions as F  # noqa: N812

        return nw.from_native(native.withColumn("distribution", F.array(*columns).cast("array<int>")))
    if kind.is_polars():
        import polars as pl

        return nw.from_native(native.with_columns(distribution=pl.concat_list(pl.col(columns).cast(pl.Int32))))
    counts = as_lists([frame.get_column(name).to_numpy() for name in columns])
    if kind.is_pandas():
        import pandas as pd

        series = pd.Series(pd.array(counts, dtype=pd.ArrowDtype(counts.type)), index=native.index)
        return nw.from_native(native.assign(distribution=series))
    return nw.from_native(native.append_column("distribution", counts))


def looked_up(frame: Any, other: Any, key: str) -> Any:
    """Add to each row of a narwhals frame the columns of the row of another that has the same key (a left join)."""
    if not frame.implementation.is_pyarrow():
        return frame.join(other, on=key, how="left")
    # Arrow's own join takes no lists, neither beside the key nor in the frame.
    native, others = frame.to_native(), other.to_native()
    rows = pc.index_in(native.column(key), others.column(key).combine_chunks())
    for name in others.column_names:
        native = native if name == key else native.append_column(name, others.column(name).take(rows))
    return nw.from_native(native)


def as_lists(columns: Sequence[Any]) -> pa.ListArray:
    """Columns of counts, each (n,), as n lists of int32."""
    flat = np.stack([np.asarray(column).astype(np.int32) for column in columns], axis=1)
    offsets = np.arange(0, flat.size + 1, len(columns), dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.reshape(-1)))


def _polars(table: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(table)


def _pandas(table: pa.Table) -> Any:
    import pandas as pd

    return pd.DataFrame({name: table.column(name).to_numpy() for name in table.column_names})


def _pyarrow(table: pa.Table) -> Any:
    return table


def _duckdb(table: pa.Table) -> Any:
    import duckdb

    return duckdb.connect().from_arrow(table)


def _pyspark(table: pa.Table) -> Any:
    import pyspark
    from pyspark.sql import SparkSession

    takes_arrow = int(pyspark.__version__.split(".")[0]) >= 4
    return SparkSession.builder.getOrCreate().createDataFrame(table if takes_arrow else table.to_pandas())


_FROM_ARROW: dict[str, Callable[[pa.Table], Any]] = {
    "polars": _polars, "pandas": _pandas, "pyarrow": _pyarrow, "duckdb": _duckdb, "pyspark": _pyspark,
}  # fmt: skip
ENGINES = tuple(_FROM_ARROW)
"""What `view` can compute with."""


def check_engine(engine: str) -> None:
    """Raise PA025 for an engine that does not exist."""
    if engine not in _FROM_ARROW:
        raise unknown("PA025", "engine", engine, ENGINES)


def frame_of(table: pa.Table, engine: str) -> Any:
    """A narwhals frame of an engine with an Arrow table's numbers.

    Raises:
        PluralignError: PA025 where the engine is not installed.
    """
    try:
        return nw.from_native(_FROM_ARROW[engine](table))
    except ImportError as error:
        extra = {"duckdb": "duckdb", "pyspark": "spark"}.get(engine)
        package = f"'pluralign[{extra}]'" if extra else engine
        raise PluralignError(
            "PA025", f"engine {engine!r} is not installed ({error}).", f"pip install {package}"
        ) from error


def arrow_of(frame: Any) -> pa.Table:
    """The Arrow table of a narwhals frame, computed now."""
    return frame.collect(backend="pyarrow").to_native() if isinstance(frame, nw.LazyFrame) else frame.to_arrow()

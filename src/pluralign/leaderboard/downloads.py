"""A board as one table, for people with a spreadsheet and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa


def flat(view: Mapping[str, Any]) -> pa.Table:
    """A board as one table: a row a submission, dimension and language, every row saying judge, prompts, whether it demonstrates, and the jury behind its groups."""
    rows, out = view["rows"], []
    for cell, columns in rows["standings"].items():
        dimension, language = cell.split("|")
        for k in range(view["n"]):
            if columns["score"][k] is None:
                continue
            out.append({
                **{name: rows[name][k] for name in ("model", "version", "method", "base_model", "n_parameters", "precision", "licence", "date", "tier", "place")},
                "ranked": rows["ranked"][k], "flags": ", ".join(one["kind"] for one in rows["flags"][k]), "dimension": dimension, "language": language,
                **{name: values[k] for name, values in columns.items()}, "judge": view["judge"], "prompts": view["prompts"],
                "board": view["title"], "simulated_judge": view["is_demonstration"], **_groups(view, k),
            })  # fmt: skip
    return pa.Table.from_pylist(out)


def _groups(view: Mapping[str, Any], k: int) -> dict[str, Any]:
    """The worst group and the gap with the jury's name; nothing where there is no jury."""
    if not view["jury"]:
        return {}
    worst = view["rows"]["worst_group"][k] or {"group": None, "dimension": None, "value": None}
    return {
        "jury": view["jury"], "jury_dimension": worst["dimension"], "worst_group": worst["group"], "worst_group_mean": worst["value"],
        "group_gap": view["rows"]["group_gap"][k],
    }  # fmt: skip


def csv_bytes(table: pa.Table) -> bytes:
    """CSV that a spreadsheet does not take for formulas: texts that begin like one get an apostrophe."""
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv

    for k, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(k)
            risky = pc.match_substring_regex(column, r"^[=+\-@\t]")
            table = table.set_column(
                k, field.name, pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)
            )
    with pa.BufferOutputStream() as stream:
        pacsv.write_csv(table, stream)
        data: bytes = stream.getvalue().to_pybytes()
    return data

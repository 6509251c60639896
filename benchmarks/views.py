"""What views cost, as ratios within one run: against one view, pandas, crowd-kit, and hand-written DuckDB SQL past memory.

OMP_NUM_THREADS=1 python benchmarks/views.py
python benchmarks/views.py --only duckdb --rows 1e6 1e7 --memory 2GB

Times are the least of several interleaved runs (another process on the machine can only add). Where one side uses more threads,
the ratio of processor times says what the neighbours cannot blur. The last line is JSON; the exit code is 1 where a target was missed.
"""

import argparse
import dataclasses
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from targets import Targets

import pluralign
from pluralign.schema import AGGREGATIONS, SCALES
from pluralign.views import frame_view, members, variants

Seconds = tuple[float, float]
AGGREGATED = [name for name in AGGREGATIONS if name != "individual"]


def least(runs: int, **tasks: Callable[[], object]) -> dict[str, Seconds]:
    """Wall and processor seconds of each task: the least of `runs` rounds in which the tasks take turns."""
    seconds = dict.fromkeys(tasks, (float("inf"), float("inf")))
    for _ in range(runs):
        for name, task in tasks.items():
            wall, processor = time.perf_counter(), time.process_time()
            task()
            spent = time.perf_counter() - wall, time.process_time() - processor
            seconds[name] = min(seconds[name][0], spent[0]), min(seconds[name][1], spent[1])
    return seconds


class Report(Targets):
    """Ratios of seconds."""

    def __init__(self) -> None:
        super().__init__()
        print(f"{'what':68} {'ours, s':>8} {'theirs':>8} {'ratio':>6} {'cpu ratio':>9}  wanted")

    def compare(self, what: str, ours: Seconds, theirs: Seconds, wanted: str = "-") -> None:
        """Ratio = ours / theirs."""
        ratio, cpu = ours[0] / theirs[0], ours[1] / theirs[1]
        line = f"{what:68} {ours[0]:8.4f} {theirs[0]:8.4f} {ratio:6.3f} {cpu:9.3f}  {wanted}"
        self.add(what, ratio, wanted, line=line, ours_s=ours[0], theirs_s=theirs[0], cpu_ratio=cpu)


def variants_against_one(report: Report, ratings) -> None:
    """Fifteen views of a group against one of them."""
    for group in ("everyone", "female"):
        seconds = least(
            15,
            every=lambda g=group: variants(ratings, g),
            majority=lambda g=group: ratings.view(g, "5pt", "majority"),
            individual=lambda g=group: ratings.view(g, "5pt", "individual"),
        )
        for one, wanted in (("majority", "<= 1.5"), ("individual", "-")):
            report.compare(f"all fifteen views of {group!r} / one, {one}", seconds["every"], seconds[one], wanted)


def pandas_config(merged, prompts, members_of, scale: str, aggregation: str):
    """One config as one would write it in pandas, vectorised; ties simply go to the lowest value."""
    recode = {point: value for point, value in enumerate(SCALES[scale].recode, 1) if value is not None}
    rows = merged if members_of is None else merged[merged["rater_id"].isin(members_of)]
    rows = rows.assign(value=rows["value"].map(recode)).dropna(subset="value")
    if aggregation == "individual":
        return rows.merge(prompts, on="item_id").sort_values(["item_id", "dimension", "rater_id"])
    counts = rows.groupby(["item_id", "dimension", "value"]).size().unstack(fill_value=0)
    cells = rows.groupby(["item_id", "dimension"])["value"]
    value = {
        "majority": lambda: counts.idxmax(axis=1),
        "consensus": lambda: cells.first()[(cells.nunique() == 1) & (cells.size() > 1)],
        "mean": lambda: (cells.mean() + 0.5).floordiv(1),
        "first": lambda: rows.sort_values("position").groupby(["item_id", "dimension"])["value"].first(),
    }[aggregation]()
    most = counts.max(axis=1)
    found = value.to_frame("value").assign(
        n_raters=counts.sum(axis=1), distribution=dict(zip(counts.index, counts.to_numpy().tolist(), strict=True)),
        disagreement=most < counts.sum(axis=1), tie=counts.eq(most, axis=0).sum(axis=1) > 1,
    )  # fmt: skip
    return found.reset_index().merge(prompts, on="item_id")


def every_config_against_pandas(report: Report, ratings) -> None:
    """Every group, scale and aggregation, our tables and pandas'."""
    raters, rows = ratings.raters.to_pandas(), ratings.ratings.to_pandas()
    prompts = ratings.items.select(["item_id", "prompt_id"]).to_pandas()

    def by_pandas() -> None:
        merged = rows.merge(raters, on="rater_id")
        for group in ratings.groups:
            ids = members(ratings.raters, group)
            for scale in SCALES:
                for aggregation in AGGREGATIONS:
                    pandas_config(merged, prompts, None if ids is None else ids.to_pylist(), scale, aggregation)

    def ours() -> None:
        fresh = dataclasses.replace(ratings)  # Nothing is kept from before.
        for group in ratings.groups:
            variants(fresh, group)

    seconds = {**least(3, ours=ours), **least(1, pandas=by_pandas)}
    what = f"{len(ratings.groups)} groups x 15 configs, from nothing / pandas groupby"
    report.compare(what, seconds["ours"], seconds["pandas"], "<= 0.1")


def majority_against_crowdkit(report: Report, ratings) -> None:
    """A majority view against crowd-kit's MajorityVote on the same rows, which it gets as a frame ready made."""
    from crowdkit.aggregation import MajorityVote

    rows = ratings.ratings.to_pandas()
    for name, dimension in (("one dimension", "toxicity"), ("five dimensions", None)):
        chosen = rows if dimension is None else rows[rows["dimension"] == dimension]
        task = chosen["item_id"] + "|" + chosen["dimension"]
        frame = chosen.assign(task=task, worker=chosen["rater_id"], label=chosen["value"])[["task", "worker", "label"]]
        seconds = least(
            15,
            warm=lambda d=dimension: ratings.view("everyone", "5pt", "majority", d),
            fresh=lambda d=dimension: dataclasses.replace(ratings).view("everyone", "5pt", "majority", d),
            crowdkit=lambda f=frame: MajorityVote().fit_predict(f),
        )
        label = f"{name}, {len(frame)} rows"
        report.compare(f"majority view of {label} / crowd-kit", seconds["warm"], seconds["crowdkit"], "<= 1")
        report.compare(f"  the first view of a set just opened, {label}", seconds["fresh"], seconds["crowdkit"])


def generate(connection, rows: int, path: Path) -> None:
    """Ratings of 0.3 cells a rating, in no order, as Parquet."""
    cells = int(rows * 0.3)
    connection.execute(f"""
        COPY (
            SELECT 'r' || lpad((hash(i * 7 + 1) % {rows // 250})::VARCHAR, 6, '0') AS rater_id,
                   'item' || lpad((cell // 5)::VARCHAR, 7, '0') AS item_id,
                   ['toxicity', 'emotional_awareness', 'sensitivity', 'helpfulness', 'stereotypical_bias'][(1 + cell % 5)::BIGINT]
                       AS dimension,
                   (1 + hash(i * 3 + 5) % 5)::SMALLINT AS value, 'en' AS language, (i % 30000)::SMALLINT AS position
            FROM (SELECT i, hash(i) % {cells} AS cell FROM range({rows}) t(i))
        ) TO '{path}' (FORMAT parquet)""")


def by_hand(source: str, scale: str, *, all_columns: bool) -> str:
    """The SQL that one would write: `mode()` a cell, and as little else as possible, or the columns of a view but `tie`."""
    recode = [(point, value) for point, value in enumerate(SCALES[scale].recode, 1) if value is not None]
    cases = " ".join(f"WHEN {point} THEN {value}" for point, value in recode)
    each = ", ".join(f"count(*) FILTER (v = {value})" for value in SCALES[scale].values)
    more = f", [{each}]::INTEGER[] AS distribution, min(v) <> max(v) AS disagreement" if all_columns else ""
    return f"""SELECT item_id, dimension, mode(v)::TINYINT AS value, count(v)::INTEGER AS n_raters {more}
               FROM (SELECT item_id, dimension, CASE value {cases} END AS v FROM {source}) GROUP BY item_id, dimension"""


def past_memory(report: Report, sizes: list[int], memory: str, runs: int) -> None:
    """Aggregated views on DuckDB under a memory limit against `mode()`, both into a table."""
    import duckdb

    folder = Path(tempfile.mkdtemp(prefix="pluralign-bench-"))
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{memory}'; SET threads = 2; SET preserve_insertion_order = false")
    connection.execute(f"SET temp_directory = '{folder}'")
    slowest: dict[int, Seconds] = {}
    try:
        for rows in sizes:
            path = folder / f"{rows}.parquet"
            generate(connection, rows, path)
            slowest[rows] = one_size(report, connection, rows, f"read_parquet('{path}')", runs)
        for small, large in itertools.pairwise(sizes):
            scaled = slowest[small][0] * large / small, slowest[small][1] * large / small
            what = f"slowest view, {large:.0e} rows / {large // small} x {small:.0e} rows"
            report.compare(what, slowest[large], scaled, "<= 1")
    finally:
        connection.close()
        shutil.rmtree(folder)


def one_size(report: Report, connection, rows: int, source: str, runs: int) -> Seconds:
    """Every aggregated view of a source against SQL on its scale; the seconds of the slowest."""

    def stored(relation) -> None:
        connection.execute("DROP TABLE IF EXISTS made")
        relation.create("made")

    slowest = 0.0, 0.0
    for scale in SCALES:
        tasks = {
            name: lambda s=scale, a=name: stored(frame_view(connection.sql(f"SELECT * FROM {source}"), None, s, a))
            for name in AGGREGATED
        }
        for name, full in (("mode", False), ("columns", True)):
            tasks[name] = lambda s=scale, f=full: stored(connection.sql(by_hand(source, s, all_columns=f)))
        seconds = least(runs, **tasks)
        for name in AGGREGATED:
            what = f"DuckDB, {rows:.0e} rows, {scale} {name} / SQL"
            report.compare(f"{what}: mode(), count()", seconds[name], seconds["mode"], "<= 0.5" if rows >= 1e7 else "-")
            if name == "majority":
                report.compare(f"{what}: the same columns", seconds[name], seconds["columns"])
            slowest = max(slowest, seconds[name])
    return slowest


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=["variants", "pandas", "crowdkit", "duckdb"])
    parser.add_argument("--rows", nargs="*", type=float, default=[1e6, 1e7], help="ratings on DuckDB, ascending")
    parser.add_argument("--memory", default="2GB", help="DuckDB's memory limit")
    parser.add_argument("--runs", type=int, default=3, help="rounds on DuckDB")
    options = parser.parse_args()
    wanted = set(options.only or ["variants", "pandas", "crowdkit", "duckdb"])
    ratings, report = pluralign.load(), Report()
    if "variants" in wanted:
        variants_against_one(report, ratings)
    if "pandas" in wanted:
        every_config_against_pandas(report, ratings)
    if "crowdkit" in wanted:
        majority_against_crowdkit(report, ratings)
    if "duckdb" in wanted:
        past_memory(report, [int(rows) for rows in options.rows], options.memory, options.runs)
    print(json.dumps({"views": report.rows}))
    report.leave()


if __name__ == "__main__":
    main()

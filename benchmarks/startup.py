"""What `import pluralign` and `pluralign.load()` cost in a fresh interpreter, beside `import datasets`.

python benchmarks/startup.py
"""

import json
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python, nothing imported": "pass",
    "import pluralign": "import pluralign",
    "pluralign.load()": "import pluralign; pluralign.load()",
    "a majority view": "import pluralign; pluralign.load().view(group='female', aggregation='majority', dimension='toxicity')",
    "import datasets": "import datasets",
}
RUNS = 7


def seconds(code: str) -> float:
    """Median wall time of a fresh interpreter that runs the code."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    measured = {name: seconds(code) for name, code in COMMANDS.items()}
    bare = measured["python, nothing imported"]
    print(f"{'in a fresh interpreter':32} {'seconds':>8} {'above bare':>11}")
    for name, wall in measured.items():
        print(f"{name:32} {wall:8.3f} {wall - bare:11.3f}")
    print(json.dumps({"startup_s": measured}))


if __name__ == "__main__":
    main()

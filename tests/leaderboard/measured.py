"""Checks submissions in processes of their own and says what each took: processor seconds and the peak of its memory.

A server without anything but the check forks for every folder, so that a crash, a hang or a bomb is one folder's own, and the peak is
that of a whole process that checks: interpreter and libraries included. Processor seconds do not depend on what else a machine does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOST_SECONDS, MOST_MIB = 5.0, 500.0


@dataclass(frozen=True)
class Outcome:
    """Of one check.

    Attributes:
        codes: of the problems.
        told: the problems as text.
        seconds: of processor time.
        mib: peak of resident memory.
        crash: what was raised; empty where nothing was.
    """

    codes: frozenset[str]
    told: tuple[str, ...]
    seconds: float
    mib: float
    crash: str = ""


class Server:
    """Checks folders one by one; to be used with `with`."""

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def check(self, folder: Path, placed: bool) -> Outcome:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(folder), placed]) + "\n")
        self.process.stdin.flush()
        held = json.loads(self.process.stdout.readline())
        return Outcome(frozenset(held["codes"]), tuple(held["told"]), held["seconds"], held["mib"], held["crash"])

    def broken(self, fault, bases: dict[str, Path]) -> Outcome:
        """Break a copy of a submission and check it."""
        import broken

        scratch = Path(tempfile.mkdtemp(prefix="fault-"))
        try:
            base = bases[fault.base]
            one = broken.Copy(scratch / base.parent.name / base.name)
            shutil.copytree(base, one.folder)
            fault.break_(one)
            return self.check(one.folder, fault.placed)
        finally:
            shutil.rmtree(scratch)


def table(outcomes: Iterable[tuple[str, Outcome]]) -> list[tuple[str, int, float, float]]:
    """Kind, how many, most seconds, most MiB; the last row is of all."""
    every = list(outcomes)
    kinds = dict.fromkeys(kind for kind, _ in every)
    parts = [(kind, [one for other, one in every if other == kind]) for kind in kinds]
    parts.append(("all", [one for _, one in every]))
    return [(kind, len(of), max(one.seconds for one in of), max(one.mib for one in of)) for kind, of in parts]


def serve() -> None:
    """Answer requests until there are no more."""
    from pluralign.leaderboard.check import check_submission  # once, before the forks

    for line in sys.stdin:
        folder, placed = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                found = check_submission(Path(folder), placed=placed)
                told = {
                    "codes": [one.code for one in found.problems],
                    "told": [str(one) for one in found.problems],
                    "crash": "",
                }
                told["told"] = [one.encode("utf-8", "backslashreplace").decode() for one in told["told"]]
                if found.is_accepted:
                    told["codes"] = ["accepted"]
            except BaseException as error:  # that nothing is raised is what is tested
                told = {"codes": [], "told": [], "crash": f"{type(error).__name__}: {error}"[:300]}
            with os.fdopen(writing, "w") as stream:
                json.dump(told, stream)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            text = stream.read()
        _, status, used = os.wait4(child, 0)
        told = json.loads(text) if text else {"codes": [], "told": [], "crash": f"the process ended with {status}"}
        told |= {"seconds": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    serve()

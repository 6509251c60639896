"""The fuzz corpus of broken submissions, all of it: kinds, how many, the most seconds and memory that refusing one took.

    python benchmarks/submission_faults.py

Processor seconds, and the peak of a whole process that checks one folder. Ends with 1 where a submission was accepted, crashed the
check, was refused for something else, or went beyond 5 s or 500 MiB.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "leaderboard"))

import broken
import made_runs
import measured


def main() -> int:
    outcomes, wrong = [], []
    with tempfile.TemporaryDirectory() as folder, measured.Server() as server:
        bases = {
            "en": made_runs.make_submission(Path(folder) / "en", languages=("en",)).folder,
            "both": made_runs.make_submission(Path(folder) / "both").folder,
        }
        sound = {name: server.check(base, True) for name, base in bases.items()}
        whole = sound["both"]
        wrong += [f"{name}, which is sound: {one}" for name, one in sound.items() if one.codes != {"accepted"}]
        for fault in broken.corpus():
            outcome = server.broken(fault, bases)
            outcomes.append((fault.kind, outcome))
            beyond = outcome.seconds >= measured.MOST_SECONDS or outcome.mib >= measured.MOST_MIB
            if outcome.crash or beyond or not outcome.codes & set(fault.codes):
                wrong.append(f"{fault.id}: {outcome}")
    print(f"{'kind':<24}{'faults':>8}{'worst s':>9}{'worst MiB':>11}")
    for kind, n, seconds, mib in measured.table(outcomes):
        print(f"{kind:<24}{n:>8}{seconds:>9.2f}{mib:>11.0f}")
    print(
        f"a sound one in two languages: {whole.seconds:.2f} s, {whole.mib:.0f} MiB; not refused as they should be: {len(wrong)}"
    )
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a benchmark wants of a number, and an exit code that says whether it got it."""

import operator
import re
import sys

COMPARED = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}


class Targets:
    """Numbers with what is wanted of them, each printed as it comes.

    Attributes:
        rows: a dict a number: what, measured, wanted ("-" for nothing), met (None where nothing is wanted), and what was given besides.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(
        self, what: str, measured: float, wanted: str = "-", note: str = "", line: str = "", **more: object
    ) -> None:
        """Note a number, and print it.

        Args:
            what: was measured.
            measured: the number.
            wanted: e.g. "<= 1.5"; "-" for nothing.
            note: what it was made of.
            line: printed instead of the usual.
            more: kept with it.
        """
        met = None
        if wanted != "-":
            sign, bound = re.fullmatch(r"([<>]=?) ([\d.]+)", wanted).groups()
            met = bool(COMPARED[sign](measured, float(bound)))
        self.rows.append({"what": what, "measured": measured, "wanted": wanted, "met": met, "note": note, **more})
        print(
            (line or f"{what:82} {measured:9.3f}  {wanted:8} {note}") + (" MISSED" if met is False else ""), flush=True
        )

    @property
    def missed(self) -> list[str]:
        """What did not meet its target."""
        return [str(row["what"]) for row in self.rows if row["met"] is False]

    def leave(self) -> None:
        """End the benchmark: with 1 where a target was missed."""
        print(f"missed: {', '.join(self.missed) or 'none'}", file=sys.stderr)
        sys.exit(bool(self.missed))

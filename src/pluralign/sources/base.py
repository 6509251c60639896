"""What every importer declares, and how its files are found and imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.ratings import Provenance, Ratings, SourceDimension
from pluralign.ratings.tables import file_checksum
from pluralign.sources.collected import Collected
from pluralign.sources.reading import missing_columns

UNTESTED = "This importer was never run on the real ratings; it is written from what is published about them."


@dataclass(frozen=True)
class Source:
    """A public rating set that can be imported.

    Attributes:
        name: as in `pluralign data import NAME PATH`.
        title: what it is.
        licence: as its authors state it.
        citation: what to cite.
        how_to_get: where users get the files.
        files: the files by their published names, with the columns (or keys) that each must have.
        together: whether all files are needed; otherwise any one of them is a rating set of its own.
        scale: its scale in words.
        dimensions: its dimensions, and which of ours each is nearest to.
        maps: which field becomes what, and by which rule.
        drops: what is left out, and why.
        tested_on_real_files: whether the importer was run on the ratings as they are published.
        collect: reads the files.
    """

    name: str
    title: str
    licence: str
    citation: str
    how_to_get: str
    files: Mapping[str, tuple[str, ...]]
    together: bool
    scale: str
    dimensions: tuple[SourceDimension, ...]
    maps: tuple[str, ...]
    drops: tuple[str, ...]
    tested_on_real_files: bool
    collect: Callable[[Source, Path], tuple[Collected, tuple[Path, ...]]]

    @property
    def description(self) -> str:
        """What it is, its scale, and whether the importer has seen the real files."""
        return f"{self.title}. Scale: {self.scale}." + ("" if self.tested_on_real_files else f" {UNTESTED}")

    def not_recognised(self, why: str) -> PluralignError:
        """The error for files that are not this source's."""
        wanted = (" and " if self.together else " or ").join(
            f"{name} ({', '.join(columns)})" for name, columns in self.files.items()
        )
        return PluralignError(
            "PA031", f"{self.name}: {why}. Expected {wanted}.", f"How to get the files: {self.how_to_get}"
        )

    def find_one(self, path: Path) -> tuple[Path, str]:
        """The one file to read and which of `files` its columns show it to be.

        Args:
            path: the file under any name, or a folder that holds one under a published name.

        Raises:
            PluralignError: PA031 where there is none, or several.
        """
        candidates = [path] if path.is_file() else self._inside(path, list(self.files))
        fitting, reasons = {}, []
        for file in candidates:
            why = {name: missing_columns(file, columns) for name, columns in self.files.items()}
            reasons += [reason for reason in why.values() if reason]
            if names := [name for name, reason in why.items() if reason is None]:
                fitting[file] = names[0]
        if not fitting:
            raise self.not_recognised(reasons[0])
        if len(fitting) > 1:
            raise self.not_recognised(
                f"{', '.join(file.name for file in fitting)} are rating sets each: name one of them"
            )
        return next(iter(fitting.items()))

    def find_all(self, path: Path) -> tuple[Path, ...]:
        """All of `files`, in their order.

        Args:
            path: a folder that holds them, or one of them with the others beside it.

        Raises:
            PluralignError: PA031 where one is missing.
        """
        if path.is_file():
            if path.name not in self.files:
                raise self.not_recognised(f"got a file called {path.name}")
            found = {name: [path.with_name(name)] if path.with_name(name).is_file() else [] for name in self.files}
        else:
            found = {name: self._inside(path, [name]) for name in self.files}
        for name, files in found.items():
            if not files:
                raise self.not_recognised(f"no {name} beside {path.name}")
            if len(files) > 1:
                raise self.not_recognised(f"{len(files)} files called {name} in {path.name}: name the folder of one")
        return tuple(files[0] for files in found.values())

    def _inside(self, folder: Path, names: list[str]) -> list[Path]:
        if not folder.is_dir():
            raise self.not_recognised(f"{folder} does not exist")
        found = sorted({file for name in names for file in folder.rglob(name) if file.is_file()})
        if not found:
            raise self.not_recognised(f"no {' or '.join(names)} in {folder.name}")
        return found

    def read(self, path: Path, *, strict: bool = False) -> Ratings:
        """Import: read, map, check.

        Raises:
            PluralignError: PA031 where the files are not this source's.
            ProblemsFoundError: any problem of a row, if `strict`.
        """
        collected, files = self.collect(self, path)
        collected.settle()
        if not collected.ratings:
            first = f"; {collected.rejected[0]['reason']}" if collected.rejected else ""
            raise self.not_recognised(f"no rating in {', '.join(file.name for file in files)}{first}")
        raters, items, ratings, rejected = collected.tables()
        provenance = self._provenance(collected, files)
        try:
            done = Ratings.from_tables(raters, items, ratings, provenance, rejected=rejected, strict=strict)
        except ProblemsFoundError as error:
            raise ProblemsFoundError([*collected.problems, *error.problems]) from error
        if strict and collected.problems:
            raise ProblemsFoundError(collected.problems)
        return done

    def _provenance(self, collected: Collected, files: tuple[Path, ...]) -> Provenance:
        sums = {file.name: file_checksum(file) for file in files}
        whole = next(iter(sums.values())) if len(sums) == 1 else sha256("".join(sums.values()).encode()).hexdigest()
        return Provenance(
            kind="imported",
            source=self.name,
            version=whole[:12],
            licence=self.licence,
            dimensions=self.dimensions,
            description=self.description,
            citation=self.citation,
            choices=(*self.maps, *self.drops),
            details={"files": sums, "n_rows_read": collected.n_rows, "n_answers_read": collected.n_answers,
                     "tested_on_real_files": self.tested_on_real_files},
        )  # fmt: skip

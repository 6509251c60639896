"""The dataset card: YAML header for the Hub, and what a reader must know before using the ratings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pluralign.errors import PluralignError
from pluralign.ratings import Provenance, Ratings
from pluralign.release.configs import FULL, loadable, plan, with_texts
from pluralign.release.markdown import cell, number, render, rows
from pluralign.schema import (
    AGGREGATIONS,
    ATTRIBUTES,
    INDIVIDUAL_FIELDS,
    LANGUAGES,
    MINIMUM_CELL,
    SCALES,
    TABLES,
    VIEW_FIELDS,
    group_values,
)

STATISTICS = ("<!-- statistics -->", "<!-- end of statistics -->")
"""Between these lines of a card stands what the builder supplied; everything else follows from the tables."""
_OPTIONS = re.compile(r"^<!-- built with (\{.*\}) -->$", re.MULTILINE)
_HUB_LICENCES = frozenset(
    {"cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc0-1.0", "mit", "apache-2.0"}
)

CHOICES = (
    "**Scale first.** The scale is applied to each rating, then the aggregation.",
    "**Majority with ties**: the tied category nearest the item's mean; of two equally near, the lower if "
    "`int(sha256(item_id).hexdigest(), 16)` is even, else the higher (no drift to either side, and reproducible); the row says `tie`.",
    "**Mean** is rounded half up. **First** is the rating that came first. **Consensus** takes at least two raters, all equal.",
    "**Splits** go by prompt: `test` if `int(sha256(prompt_id).hexdigest(), 16) % 5 == 0`, else `train`. No prompt is in both, and a "
    "prompt is in the same split in every config. The canonical tables have one split, `full`.",
    "**Several ethnicities**: a rater who chose several belongs to each of those groups. `undisclosed` is never a group.",
    "**A config holds all dimensions that offer its scale**; a source with a coarser scale offers only the scales it can give.",
)  # fmt: skip
"""Ours, for every release; those of one source are in its provenance."""


def card(
    ratings: Ratings,
    statistics: str | None = None,
    *,
    minimum_cell: int = MINIMUM_CELL,
    empty: Sequence[str] = (),
    rejected: Mapping[str, int] | None = None,
) -> str:
    """Render the card.

    Args:
        ratings: the three tables.
        statistics: a section as Markdown, or None.
        minimum_cell: groups with fewer raters are named as not published.
        empty: `config/split` without a row.
        rejected: code -> rows that were set aside; counted from `ratings` if None.

    Returns:
        Markdown with a YAML header. The same arguments give the same text.
    """
    wanted = plan(ratings, minimum_cell)
    told = ratings.describe()
    aside = dict(sorted((told["rejected"] if rejected is None else rejected).items()))
    options = json.dumps({"minimum_cell": minimum_cell, "rejected": aside}, sort_keys=True)
    texts = {language: n for language, n in told["texts"].items() if n}
    return render(
        "card.md.jinja",
        header=_header(ratings, loadable(wanted, empty), list(texts)),
        options=options,
        p=ratings.provenance,
        n=told,
        texts=texts,
        repository=repository(ratings.provenance),
        simulated=ratings.provenance.kind == "simulated",
        default=wanted.names[0],
        plan=wanted,
        attribute_of=group_values(),
        attributes=ATTRIBUTES,
        full=FULL,
        empty=[key for key in empty if key.split("/")[0] in loadable(wanted, empty)],
        unloadable=[view.name for view in wanted.views if view.name not in loadable(wanted, empty)],
        rejected=aside,
        scales=[SCALES[scale] for scale in wanted.scales],
        aggregations=AGGREGATIONS,
        tables={
            "`majority`, `consensus`, `first`, `mean`": rows(with_texts(VIEW_FIELDS)),
            "`individual`": rows(with_texts(INDIVIDUAL_FIELDS)),
            **{f"`{table.name}`": rows(TABLES[table.name]) for table in wanted.tables},
        },
        choices=[*CHOICES, *ratings.provenance.choices],
        parameters=list(_parameters(ratings.provenance)),
        marks=STATISTICS,
        statistics=statistics.strip() if statistics else None,
    )


def repository(provenance: Provenance) -> str:
    """The Hub id that the card names."""
    return "pluralign/ratings" if provenance.kind == "simulated" else f"YOUR-NAMESPACE/{provenance.source}"


def options_of(text: str) -> dict[str, Any]:
    """What a card says it was built with: `minimum_cell`, `rejected`.

    Raises:
        PluralignError: PA050 where it does not say so.
    """
    if not (found := _OPTIONS.search(text)):
        raise PluralignError(
            "PA050", "README.md does not say what it was built with.", "Build again: pluralign data build."
        )
    options: dict[str, Any] = json.loads(found[1])
    return options


def statistics_of(text: str) -> str | None:
    """The statistics section of a card, or None."""
    start, _, rest = text.partition(STATISTICS[0])
    return rest.partition(STATISTICS[1])[0].strip() if rest and start else None


def header_of(text: str) -> dict[str, Any]:
    """The YAML header of a card.

    Raises:
        PluralignError: PA050 where there is none.
    """
    import yaml

    parts = text.split("---\n", 2)
    try:
        header = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    except yaml.YAMLError:
        header = None
    if not isinstance(header, dict):
        raise PluralignError("PA050", "README.md has no YAML header.", "Build again: pluralign data build.")
    return header


def _header(ratings: Ratings, listed: Mapping[str, Mapping[str, str]], languages: list[str]) -> str:
    provenance = ratings.provenance
    return header_text(
        provenance, listed, languages, title=title(provenance), n=ratings.ratings.num_rows, tasks=["text-classification"],
        tags=["toxicity"],
    )  # fmt: skip


def header_text(
    provenance: Provenance,
    listed: Mapping[str, Mapping[str, str]],
    languages: Sequence[str],
    *,
    title: str,
    n: int,
    tasks: Sequence[str],
    tags: Sequence[str],
) -> str:
    """The YAML header of a card, without its fences.

    Args:
        provenance: of the ratings.
        listed: config -> split -> path, the default first.
        languages: of the texts.
        title: the name for people.
        n: rows, for the size category.
        tasks: the Hub's task categories.
        tags: besides those of every card.
    """
    import yaml

    known = provenance.licence.lower() in _HUB_LICENCES
    simulated = provenance.kind == "simulated"
    head = {
        "pretty_name": title,
        "language": [language for language in LANGUAGES if language in languages],
        "license": provenance.licence.lower() if known else "other",
        **({} if known else {"license_name": provenance.licence}),
        "task_categories": list(tasks),
        "annotations_creators": ["machine-generated" if simulated else "crowdsourced"],
        "size_categories": [size_category(n)],
        "tags": ["alignment", "pluralism", "human-feedback", "disagreement", *tags, provenance.kind],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == next(iter(listed)) else {}),
                "data_files": [{"split": split, "path": path} for split, path in files.items()],
            }
            for name, files in listed.items()
        ],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1_000).strip()


def title(provenance: Provenance) -> str:
    """The name for people."""
    if provenance.kind == "simulated":
        return "PlurAlign ratings (simulated)"
    return f"{provenance.source}, in PlurAlign's tables"


def size_category(n: int) -> str:
    """The Hub's size category.

    >>> size_category(27_375), size_category(10_000_000)
    ('10K<n<100K', '10M<n<100M')
    """
    bounds = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B"]
    power = max(len(str(max(n, 1))) - 3, 0)
    if power == 0:
        return "n<1K"
    return f"{bounds[power - 1]}<n<{bounds[power]}"


def _parameters(provenance: Provenance) -> Iterator[tuple[str, str, str, str]]:
    for name, entry in provenance.details.get("parameters", {}).items():
        yield name, cell(number(entry["value"])), entry["source"], cell(entry.get("note", ""))

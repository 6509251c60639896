"""The card of the dataset repository of preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pluralign.preferences import ALIASES, CONDITIONS
from pluralign.preferences.pairing import DRAWS
from pluralign.ratings import Provenance, Ratings
from pluralign.release.card import header_text
from pluralign.release.markdown import render, rows
from pluralign.release.preferences_configs import DEFAULT, FILES, VOTES_DRAW, preference_configs
from pluralign.schema import PREFERENCE_FIELDS, REWARD_FIELDS, SPLITS, UNPAIRED_FIELDS

if TYPE_CHECKING:
    from pluralign.release.preferences import Contents

FORMS = (("votes", ""), ("soft labels", "-collapsed"), ("half ties", "-half"))


def preferences_card(ratings: Ratings, contents: Contents) -> str:
    """Render the card.

    Args:
        ratings: the three tables behind the repository.
        contents: what its tables hold.

    Returns:
        Markdown with a YAML header. The same arguments give the same text.
    """
    listed = contents.listed()
    provenance = ratings.provenance
    default = DEFAULT if DEFAULT in listed else next(iter(listed))
    texts = [language for language, n in ratings.describe()["texts"].items() if n]
    return render(
        "preferences.md.jinja",
        header=header_text(
            provenance, listed, texts, title=_title(provenance), n=sum(sum(r.values()) for r in contents.rows.values()),
            tasks=["text-generation", "reinforcement-learning"], tags=["preference", "dpo", "trl"],
        ),
        p=provenance,
        simulated=provenance.kind == "simulated",
        repository="pluralign/preferences" if provenance.kind == "simulated" else f"YOUR-NAMESPACE/{provenance.source}-preferences",
        default=default,
        has_pairs=any(config.what == "pairs" and config.name in listed for config in preference_configs()),
        counts=_counts(contents),
        others=[(c.name, contents.rows[c.name]) for c in preference_configs() if c.what != "pairs" and c.name in contents.rows],
        aliases={alias: name for alias, name in ALIASES.items() if name in listed},
        splits=FILES,
        draws=DRAWS,
        votes_draw=VOTES_DRAW,
        minimum_cell=contents.minimum_cell,
        shrinkage=[(*key, f"{c:.2f}") for key, c in sorted(contents.shrinkage.items())],
        left_out=contents.left_out,
        empty=_empty(contents),
        tables={
            "pairs": rows(PREFERENCE_FIELDS),
            "`unpaired-…`": rows(UNPAIRED_FIELDS),
            "`exp4-both-reward`": rows(REWARD_FIELDS),
        },
        has_truth=ratings.truth is not None,
    )  # fmt: skip


def _title(provenance: Provenance) -> str:
    if provenance.kind == "simulated":
        return "PlurAlign preferences (simulated)"
    return f"{provenance.source}, as preferences"


def _counts(contents: Contents) -> list[tuple[str, list[str]]]:
    """A row a condition: rows and share in the true order, for votes or values, soft labels and half ties."""
    bases = [n for c in CONDITIONS.values() if c.kind == "pairs" for n in (c.name, f"{c.name}-scalarised")]
    found = []
    for base in bases:
        cells = [_cell(contents, base + suffix) for _, suffix in FORMS]
        if any(cells):
            found.append((base, [cell or "–" for cell in cells]))
    return found


def _cell(contents: Contents, name: str) -> str:
    if name not in contents.rows:
        return ""
    n = sum(contents.rows[name][split] for split in SPLITS)
    if (order := contents.order.get(name)) is None:
        return f"{n:,}"
    said = "" if np.isnan(order.share) else f" ({order.share:.2f})".replace("0.", ".")
    return f"{n:,}{said}" + (f", {order.n_undecided:,} at .5" if order.n_undecided else "")


def _empty(contents: Contents) -> list[str]:
    return [f"{name}/{split}" for name, found in contents.rows.items() for split, n in found.items() if not n]

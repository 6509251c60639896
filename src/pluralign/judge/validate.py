"""A judge against people who rated the same answers, held out by item, by dimension and group.

What is compared, and with what it must be compared:

- Spearman and Pearson of the judge's score and the group's mean rating of an item. The ceiling is the square root of that mean's
  reliability (split halves of the raters, stepped up by Spearman–Brown): no judge can be expected to correlate higher.
- agreement within one point, with single ratings and with the mean. On five points it is high by chance; beside it stands what the
  best constant score gets.
- Krippendorff's alpha between judge and raters: every rating is paired with the judge's score, as if one more rater had given it.
  A judge that is like another rater has the alpha that raters have among themselves, which stands beside it; one that says what
  raters say on average has more.

A rating is compared with the score of the text in the language in which the rater saw it. Ratings are put on five points by their
source's cuts; where a source has fewer points, agreement within one point means nothing and is left undefined.

Source: Spearman (1910) and Brown (1910), Brit. J. Psychol. 3, for the stepped-up reliability; Krippendorff (2019) for alpha.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pluralign.errors import PluralignError, unknown
from pluralign.judge.base import Answer, Failure, Judge, Progress, Score
from pluralign.judge.compare import Estimate
from pluralign.judge.people import Paired, PeopleAgreement, people_agreement
from pluralign.schema import DIMENSIONS, EVERYONE, LANGUAGES, MINIMUM_CELL, POINTS, STUDY_GROUPS, split_of

if TYPE_CHECKING:
    from pluralign.ratings import Ratings, SourceDimension

REFERENCE = (
    "the study reports 85 % agreement of its judge with experts on fine-tuned models' outputs "
    "(arXiv:2511.14476; cited for orientation, neither measured here nor a target)"
)
SPLITS = ("test", "all")


@dataclass(frozen=True)
class Row:
    """A judge and one group on one dimension.

    Attributes:
        dimension: the source's name of it.
        judged_as: the judge's dimension.
        group: whose ratings.
        n_raters: raters of the group who rated these items.
        agreement: what was found.
    """

    dimension: str
    judged_as: str
    group: str
    n_raters: int
    agreement: PeopleAgreement

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "agreement"}
        return told | self.agreement.as_dict()


@dataclass(frozen=True)
class Validation:
    """A judge against a set of human ratings.

    Attributes:
        judge: its name.
        identity, provenance: as the judge says.
        ratings: label of the set; begins with SIMULATED where nobody rated.
        checksum: of the set's contents.
        split: `test` or `all`.
        languages: of the texts that were judged.
        n_items: items that were judged.
        failures: kind -> judgements that failed.
        rows: one a dimension and group.
        notes: what a reader must know.
        bootstrap, seed: of the intervals.
    """

    judge: str
    identity: Mapping[str, Any]
    provenance: Mapping[str, Any]
    ratings: str
    checksum: str
    split: str
    languages: Sequence[str]
    n_items: int
    failures: Mapping[str, int]
    rows: Sequence[Row]
    notes: Sequence[str]
    bootstrap: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return told | {"rows": [row.as_dict() for row in self.rows], "reference": REFERENCE}


def validate(
    judge: Judge,
    ratings: Ratings,
    dimensions: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    *,
    language: str | None = None,
    limit: int | None = None,
    split: str = "test",
    seed: int = 0,
    bootstrap: int = 1000,
    progress: Progress | None = None,
    fitted_split: str = "all",
) -> Validation:
    """Compare a judge with people on items that it has not seen.

    Args:
        judge: any judge.
        ratings: the shipped release or any imported set.
        dimensions: by the source's names or ours; all of the source's if None.
        groups: by default the study's groups that have at least ten raters here.
        language: only ratings given in it; all if None.
        limit: judge at most so many items, the same ones every time.
        split: `test`, a fifth of the prompts; or `all`, which a judge fitted to this set is refused.
        seed, bootstrap: of the intervals and the random halves.
        progress: told how many judgements are done.
        fitted_split: the split that the judge was fitted on where its provenance names a set without one.

    Raises:
        PluralignError: PA020/PA024 unknown group or dimension; PA061 where no item is left; PA071 where the judge was fitted to
            these items; PA074 a setting out of range.
    """
    _check_settings(language, limit, split)
    notes = _unseen(judge, ratings, split, fitted_split)
    specs = _specs(ratings, dimensions)
    items = _items(ratings, [spec.name for spec in specs], language, limit, split)
    texts = _texts(items, language)
    languages = [one for one in LANGUAGES if any(key[1] == one for key in texts)]
    asked = list(dict.fromkeys(spec.nearest for spec in specs))
    notes += judge.preflight(asked, languages)
    given = dict(zip(texts, judge.judge(list(texts.values()), asked, progress), strict=True))
    failures = Counter(one.kind for each in given.values() for one in each.values() if isinstance(one, Failure))
    rows = [
        row
        for spec in specs
        for row in _rows(ratings, spec, _groups(ratings, groups), items, given, language, seed, bootstrap)
    ]
    return Validation(
        judge.name, judge.identity(), judge.provenance(), ratings.provenance.label, ratings.provenance.checksum, split,
        languages, len(items), dict(sorted(failures.items())), rows, notes, bootstrap, seed,
    )  # fmt: skip


def _check_settings(language: str | None, limit: int | None, split: str) -> None:
    if language is not None and language not in LANGUAGES:
        raise unknown("PA074", "language", language, list(LANGUAGES))
    if split not in SPLITS:
        raise unknown("PA074", "split", split, list(SPLITS))
    if limit is not None and limit < 1:
        raise PluralignError("PA074", f"got a limit of {limit} items; expected 1 or more.")


def _unseen(judge: Judge, ratings: Ratings, split: str, fitted_split: str) -> list[str]:
    """Notes on what the judge was fitted to; raises where it has seen the items."""
    fitted = _fitted_to(judge.provenance())
    held = ratings.provenance
    same = [one for one in fitted if one.get("checksum") == held.checksum]
    if any(one.get("split", fitted_split) != "train" for one in same):
        raise PluralignError(
            "PA071", f"{judge.name} was fitted to every item of {held.label}; there is none that it has not seen.",
            "Fit one to the training split only, or validate it on another set.",
        )  # fmt: skip
    if same and split != "test":
        raise PluralignError("PA071", f"{judge.name} was fitted to the training items of {held.label}.",
                             "Leave --split out: the test items are those it has not seen.")  # fmt: skip
    if any(one.get("source") == held.source for one in fitted) and not same:
        return [
            f"{judge.name} was fitted to another version of {held.source}; which of these items it has seen is not known"
        ]
    return []


def _fitted_to(provenance: Any) -> list[Mapping[str, Any]]:
    """Every set that a judge, or a part of it, says it was fitted to: mappings with a content checksum, wherever they stand."""
    if isinstance(provenance, Mapping):
        own = [provenance] if provenance.get("checksum") and "source" in provenance else []
        return own + [one for value in provenance.values() for one in _fitted_to(value)]
    if isinstance(provenance, list | tuple):
        return [one for value in provenance for one in _fitted_to(value)]
    return []


def training_part(ratings: Ratings) -> Ratings:
    """The items of the training prompts and their ratings, under the whole set's provenance.

    The checksum stays the whole set's, so that a judge fitted to it is recognised; the provenance does not say the split.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    train = [split_of(one) == "train" for one in ratings.items.column("prompt_id").to_pylist()]
    items = ratings.items.filter(pa.array(train))
    kept = pc.is_in(ratings.ratings.column("item_id"), value_set=items.column("item_id").combine_chunks())
    return replace(ratings, items=items, ratings=ratings.ratings.filter(kept), truth=None)


def _specs(ratings: Ratings, dimensions: Sequence[str] | None) -> list[SourceDimension]:
    if not dimensions:
        return list(ratings.provenance.dimensions)
    return list({spec.name: spec for spec in map(ratings.provenance.dimension, dimensions)}.values())


def _groups(ratings: Ratings, groups: Sequence[str] | None) -> list[str]:
    if groups:
        return list(dict.fromkeys(groups))
    return [one for one in STUDY_GROUPS if ratings.groups.get(one, 0) >= MINIMUM_CELL or one == EVERYONE]


def _items(
    ratings: Ratings, dimensions: Sequence[str], language: str | None, limit: int | None, split: str
) -> dict[str, dict[str, Any]]:
    """Item -> its row with the languages in which it was rated; held out, in an order that a limit may cut."""
    seen: dict[str, set[str]] = {}
    columns = [ratings.ratings.column(name).to_pylist() for name in ("item_id", "dimension", "language")]
    for item, dimension, shown in zip(*columns, strict=True):
        if dimension in dimensions and language in (None, shown):
            seen.setdefault(item, set()).add(shown)
    rows = [row for row in ratings.items.to_pylist() if row["item_id"] in seen]
    rows = [row for row in rows if split == "all" or split_of(row["prompt_id"]) == "test"]
    rows.sort(key=lambda row: sha256(row["item_id"].encode()).digest())
    if not rows:
        raise PluralignError("PA061", f"no {'held-out ' if split == 'test' else ''}item of {ratings.provenance.label} was "
                             f"rated on {', '.join(dimensions)}" + (f" in {language!r}." if language else "."))  # fmt: skip
    return {row["item_id"]: row | {"shown": seen[row["item_id"]]} for row in rows[:limit]}


def _texts(items: Mapping[str, Mapping[str, Any]], language: str | None) -> dict[tuple[str, str], Answer]:
    """(item, language) -> what is judged: the texts that raters saw."""
    return {
        (item, shown): Answer(row[f"prompt_{shown}"] or "", row[f"response_{shown}"], shown)
        for item, row in items.items()
        for shown in sorted(row["shown"])
        if language in (None, shown) and row[f"response_{shown}"] is not None
    }


def _rows(
    ratings: Ratings, spec: SourceDimension, groups: Sequence[str], items: Mapping[str, Mapping[str, Any]],
    given: Mapping[tuple[str, str], Mapping[str, Any]], language: str | None, seed: int, bootstrap: int,
) -> list[Row]:  # fmt: skip
    """One row a group."""
    import numpy as np
    import pyarrow.compute as pc

    from pluralign.views.groups import members

    codes = {item: k for k, item in enumerate(items)}
    clusters = [row["template_id"] or row["prompt_id"] for row in items.values()]
    turned = spec.better != DIMENSIONS[spec.nearest].better
    table = ratings.ratings.filter(pc.equal(ratings.ratings.column("dimension"), spec.name))
    columns = [table.column(name).to_pylist() for name in ("rater_id", "item_id", "value", "language")]
    rows = []
    for group in groups:
        ids = members(ratings.raters, group)
        wanted = None if ids is None else set(ids.to_pylist())
        kept = [
            (codes[item], _point(spec, value, turned), _score(given.get((item, shown), {}).get(spec.nearest)), rater)
            for rater, item, value, shown in zip(*columns, strict=True)
            if item in codes and language in (None, shown) and (wanted is None or rater in wanted)
        ]
        paired = Paired(
            np.array([one[0] for one in kept], dtype=np.int64), np.array([one[1] for one in kept], dtype=np.float64),
            np.array([one[2] for one in kept], dtype=np.float64), np.asarray(clusters), len(spec.points) == POINTS,
        )  # fmt: skip
        found = people_agreement(paired, seed=seed, bootstrap=bootstrap)
        rows.append(Row(spec.name, spec.nearest, group, len({one[3] for one in kept}), found))
    return rows


def _point(spec: SourceDimension, value: int, turned: bool) -> int:
    point = 1 + sum(value > cut for cut in spec.cuts)
    return POINTS + 1 - point if turned else point


def _score(judgement: Any) -> float:
    return judgement.value if isinstance(judgement, Score) else float("nan")


__all__ = ["REFERENCE", "Estimate", "Row", "Validation", "validate"]

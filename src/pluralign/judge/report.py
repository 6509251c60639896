"""What rescoring and validating found, as tables for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pluralign.judge.base import FAILURES
from pluralign.judge.compare import Estimate, JudgeAgreement
from pluralign.judge.people import PeopleAgreement
from pluralign.judge.rescore import BOTH, UNVALIDATED, Cell, Rescored
from pluralign.judge.validate import REFERENCE, Validation
from pluralign.schema import DIMENSIONS


def described(rescored: Rescored) -> str:
    """The tables for people."""
    judge = rescored.judge
    lines = [f"judge {judge.name}: {UNVALIDATED}", *provenance_lines(judge.provenance()), ""]
    lines += score_lines(rescored.cells)
    lines += ["", usage_line(asdict(judge.usage))]
    if rescored.agreement:
        lines += ["", f"agreement of {', '.join(rescored.former) or 'the former judge'} and {judge.name}"]
        lines += agreement_lines(rescored.agreement)
    lines += [f"note: {note}" for note in rescored.notes]
    lines.append(f"intervals: {rescored.bootstrap} bootstraps over prompt templates, seed {rescored.seed}")
    return "\n".join(lines)


def score_lines(cells: Sequence[Cell]) -> list[str]:
    """A row a score, then the failures by kind."""
    lines = [f"{'dimension':<24}{'language':<10}{'score 0–1 [95 %]':<24}{'n scored':>9}{'failed':>8}"]
    for cell in cells:
        name = f"{cell.dimension} {DIMENSIONS[cell.dimension].arrow}"
        failed = cell.n_answers - cell.score.n
        lines.append(f"{name:<24}{cell.language:<10}{interval(cell.score):<24}{cell.score.n:>9}{failed:>8}")
    failures = sum((Counter(cell.failures) for cell in cells if cell.language != BOTH), Counter[str]())
    return lines + [f"  {n} {kind}: {FAILURES[kind]}" for kind, n in failures.most_common()]


def interval(one: Estimate) -> str:
    """A score on 0–1 with three decimals, and its interval."""
    if one.value != one.value:
        return f"– ({one.note})"
    ends = "" if one.low != one.low else f" [{one.low:.3f}, {one.high:.3f}]"
    return f"{one.value:.3f}{ends}"


SHORT: Mapping[str, str] = {
    "kappa_quadratic": "kappa (quadratic)", "alpha_ordinal": "alpha (ordinal)", "alpha_interval": "alpha (interval)",
    "pearson": "Pearson", "spearman": "Spearman", "mean_difference": "mean difference",
}  # fmt: skip


def agreement_lines(agreement: Mapping[tuple[str, str], JudgeAgreement]) -> list[str]:
    """One row a dimension and language, one column a statistic."""
    lines = [f"  {'':<32}" + "".join(f"{name:<24}" for name in SHORT.values()) + "n (left out)"]
    for (dimension, language), found in agreement.items():
        cells = "".join(f"{getattr(found, name)!s:<24}" for name in SHORT)
        lines.append(f"  {dimension + ' ' + language:<32}{cells}{found.n} ({found.n_left_out})")
        notes = {getattr(found, name).note for name in SHORT} - {""}
        lines += [f"    – undefined: {note}" for note in sorted(notes)]
    return lines


def usage_line(usage: Mapping[str, Any]) -> str:
    """What judging cost; the fields of `Usage`, as they also stand in results."""
    if not usage["calls"] and not usage["cached"]:
        return f"cost: no calls, {usage['seconds']:.1f} s of judging"
    price = "price not known" if usage["usd"] is None else f"{usage['usd']:.4f} US dollars"
    return (
        f"cost: {usage['calls']:,} calls ({usage['retries']:,} retries), {usage['cached']:,} judgements from the cache, "
        f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens, {price}, {usage['seconds']:.1f} s of judging"
    )


def provenance_lines(provenance: Mapping[str, Any], most: int = 160) -> list[str]:
    """What a judge says of itself, one line a key."""
    lines = []
    for key, value in provenance.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        lines.append(f"  {key}: {text if len(text) <= most else text[: most - 1] + '…'}")
    return lines


def validation_lines(validation: Validation) -> str:
    """A judge against human ratings, for people."""
    lines = [
        f"judge {validation.judge} against {validation.ratings}",
        *(["  no person gave these ratings: this shows that the judge recovers what was simulated, no more"]
          if validation.ratings.startswith("SIMULATED") else []),
        f"  {validation.n_items} items ({'held out' if validation.split == 'test' else 'all, none held out'}), "
        f"texts in {' and '.join(validation.languages)}",
        *provenance_lines(validation.provenance),
    ]  # fmt: skip
    for dimension in dict.fromkeys((row.dimension, row.judged_as) for row in validation.rows):
        own, judged_as = dimension
        lines += ["", own if own == judged_as else f"{own} (judged as {judged_as})"]
        lines += people_lines({row.group: row.agreement for row in validation.rows if row.dimension == own},
                              {row.group: row.n_raters for row in validation.rows if row.dimension == own})  # fmt: skip
    lines += ["", *(f"  {n} {kind}: {FAILURES.get(kind, kind)}" for kind, n in validation.failures.items())]
    lines += [f"note: {note}" for note in validation.notes]
    lines.append(f"reference: {REFERENCE}")
    lines.append(f"intervals: {validation.bootstrap} bootstraps over prompts, seed {validation.seed}")
    return "\n".join(lines)


PEOPLE: Mapping[str, str] = {
    "spearman": "Spearman", "pearson": "Pearson", "ceiling": "ceiling", "within_one_rating": "within 1 of ratings",
    "within_one_constant": "constant's", "within_one_mean": "within 1 of means", "alpha_judge_ordinal": "alpha with judge",
    "alpha_raters_ordinal": "alpha of raters", "mean_difference": "judge − people",
}  # fmt: skip


def people_lines(found: Mapping[str, PeopleAgreement], n_raters: Mapping[str, int]) -> list[str]:
    """One row a group: a judge's agreement with it, beside what it must be compared with."""
    lines = [f"  {'':<16}" + "".join(f"{name:<22}" for name in PEOPLE.values()) + "items  ratings  raters"]
    notes: set[str] = set()
    for group, one in found.items():
        cells = "".join(f"{getattr(one, name)!s:<22}" for name in PEOPLE)
        lines.append(f"  {group:<16}{cells}{one.n_items:>5}{one.n_ratings:>9}{n_raters[group]:>8}")
        notes |= {getattr(one, name).note for name in PEOPLE} - {""}
        if one.n_unscored:
            notes.add(f"{group}: {one.n_unscored} ratings of answers that the judge did not score are left out")
    return lines + [f"  – {note}" for note in sorted(notes)]


def sheet_lines(validation: Mapping[str, Any]) -> str:
    """A judge against people's scores of a model's outputs; takes what `validation.json` holds."""
    lines = [
        f"judge {validation['judge']} against {len(validation['raters'])} people on {validation['n_answers']} model outputs "
        f"(sheet {validation['sheet']}; {validation['n_missing']} cells left empty)"
    ]
    for dimension in dict.fromkeys(row["dimension"] for row in validation["rows"]):
        rows = [row for row in validation["rows"] if row["dimension"] == dimension]
        lines += ["", dimension, *people_lines({row["language"]: agreement_of(row["agreement"]) for row in rows},
                                               {row["language"]: row["n_raters"] for row in rows})]  # fmt: skip
    lines += ["", *(f"note: {note}" for note in validation["notes"])]
    lines.append(f"reference: {REFERENCE}")
    lines.append(f"intervals: {validation['bootstrap']} bootstraps over prompt templates, seed {validation['seed']}")
    return "\n".join(lines)


def agreement_of(told: Mapping[str, Any]) -> PeopleAgreement:
    """The agreement that `PeopleAgreement.as_dict` told."""
    missing = float("nan")

    def estimate_of(one: Mapping[str, Any]) -> Estimate:
        value, low, high = (missing if one[name] is None else float(one[name]) for name in ("value", "low", "high"))
        return Estimate(value, low, high, one["n"], one["n_clusters"], one["n_undefined"], one.get("note", ""))

    read: dict[str, Any] = {name: estimate_of(one) if isinstance(one, Mapping) else one for name, one in told.items()}
    return PeopleAgreement(**read)

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
from pluralign.judge.rescore import BOTH, Cell, Rescored
from pluralign.judge.validate import REFERENCE, Validation
from pluralign.judge.validated import validation_notes
from pluralign.schema import DIMENSIONS


def described(rescored: Rescored) -> str:
    """The tables for people."""
    judge = rescored.judge
    lines = [f"judge {judge.name}: {note}" for note in validation_notes(rescored.validation)]
    lines += [*judge_lines(judge.provenance()), ""]
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
    if usage["usd"] is not None and usage["usd_at_most"] > 1.01 * usage["usd"]:
        price += f" (at most {usage['usd_at_most']:.4f}, with requests that failed and may have been charged)"
    return (
        f"cost: {usage['calls']:,} calls ({usage['retries']:,} retries), {usage['cached']:,} judgements from the cache, "
        f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens, {price}, {usage['seconds']:.1f} s of judging"
    )


SETS = {"ann_with_attitudes": "Annotators with Attitudes", "popquorn": "POPQUORN", "crehate": "CREHate"}


def judge_lines(provenance: Mapping[str, Any]) -> list[str]:
    """Where a judge comes from, how far it agrees with people and with the simulation's truth, and how far a jury does with itself."""
    if provenance.get("kind") == "jury":
        return _jury_lines(provenance)
    lines = []
    for name, part in (provenance.get("parts") or {provenance.get("name", ""): provenance}).items():
        if not isinstance(part.get("agreement"), Mapping):
            lines += _facts({name: part} if name else provenance)
            continue
        what = part.get("what") or ", ".join(source["label"] for source in part.get("sources", []))
        lines.append(f"  {name}: {what}")
        lines += [f"    {part['note']}"] if part.get("note") else []
        if people := part["agreement"].get("people"):
            shown = ", ".join(f"{SETS.get(key, key)} {value:.2f}" for key, value in people.items())
            lines.append(f"    Spearman with people's mean toxicity: {shown}")
        if truth := part["agreement"].get("truth"):
            shown = ", ".join(
                f"{dimension} {value['spearman_en']:.2f} en {value['spearman_de']:.2f} de"
                for dimension, value in truth.items()
            )
            lines.append(f"    Spearman with the simulation's truth on unseen phrases: {shown}")
    return lines


def _jury_lines(provenance: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, part in provenance["judges"].items():
        lines += [f"  {name}", *(f"  {line}" for line in judge_lines(part))]
    for dimension, found in provenance["agreement"].items():
        alpha, n = found["all"]["alpha_ordinal"], found["all"]["n_items"]
        shown = "undefined" if alpha is None else f"{alpha:.2f}"
        lines.append(f"  {dimension}: alpha (ordinal) among the judges {shown}, of {n} answers that two or more scored")
    for dimension, found in provenance["partial"].items():
        if found["by_some"]:
            missing = ", ".join(f"{name} left out {n}" for name, n in found["missing"].items())
            lines.append(
                f"  {dimension}: {found['by_some']} of {found['scored']} scores are not of all judges ({missing}); "
                "judges differ in level, so these shift the mean"
            )
    return lines


def _facts(provenance: Mapping[str, Any], most: int = 160) -> list[str]:
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
        *judge_lines(validation.provenance),
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
        f"(sheet {validation['sheet']}; {validation['n_missing']} scores missing)"
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

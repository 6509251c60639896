"""How the effects were computed, and what they cannot say."""

from __future__ import annotations

from pluralign.analysis.numbers import interval
from pluralign.experiments.contrasts import repeated
from pluralign.experiments.found import Found
from pluralign.report.figures import words


def method(found: Found) -> list[str]:
    """How it was computed, and what it cannot say, in sentences."""
    read = found.outcomes.results
    judges = "; ".join(f"{language}: {name}" for language, (name, _) in read.judges.items())
    said = [
        f"Answers are generated at temperature 0 and scored on 0–1 by one judge ({judges}). Scores of different judges are never compared."
    ]
    if any("zero-shot" in name for name, _ in read.judges.values()):
        said.append(
            f"The offline judge's toxicity is zero-shot: a profanity classifier and embedding prototypes, fitted to no ratings. It is weak: Spearman {_agreement('zero-shot')} with "
            "people's mean ratings on three real sets. A small judged effect may be none, and none may be one."
        )  # fmt: skip
    if further := read.further_judges:
        said.append(
            f"Further judges score beside it ({', '.join(further)}): outcomes of their own with Holm's p of their own, never pooled with the judge's."
        )
    if same := repeated(read):
        said.append(
            f"The jury of everyone is left out on {' and '.join(map(words, same))}: it is the very number that the judge gives."
        )
    said.append(
        "Emotional awareness has no validation on real people here"
        + (": the judge of it, and the jury, are rater models fitted to simulated raters (rater-model-simulated)." if found.simulated else ".")
    )  # fmt: skip
    if missing := found.outcomes.truth.missing:
        said.append(f"Order outcomes are left out: {missing}.")
    else:
        said.append(
            "Order outcomes need no judge: of two held-out answers the model prefers the one whose likelihood it raised more, log π(y|x) − log π_ref(y|x), and the truth that was "
            "planted says whether it should. Lexicon E shares no phrase, topic or template with what was trained on. A group's truth is (v + κh) / √(1 + κ²). The null release is "
            "valued by the κ of the release that it is the null of."
        )  # fmt: skip
    said += _steps_told(found) + _rewards_told(found)
    said += [
        "Prompt templates are clusters; the English and German versions of a prompt are one cluster. A prompt counts where every arm was scored with all of its seeds.",
        "Seeds are averaged within a model, and listed; they are no studies of their own. A comparison is made of the seeds that all of its fine-tuned arms have, each against its own.",
        "Interval and p of one model are by t. With two seeds or more their variance is that of prompt templates and that from seed to seed, by Satterthwaite's degrees of freedom: what another run would "
        "give is in them. In simulations they hold the truth in 93 % of cases with three seeds, in 87 % with two, where runs differ much. With one seed they are about these checkpoints, and another run of "
        "the very same recipe may well lie outside; the models of the κ = 0 release are a yardstick for it. The record has, besides, BCa intervals over templates.",
        "Pooling over models is DerSimonian–Laird's with the models' covariance on the same prompts in the weights and in tau², by t with k − 1 degrees of freedom; DerSimonian–Laird's own and the modified "
        "Hartung–Knapp inference are in the record. Under three models there is no pooled interval. An error that all models share because they learnt from the same ratings is in no interval here.",
        "Cells of different tie rules or protocols are never compared.",
    ]  # fmt: skip
    return said


def _agreement(judge: str) -> str:
    from pluralign.judge.offline import measured_agreement

    found = sorted(measured_agreement()[judge]["people"].values())
    return f"{found[0]:.2f}–{found[-1]:.2f}"


def _steps_told(found: Found) -> list[str]:
    """Under `steps` the steps of a method are equal; between methods they need not be."""
    steps: dict[str, set[int]] = {}
    for one in found.outcomes.results.cells:
        if one.run and one.cell.protocol == "steps":
            steps.setdefault(one.cell.method, set()).add(int(one.run["steps"]))
    if len({n for own in steps.values() for n in own}) < 2:
        return []
    listed = ", ".join(f"{method} {' or '.join(map(str, sorted(own)))}" for method, own in sorted(steps.items()))
    return [
        f"Steps are equal within a method and not between methods (of protocol steps: {listed}): what tells methods apart at the ends of their runs may be how far each went; the section on gain against KL has them at equal KL."
    ]


def _rewards_told(found: Found) -> list[str]:
    """How far GRPO's rewards agree with the people, or the raters, that they stand for."""
    said = {}
    for one in found.outcomes.results.cells:
        reward = one.run.get("reward") or {}
        for dimension, of in reward.get("held_out", {}).items():
            order = of["pair_order"]
            shown = interval(order["value"], order["low"], order["high"], 2)
            said[reward["name"], dimension] = (
                f"{words(dimension)} {shown} ({of['n_items']} answers, {of['n_raters']} raters)"
            )
    return [
        f"GRPO's reward, {name}, orders held-out answers as the raters' means do in this share of pairs: {'; '.join(told for (own, _), told in said.items() if own == name)}."
        for name in dict.fromkeys(name for name, _ in said)
    ]

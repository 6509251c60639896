"""How the effects were computed, and what they cannot say."""

from __future__ import annotations

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
    said += [
        "Prompt templates are clusters; the English and German versions of a prompt are one cluster. A prompt counts where every arm was scored with all of its seeds.",
        "Seeds are averaged within a model, and listed; they are no studies of their own. Intervals of one model are about these checkpoints, BCa over templates; the record has, besides, "
        "intervals that draw seeds too. A model's p is by t over its clusters.",
        "Pooling over models is DerSimonian–Laird's with the models' covariance on the same prompts in the weights and in tau², by t with k − 1 degrees of freedom; DerSimonian–Laird's own and the modified "
        "Hartung–Knapp inference are in the record. Under three models there is no pooled interval. An error that all models share because they learnt from the same ratings is in no interval here.",
        "Cells of different tie rules or protocols are never compared.",
    ]  # fmt: skip
    return said


def _agreement(judge: str) -> str:
    from pluralign.judge.offline import measured_agreement

    found = sorted(measured_agreement()[judge]["people"].values())
    return f"{found[0]:.2f}–{found[-1]:.2f}"

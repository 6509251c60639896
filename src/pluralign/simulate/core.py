"""A simulated release: draw, rate, render, and put into the three tables with the truth beside them."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa

from pluralign.errors import PluralignError
from pluralign.ratings import Provenance, Ratings, own_dimensions
from pluralign.ratings.tables import table_schema
from pluralign.schema import LANGUAGES
from pluralign.simulate.latent import Draw, Latent, draw, streams
from pluralign.simulate.lexicon import load_lexicon
from pluralign.simulate.parameters import ORDER, Parameters, load_parameters
from pluralign.simulate.published import DRAWS, N_RATERS, SHORTLIST
from pluralign.simulate.render import Texts, render

VERSION = "1.0.0"
"""Of the simulated release: changes whenever seed 0 gives other tables, once it has been published."""
LICENCE = "CC-BY-4.0"
CITATION = (
    "Simulation calibrated to the statistics published in: Ali, Zhao, Koenecke, Papakyriakopoulos. Operationalizing "
    "Pluralistic Values in Large Language Model Alignment. arXiv 2511.14476, 2025."
)
DESCRIPTIONS = {
    True: "Simulated ratings with the design and the published statistics of the study; no person gave them.",
    False: "Simulated ratings with the design of the study, made for tests; no person gave them, and its statistics do not apply.",
}
LANGUAGE_OF_COUNTRY = {"us": "en", "de": "de"}


def choices(parameters: Parameters) -> tuple[str, ...]:
    """What is ours and not the study's, as sentences that are true of these parameters."""
    weighing = [
        f"{group} raters ({dimension})"
        for dimension, m in parameters.dimensions.items()
        for group, k in m.kappa.items()
        if k > 0
    ]
    kappas = sorted({k for m in parameters.dimensions.values() for k in m.kappa.values() if k > 0})
    shown = ", ".join(f"{k:g}" for k in kappas)
    weighs = (
        f"Some groups weigh a contrast of moves besides the dimension itself (κ = {shown}): {', '.join(weighing)}. Assumed; the study "
        "reports mean differences only, which cancel inside a prompt."
        if weighing
        else "No group weighs anything differently (κ = 0): a null release."
    )
    calibrated = {
        "population": "The true statistics of the model behind it, not those of this draw, are the published ones.",
        "matched": f"Of {DRAWS} draws the {SHORTLIST} nearest in the published group alphas were shortlisted, and the one nearest in the "
        "odds ratios taken; then parameters were moved until the statistics of this draw are the published ones.",
        "altered": "Parameters that were matched to another release: the published statistics do not apply.",
    }
    return (
        f"{parameters.n_items:,} items are {parameters.n_prompts:,} prompts × {parameters.responses_per_prompt} responses; the study "
        "does not say how many responses a prompt had.",
        "The random effect that the study calls 'context' is the prompt–response pair.",
        "Raters' demographic shares, the distribution of ratings, the correlation of dimensions and the ratio of rater to item variance are assumed.",
        weighs,
        calibrated[parameters.mode],
        "Raters in the United States saw English texts, raters in Germany German ones.",
    )


def simulate(parameters: Parameters, seed: int, lexicon: str = "t") -> Ratings:
    """Simulate a release.

    The same parameters, seed and lexicon give the same tables on every machine. More raters leave items and texts as they
    are; another κ leaves all noise as it is.

    Args:
        parameters: what to draw from.
        seed: of all random streams.
        lexicon: which phrases render the items.

    Returns:
        Checked ratings with their truth; provenance `simulated` with every parameter and its source.

    Raises:
        PluralignError: PA041 for matched parameters with another seed than theirs, or more prompts than the lexicon has.
    """
    if parameters.mode == "matched" and parameters.matched_seed != seed:
        raise PluralignError(
            "PA041", f"got seed {seed} for parameters that are matched to the draw of seed {parameters.matched_seed}.",
            "Match them to this seed (simulate.calibrate.match), or take those of mode 'population'.",
        )  # fmt: skip
    drawn = draw(parameters, seed)
    latent = Latent(drawn, parameters)
    bank = load_lexicon(lexicon)
    texts = render(bank, drawn, latent.v, latent.h, parameters.text_noise, streams(parameters, seed)["text"])
    prompt_ids = [f"{lexicon}{k + 1:04d}" for k in range(parameters.n_prompts)]
    item_ids = [f"{prompt_ids[p]}-{k % parameters.responses_per_prompt + 1}" for k, p in enumerate(drawn.prompt_of)]
    provenance = Provenance(
        kind="simulated",
        source="pluralign",
        version=version_of(parameters, seed, lexicon),
        licence=LICENCE,
        dimensions=own_dimensions(),
        description=DESCRIPTIONS[parameters.is_calibrated],
        citation=CITATION,
        choices=choices(parameters),
        details={
            "seed": seed,
            "lexicon": lexicon,
            "mode": parameters.mode,
            "calibrated": parameters.is_calibrated,
            "parameters": parameters.tagged(),
        },
    )
    return Ratings.from_tables(
        drawn.raters,
        _items(drawn, texts, prompt_ids, item_ids),
        _ratings(latent, parameters, item_ids),
        provenance,
        truth=_truth(latent, texts, item_ids),
        strict=True,
    )


def null_of(ratings: Ratings) -> Ratings:
    """The same simulation with no group weighing anything differently: κ = 0, and all noise as it was.

    Raises:
        PluralignError: PA097 for ratings by people.
    """
    details = ratings.provenance.details
    if "parameters" not in details:
        raise PluralignError(
            "PA097",
            f"{ratings.provenance.label} is not simulated: it has no κ to set to 0.",
            "Leave the null control out.",
        )
    return simulate(
        Parameters.from_tagged(details["parameters"]).with_kappa(0), int(details["seed"]), details["lexicon"]
    )


def version_of(parameters: Parameters, seed: int, lexicon: str) -> str:
    """The release's version for the draw that ships; every other draw says after a plus what it is, with a digest of its parameters."""
    if seed == 0 and lexicon == "t" and parameters == load_parameters("matched"):
        return VERSION
    null = not any(k > 0 for model in parameters.dimensions.values() for k in model.kappa.values())
    parts = [
        f"seed{seed}",
        parameters.mode,
        *([f"lexicon-{lexicon}"] if lexicon != "t" else []),
        *(["null"] if null else []),
        *([f"{parameters.n_raters}-raters"] if parameters.n_raters != N_RATERS else []),
        sha256(parameters.to_json().encode()).hexdigest()[:6],
    ]
    return f"{VERSION}+{'.'.join(parts)}"


def _items(drawn: Draw, texts: Texts, prompt_ids: list[str], item_ids: list[str]) -> pa.Table:
    of = [texts.prompts[p] for p in drawn.prompt_of]
    columns: dict[str, list[str]] = {
        "item_id": item_ids,
        "prompt_id": [prompt_ids[p] for p in drawn.prompt_of],
        "template_id": [template.id for template, _, _ in of],
        "manner": [template.manner for template, _, _ in of],
    }
    for language in LANGUAGES:
        columns[f"prompt_{language}"] = [template.prompt(filler, language) for template, filler, _ in of]
        columns[f"response_{language}"] = texts.responses[language]
    return pa.table(columns, schema=table_schema("items"))


def _ratings(latent: Latent, parameters: Parameters, item_ids: list[str]) -> pa.Table:
    drawn = latent.drawn
    rated = np.stack([latent.rate(d, parameters.dimensions[d]) for d in ORDER], axis=1)
    rater_ids, country = (drawn.raters.column(c).to_numpy(zero_copy_only=False) for c in ("rater_id", "country"))
    rater, k = np.repeat(drawn.rater, len(ORDER)), len(drawn.rater)
    columns = {
        "rater_id": rater_ids[rater],
        "item_id": np.array(item_ids, object)[np.repeat(drawn.item, len(ORDER))],
        "dimension": np.tile(np.array(ORDER, object), k),
        "value": rated.ravel(),
        "language": np.array([LANGUAGE_OF_COUNTRY[c] for c in country], object)[rater],
        "position": np.repeat(drawn.position, len(ORDER)),
    }
    schema = table_schema("ratings")
    return pa.table(
        {name: pa.array(column, schema.field(name).type) for name, column in columns.items()}, schema=schema
    )


def _truth(latent: Latent, texts: Texts, item_ids: list[str]) -> pa.Table:
    n, k = latent.v.shape
    pole_names = np.array(["minus", None, "plus"], object)
    columns = {
        "item_id": np.repeat(np.array(item_ids, object), k),
        "dimension": np.tile(np.array(ORDER, object), n),
        # Six decimals: far below what anyone can use, and equal on machines whose last bits differ.
        "effect": np.round(latent.v, 6).ravel(),
        "contrast": np.round(latent.h, 6).ravel(),
        "level": texts.levels.ravel(),
        "pole": pole_names[texts.poles.ravel() + 1],
    }
    schema = table_schema("truth")
    return pa.table(
        {name: pa.array(column, schema.field(name).type) for name, column in columns.items()}, schema=schema
    )

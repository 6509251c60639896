"""What is measured of a trained cell: implicit rewards, answers, judgements, and points on the way. Only what is lacking is measured."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import pluralign
from pluralign.errors import PluralignError
from pluralign.experiments.answers import generated, judged, judged_besides
from pluralign.experiments.asked import FRONTIER, Lacking, has_judged, opened, told_judges
from pluralign.experiments.cells import BASE, HELD_OUT, Cell, generations
from pluralign.experiments.generated import generators, remember_generator
from pluralign.experiments.outcomes import known_mean
from pluralign.experiments.overlap import Grams, n_grams
from pluralign.experiments.results import SCORES
from pluralign.experiments.settings import Settings, first_language, recipe_of
from pluralign.experiments.whole import is_whole
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_parquet
from pluralign.schema import split_of
from pluralign.simulate import null_of
from pluralign.training.base import Base, check_changed
from pluralign.training.heap import give_back_memory
from pluralign.training.heldout import FRESH, held_out, log_ratios
from pluralign.training.probe import drift
from pluralign.training.run_folder import ADAPTER, finished_run

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Place:
    """A cell where it lies.

    Attributes:
        cell: it.
        results: the grid's folder.
        settings: of the grid.
        base: opens its model; nothing is opened where no text is generated.
    """

    cell: Cell
    results: Path
    settings: Settings
    base: Callable[[], Base]

    @property
    def folder(self) -> Path:
        """Of the cell."""
        return self.cell.folder(self.results)


def measured(place: Place, lacks: Lacking, say: Say) -> dict[str, dict[str, Any]]:
    """Measure what a cell lacks.

    Args:
        place: the cell, trained.
        lacks: what to measure.
        say: told what happens.

    Returns:
        Language -> name -> what judged now, for `cell.json`.

    Raises:
        PluralignError: PA097 where answers need an adapter that is not there, or a further judge is another one than that of its name
            which scored already; PA095 where it rewarded the cell; PA073 where too many judgements fail.
    """
    folder, settings = place.folder, place.settings
    if not lacks.begun and (lacks.languages or lacks.judges):
        for name in settings.judging.besides:
            _check_added(place, name)
    generate(place, lacks, say)
    give_back_memory()
    told: dict[str, dict[str, Any]] = {}
    for language in lacks.languages:
        say(f"judging ({language})")
        rows = generated(None, None, language, settings.generation_batch, folder, settings.limit)
        known = training_phrases(settings.ratings)
        told[language] = judged(rows, language, settings.judging, known, folder / f"answers_{language}.parquet")
    for language in dict.fromkeys(language for language, _ in lacks.judges):
        say(f"further judges ({language})")
        names = [name for asked, name in lacks.judges if asked == language]
        told[language] = judged_besides(names, language, folder / f"answers_{language}.parquet")
    if lacks.frontier and any(folder.glob(f"{ADAPTER}-at-*")) and not _is_there(folder / FRONTIER, say):
        say("frontier")
        _frontier(place)
    return told


def _check_added(place: Place, name: str) -> None:
    """That a judge which is added is none that scored as another, and did not reward."""
    judge, where = opened(name), f"{place.cell.name}, seed {place.cell.seed}"
    for language, judges in told_judges(place.folder).items():
        if judge.name in judges and not has_judged(judges, name):
            raise PluralignError(
                "PA097", f"{where}: {judge.name} scored the answers ({language}) as another version or fit than {name!r} is now.",
                "Scores of two judges are never one column: give the judge another name, or take another results folder.",
            )  # fmt: skip
    if place.cell.method == "grpo":
        from pluralign.training.reward import check_apart

        recipe = recipe_of(place.cell, place.settings.changes)
        check_apart(recipe.grpo.reward, ratings_of(place.settings.ratings, False), name)


def to_generate(place: Place, lacks: Lacking, say: Say) -> tuple[list[str], bool]:
    """Languages whose answers are not there, and whether implicit rewards are to be computed: what needs the cell's adapter."""
    folder, known = place.folder, generators(place.folder)
    missing = [
        language for language in lacks.languages
        if not (_is_there(folder / generations(language), say) and language in known)
    ]  # fmt: skip
    return missing, place.cell.condition != BASE and not _is_there(folder / HELD_OUT, say)


def generate(place: Place, lacks: Lacking, say: Say) -> None:
    """Make implicit rewards and answers, as far as they are not there, and write down what made the answers.

    Args:
        place: the cell, trained.
        lacks: what to measure.
        say: told what happens.

    Raises:
        PluralignError: PA097 where answers need an adapter that is not there, or was trained on other weights; PA098 where it changes
            nothing; PA073 where most answers were cut off in thinking.
    """
    cell, folder, settings = place.cell, place.folder, place.settings
    missing, wants_rewards = to_generate(place, lacks, say)
    if not (missing or wants_rewards):
        return
    adapter = folder / ADAPTER
    if cell.condition != BASE and not adapter.is_dir():
        raise no_adapter(place, missing)
    base = place.base()
    _check_weights(place, base)
    with base.with_adapter(adapter) if cell.condition != BASE else nullcontext(base.model) as model:
        if wants_rewards:
            say("held-out pairs")
            _held_out(place, base, model)
            give_back_memory()
        for language in missing:
            say(f"answers ({language})")
            (folder / generations(language)).unlink(missing_ok=True)  # nobody knows what made it
            remember_generator(folder, language, base)
            generated(base, model, language, settings.generation_batch, folder, settings.limit)


def no_adapter(place: Place, missing: Sequence[str]) -> PluralignError:
    """The error where an adapter is needed that is not there.

    Args:
        place: the cell, trained.
        missing: languages whose answers need it; none where it is the held-out pairs.
    """
    cell, what = place.cell, f"answers in {', '.join(missing)} need" if missing else "held-out pairs need"
    return PluralignError(
        "PA097", f"{cell.name}, seed {cell.seed}: {what} its adapter, which is not at {place.folder / ADAPTER} (adapters are not committed).",
        f"Bring it there; or remove {place.folder} and run again, which trains the cell anew; or leave the language out.",
    )  # fmt: skip


def _check_weights(place: Place, base: Base) -> None:
    """That an adapter is put on the weights that it was trained on."""
    trained_on = (finished_run(place.folder) or {}).get("weights", base.digest)
    if trained_on != base.digest:
        raise PluralignError(
            "PA097", f"{place.cell.name}, seed {place.cell.seed}: trained on weights {trained_on}; {base.name} has {base.digest} now.",
            f"Name the model as it was, or remove {place.folder}, which trains the cell anew.",
        )  # fmt: skip


def _is_there(path: Path, say: Say) -> bool:
    """Whether a stage's file is there; one that was cut off is removed, and made again."""
    if is_whole(path):
        return True
    if path.is_file():
        say(f"{path.name} was cut off: it is made again")
        path.unlink()
    return False


def _held_out(place: Place, base: Base, model: Any) -> None:
    settings, cell = place.settings, place.cell
    recipe, ratings = recipe_of(cell, settings.changes), ratings_of(settings.ratings, cell.control == "null")
    chat = base.chat(recipe.max_length)
    sets = [held_out(ratings, chat, recipe.language, name, settings.held_out_a_template) for name in (FRESH, "test")]
    tables = [log_ratios(base, model, one, recipe.lora.first_layer) for one in sets if one is not None and one.trees]
    trees = [tree for one in sets if one is not None for tree in one.trees]
    check_changed(base, model, trees, cell.name, recipe.lora.first_layer)
    whole = pa.concat_tables(tables)
    write_parquet(whole, place.folder / HELD_OUT)


def _frontier(place: Place) -> None:
    """Scores and KL of the adapters that were kept on the way."""
    from pluralign.evaluation.prompts import load_prompts

    settings, folder, base = place.settings, place.folder, place.base()
    language = first_language(place.results)
    prompts = [row["prompt"] for row in load_prompts(language)][::6]
    points = []
    for kept in sorted(folder.glob(f"{ADAPTER}-at-*"), key=lambda one: float(one.name.rsplit("-", 1)[1])):
        scratch = folder / f".{kept.name}"
        scratch.mkdir(exist_ok=True)
        with base.with_adapter(kept) as model:
            rows = generated(base, model, language, settings.generation_batch, scratch, settings.limit)
            kl = drift(base, model, prompts)
        judged(rows, language, replace(settings.judging, jury=(), besides=()), frozenset(), scratch / "answers.parquet")
        table = pq.read_table(scratch / "answers.parquet")
        means = {name: known_mean(table.column(name).to_numpy()) for name in SCORES}
        points.append({"share": float(kept.name.rsplit("-", 1)[1]), "kl": kl.kl, "kl_se": kl.kl_se, **means})
        shutil.rmtree(scratch)
    write_parquet(pa.Table.from_pylist(points), folder / FRONTIER)


@cache
def ratings_of(folder: str | None, null: bool) -> Ratings:
    """The rating set of a grid, or its null: the same simulation with no group weighing anything differently.

    Raises:
        PluralignError: PA097 where ratings by people are asked for their null.
    """
    own = pluralign.load(folder) if folder else pluralign.load()
    return null_of(own) if null else own


@cache
def training_phrases(folder: str | None) -> Grams:
    """Runs of five words of everything that is trained on."""
    items = ratings_of(folder, False).items.to_pylist()
    texts = [
        item[f"response_{lang}"] for item in items if split_of(item["prompt_id"]) == "train" for lang in ("en", "de")
    ]
    return n_grams(text for text in texts if text)

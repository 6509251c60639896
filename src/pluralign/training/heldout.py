"""Answers that nothing was trained on, whose true order is known: the released test split, and fresh items of lexicon E.

What a policy has learnt shows in its implicit reward, log π(y|x) − log π_ref(y|x): of two answers to a prompt the one with the larger
is what it moved towards. No judge is needed, and nothing is generated. Lexicon E has no phrase, topic or template in common with what was
trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.preferences import pairs
from pluralign.ratings import Ratings
from pluralign.schema import SPLITS, split_of
from pluralign.simulate.parameters import Parameters, load_parameters
from pluralign.training.chat import Chat, question, reply
from pluralign.training.examples import named
from pluralign.training.memory import Batches
from pluralign.training.packing import Tree
from pluralign.training.recipe import Recipe

if TYPE_CHECKING:
    from pluralign.training.base import Base

SEED = 20_26
FRESH = "e"
ROWS = 8
N_PROMPTS = 216
"""Prompts of lexicon E: three fillers of 72 templates."""


@dataclass(frozen=True)
class HeldOut:
    """Answers of one set.

    Attributes:
        name: `test` (the ratings' own test split) or `e` (lexicon E).
        ratings: the set; with a truth where it is simulated.
        item_ids: prompt by prompt.
        prompt_ids, template_ids: of each item.
        trees: a prompt with all of its answers.
    """

    name: str
    ratings: Ratings
    item_ids: tuple[str, ...]
    prompt_ids: tuple[str, ...]
    template_ids: tuple[str, ...]
    trees: tuple[Tree, ...]


def fresh_items(parameters: Parameters) -> Ratings:
    """Items of lexicon E with a truth in which each group weighs the contrasts as in a release (its κ).

    Texts, effects and contrasts are those of mode `population` whatever the release's own are, so that every release, the null one among
    them, is measured on the very same answers. The raters' ratings in it are not used.

    Args:
        parameters: of the release; only its κ are read.
    """
    return _fresh_items(
        json.dumps({name: model.kappa for name, model in parameters.dimensions.items()}, sort_keys=True)
    )


@cache
def _fresh_items(kappas: str) -> Ratings:
    from pluralign.simulate import simulate

    own = load_parameters("population")
    given = {name: replace(own.dimensions[name], kappa=kappa) for name, kappa in json.loads(kappas).items()}
    return simulate(replace(own.with_dimensions(given), n_prompts=N_PROMPTS), SEED, lexicon=FRESH)


def held_out(
    ratings: Ratings, chat: Chat, language: str, name: str, prompts_a_template: int | None = None, n_prompts: int | None = None
) -> HeldOut | None:  # fmt: skip
    """The held-out answers of a set.

    Args:
        ratings: what was trained on.
        chat: of the model.
        language: of the texts.
        name: `test` or `e`.
        prompts_a_template: only so many prompts of each template; all if None.
        n_prompts: only the first so many of them; all if None. No others are tokenised.

    Returns:
        None for `e` where the ratings are not simulated: then there is no truth to compare with.
    """
    if name == FRESH:
        tagged = ratings.provenance.details.get("parameters")
        if tagged is None:
            return None
        ratings = fresh_items(Parameters.from_tagged(tagged))
    prompts: dict[str, list[dict[str, Any]]] = {}
    used: dict[str, set[str]] = {}
    for item in ratings.items.sort_by("item_id").to_pylist():
        prompt, template = item["prompt_id"], item.get("template_id") or item["prompt_id"]
        if (name != FRESH and split_of(prompt) != "test") or not item[f"response_{language}"]:
            continue
        seen = used.setdefault(template, set())
        if prompts_a_template is not None and prompt not in seen and len(seen) >= prompts_a_template:
            continue
        seen.add(prompt)
        prompts.setdefault(prompt, []).append(item)
    groups = list(prompts.values())[:n_prompts]
    items = [item for group in groups for item in group]
    trees = tuple(
        chat.tree(question(group[0][f"prompt_{language}"]), [reply(item[f"response_{language}"]) for item in group])
        for group in groups
    )
    ids, of = (tuple(item[key] for item in items) for key in ("item_id", "prompt_id"))
    templates = tuple(item.get("template_id") or item["prompt_id"] for item in items)
    return HeldOut(name, ratings, ids, of, templates, trees)


def log_ratios(base: Base, model: Any, held: HeldOut, first_layer: int = 0) -> pa.Table:
    """Implicit rewards of held-out answers.

    Returns:
        A row an item: set, item_id, prompt_id, template_id, n_tokens, logp (policy), reference (base), nats.
    """
    was_training = model.training
    model.eval()
    order = sorted(range(len(held.trees)), key=lambda k: held.trees[k].n_tokens)
    starts = np.cumsum([0, *(len(tree.answers) for tree in held.trees)])
    both: NDArray[np.float64] = np.empty((2, len(held.item_ids)))
    if (lower := base.lower(first_layer)) is not None:
        lower.add(held.trees)  # at once: the file is written whole each time

    def measure(rows: Sequence[int]) -> None:
        found = base.log_ratios(model, [held.trees[k] for k in rows], first_layer)
        both[:, np.concatenate([np.arange(starts[k], starts[k + 1]) for k in rows])] = found

    for _ in Batches(ROWS).of(order, measure):
        pass
    model.train(was_training)
    n_tokens = [len(answer) for tree in held.trees for answer in tree.answers]
    return pa.table({
        "set": [held.name] * len(held.item_ids), "item_id": held.item_ids, "prompt_id": held.prompt_ids, "template_id": held.template_ids,
        "n_tokens": pa.array(n_tokens, pa.int32()), "logp": both[0], "reference": both[1],
    })  # fmt: skip


@dataclass(frozen=True)
class HeldOutPairs:
    """Some pairs of the split that a recipe does not train on.

    Attributes:
        trees: a prompt with (chosen, rejected).
        weight: (n,) votes for the chosen one less those for the other.
    """

    trees: tuple[Tree, ...]
    weight: NDArray[np.float64]

    def accuracy(self, base: Base, model: Any, first_layer: int = 0) -> float:
        """Share of the votes' surplus that the implicit reward is on the side of; equal rewards count half.

        The policy must be in evaluation mode, so that nothing drops out.
        """
        parts = Batches(ROWS).of(self.trees, lambda trees: np.subtract(*base.log_ratios(model, trees, first_layer)))
        ratios = np.concatenate(list(parts)).reshape(-1, 2)
        right = 0.5 * (1 + np.sign(ratios[:, 0] - ratios[:, 1]))
        return float(np.average(right, weights=self.weight))


def held_out_pairs(recipe: Recipe, ratings: Ratings, chat: Chat, n: int) -> HeldOutPairs | None:
    """Pairs of a recipe's condition out of the other split.

    Args:
        recipe: names condition, split, language and how two dimensions become one.
        ratings: the three tables.
        chat: of the model.
        n: so many at most, evenly spaced over the prompts.

    Returns:
        None where the other split has no decided pair of the condition, and for conditions of rewards, which have no pairs.
    """
    wanted = named(recipe.condition)
    if n < 1 or wanted.kind == "rewards":
        return None
    other = next(one for one in SPLITS if one != recipe.split)
    try:
        rows = pairs(
            ratings, wanted, language=recipe.language, split=other, draw=recipe.balancing_draw, combine=recipe.combine
        )
    except PluralignError as error:
        if error.code in ("PA091", "PA092"):  # nothing is left in this split: a consensus, say
            return None
        raise
    rows = rows.filter(pc.greater(rows.column("p_chosen"), 0.5))
    if not rows.num_rows:
        return None
    rows = rows.take(np.unique(np.linspace(0, rows.num_rows - 1, n).round().astype(int)))
    columns = [rows.column(name).to_pylist() for name in ("prompt", "chosen", "rejected")]
    trees = tuple(chat.tree(prompt, (chosen, rejected)) for prompt, chosen, rejected in zip(*columns, strict=True))
    share, votes = (np.asarray(rows.column(name).to_numpy(), np.float64) for name in ("p_chosen", "weight"))
    return HeldOutPairs(trees, votes * (2 * share - 1))

"""What rewards the answers of GRPO: a model fitted to the released ratings, or a judge; never what evaluates.

A policy that is optimised for a scorer gains by it more than it gained in truth. So the scorer that evaluates has no embedding, no ratings
and no model in common with the one that rewards, and `check_apart` refuses a recipe in which it has.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pluralign.errors import PluralignError
from pluralign.evaluation.settings import JUDGE_VARIABLE, NO_JUDGE, OFFLINE
from pluralign.evaluation.thinking import without_thinking
from pluralign.judge import Answer, Judge, Score, open_judge
from pluralign.preferences import Condition
from pluralign.rater_model.likelihood import Floats
from pluralign.ratings import Ratings
from pluralign.schema import DIMENSIONS, EVERYONE
from pluralign.training.recipe import Recipe
from pluralign.training.reward_fit import Rewarded, fitted_reward, goodness

RATER_MODEL = "rater-model"
"""In a recipe: the reward that is fitted to the ratings. (As a judge's name it is the shipped judge.)"""
Scorer = Callable[[Sequence[tuple[str, str]]], Floats]
"""n (prompt, answer) -> (n, d) on 0–1, more is better; NaN where there is no score."""
Say = Callable[[str], None]


class Reward:
    """Scores what a policy says, each dimension on 0–1, more is better.

    Thinking is taken out first. An empty answer, and one that is still thinking where it is cut, gets 0: the worst that there is, since a
    policy must not win by saying nothing. An answer that a judge could not score has no reward; trl leaves it out.

    Args:
        name: of what scores.
        dimensions: d of them, by the source's own names.
        score: scores distinct answers; each is scored once in a run.
        about: where it comes from and how good it is, for `run.json`.

    Attributes:
        counts: answers so far, and of them `empty`, `still_thinking`, `unscored`.
        seconds: spent scoring.
    """

    def __init__(self, name: str, dimensions: Sequence[str], score: Scorer, about: Mapping[str, Any]) -> None:
        self.name, self.dimensions, self.about = name, tuple(dimensions), dict(about)
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        self._score = score
        self._known: dict[tuple[str, str], Floats] = {}

    def __call__(self, prompts: Sequence[str], said: Sequence[str]) -> Floats:
        """Score answers.

        Args:
            prompts, said: n of each; thinking may still be in what was said.

        Returns:
            (n, d); NaN where there is no score.
        """
        began = time.perf_counter()
        spoken = [without_thinking(text) for text in said]
        keys = [(prompt, one.response) for prompt, one in zip(prompts, spoken, strict=True)]
        new = list(dict.fromkeys(key for key in keys if key[1] and key not in self._known))
        if new:
            self._known |= dict(zip(new, self._score(new), strict=True))
        worst = np.zeros(len(self.dimensions))
        self.seconds += time.perf_counter() - began
        return np.array([self._known[key] if key[1] else worst for key in keys]).reshape(len(keys), -1)

    def functions(self) -> list[Callable[..., list[float | None]]]:
        """One reward function a dimension, as `trl.GRPOTrainer` takes them."""
        return [self._function(k, name) for k, name in enumerate(self.dimensions)]

    def _function(self, k: int, name: str) -> Callable[..., list[float | None]]:
        def reward(prompts: Any, completions: Any, log_metric: Any = None, **_: Any) -> list[float | None]:
            asked = [prompt[-1]["content"] for prompt in prompts]
            said = [completion[-1].get("content") or "" for completion in completions]
            values = self(asked, said)[:, k]
            if k == 0:
                self._count(said, values, log_metric)
            return [None if np.isnan(value) else float(value) for value in values]

        reward.__name__ = name
        return reward

    def _count(self, said: Sequence[str], values: Floats, log_metric: Any) -> None:
        """Count a batch once, not once a dimension.

        Raises:
            PluralignError: PA096 where nothing at all could be scored.
        """
        spoken = [without_thinking(text) for text in said]
        found = {
            "still_thinking": sum(one.thinking_truncated for one in spoken),
            "empty": sum(not one.response and not one.thinking_truncated for one in spoken),
            "unscored": int(np.isnan(values).sum()),
        }
        self.counts.update(answers=len(said), **found)
        if found["unscored"] and found["unscored"] == sum(bool(one.response) for one in spoken):
            raise PluralignError(
                "PA096", f"{self.name} could score none of {found['unscored']} answers.", "See that the judge can be reached, then go on."
            )  # fmt: skip
        for name, n in found.items() if log_metric else ():
            log_metric(name, n / len(said))


def open_reward(
    recipe: Recipe, ratings: Ratings, condition: Condition, evaluating: str | None = None, say: Say = print
) -> Reward:
    """The reward that a recipe names.

    Args:
        recipe: names reward, language and split.
        ratings: the three tables.
        condition: whose dimensions are rewarded.
        evaluating: the judge that will evaluate, see `check_apart`.
        say: told what takes long, and what a judge has to say.

    Raises:
        PluralignError: PA095 for a reward that is, or shares something with, the judge that evaluates, or that cannot reward the condition;
            PA054, PA060, PA070–PA077 where it cannot be fitted or opened.
    """
    if condition.group != EVERYONE:
        raise PluralignError(
            "PA095", f"{condition.name}: got group {condition.group_name!r}; a reward is everyone's.", "Use dpo."
        )
    rewarded = rewarded_dimensions(ratings, condition)
    name = recipe.grpo.reward
    check_apart(name, ratings, evaluating)
    if name != RATER_MODEL:
        return judge_reward(open_judge(name), rewarded, recipe.language, say)
    model, held_out = fitted_reward(ratings, rewarded, recipe.language, recipe.split, say)
    about = {
        "name": model.name, "embedding": model.embedding.name, "versions": model.embedding.versions, "split": recipe.split,
        "language": recipe.language, "weights": model.provenance.get("weights_sha256"), "ratings_sha256": ratings.provenance.checksum,
        "held_out": held_out,
    }  # fmt: skip
    for dimension, found in held_out.items():
        say(f"reward of {dimension}: {told(found)}")
    return Reward(
        model.name,
        [one.name for one in rewarded],
        lambda keys: goodness(model, rewarded, [text for _, text in keys]),
        about,
    )


def told(found: Mapping[str, Any]) -> str:
    """How good a reward is on one dimension, in a line.

    Args:
        found: as `reward_fit.measured` gives it for the dimension.

    >>> one = {"value": 0.5, "low": 0.25, "high": 0.75}
    >>> told({"n_items": 9, "spearman": one, "pair_order": None})
    'on 9 held-out items Spearman 0.50 [0.25, 0.75] with their mean ratings, pairs in the true order –'
    """

    def interval(one: Mapping[str, Any] | None) -> str:
        if one is None or one["value"] is None:
            return "–"
        ends = "" if one["low"] is None else f" [{one['low']:.2f}, {one['high']:.2f}]"
        return f"{one['value']:.2f}{ends}"

    return (
        f"on {found['n_items']} held-out items Spearman {interval(found['spearman'])} with their mean ratings, "
        f"pairs in the true order {interval(found['pair_order'])}"
    )


def rewarded_dimensions(ratings: Ratings, condition: Condition) -> list[Rewarded]:
    """The dimensions of a condition, with which end is good.

    Raises:
        PluralignError: PA024 for one that the ratings do not have; PA095 where two stand for the same of ours.
    """
    specs = [ratings.provenance.dimension(name) for name in condition.dimensions]
    found = [Rewarded(spec.name, spec.nearest, spec.better) for spec in specs]
    if len({one.ours for one in found}) < len(found):
        raise PluralignError(
            "PA095",
            f"{condition.name}: got {condition.dimensions}, which stand for one dimension.",
            "Name one of them.",
        )
    return found


def judge_reward(judge: Judge, rewarded: Sequence[Rewarded], language: str, say: Say = print) -> Reward:
    """A judge as the reward.

    Args:
        judge: any that does not evaluate.
        rewarded: dimensions, judged by our rubrics.
        language: of prompts and answers.
        say: told the judge's notes.

    Raises:
        PluralignError: PA070–PA075 where it cannot judge.
    """
    ours = [one.ours for one in rewarded]
    for note in judge.preflight(ours, [language]):
        say(note)

    def score(keys: Sequence[tuple[str, str]]) -> Floats:
        judged = judge.judge([Answer(prompt, text, language) for prompt, text in keys], ours)
        points = np.array([[j.value if isinstance(j := row[d], Score) else np.nan for d in ours] for row in judged])
        columns = [Rewarded(d, d, DIMENSIONS[d].better).goodness(points[:, k]) for k, d in enumerate(ours)]
        return np.stack(columns, axis=1)

    about = {"name": judge.name, "identity": judge.identity(), "provenance": judge.provenance(), "held_out": None}
    return Reward(judge.name, [one.name for one in rewarded], score, about)


def check_apart(reward: str, ratings: Ratings, evaluating: str | None = None) -> None:
    """Refuse a reward that has a model, an embedding or ratings in common with the judge that evaluates.

    Args:
        reward: as a recipe names it.
        ratings: that `rater-model` is fitted to.
        evaluating: name of the judge; that of PLURALIGN_JUDGE, else the offline one, if None.

    Raises:
        PluralignError: PA095, with what they share; PA070 or PA077 for a name that is no judge's.
    """
    evaluating = evaluating or os.environ.get(JUDGE_VARIABLE) or OFFLINE
    if evaluating == NO_JUDGE:
        return
    if reward == RATER_MODEL:
        from pluralign.rater_model import Embedding
        from pluralign.training.reward_fit import EMBEDDING

        mine = {f"package {name}" for name in Embedding(EMBEDDING).versions} | {
            f"ratings {ratings.provenance.checksum}"
        }
    else:
        mine = _traces(reward)
    if shared := sorted(mine & _traces(evaluating)):
        raise PluralignError(
            "PA095", f"grpo.reward: got {reward!r}, which shares {', '.join(shared)} with {evaluating!r}, the judge that evaluates.",
            f"A policy must not be trained on its examiner: take `reward: {RATER_MODEL}`, or another judge for either.",
        )  # fmt: skip


def _traces(name: str) -> set[str]:
    """What makes judges of a name score as they do: models asked, encoders' packages, weights, and ratings fitted to."""
    found: set[str] = set()
    for part in (one.strip() for one in name.split(",")):
        if part.startswith("openai:"):
            found.add(f"model {part.split(':', 1)[1].split('@')[0]}")
        else:
            judge = open_judge(part)
            found |= _marks(judge.identity()) | _marks(judge.provenance())
    return found


def _marks(told: Mapping[str, Any]) -> set[str]:
    """The same out of a judge's identity or provenance, its parts' included."""
    found = {f"package {name}" for name in told.get("versions") or ()}
    found |= {f"weights {told['weights']}"} if "weights" in told else set()
    found |= {f"ratings {source['checksum']}" for source in told.get("sources") or ()}
    for part in (told.get("parts") or {}).values():
        found |= _marks(part)
    return found

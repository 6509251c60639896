"""On the released ratings: soft labels are calibrated after shrinkage, and nothing but the texts tells chosen from rejected."""

import re

import numpy as np
import pyarrow.compute as pc
import pytest

from pluralign.preferences import condition, condition_of, pairs, settings_of, true_values
from pluralign.preferences.shrinkage import fit_shrinkage
from pluralign.preferences.votes import votes
from pluralign.schema import DIMENSIONS, LANGUAGES
from pluralign.simulate.lexicon import load_lexicon

CUES = {
    "characters": len,
    "words": lambda text: len(text.split()),
    "sentences": lambda text: len(re.findall(r"[.!?]+", text)),
    "letters a word": lambda text: np.mean([len(word) for word in text.split()]),
    "commas": lambda text: text.count(","),
    "question marks": lambda text: text.count("?"),
    "exclamation marks": lambda text: text.count("!"),
    "punctuation": lambda text: len(re.findall(r"[^\w\s]", text)),
    "capital letters": lambda text: sum(letter.isupper() for letter in text),
    "list marks": lambda text: len(re.findall(r"(?m)^\s*(?:[-*•]|\d+[.)])", text)),
    "line breaks": lambda text: text.count("\n"),
    "mark-up": lambda text: len(re.findall(r"[*_#`>]", text)),
    "quotation marks": lambda text: len(re.findall('["“”„«»]', text)),
    "digits": lambda text: len(re.findall(r"\d", text)),
}


def slope(table, truth, lower, ties, column):
    """Of the true excess over ½ on the soft label's, through the origin, since the orientation of a pair is arbitrary."""
    chosen, rejected = (np.array([truth[n] for n in table[c].to_pylist()]) for c in ("chosen_id", "rejected_id"))
    tally = votes(*((side[:, ::-1] if lower else side) for side in (chosen, rejected)))
    x, y = table[column].to_numpy() - 0.5, tally.excess(ties)
    return (x * y).sum() / (x * x).sum()


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_soft_labels_are_overconfident_and_shrunk_ones_are_not(shipped, true_shares, dimension):
    truth, lower = true_shares(shipped, dimension), DIMENSIONS[dimension].better == "lower"
    for ties in ("half", "drop"):  # against P(better) + ½ P(tie), and P(better | decided)
        for split in ("train", "test"):
            table = pairs(shipped, condition_of(dimension), ties=ties, split=split)
            assert slope(table, truth, lower, ties, "p_chosen") < 0.75
            assert 0.85 < slope(table, truth, lower, ties, "p_chosen_shrunk") < 1.15


def test_shrinkage_never_crosses_half_and_grows_with_fewer_raters(shipped):
    table = pairs(shipped, "exp4-toxicity")
    raw, shrunk, n = (table[name].to_numpy() for name in ("p_chosen", "p_chosen_shrunk", "n_raters"))
    assert ((shrunk >= 0.5) & (shrunk <= raw)).all()
    kept = {k: ((shrunk - 0.5)[(n == k) & (raw > 0.5)] / (raw - 0.5)[(n == k) & (raw > 0.5)]).mean() for k in (5, 6, 7)}
    assert kept[5] < kept[6] < kept[7]


def test_the_shrinkage_finds_what_it_is_worth_where_the_truth_is_simple():
    # Items differ by 0 or are always in order: of pairs with no noise nothing is shrunk, of pairs with no order everything.
    certain = np.tile([[0, 3]], (200, 1)), np.tile([[3, 0]], (200, 1))
    assert fit_shrinkage(*certain, "drop").c < 0.01
    rng = np.random.default_rng(0)
    noise = [np.stack([n, 4 - n], 1) for n in rng.binomial(4, 0.5, (2, 3000))]
    assert fit_shrinkage(*noise, "half").c > 50
    assert np.isnan(fit_shrinkage(np.array([[1, 0]]), np.array([[0, 1]]), "half").c)  # nothing can be held out


def test_shrinkage_is_the_same_for_every_group(shipped):
    c = {settings_of(pairs(shipped, f"exp1-{g}-toxicity"))["shrinkage"]["toxicity"]["c"] for g in ("female", "male")}
    assert c == {settings_of(pairs(shipped, "exp4-toxicity"))["shrinkage"]["toxicity"]["c"]}


def clustered(right, clusters):
    """Mean of (n,) and its standard error, clustered."""
    _, cluster = np.unique(clusters, return_inverse=True)
    mean = right.mean()
    return mean, np.sqrt((np.bincount(cluster, right - mean) ** 2).sum()) / len(right)


def contents(table, column):
    return [turns[0]["content"] for turns in table[column].to_pylist()]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name", ["exp3-individual-toxicity", "exp3-majority-toxicity", "exp4-emotional_awareness", "exp1-male-toxicity"]
)
def test_no_surface_cue_tells_chosen_from_rejected_better_than_it_tells_the_truly_better(shipped, name, language):
    """Texts render the true effects, so a cue may go with those a little. Making pairs must add nothing: a cue's accuracy is .5
    within three clustered standard errors, or no further from it than its accuracy on the true order of the same pairs."""
    table = pairs(shipped, name, split=None, language=language)
    table = table.filter(pc.greater(table["p_chosen"], 0.5))
    cond = condition(name)
    truth = true_values(shipped, cond.dimensions[0], cond.group)
    true = np.array([np.sign(truth[a] - truth[b]) for a, b in zip(*ids(table), strict=True)])
    values = {
        cue: [np.array([measure(t) for t in contents(table, c)]) for c in ("chosen", "rejected")]
        for cue, measure in CUES.items()
    }
    differences = {cue: one - other for cue, (one, other) in values.items()}
    differences["place among the items"] = np.array([1 if a > b else -1 for a, b in zip(*ids(table), strict=True)])
    for cue, difference in differences.items():
        accuracy, error = clustered((np.sign(difference) + 1) / 2, table["template_id"].to_pylist())
        of_truth, _ = clustered((np.sign(difference) * true + 1) / 2, table["template_id"].to_pylist())
        gap, gap_error = clustered((np.sign(difference) * (1 - true)) / 2, table["template_id"].to_pylist())
        away = abs(accuracy - 0.5)
        assert away <= 3 * error + 1e-12 or away <= abs(of_truth - 0.5) + 3 * gap_error, (cue, accuracy, of_truth, gap)


def ids(table):
    return (table[c].to_pylist() for c in ("chosen_id", "rejected_id"))


def test_both_sides_answer_the_same_prompt_of_the_same_template_and_manner(shipped):
    items = {row["item_id"]: row for row in shipped.items.to_pylist()}
    table = pairs(shipped, "exp4-both", split=None)
    for row in table.select(["chosen_id", "rejected_id", "prompt_id", "template_id"]).to_pylist():
        sides = [items[row[c]] for c in ("chosen_id", "rejected_id")]
        assert row["chosen_id"] != row["rejected_id"]
        for name in ("prompt_id", "template_id", "manner", "prompt_en", "prompt_de"):
            assert sides[0][name] == sides[1][name]
        assert (row["prompt_id"], row["template_id"]) == (sides[0]["prompt_id"], sides[0]["template_id"])


def runs(text, words=6):
    found = re.findall(r"\w+", text.casefold())
    return {tuple(found[k : k + words]) for k in range(len(found) - words + 1)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_of_the_lexicons_for_judges_and_evaluation_is_in_a_pair(shipped, language):
    table = pairs(shipped, "exp4-both", split=None, ties="half", language=language)
    texts = {text for column in ("prompt", "chosen", "rejected") for text in contents(table, column)}
    seen = set().union(*map(runs, texts))
    joined = "\n".join(texts).casefold()
    for name in ("j", "e"):
        lexicon = load_lexicon(name)
        literal = [part for phrase in lexicon.texts() for part in re.split(r"\{\w+\}", phrase.text(language))]
        assert not set().union(*map(runs, literal)) & seen
        whole = [phrase.text(language) for _, phrase in lexicon.phrases() if "{" not in phrase.text(language)]
        assert [phrase for phrase in whole if phrase.casefold() in joined] == []


def test_votes_are_many_and_in_the_true_order_more_often_than_not(shipped):
    rows = {}
    for scale in ("5pt", "3pt", "binary"):
        table = pairs(shipped, condition_of("toxicity", scale=scale), split=None, form="votes")
        truth = true_values(shipped, "toxicity")
        rows[scale] = table.num_rows, np.mean([truth[a] > truth[b] for a, b in zip(*ids(table), strict=True)])
    assert rows["5pt"][0] > rows["3pt"][0] > rows["binary"][0]
    assert 0.7 < rows["5pt"][1] < rows["3pt"][1] < rows["binary"][1]

"""Formulas of the mixed model, as in R, as far as this model goes.

    formula  = "rating" "~" term { "+" term }
    term     = covariate | interaction | random | "1"
    covariate = ATTRIBUTE | "C(" ATTRIBUTE ", ref=" LEVEL ")"
    interaction = covariate ":" covariate | covariate "*" covariate
    random   = "(1 | rater)" | "(1 | item)" | "(1 | prompt)"

`a * b` is `a + b + a:b`, and `1` is the constant that the thresholds are. Every model has the raters' intercepts and either the items'
or the prompts': the study's "context" may be either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from pluralign.errors import PluralignError, did_you_mean, listing, unknown
from pluralign.schema import ATTRIBUTES

STUDY_FORMULA = "rating ~ country + gender + age_band + politics + ethnicity + (1|rater) + (1|item)"
"""The study's model, with its "participant" as rater and its "context" read as the item."""

ItemFactor = Literal["item", "prompt"]
FACTORS = ("rater", "item", "prompt")
OUTCOME = "rating"
# What other packages and the paper call things: too far from ours for a spelling guess.
ALIASES = {
    "participant": "rater", "annotator": "rater", "worker": "rater", "subject": "rater", "context": "item",
    "age": "age_band", "race": "ethnicity", "sex": "gender", "ideology": "politics", "nationality": "country",
}  # fmt: skip

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<mark>[~+()|,=:*]))")  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """A formula, read.

    Attributes:
        covariates: attributes of raters, in order.
        interactions: pairs of covariates, in order; both are covariates too.
        references: attribute -> reference level, where one was named.
        item_factor: whose intercepts stand beside the raters': `item` or `prompt`.
    """

    covariates: tuple[str, ...]
    interactions: tuple[tuple[str, str], ...]
    references: Mapping[str, str]
    item_factor: ItemFactor

    def __str__(self) -> str:
        named = [f"C({a}, ref={self.references[a]})" if a in self.references else a for a in self.covariates]
        terms = [*named, *(f"{a}:{b}" for a, b in self.interactions), "(1|rater)", f"(1|{self.item_factor})"]
        return f"{OUTCOME} ~ {' + '.join(terms)}"

    def without(self, attributes: Sequence[str]) -> Formula:
        """The same without some covariates and what they interact in."""
        kept = tuple(a for a in self.covariates if a not in attributes)
        pairs = tuple(pair for pair in self.interactions if not set(pair) & set(attributes))
        return replace(
            self, covariates=kept, interactions=pairs, references={a: r for a, r in self.references.items() if a in kept}
        )  # fmt: skip

    def with_references(self, references: Mapping[str, str]) -> Formula:
        """The same with references from elsewhere added.

        Raises:
            PluralignError: PA020 for an attribute that is no covariate here; PA060 where the formula names another level.
        """
        for attribute, level in references.items():
            if attribute not in self.covariates:
                raise unknown("PA020", "attribute in references", attribute, self.covariates)
            if self.references.get(attribute, level) != level:
                raise PluralignError(
                    "PA060",
                    f"got reference {level!r} of {attribute} beside {self.references[attribute]!r} in the formula; expected one.",
                    "Name it in either.",
                )
        return replace(self, references={**self.references, **references})


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Args:
        text: as in the module's grammar; spaces do not matter.

    Returns:
        The formula. Terms named twice count once.

    Raises:
        PluralignError: PA060 where something stands that may not, with the token, its place and what may stand there; PA020 for an
            attribute that does not exist.

    >>> print(parse_formula("rating ~ gender * C(politics, ref=moderate) + (1 | rater) + (1 | prompt)"))
    rating ~ gender + C(politics, ref=moderate) + gender:politics + (1|rater) + (1|prompt)
    >>> parse_formula("rating ~ 1 + (1|rater) + (1|item)").covariates
    ()
    """
    if not isinstance(text, str):
        raise PluralignError("PA060", f"formula: got {text!r}; expected text such as {STUDY_FORMULA!r}.")
    return _Parser(text).formula()


@dataclass(frozen=True)
class _Token:
    """A word or mark and its 1-based place."""

    text: str
    place: int
    is_word: bool


class _Parser:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.next = text, _tokens(text), 0
        self.covariates: list[str] = []
        self.pairs: list[tuple[_Token, str, str]] = []
        self.references: dict[str, str] = {}
        self.factors: list[str] = []

    def formula(self) -> Formula:
        outcome = self.take()
        if outcome.text != OUTCOME:
            self.refuse(outcome, f"{OUTCOME!r}, what the model explains")
        self.expect("~", "'~'")
        self.term()
        while self.peek().text:
            self.expect("+", "'+' and another term, ':' or '*' and another attribute, or the end")
            self.term()
        self.check_factors()
        for token, a, b in self.pairs:
            if absent := [x for x in (a, b) if x not in self.covariates]:
                self.refuse(token, f"both main effects beside it; {absent[0]!r} is missing. Write '{a} * {b}'")
        pairs = tuple(dict.fromkeys((a, b) for _, a, b in self.pairs))
        item_factor: ItemFactor = "prompt" if "prompt" in self.factors else "item"
        return Formula(tuple(self.covariates), pairs, self.references, item_factor)

    def term(self) -> None:
        token = self.peek()
        if token.text == "(" and not token.is_word:
            return self.random()
        if token.text == "1":
            self.take()
            return None
        first = self.covariate()
        mark = self.peek()
        if mark.text not in (":", "*"):
            return self.keep(first)
        self.take()
        second = self.covariate()
        if first == second:
            self.refuse(self.tokens[self.next - 1], f"an attribute other than {first!r}")
        if self.peek().text in (":", "*"):
            self.refuse(self.peek(), "'+' or the end: interactions are of two attributes")
        if mark.text == "*":
            self.keep(first)
            self.keep(second)
        if not any({first, second} == {a, b} for _, a, b in self.pairs):
            self.pairs.append((mark, first, second))
        return None

    def keep(self, attribute: str) -> None:
        if attribute not in self.covariates:
            self.covariates.append(attribute)

    def covariate(self) -> str:
        token = self.take()
        if token.text != "C" or self.peek().text != "(":
            return self.attribute(token)
        self.take()
        attribute = self.attribute(self.take())
        if self.peek().text == ",":
            self.take()
            word = self.take()
            if word.text != "ref":
                self.refuse(word, "'ref=' and a level")
            self.expect("=", "'=' and a level")
            level = self.take()
            if not level.is_word:
                self.refuse(level, f"a level of {attribute}, such as {ATTRIBUTES[attribute].values[0]!r}")
            if self.references.setdefault(attribute, level.text) != level.text:
                self.refuse(level, f"{self.references[attribute]!r}, the reference named before")
        self.expect(")", "')', or ', ref=' and a level")
        return attribute

    def attribute(self, token: _Token) -> str:
        if token.text in ATTRIBUTES:
            return token.text
        if not token.is_word:
            self.refuse(
                token, f"an attribute of raters ({listing(list(ATTRIBUTES))}), C(attribute, ref=level), (1|factor) or 1"
            )
        raise PluralignError(
            "PA020",
            f"formula: got {token.text!r} at character {token.place} of {self.text!r}; expected an attribute of raters, one of "
            f"{listing(list(ATTRIBUTES))}.{_hint(token.text, list(ATTRIBUTES))}",
        )

    def random(self) -> None:
        self.take()
        one = self.take()
        if one.text != "1":
            self.refuse(one, "1: intercepts are the only random effects of this model, as in (1|rater)")
        self.expect("|", "'|' and a factor")
        factor = self.take()
        if factor.text not in FACTORS:
            self.refuse(factor, f"one of {listing(FACTORS)}", _hint(factor.text, FACTORS))
        self.expect(")", "')'")
        self.factors.append(factor.text)

    def check_factors(self) -> None:
        found = set(self.factors)
        if found not in ({"rater", "item"}, {"rater", "prompt"}):
            got = ", ".join(f"(1|{factor})" for factor in FACTORS if factor in found) or "none"
            raise PluralignError(
                "PA060", f"formula: got the random intercepts {got} in {self.text!r}; expected (1|rater) and one of (1|item), (1|prompt)."
            )  # fmt: skip

    def peek(self) -> _Token:
        return self.tokens[self.next]

    def take(self) -> _Token:
        token = self.tokens[self.next]
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return token

    def expect(self, mark: str, what: str) -> None:
        token = self.take()
        if token.text != mark or token.is_word:
            self.refuse(token, what)

    def refuse(self, token: _Token, expected: str, hint: str = "") -> NoReturn:
        _refuse(self.text, token, expected, hint)


def _tokens(text: str) -> list[_Token]:
    """Words, quoted words and marks; the last is empty and stands for the end."""
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            marks = "a name, a number or one of '~', '+', ':', '*', '(', '|', ')'; to leave a term out, do not name it"
            _refuse(text, _Token(text[at], at + 1, False), marks)
        kind = str(found.lastgroup)
        tokens.append(_Token(found[kind], found.start(kind) + 1, kind != "mark"))
        at = found.end()
    return [*tokens, _Token("", end + 1, False)]


def _refuse(text: str, token: _Token, expected: str, hint: str = "") -> NoReturn:
    got = f"{token.text!r} at character {token.place}" if token.text else "the end"
    raise PluralignError("PA060", f"formula: got {got} of {text!r}; expected {expected}.{hint}")


def _hint(got: str, options: Sequence[str]) -> str:
    known = ALIASES.get(got.casefold())
    return f" Did you mean {known!r}?" if known in options else did_you_mean(got, options)

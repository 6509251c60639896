"""From messages to token ids by the model's own chat template, with thinking kept out of both sides of a pair."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pluralign.errors import PluralignError
from pluralign.training.packing import Tree

Messages = Sequence[dict[str, str]]
OPEN_THINKING = re.compile(r"<(think|thinking|reasoning)>\s*$")


class Chat:
    """A tokenizer with a chat template.

    Args:
        tokenizer: of the model.
        max_length: most tokens of a prompt with one of its answers.

    Raises:
        PluralignError: PA083 for a tokenizer without a chat template.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        if not tokenizer.chat_template:
            raise PluralignError(
                "PA083", f"the tokenizer of {tokenizer.name_or_path} has no chat template.",
                "Take an instruction-tuned model: a base model does not answer prompts.",
            )  # fmt: skip
        self.tokenizer, self.max_length = tokenizer, max_length

    def prompt_text(self, prompt: Messages) -> str:
        """The prompt up to where the answer begins; of a reasoning model, after an empty thought."""
        text: str = self.tokenizer.apply_chat_template(
            list(prompt), tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        opened = OPEN_THINKING.search(text)
        return f"{text.rstrip()}\n\n</{opened[1]}>\n\n" if opened else text

    def answer_text(self, prompt: Messages, answer: Messages) -> str:
        """What follows it: the answer with the template's end of turn."""
        before = self.prompt_text(prompt)
        whole: str = self.tokenizer.apply_chat_template([*prompt, *answer], tokenize=False, enable_thinking=False)
        if whole.startswith(before):
            return whole[len(before) :]
        # Templates of reasoning models write a thought in the generation prompt and none in the history.
        said = answer[-1]["content"]
        at = whole.rfind(said)
        return whole[at:] if at >= 0 else said + (self.tokenizer.eos_token or "")

    def tree(self, prompt: Messages, answers: Sequence[Messages]) -> Tree:
        """A prompt and its answers as token ids.

        Raises:
            PluralignError: PA095 where they are longer than `max_length`: nothing is cut.
        """
        before = self.prompt_text(prompt)
        ids = self._ids(before)
        tails = []
        for answer in answers:
            after = self.answer_text(prompt, answer)
            whole = self._ids(before + after)
            # A tokenizer may join the last character of the prompt with the first of the answer.
            tail = whole[len(ids) :] if whole[: len(ids)] == ids else self._ids(after)
            if len(ids) + len(tail) > self.max_length:
                raise PluralignError(
                    "PA095", f"a prompt of {len(ids)} and an answer of {len(tail)} tokens; expected at most {self.max_length} together: "
                    f"{prompt[-1]['content'][:80]!r}…", "Raise max_length, as far as the model's context goes.",
                )  # fmt: skip
            tails.append(tuple(tail))
        return Tree(tuple(ids), tuple(tails))

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def question(text: str) -> list[dict[str, str]]:
    """One user's turn."""
    return [{"role": "user", "content": text}]


def reply(text: str) -> list[dict[str, str]]:
    """One assistant's turn."""
    return [{"role": "assistant", "content": text}]

"""Thinking stays out of both sides of a pair, with the templates of reasoning models as they are."""

import pytest

from pluralign.errors import PluralignError
from pluralign.training.chat import Chat, question, reply

R1 = (
    "{% for message in messages %}{% set content = message['content'] %}"
    "{% if message['role'] == 'user' %}<|User|>{{ content }}"
    "{% else %}<|Assistant|>{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ content | trim }}<|im_end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)
"""Of DeepSeek-R1 and its distillations: a thought is opened in the generation prompt, and the history has none."""
QWEN3 = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}<|im_start|>assistant\n{% if loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message['content'].lstrip('\n') }}<|im_end|>\n"
    "{% else %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""Of Qwen3: thinking is switched off by an argument, which leaves an empty thought; so has the last answer of the history."""
QWEN3_2507 = QWEN3.replace(
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}", "<think>\n"
)
"""Of Qwen3-…-Thinking-2507: it always thinks."""
SHOUTING = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] | upper if message['role'] == 'assistant' else message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
"""A template whose history does not have the answer as it was given."""
ASKED, SAID = question("Who may vote here?"), reply("Everyone who lives here, I think. Ask the town hall.")
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


@pytest.fixture
def chat(base):
    def make(template):
        base.tokenizer.chat_template = template
        return Chat(base.tokenizer, 2048)

    return make


@pytest.mark.parametrize("template", [R1, QWEN3, QWEN3_2507], ids=["R1", "Qwen3", "Qwen3-2507"])
def test_a_thought_is_empty_in_the_prompt_and_not_in_the_pair(chat, template):
    one = chat(template)
    prompt, answer = one.prompt_text(ASKED), one.answer_text(ASKED, SAID)
    assert prompt.endswith(EMPTY_THOUGHT)
    assert prompt.count("<think>") == prompt.count("</think>") == 1
    assert "think>" not in answer
    assert answer.rstrip() == f"{SAID[-1]['content']}<|im_end|>"


@pytest.mark.parametrize("template", [R1, QWEN3, QWEN3_2507], ids=["R1", "Qwen3", "Qwen3-2507"])
def test_the_tokens_of_a_pair_are_those_texts(chat, template):
    one = chat(template)
    tree = one.tree(ASKED, (SAID, reply("Nobody.")))
    decode = one.tokenizer.decode
    assert decode(tree.prompt) == one.prompt_text(ASKED)
    assert [decode(answer) for answer in tree.answers] == [
        one.answer_text(ASKED, said) for said in (SAID, reply("Nobody."))
    ]
    # Both sides end in the template's end of turn, and GRPO's prompt is the pair's.
    assert all(one.tokenizer.eos_token_id in answer for answer in tree.answers)
    assert one.tree(ASKED, ()).prompt == tree.prompt


def test_with_a_thought_in_the_prompt_and_none_in_the_history_the_answer_is_found_by_what_it_says(chat):
    one = chat(R1)
    whole = one.tokenizer.apply_chat_template([*ASKED, *SAID], tokenize=False)
    assert not whole.startswith(one.prompt_text(ASKED)), "the usual way would do"
    assert one.answer_text(ASKED, SAID) == f"{SAID[-1]['content']}<|im_end|>"
    # A question that has the answer's words in it is not taken for it.
    echo = question(f"{SAID[-1]['content']} Is that so?")
    assert one.answer_text(echo, SAID) == f"{SAID[-1]['content']}<|im_end|>"


def test_an_answer_that_the_history_has_otherwise_is_taken_as_it_was_given(chat):
    assert chat(SHOUTING).answer_text(ASKED, SAID) == f"{SAID[-1]['content']}<|im_end|>"


def test_a_template_without_thinking_has_none_put_in(base):
    one = Chat(base.tokenizer, 2048)
    assert "think" not in one.prompt_text(ASKED)
    assert one.prompt_text(ASKED).endswith("<|im_start|>assistant\n")


def test_what_is_too_long_counts_the_empty_thought(chat):
    one = chat(R1)
    tree = one.tree(ASKED, (SAID,))
    one.max_length = tree.n_tokens - 1
    with pytest.raises(
        PluralignError, match=f"PA095.*a prompt of {len(tree.prompt)} and an answer of {len(tree.answers[0])}"
    ):
        one.tree(ASKED, (SAID,))

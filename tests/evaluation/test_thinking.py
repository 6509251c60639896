"""A model's thinking is no part of its answer, and thinking that never ended is no answer."""

import pytest

from pluralign.evaluation.thinking import MARKS, Spoken, without_thinking


@pytest.mark.parametrize(("opening", "closing"), MARKS, ids=[opening for opening, _ in MARKS])
def test_thinking_between_marks_is_taken_out(opening, closing):
    spoken = without_thinking(f"{opening}\nShe is rude.\n{closing}\n\nBe kind.")
    assert (spoken.response, spoken.thinking_truncated) == ("Be kind.", False)


@pytest.mark.parametrize(("opening", "closing"), MARKS, ids=[opening for opening, _ in MARKS])
def test_thinking_that_never_closes_is_truncated_and_gives_no_answer(opening, closing):
    assert without_thinking(f"  {opening} She is rude and") == Spoken("", True, len(f"  {opening} She is rude and"))


def test_a_chat_template_that_opened_the_thinking_is_noticed_in_the_context():
    assert without_thinking("Hm, hm", context="<|user|>Hi<|assistant|><think>\n").thinking_truncated
    assert without_thinking("Hm.</think>Hello.", context="…<think>\n").response == "Hello."


def test_a_closing_mark_alone_ends_thinking():
    assert without_thinking("Hm.\n</think>\nHello.").response == "Hello."


def test_a_tag_inside_an_answer_is_part_of_the_answer():
    text = "Write <think> and </think> around it."
    assert without_thinking(text).response == text


def test_an_answer_that_is_nothing_after_thinking_is_empty_but_not_truncated():
    assert without_thinking("<think>Hm.</think>  ") == Spoken("", False, 18)


def test_channels_keep_only_the_final_one():
    text = "<|channel|>analysis<|message|>Rude.<|end|><|start|>assistant<|channel|>final<|message|>Be kind.<|return|>"
    assert without_thinking(text).response == "Be kind."
    assert without_thinking("<|channel|>analysis<|message|>Rude").thinking_truncated


def test_an_answer_without_thinking_stays_as_it_is():
    assert without_thinking("  Be kind.\n") == Spoken("Be kind.", False, 0)


def test_an_answer_that_mentions_a_closing_tag_stays_whole():
    text = "To close a thought write </think> in the text."
    assert without_thinking(text).response == text


@pytest.mark.parametrize("thought", ["Groß, weiß, süß.", "ﬁnden ŉ ΐ İ", "Straße " * 50])
def test_letters_that_fold_into_two_move_nothing(thought):
    """Places found in the folded text were places in another text: "ß" is "ss" there, and German answers lost their beginning."""
    assert without_thinking(f"<think>{thought}</THINK>Antwort ist da.").response == "Antwort ist da."

"""The fuzz corpus: every broken submission is refused with its code, none crashes the check, none is slow or large."""

import broken
import measured
import pytest

from ..cases import cases

CORPUS = broken.corpus()
FEW = 9
"""Every ninth of the corpus is always run; all of it with the slow tests."""


@pytest.fixture(scope="session")
def server():
    with measured.Server() as found:
        yield found


@pytest.fixture(scope="session")
def bases(base_en, base_both):
    return {"en": base_en, "both": base_both}


def test_the_corpus_has_hundreds_of_faults_with_names_of_their_own():
    assert len({fault.id for fault in CORPUS}) == len(CORPUS) >= 900


@pytest.mark.parametrize("base", ["en", "both"])
def test_what_is_broken_was_whole(server, bases, base):
    outcome = server.check(bases[base], True)
    assert outcome.codes == {"accepted"}, outcome
    assert outcome.mib < measured.MOST_MIB


@pytest.mark.parametrize(
    "fault",
    cases(CORPUS[::FEW], slow=[one for k, one in enumerate(CORPUS) if k % FEW]),
    ids=lambda fault: fault.id,
)
def test_a_broken_submission_is_refused_with_its_code(server, bases, fault):
    outcome = server.broken(fault, bases)
    assert not outcome.crash, outcome.crash
    assert "accepted" not in outcome.codes
    assert outcome.codes & set(fault.codes), outcome.told[:5]
    assert all(len(one) < 1500 and one.isprintable() for one in outcome.told)
    assert len(outcome.told) < 200
    # Seconds of the processor, not of the clock, so that a busy machine changes nothing; a sound submission takes a tenth of them.
    assert outcome.seconds < measured.MOST_SECONDS
    assert outcome.mib < measured.MOST_MIB


@pytest.mark.parametrize("how", ["windows line ends", "JSON as YAML", "comments", "texts without quotes"])
def test_a_manifest_in_another_hand_is_accepted(server, copy_of, base_en, how):
    one = broken.Copy(copy_of(base_en))
    text = one.manifest_path.read_text("utf-8")
    if how == "windows line ends":
        one.manifest_path.write_bytes(text.replace("\n", "\r\n").encode())
    elif how == "JSON as YAML":
        one.save_manifest()
    elif how == "comments":
        one.manifest_path.write_text(f"# ours\n{text}# all of it\n")
    else:
        one.manifest_path.write_text(text.replace('"one CPU"', "one CPU").replace(f'"{"1" * 64}"', "1" * 64))
    assert server.check(one.folder, True).codes == {"accepted"}


@pytest.mark.parametrize(
    "filler",
    cases(["rate the ", "<think>"], slow=["gib ", "rate this answer  ", "liebe", "ignore ", "ß"]),
)
def test_long_answers_are_decided_quickly(server, make_submission, tmp_path, filler):
    """Answers that made the search for words to the judge, or for thinking, go back and forth over them."""

    def said(language, k, prompt):
        if filler == "<think>":
            return f"<think>{'ä <think> ' * 9000}</think>No {k}."
        return (filler + " " * 8_000 if k % 2 else filler * (8_000 // len(filler))) + f"x{k}"

    checked = make_submission(tmp_path, answers=said, languages=("en",))
    outcome = server.check(checked.folder, True)
    assert outcome.codes == {"accepted"}, outcome.told[:3]
    assert outcome.seconds < measured.MOST_SECONDS
    assert outcome.mib < measured.MOST_MIB


def test_everything_that_is_wrong_is_told_at_once(server, copy_of, base_en):
    one = broken.Copy(copy_of(base_en))
    broken.manifest_with("method", "DPO")(one)
    broken.manifest_with("licence", "")(one)
    broken.results_with("config.limit", 10)(one)
    broken.results_with("config.model_args.trust_remote_code", True)(one)
    broken.row_with("target", "x")(one)
    found = server.check(one.folder, True)
    assert {"PA103", "PA105", "PA110"} <= found.codes
    assert sum("PA103" in told for told in found.told) == 2

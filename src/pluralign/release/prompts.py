"""The held-out evaluation prompts: every prompt of lexicon e, in English and German, as the dataset repository `datasets/prompts`.

`python -m pluralign.release.prompts` writes it. The order is the same in both languages and samples fairly from the start:
no template comes twice before every template came once, and the manners alternate, so that a limit of n takes n/3 of each.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from pluralign.ratings.tables import write_text
from pluralign.release.folder import CARD, CHECKSUMS, checksums
from pluralign.schema import LANGUAGES, MANNERS
from pluralign.simulate.lexicon import FILLERS, Lexicon, Template, load_lexicon

FIELDS = {
    "prompt_id": "the prompt; the same in both languages",
    "template_id": "the template that it is made from: the cluster of every interval",
    "topic": "the situation it is about",
    "manner": f"one of {', '.join(MANNERS)}",
    "language": "en or de",
    "prompt": "the text that a model is asked",
}
FOLDER = Path("datasets/prompts")


def _order(key: str) -> bytes:
    return hashlib.sha256(f"pluralign prompts 1 {key}".encode()).digest()


def ordered(lexicon: Lexicon) -> list[tuple[str, Template, int]]:
    """Every (topic, template, filler) of a lexicon, in the order in which models are asked.

    A round takes each template once; within a round the manners alternate; hashes settle the rest, so that the order depends on
    nothing but the names.
    """
    found = []
    for turn in range(FILLERS):
        piles = {}
        for manner in MANNERS:
            pile = [(topic.id, t) for topic in lexicon.topics for t in topic.templates if t.manner == manner]
            piles[manner] = sorted(pile, key=lambda entry: _order(f"{turn} {entry[1].id}"))
        for row in zip(*(piles[manner] for manner in MANNERS), strict=True):
            for topic, template in row:
                fillers = sorted(range(FILLERS), key=lambda filler: _order(f"{template.id} {filler}"))
                found.append((topic, template, fillers[turn]))
    return found


def prompt_rows(language: str) -> list[dict[str, str]]:
    """The rows of one language, in order; keys as in `FIELDS`."""
    return [
        {
            "prompt_id": f"{template.id}-{filler}",
            "template_id": template.id,
            "topic": topic,
            "manner": template.manner,
            "language": language,
            "prompt": template.prompt(filler, language),
        }
        for topic, template, filler in ordered(load_lexicon("e"))
    ]


def to_jsonl(rows: list[dict[str, str]]) -> str:
    """One JSON object a line, keys in the order of `FIELDS`, as UTF-8 without escapes."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_prompts(folder: Path = FOLDER) -> None:
    """Write both languages, the card and the checksums; each file is replaced as a whole."""
    from pluralign.release.markdown import render

    folder.mkdir(parents=True, exist_ok=True)
    rows = {language: prompt_rows(language) for language in LANGUAGES}
    for language in LANGUAGES:
        write_text(to_jsonl(rows[language]), folder / f"{language}.jsonl")
    first = rows["en"]
    write_text(
        render(
            "prompts.md.jinja",
            n=len(first),
            n_templates=len({row["template_id"] for row in first}),
            topics=sorted({row["topic"] for row in first}),
            manners={manner: sum(row["manner"] == manner for row in first) for manner in MANNERS},
            fields=FIELDS,
            examples=[(rows["en"][k], rows["de"][k]) for k in range(3)],
        ),
        folder / CARD,
    )
    write_text(checksums(folder), folder / CHECKSUMS)


if __name__ == "__main__":
    write_prompts(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

"""The vocabularies, fields, codes and ranges of PlurAlign, declared once.

Cards, the codebook, Croissant, the checks and the docs are generated from this module; nothing restates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

UNDISCLOSED = "undisclosed"
"""The value of an attribute that a rater did not give. Never a group."""

EVERYONE = "everyone"
"""The group of all raters."""

MULTIPLE = "multiple"
"""The level that a rater with several ethnicities has in models; in groups that rater belongs to each of them."""

_OTHER_COUNTRIES = (
    "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz "
    "ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr "
    "ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm "
    "jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp "
    "mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py "
    "qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn "
    "to tr tt tv tw tz ua ug um uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw "
)
COUNTRIES: tuple[str, ...] = ("us", "de", *_OTHER_COUNTRIES.split())
"""ISO 3166-1 alpha-2 codes in lower case, the study's two countries first."""


@dataclass(frozen=True)
class Attribute:
    """One thing known about a rater.

    Attributes:
        name: the column of the raters table.
        values: the closed vocabulary, the reference level of the models first; `undisclosed` is always allowed besides.
        description: what it means and where it comes from.
        several: whether one rater may have several values.
    """

    name: str
    values: tuple[str, ...]
    description: str
    several: bool = False


ATTRIBUTES: dict[str, Attribute] = {
    a.name: a
    for a in (
        Attribute("country", COUNTRIES, "country of residence, ISO 3166-1 alpha-2 in lower case"),
        Attribute("gender", ("female", "male", "nonbinary"), "gender as the rater gave it (the study: from pronouns)"),
        Attribute("age_band", ("18-30", "31-40", "41-50", "51-60", "over-60"), "age in years, in the study's bands"),
        Attribute("politics", ("liberal", "moderate", "conservative"), "political self-placement, cut to three levels"),
        Attribute(
            "ethnicity",
            ("white", "black", "asian", "hispanic", "indigenous", "middle-eastern", "pacific-islander", "other"),
            "ethnicity in US-style groups; a rater may choose several",
            several=True,
        ),
    )
}

STUDY_GROUPS: tuple[str, ...] = (
    "everyone", "female", "male", "liberal", "conservative", "white", "black", "us", "de",
)  # fmt: skip
"""The groups that the study itself contrasts; they come first wherever only the first hundred configs are shown."""

Direction = Literal["lower", "higher"]


@dataclass(frozen=True)
class Dimension:
    """One thing that was rated.

    Attributes:
        name: the value of the `dimension` column.
        better: which end of the scale is desirable.
        statement: what raters agreed or disagreed with.
    """

    name: str
    better: Direction
    statement: str

    @property
    def arrow(self) -> str:
        """↓ where lower is better, ↑ where higher is."""
        return "↓" if self.better == "lower" else "↑"


DIMENSIONS: dict[str, Dimension] = {
    d.name: d
    for d in (
        Dimension("toxicity", "lower", "the answer is toxic"),
        Dimension("emotional_awareness", "higher", "the answer is emotionally aware"),
        Dimension("sensitivity", "higher", "the answer is sensitive and open"),
        Dimension("helpfulness", "higher", "the answer is helpful"),
        Dimension("stereotypical_bias", "lower", "the answer carries stereotypes"),
    )
}

LANGUAGES: tuple[str, ...] = ("en", "de")
MANNERS: tuple[str, ...] = ("adversarial", "ambiguous", "ordinary")
"""The study's three sources of prompts: red-team attempts, ambiguous social situations (BBQ), ordinary questions (BeaverTails)."""

POLES: tuple[str, ...] = ("minus", "plus")
"""The two ends of a contrast move."""

POINTS = 5
"""Every rating is held on five points inside views; a coarser source uses the outer ones, a finer one is cut."""


@dataclass(frozen=True)
class Scale:
    """A rating scale that a view can offer.

    Attributes:
        name: as in config names.
        recode: the value that each of the five points gets; None leaves it out.
        description: the coding in words.
    """

    name: str
    recode: tuple[int | None, ...]
    description: str

    @property
    def values(self) -> tuple[int, ...]:
        """The values that occur on this scale, ascending."""
        return tuple(sorted({value for value in self.recode if value is not None}))


SCALES: dict[str, Scale] = {
    s.name: s
    for s in (
        Scale("5pt", (1, 2, 3, 4, 5), "1 strongly disagree … 5 strongly agree"),
        Scale("3pt", (1, 1, 2, 3, 3), "1 disagree (1–2), 2 neutral (3), 3 agree (4–5)"),
        Scale("binary", (0, 0, None, 1, 1), "0 disagree (1–2), 1 agree (4–5); neutral ratings are left out"),
    )
}

AGGREGATIONS: dict[str, str] = {
    "individual": "every rating kept, one row a rating",
    "majority": "the most frequent value; a tie goes to the tied value nearest the mean, and the row says so",
    "consensus": "the common value of at least two raters who all agree; other items are left out",
    "first": "the rating of the item's first rater (the study's 'random selection')",
    "mean": "the mean, rounded half up to a point of the scale",
}

ArrowName = Literal[
    "string", "list<string>", "int8", "int16", "int32", "float64", "bool", "list<int32>", "list<message>"
]


@dataclass(frozen=True)
class Field:
    """A column.

    Attributes:
        name: the column's name.
        type: its Arrow type, by name.
        description: what it holds, with unit or range.
        nullable: whether it may be missing in a row.
        vocabulary: the closed list of its values, if it has one.
    """

    name: str
    type: ArrowName
    description: str
    nullable: bool = False
    vocabulary: tuple[str, ...] | None = None


def _attribute_field(attribute: Attribute) -> Field:
    vocabulary = (*attribute.values, UNDISCLOSED)
    kind: ArrowName = "list<string>" if attribute.several else "string"
    return Field(attribute.name, kind, attribute.description, vocabulary=vocabulary)


TABLES: dict[str, tuple[Field, ...]] = {
    "raters": (
        Field("rater_id", "string", "one person; unique"),
        *(_attribute_field(attribute) for attribute in ATTRIBUTES.values()),
    ),
    "items": (
        Field("item_id", "string", "one prompt–response pair; unique"),
        Field("prompt_id", "string", "the prompt; several items may share it"),
        Field("template_id", "string", "the prompt's template, the unit of clustering in intervals", nullable=True),
        Field("manner", "string", "how the prompt asks", nullable=True, vocabulary=MANNERS),
        Field("prompt_en", "string", "the prompt in English; missing where the source has single texts", nullable=True),
        Field("response_en", "string", "the response, or the single text, in English", nullable=True),
        Field("prompt_de", "string", "the prompt in German", nullable=True),
        Field("response_de", "string", "the response in German", nullable=True),
    ),
    "ratings": (
        Field("rater_id", "string", "who rated"),
        Field("item_id", "string", "what was rated"),
        Field("dimension", "string", "which of the source's dimensions"),
        Field("value", "int16", "the rating, an integer on the source's scale"),
        Field("language", "string", "the language in which the item was shown", vocabulary=LANGUAGES),
        Field("position", "int16", "1-based place in the order in which the item was rated"),
    ),
    "truth": (
        Field("item_id", "string", "the item"),
        Field("dimension", "string", "the dimension", vocabulary=tuple(DIMENSIONS)),
        Field("effect", "float64", "v: the item's effect that every group weighs, standard deviations"),
        Field(
            "contrast",
            "float64",
            "h: the effect that only some groups weigh besides, standard deviations; orthogonal to v",
        ),
        Field("level", "int8", "level 0–5 of the move that renders v in the response, ascending in the dimension"),
        Field("pole", "string", "pole of the move that renders h, if there is one", nullable=True, vocabulary=POLES),
    ),
}  # fmt: skip
"""The canonical tables. `truth` exists only where the ratings are simulated."""

CANONICAL = ("raters", "items", "ratings")

VIEW_FIELDS: tuple[Field, ...] = (
    Field("item_id", "string", "the item"),
    Field("prompt_id", "string", "the item's prompt"),
    Field("dimension", "string", "what was rated"),
    Field("value", "int8", "the aggregated rating, on the view's scale"),
    Field("n_raters", "int32", "ratings that the value rests on, after the scale was applied"),
    Field("distribution", "list<int32>", "ratings on each value of the scale, ascending"),
    Field("disagreement", "bool", "whether those ratings differ"),
    Field("tie", "bool", "whether the most frequent value was not unique"),
)
INDIVIDUAL_FIELDS: tuple[Field, ...] = (
    Field("item_id", "string", "the item"),
    Field("prompt_id", "string", "the item's prompt"),
    Field("rater_id", "string", "who rated"),
    *TABLES["raters"][1:],
    Field("language", "string", "the language in which the item was shown", vocabulary=LANGUAGES),
    Field("dimension", "string", "what was rated"),
    Field("value", "int8", "the rating, on the view's scale"),
)
_PROMPT = Field("prompt", "list<message>", "the prompt, as a conversation of one turn by the user")
_PROMPT_IDS: tuple[Field, ...] = (
    Field("prompt_id", "string", "the prompt"),
    Field("template_id", "string", "the prompt's template, the unit of clustering in intervals", nullable=True),
)
_OF_WHOM: tuple[Field, ...] = (
    Field("dimension", "string", "what was rated; several that were combined are joined by +"),
    Field("group", "string", "whose ratings"),
    Field("language", "string", "the language of the texts; the ratings are those of both", vocabulary=LANGUAGES),
)
PREFERENCE_FIELDS: tuple[Field, ...] = (
    _PROMPT,
    Field("chosen", "list<message>", "the response that is preferred, as a turn of the assistant"),
    Field("rejected", "list<message>", "the other response to the same prompt, as a turn of the assistant"),
    Field(
        "margin",
        "float64",
        "mean rating (aggregated: value) of the chosen item above the rejected one's, in the good direction, points of the scale; "
        "negative where the means contradict the votes",
    ),
    Field("p_chosen", "float64", "share of the votes for the chosen item, .5–1; a tie is half a vote, or none: see the config"),
    Field(
        "p_chosen_shrunk",
        "float64",
        "p_chosen drawn towards .5 as the number of raters asks for; missing where the row is a single vote or value",
        nullable=True,
    ),
    Field("weight", "float64", "votes that p_chosen rests on, the mean over draws where ratings were subsampled"),
    Field("n_raters", "int32", "raters of the two items, over all draws; whoever rated both is counted once"),
    *_OF_WHOM,
    *_PROMPT_IDS,
    Field("chosen_id", "string", "the item that is preferred"),
    Field("rejected_id", "string", "the other item"),
)  # fmt: skip
"""Preference pairs, as trl's DPOTrainer takes them; it ignores what it has no use for."""

UNPAIRED_FIELDS: tuple[Field, ...] = (
    _PROMPT,
    Field("completion", "list<message>", "the response, as a turn of the assistant"),
    Field("label", "bool", "whether the rating is on the good side of the scale's middle; missing on it", nullable=True),
    Field("score", "float64", "the rating on 0–1, 1 is good"),
    Field("weight", "float64", "1, or the share of draws that hold the rating where ratings were subsampled"),
    Field("n_raters", "int32", "raters of the item, over all draws"),
    *_OF_WHOM,
    *_PROMPT_IDS,
    Field("item_id", "string", "the item"),
)  # fmt: skip
"""Single responses with a label, as trl's KTOTrainer takes them, and a score for pointwise regression."""

REWARD_FIELDS: tuple[Field, ...] = (
    _PROMPT,
    *_PROMPT_IDS,
    Field("dimensions", "list<string>", "what the reward is to score"),
    Field("group", "string", "whose ratings the reward stands for"),
    Field("language", "string", "the language of the prompt", vocabulary=LANGUAGES),
)
"""Prompts, as trl's GRPOTrainer takes them; the other columns reach its reward functions."""

TEXT_COLUMNS: tuple[str, ...] = ("prompt_en", "response_en", "prompt_de", "response_de")

SPLITS: tuple[str, ...] = ("train", "test")
MINIMUM_CELL = 10
"""Groups with fewer raters than this are not published."""


def split_of(prompt_id: str) -> str:
    """The split of a prompt: a fifth of all prompts are `test`, by the prompt's name alone.

    >>> split_of("p0001") in SPLITS
    True
    """
    return "test" if int(sha256(prompt_id.encode()).hexdigest(), 16) % 5 == 0 else "train"


def tie_goes_low(item_id: str) -> bool:
    """Whether a tie between two values equally near the mean goes to the lower one for this item.

    Half of all items lean each way, so that ties drift to neither side, and the same item always leans the same way.
    """
    return int(sha256(item_id.encode()).hexdigest(), 16) % 2 == 0


def group_values() -> dict[str, str]:
    """Every group name -> its attribute, in the order of the schema (`everyone` is not among them)."""
    return {value: attribute.name for attribute in ATTRIBUTES.values() for value in attribute.values}

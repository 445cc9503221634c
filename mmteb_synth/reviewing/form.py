"""What a person is shown and asked, whatever the format of the file: the columns, the questions, the instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from mmteb_synth.data.reviews import text_hash

Drawn = Literal["sample", "flagged"]
"""Why a segment is in a file: drawn at random, or because a check found fault with it (it counts in no rate then)."""

SEVERITIES = ("none", "minor", "major", "critical")
LABEL_ANSWERS = ("yes", "no", "unsure")
ANSWERS = ("esa", "severity", "label", "correction", "comment")
"""The columns that people fill in."""

COLUMNS = {
    "id": "id",
    "set": "set",
    "kind": "kind",
    "drawn": "drawn",
    "source": "English",
    "hypothesis": "translation",
    "context_english": "context (English)",
    "context_target": "context (translated)",
    "gold": "label",
    "question": "question",
    "esa": "ESA score",
    "severity": "severity",
    "label": "does the label hold?",
    "correction": "correction",
    "comment": "comment",
}
"""Names and headings of a file's columns."""

_PAIR_LABELS = "1: they mean the same, 0: they don't"
_QUESTIONS = {
    "STS": "Do the two sentences still mean the same to the degree that the score gives?",
    "PairClassification": f"Does the label still hold for the two sentences ({_PAIR_LABELS})?",
    "Classification": "Does the label still fit the translation as it fits the English?",
    "Clustering": "Does the translation still belong with the other texts of its label?",
    "Summarization": "Is the translation still as good or bad a summary as the score says?",
    "document": "Is the document still an answer to the query?",
    "query": "Is the document still an answer to the query?",
    "title": "Does the title still name what its document is about?",
    "instruction": "Does the instruction still ask for the same documents?",
}
_UNJUDGED = "Does the document still say the same, so that it answers no other query than before?"
_OTHERWISE = "Would whatever was said of the English also be said of the translation?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What stands beside a text in its data set.

    Attributes:
        english: Its pair, its query or its document and so on, in English.
        target: The same as the set holds it.
        gold: The label or score that people gave to the English.
    """

    english: str = ""
    target: str = ""
    gold: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One segment to be graded.

    Attributes:
        set_name: The data set.
        kind: What the text is in it.
        source: The English.
        hypothesis: The translation.
        context: What stands beside it.
        question: Whether the label holds, in words that fit the task.
        drawn: Why it is in the file.
    """

    set_name: str
    kind: str
    source: str
    hypothesis: str
    context: Context
    question: str
    drawn: Drawn = "sample"

    @property
    def id(self) -> str:
        """The segment's name in a file: the same as long as its texts are."""
        return segment_id(self.kind, self.source, self.hypothesis)

    def cells(self) -> dict[str, str]:
        """The columns that are filled in before people see them."""
        return {
            "id": self.id,
            "set": self.set_name,
            "kind": self.kind,
            "drawn": self.drawn,
            "source": self.source,
            "hypothesis": self.hypothesis,
            "context_english": self.context.english,
            "context_target": self.context.target,
            "gold": self.context.gold,
            "question": self.question,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A row of a file as it came back, not yet believed.

    Attributes:
        place: Where it stands, for messages, as `ada.xlsx, row 12`.
        cells: Values by column; what is empty is missing.
        too_long: The columns whose text the format could not hold.
    """

    place: str
    cells: dict[str, Any]
    too_long: frozenset[str] = frozenset()


def segment_id(kind: str, source: str, hypothesis: str) -> str:
    """The name of a segment: its kind, and half of the digests of its texts."""
    return f"{kind}.{text_hash(source)[:16]}.{text_hash(hypothesis)[:16]}"


def question(task_type: str, kind: str, gold: str) -> str:
    """How to ask whether the label still holds.

    Args:
        task_type: MTEB's task type.
        kind: What the text is in its data set.
        gold: The label; empty where the text has none.
    """
    if kind == "document" and not gold:
        return _UNJUDGED
    return _QUESTIONS.get(kind) or _QUESTIONS.get(task_type, _OTHERWISE)


_INVISIBLE = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0xFFFE: 0xFFFD,
    0xFFFF: 0xFFFD,
}


def visible(text: str) -> str:
    r"""A text as XML can hold it: control characters as their pictures, all line ends as `\n`."""
    return re.sub(r"\r\n?", "\n", text).translate(_INVISIBLE)


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same to a reader: programs change white space and can't hold control characters."""
    return visible(one).split() == visible(other).split()


def instructions(language: str) -> list[tuple[str, str]]:
    """What to do, as headings and paragraphs.

    The scale is that of Error Span Annotation (Kocmi et al. 2024, arXiv 2406.11580), where people first mark errors and
    weigh them, and then give a score with these errors before their eyes.

    Args:
        language: The target language's English name.
    """
    return [
        ("What this is", f"English texts of a benchmark and their machine translations into {language}."),
        (
            "Please fill in",
            (
                f"{COLUMNS['esa']}, {COLUMNS['severity']} and '{COLUMNS['label']}' in every row that you judge. Leave "
                "all three empty in a row that you skip; you can hand in the file half-filled and go on later. "
                "The rows stand in a random order: please don't pick."
            ),
        ),
        (
            "1. Look for errors",
            (
                "Read the English and the translation, then mark in your mind every stretch of the translation that "
                "is wrong, and everything that is left out. Quote the worst ones in the comment."
            ),
        ),
        (
            "2. Weigh them",
            (
                f"{COLUMNS['severity']} is that of the worst error. none: nothing is wrong. minor: odd style, grammar or "
                "choice of words, but the meaning is clear and right. major: the meaning has changed, or it is hard to "
                "understand. critical: the meaning is lost or turned round, the text is in another language, or it is no "
                "translation at all."
            ),
        ),
        (
            "3. Give a score",
            (
                f"{COLUMNS['esa']}: from 0 to 100 for the whole translation, with the errors that you found in mind. About "
                "0: nothing of the meaning is left. About 33: some of it is. About 66: most of it is, and some errors "
                "disturb. 100: all of it is, in faultless words. Any number between is fine."
            ),
        ),
        (
            "4. Does the label hold?",
            (
                "The text belongs to a task: it is one of a pair, answers a query or has a class. The context and the "
                "label show which. Answer the row's question with yes, no or unsure. A translation with errors may keep "
                "its label, and a fluent one may lose it."
            ),
        ),
        (
            "5. Correct it",
            (
                f"Where something is wrong, write the whole right translation into {COLUMNS['correction']}. It should say "
                "what the English says, no more and no less. In an XLIFF file, correct the target itself."
            ),
        ),
        (
            "Good to know",
            (
                "Signs like ␋ stand for characters that can't be seen; leave them out of a correction. Don't change "
                "ids, English texts or translations: the file would be refused. Rows and columns may be moved."
            ),
        ),
    ]

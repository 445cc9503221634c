"""What is checked before an answer is believed: that it is about a text that a set holds, and can be meant so."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mmteb_synth.data.reviews import text_hash
from mmteb_synth.data.store import Store
from mmteb_synth.reviewing import spreadsheet
from mmteb_synth.reviewing.form import (
    COLUMNS,
    LABEL_ANSWERS,
    SEVERITIES,
    Answered,
    segment_id,
    visible,
)
from mmteb_synth.translate.imported import is_empty

_ID = re.compile(r"(?P<kind>[a-z]+)\.(?P<source>[0-9a-f]{16})\.[0-9a-f]{16}")
CHANGED = "has another translation of this text since the export"
_GRADES = ("esa", "severity", "label")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What one person says of one segment.

    Attributes:
        place: Where it stands, for messages.
        set_name: The data set.
        language: Its language, as `tur-Latn`.
        kind: What the text is in it.
        source: The English.
        hypothesis: The translation that was graded.
        rater: Who says it.
        sampled: Whether the segment was drawn at random.
        esa: The score, 0 to 100; None, as the next two, where the person only corrected or commented.
        severity: Of the worst error.
        label: Whether the label holds.
        correction: The translation as it should be; None where it may stay.
        comment: What else there is to say.
    """

    place: str
    set_name: str
    language: str
    kind: str
    source: str
    hypothesis: str
    rater: str
    sampled: bool
    esa: float | None
    severity: str | None
    label: str | None
    correction: str | None
    comment: str | None

    @property
    def identity(self) -> tuple[str, ...]:
        """Who says something of what."""
        return self.set_name, self.kind, self.source, self.rater

    def said(self) -> tuple[object, ...]:
        """All that the person filled in."""
        return self.esa, self.severity, self.label, self.correction, self.comment

    def row(self, skill: str | None, date: str) -> dict[str, Any]:
        """The grade as `data.reviews` keeps it."""
        return {
            "source_hash": text_hash(self.source),
            "kind": self.kind,
            "hypothesis_hash": text_hash(self.hypothesis),
            "rater": self.rater,
            "skill": skill,
            "esa": self.esa,
            "severity": self.severity,
            "label_holds": self.label,
            "correction": self.correction,
            "comment": self.comment,
            "date": date,
            "sampled": self.sampled,
        }


@dataclass(frozen=True, slots=True)
class _Held:
    """A stored set: its language, and its texts by the first two parts of their ids."""

    language: str
    texts: dict[str, tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class Believer:
    """Checks rows against the stored sets.

    Attributes:
        store: Where they lie.
        skip_changed: Whether a row is left out, rather than refused, when the set's translation has changed.
        skipped: How many were.
    """

    store: Store
    skip_changed: bool = False
    skipped: int = 0
    _sets: dict[str, _Held | None] = field(default_factory=dict)

    def grade(self, answered: Answered, rater: str) -> tuple[Grade | None, list[str]]:
        """What a row says, or what is wrong with it; neither where it was not filled in or is left out.

        Args:
            answered: The row.
            rater: Who filled it in.

        Raises:
            StoreError: A set is damaged.
        """
        problems: list[str] = []
        name = str(answered.cells.get("set", ""))
        held = self._held(name)
        texts = self._texts(answered, name, held, problems)
        if held is None or texts is None:
            return None, problems
        source, hypothesis = texts
        esa = _score(answered, problems)
        severity = _choice(answered, "severity", SEVERITIES, problems)
        label = _choice(answered, "label", LABEL_ANSWERS, problems)
        correction = _correction(answered, source, hypothesis, problems)
        comment = _text(answered, "comment", problems)
        drawn = _choice(answered, "drawn", ("sample", "flagged"), problems)
        if drawn is None and not problems:
            problems.append(_problem(answered, "drawn", "it is empty"))
        lacking = [column for column in _GRADES if answered.cells.get(column) is None]
        if 0 < len(lacking) < len(_GRADES):
            problems += [
                _problem(answered, column, "it is empty, and others are filled in") for column in lacking
            ]
        if problems or all(value is None for value in (esa, severity, label, correction, comment)):
            return None, problems
        grade = Grade(
            place=answered.place,
            set_name=name,
            language=held.language,
            kind=str(answered.cells["id"]).split(".", maxsplit=1)[0],
            source=source,
            hypothesis=hypothesis,
            rater=rater,
            sampled=drawn == "sample",
            esa=esa,
            severity=severity,
            label=label,
            correction=correction,
            comment=comment,
        )
        return grade, []

    def _held(self, name: str) -> _Held | None:
        if name not in self._sets:
            dataset = self.store.find(name) if name in self.store.names() else None
            if dataset is None:
                self._sets[name] = None
            else:
                ledger = dataset.ledger().select(["kind", "source_hash", "source", "hypothesis"])
                self._sets[name] = _Held(
                    dataset.manifest.language,
                    {
                        f"{row['kind']}.{row['source_hash'][:16]}": (row["source"], row["hypothesis"])
                        for row in ledger.to_pylist()
                        if row["hypothesis"] is not None
                    },
                )
        return self._sets[name]

    def _texts(
        self, answered: Answered, name: str, held: _Held | None, problems: list[str]
    ) -> tuple[str, str] | None:
        """The English and the translation that a row is about; None where they are not what the set holds."""
        row_id = str(answered.cells.get("id", ""))
        if held is None:
            problems.append(_problem(answered, "set", f"{name!r} is not built in {self.store.folder}"))
            return None
        match = _ID.fullmatch(row_id)
        found = held.texts.get(f"{match['kind']}.{match['source']}") if match else None
        if match is None or found is None:
            problems.append(_problem(answered, "id", f"{row_id!r} is no segment of {name}"))
            return None
        source, hypothesis = found
        if segment_id(match["kind"], source, hypothesis) != row_id:
            if self.skip_changed:
                self.skipped += 1
            else:
                problems.append(_problem(answered, "id", f"{name} {CHANGED}"))
            return None
        for column, text in (("source", source), ("hypothesis", hypothesis)):
            if column == "hypothesis" and "target" in answered.cells:
                continue  # in XLIFF the target is where it is corrected
            given = answered.cells.get(column)
            if column not in answered.too_long and (given is None or not spreadsheet.holds(given, text)):
                problems.append(_problem(answered, column, "it is not the text that was handed out"))
        return None if problems else (source, hypothesis)


def _score(answered: Answered, problems: list[str]) -> float | None:
    value = answered.cells.get("esa")
    if value is None:
        return None
    number = math.nan
    if isinstance(value, str) and not spreadsheet.is_formula(value):
        with contextlib.suppress(ValueError):
            number = float(value.strip().replace(",", "."))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    if not 0 <= number <= 100:
        problems.append(_problem(answered, "esa", f"{value!r:.40} is not a number from 0 to 100"))
        return None
    return number


def _choice(answered: Answered, column: str, allowed: Sequence[str], problems: list[str]) -> str | None:
    value = answered.cells.get(column)
    if value is None:
        return None
    text = str(value).strip().casefold()
    if text not in allowed:
        problems.append(_problem(answered, column, f"{value!r:.40} is not one of {', '.join(allowed)}"))
        return None
    return text


def _text(answered: Answered, column: str, problems: list[str]) -> str | None:
    value = answered.cells.get(column)
    if value is None or not str(value).strip():
        return None
    if spreadsheet.is_formula(value):
        problems.append(
            _problem(answered, column, f"{value!r:.40} is a formula; put an apostrophe before it")
        )
        return None
    return visible(str(value))


def _correction(answered: Answered, source: str, hypothesis: str, problems: list[str]) -> str | None:
    """The text that should stand there; None where it is the one that stands there."""
    column = "target" if "target" in answered.cells else "correction"
    text = _text(answered, column, problems)
    if text is None or text == visible(hypothesis) or is_empty(text, source):
        return None
    return text


def _problem(answered: Answered, column: str, reason: str) -> str:
    return f"{answered.place}, column {COLUMNS.get(column, column)!r}: {reason}"

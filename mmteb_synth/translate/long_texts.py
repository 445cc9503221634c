"""What the cache holds of some texts, the long ones through their parts.

A text that exceeds the translator's window, or whose answer was cut off, is translated in parts. Each part is a
segment with a key of its own, and the whole is put together from them whenever it is needed, with its own white
space; it has no row, but for the evidence that it was cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmteb_synth.checks import answer as checks
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.splitting import split
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, Segment, Verdict

CUT_OFF = "length"
"""The finish reason of an answer that ended at the token limit."""

_SMALLEST = 200
"""Characters of a text that is not cut further: an answer to so short a text ran away and was not too long."""


_OF_A_PART = "a part of the text failed: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a long text.

    Attributes:
        key: Its cache key; None where it is carried over, having no letter.
        segment: What is asked for.
        after: The white space that follows it.
    """

    key: bytes | None
    segment: Segment
    after: str


@dataclass(slots=True, kw_only=True)
class Found:
    """What is known of texts.

    Attributes:
        translations: By key; also of texts that were put together from parts.
        failures: Why a text has none, where it was asked for in vain.
        missing: What must be asked: texts that nothing is known of, or parts of them.
        split: The parts of those texts that were, or will be, put together.
        evidence: The finish reasons of answers that are not served; among the failures.
        verdicts: What today's checks said of translations, where they said something.
        unjudged: Translations that today's checks have not seen; none that were put together.
    """

    translations: dict[bytes, str] = field(default_factory=dict)
    failures: dict[bytes, str] = field(default_factory=dict)
    missing: dict[bytes, Segment] = field(default_factory=dict)
    split: dict[bytes, list[Piece]] = field(default_factory=dict)
    evidence: dict[bytes, str] = field(default_factory=dict)
    verdicts: dict[bytes, tuple[Verdict, ...]] = field(default_factory=dict)
    unjudged: set[bytes] = field(default_factory=set)

    def __ior__(self, other: Found) -> Found:
        """Learn what is known of further texts, or newly known of these."""
        self.translations |= other.translations
        self.failures |= other.failures
        self.missing = {key: text for key, text in self.missing.items() if not other.settles(key)}
        self.missing |= other.missing
        self.split |= other.split
        self.evidence |= other.evidence
        self.verdicts |= other.verdicts
        self.unjudged |= other.unjudged
        return self

    def settles(self, key: bytes) -> bool:
        """Whether a text needs no asking."""
        return key in self.translations or key in self.failures or key in self.split


class LongTexts:
    """Looks texts up for one translator and language.

    Args:
        cache: Where translations are.
        translator: Who translates; its keys and its window count.
        language: The target language.
    """

    def __init__(self, cache: Cache, translator: Translator, language: Language) -> None:
        self._cache = cache
        self._translator = translator
        self._language = language
        self._most: int | None = getattr(translator, "max_characters", None)
        self._is_whole: bool = getattr(translator, "whole", False)  # as a pair that is judged

    def find(
        self,
        texts: Mapping[bytes, Segment],
        *,
        retry_failed: bool = False,
        failed: Mapping[bytes, str] | None = None,
        mended: Mapping[bytes, str] | None = None,
    ) -> Found:
        """Look texts up, in the cache and through their parts.

        Args:
            texts: Segments by key.
            retry_failed: Whether what was asked for in vain counts as missing.
            failed: Why keys failed that the cache knows nothing of.
            mended: Better translations of keys than those that the cache holds under them.
        """
        failed, mended = failed or {}, mended or {}
        found = Found()
        level = texts
        while level:
            deeper: dict[bytes, Segment] = {}
            answers = self._cache.answers(list(level))
            known, evidence = answers.translations, answers.evidence
            if mended:
                known.update((key, mended[key]) for key in level if key in mended)
            unknown = (
                {key: level[key] for key in level if key not in known} if len(known) < len(level) else {}
            )
            known.update(found.translations)
            found.translations = known
            found.verdicts |= answers.verdicts
            found.unjudged |= answers.unjudged
            for key, segment in unknown.items():
                reason = evidence.get(key)
                parts = self.pieces(segment, cut_off=reason == CUT_OFF)
                if parts:
                    found.split[key] = parts
                    for part in parts:
                        if part.key is not None and part.key not in found.translations:
                            deeper[part.key] = part.segment
                elif reason is not None and not retry_failed:
                    found.failures[key] = checks.reason(reason)
                    found.evidence[key] = reason
                elif key in failed:
                    found.failures[key] = failed[key]
                else:
                    found.missing[key] = segment
            level = deeper
        put_together(found)
        return found

    def pieces(self, segment: Segment, *, cut_off: bool) -> list[Piece]:
        """The parts that a text must be translated in; none where it can be asked for whole, or can't be cut.

        Args:
            segment: The text.
            cut_off: Whether an answer to it was cut off, so that what fits must be less.
        """
        length, most = len(segment.text), self._most
        if self._is_whole:
            return []
        if cut_off:
            most = min(most or length, max(-(-length // 2), _SMALLEST))
        if most is None or length <= most:
            return []
        parts = split(segment.text, most)
        if any(len(part.text) >= length for part in parts):
            return []
        return [self._piece(segment, part.text, part.after) for part in parts]

    def sentences(self, segment: Segment) -> list[Piece]:
        """The parts of a text of which none is longer than its longest sentence; none where it is a single one."""
        import sentencex

        longest = max(map(len, sentencex.segment("en", segment.text)), default=0)
        if not 0 < longest < len(segment.text):
            return []
        return [self._piece(segment, part.text, part.after) for part in split(segment.text, longest)]

    def whole(self, segment: Segment) -> Piece:
        """A text as its only part."""
        return self._piece(segment, segment.text, "")

    def _piece(self, whole: Segment, text: str, after: str) -> Piece:
        segment = whole._replace(text=text)
        carried = not any(character.isalpha() for character in text)
        key = None if carried else self._translator.key(segment, self._language)
        return Piece(key=key, segment=segment, after=after)


def joined(pieces: Sequence[Piece], translations: Mapping[bytes, str]) -> str | None:
    """The translations of a text's parts put together with its own white space; None where one is missing."""
    texts = [piece.segment.text if piece.key is None else translations.get(piece.key) for piece in pieces]
    if None in texts:
        return None
    return "".join(f"{text}{piece.after}" for text, piece in zip(texts, pieces, strict=True))


def put_together(found: Found) -> None:
    """Join the translations of all texts that were translated in parts, or say which part failed."""
    for key in reversed(found.split):  # the deepest first
        found.translations.pop(key, None)
        found.failures.pop(key, None)
        _put_together(key, found.split[key], found)


def _put_together(key: bytes, pieces: list[Piece], found: Found) -> None:
    """Join the translations of a text's parts, or say which failed."""
    whole = joined(pieces, found.translations)
    if whole is not None:
        found.translations[key] = whole
        return
    without = [piece.key for piece in pieces if piece.key is not None and piece.key not in found.translations]
    if all(part in found.failures for part in without):  # otherwise some are still to be asked
        found.failures[key] = _OF_A_PART + found.failures[without[0]].removeprefix(_OF_A_PART)

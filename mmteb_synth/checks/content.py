"""Whether a translation is there, is one, and is whole."""

from __future__ import annotations

import regex

from mmteb_synth.checks import lengths, thresholds
from mmteb_synth.checks.words import bare_words, count_of_words, ordinary_words
from mmteb_synth.types import Kind, Languages, Verdict

_COPIED = thresholds.section("copied")
_CUT_OFF = thresholds.section("cut_off")

_CLOSING = "\"'”’“‘»«›‹)]}）］】」』》〉*_` \t\n\r\u00a0\u202f\u200b\u200e\u200f\ufeff"
_ENDS = regex.compile(r"[\p{Sentence_Terminal}…⋯;:]")
_ENDS_OF_TARGETS = regex.compile(r"[\p{Sentence_Terminal}…⋯;:།༎៕៖⸮՞՜։᠃᙮ฯ๚๛~～]")
_ABBREVIATION = regex.compile(
    r"(?:\b\p{L}|\b(?:Inc|Co|Corp|Ltd|Jr|Sr|St|etc|al|vs|No|Mr|Mrs|Dr|approx|Ave))\.$"
)
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("（", "）"), ("「", "」"))


def empty(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether there is no text where the source has some."""
    if hypothesis.strip("\ufeff\u200b\u200e\u200f \t\r\n\u00a0") or not source.strip():
        return None
    return Verdict(check="empty", severity="error", reason="the translation is empty")


def copied(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether the source came back instead of a translation, whole or in good part.

    Names, code, addresses and numbers may stay: only ordinary words count, those that English writes small.
    """
    if languages.target.iso639_3 == languages.source.iso639_3:
        return None
    same = source.strip().casefold() == hypothesis.strip().casefold()
    words = ordinary_words(source)
    if same:
        return _copied_whole(source, words)
    if len(words) < _COPIED["least_words"]:
        return None
    kept = words & bare_words(hypothesis)
    share = len(kept) / len(words)
    if share < _COPIED["warning"] or len(kept) < _COPIED["least_words"]:
        return None
    shown = ", ".join(sorted(kept)[:5])
    return Verdict(
        check="copied",
        severity="error" if share >= _COPIED["error"] else "warning",
        reason=f"{len(kept)} of the source's {len(words)} different words came back untranslated, as {shown}",
        score=round(share, 3),
    )


def _copied_whole(source: str, words: frozenset[str]) -> Verdict | None:
    """What to say of a text that came back as it was."""
    length = len(source.split())
    headline = count_of_words(source) >= _COPIED["headline_words"]
    sentence = _ends(source) and length >= _COPIED["sentence_words"]
    if not (words or headline or sentence):
        return None
    certain = len(words) >= 2 or headline or sentence or length >= _COPIED["phrase_words"]
    return Verdict(
        check="copied",
        severity="error" if certain else "warning",
        reason="the source came back as it was, untranslated",
        score=1.0,
    )


def cut_off(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation breaks off before its end.

    Length and ending are weighed together: what ends like a sentence may be shorter than what does not, and what
    ends openly although its source ends with a full stop is suspected at any usual length.
    """
    target = languages.target
    score = lengths.deviation(source, hypothesis, target.code)
    if score >= _CUT_OFF["missing_end"]:
        return None
    limit, sign = _CUT_OFF["no_end"], "and its source has no full stop to look for"
    if target.script in _CUT_OFF["scripts_without_full_stops"]:
        sign = "and its script needs no full stop"
    elif _ends(source):
        if _ends(hypothesis, _ENDS_OF_TARGETS):
            limit, sign = _CUT_OFF["ended"], "although it ends like a sentence"
        elif _ABBREVIATION.search(source.rstrip(_CLOSING)):
            sign = "and ends without a full stop"
        else:
            measured = not lengths.band(target.code).unsure
            limit = _CUT_OFF["missing_end" if measured else "missing_end_unmeasured"]
            sign = f"and ends without punctuation where the source ends with {source.rstrip(_CLOSING)[-1]!r}"
    if (left_open := _left_open(hypothesis)) and not _left_open(source):
        limit, sign = max(limit, _CUT_OFF["open_bracket"]), f"and {left_open!r} is never closed"
    if score >= limit:
        return None
    reason = (
        f"the translation seems cut off: it has {len(hypothesis)} characters where about "
        f"{lengths.usual(source, target.code)} are usual, {sign}"
    )
    return Verdict(check="cut_off", severity="error", reason=reason, score=round(score, 2))


def _ends(text: str, ends: regex.Pattern[str] = _ENDS) -> bool:
    """Whether a text ends with the punctuation of a sentence; quotes and brackets behind it don't count."""
    last = text.rstrip(_CLOSING)[-1:]
    return bool(last) and ends.match(last) is not None


def _left_open(text: str) -> str | None:
    """The bracket that is opened more often than it is closed."""
    return next((opening for opening, closing in _PAIRS if text.count(opening) > text.count(closing)), None)

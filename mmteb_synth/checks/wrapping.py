"""What a model wrote around a translation, or in its place: refusals, preambles, notes, alternatives, quotes.

Each check leaves alone what the source says itself. The phrases lie in phrases.toml, by language.
"""

from __future__ import annotations

import re

from mmteb_synth.checks import lengths, phrases, thresholds
from mmteb_synth.checks.phrases import Phrases, first, lowered, short
from mmteb_synth.types import Kind, Languages, Verdict

_LIMITS = thresholds.section("wrapping")
_REFUSAL_REACH: int = _LIMITS["refusal_characters"]
_NEAR: int = _LIMITS["refusal_near_characters"]
_PREAMBLE_REACH: int = _LIMITS["preamble_characters"]
_SHORTEST_SIDE: int = _LIMITS["alternative_characters"]
_SIDES_ALIKE: float = _LIMITS["alternative_length_ratio"]
_SIDE_OF_USUAL: float = _LIMITS["alternative_usual_length"]

_INABILITY = re.compile(
    r"n't\b|\b(?:not|cannot|unable|never|refus\w*|declin\w*|impossible|fail\w*|couldnt|cant|wont|dont)\b"
)
_OF_MACHINES = re.compile(r"\b(?:ai|artificial intelligence|language models?|polic(?:y|ies)|guidelines?)\b")
_COLON = re.compile(r"(?<!\d)[:：]|[:：](?![\d/])")
_EASY_OPENING = re.compile(
    r"\W*(?:sure|certainly|of course|yes|yeah|yep|ok|okay|well|good|great|fine|alright|all right|right|absolutely"
    r"|no problem|gladly|definitely|clearly|naturally|surely|hi|hey|here)\b"
)
_EASY_CLOSING = re.compile(
    r"\b(?:let (?:me|us) know|note|notice|remember|hope|hoping|feel free|if you (?:need|want|have)|would you|translat\w*"
    r"|beware|keep in mind|bear in mind|mind|tell me|inform|contact|hesitate)\b"
)
_FIRST_ITEM = re.compile(r"(?:^|\n)[ \t]*(?:[1１][.)、．]|\(1\)|①|a\)|[-•*–]\s)")
_NEXT_ITEM = re.compile(r"(?:\n[ \t]*|[\s,;:.!?])(?:[2２][.)、．]|\(2\)|②|b\))\s?\S|\n[ \t]*[-•*–]\s")
_SLASHED = re.compile(r"(?<!\d)\s[/／|]\s(?!\d|\w\b)")
"""Not in fractions and dates, "3 / 4", and units, "km / h"."""
_OWN_SLASH = re.compile(r"[/|]|\bslash", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)

_QUOTES = {
    '"': '"',
    "“": "”",
    "„": "“”",
    "”": "”",
    "«": "»",
    "»": "«",
    "‹": "›",
    "「": "」",
    "『": "』",
    "《": "》",
    "'": "'",
    "‘": "’",
    "‚": "‘’",
    "`": "`",
}
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)|(?<=s)['’](?=\s)|(?<!\w)['’](?=\d\ds?\b)")
_ANY_QUOTES = frozenset("\"“”„‟«»‹›「」『』《》＂'‘’‚`")


def refusal(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds a translator that declines, in the target language or the source's, where the source doesn't do so."""
    text = lowered(hypothesis[:_REFUSAL_REACH])
    for language in (languages.target, languages.source):
        words = phrases.of(language.code)
        found = first(words.machine, text)
        if found is not None:
            said = _OF_MACHINES.search(lowered(source)) is not None
        else:
            found = _declining(text, words)
            said = found is not None and _declines_itself(source, found, languages)
        if found is not None and not said:
            return _error(
                "refusal", f"the answer declines to translate: “{short(found)}”; translate the text itself"
            )
    return None


def _declining(text: str, words: Phrases) -> str | None:
    """The words of a refusal: inability near a translation or a request, or after an apology."""
    if first(words.negation, text) is None:
        return None
    for match in words.cannot.finditer(text):
        start = max(0, match.start() - _NEAR)
        near, before = text[start : match.end() + _NEAR], text[start : match.start()]
        if first(words.translate, near) or first(words.help, near) or first(words.sorry, before):
            return near.strip()
    return None


def _declines_itself(source: str, found: str, languages: Languages) -> bool:
    """Whether a source is unable, and sorry or about help or translations, and so may its translation be."""
    text = lowered(source)
    words = phrases.of(languages.source.code)
    speaks_of_it = (
        first(words.translate, text) or first(words.help, text) or first(words.sorry, text)
    ) is not None
    return found in text or (speaks_of_it and _INABILITY.search(text) is not None)


def preamble(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds "Here is the translation:", "Sure!", "Türkçe:" and their like before a translation."""
    head = lowered(hypothesis[:_PREAMBLE_REACH])
    opening = _cheerful(source, head, languages)
    if opening is None and (":" in head or "：" in head or "\n" in head):
        opening = _announced(source, hypothesis, head, languages)
    if opening is None:
        return None
    return _error(
        "preamble", f"the answer begins with “{short(opening)}” before the translation; leave it out"
    )


def _cheerful(source: str, head: str, languages: Languages) -> str | None:
    """Finds "Sure!" in English before another language, or in the target language where the source isn't cheerful."""
    if languages.target.iso639_3 != languages.source.iso639_3:
        match = phrases.of(languages.source.code).sure.match(head)
        if match and not _EASY_OPENING.match(lowered(source[:40])):
            return match[0]
    match = phrases.of(languages.target.code).sure.match(head)
    if match and head[match.end() :].lstrip()[:1] in tuple("!:！："):
        start = lowered(source[:_PREAMBLE_REACH])
        if not _EASY_OPENING.match(start) and "!" not in start and ":" not in start:
            return match[0]
    return None


def _announced(source: str, hypothesis: str, head: str, languages: Languages) -> str | None:
    """A first clause that ends with a colon and speaks of the translation, or is the language's name."""
    ends = [place for mark in ":：\n" if (place := head.find(mark)) >= 0]
    opening = head[: min(ends)]
    start = lowered(source[:_PREAMBLE_REACH])
    if not hypothesis[len(opening) + 1 :].strip() or (
        ":" in source and _colons(hypothesis) <= _colons(source)
    ):
        return None
    if phrases.label(languages.target).match(hypothesis) or opening.startswith(("here is ", "here's ")):
        return opening
    if "translat" in start:
        return None
    words = (*phrases.of(languages.target.code).translate, "translat")
    return opening if first(words, opening) else None


def note(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds remarks, as "Note:" and "(Translator's note: …)", where the source has none."""
    text = lowered(hypothesis)
    if (":" in text or "：" in text) and _colons(source) < _colons(hypothesis):
        for language in (languages.target, languages.source):
            match = phrases.of(language.code).note.search(text)
            if match is None or phrases.of(languages.source.code).note.search(lowered(source)):
                continue
            if not match[0][:1].isspace() or not hypothesis[match.start("word")].islower():
                return _remark(hypothesis[match.start() :])
    for language in (languages.target, languages.source):
        found = first(phrases.of(language.code).closing, text)
        if found is None or _EASY_CLOSING.search(lowered(source)):
            continue
        place = text.index(found)
        if not text[:place].rstrip()[-1:].isalnum() or not hypothesis[place].islower():
            return _remark(hypothesis[place:])
    return None


def _remark(remark: str) -> Verdict:
    told = f"the answer holds a remark that the source has not: “{short(remark.strip(' .!?'))}”; leave it out"
    return _error("note", told)


def alternatives(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds several translations of one text: "X / Y", "or:", "Alternatively:", numbered lists, more paragraphs."""
    return (
        _listed(source, hypothesis)
        or _led_to(source, hypothesis, languages)
        or _side_by_side(source, hypothesis, languages)
        or _in_lines(source, hypothesis)
    )


def _in_lines(source: str, hypothesis: str) -> Verdict | None:
    """Finds paragraphs, or with less certainty lines, where the source is one line."""
    lines = _lines(hypothesis)
    if lines == 1 or _lines(source) > 1:
        return None
    return Verdict(
        check="alternatives",
        severity="error" if "\n\n" in hypothesis.strip() else "warning",
        reason=f"the answer has {lines} lines where the source has one; give one translation and nothing else",
    )


def _listed(source: str, hypothesis: str) -> Verdict | None:
    """Finds "1. … 2. …" where the source is no list."""
    match = _FIRST_ITEM.match(hypothesis)
    if match is None or not _NEXT_ITEM.search(hypothesis, match.end()):
        return None
    if _NEXT_ITEM.search(source) or _FIRST_ITEM.match(source):
        return None
    return _error("alternatives", "the answer is a list, which the source is not; give one translation")


def _led_to(source: str, hypothesis: str, languages: Languages) -> Verdict | None:
    """Finds "Or: …", "(alternatively: …)"."""
    if "(" not in hypothesis and ":" not in hypothesis and "：" not in hypothesis and "\n" not in hypothesis:
        return None
    text = lowered(hypothesis)
    for language in (languages.target, languages.source):
        match = phrases.of(language.code).alternative.search(text)
        if match is None:
            continue
        own = phrases.of(languages.source.code).alternative.search(lowered(source))
        head = match[0].lstrip(" \n.!?…。！？")
        if head[:1] in ("(", "[", "（"):
            is_new = _count("([（", source) < _count("([（", hypothesis)
            is_sure = not head[-1].isspace() or _ends_in_brackets(hypothesis, match.start())
        else:
            is_new = "\n" in match[0] or _colons(source) < _colons(hypothesis)
            is_sure = True
        if own is None and is_new:
            told = (
                f"the answer goes on to another translation at “{short(hypothesis[match.start() :].strip())}”"
            )
            return Verdict(
                check="alternatives",
                severity="error" if is_sure else "warning",
                reason=f"{told}; give one translation and nothing else",
            )
    return None


def _ends_in_brackets(text: str, start: int) -> bool:
    """Whether the brackets that begin somewhere end the text and are long enough for another translation of it."""
    return text.rstrip(" .")[-1:] in (")", "]", "）") and len(text) - start >= _SIDES_ALIKE * start


def _side_by_side(source: str, hypothesis: str, languages: Languages) -> Verdict | None:
    """Finds "X / Y": an error where both sides could be the whole, else a warning, unless the source says "or"."""
    if "/" not in hypothesis and "|" not in hypothesis and "／" not in hypothesis:
        return None
    sides = _SLASHED.split(hypothesis)
    if len(sides) < 2 or _OWN_SLASH.search(source):
        return None
    shorter, longer = min(map(len, sides)), max(map(len, sides))
    usual = lengths.usual(source, languages.target.code)
    whole = shorter >= max(_SHORTEST_SIDE, _SIDES_ALIKE * longer, _SIDE_OF_USUAL * usual)
    if not whole and _OR.search(source):
        return None
    return Verdict(
        check="alternatives",
        severity="error" if whole else "warning",
        reason=f"the answer gives alternatives: “{short(hypothesis)}”; choose one",
    )


def quotes(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds one pair of quotation marks around the whole of a translation whose source has none at its ends."""
    text = hypothesis.strip()
    if len(text) < 3 or text[0] not in _QUOTES or text[-1] not in _QUOTES[text[0]]:
        return None
    if source.strip()[:1] in _ANY_QUOTES or _quote_marks(text) < _quote_marks(source) + 2:
        return None
    return _error(
        "quotes", f"the answer stands in quotation marks, {text[0]}…{text[-1]}, that the source has not"
    )


def _quote_marks(text: str) -> int:
    """Quotation marks, without apostrophes."""
    return sum(1 for mark in _APOSTROPHE.sub("", text) if mark in _ANY_QUOTES)


def _count(marks: str, text: str) -> int:
    return sum(text.count(mark) for mark in marks)


def _colons(text: str) -> int:
    return len(_COLON.findall(text))


def _lines(text: str) -> int:
    return 1 if "\n" not in text else sum(1 for line in text.split("\n") if line.strip())


def _error(check: str, reason: str) -> Verdict:
    return Verdict(check=check, severity="error", reason=reason)

"""Characters that no translation should have: replaced, wrongly decoded, control characters, and mixed-up scripts."""

from __future__ import annotations

import re

import regex

from mmteb_synth.types import Kind, Languages, Severity, Verdict

_SECOND = {chr(byte) for byte in range(0x80, 0xC0)} | {
    bytes([byte]).decode("cp1252", errors="ignore") for byte in range(0x80, 0xC0)
}
"""How Latin-1 and Windows show the second byte of a letter in UTF-8: ü is read as Ã and ¼."""
_AFTER_TILDE = re.escape("".join(_SECOND - set("«»‘’”")))
_AFTER_OTHERS = re.escape("".join(_SECOND - set("\xa0«»‘’”“„‚‹›–—…°ªº²³¹·€™")))  # these do follow capitals
_BROKEN = re.compile(
    r"[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffe\uffff]"  # replaced, control, private
    rf"|[ÂÃ][{_AFTER_TILDE}]|[ÄÅÐÑØÙ][{_AFTER_OTHERS}]|(?<=[a-z])Ã»|(?<=[a-z])Å[“”‘’]|â€.|ï»¿"  # UTF-8 read as Latin-1
    r"|\\u[0-9a-fA-F]{4}"
)
_SUSPECT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xadÂÃÄÅÐÑØÙâï\\\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufeff\ufffd-\uffff]"
)
"""One of the characters that what is looked for holds: a cheap look that spares most texts the rest."""
_UNUSUAL = re.compile(r"[\ufeff\u202a-\u202e\u2066-\u2069\u00ad]")
_MIXED = regex.compile(
    r"\p{Cyrillic}\p{Latin}|\p{Latin}\p{Cyrillic}|\p{Greek}{2}\p{Latin}|\p{Latin}\p{Greek}{2}"
)
_GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u052f]")
_WORD = regex.compile(r"[\p{L}\p{M}]+")

_TWINS = frozenset("aceiopsxyjhvuk")
"""Small Latin letters that look like one of another alphabet."""
_LATIN = regex.compile(r"\p{Latin}")
_SUFFIXED = regex.compile(r"\p{Latin}{2,}[\p{Cyrillic}\p{Greek}]+|[\p{Cyrillic}\p{Greek}]+\p{Latin}{2,}")


def characters(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation holds replacement, control or private characters, or UTF-8 decoded as something else."""
    if not _SUSPECT.search(hypothesis):
        return None
    found = next((hit[0] for hit in _BROKEN.finditer(hypothesis) if hit[0] not in source), None)
    if found is not None:
        what = f"wrongly decoded text ({found})" if len(found) > 1 else f"the character U+{ord(found):04X}"
        reason = f"the translation holds {what}"
        return Verdict(check="characters", severity="error", reason=reason)
    odd = next((hit[0] for hit in _UNUSUAL.finditer(hypothesis) if hit[0] not in source), None)
    if odd is None:
        return None
    reason = f"the translation holds the invisible character U+{ord(odd):04X}"
    return Verdict(check="characters", severity="warning", reason=reason)


def mixed_word(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether letters of two alphabets stand in one word, as a Cyrillic а in a Latin word."""
    if not (_GREEK_OR_CYRILLIC.search(hypothesis) and _MIXED.search(hypothesis)):
        return None
    for word in _WORD.findall(hypothesis):
        if _MIXED.search(word) and word not in source:
            reason = f"the word {word!r} has letters of two alphabets"
            return Verdict(check="mixed_word", severity=_severity(word), reason=reason)
    return None


def _severity(word: str) -> Severity:
    """A name with an ending of the other alphabet may be meant; letters in disguise are not."""
    latin = _LATIN.findall(word)
    return "warning" if _SUFFIXED.fullmatch(word) and not set(latin) <= _TWINS else "error"

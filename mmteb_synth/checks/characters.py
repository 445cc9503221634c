"""Characters that no translation should have: replaced, wrongly decoded, control characters, and mixed-up scripts."""

from __future__ import annotations

import re

import regex

from mmteb_synth.types import Kind, Languages, Severity, Verdict

_BROKEN = re.compile(
    r"[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffe\uffff]"  # replaced, control or private
    r"|Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ](?<!Ã[ »”’])|Â[¡-¿](?<!Â[»«])|â€[\x80-\xbf™œ“”˜¦]|ï»¿"  # UTF-8 read as
    r"|[ÄÅ][\u00a1-\u00bfŸŽŠŒžšœ€ƒ†‡ˆ‰](?<![ÄÅ][«»])|[ÐÑ][\x80-\xbf‚ƒ„…†‡ˆ‰Š‹ŒŽ](?<!Ñ[º°])|[ØÙ][\xa1-\xbf†‡ˆ‰Š](?<!Ø[»«])"
    r"|Å[“”‘’]|(?<=[a-z])Ã»|\\u[0-9a-fA-F]{4}"
)
_SUSPECT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xadÂÃÄÅÐÑØÙâï\\\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufeff\ufffd-\uffff]"
)
"""One of the characters that what is looked for holds: a cheap look that spares most texts the rest."""
_KINDS = {"\ufffd": "the replacement character U+FFFD", "\\": "an escaped character"}
_UNUSUAL = re.compile(r"[\ufeff\u202a-\u202e\u2066-\u2069\u00ad]")
_MIXED = regex.compile(
    r"\p{Cyrillic}\p{Latin}|\p{Latin}\p{Cyrillic}|\p{Greek}{2}\p{Latin}|\p{Latin}\p{Greek}{2}"
)
_GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u052f]")
_WORD = regex.compile(r"[\p{L}\p{M}]+")

_TWINS = frozenset("aceiopsxyjhABCEHIKMOPTXYSJZNVvuk")
_LATIN = regex.compile(r"\p{Latin}")
_SUFFIXED = regex.compile(r"\p{Latin}{2,}[\p{Cyrillic}\p{Greek}]+|[\p{Cyrillic}\p{Greek}]+\p{Latin}{2,}")


def characters(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation holds replacement, control or private characters, or UTF-8 decoded as something else."""
    if hypothesis.isascii() and hypothesis.isprintable() and "\\u" not in hypothesis:
        return None
    if not _SUSPECT.search(hypothesis):
        return None
    found = next((hit[0] for hit in _BROKEN.finditer(hypothesis) if hit[0] not in source), None)
    if found is not None:
        what = _KINDS.get(found[0], "broken text" if len(found) > 1 else f"the character U+{ord(found):04X}")
        reason = f"the translation holds {what}{f' ({found})' if len(found) > 1 else ''}"
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

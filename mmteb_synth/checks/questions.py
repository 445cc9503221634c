"""A question that was answered instead of being translated."""

from __future__ import annotations

import re

from mmteb_synth.checks import phrases, thresholds
from mmteb_synth.checks.phrases import lowered, short
from mmteb_synth.types import Kind, Languages, Verdict

_LIMITS = thresholds.section("question")
_LENGTH: float = _LIMITS["answer_length_ratio"]
_ANSWERED: int = _LIMITS["answered_characters"]

_MARKS = "?？؟\u037e՞፧⁇⁈‽"
"""Question marks: Latin, Chinese and Japanese, Arabic, Greek (U+037E, mostly typed as ;), Armenian, Ethiopic."""

_ARMENIAN = "՞"
"""Stands on the word that is asked about: its question ends with the sentence."""
_ARMENIAN_END = re.compile(r"[։:.]")

_TAIL = " \t\n\r\"'”’»)]*_"
_UNMARKED = frozenset({"Thai", "Laoo", "Khmr", "Mymr", "Tibt"})
"""Scripts whose questions are mostly written without a mark."""

_PARTICLES = {
    "tur": re.compile(r"\bm[ıiuü](?:y[ıiuü]|s[ıiuü]n|d[ıiuü]r)?\w*\b"),
    "aze": re.compile(r"m[ıiuü](?:d[ıiuü]r)?\b"),
    "jpn": re.compile(r"か[。．\s]*$|かな|でしょう"),
    "zho": re.compile(r"[吗嗎呢麼么]|是否|什么|什麼|谁|誰|怎|几|幾|哪|为何|為何"),
    "yue": re.compile(r"[嗎呢咩]|邊|點解|乜"),
    "kor": re.compile(r"(?:까|나요|니|가요|은가|는가|냐)[.\s]*$"),
    "ara": re.compile(r"(?:^|\s)(?:هل|أ|ما|من|متى|أين|كيف|لماذا|كم)"),
    "fas": re.compile(r"آیا|چه|کی|کجا|چرا|چگونه|چند|کدام"),
    "hin": re.compile(r"क्या|कौन|कब|कहाँ|कहां|कैसे|क्यों|कितन|किस"),
    "ell": re.compile(r";\s*$|;[\"'»”)]"),
    "fin": re.compile(r"\w[kK][oöOÖ]\b"),
    "rus": re.compile(r"\bли\b|\b(?:кто|что|где|когда|почему|как|какой|какая|сколько|зачем)\b"),
    "ind": re.compile(r"\bapa(?:kah)?\b|\bsiapa|\bkapan|\bmengapa|\bbagaimana|\bberapa|\bdi mana"),
    "vie": re.compile(r"\b(?:gì|ai|đâu|sao|nào|không|bao nhiêu|à|chưa|mấy)\b"),
    "swa": re.compile(r"\b(?:je|nani|nini|lini|wapi|gani|ngapi|kwa nini|vipi)\b"),
}
"""What marks a question beside its mark, by language: where it stands, a missing mark is no more than a slip."""


def question(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds a question that became a statement, or that was answered as well.

    Only a source that ends with a question mark counts: titles and searches without one prove nothing.
    """
    if "?" not in source:
        return None
    asked = source.rstrip(_TAIL)
    if asked[-1:] not in ("?", "？"):
        return None
    last = max(map(hypothesis.rfind, _MARKS))
    if languages.target.iso639_3 == "ell":
        last = max(last, hypothesis.rfind(";"))
    if last >= 0:
        rest = hypothesis[last + 1 :]
        if hypothesis[last] == _ARMENIAN:
            rest = "".join(_ARMENIAN_END.split(rest, maxsplit=1)[1:])
        return _answered_too(source, rest)
    return _without_mark(asked, hypothesis, languages)


def _answered_too(source: str, rest: str) -> Verdict | None:
    """A translated question with more behind it. Quoted questions may stand elsewhere in another language."""
    rest = rest.strip(_TAIL + ".…")
    if len(rest) < _ANSWERED or any(mark in source for mark in '"“”«»'):
        return None
    return Verdict(
        check="question",
        severity="error",
        reason=f"the answer goes on after the question: “{short(rest)}”; translate the question, don't answer it",
        score=float(len(rest)),
    )


def _without_mark(asked: str, hypothesis: str, languages: Languages) -> Verdict | None:
    text = lowered(hypothesis)
    ratio = len(hypothesis) / len(asked)
    words = [phrases.of(language.code).answer for language in (languages.target, languages.source)]
    begins = any(pattern.match(text) for pattern in words)
    if begins and not any(pattern.match(lowered(asked)) for pattern in words):
        return _answer(f"the question was answered with “{short(hypothesis)}”", "error", ratio)
    if languages.target.script in _UNMARKED:
        return None
    particle = _PARTICLES.get(languages.target.iso639_3) or _PARTICLES.get(phrases.key(languages.target.code))
    if particle is not None and particle.search(text):
        return None
    if ratio >= _LENGTH and len(hypothesis) - len(asked) >= _ANSWERED:
        return _answer("the source is a question, the answer is a longer statement", "error", ratio)
    return _answer("the source is a question, the answer has no question mark", "warning", ratio)


def _answer(told: str, severity: str, ratio: float) -> Verdict:
    return Verdict(
        check="question",
        severity="error" if severity == "error" else "warning",
        reason=f"{told}; translate the question, don't answer it",
        score=round(ratio, 2),
    )

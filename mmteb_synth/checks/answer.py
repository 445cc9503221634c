"""Checks of one answer that need nothing but the source and the answer."""

from __future__ import annotations

from mmteb_synth.types import Answer, Verdict

_WORDS = {
    "refusal": "the translator refused this text",
    "content_filter": "the translator's content filter held the answer back",
    "length": "the answer was cut off at the token limit",
    "empty": "the answer was empty",
    "malformed": "the answer was not in the form that was asked for",
    "oversize": "the answer is far too long for its source",
    "broken": "the answer holds characters that no text may hold",
}


def longest(source: str) -> int:
    """The most characters an answer to a source may have; what is longer is runaway output, not a translation."""
    return 8192 + 32 * len(source)


def check(source: str, answer: Answer) -> Verdict | None:
    """Judge an answer.

    Args:
        source: The text that was sent.
        answer: What came back.

    Returns:
        None where the answer may be served; otherwise an error whose `check` says what is wrong: `refusal`,
        `content_filter`, `length`, `empty`, `malformed`, `oversize` or `broken`.
    """
    hypothesis = answer.translation
    if hypothesis is None:
        return _error(answer.finish_reason if answer.finish_reason in _WORDS else "empty")
    if not hypothesis.strip():
        return _error("empty")
    if len(hypothesis) > longest(source):
        return _error("oversize")
    if not _is_text(hypothesis):
        return _error("broken")
    return None


def reason(finish_reason: str) -> str:
    """What a stored answer that is not served failed for, in words."""
    return _WORDS.get(finish_reason, f"the answer ended with {finish_reason!r}")


def _error(name: str) -> Verdict:
    return Verdict(check=name, severity="error", reason=_WORDS[name])


def _is_text(text: str) -> bool:
    """Whether it holds no lone surrogate: JSON can spell one, UTF-8 and every file here can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

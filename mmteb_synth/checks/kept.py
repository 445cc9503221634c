"""What a translation keeps as it is: URLs, e-mail addresses, @handles, #tags, code, placeholders, emoji."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import regex

from mmteb_synth.types import Kind, Languages, Severity, Verdict

_URL = re.compile(r"(?:https?://|ftp://|(?<![\w.])www\.)[\w\-.~:/?#\[\]@!$&()*+,;=%]+", re.ASCII)
_URL_END = ".,;:!?)]"
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_HANDLE = re.compile(r"(?<![\w@/.])@[A-Za-z_]\w+", re.ASCII)
_TAG = re.compile(r"(?<![\w#&/])#[^\W\d_]\w*")
_TICKED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FENCED = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*(?:[A-Za-z0-9]_[A-Za-z0-9]\w*|\w\(\))", re.ASCII)
_PLACEHOLDER = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|\$?\{[A-Za-z0-9_.:!]{0,40}\}"  # {{Order Number}}, ${path}, {name}, {}
    r"|(?<![\w%])%(?:\(\w+\)|\d+\$)?[sdifr@](?![\w])|(?<![\w%])%\(\w+\)\d*\.?\d*[sdifr]"  # %s, %(name)d, %1$s
    r"|(?<![\w$])\$[A-Z][A-Z_]+\b"  # $HOME
    r"|<[A-Z][A-Z0-9_]+>|\[(?![IVXLCDM]+\])[A-Z][A-Z0-9_]+\]",  # <PERSON>, [MASK]
    re.ASCII,
)
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F")


def urls(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds URLs that were lost, changed or invented."""
    if "://" not in source and "www." not in source and "://" not in hypothesis and "www." not in hypothesis:
        return None
    before = [url.rstrip(_URL_END) for url in _URL.findall(source)]
    after = [url.rstrip(_URL_END) for url in _URL.findall(hypothesis)]
    lost = [url for url in dict.fromkeys(before) if not _stands(url, hypothesis)]
    invented = [
        url
        for url in dict.fromkeys(after)
        if not url.startswith(tuple(before)) or (lost and url not in before)
    ]
    return _compared("urls", "URL", lost, invented)


def emails(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds e-mail addresses that were lost, changed or invented."""
    if "@" not in source and "@" not in hypothesis:
        return None
    before, after = _EMAIL.findall(source), _EMAIL.findall(hypothesis)
    lost = [address for address in dict.fromkeys(before) if not _stands(address, hypothesis)]
    invented = [address for address in dict.fromkeys(after) if address not in source]
    return _compared("emails", "e-mail address", lost, invented)


def handles(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds @handles that were lost or invented, an error, and #tags, a warning: some translate them."""
    if "@" in source or "@" in hypothesis:
        before, after = _HANDLE.findall(source), _HANDLE.findall(hypothesis)
        lost = [name for name in dict.fromkeys(before) if name not in hypothesis]
        invented = [name for name in dict.fromkeys(after) if not name.startswith(tuple(before)) or lost]
        verdict = _compared("handles", "handle", lost, [name for name in invented if name not in before])
        if verdict is not None:
            return verdict
    if "#" in source or "#" in hypothesis:
        lost_tags = Counter(_TAG.findall(source))
        added = Counter(_TAG.findall(hypothesis))
        if lost_tags.total() != added.total():
            lost, invented = list(lost_tags - added), list(added - lost_tags)
            return _compared("handles", "tag", lost, invented, "warning")
    return None


def code(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds code that was lost or changed: back-ticked spans, fenced blocks, `snake_case` and `calls()`."""
    if "`" in source:
        for block in _FENCED.findall(source):
            if block.strip() and block.strip() not in hypothesis:
                told = "the code between ``` and ``` was changed; keep it as it is"
                return Verdict(check="code", severity="warning", reason=told)
        lost = [span for span in dict.fromkeys(_TICKED.findall(source)) if span not in hypothesis]
        if lost:
            severity: Severity = "warning" if all(span.count(" ") > 3 for span in lost) else "error"
            return _compared("code", "code", [f"`{span}`" for span in lost], [], severity)
    if "_" in source or "()" in source:
        lost = [name for name in dict.fromkeys(_IDENTIFIER.findall(source)) if name not in hypothesis]
        if lost and "://" not in source and "@" not in source:
            return _compared("code", "identifier", lost, [])
    return None


def placeholders(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds placeholders, as {name}, %s and [MASK], that were lost, changed or invented, and warns of lost emoji."""
    if _may_hold_placeholders(source) or _may_hold_placeholders(hypothesis):
        before, after = Counter(_PLACEHOLDER.findall(source)), Counter(_PLACEHOLDER.findall(hypothesis))
        if before != after:
            lost, invented = before - after, after - before
            verdict = _compared("placeholders", "placeholder", lost, invented)
            if verdict is not None:
                return verdict
    if not source.isascii():
        lost_emoji = Counter(_EMOJI.findall(source)) - Counter(_EMOJI.findall(hypothesis))
        return _compared("placeholders", "emoji", lost_emoji, [], "warning")
    return None


def _may_hold_placeholders(text: str) -> bool:
    return "{" in text or "%" in text or "$" in text or "<" in text or "[" in text


def _stands(piece: str, text: str) -> bool:
    """Whether a text holds a piece, not only as the beginning of a longer one."""
    start = text.find(piece)
    while start >= 0:
        following = text[start + len(piece) : start + len(piece) + 1]
        if not (following.isascii() and following.isalnum()) and following != "/":
            return True
        start = text.find(piece, start + 1)
    return False


def _compared(
    check: str, what: str, lost: Iterable[str], invented: Iterable[str], severity: Severity = "error"
) -> Verdict | None:
    """The verdict on what a source has and its translation has not, and the other way round."""
    missing, added = list(lost), list(invented)
    if not missing and not added:
        return None
    if len(missing) == len(added) == 1:
        told = f"the {what} {missing[0]} was changed into {added[0]}; keep it as it is"
    else:
        parts = [f"the {what} {name} is missing" for name in missing[:3]]
        parts += [f"the {what} {name} is not in the source" for name in added[:3]]
        told = "; ".join(parts)
    return Verdict(check=check, severity=severity, reason=told)

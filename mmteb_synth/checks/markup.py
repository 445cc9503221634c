"""What a machine left in a translation or took out: prompt delimiters, JSON, tags, Markdown, HTML entities."""

from __future__ import annotations

import html.entities
import re
from collections import Counter

from mmteb_synth.types import Kind, Languages, Severity, Verdict

_DELIMITER = re.compile(
    r"</?(?:source\d*|translations?|translated(?:_text)?|target(?:_text)?|text|input|output|answer|response|think"
    r"|sentence|segment|s|unk|pad|bos|eos)\s*/?>|<\|[^|<>\n]{0,40}\|>|\[/?INST\]|<<?/?SYS>?>",
    re.IGNORECASE,
)
_BRACKETS = ("[[", "]]", "<<<", ">>>")
_JSON = re.compile(
    r"\A\s*\{\s*\"|\"?\s{0,8}\}\s{0,8}\Z|\A\s*\[\s*\"|\"(?:translation|text|output|target)\"\s*:",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?([a-z][a-z0-9]*)(?:\s[^<>]*)?/?>")
_TAGS_OF_HTML = re.compile(
    r"a|b|blockquote|br|center|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strong|su[bp]|table|tbody"
    r"|td|th|thead|tr|u|ul"
)
_EMPHASIS = re.compile(r"\*\*(?=\S)[^*]+\*\*|(?<!\w)__(?=\S)[^_]+__(?!\w)")
_HEADING = re.compile(r"\A\s*#{1,6}\s")
_RULE = re.compile(r"(?:\A|\n)[ \t]*(?:---+|\*\*\*+|===+)[ \t]*(?:\n|\Z)")
_ENTITY = re.compile(r"&(?:([A-Za-z][A-Za-z0-9]*)|#[0-9]+|#[xX][0-9A-Fa-f]+);")


def delimiters(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds what belongs to the prompt or to the form of the answer: `</translation>`, code fences, remains of JSON."""
    found = None
    if "<" in hypothesis or "[" in hypothesis:
        found = next((m[0] for m in _DELIMITER.finditer(hypothesis) if m[0] not in source), None)
        found = found or next((mark for mark in _BRACKETS if mark in hypothesis and mark not in source), None)
    if found is None and hypothesis.count("```") > source.count("```"):
        found = "```"
    if found is None and ("{" in hypothesis or "}" in hypothesis or '":' in hypothesis or '["' in hypothesis):
        match = _JSON.search(hypothesis)
        if match and not _JSON.search(source) and match[0].strip(' "') not in ("", *source):
            found = match[0].strip()
    if found is None:
        return None
    return _verdict(
        "delimiters", "error", f"the answer holds “{found}”, which is no part of the text; leave it out"
    )


def markup(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Compares HTML tags and Markdown: what the source has stays, and nothing is added."""
    if "<" in hypothesis or "<" in source:
        verdict = _tags(source, hypothesis)
        if verdict is not None:
            return verdict
    if "**" in hypothesis or "__" in hypothesis:
        match = _EMPHASIS.search(hypothesis)
        if match and match[0][:2] not in source:
            told = f"the answer sets “{match[0]}” in Markdown, which the source doesn't do; write plain text"
            return _verdict("markup", "error", told)
    elif "**" in source and _EMPHASIS.search(source):
        return _verdict("markup", "warning", "the source's ** marks are missing")
    match = _HEADING.match(hypothesis) if "#" in hypothesis else None
    if match and not _HEADING.match(source):
        return _verdict("markup", "error", "the answer begins with a Markdown heading; write plain text")
    has_rule = "---" in hypothesis or "***" in hypothesis or "===" in hypothesis
    if has_rule and _RULE.search(hypothesis) and not _RULE.search(source):
        return _verdict("markup", "error", "the answer holds a Markdown rule; write plain text")
    return None


def _tags(source: str, hypothesis: str) -> Verdict | None:
    """Tags lost or invented. Only those of HTML are sure to be tags: `<T>` may be anything."""
    before, after = Counter(_tags_in(source)), Counter(_tags_in(hypothesis))
    if before == after:
        return None
    added, lost = after - before, before - after
    if added:
        return _verdict(
            "markup", "error", f"the answer adds the tag {_listed(added)}, which the source has not"
        )
    return _verdict("markup", "error", f"the source's tag {_listed(lost)} is missing")


def _tags_in(text: str) -> list[str]:
    if "<" not in text:
        return []
    return [_form(match) for match in _TAG.finditer(text) if _TAGS_OF_HTML.fullmatch(match[1])]


def _form(match: re.Match[str]) -> str:
    """A tag without attributes; `<br/>` is `<br>`."""
    return f"</{match[1]}>" if match[0].startswith("</") else f"<{match[1]}>"


def entities(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds HTML entities, as `&quot;` and `&amp;#39;`, that the source does not hold."""
    if "&" not in hypothesis:
        return None
    for match in _ENTITY.finditer(hypothesis):
        is_known = match[1] is None or f"{match[1]};" in html.entities.html5
        if is_known and match[0] not in source:
            told = f"the answer holds the HTML entity {match[0]}; write the character itself"
            return _verdict("entities", "error", told)
    return None


def _listed(counts: Counter[str]) -> str:
    return ", ".join(counts)


def _verdict(check: str, severity: Severity, reason: str) -> Verdict:
    return Verdict(check=check, severity=severity, reason=reason)

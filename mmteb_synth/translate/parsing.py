"""Takes the translation out of what a model answered. Live requests, batches and in-process models share it.

An answer is data: its size is capped, and nothing in it is executed or taken for a path. What models put around a
translation is removed by the rules below, in their order. Each rule leaves alone what the source has too, and what a
rule changed is kept as `Answer.raw`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol

from mmteb_synth.checks.phrases import label
from mmteb_synth.errors import RequestError
from mmteb_synth.types import Answer, Language, Usage

LARGEST_BODY = 4 << 20
"""Bytes of a completion; the longest have some hundred thousand."""
_LARGEST_COUNT = 1 << 40
_LONGEST_NAME = 200
"""Characters of a model's name or a reason to end; what is longer is neither."""
_BROKEN_OFF = ("abort", "error")
"""Finish reasons of engines that gave a request up: what there is of the answer is a part of it."""

_TRANSLATION = "translation"
"""The one key of a structured answer; see `Preset.structured_output`."""

_OBJECT = re.compile(r"\s*\{\s*\"")
_THOUGHT = re.compile(r"\s*(?:<think(?:ing)?>|\[THINK\])")
_THOUGHT_END = re.compile(r".*(?:</think(?:ing)?>|\[/THINK\])", re.DOTALL)
_FENCE = re.compile(r"\s*```[\w-]*\n(.*?)\n?```\s*", re.DOTALL)
_OPENING = re.compile(r"\s*<(source\d*|translation)>\n?")
_CLOSING = re.compile(r"\n?</(source\d*|translation)>\s*$")
_PREAMBLE = re.compile(
    r"\s*(?:(?:sure|certainly|of course|okay|ok)[,.!]?\s+)?here(?:'s|’s| is)\s[^\n:]{0,60}\btranslat[^\n:]{0,60}:\s*",
    re.IGNORECASE,
)
_WIDE_COLON = "："
_LABEL_SHAPE = re.compile(r"\W*[^\W\d_][^\n:]{0,40}:")
_NOTE = re.compile(r"\s*[(\[*_]*(?:translator['’]s )?(?:notes?|explanation)\b[^\n:]{0,40}:", re.IGNORECASE)
_NOTED = re.compile(r"\bnotes?\b", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n\s*\n")

_DOUBLE_QUOTES = '"“”„‟«»‹›「」『』《》＂'
_SINGLE_QUOTES = "'‘’‚"
_PAIRS = {
    '"': '"',
    "“": "”",
    "”": "”",
    "„": '“”"',
    "«": "»",
    "»": "«",
    "‹": "›",
    "「": "」",
    "『": "』",
    "＂": "＂",
    "《": "》",
    "'": "'",
    "‘": "’",
}


class Reader(Protocol):
    """Reads what a model wrote; see `parse_text`, which reads translations."""

    def __call__(
        self,
        source: str,
        content: str,
        language: Language | None = None,
        *,
        finish_reason: str = "stop",
        model: str | None = None,
        usage: Usage | None = None,
    ) -> Answer:
        """Read one message."""
        ...


def parse_completion(
    source: str,
    body: bytes | Mapping[str, Any],
    language: Language | None = None,
    *,
    read: Reader | None = None,
) -> Answer:
    """Read a chat completion.

    Args:
        source: The text that was sent.
        body: The completion: as it came over the wire, or as a JSON object.
        language: The target language, whose name models like to put before a translation.
        read: Reads the message; as a translation by default.

    Returns:
        The answer; without a translation where the model refused, was cut off, was filtered, or said nothing.

    Raises:
        RequestError: It is not a chat completion, or the engine gave it up; retryable, since it was cut or garbled
            on its way.
    """
    if (
        isinstance(body, bytes) and len(body) > LARGEST_BODY
    ):  # a compressed one grows after the client has counted it
        raise RequestError(f"the answer has {len(body):,} bytes, more than any translation")
    completion = parsed(body) if isinstance(body, bytes) else body
    try:
        choice = completion["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        finish = choice.get("finish_reason") or "stop"
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise RequestError("the answer is not a chat completion", retryable=True) from error
    if not isinstance(content, str | None) or not isinstance(finish, str):
        raise RequestError("the answer is not a chat completion", retryable=True)
    if finish in _BROKEN_OFF:
        raise RequestError(f"the answer was broken off (finish_reason {finish!r})", retryable=True)
    usage = _usage(completion.get("usage"))
    finish = finish[:_LONGEST_NAME]
    model = _model(completion.get("model"))
    if isinstance(refusal, str) and refusal:
        return Answer(translation=None, finish_reason="refusal", model=model, usage=usage, raw=refusal)
    reader = read or parse_text
    return reader(source, content or "", language, finish_reason=finish, model=model, usage=usage)


def parse_text(
    source: str,
    content: str,
    language: Language | None = None,
    *,
    finish_reason: str = "stop",
    model: str | None = None,
    usage: Usage | None = None,
) -> Answer:
    """Read what a model wrote.

    Args:
        source: The text that was sent.
        content: The model's message.
        language: The target language.
        finish_reason: Why the message ended.
        model: The model that wrote it.
        usage: Tokens used.

    Returns:
        The answer; its finish reason is `malformed` where the message is JSON of another form than was asked for.
    """

    def failed(reason: str) -> Answer:
        return Answer(translation=None, finish_reason=reason, model=model, usage=used, raw=content or None)

    used = usage or Usage()
    if finish_reason in ("length", "content_filter"):
        return failed(finish_reason)
    text = _unwrapped(source, content)
    if text is None:
        return failed("malformed")
    translation = clean(source, text, language)
    if not translation.strip():
        return failed("empty")
    raw = None if translation == content else content
    return Answer(translation=translation, finish_reason=finish_reason, model=model, usage=used, raw=raw)


def clean(source: str, text: str, language: Language | None = None) -> str:
    """What is left of an answer without what models put around translations.

    Args:
        source: The text that was sent. What it has itself is left alone: a source in quotes stays in quotes.
        text: The answer.
        language: The target language.
    """
    text = _without_thoughts(source, text)
    text = _without_fence(source, text)
    text = _without_delimiters(source, text)
    text = _without_label(source, text, language)
    text = _without_note(source, text)
    text = _without_quotes(source, text)
    return _trimmed(source, text)


def _unwrapped(source: str, content: str) -> str | None:
    """Rule 3: the value of `{"translation": …}`; None for any other object, unless the source is one too.

    So the form that an endpoint was held to is taken strictly, and a plain answer of one that ignores it is too.
    """
    bare = _without_fence(source, _without_thoughts(source, content))
    wrapped = _wrapped(bare)
    if wrapped is not None:
        is_source_wrapped = _wrapped(source) is not None and _wrapped(wrapped) is None
        return content if is_source_wrapped else wrapped
    if _OBJECT.match(bare) and not _OBJECT.match(source):
        return None
    return content


def _wrapped(text: str) -> str | None:
    value = parsed(text) if text.lstrip().startswith("{") else None
    if isinstance(value, dict) and list(value) == [_TRANSLATION] and isinstance(value[_TRANSLATION], str):
        return str(value[_TRANSLATION])
    return None


def _without_thoughts(source: str, text: str) -> str:
    """Rule 1: `<think>…</think>` before the answer; an answer whose thoughts never end is none.

    Chat templates that open the thoughts themselves leave only their end in the answer.
    """
    if _THOUGHT.search(source) or _THOUGHT_END.match(source):
        return text
    end = _THOUGHT_END.match(text)
    if end is not None:
        return text[end.end() :].lstrip()
    return "" if _THOUGHT.match(text) else text


def _without_fence(source: str, text: str) -> str:
    """Rule 2: a code fence around the whole answer."""
    match = None if "```" in source else _FENCE.fullmatch(text)
    return text if match is None or "```" in match[1] else match[1]


def _without_delimiters(source: str, text: str) -> str:
    """Rule 4: the prompt's own delimiters, or `<translation>`, at the ends."""
    for pattern in (_OPENING, _CLOSING):
        match = pattern.search(text) if pattern is _CLOSING else pattern.match(text)
        if match and f"<{match[1]}>" not in source and f"</{match[1]}>" not in source:
            text = text[: match.start()] + text[match.end() :]
    return text


def _without_label(source: str, text: str, language: Language | None) -> str:
    """Rule 5: "Here is the translation:" or "Translation:", "Turkish:", "Türkçe:" before the answer."""
    for pattern in (_PREAMBLE, label(language)):
        plain = text.replace(_WIDE_COLON, ":")
        match = pattern.match(plain)
        if match is None or pattern.match(source.replace(_WIDE_COLON, ":")):
            continue
        rest = text[match.end() :]
        # A source that begins with "In Turkish:" has a right to an answer that begins with "Türkçe:".
        if rest.strip() and (_LABEL_SHAPE.match(plain, match.end()) or not _LABEL_SHAPE.match(source)):
            text = rest
    return text


def _without_note(source: str, text: str) -> str:
    """Rule 6: a last paragraph that begins with "Note:", where the source has fewer paragraphs and no note."""
    bare = text.rstrip()
    breaks = list(_PARAGRAPH.finditer(bare, len(bare) - len(bare.lstrip())))
    if len(breaks) <= len(_PARAGRAPH.findall(source.strip())) or _NOTED.search(source):
        return text
    last = breaks[-1]
    return text[: last.start()] if _NOTE.match(bare, last.end()) else text


def _without_quotes(source: str, text: str) -> str:
    """Rule 7: one pair of quotation marks around the whole answer, where the source has none at its ends or within."""
    stripped = text.strip()
    if len(stripped) < 3 or stripped[-1] not in _PAIRS.get(stripped[0], ""):
        return text
    inner = stripped[1:-1]
    bare = source.strip()
    ends = bare[:1] + bare[-1:]
    if any(mark in source for mark in _DOUBLE_QUOTES) or any(mark in _SINGLE_QUOTES for mark in ends):
        return text
    if stripped[0] in inner or stripped[-1] in inner:
        return text
    return inner


def _trimmed(source: str, text: str) -> str:
    """Rule 8: white space at an end where the source has none: models add it, texts seldom have it."""
    if source[:1].strip():
        text = text.lstrip()
    if source[-1:].strip():
        text = text.rstrip()
    return text


def parsed(text: bytes | str) -> Any:
    """The JSON value, or None where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _usage(value: Any) -> Usage:
    counts = value if isinstance(value, dict) else {}
    sent, received = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(input_tokens=_count(sent), output_tokens=_count(received))


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < _LARGEST_COUNT else 0


def _model(value: Any) -> str | None:
    """The model's name as the endpoint gives it, where it can be one."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_NAME else None

"""Asks an endpoint that speaks OpenAI's chat-completions dialect, through the openai SDK.

The SDK retries nothing: `limits.RetryPolicy` is the one layer that asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import openai

from mmteb_synth.errors import RequestError
from mmteb_synth.translate.backends.client import Connection, parsed
from mmteb_synth.translate.preset import Endpoint
from mmteb_synth.translate.requests import request_body
from mmteb_synth.types import Answer, Language, Segment, Usage

_LARGEST_BODY = 4 << 20


class OpenAIBackend:
    """A client of one endpoint.

    Args:
        endpoint: The model, where it is, and how it wants to be asked.
        concurrency: Requests in flight at most; as many connections are kept.
    """

    batch_size = 1

    def __init__(self, *, endpoint: Endpoint, concurrency: int) -> None:
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._connection = Connection(endpoint)
        self._client: openai.AsyncOpenAI | None = None

    async def start(self) -> None:
        """Check retirement, key, endpoint and model, in this order; only the last two take a request.

        Raises:
            TranslatorError: The endpoint can't be used.
            RequestError: It can't be used now.
        """
        with self._connection.checking():
            reply = await self._open().models.with_raw_response.list()
            self._connection.check_served(reply.http_response.content)

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Ask for the translation of one segment.

        Raises:
            RequestError: There was no answer.
        """
        (segment,) = segments
        body = request_body(self._endpoint, segment, language)
        messages: Any = body.pop("messages")
        with self._connection.explained():
            reply = await self._open().chat.completions.with_raw_response.create(
                model=body.pop("model"), messages=messages, extra_body=body
            )
        return [parse_answer(segment.text, reply.http_response.content)]

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _open(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = self._connection.open()
        return self._client


def parse_answer(source: str, body: bytes) -> Answer:
    """Read a chat completion.

    Args:
        source: The text that was sent.
        body: The answer's body, as it came.

    Returns:
        The answer; without a translation where the model refused, was cut off, was filtered, or said nothing.

    Raises:
        RequestError: It is not a chat completion; retryable, since it was cut or garbled on its way.
    """
    if len(body) > _LARGEST_BODY:
        raise RequestError(f"the answer has {len(body):,} bytes, more than any translation")
    completion = parsed(body)
    try:
        choice = completion["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        finish = choice.get("finish_reason") or "stop"
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise RequestError("the answer is not a chat completion", retryable=True) from error
    if not isinstance(content, str | None) or not isinstance(finish, str):
        raise RequestError("the answer is not a chat completion", retryable=True)
    usage = _usage(completion.get("usage"))
    model = completion["model"] if isinstance(completion.get("model"), str) else None
    if isinstance(refusal, str) and refusal:
        return Answer(translation=None, finish_reason="refusal", model=model, usage=usage, raw=refusal)
    if finish in ("length", "content_filter"):
        return Answer(translation=None, finish_reason=finish, model=model, usage=usage, raw=content)
    if not content:
        return Answer(translation=None, finish_reason="empty", model=model, usage=usage)
    translation = trimmed(source, content)
    raw = None if translation == content else content
    return Answer(translation=translation, finish_reason=finish, model=model, usage=usage, raw=raw)


def trimmed(source: str, answer: str) -> str:
    """The answer without white space at an end where the source has none: models add it, texts seldom have it."""
    if source[:1].strip():
        answer = answer.lstrip()
    if source[-1:].strip():
        answer = answer.rstrip()
    return answer


def _usage(value: Any) -> Usage:
    counts = value if isinstance(value, dict) else {}
    sent, received = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        input_tokens=sent if isinstance(sent, int) else 0,
        output_tokens=received if isinstance(received, int) else 0,
    )

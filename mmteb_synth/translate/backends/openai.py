"""Asks an endpoint that speaks OpenAI's chat-completions dialect, through the openai SDK.

The SDK retries nothing: `limits.RetryPolicy` is the one layer that asks again.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

import openai

from mmteb_synth.translate.backends import headers
from mmteb_synth.translate.backends.client import LONGEST_SECONDS, Connection
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.parsing import Reader, parse_completion
from mmteb_synth.translate.requests import request_body
from mmteb_synth.types import Answer, Language, Segment


class OpenAIBackend:
    """A client of one endpoint.

    Args:
        endpoint: The model, where it is, and how it wants to be asked.
        concurrency: Requests in flight at most; as many connections are kept.
        read: Reads what the model wrote; as a translation by default.
    """

    batch_size = 1

    def __init__(self, *, endpoint: Endpoint, concurrency: int, read: Reader | None = None) -> None:
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._read = read
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
            # The client's own limit is for each read, which an answer that trickles never meets.
            async with asyncio.timeout(LONGEST_SECONDS):
                reply = await self._open().chat.completions.with_raw_response.create(
                    model=body.pop("model"), messages=messages, extra_body=body
                )
        content = self._connection.without_key(reply.http_response.content, segment.text)
        answer = parse_completion(segment.text, content, language, read=self._read)
        wait = headers.until_reset(reply.http_response.headers)
        return [dataclasses.replace(answer, wait=wait) if wait else answer]

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _open(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = self._connection.open()
        return self._client

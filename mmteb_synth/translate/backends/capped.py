"""Reads no more of an answer than one can have: a server that never ends it would fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from httpx2 import AsyncByteStream, ReadError, Response


class EndlessError(ReadError):
    """A body is longer than any answer."""


class _Capped(AsyncByteStream):
    def __init__(self, stream: AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise EndlessError(
                    f"the answer has more than {self._most:,} bytes, more than any translation"
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def capped(most: int) -> Callable[[Response], Awaitable[None]]:
    """A hook of a client: each response breaks off with an `EndlessError` when it is too long.

    Args:
        most: Bytes of a body, as they come over the wire; ask for an answer that is not compressed.
    """

    async def cap(response: Response) -> None:
        assert isinstance(response.stream, AsyncByteStream)
        response.stream = _Capped(response.stream, most)

    return cap

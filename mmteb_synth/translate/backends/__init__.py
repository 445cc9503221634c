"""Who answers: one small seam between the engine and everything that translates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mmteb_synth.types import Answer, Language, Segment


class Backend(Protocol):
    """Asks one translator. Started at most once, and only when the cache lacks something."""

    @property
    def batch_size(self) -> int:
        """The most segments for one call of `translate`; 1 for HTTP."""
        ...

    async def start(self) -> None:
        """Make sure that the translator can be asked at all: key, retirement, endpoint, model.

        Raises:
            TranslatorError: It can't. A retryable RequestError may be tried again.
        """
        ...

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Translate segments.

        Returns:
            One answer for each segment, in their order.

        Raises:
            RequestError: The request failed; see its `retryable` and `fatal`.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes; also after a `start` that failed."""
        ...

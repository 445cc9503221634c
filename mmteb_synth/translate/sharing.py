"""Several endpoints of one model, as servers of one's own: they share the load, and one that goes away is left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mmteb_synth.errors import RequestError
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.types import Answer, Language, Segment

_REST = 10.0
"""Seconds for which an endpoint that can't be reached, or only fails, is asked nothing."""

_FAULTS = 3
"""So many failures in a row, with no answer between them, and an endpoint only fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEndpoint(Endpoint):
    """A preset that is asked at several addresses; all but that is as with one.

    Attributes:
        others: The endpoints beside the first.
    """

    others: tuple[Endpoint, ...]

    @property
    def concurrency(self) -> int:
        """Requests in flight at most: as many as with one, for each."""
        return self.preset.concurrency * (1 + len(self.others))

    def backend(self, concurrency: int) -> Backend:
        """The clients, and what divides the requests among them."""
        first = Endpoint(
            preset=self.preset, base_url=self.base_url, label=self.label, given_url=self.given_url
        )
        return SharedBackend([endpoint.backend(concurrency) for endpoint in (first, *self.others)])


@dataclass(slots=True)
class _Member:
    """One endpoint's client.

    Attributes:
        backend: The client.
        in_flight: Requests that it has not answered.
        faults: Its failures since its last answer.
        away_until: When it may be asked again, where it could not be reached or only failed.
    """

    backend: Backend
    in_flight: int = 0
    faults: int = 0
    away_until: float = 0.0


class SharedBackend:
    """Gives each request to the least busy endpoint that can be reached and answers.

    One that fails at once, or hangs until the request is given up, would otherwise draw most requests to itself.

    Args:
        backends: The clients; each takes one segment a request.
    """

    batch_size = 1

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._members = [_Member(backend) for backend in backends]

    async def start(self) -> None:
        """Check all endpoints at once; whoever names several means all of them.

        Raises:
            TranslatorError: One can't be used.
            RequestError: One can't be used now.
        """
        await asyncio.gather(*(member.backend.start() for member in self._members))

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Ask for the translation of one segment; elsewhere where an endpoint can't be reached.

        Raises:
            RequestError: There was no answer.
        """
        unreachable: RequestError | None = None
        for member in self._in_order():
            member.in_flight += 1
            try:
                answers = await member.backend.translate(segments, language)
            except RequestError as error:
                member.faults += error.cause in ("fault", "overload")
                if error.cause == "down" or member.faults >= _FAULTS:
                    member.away_until = time.monotonic() + _REST
                if error.cause != "down":
                    raise
                unreachable = error
            else:
                member.faults = 0
                return answers
            finally:
                member.in_flight -= 1
        assert unreachable is not None
        raise unreachable

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(member.backend.close() for member in self._members))

    def _in_order(self) -> list[_Member]:
        """The endpoints: those that were reached last come first, and of these the least busy."""
        now = time.monotonic()
        return sorted(self._members, key=lambda member: (member.away_until > now, member.in_flight))

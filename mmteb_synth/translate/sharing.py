"""Several endpoints of one model, as servers of one's own: they share the load, and one that goes away is left out."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmteb_synth.errors import RequestError
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.waiting import end
from mmteb_synth.types import Answer, Language, Segment

_REST = 10.0
"""Seconds for which an endpoint that can't be reached, or only fails, is asked nothing."""

_PATIENCE = 2.0
"""Seconds for which, at the start, those that can be asked wait for the others to say so too."""

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
        return SharedBackend(
            {endpoint.base_url: endpoint.backend(concurrency) for endpoint in (first, *self.others)}
        )


@dataclass(slots=True)
class _Member:
    """One endpoint's client.

    Attributes:
        url: Its address.
        backend: The client.
        in_flight: Requests that it has not answered.
        faults: Its failures since its last answer.
        away_until: When it may be asked again, where it could not be reached or only failed.
        starting: Looks whether it can be asked at all, and ends with the error where it can't.
    """

    url: str
    backend: Backend
    in_flight: int = 0
    faults: int = 0
    away_until: float = 0.0
    starting: asyncio.Task[None] | None = None

    @property
    def has_started(self) -> bool:
        """Whether it can be asked."""
        return self.starting is not None and self.starting.done() and self.failure is None

    @property
    def failure(self) -> BaseException | None:
        """Why it can't be asked, where this is known."""
        return self.starting.exception() if self.starting is not None and self.starting.done() else None

    def start(self) -> None:
        """Look whether it can be asked, where this is not known and not being looked at."""
        if self.starting is None or self.failure is not None:
            self.starting = asyncio.create_task(self._start())

    def leave_out(self) -> None:
        """Ask it nothing for a while."""
        self.away_until = time.monotonic() + _REST

    async def _start(self) -> None:
        await self.backend.start()
        self.away_until = 0.0


class SharedBackend:
    """Gives each request to the least busy endpoint that can be reached and answers.

    One that fails at once, or hangs until the request is given up, would otherwise draw most requests to itself. One
    that is away, from the start or later, loses its share until it is back.

    Args:
        backends: The clients by their addresses; each takes one segment a request.
    """

    batch_size = 1

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self._members = [_Member(url, backend) for url, backend in backends.items()]

    async def start(self) -> None:
        """Look at all endpoints at once; those that don't answer are left out while others do.

        Raises:
            TranslatorError: One can't be used as it was named: it refuses the key, or serves other models.
            RequestError: None can be used now.
        """
        for member in self._members:
            member.start()
        waiting = {member.starting for member in self._members if member.starting}
        while waiting:
            patience = _PATIENCE if self._started() else None
            ended, waiting = await asyncio.wait(
                waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            failures = [member.failure for member in self._members if member.failure]
            if len(failures) == len(self._members) or not all(map(_may_pass, failures)):
                raise min(failures, key=_may_pass)
            if not ended:  # they hang, and take part as soon as they answer
                break
        for member in self._members:
            if not member.has_started:
                _tell_of(member)
                member.leave_out()

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Ask for the translation of one segment; elsewhere where an endpoint can't be reached.

        Raises:
            RequestError: There was no answer.
        """
        self._look_again()
        unreachable: RequestError | None = None
        for member in self._in_order():
            member.in_flight += 1
            try:
                answers = await member.backend.translate(segments, language)
            except RequestError as error:
                member.faults += error.cause in ("fault", "overload")
                if error.cause == "down" or member.faults >= _FAULTS:
                    member.leave_out()
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
        await end(*(member.starting for member in self._members if member.starting))
        await asyncio.gather(*(member.backend.close() for member in self._members))

    def _look_again(self) -> None:
        """Look whether endpoints are back that were away from the start; requests don't wait for that."""
        now = time.monotonic()
        for member in self._members:
            failure = member.failure
            if failure is None or member.away_until > now:
                continue
            if _may_pass(failure):
                member.start()
                member.leave_out()
            else:
                _tell_of(member)
                member.away_until = math.inf

    def _started(self) -> list[_Member]:
        return [member for member in self._members if member.has_started]

    def _in_order(self) -> list[_Member]:
        """The endpoints: those that were reached last come first, and of these the least busy."""
        now = time.monotonic()
        return sorted(self._started(), key=lambda member: (member.away_until > now, member.in_flight))


def _may_pass(failure: BaseException) -> bool:
    return isinstance(failure, RequestError) and failure.retryable


def _tell_of(member: _Member) -> None:
    """Say that an endpoint is left out while others go on."""
    from mmteb_synth.translate.backends.client import warn_once

    why = str(member.failure or f"{member.url} does not answer")
    warn_once(f"{why}; the others go on without it")

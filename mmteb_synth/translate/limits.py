"""What a translator takes, and what happens when a request fails: one policy for every translator.

The SDK's own retries are off, so that this is the only layer that asks again. One dispatcher asks the `Gate` before
each request, so that a rate limit or an outage holds up all requests at once and ends with a single probe, not with a
storm. `Pace` keeps to requests and tokens a minute.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from mmteb_synth.errors import RequestError, UsageError
from mmteb_synth.translate.waiting import wait_within

_Result = TypeVar("_Result")

_OUTAGE_FAULTS = 8
"""So many faults in a row, with no answer between them, are the server's and not the texts'."""

_REFUSALS_AT_FIRST = 3
"""So many refusals in a row before the first answer mean that every request is refused."""

_REFUSALS_LATER = 20
"""So many refusals in a row after answers mean that the server has changed."""

_AWAY_ATTEMPTS = 3
"""Attempts to reach a server before a run; a second or two in all."""

_CHARACTERS_PER_TOKEN = 2.0
"""A first guess, and a careful one (English has about four); what the server counts replaces it."""

_PROMPT_CHARACTERS = 800
"""About what the shipped prompts add to a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Ask again what may succeed when asked again, after a wait.

    The wait is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS, 2015): uniform
    between nothing and `first_wait` doubled with each attempt. A server's `Retry-After` is waited out first.

    Attributes:
        attempts: Requests for one text, the first included. Those that a rate limit or an outage of the whole server
            took don't count.
        first_wait: Upper end of the first wait, in seconds.
        longest_wait: Upper end of any wait, in seconds.
        longest_retry_after: What is granted to a server that asks for longer before a run, in seconds.
        text_seconds: From a text's first request to its last, without the time in which nothing could be sent.
        outage_seconds: For how long nothing at all may be answered before the run ends.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_retry_after: float = 120.0
    text_seconds: float = 900.0
    outage_seconds: float = 600.0

    async def call(self, request: Callable[[], Awaitable[_Result]], stopping: asyncio.Event) -> _Result:
        """Make one request alone, again while that may help.

        Args:
            request: Makes the request.
            stopping: Set when the run is ending: it cuts waits short, and `request` should then refuse.

        Raises:
            RequestError: The last one, when nothing more may help or all attempts are used.
        """

        async def pause(seconds: float) -> None:
            await wait_within(stopping, seconds)

        retrying = AsyncRetrying(
            sleep=pause,
            stop=self._is_enough,
            wait=self.wait,
            retry=retry_if_exception(lambda error: _may_help(error) and not stopping.is_set()),
            reraise=True,
        )
        return await retrying(request)

    def _is_enough(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        # An address that nobody listens at is more often mistyped than restarting just now.
        away = isinstance(error, RequestError) and error.cause == "down"
        return state.attempt_number >= (min(_AWAY_ATTEMPTS, self.attempts) if away else self.attempts)

    def wait(self, state: RetryCallState) -> float:
        """Seconds to wait after a failed attempt of `call`."""
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None) or 0.0
        return self.jitter(state.attempt_number) + min(max(asked, 0.0), self.longest_retry_after)

    def jitter(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, at least one."""
        return random.uniform(0.0, min(self.first_wait * 2.0 ** min(failures - 1, 60), self.longest_wait))


def _may_help(error: BaseException) -> bool:
    return isinstance(error, RequestError) and error.retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a translator may be asked in a minute; None for as much as it takes.

    Attributes:
        requests_per_minute: Requests, repeated ones included.
        tokens_per_minute: Tokens sent and received.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        for name in ("requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"--{name.replace('_', '-')} must be above 0 and is {value}")

    def or_of(self, preset: Any) -> Limits:
        """These limits, and a preset's where these say nothing."""
        return Limits(
            requests_per_minute=self.requests_per_minute or getattr(preset, "requests_per_minute", None),
            tokens_per_minute=self.tokens_per_minute or getattr(preset, "tokens_per_minute", None),
        )


class Pace:
    """Keeps to the limits, evenly: at most a second's worth goes in a burst.

    Tokens are guessed from characters before a request, by what the server counted for earlier ones.

    Args:
        limits: The limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._requests = _bucket(limits.requests_per_minute)
        self._tokens = _bucket(limits.tokens_per_minute)
        self._counted = 0
        self._characters = 0

    @property
    def limited(self) -> bool:
        """Whether there is any limit to keep."""
        return self._requests is not None or self._tokens is not None

    async def wait(self, characters: int) -> None:
        """Return when a request with a text of so many characters may go."""
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            left = self.tokens(characters)
            while left > 0:  # a bucket gives no more at once than it holds
                part = min(left, self._tokens.max_rate)
                await self._tokens.acquire(part)
                left -= part

    def tokens(self, characters: int) -> float:
        """The tokens that a text of so many characters will take, sent and received."""
        size = _PROMPT_CHARACTERS + 2 * characters
        return size * self._counted / self._characters if self._characters else size / _CHARACTERS_PER_TOKEN

    def learn(self, characters: int, tokens: int) -> None:
        """What the server counted for a text of so many characters; 0 where it does not count."""
        if tokens:
            self._counted += tokens
            self._characters += _PROMPT_CHARACTERS + 2 * characters


def _bucket(per_minute: float | None) -> AsyncLimiter | None:
    if per_minute is None:
        return None
    a_second = per_minute / 60
    return AsyncLimiter(a_second, 1.0) if a_second >= 1 else AsyncLimiter(1.0, 60 / per_minute)


class Ticket(NamedTuple):
    """One request that was let through the gate.

    Attributes:
        number: Requests are numbered as they are sent.
        probe: Whether it was sent alone, to see whether the translator answers again.
    """

    number: int
    probe: bool


class Gate:
    """Says when the next request may be sent, from what became of the earlier ones.

    - How many may be in flight grows by one for as many answers and is halved by rate limits and overload, once for
      all requests that were in flight then (AIMD: Chiu and Jain, 1989), between one and what the user allows.
    - A rate limit, an unreachable server, or `_OUTAGE_FAULTS` faults in a row close it for everybody. After the
      pause, which the server sets or which doubles with jitter, a single probe goes; its answer opens the gate.
    - When nothing was answered for `RetryPolicy.outage_seconds`, a server asks to wait longer than that, or requests
      are refused one after another, `ended` says so in the server's words.

    Args:
        policy: Waits and their bounds.
        concurrency: Requests in flight at most.
        proven: Whether earlier runs were answered.
        clock: Seconds; monotonic.

    Attributes:
        ended: What ends the run; None while it goes on.
        doubtful: Whether the texts that failed may be to blame for that, rather than the server.
        proven: Whether anything was answered, in this run or an earlier one.
        problem: The last failure, until the next answer.
        in_flight: Requests that are being answered.
        limit: How many may be.
        paused_seconds: For how long in all nothing could be sent.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        concurrency: int,
        *,
        proven: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ended: RequestError | None = None
        self.doubtful = False
        self.proven = proven
        self.problem: str | None = None
        self.in_flight = 0
        self.limit = float(concurrency)
        self.paused_seconds = 0.0
        self._policy = policy
        self._most = concurrency
        self._clock = clock
        self._sent = 0
        self._resume = 0.0
        self._closed_at = 0
        self._eased_at = 0
        self._probing = False
        self._probe_in_flight = False
        self._pauses = 0
        self._faults = 0
        self._refusals = 0
        self._refusal: RequestError | None = None
        self._trouble_since: float | None = None

    @property
    def refusal(self) -> RequestError | None:
        """A refusal that nothing shows to be one text's alone, since nothing was answered."""
        return None if self.proven else self._refusal

    def delay(self) -> float | None:
        """Seconds until a request may be sent; None where that depends on one that is in flight."""
        pause = self._resume - self._clock()
        if pause > 0:
            return pause
        if self._probing:
            return None if self._probe_in_flight else 0.0
        if self._refusals and not self.proven:
            return None if self.in_flight else 0.0
        return 0.0 if self.in_flight < int(self.limit) else None

    def sent(self) -> Ticket:
        """A request is sent."""
        self.in_flight += 1
        self._sent += 1
        self._probe_in_flight = self._probe_in_flight or self._probing
        return Ticket(self._sent, self._probing)

    def answered(self, ticket: Ticket, wait: float = 0.0) -> None:
        """A request was answered.

        Args:
            ticket: The request.
            wait: Seconds in which the server wants no further one.
        """
        self._landed(ticket)
        self.proven = True
        self._refusals = 0
        self._alive(ticket)
        if ticket.number > self._eased_at and self.limit < self._most:
            self.limit = min(self.limit + 1.0 / self.limit, float(self._most))
        if wait > 0:
            self._hold(min(wait, self._policy.outage_seconds))

    def failed(self, ticket: Ticket, error: RequestError) -> bool:
        """A request failed.

        Args:
            ticket: The request.
            error: Why.

        Returns:
            Whether this was an attempt of its text's own; not where the whole server was at fault.
        """
        self._landed(ticket)
        self.problem = error.message
        if error.fatal:
            self.ended = self.ended or error
        elif error.retryable:
            return self._struggling(ticket, error)
        else:
            self._alive(ticket)  # what can refuse can answer
            if error.cause == "refused":
                self._refusals += 1
                self._refusal = error
                if self._refusals >= (_REFUSALS_LATER if self.proven else _REFUSALS_AT_FIRST):
                    self._end(error, f"{self._refusals} requests in a row were refused: {error.message}")
        return True

    def _struggling(self, ticket: Ticket, error: RequestError) -> bool:
        now = self._clock()
        stale = ticket.number <= self._closed_at
        if self._trouble_since is None:
            self._trouble_since = now
        if error.cause in ("limit", "overload") and ticket.number > self._eased_at:
            self.limit = max(self.limit / 2, 1.0)
            self._eased_at = self._sent
        wholly = error.cause in ("limit", "down")
        if not (stale or wholly):
            self._faults += 1
        asked = error.retry_after or 0.0
        if asked > self._policy.outage_seconds:
            self._end(error, f"{error.message} (it asks to wait {asked:.0f} s)")
        elif now - self._trouble_since > self._policy.outage_seconds:
            self._end(error, f"nothing was answered for {now - self._trouble_since:.0f} s: {error.message}")
        elif not stale and (wholly or asked or self._probing or self._faults >= _OUTAGE_FAULTS):
            self._pauses += 1
            self._probing = True
            self._closed_at = self._sent
            self._hold(asked + self._policy.jitter(self._pauses))
        elif asked:
            self._hold(asked)
        return not (stale or wholly)

    def _landed(self, ticket: Ticket) -> None:
        self.in_flight -= 1
        if ticket.probe:
            self._probe_in_flight = False

    def _alive(self, ticket: Ticket) -> None:
        """The server lives; requests from before a pause prove that only for then."""
        self._faults = 0
        self._trouble_since = None
        if ticket.number > self._closed_at:
            self._probing = False
            self._pauses = 0
            self.problem = None

    def _hold(self, seconds: float) -> None:
        now = self._clock()
        until = max(self._resume, now + seconds)
        self.paused_seconds += until - max(self._resume, now)
        self._resume = until

    def _end(self, error: RequestError, message: str) -> None:
        hint = error.hint or "run the same command again to go on: what was answered is kept"
        if self.ended is None:
            self.ended = RequestError(message, fatal=True, cause=error.cause, hint=hint)
            self.doubtful = error.cause in ("fault", "overload", "refused")

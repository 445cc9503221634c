"""What happens when a request fails: one policy for every translator.

The SDK's own retries are off, so that this is the only layer that asks again. Rate limits by requests and
tokens a minute belong here too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from mmteb_synth.errors import RequestError

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Ask again what may succeed when asked again, after a wait.

    The wait is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS, 2015): uniform
    between nothing and `first_wait` doubled with each attempt. A server's `Retry-After` is waited out first.

    Attributes:
        attempts: Requests for one text, the first included.
        first_wait: Upper end of the first wait, in seconds.
        longest_wait: Upper end of any wait, in seconds.
        longest_retry_after: What is granted to a server that asks for longer, in seconds.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_retry_after: float = 120.0

    async def call(self, request: Callable[[], Awaitable[_Result]], stopping: asyncio.Event) -> _Result:
        """Make a request, again while that may help.

        Args:
            request: Makes one request.
            stopping: Set when the run is ending: it cuts waits short, and `request` should then refuse.

        Raises:
            RequestError: The last one, when nothing more may help or all attempts are used.
        """

        async def pause(seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), seconds)

        retrying = AsyncRetrying(
            sleep=pause,
            stop=stop_after_attempt(self.attempts),
            wait=self.wait,
            retry=retry_if_exception(lambda error: _may_help(error) and not stopping.is_set()),
            reraise=True,
        )
        return await retrying(request)

    def wait(self, state: RetryCallState) -> float:
        """Seconds to wait after a failed attempt."""
        jitter = wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None) or 0.0
        return jitter + min(max(asked, 0.0), self.longest_retry_after)


def _may_help(error: BaseException) -> bool:
    return isinstance(error, RequestError) and error.retryable

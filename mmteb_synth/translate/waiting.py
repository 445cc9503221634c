"""Waits for events and for the end of tasks, so that no cancellation is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

_CANCEL_AGAIN = 5.0
"""Seconds until a task that goes on is cancelled once more."""


def soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call something in an event loop, from a signal handler or another thread; nothing where it has ended meanwhile."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


async def wait_within(event: asyncio.Event, seconds: float | None) -> None:
    """Return when an event is set, or after so many seconds; None waits for as long as it takes.

    `asyncio.wait_for` of Python 3.11 forgets a cancellation that comes in the step in which the event is set
    (https://github.com/python/cpython/issues/86296), and whoever cancelled then waits for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return when all have ended, whatever became of them.

    Awaiting a task that one has cancelled, and suppressing its `CancelledError`, would suppress a cancellation of the
    one who waits too. A library may lose a cancellation, so that it is repeated.
    """
    going = set(tasks)
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=_CANCEL_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # nobody else may ask for it, and asyncio would complain of that

"""Waits for an event or until the time is up."""

from __future__ import annotations

import asyncio
import contextlib


async def wait_within(event: asyncio.Event, seconds: float | None) -> None:
    """Return when an event is set, or after so many seconds; None waits for as long as it takes.

    `asyncio.wait_for` of Python 3.11 forgets a cancellation that comes in the step in which the event is set
    (https://github.com/python/cpython/issues/86296), and whoever cancelled then waits for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

"""Puts answers into the cache while others are still being waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row
from mmteb_synth.translate.waiting import wait_within

COMMIT_ROWS = 200
COMMIT_SECONDS = 0.25
"""Answers are committed after so many rows or so long, so that a kill repeats at most concurrency + 200 requests."""


class Committer:
    """Commits answers in a thread, so that a slow disk holds up no request.

    Answers that are not committed yet count in `waiting`. Whoever sends requests keeps their number and those in
    flight below `concurrency + COMMIT_ROWS`; then a kill loses no more than that.

    Args:
        cache: Where they go.
        done: Called after each commit, in the event loop.
    """

    def __init__(self, cache: Cache, done: Callable[[], None]) -> None:
        self._cache = cache
        self._done = done
        self._rows: list[Row] = []
        self._writing = 0
        self._many = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Answers that are not in the cache yet."""
        return len(self._rows) + self._writing

    def add(self, row: Row) -> None:
        """Take an answer for the next commit."""
        self._rows.append(row)
        if len(self._rows) >= COMMIT_ROWS // 2:  # the other half may come while these are written
            self._many.set()

    async def run(self) -> None:
        """Commit regularly, until cancelled.

        Raises:
            CacheError: The cache can't be written.
        """
        while True:
            await wait_within(self._many, COMMIT_SECONDS)
            self._many.clear()
            if self._rows:
                await self._commit()

    async def _commit(self) -> None:
        rows, self._rows = self._rows, []
        self._writing = len(rows)
        try:
            await asyncio.to_thread(self._cache.put, rows)
        except BaseException:
            # Cancelled, the thread may not have begun; a lock may be gone at the flush. Twice is stored as once.
            self._rows[:0] = rows
            raise
        finally:
            self._writing = 0
        self._done()

    def flush(self) -> None:
        """Commit what is left, when nothing more comes.

        Raises:
            CacheError: The cache can't be written.
        """
        rows, self._rows = self._rows, []
        self._cache.put(rows)

"""The committer can be stopped at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmteb_synth.errors import CacheError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.commits import COMMIT_ROWS, Committer
from mmteb_synth.translate.rows import Row


def row(number: int) -> Row:
    key = number.to_bytes(16, "big")
    return Row(key=key, translator="x", language="tur-Latn", kind=None, source=str(number), translation="y")


@pytest.mark.parametrize("steps", range(8))
def test_it_ends_when_cancelled_just_as_many_rows_have_come(tmp_path: Path, steps: int) -> None:
    async def run(cache: Cache) -> bool:
        committer = Committer(cache, lambda: None)
        running = asyncio.create_task(committer.run())
        await asyncio.sleep(0.01)
        for number in range(COMMIT_ROWS):
            committer.add(row(number))
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait((running,), timeout=5)
        ended = running.done()
        running.cancel()
        committer.flush()
        return ended

    with Cache(tmp_path / "cache.sqlite") as cache:
        assert asyncio.run(run(cache))


def test_answers_that_could_not_be_stored_are_stored_at_the_end(tmp_path: Path) -> None:
    class Locked(Cache):
        """Locked by another process when it is first written."""

        tries = 0

        def put(self, rows: Sequence[Row]) -> None:
            self.tries += 1
            if self.tries == 1:
                raise CacheError("locked")
            super().put(rows)

    async def run(cache: Cache) -> None:
        committer = Committer(cache, lambda: None)
        for number in range(COMMIT_ROWS):
            committer.add(row(number))
        with pytest.raises(CacheError, match="locked"):
            await committer.run()
        committer.flush()

    with Locked(tmp_path / "cache.sqlite") as cache:
        asyncio.run(run(cache))
        assert len(list(cache.rows())) == COMMIT_ROWS

"""The committer can be stopped at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

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

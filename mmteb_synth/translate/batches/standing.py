"""Live runs and the batch jobs of their cache: nobody is asked live for what a job was paid for."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from mmteb_synth.errors import WaitingError
from mmteb_synth.translate.batches.jobs import BusyError, Job, Jobs
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.shards import ShardCache

_ON_SERVER = ("creating", "submitted")
_NAMED = 3

_log = logging.getLogger(__name__)


def waiting(keys: Collection[bytes], cache: Cache) -> dict[bytes, Job]:
    """Which of some texts wait in jobs that are on the server.

    Args:
        keys: The texts' cache keys.
        cache: The cache that they would be stored in.

    Raises:
        CacheError: The cache can't be read.
    """
    return _held(keys, Jobs(_of_jobs(cache)), is_busy=False)


def bring_in(keys: Collection[bytes], cache: Cache) -> bool:
    """Harvest the jobs that hold some of the texts that are about to be asked for live.

    Args:
        keys: The texts' cache keys.
        cache: Where their answers would be stored.

    Returns:
        Whether any did, so that the cache may hold more than before.

    Raises:
        WaitingError: Some are not answered yet.
        CacheError: The cache can't be used.
    """
    own = _of_jobs(cache)
    jobs = Jobs(own)
    held = _held(keys, jobs, is_busy=True)
    if not held:
        return False
    obstacles: set[str] = set()
    # A job of an array writes its own file only, and there may be many of them.
    is_busy = _harvest(own, {job.tag for job in held.values()}, obstacles) if own is cache else True
    left = _held(held, jobs, is_busy=is_busy)
    if left:
        raise _error(left, obstacles, may_harvest=own is cache)
    return True


def _of_jobs(cache: Cache) -> Cache:
    """The cache in whose file jobs are written down."""
    return cache.main if isinstance(cache, ShardCache) else cache


def _held(keys: Collection[bytes], jobs: Jobs, *, is_busy: bool) -> dict[bytes, Job]:
    """The jobs of some texts; with those that are not on the server yet where another process may be at it."""
    standing = [job for job in jobs.unfinished() if is_busy or job.state in _ON_SERVER]
    asked = jobs.keys(standing) if standing else {}
    return {key: asked[key] for key in keys if key in asked} if asked else {}


def _harvest(cache: Cache, tags: Collection[str], obstacles: set[str]) -> bool:
    """Whether another process is at the cache's jobs; if not, what is finished is brought in."""
    from mmteb_synth.translate.batches import joblist

    try:
        for job in joblist.harvest_finished(cache, tags):
            _log.info("batch %s: %s", job.id, job.unknown or job.said or job.remote or job.state)
            if job.unknown:
                obstacles.add(job.unknown)
    except BusyError:
        return True
    return False


def _error(left: Mapping[bytes, Job], obstacles: Collection[str], *, may_harvest: bool) -> WaitingError:
    names = sorted({job.batch_id or job.tag for job in left.values()})
    named = ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
    said = "".join(f"; {obstacle}" for obstacle in sorted(obstacles))
    go_on = "`mmteb-synth batches list` says how they stand; build again when they are done"
    if not may_harvest:
        go_on = "when they are done, `mmteb-synth batches harvest` and build again"
    return WaitingError(
        f"{len(left):,} of its texts wait in batches of an earlier build ({named}), and are not paid for twice{said}",
        hint=f"{go_on}, or build with --batch to wait for them; `mmteb-synth batches cancel` gives them up",
    )

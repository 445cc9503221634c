"""What `mmteb-synth batches` does with a cache's jobs, of whatever translator, without the sets they were made for."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from mmteb_synth.errors import CacheError, SynthError, UnknownNameError
from mmteb_synth.translate.backends.batch import FINISHED, BatchAPI, RemoteBatch
from mmteb_synth.translate.batches.harvest import harvest, settle
from mmteb_synth.translate.batches.jobs import Job, Jobs
from mmteb_synth.translate.cache import Cache

_STRANGER = "the endpoint knows no such batch of this key"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job, and how it stands.

    Attributes:
        id: The server's name for the batch; the job's tag as long as there is none.
        translator: The translator's name.
        base_url: The endpoint.
        created: When it was written down, as ISO 8601 in UTC.
        requests: How many requests it has.
        state: `prepared`, `uploaded`, `creating`, `submitted` or `done`.
        remote: The server's word for its state; None where it was not asked or gave none.
        completed: Requests that the server has answered.
        failed: Requests that the server has refused.
        said: What came of it.
        unknown: Why nothing is known of it at the server, where that could not be asked.
    """

    id: str
    translator: str
    base_url: str
    created: str
    requests: int
    state: str
    remote: str | None = None
    completed: int = 0
    failed: int = 0
    said: str = ""
    unknown: str = ""


def statuses(cache: Cache) -> list[JobStatus]:
    """All jobs, the oldest first; for those that are not done the endpoints are asked.

    An endpoint that can't be asked is said to be so in the job's line.

    Raises:
        CacheError: The cache can't be read.
    """
    with _Endpoints() as endpoints:
        return [_status(job, endpoints) for job in Jobs(cache).all()]


def harvest_finished(cache: Cache, tags: Collection[str] | None = None) -> Iterator[JobStatus]:
    """Bring in the answers of batches that are finished.

    Args:
        cache: Where the jobs are written down, and the answers go.
        tags: Of which jobs; all by default.

    Yields:
        Each job that was not done before, as it stands afterwards.

    Raises:
        CacheError: The cache can't be used, or a build is harvesting.
    """
    jobs = Jobs(cache)
    unfinished = [job for job in jobs.unfinished() if tags is None or job.tag in tags]
    if not unfinished:
        return
    with jobs.alone(), _Endpoints() as endpoints:
        for job in unfinished:
            yield _harvested(job, jobs, cache, endpoints)


def cancel(cache: Cache, ids: Sequence[str] = ()) -> Iterator[JobStatus]:
    """Cancel jobs. What they finished is charged; it is kept at the server until it is harvested.

    Args:
        cache: Where the jobs are written down.
        ids: Batches or tags; all that are not done by default.

    Yields:
        Each of these jobs, as it stands afterwards.

    Raises:
        UnknownNameError: There is no such job that is not done.
        CacheError: The cache can't be used.
    """
    jobs = Jobs(cache)
    unfinished = jobs.unfinished()
    names = {name for job in unfinished for name in (job.tag, job.batch_id) if name}
    for wanted in ids:
        if wanted not in names:
            raise UnknownNameError("unfinished batch", wanted, names, hint="mmteb-synth batches list")
    with ExitStack() as stack:
        endpoints = stack.enter_context(_Endpoints())
        # A build that waits for its batches must not be needed to end before they can be cancelled.
        locked = False
        for job in unfinished:
            if ids and not {job.tag, job.batch_id} & set(ids):
                continue
            if job.state != "submitted" and not locked:
                stack.enter_context(jobs.alone())
                locked = True
            yield _cancelled(job, jobs, endpoints)


class _Endpoints:
    """The endpoints of some jobs, each opened once."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._apis: dict[tuple[str, str], BatchAPI] = {}

    def __enter__(self) -> _Endpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, job: Job) -> BatchAPI:
        """The endpoint that a job was made for.

        Raises:
            SynthError: It can't be asked.
        """
        key = job.base_url, job.preset
        if key not in self._apis:
            endpoint = job.endpoint()
            obstacle = endpoint.obstacle()
            if obstacle is not None:
                raise obstacle
            self._apis[key] = self._stack.enter_context(closing(BatchAPI(endpoint)))
        return self._apis[key]


def _status(job: Job, endpoints: _Endpoints) -> JobStatus:
    if job.state != "submitted" or job.batch_id is None:
        return _as_status(job)
    try:
        batch = endpoints.of(job).retrieve(job.batch_id)
    except SynthError as error:
        return _as_status(job, unknown=error.message)
    return _as_status(job, batch, unknown="" if batch else _STRANGER)


def _harvested(job: Job, jobs: Jobs, cache: Cache, endpoints: _Endpoints) -> JobStatus:
    try:
        api = endpoints.of(job)
        settled = settle(job, api, jobs)
        if settled is None or settled.batch_id is None:
            return _as_status(job, said="was never submitted, and is forgotten")
        batch = api.retrieve(settled.batch_id)
        if batch is not None and batch.status in FINISHED:
            brought = harvest(settled, batch, api, jobs, cache)
            done = dataclasses.replace(settled, state="done")
            said = f"{len(brought.answered)} brought in"
            if brought.refused or brought.again:
                said += f", {len(brought.refused) + len(brought.again)} without an answer: build again to ask for them"
            return _as_status(done, batch, said=said)
    except CacheError:
        raise
    except SynthError as error:
        return _as_status(job, unknown=error.message)
    return _as_status(settled, batch, unknown="" if batch else _STRANGER)


def _cancelled(job: Job, jobs: Jobs, endpoints: _Endpoints) -> JobStatus:
    try:
        api = endpoints.of(job)
        settled = settle(job, api, jobs)
        if settled is None or settled.batch_id is None:
            return _as_status(job, said="was never submitted, and is forgotten")
        batch = api.cancel(settled.batch_id)
    except CacheError:
        raise
    except SynthError as error:
        return _as_status(job, unknown=error.message)
    if batch is None:
        jobs.finish(settled, "given up: the endpoint does not know it")
        return _as_status(
            dataclasses.replace(settled, state="done"), said="given up, since the endpoint does not know it"
        )
    return _as_status(settled, batch, said="`mmteb-synth batches harvest` brings in what it finished")


def _as_status(job: Job, batch: RemoteBatch | None = None, *, said: str = "", unknown: str = "") -> JobStatus:
    return JobStatus(
        id=job.batch_id or job.tag,
        translator=job.translator,
        base_url=job.base_url,
        created=job.created,
        requests=job.requests,
        state=job.state,
        remote=batch.status if batch else None,
        completed=batch.completed if batch else 0,
        failed=batch.failed if batch else 0,
        said=said or job.outcome or "",
        unknown=unknown,
    )

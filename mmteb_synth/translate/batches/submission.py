"""The jobs of one run: requests become files, files wait for room in the account's queue, and become batches."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from typing import Any

from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.translate.backends.batch import FINISHED, BatchAPI, RemoteBatch
from mmteb_synth.translate.batches import request_file
from mmteb_synth.translate.batches.jobs import Job, Jobs, Request
from mmteb_synth.translate.batches.request_file import RequestFile
from mmteb_synth.translate.endpoint import Endpoint

_ON_SERVER = ("creating", "submitted")

_log = logging.getLogger(__name__)


class Submission:
    """Takes jobs from their requests to their end. Each step may fail, and is then taken again.

    Args:
        endpoint: The model that is asked.
        api: Where it is.
        jobs: Where jobs are written down, before and after each step.
        queue_tokens: The most tokens that the account may have queued, where this is known.

    Attributes:
        open: The jobs that have not ended, by tag.
        half_done: How many requests of these are answered or refused already.
    """

    def __init__(
        self, endpoint: Endpoint, api: BatchAPI, jobs: Jobs, *, queue_tokens: int | None = None
    ) -> None:
        self.open: dict[str, Job] = {}
        self.half_done: dict[str, int] = {}
        self._endpoint = endpoint
        self._api = api
        self._jobs = jobs
        self._queue_tokens = queue_tokens
        self._file = RequestFile(endpoint)
        self._is_held = False

    def put(self, request: Request) -> None:
        """Put a request into the file that is being filled, or into a new one where that is full."""
        if not self._file.add(request, self._queue_tokens):
            self.close_file()
            self._file.add(request)

    def close_file(self) -> None:
        """Make a job of the file that was being filled."""
        if not self._file.requests:
            return
        job = Job(
            translator=self._endpoint.name,
            preset=self._endpoint.preset.model_dump_json(),
            base_url=self._endpoint.base_url,
            prompt_version=self._endpoint.prompt_version,
            requests=len(self._file.requests),
            tokens=self._file.tokens,
        )
        self._jobs.add(job, self._file.requests)
        self.open[job.tag] = job
        self._file = RequestFile(self._endpoint)

    def on_server(self) -> list[Job]:
        """The jobs that go on whatever becomes of this process."""
        return [job for job in self.open.values() if job.state in _ON_SERVER]

    def advance(self, job: Job) -> RemoteBatch | None:
        """Take a job as far as it will go.

        Returns:
            Its batch, when nothing more comes of it.

        Raises:
            RequestError: A step failed.
            TranslatorError: The endpoint knows nothing of the job's batch.
        """
        if job.state == "prepared":
            if not self._has_room(job):
                return None
            job = self._upload(job)
        if job.state == "creating":
            # It was tried before, and perhaps only the answer was lost.
            found = self._api.find(job.tag, job.seconds())
            if found is not None:
                job = self._note(job, state="submitted", batch_id=found.id)
        if job.state in ("uploaded", "creating"):
            self._create(job)
            return None
        assert job.batch_id is not None
        batch = self._api.retrieve(job.batch_id)
        if batch is None:
            raise TranslatorError(
                f"{job.base_url} knows no batch {job.batch_id} of this key",
                hint="set the key of the account that submitted it, or give it up with "
                f"`mmteb-synth batches cancel {job.batch_id}`",
            )
        self.half_done[job.tag] = min(batch.completed + batch.failed, job.requests)
        return batch if batch.status in FINISHED else None

    def end(self, job: Job) -> None:
        """A job has ended, and made room in the queue."""
        del self.open[job.tag]
        self.half_done.pop(job.tag, None)
        self._is_held = False

    def make_room(self, job: Job, refusal: RequestError) -> None:
        """The account's queue was full: wait for a job of ours, or try with smaller files where none is queued.

        Args:
            job: The job that found no room, and has ended.
            refusal: What the server said.

        Raises:
            RequestError: There is no room for a single request.
        """
        self._is_held = True
        if self.on_server():
            return
        if job.requests == 1:
            raise RequestError(refusal.message, fatal=True, hint=refusal.hint)
        self._queue_tokens = max(job.tokens // 2, 1)
        for other in [one for one in self.open.values() if one.state == "prepared"]:
            requests = self._jobs.requests(other)
            self._jobs.drop(other)
            del self.open[other.tag]
            for request in requests:
                self.put(request)

    def go_on(self) -> None:
        """Another look begins: what waited for room may try, if none of our own jobs fills the queue."""
        if not self.on_server():
            self._is_held = False

    def _has_room(self, job: Job) -> bool:
        """Whether the queue has room, as far as this is known. A job alone may always try."""
        queued = sum(other.tokens for other in self.on_server())
        if self._is_held:
            return False
        return not queued or self._queue_tokens is None or queued + job.tokens <= self._queue_tokens

    def _upload(self, job: Job) -> Job:
        with tempfile.TemporaryFile() as stream:
            request_file.write(self._endpoint, self._jobs.requests(job), stream)
            stream.seek(0)
            file_id = self._api.upload(stream, f"mmteb-synth-{job.tag}.jsonl")
        return self._note(job, state="uploaded", file_id=file_id)

    def _create(self, job: Job) -> None:
        file_id = job.file_id
        assert file_id is not None
        job = self._note(job, state="creating")
        batch = self._api.create(file_id, job.tag)
        self._note(job, state="submitted", batch_id=batch.id)
        _log.info("submitted %s: %d requests", batch.id, job.requests)

    def _note(self, job: Job, **changes: Any) -> Job:
        job = dataclasses.replace(job, **changes)
        self._jobs.update(job)
        self.open[job.tag] = job
        return job

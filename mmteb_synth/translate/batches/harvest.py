"""Finds out what became of a batch, and brings in what it answered: lines in any order, from two files."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmteb_synth.errors import RequestError
from mmteb_synth.translate.answers import as_row
from mmteb_synth.translate.backends.batch import BatchAPI, RemoteBatch
from mmteb_synth.translate.batches.jobs import Job, Jobs, Request
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.long_texts import CUT_OFF
from mmteb_synth.translate.parsing import parse_completion, parsed
from mmteb_synth.translate.rows import Row
from mmteb_synth.types import Usage

GO_ON = "run the same command again, --batch included, to go on"
"""What to do about jobs that wait."""

_COMMIT_ROWS = 1000
_QUEUE_FULL = "token_limit_exceeded"
_ACCOUNT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Complaints of a file that hold for every other one too."""
_UNANSWERED = "its batch ended without an answer to it"

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Harvest:
    """What a batch brought.

    Attributes:
        answered: The keys with an answer, and the tokens it used.
        cut_off: The requests whose answer ended at the token limit: they must be asked in parts.
        refused: The keys that asking again would not help, and the server's words.
        again: The requests that may be sent again, and what kept them from being answered.
        ignored: Lines that belong to no request of the batch, or to one that had its line before.
        fatal: What every further request would meet too.
    """

    answered: dict[bytes, Usage] = field(default_factory=dict)
    cut_off: list[Request] = field(default_factory=list)
    refused: dict[bytes, str] = field(default_factory=dict)
    again: dict[bytes, tuple[Request, str]] = field(default_factory=dict)
    ignored: int = 0
    fatal: RequestError | None = None


def harvest(job: Job, batch: RemoteBatch, api: BatchAPI, jobs: Jobs, cache: Cache) -> Harvest:
    """Put the answers of a finished batch into the cache, and mark its job as done.

    Harvesting twice, as after a kill, changes nothing.

    Args:
        job: The job.
        batch: Its batch, in a state after which nothing more comes.
        api: Where the files are.
        jobs: Where the job is written down.
        cache: Where the answers go.

    Returns:
        What became of each request.

    Raises:
        RequestError: The files could not be had; nothing is lost, so that it can be tried again.
        CacheError: The cache can't be written.
    """
    requests = {request.key: request for request in jobs.requests(job)}
    harvested = Harvest()
    unsettled = dict(requests)
    lines = _Lines(api=api, unsettled=unsettled, harvested=harvested)
    rows: list[Row] = []
    for row in lines.rows(job, batch):
        rows.append(row)
        if len(rows) >= _COMMIT_ROWS:
            cache.put(rows)
            rows = []
    cache.put(rows)
    # Complaints name lines of the file, which holds the requests in the order of their keys.
    by_line = list(requests.values())
    for complaint in batch.complaints:
        if complaint.line is not None and 1 <= complaint.line <= len(by_line):
            request = by_line[complaint.line - 1]
            if unsettled.pop(request.key, None):
                harvested.refused[request.key] = api.scrubbed(complaint.message)
    harvested.again |= {key: (request, _UNANSWERED) for key, request in unsettled.items()}
    if harvested.ignored:
        _log.warning(
            "%s: %d lines were ignored, since they belong to no request of the batch or repeat one",
            batch.id,
            harvested.ignored,
        )
    jobs.finish(job, _outcome(batch, harvested))
    return harvested


def settle(job: Job, api: BatchAPI, jobs: Jobs) -> Job | None:
    """Bring a job that a kill left half done into a known state.

    Args:
        job: A job that is not done, of the endpoint that `api` asks.
        api: Where its batch would be.
        jobs: Where it is written down.

    Returns:
        The job as it was submitted; None where it never was, and then it is forgotten.

    Raises:
        RequestError: The endpoint can't be asked now.
    """
    if job.state == "creating":
        found = api.find(job.tag, job.seconds())
        if found is not None:
            job = dataclasses.replace(job, state="submitted", batch_id=found.id)
            jobs.update(job)
    if job.state == "submitted":
        return job
    if job.file_id is not None:
        api.delete_file(job.file_id)
    jobs.drop(job)
    return None


def refusal_of_file(batch: RemoteBatch, api: BatchAPI) -> RequestError | None:
    """Why the server refused a file as a whole; retryable where only its queue was full.

    Args:
        batch: The batch, in a state after which nothing more comes.
        api: Where it was sent.

    Returns:
        None where it didn't.
    """
    complaints = [complaint for complaint in batch.complaints if complaint.line is None]
    if batch.status != "failed" or not complaints:
        return None
    first = complaints[0]
    message = f"{batch.id} failed: {api.scrubbed(first.message)}"
    if first.code == _QUEUE_FULL:
        return RequestError(
            message, retryable=True, hint=f"wait until the account's other batches are done, then {GO_ON}"
        )
    return RequestError(message, fatal=first.code in _ACCOUNT, hint=f"what was answered is kept: {GO_ON}")


def _outcome(batch: RemoteBatch, harvested: Harvest) -> str:
    parts = [f"{len(harvested.answered)} answered"]
    if harvested.refused:
        parts.append(f"{len(harvested.refused)} refused")
    if harvested.again:
        parts.append(f"{len(harvested.again)} unanswered")
    if harvested.ignored:
        parts.append(f"{harvested.ignored} foreign lines ignored")
    return f"{batch.status}: {', '.join(parts)}"


@dataclass(slots=True, kw_only=True)
class _Lines:
    """Reads the files of one batch."""

    api: BatchAPI
    unsettled: dict[bytes, Request]
    harvested: Harvest

    def rows(self, job: Job, batch: RemoteBatch) -> Iterator[Row]:
        """The rows to store. The answers come first: a text with an answer and an error has an answer."""
        for file_id in (batch.output_file_id, batch.error_file_id):
            for line in self.api.lines(file_id) if file_id else ():
                row = self._row(job, line)
                if row is not None:
                    yield row

    def _row(self, job: Job, line: bytes) -> Row | None:
        """The row of one line; None where it holds no answer."""
        values = _mapping(parsed(line))
        key = _key(values.get("custom_id"))
        request = self.unsettled.pop(key, None) if key else None
        if key is None or request is None:
            self.harvested.ignored += 1
            return None
        clean = self.api.without_key(line, request.segment.text)
        response = (values if clean == line else _mapping(parsed(clean))).get("response")
        status = response.get("status_code") if isinstance(response, dict) else None
        body = response.get("body") if isinstance(response, dict) else None
        if status != 200:
            self._failed(request, status, body, values.get("error"))
            return None
        try:
            answer = parse_completion(request.segment.text, _mapping(body), request.language)
        except RequestError as error:
            self._settle(request, error)
            return None
        row = as_row(
            key,
            request.segment,
            answer,
            translator=job.translator,
            language=request.language.code,
            prompt_version=job.prompt_version,
        )
        self.harvested.answered[key] = answer.usage
        if row.finish_reason == CUT_OFF:
            self.harvested.cut_off.append(request)
        return row

    def _failed(self, request: Request, status: Any, body: Any, error: Any) -> None:
        """A line with an error: the model's server refused the request, or the batch ended before it was asked."""
        if isinstance(status, int) and status >= 300:
            said = _mapping(_mapping(body).get("error"))
            self._settle(request, self.api.refusal(status, said, str(said.get("message") or body)))
            return
        said = _mapping(error)
        words = str(said.get("message") or said.get("code") or _UNANSWERED)
        self._settle(request, RequestError(self.api.scrubbed(words), retryable=True))

    def _settle(self, request: Request, error: RequestError) -> None:
        if error.fatal:
            self.harvested.fatal = self.harvested.fatal or error
        if error.fatal or error.retryable:
            self.harvested.again[request.key] = (request, error.message)
        else:
            self.harvested.refused[request.key] = error.message


def _key(custom_id: Any) -> bytes | None:
    try:
        return bytes.fromhex(custom_id)
    except (TypeError, ValueError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

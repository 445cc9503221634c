"""The endpoints of OpenAI's Batch API (`/files`, `/batches`) through the openai SDK, one request after another."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import openai
from openai.types import Batch

from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.translate.backends.client import Connection
from mmteb_synth.translate.endpoint import Endpoint

REQUESTS = 50_000
"""The most requests of one file."""
FILE_BYTES = 200_000_000
"""The most bytes of one file: 200 MB."""
URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
"""What each line asks; the API knows its own paths only, wherever the endpoint is."""

FINISHED = frozenset({"completed", "failed", "expired", "cancelled"})
"""The states after which nothing more comes."""

_TAG = "mmteb_synth_job"
_UNSUPPORTED = (404, 405, 501)
_SKEW = 24 * 3600
"""How far the server's clock may differ from ours, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Why the server refused a whole file, or a line of it.

    Attributes:
        code: The server's word for it.
        message: The server's words.
        line: The line of the file, from 1; None where the file as a whole is meant.
    """

    code: str
    message: str
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch as the server sees it.

    Attributes:
        id: Its name.
        status: One of the API's: `validating`, `in_progress`, `finalizing`, `completed`, `failed`, `expired`,
            `cancelling`, `cancelled`.
        total: Its requests.
        completed: Those that were answered.
        failed: Those that failed.
        output_file_id: Where the answers are.
        error_file_id: Where the refusals are.
        complaints: Why it failed.
    """

    id: str
    status: str
    total: int
    completed: int
    failed: int
    output_file_id: str | None
    error_file_id: str | None
    complaints: tuple[Complaint, ...]


class BatchAPI:
    """The Batch API of one endpoint.

    Args:
        endpoint: The endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.base_url
        self._connection = Connection(endpoint)
        self._opened: openai.OpenAI | None = None

    def check(self) -> None:
        """Make sure that key, endpoint and model are there, and that the endpoint has a Batch API.

        Raises:
            TranslatorError: One of them isn't.
            RequestError: The endpoint can't be asked now.
        """
        with self._connection.checking():
            body = self._client.models.with_raw_response.list().http_response.content
            self._connection.check_served(body)
        with self._connection.explained():
            try:
                self._client.batches.with_raw_response.list(limit=1)
            except openai.APIStatusError as error:
                if error.status_code not in _UNSUPPORTED:
                    raise
                raise TranslatorError(
                    f"{self._url} has no Batch API: it answered {error.status_code} to GET /batches",
                    hint="leave out --batch: live requests work with every endpoint",
                ) from None

    def upload(self, stream: BinaryIO, name: str) -> str:
        """Upload a file of requests.

        Returns:
            The file's id.
        """
        with self._connection.explained():
            return self._client.files.create(file=(name, stream, "application/jsonl"), purpose="batch").id

    def create(self, file_id: str, tag: str) -> RemoteBatch:
        """Make a batch of an uploaded file. When this fails, the batch may have been made all the same: see `find`."""
        with self._connection.explained():
            return _remote(
                self._client.batches.create(
                    input_file_id=file_id,
                    endpoint=URL,
                    completion_window="24h",
                    metadata={_TAG: tag},
                )
            )

    def find(self, tag: str, created: float) -> RemoteBatch | None:
        """The batch that bears a tag.

        Args:
            tag: The job's tag.
            created: When the job was written down, in seconds since 1970; older batches are not looked at.
        """
        with self._connection.explained():
            for batch in self._client.batches.list(limit=100):
                if isinstance(batch.metadata, Mapping) and batch.metadata.get(_TAG) == tag:
                    return _remote(batch)
                if isinstance(batch.created_at, int) and batch.created_at < created - _SKEW:
                    return None
        return None

    def retrieve(self, batch_id: str) -> RemoteBatch | None:
        """A batch, or None where this key's account has none of this name."""
        with self._connection.explained():
            try:
                return _remote(self._client.batches.retrieve(batch_id))
            except openai.NotFoundError:
                return None

    def cancel(self, batch_id: str) -> RemoteBatch | None:
        """Cancel a batch; what it finished can still be fetched, and is charged.

        Returns:
            The batch; None where there is none of this name.
        """
        with self._connection.explained():
            try:
                return _remote(self._client.batches.cancel(batch_id))
            except openai.NotFoundError:
                return None
            except openai.ConflictError:  # it ended meanwhile
                return _remote(self._client.batches.retrieve(batch_id))

    def lines(self, file_id: str) -> Iterator[bytes]:
        """The lines of a file, empty ones left out; none where the server has no such file any more."""
        with self._connection.explained():
            try:
                content = self._client.files.content(file_id).content
            except openai.NotFoundError:
                return
        for line in io.BytesIO(content):
            if line.strip():
                yield line

    def delete_file(self, file_id: str) -> None:
        """Delete an uploaded file; one that is gone is none to complain of."""
        with self._connection.explained():
            try:
                self._client.files.delete(file_id)
            except openai.NotFoundError:
                return

    def refusal(self, status: int, error: Mapping[str, Any], words: str) -> RequestError:
        """What a refused line means; see `Connection.refusal`."""
        return self._connection.refusal(status, error, words)

    def scrubbed(self, text: str) -> str:
        """A server's words without the key."""
        return self._connection.scrubbed(text)

    def without_key(self, line: bytes, source: str) -> bytes:
        """A line without a key that the server repeats in it; see `Connection.without_key`."""
        return self._connection.without_key(line, source)

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _client(self) -> openai.OpenAI:
        if self._opened is None:
            self._opened = self._connection.open_blocking()
        return self._opened


def _remote(batch: Batch) -> RemoteBatch:
    """The SDK checks no types; what is not as it should be counts as not said."""
    if not isinstance(batch.id, str) or not isinstance(batch.status, str):
        raise RequestError("the answer is not a batch", retryable=True)
    counts = batch.request_counts
    return RemoteBatch(
        id=batch.id,
        status=batch.status,
        total=_number(counts and counts.total),
        completed=_number(counts and counts.completed),
        failed=_number(counts and counts.failed),
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        complaints=tuple(
            Complaint(
                code=str(error.code or ""), message=str(error.message or error.code or ""), line=error.line
            )
            for error in (batch.errors and batch.errors.data) or ()
        ),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0

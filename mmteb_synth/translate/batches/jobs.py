"""The batch jobs of a cache: tables of their own in its SQLite file, so that another day's run goes on with them.

A job is written before anything of it is sent, and again before and after each step. Its tag stands in the batch's
metadata on the server, by which a batch is found whose id was never heard of.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from mmteb_synth.errors import CacheError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.database import explained
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import Preset
from mmteb_synth.types import Language, Segment

State = Literal["prepared", "uploaded", "creating", "submitted", "done"]
"""How far a job is: its requests are written down, its file is on the server, the batch may have been made (an answer
is outstanding), it is known to have been made, all that it brought is in the cache."""

POLL_SECONDS = 60.0
"""The longest wait between two looks at the jobs."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS batch_jobs (
        tag TEXT PRIMARY KEY, translator TEXT NOT NULL, preset TEXT NOT NULL, base_url TEXT NOT NULL,
        prompt_version INTEGER, requests INTEGER NOT NULL, tokens INTEGER NOT NULL, created TEXT NOT NULL,
        state TEXT NOT NULL, file_id TEXT, batch_id TEXT, outcome TEXT
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS batch_requests (
        tag TEXT, key BLOB, language TEXT NOT NULL, language_name TEXT NOT NULL, kind TEXT NOT NULL,
        register TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (tag, key)
    ) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a job.

    Attributes:
        key: The cache key; in hexadecimal it is the line's `custom_id`.
        segment: What is asked for.
        language: The target language.
    """

    key: bytes
    segment: Segment
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One batch: here, and on the server once it is submitted.

    Attributes:
        translator: The translator's name.
        preset: The preset as JSON; it holds the name of the key's variable, and never a key.
        base_url: The endpoint.
        prompt_version: The version of the prompts.
        requests: How many requests it has.
        tokens: About how many tokens they send.
        tag: What tells it from all other jobs.
        created: When, as ISO 8601 in UTC.
        state: How far it is.
        file_id: The server's name for its file.
        batch_id: The server's name for the batch.
        outcome: What came of it, in words.
    """

    translator: str
    preset: str
    base_url: str
    prompt_version: int | None
    requests: int
    tokens: int
    tag: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="microseconds"))
    state: State = "prepared"
    file_id: str | None = None
    batch_id: str | None = None
    outcome: str | None = None

    def endpoint(self) -> Endpoint:
        """The endpoint that it was made for.

        Raises:
            CacheError: It was written by another version, whose presets can't be read.
        """
        try:
            preset = Preset.model_validate_json(self.preset)
        except ValidationError as error:
            raise CacheError(
                f"the batch job {self.batch_id or self.tag} was written by another version of mmteb-synth",
                hint="harvest or cancel it with that version",
            ) from error
        return Endpoint(
            preset=preset,
            base_url=self.base_url,
            label=preset.name,
            given_url=preset.base_url != self.base_url,
        )

    def seconds(self) -> float:
        """When it was written down, in seconds since 1970."""
        return datetime.fromisoformat(self.created).timestamp()


_JOB = tuple(entry.name for entry in dataclasses.fields(Job))


class Jobs:
    """The jobs in a cache's file.

    Args:
        cache: The cache that their answers go to.
    """

    def __init__(self, cache: Cache) -> None:
        self._database = cache.database
        self._file: Path = cache.file

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from submitting meanwhile: two would pay for the same texts.

        Raises:
            CacheError: Another process is at it.
        """
        file = self._file.with_name(f"{self._file.name}.batches.lock")
        with explained(self._file):
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock = FileLock(file).acquire(blocking=False)
            except Timeout as error:
                raise CacheError(
                    f"another process is submitting and harvesting the batches of {self._file}",
                    hint="let it go on, or end it; `mmteb-synth batches list` shows the jobs meanwhile",
                ) from error
        with lock:
            yield

    def all(self) -> list[Job]:
        """All jobs, the oldest first.

        Raises:
            CacheError: The file can't be read.
        """
        with self._reading() as connection:
            query = f"SELECT {', '.join(_JOB)} FROM batch_jobs ORDER BY created, tag"
            found = connection.execute(query).fetchall() if connection else []
        return [Job(**dict(zip(_JOB, values, strict=True))) for values in found]

    def unfinished(self) -> list[Job]:
        """The jobs whose answers are not in the cache yet, the oldest first."""
        return [job for job in self.all() if job.state != "done"]

    def add(self, job: Job, requests: Sequence[Request]) -> None:
        """Write a new job down."""
        with self._writing() as connection:
            self._put(connection, job)
            connection.executemany(
                "INSERT INTO batch_requests VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        job.tag,
                        one.key,
                        one.language.code,
                        one.language.name,
                        one.segment.kind,
                        one.segment.register,
                        one.segment.text,
                    )
                    for one in requests
                ),
            )

    def update(self, job: Job) -> None:
        """Write down how far a job is."""
        with self._writing() as connection:
            self._put(connection, job)

    def finish(self, job: Job, outcome: str) -> None:
        """A job is over, and all that it brought is in the cache: its requests are forgotten, the job is not."""
        with self._writing() as connection:
            self._put(connection, dataclasses.replace(job, state="done", outcome=outcome))
            connection.execute("DELETE FROM batch_requests WHERE tag = ?", (job.tag,))

    def drop(self, job: Job) -> None:
        """Forget a job that never was on the server."""
        with self._writing() as connection:
            connection.execute("DELETE FROM batch_requests WHERE tag = ?", (job.tag,))
            connection.execute("DELETE FROM batch_jobs WHERE tag = ?", (job.tag,))

    def requests(self, job: Job) -> list[Request]:
        """A job's requests in the order of their lines in its file."""
        with self._reading() as connection:
            query = (
                "SELECT key, language, language_name, kind, register, source FROM batch_requests "
                "WHERE tag = ? ORDER BY key"
            )
            found = connection.execute(query, (job.tag,)).fetchall() if connection else []
        return [
            Request(
                key=key,
                segment=Segment(text=source, kind=kind, register=register),
                language=Language(code=code, name=name),
            )
            for key, code, name, kind, register, source in found
        ]

    def keys(self, jobs: Iterable[Job]) -> dict[bytes, Job]:
        """The keys that some jobs ask for."""
        asked: dict[bytes, Job] = {}
        with self._reading() as connection:
            for job in jobs if connection else ():
                assert connection is not None
                found = connection.execute("SELECT key FROM batch_requests WHERE tag = ?", (job.tag,))
                asked.update((key, job) for (key,) in found)
        return asked

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None where no job was ever written."""
        with self._database.reading() as connection:
            known = (
                connection
                and connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'batch_requests'").fetchone()
            )
            yield connection if known else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._database.writing() as connection:
            for table in _TABLES:
                connection.execute(table)
            yield connection

    @staticmethod
    def _put(connection: sqlite3.Connection, job: Job) -> None:
        connection.execute(
            f"INSERT OR REPLACE INTO batch_jobs ({', '.join(_JOB)}) VALUES ({', '.join('?' * len(_JOB))})",
            [getattr(job, name) for name in _JOB],
        )

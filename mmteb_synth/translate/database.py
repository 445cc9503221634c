"""A cache's SQLite file: opening it, its journal, its schema, and its errors in words."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth.errors import CacheError
from mmteb_synth.translate.locking import Owner, is_network

APPLICATION_ID = 0x4D534E43
"""Marks a SQLite file as a translation cache ("MSNC"), in its header."""

SCHEMA = 2
"""The number of the tables' form, kept in `PRAGMA user_version`."""

BUSY_SECONDS = 60.0
"""How long to wait for another process's transaction."""

_PAGES_KIB = 64 * 1024
"""Memory for pages when writing: keys are spread evenly, so a large import touches all pages again and again. A look-up
goes in the order of the keys and comes to each page once."""

_TABLES = """
CREATE TABLE translations (
    key BLOB PRIMARY KEY, translator TEXT NOT NULL, language TEXT NOT NULL, kind TEXT,
    source TEXT NOT NULL, translation TEXT, prompt_version INTEGER, model TEXT, finish_reason TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, created TEXT NOT NULL, raw TEXT,
    checks INTEGER, verdicts TEXT
) WITHOUT ROWID;
CREATE TABLE comparisons (digest BLOB PRIMARY KEY, verdicts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (
    translator TEXT, language TEXT, added INTEGER NOT NULL, replaced INTEGER NOT NULL,
    PRIMARY KEY (translator, language)
) WITHOUT ROWID;
CREATE TABLE judgements (
    key BLOB, judge TEXT, score REAL, severity TEXT, words TEXT, created TEXT NOT NULL,
    PRIMARY KEY (key, judge)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a SQLite file holds, and what is said of one that can't be used.

    Attributes:
        what: The cache in words, as "translation cache".
        application_id: Marks the file, in its header.
        schema: The number of the tables' form.
        tables: The statements that make them, `;` between them.
        elsewhere: The hint where it can't be written.
        damaged: What to do, after setting a damaged file aside.
    """

    what: str
    application_id: int
    schema: int
    tables: str
    elsewhere: str
    damaged: str


TRANSLATIONS = Form(
    what="translation cache",
    application_id=APPLICATION_ID,
    schema=SCHEMA,
    tables=_TABLES,
    elsewhere="choose a folder that can be written with --cache-dir",
    damaged="and restore your last export with `mmteb-synth cache import EXPORT.parquet`; without one, `build` asks "
    "the translator again",
)


class Database:
    """One SQLite file that is made by the first write and never by a look-up.

    A commit returns after the data is on the disk (`synchronous=FULL`), so neither a killed process nor a
    power failure loses an acknowledged row. Locally the journal is a write-ahead log; on a network file system
    a rollback journal, and one host at a time (see `locking`).

    Args:
        file: The file; its folder is made when needed.
        form: What it holds.
    """

    def __init__(self, file: Path, form: Form = TRANSLATIONS) -> None:
        self.file = file
        self._form = form
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._can_write = False
        self._owner: Owner | None = None
        self._in_transaction = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection to read with, or None where there is no cache yet.

        Raises:
            CacheError: The file can't be read, is damaged, or is not a cache of this schema.
        """
        with self._lock, explained(self.file, self._form):
            if self._connection is None and self.file.exists():
                self._connection = self._open_reader()
            if self._owner and not self._in_transaction:
                self._owner.check()
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of the body is stored, or none of it. Inside another one it joins that.

        Raises:
            CacheError: The file can't be written, is damaged, or another host is using it.
        """
        with self._lock, explained(self.file, self._form):
            if self._in_transaction:
                assert self._connection is not None
                yield self._connection
                return
            connection = self._writer()
            if self._owner:
                self._owner.claim()
            connection.execute("BEGIN IMMEDIATE")
            self._in_transaction = True
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                self._in_transaction = False
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):  # what went wrong before matters more
                        connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection and give up the claim; a later use opens the file again."""
        with self._lock, explained(self.file, self._form):
            if self._connection is not None:
                self._connection.close()
            if self._owner is not None and self._can_write:
                self._owner.release()
            self._connection, self._owner, self._can_write = None, None, False

    def _connect(self, options: str) -> sqlite3.Connection:
        uri = f"{self.file.absolute().as_uri()}?{options}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous=FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_reader(self) -> sqlite3.Connection | None:
        if is_network(self.file):
            self._owner = Owner(self.file)
            self._owner.check()
        if os.access(self.file, os.W_OK) and os.access(self.file.parent, os.W_OK):
            return self._checked(self._connect("mode=rw"))
        try:
            return self._checked(self._connect("mode=ro"))
        except sqlite3.OperationalError as error:
            # A write-ahead log can't be set up in a read-only folder. Without one that holds rows, the file
            # alone is the whole cache.
            log = self.file.with_name(f"{self.file.name}-wal")
            without_log = not log.exists() or log.stat().st_size == 0
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or not without_log:
                raise
            return self._checked(self._connect("mode=ro&immutable=1"))

    def _checked(self, connection: sqlite3.Connection) -> sqlite3.Connection | None:
        """The connection if its file holds tables; None, and closed, if it is empty."""
        try:
            if self._owner:
                _use_rollback_journal(connection)
            filled = _has_tables(connection, self.file, self._form)
        except BaseException:
            connection.close()
            raise
        if not filled:
            connection.close()
            return None
        return connection

    def _writer(self) -> sqlite3.Connection:
        if self._connection is not None and self._can_write:
            return self._connection
        self.close()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if is_network(self.file):
            self._owner = Owner(self.file)
            self._owner.claim()
        try:
            self._connection = self._open_writer()
        except BaseException:
            if self._owner:
                self._owner.release()
            raise
        self._can_write = True
        return self._connection

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect("mode=rwc")
        try:
            connection.execute(f"PRAGMA cache_size=-{_PAGES_KIB}")
            if self._owner:
                _use_rollback_journal(connection)
            filled = _has_tables(connection, self.file, self._form)
            if not self._owner:
                _use_write_ahead_log(connection)
            if not filled:
                self._make_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        if not _has_tables(connection, self.file, self._form):  # another process may have been faster
            for statement in self._form.tables.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={self._form.application_id}")
            connection.execute(f"PRAGMA user_version={self._form.schema}")
        connection.execute("COMMIT")


def _has_tables(connection: sqlite3.Connection, file: Path, form: Form) -> bool:
    """Whether the file is a cache of this schema (true) or still empty (false).

    Raises:
        CacheError: It is something else.
    """
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")  # one view of all three, while another process may be making the tables
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if alone:
        connection.execute("COMMIT")
    if application == version == tables == 0:
        return False
    if application != form.application_id:
        raise CacheError(
            f"{file} is a SQLite database, but not a {form.what}",
            hint="name the folder of the cache with --cache-dir",
        )
    if version != form.schema:
        raise CacheError(
            f"{file} has schema {version}, and this mmteb-synth knows schema {form.schema}",
            hint="upgrade with `pip install --upgrade mmteb-synth`, or use another cache with --cache-dir",
        )
    return True


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # SQLite doesn't wait for others here, so that two processes starting at once would fail.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _use_rollback_journal(connection: sqlite3.Connection) -> None:
    # In exclusive mode SQLite can leave a write-ahead log (of a cache copied from a local disk) without using
    # shared memory, see sqlite.org/wal.html, section 8. The read afterwards gives the exclusive lock back.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA locking_mode=NORMAL")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


@contextlib.contextmanager
def explained(file: Path, form: Form = TRANSLATIONS) -> Iterator[None]:
    """Turn SQLite's and the operating system's errors into ones that name the cache and say what to do.

    Raises:
        CacheError: Anything that is the file's or the disk's fault. Mistakes of the caller stay what they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(file, str(error.strerror)) from error
        raise CacheError(
            f"could not use the cache {file}: {error.strerror or error} ({error.filename or file})",
            hint=form.elsewhere,
        ) from error
    except sqlite3.Error as error:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL:
            raise _full(file, str(error)) from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            raise CacheError(
                f"could not open or write the cache {file}: {error}", hint=form.elsewhere
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise CacheError(
                f"the cache {file} has been locked by another process for more than {BUSY_SECONDS:.0f} s",
                hint="wait until that process is done, or end it; what it stored is kept",
            ) from error
        if code == sqlite3.SQLITE_IOERR:
            raise _full(file, f"{error}: the disk is full, over a quota, or failing") from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR) or "UTF-8" in str(
            error
        ):
            aside = shlex.join(["mv", str(file), f"{file}.damaged"])
            raise CacheError(
                f"{file} is damaged or is not a {form.what}: {error}",
                hint=f"set it aside with `{aside}` (with it {file.name}-wal and {file.name}-shm where they exist) "
                + form.damaged,
            ) from error
        raise


def _full(file: Path, reason: str) -> CacheError:
    return CacheError(
        f"could not write the cache {file}: {reason}",
        hint="free some space or choose another folder with --cache-dir; what was stored before is kept, so the "
        "same command goes on from there",
    )


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for an error of Python's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF

"""The vectors of one model on disk: rows in a file that is read by memory map, and an index of them in SQLite.

Rows reach the disk before the index names them, in one transaction of SQLite's, whose lock also keeps two processes
from writing to the same place. What a killed process left behind the last row that the index names is written over.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmteb_synth.errors import CacheError
from mmteb_synth.evaluation.embeddings import claims, vectors
from mmteb_synth.evaluation.embeddings.vectors import Rows
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate.database import Database, Form, explained

ROWS = ".vectors"
"""How the file of the rows ends."""

CLAIMS = ".claims"
"""How the empty file ends by which processes keep each other from paying for the same texts."""

KEEP_FREE = 1 << 30
"""Bytes that are left free on the disk: vectors can be had again, and others need the space more."""

_AT_ONCE = 1_000
_CLEAR = "its texts are then encoded anew (`mmteb-synth embeddings clear` removes all there are)"

FORM = Form(
    what="cache of embeddings",
    application_id=0x4D534E45,  # "MSNE"
    schema=1,
    tables="""
CREATE TABLE vectors (place INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, checksum INTEGER NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
""",
    elsewhere="choose a folder that can be written with --cache-dir, or go without: --no-embedding-cache",
    damaged=_CLEAR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What all vectors of a store have in common.

    Attributes:
        kind: As `vectors.rows` says.
        dimensions: How long a vector is.
    """

    kind: str
    dimensions: int

    @property
    def width(self) -> int:
        """Bytes a vector."""
        return self.dimensions * vectors.dtype(self.kind).itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a store has of some texts.

    Attributes:
        rows: Of shape (keys, dimensions); those of missing keys are not filled in.
        kind: As `vectors.rows` says.
        missing: The places, among the keys asked for, of those that must be encoded.
        damaged: How many of these are missing because the file was damaged.
    """

    rows: Rows
    kind: str
    missing: list[int]
    damaged: int


class VectorStore:
    """Vectors by the digests of what they are vectors of.

    Args:
        file: The index; the rows lie beside it, in a file of the same name that ends in `.vectors`.
        identity: What decides the vectors beside their texts; kept for those who look at the folder.
    """

    def __init__(self, file: Path, identity: Mapping[str, str]) -> None:
        self.file = file
        self._identity = identity
        self._database = Database(file, FORM)

    @property
    def rows_file(self) -> Path:
        """Where the rows lie."""
        return self.file.with_suffix(ROWS)

    def close(self) -> None:
        """Close the files; a later use opens them again."""
        self._database.close()

    def prepare(self) -> None:
        """Make the files where there are none.

        Raises:
            CacheError: They can't be written.
        """
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO facts VALUES ('identity', ?)", (canonical_json(dict(self._identity)),)
            )
            with self.rows_file.open("ab"):
                pass

    def read(self, keys: Sequence[bytes]) -> Found | None:
        """Look vectors up.

        Args:
            keys: Digests, each once.

        Returns:
            What is there; None where there is nothing yet. A vector whose bytes have changed counts as missing.

        Raises:
            CacheError: The files can't be read, or the index is damaged.
        """
        with self._database.reading() as connection:
            shape = shape_of(connection) if connection is not None else None
            if connection is None or shape is None:
                return None
            stored = self._mapped(shape)
            found = np.empty((len(keys), shape.dimensions), dtype=vectors.dtype(shape.kind))
            missing, damaged = [], 0
            for start in range(0, len(keys), _AT_ONCE):
                block = keys[start : start + _AT_ONCE]
                places = _places(connection, block)
                for position, key in enumerate(block, start):
                    place, checksum = places.get(key, (None, None))
                    if place is None:
                        missing.append(position)
                    elif place < len(stored) and zlib.crc32(stored[place]) == checksum:
                        found[position] = stored[place]
                    else:
                        missing.append(position)
                        damaged += 1
        return Found(rows=found, kind=shape.kind, missing=missing, damaged=damaged)

    @contextlib.contextmanager
    def claimed(self, keys: Sequence[bytes], waiting: Callable[[], None]) -> Iterator[None]:
        """Keep other processes that claim their texts from having these embedded, while the body runs.

        What another process had claimed may be in the store by then.

        Args:
            keys: Digests; `prepare` was called before.
            waiting: Called before waiting for another process.

        Raises:
            CacheError: The file of the claims can't be written.
        """
        with contextlib.ExitStack() as held:
            with explained(self.file, FORM):
                held.enter_context(claims.claimed(self.file.with_suffix(CLAIMS), keys, waiting))
            yield

    def add(self, keys: Sequence[bytes], rows: Rows, kind: str) -> None:
        """Store vectors; when it returns they are on the disk.

        Args:
            keys: Digests, each once; one that is there already gets this vector.
            rows: Of shape (keys, dimensions).
            kind: As `vectors.rows` says.

        Raises:
            CacheError: The disk is full, the files can't be written or were removed, or the vectors stored so far are
                of another kind or length.
        """
        rows = np.ascontiguousarray(rows)
        shape = Shape(kind=kind, dimensions=rows.shape[1])
        with self._database.writing() as connection:
            if not self.file.exists():  # SQLite would go on writing where nobody finds it
                raise CacheError(
                    f"the {FORM.what} {self.file} was removed while it was in use",
                    hint="run the same command again; what was encoded before is encoded anew",
                )
            free = shutil.disk_usage(self.file.parent).free
            if free - rows.nbytes < KEEP_FREE:
                raise CacheError(
                    f"could not write the {FORM.what} {self.file}: the disk has only {free / 1e9:.1f} GB left",
                    hint="free some space, as with `mmteb-synth embeddings clear`, or choose another folder with "
                    "--cache-dir",
                )
            before = shape_of(connection)
            if before is None:
                value = canonical_json({"kind": kind, "dimensions": shape.dimensions})
                connection.execute("INSERT INTO facts VALUES ('shape', ?)", (value,))
            elif before != shape:
                raise CacheError(
                    f"{self.file} holds vectors of {before.dimensions} x {before.kind}, and the model made some of "
                    f"{shape.dimensions} x {shape.kind}",
                    hint=f"give the model another revision, or remove {self.file}; {_CLEAR}",
                )
            (first,) = connection.execute("SELECT coalesce(max(place) + 1, 0) FROM vectors").fetchone()
            self._write(first * shape.width, rows)
            connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                (
                    (first + offset, key, zlib.crc32(row))
                    for offset, (key, row) in enumerate(zip(keys, rows, strict=True))
                ),
            )

    def _write(self, offset: int, rows: Rows) -> None:
        handle = os.open(self.rows_file, os.O_WRONLY | os.O_CREAT, 0o644)
        with os.fdopen(handle, "wb") as stream:
            stream.seek(offset)
            stream.write(rows.data)
            stream.flush()
            os.fsync(stream.fileno())

    def _mapped(self, shape: Shape) -> Rows:
        """The rows of the file, as far as it reaches."""
        try:
            count = self.rows_file.stat().st_size // shape.width
        except FileNotFoundError:
            count = 0
        if not count:
            return np.empty((0, shape.dimensions), dtype=vectors.dtype(shape.kind))
        mapped: Rows = np.memmap(
            self.rows_file, dtype=vectors.dtype(shape.kind), mode="r", shape=(count, shape.dimensions)
        )
        return mapped


def shape_of(connection: sqlite3.Connection) -> Shape | None:
    """What the vectors of an index have in common; None where there are none."""
    row = connection.execute("SELECT value FROM facts WHERE name = 'shape'").fetchone()
    return Shape(**json.loads(row[0])) if row else None


def _places(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, tuple[Any, ...]]:
    marks = ", ".join("?" * len(keys))
    query = f"SELECT key, place, checksum FROM vectors WHERE key IN ({marks})"
    return {key: (place, checksum) for key, place, checksum in connection.execute(query, sorted(keys))}

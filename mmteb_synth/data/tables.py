"""The tables of a data set, as MTEB's own Parquet layout names them, and the digest of their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmteb_synth.errors import SourceError


class TableKey(NamedTuple):
    """Which table of a data set: its configuration and split, as ("corpus", "test")."""

    config: str
    split: str

    @property
    def file(self) -> str:
        """The file's path inside the data set's folder."""
        return f"{self.config}/{self.split}.parquet"


Tables = dict[TableKey, pa.Table]

ROWS_AT_ONCE = 50_000
"""Of a Parquet file, in memory: rows of a group that is written, and of a batch that is read."""

CORPUS, QUERIES, QRELS, TOP_RANKED, DEFAULT = "corpus", "queries", "qrels", "top_ranked", "default"


def first_missing(column: pa.ChunkedArray, *, nan: bool = False) -> int | None:
    """The first row whose value is missing, or whose list holds a missing one; None where there is none.

    Args:
        column: Any column.
        nan: Whether a number that is none counts as missing.
    """
    row: int = pc.index(pc.is_null(column, nan_is_null=nan), True).as_py()
    if row >= 0:
        return row
    if is_list(column.type):
        gap = pc.index(pc.is_null(pc.list_flatten(column), nan_is_null=nan), True).as_py()
        if gap >= 0:
            return int(pc.list_parent_indices(column)[gap].as_py())
    return None


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds a list in each row."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def write_file(path: Path, table: pa.Table) -> None:
    """Write a table as a Parquet file, in place of the one that is there.

    Raises:
        OSError: It can't be written; the one that was there stays.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            pq.write_table(table, stream, compression="zstd", row_group_size=ROWS_AT_ONCE)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)  # noqa: PTH105  one atomic call, as in paths.write_text
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def pick(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Some rows of a table in its own order; chunk by chunk, since a column of text may be too long for one array.

    Args:
        table: Any table.
        rows: Row numbers, each once, in any order.
    """
    marks = np.zeros(table.num_rows, bool)
    marks[rows] = True
    return table.filter(pa.array(marks))


class Columns(Protocol):
    """A table, or what can be read like one."""

    @property
    def column_names(self) -> list[str]:
        """In their order."""

    @property
    def num_rows(self) -> int:
        """Of each column."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One column."""


def content_hash(tables: Mapping[TableKey, Columns]) -> str:
    """The digest of all values of all tables, whatever their chunks, file encoding or library version.

    Args:
        tables: The tables; their keys, column names, order of columns and rows count.

    Returns:
        40 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=20)
    for key in sorted(tables):
        table = tables[key]
        digest.update(repr((key.config, key.split, table.column_names, table.num_rows)).encode())
        for name in table.column_names:
            digest.update(_column_digest(table.column(name)))
    return digest.hexdigest()


def _column_digest(column: pa.ChunkedArray) -> bytes:
    """The digest of one column: null marks, list lengths and text lengths apart from the values themselves."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column_digest(column.cast(kind.value_type))
    digest = hashlib.blake2b(_null_marks(column), digest_size=20)
    if is_list(kind):
        inner = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=kind.value_type)
        lengths = pa.chunked_array(
            [chunk.value_lengths().cast(pa.int64()) for chunk in column.chunks], pa.int64()
        )
        digest.update(b"list" + _column_digest(lengths.fill_null(0)) + _column_digest(inner))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        digest.update(b"text")
        texts = hashlib.blake2b(digest_size=20)
        for lengths, data in _encoded(column):
            digest.update(lengths)
            texts.update(data)
        digest.update(texts.digest())
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        digest.update(b"int" + _numbers(column, pa.int64(), "<i8"))
    elif pa.types.is_floating(kind):
        digest.update(b"float" + _numbers(column, pa.float64(), "<f8"))
    else:
        raise SourceError(
            f"a column of type {kind} can't be stored", hint="keep text, numbers and lists of them"
        )
    return digest.digest()


def _null_marks(column: pa.ChunkedArray) -> bytes:
    if not column.null_count:
        return b""
    nulls = [chunk.is_null().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.packbits(np.concatenate(nulls)).tobytes()


def _encoded(column: pa.ChunkedArray) -> Iterator[tuple[bytes, memoryview]]:
    """The UTF-8 lengths and bytes of a text column, piece by piece, straight from Arrow's buffers."""
    for chunk in column.chunks:
        texts = chunk.fill_null("").cast(pa.large_binary())
        _, places, data = texts.buffers()
        if len(texts):
            ends = np.frombuffer(places, "<i8")[texts.offset : texts.offset + len(texts) + 1]
            yield np.diff(ends).astype("<i8").tobytes(), memoryview(data or b"")[ends[0] : ends[-1]]


def _numbers(column: pa.ChunkedArray, kind: pa.DataType, code: str) -> bytes:
    whole = column.cast(kind).fill_null(0)
    return b"".join(chunk.to_numpy(zero_copy_only=False).astype(code).tobytes() for chunk in whole.chunks)

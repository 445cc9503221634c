"""Tables of texts as Parquet, CSV or JSON Lines, read and written a batch at a time.

Cells are kept to the code point. Nothing is escaped against spreadsheets that run a cell as a formula: these files are
data to be read back, and a translation may well begin with "=". Don't open an untrusted one in a spreadsheet.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from mmteb_synth.errors import CacheError, UsageError
from mmteb_synth.paths import writing

BATCH = 5000
"""Rows that are held at once."""

_BOM = b"\xef\xbb\xbf"
_LONGEST_CELL = 2**31 - 1

Record = dict[str, Any]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file that is being read.

    Attributes:
        columns: The names of the columns; for JSON Lines, of the first row's.
        records: Data row (from 1) and its wanted cells; an empty cell of a CSV is None.
    """

    columns: Sequence[str]
    records: Iterator[tuple[int, Record]]


def form_of(file: Path) -> str:
    """The suffix that says what form a file has: `.parquet`, `.csv` or `.jsonl`.

    Raises:
        UsageError: It has another.
    """
    form = file.suffix.lower()
    if form not in _READERS:
        raise UsageError(
            f"{file.name} is in no form that is known: {form or 'it has no suffix'}",
            hint=f"name it {file.stem}.parquet, {file.stem}.csv or {file.stem}.jsonl, as which it is written",
        )
    return form


def batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """The items in lists of `BATCH`, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


@contextlib.contextmanager
def reading(file: Path, wanted: Collection[str]) -> Iterator[Table]:
    """Open a table.

    Args:
        file: A `.parquet`, `.csv` (UTF-8, with commas) or `.jsonl` file.
        wanted: The columns to read; the file may lack some and have others.

    Yields:
        The table; a file that turns out to be broken further down raises CacheError while it is read.

    Raises:
        UsageError: There is no such file, or its suffix is unknown.
        CacheError: It can't be read.
    """
    read = _READERS[form_of(file)]
    if not file.is_file():
        raise UsageError(f"no such file: {file}")
    try:
        stream = file.open("rb")
    except OSError as error:
        raise CacheError(f"could not read {file}: {error.strerror}") from error
    with stream:
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield read(file, stream, wanted)
        finally:
            csv.field_size_limit(limit)


def write(file: Path, columns: Mapping[str, str], records: Iterable[Record]) -> int:
    """Write a table beside its place and move it there when it is whole.

    Args:
        file: A `.parquet`, `.csv` or `.jsonl` file.
        columns: Column to type, `string` or `int64`, in order.
        records: The rows.

    Returns:
        How many rows were written.

    Raises:
        UsageError: The suffix is unknown.
        SynthError: The folder can't be written.
    """
    put = _WRITERS[form_of(file)]
    with writing(str(file)):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                count = put(stream, columns, records)
            Path(temporary).chmod(0o644)
            os.replace(temporary, file)  # noqa: PTH105  one atomic call, named as the documentation names it
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    return count


def _broken(file: Path, number: int, reason: str) -> CacheError:
    return CacheError(f"{file.name} is broken at row {number}: {reason}; nothing was imported")


@dataclass(slots=True)
class _Place:
    """How far a file has been read; row 0 is the header of a CSV."""

    row: int


def _lines(file: Path, stream: BinaryIO, place: _Place) -> Iterator[str]:
    """The lines of a text file; decoded one by one, so that a wrong byte has a row."""
    for index, line in enumerate(stream):
        try:
            yield (line.removeprefix(_BOM) if index == 0 else line).decode()
        except UnicodeDecodeError as error:
            reason = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
            raise _broken(file, place.row + 1, reason) from error


def _read_csv(file: Path, stream: BinaryIO, wanted: Collection[str]) -> Table:
    place = _Place(-1)

    def parsed() -> Iterator[list[str]]:
        reader = csv.reader(_lines(file, stream, place), strict=True)
        try:
            for cells in reader:
                if cells:  # a blank line is not a row
                    place.row += 1
                    yield cells
        except csv.Error as error:
            raise _broken(file, place.row + 1, str(error)) from error

    rows = parsed()
    header = next(rows, None)
    if header is None:
        raise CacheError(f"{file.name} is empty", hint="its first line has to name the columns")
    twice = sorted({name for name in header if name in wanted and header.count(name) > 1})
    if twice:
        raise CacheError(f"{file.name} has the column {twice[0]!r} twice")

    def records() -> Iterator[tuple[int, Record]]:
        for number, cells in enumerate(rows, start=1):
            if len(cells) != len(header):
                raise _broken(file, number, f"it has {len(cells)} cells, and the header {len(header)}")
            yield (
                number,
                {name: cell or None for name, cell in zip(header, cells, strict=True) if name in wanted},
            )

    return Table(columns=header, records=records())


def _read_jsonl(file: Path, stream: BinaryIO, wanted: Collection[str]) -> Table:
    place = _Place(0)

    def parsed() -> Iterator[Record]:
        for line in _lines(file, stream, place):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _broken(file, place.row + 1, f"it is not JSON: {error}") from error
            if not isinstance(record, dict):
                raise _broken(file, place.row + 1, 'it is not an object as {"source": …, "translation": …}')
            place.row += 1
            yield record

    rows = parsed()
    first = next(rows, None)
    if first is None:
        raise CacheError(f"{file.name} is empty")

    def records() -> Iterator[tuple[int, Record]]:
        yield 1, {name: first[name] for name in first if name in wanted}
        for number, record in enumerate(rows, start=2):
            yield number, {name: record[name] for name in record if name in wanted}

    return Table(columns=list(first), records=records())


def _read_parquet(file: Path, stream: BinaryIO, wanted: Collection[str]) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(stream)
        columns = table.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise CacheError(f"{file.name} is not a sound Parquet file: {error}") from error

    def records() -> Iterator[tuple[int, Record]]:
        number = 0
        try:
            for batch in table.iter_batches(BATCH, columns=[name for name in columns if name in wanted]):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _broken(file, number + 1, f"that row or one after it can't be read: {error}") from error

    return Table(columns=columns, records=records())


def _write_csv(stream: BinaryIO, columns: Mapping[str, str], records: Iterable[Record]) -> int:
    count = 0
    with io.TextIOWrapper(stream, "utf-8", newline="") as text:
        # All cells are quoted: a bare carriage return in an unquoted one would end the row for some readers.
        writer = csv.DictWriter(text, list(columns), quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        for record in records:
            writer.writerow(record)
            count += 1
    return count


def _write_jsonl(stream: BinaryIO, columns: Mapping[str, str], records: Iterable[Record]) -> int:
    count = 0
    for record in records:
        line = json.dumps({name: record[name] for name in columns}, ensure_ascii=False)
        stream.write(f"{line}\n".encode())
        count += 1
    return count


def _write_parquet(stream: BinaryIO, columns: Mapping[str, str], records: Iterable[Record]) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, kind) for name, kind in columns.items()])
    count = 0
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches(records):
            writer.write_table(pa.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


_READERS = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl}
_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv, ".jsonl": _write_jsonl}

"""Reading rows of users' files: Parquet, CSV, TSV or JSON Lines into a table of the columns that are needed."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import ROWS_AT_ONCE, first_missing
from mmteb_synth.errors import SourceError, near_names

Kind = type | GenericAlias
"""What a column holds: one of the keys of `_ARROW`; `object` stands for labels of whatever kind the file has."""

_ARROW: dict[Kind, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    list[str]: pa.list_(pa.string()),
    list[int]: pa.list_(pa.int64()),
    list[float]: pa.list_(pa.float64()),
}
_WORDS: dict[Kind, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    list[str]: "a list of texts",
    list[int]: "a list of whole numbers",
    list[float]: "a list of numbers",
}
_LONGEST_CELL = 2**31 - 1


def read_rows(
    path: Path,
    columns: Mapping[str, Kind],
    names: Mapping[str, str],
    optional: Mapping[str, Kind] | None = None,
    spool: Spool | None = None,
) -> pa.Table:
    """Read some columns of a file.

    Args:
        path: A `.parquet`, `.csv` (UTF-8, with commas), `.tsv` (with tabs, without quotation) or `.jsonl` file.
        columns: The columns that are needed and what they hold.
        names: Other names under which the file has columns, as {"text": "headline"}.
        optional: Columns that are read where the file has them.
        spool: Where the rows are kept; None keeps them in memory.

    Returns:
        A table of these columns, in this order.

    Raises:
        SourceError: The file can't be read, lacks a column, or has a missing or unfit value; the row is named.
    """
    found = _read(path)
    wanted = dict(columns)
    wanted.update(
        {name: kind for name, kind in (optional or {}).items() if names.get(name, name) in found.columns}
    )
    given = {name: names.get(name, name) for name in wanted}
    for name, column in given.items():
        if column not in found.columns:
            near = near_names(column, found.columns, 1)
            raise SourceError(
                f"{path} has no column {column!r}; it has {', '.join(found.columns)}",
                hint=f'say [columns] {name} = "{near[0] if near else "…"}" in the spec, or rename the column',
            )
    kinds = {given[name]: kind for name, kind in wanted.items()}
    schema = pa.schema([(name, found.types(kinds)[column]) for name, column in given.items()])

    def pieces() -> Iterator[pa.Table]:
        start = 0
        for piece in found.pieces(kinds):
            for name, column in given.items():
                row = first_missing(piece.column(column), nan=True)
                if row is not None:
                    raise _unfit(f"{path}, row {start + row + 1}", column, None, wanted[name])
            start += len(piece)
            yield pa.table([piece.column(column) for column in given.values()], schema=schema)

    return spool.table(schema, pieces()) if spool else pa.concat_tables(pieces())


def column_names(path: Path) -> tuple[str, ...]:
    """The columns of a file; of a `.jsonl`, those of its first row.

    Args:
        path: A `.parquet`, `.csv`, `.tsv` or `.jsonl` file.

    Raises:
        SourceError: The file can't be read.
    """
    return tuple(_read(path).columns)


def _read(path: Path) -> _Cells | _Parquet:
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise SourceError(f"{path}: a file of rows ends in {', '.join(SUFFIXES)}")
    try:
        return read(path)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise SourceError(f"could not read {path}: {error}") from error


class _Cells:
    """The rows of a text file, by column.

    Args:
        path: The file, for messages.
        columns: Column to values, of one length.
        typed: Whether values have types of their own, as in JSON; in CSV all are text.
    """

    def __init__(self, path: Path, columns: Mapping[str, list[Any]], *, typed: bool) -> None:
        self._path, self.columns, self._typed = path, columns, typed

    def types(self, kinds: Mapping[str, Kind]) -> dict[str, pa.DataType]:
        """The types of some columns, as `pieces` gives them."""
        return {name: _ARROW[self._kind(name, kind)] for name, kind in kinds.items()}

    def pieces(self, kinds: Mapping[str, Kind]) -> Iterator[pa.Table]:
        """All rows at once, every value proven to be of its column's kind."""
        yield pa.table({name: self._column(name, self._kind(name, kind)) for name, kind in kinds.items()})

    def _kind(self, name: str, kind: Kind) -> Kind:
        if kind is object:
            return _kind_of(self.columns[name][0]) if self._typed else str
        if not self._typed and isinstance(kind, GenericAlias):
            raise SourceError(
                f"{self._path}: column {name!r} needs {_WORDS[kind]}, and a cell of a CSV file is one text",
                hint="keep it as .jsonl or .parquet",
            )
        return kind

    def _column(self, name: str, kind: Kind) -> pa.ChunkedArray:
        values = self.columns[name]
        adapter = TypeAdapter(list[kind])  # type: ignore[valid-type]
        try:
            proven = adapter.validate_python(values, strict=self._typed)
            return pa.chunked_array([pa.array(proven, _ARROW[kind])])
        except ValidationError as error:
            row = int(error.errors()[0]["loc"][0])
            raise _unfit(f"{self._path}, row {row + 1}", name, values[row], kind) from error
        except UnicodeEncodeError as error:
            row = next(row for row, value in enumerate(values) if error.object in value)
            raise SourceError(
                f"{self._path}, row {row + 1}: column {name!r} holds half a character (a lone surrogate)"
            ) from error
        except OverflowError as error:
            raise SourceError(f"{self._path}: column {name!r} has a number that is too large") from error


class _Parquet:
    """The rows of a Parquet file, by column, read in batches.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        with pq.ParquetFile(path) as file:
            self._schema, rows = file.schema_arrow, file.metadata.num_rows
        self._path, self.columns = path, dict.fromkeys(self._schema.names)
        if rows == 0:
            raise SourceError(f"{path} has no rows")

    def types(self, kinds: Mapping[str, Kind]) -> dict[str, pa.DataType]:
        """The types of some columns, as `pieces` gives them."""
        return {
            name: self._schema.field(name).type if kind is object else _ARROW[kind]
            for name, kind in kinds.items()
        }

    def pieces(self, kinds: Mapping[str, Kind]) -> Iterator[pa.Table]:
        """The rows, some thousand at a time, each column cast to its kind where that loses nothing."""
        types = self.types(kinds)
        with pq.ParquetFile(self._path, pre_buffer=False, buffer_size=1 << 20) as file:
            for batch in self._batches(file, list(kinds)):
                columns = {}
                for name, wanted in types.items():
                    try:
                        columns[name] = batch.column(name).cast(wanted)
                    except pa.ArrowException as error:
                        raise SourceError(
                            f"{self._path}: column {name!r} holds {batch.column(name).type}, and not "
                            f"{_WORDS[kinds[name]]}: {error}"
                        ) from error
                yield pa.table(columns)

    def _batches(self, file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        try:
            yield from file.iter_batches(ROWS_AT_ONCE, columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"could not read {self._path}: {error}") from error


def _read_tsv(path: Path) -> _Cells:
    # By custom such files quote nothing: a quotation mark is one.
    return _read_csv(path, delimiter="\t", quoting=csv.QUOTE_NONE)


def _read_csv(path: Path, *, delimiter: str = ",", quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> _Cells:
    with path.open(encoding="utf-8-sig", newline="") as stream, _long_cells():
        reader = csv.reader(stream, strict=True, delimiter=delimiter, quoting=quoting)
        rows: list[list[str]] = []
        try:
            header = next(reader, [])
            for row in reader:
                if row and len(row) != len(header):
                    raise SourceError(
                        f"{path}, row {len(rows) + 1}: it has {len(row)} cells, and the header {len(header)}"
                    )
                if row:
                    rows.append(row)
        except csv.Error as error:
            raise SourceError(f"{path}, row {len(rows) + 1}: {error}") from error
    if not rows:
        raise SourceError(f"{path} has no rows")
    if len(set(header)) < len(header):
        raise SourceError(f"{path}: its first line names a column twice: {', '.join(header)}")
    return _Cells(path, dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)), typed=False)


def _read_jsonl(path: Path) -> _Cells:
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8-sig") as stream:
        for line in stream:
            if line.isspace():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SourceError(f"{path}, row {len(rows) + 1}: it is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise SourceError(f"{path}, row {len(rows) + 1}: it is no object of columns and values")
            rows.append(row)
    if not rows:
        raise SourceError(f"{path} has no rows")
    return _Cells(path, {name: [row.get(name) for row in rows] for name in rows[0]}, typed=True)


_READERS: dict[str, Callable[[Path], _Cells | _Parquet]] = {
    ".parquet": _Parquet,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
}
SUFFIXES = tuple(_READERS)
"""How the files end that can be read."""


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _kind_of(label: object) -> Kind:
    """What labels are, by the first of them."""
    if isinstance(label, list):
        return list[int] if label and isinstance(label[0], int) else list[str]
    return int if isinstance(label, int) else str


def _unfit(place: str, name: str, value: object, kind: Kind) -> SourceError:
    if value is None:
        return SourceError(f"{place}: column {name!r} is empty")
    return SourceError(f"{place}: column {name!r} is {value!r:.80}, and not {_WORDS[kind]}")

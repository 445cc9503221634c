"""Reading rows of users' files: Parquet, CSV or JSON Lines into a table of the columns that are needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from mmteb_synth.errors import SourceError, near_names

_SUFFIXES = (".parquet", ".csv", ".jsonl")


def read_rows(
    path: Path,
    columns: Mapping[str, pa.DataType | None],
    names: Mapping[str, str],
    optional: Mapping[str, pa.DataType] | None = None,
) -> pa.Table:
    """Read some columns of a file.

    Args:
        path: A `.parquet`, `.csv` or `.jsonl` file.
        columns: The columns that are needed and their Arrow types; None takes the type of the file.
        names: Other names under which the file has columns, as {"text": "headline"}.
        optional: Columns that are read where the file has them.

    Returns:
        A table of these columns, in this order.

    Raises:
        SourceError: The file can't be read, lacks a column, or has a missing or unfit value; the row is named.
    """
    table = _read(path)
    wanted = dict(columns)
    wanted.update({name: kind for name, kind in (optional or {}).items() if names.get(name, name) in table.column_names})
    result = {}
    for name, kind in wanted.items():
        given = names.get(name, name)
        if given not in table.column_names:
            near = near_names(given, table.column_names, 1)
            raise SourceError(
                f"{path} has no column {given!r}; it has {', '.join(table.column_names)}",
                hint=f'say [columns] {name} = "{near[0] if near else "…"}" in the spec, or rename the column',
            )
        result[name] = _typed(table.column(given), kind, given, path)
    if table.num_rows == 0:
        raise SourceError(f"{path} has no rows")
    return pa.table(result)


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.read_table(path)
        if path.suffix == ".csv":
            import pyarrow.csv as pc

            return pc.read_csv(path, parse_options=pc.ParseOptions(newlines_in_values=True))
        if path.suffix == ".jsonl":
            import pyarrow.json as pj

            return pj.read_json(path, parse_options=pj.ParseOptions(newlines_in_values=False))
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"could not read {path}: {error}") from error
    raise SourceError(f"{path}: files end in {', '.join(_SUFFIXES)}")


def _typed(column: pa.ChunkedArray, kind: pa.DataType | None, name: str, path: Path) -> pa.ChunkedArray:
    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise SourceError(f"{path}, row {row}: column {name!r} is empty")
    if kind is None or column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(f"{path}: column {name!r} holds {column.type}, not {kind}: {error}") from error

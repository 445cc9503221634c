"""MTEB's loaded data as plain Arrow tables, in one shape for each kind of task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from mmteb_synth.data.layout import Layout, expand
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import (
    CORPUS,
    DEFAULT,
    QRELS,
    QUERIES,
    ROWS_AT_ONCE,
    TOP_RANKED,
    TableKey,
    first_missing,
    is_list,
)
from mmteb_synth.errors import SourceError


def splits_of(task: Any) -> Mapping[str, Any]:
    """The task's data by split, whichever way MTEB holds its subsets."""
    subset = task.hf_subsets[0] if task.hf_subsets else DEFAULT
    data: Mapping[str, Any] = task.dataset.get(subset, task.dataset)
    return data


def extract(
    task: Any, layout: Layout, names: Mapping[str, str], splits: Sequence[str], spool: Spool | None = None
) -> Iterator[tuple[TableKey, pa.Table]]:
    """Take the needed columns out of a task's loaded data.

    Args:
        task: An MTEB task object with its data.
        layout: Its layout.
        names: Other names that the data have for columns.
        splits: The splits to take.
        spool: Where the tables are kept; None keeps them in memory.

    Yields:
        One expanded table after another.

    Raises:
        SourceError: A split, column or value is missing, or of a kind that can't be stored.
    """
    data = splits_of(task)
    for split in splits:
        if split not in data:
            raise SourceError(
                f"{task.metadata.name} has no split {split!r}; it has {', '.join(map(str, data))}"
            )
        if CORPUS in layout.text:
            yield from _extract_retrieval(task, layout, split, data[split], spool)
        else:
            key = TableKey(DEFAULT, split)
            where = f"{task.metadata.name}, {split}"
            table = _columns(data[split], layout.columns(DEFAULT), names, where, spool)
            yield key, expand(layout, key, table)


def _extract_retrieval(
    task: Any, layout: Layout, split: str, data: Any, spool: Spool | None
) -> Iterator[tuple[TableKey, pa.Table]]:
    for config in (CORPUS, QUERIES):
        found = data[config].column_names
        present = [name for name in layout.columns(config) if name in found or name in ("id", "text")]
        yield (
            TableKey(config, split),
            _columns(data[config], present, {}, f"{task.metadata.name}, {config} of {split}", spool),
        )
    # MTEB reads judgements in no order; the order of the queries makes the stored data the same every time
    asked = data[QUERIES]["id"][:]
    judged = data["relevant_docs"]
    order = [query for query in asked if query in judged] + sorted(set(judged) - set(asked))
    pairs = [(query, document, score) for query in order for document, score in judged[query].items()]
    yield (
        TableKey(QRELS, split),
        pa.table(
            {
                "query-id": pa.array([query for query, _, _ in pairs], pa.string()),
                "corpus-id": pa.array([document for _, document, _ in pairs], pa.string()),
                "score": pa.array([int(score) for _, _, score in pairs], pa.int64()),
            }
        ),
    )
    ranked = data[TOP_RANKED]
    if ranked:
        listed = [query for query in asked if query in ranked]
        yield (
            TableKey(TOP_RANKED, split),
            pa.table(
                {
                    "query-id": pa.array(listed, pa.string()),
                    "corpus-ids": pa.array([list(ranked[query]) for query in listed], pa.list_(pa.string())),
                }
            ),
        )


def _columns(
    data: Any, columns: Sequence[str], names: Mapping[str, str], where: str, spool: Spool | None
) -> pa.Table:
    """Some columns of a `datasets.Dataset` as plain Arrow, its metadata dropped."""
    given = [names.get(name, name) for name in columns]
    for name in given:
        if name not in data.column_names:
            raise SourceError(
                f"{where}: there is no column {name!r}, only {', '.join(data.column_names)}",
                hint="say which column it is with [columns] in a TOML of the task's name",
            )
    arrow = data.select_columns(given).with_format("arrow")
    kinds = arrow[:0].schema
    schema = pa.schema(
        [
            (name, _plain(kinds.field(field).type, f"{where}, {field}"))
            for name, field in zip(columns, given, strict=True)
        ]
    )

    def pieces() -> Iterator[pa.Table]:
        for start in range(0, len(data), ROWS_AT_ONCE):
            table = arrow[start : start + ROWS_AT_ONCE].select(given).rename_columns(list(columns))
            for name in columns:
                row = first_missing(table.column(name))
                if row is not None:
                    raise SourceError(f"{where}, row {start + row + 1}: the column {name!r} is empty")
            yield table.cast(schema)

    return spool.table(schema, pieces()) if spool else pa.concat_tables([schema.empty_table(), *pieces()])


def _plain(kind: pa.DataType, where: str) -> pa.DataType:
    """One Arrow type for each kind of value, whatever the file used."""
    if is_list(kind):
        return pa.list_(_plain(kind.value_type, where))
    if pa.types.is_large_string(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        return pa.string()
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    raise SourceError(f"{where}: a column of type {kind} can't be translated or carried over")

"""Which columns of a task hold text that a model reads, what kind of text it is, and what must be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mmteb_synth.data.tables import CORPUS, DEFAULT, QUERIES, TableKey, Tables
from mmteb_synth.errors import SourceError
from mmteb_synth.types import Kind

SET_COLUMN = "set"
"""In an expanded legacy clustering: which of the original rows a text came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a data set.

    Attributes:
        text: For each configuration its text columns and what their texts are.
        unread: For each configuration text columns that MTEB never shows a model.
        keep: For each configuration the columns carried over by reference.
        grouped: Whether rows are the inner texts of a legacy clustering's lists.
    """

    text: Mapping[str, Mapping[str, Kind]]
    keep: Mapping[str, tuple[str, ...]]
    unread: Mapping[str, tuple[str, ...]]
    grouped: bool = False

    def columns(self, config: str) -> tuple[str, ...]:
        """All columns of a configuration, in their stored order."""
        return (*self.keep.get(config, ()), *self.unread.get(config, ()), *self.text.get(config, {}))


def layout_of(task: Any) -> Layout:
    """The layout of an MTEB task, from its class and its class's attributes.

    Args:
        task: An MTEB task object.

    Raises:
        SourceError: The task is of a family that is not translated.
    """
    families = {base.__name__ for base in type(task).__mro__}
    if "AbsTaskRetrieval" in families:
        return Layout(
            text={
                CORPUS: {"title": "title", "text": "document"},
                QUERIES: {"text": "query", "instruction": "instruction"},
            },
            keep={CORPUS: ("id",), QUERIES: ("id",)},
            unread={},
        )
    if families & {"AbsTaskClassification", "AbsTaskClustering"}:
        return _rows({task.input_column_name: "labelled"}, keep=(task.label_column_name,))
    if "AbsTaskClusteringLegacy" in families:
        return _rows({task.input_column_name: "labelled"}, keep=(task.label_column_name,), grouped=True)
    if "AbsTaskPairClassification" in families:
        pair = {task.input1_column_name: "sentence", task.input2_column_name: "sentence"}
        return _rows(pair, keep=(task.label_column_name,))
    if "AbsTaskSTS" in families:
        return _rows(dict.fromkeys(task.column_names, "sentence"), keep=("score",))
    if "AbsTaskSummarization" in families:
        summaries = (task.human_summaries_column_name, task.machine_summaries_column_name)
        return _rows(
            dict.fromkeys(summaries, "summary"),
            keep=(task.relevancy_column_name,),
            unread=(task.text_column_name,),
        )
    raise SourceError(f"{task.metadata.name} is of a kind that is not translated ({type(task).__mro__[1].__name__})")


def _rows(
    text: Mapping[Any, Any], *, keep: tuple[str, ...], unread: tuple[str, ...] = (), grouped: bool = False
) -> Layout:
    """A layout of one configuration."""
    return Layout(text={DEFAULT: text}, keep={DEFAULT: keep}, unread={DEFAULT: unread}, grouped=grouped)


def expand(layout: Layout, key: TableKey, table: pa.Table) -> pa.Table:
    """Turn a row that holds lists into one row for each inner text, so that limits and counts mean texts.

    One-row pair sets, MTEB's old format, become ordinary rows for good; legacy clusterings are put together again
    by `collapse`.

    Args:
        layout: The data set's layout.
        key: Which table it is.
        table: The table as MTEB holds it.

    Returns:
        A table of one text a row and column.
    """
    columns = layout.columns(key.config)
    if layout.grouped:
        lengths = [len(texts) for texts in table.column(columns[-1]).to_pylist()]
        sets = [index for index, length in enumerate(lengths) for _ in range(length)]
        inner = {name: _flatten(table.column(name)) for name in columns}
        return pa.table({SET_COLUMN: pa.array(sets, pa.int32()), **inner})
    is_pair = len(layout.text[key.config]) == 2 and not layout.unread.get(key.config) and key.config == DEFAULT
    if is_pair and table.num_rows == 1 and all(_is_list(table.column(name).type) for name in columns):
        return pa.table({name: _flatten(table.column(name)) for name in columns})
    return table


def collapse(layout: Layout, tables: Tables) -> Tables:
    """Undo what `expand` did to legacy clusterings.

    Args:
        layout: The data set's layout.
        tables: Expanded tables.

    Returns:
        Tables in MTEB's own layout.
    """
    if not layout.grouped:
        return tables
    return {key: _regroup(table) for key, table in tables.items()}


def _regroup(table: pa.Table) -> pa.Table:
    sets = table.column(SET_COLUMN).to_pylist()
    starts = [index for index, value in enumerate(sets) if index == 0 or sets[index - 1] != value]
    offsets = pa.array([*starts, len(sets)], pa.int32())
    columns = {}
    for name in table.column_names:
        if name != SET_COLUMN:
            columns[name] = pa.ListArray.from_arrays(offsets, table.column(name).combine_chunks())
    return pa.table(columns)


def _flatten(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))

"""Which columns of a task hold text that a model reads, what kind of text it is, and what must be kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.tables import CORPUS, DEFAULT, QUERIES, TableKey, Tables, is_list
from mmteb_synth.errors import SourceError
from mmteb_synth.types import Kind

SET_COLUMN = "set"
"""In an expanded legacy clustering: which of the original rows a text came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a data set.

    Attributes:
        text: For each configuration its text columns and what their texts are.
        unread: The same for text columns that MTEB never shows a model.
        keep: For each configuration the columns carried over by reference.
        grouped: Whether rows are the inner texts of a legacy clustering's lists.
        paired: Whether one row may hold all pairs as lists, as MTEB's old sets do.
    """

    text: Mapping[str, Mapping[str, Kind]]
    keep: Mapping[str, tuple[str, ...]]
    unread: Mapping[str, Mapping[str, Kind]] = dataclasses.field(default_factory=dict)
    grouped: bool = False
    paired: bool = False

    def columns(self, config: str) -> tuple[str, ...]:
        """All columns of a configuration, in their stored order."""
        return (*self.keep.get(config, ()), *self.unread.get(config, ()), *self.text.get(config, {}))

    def with_all_read(self) -> Layout:
        """The layout for a set in which every text is translated, whether a model reads it or not."""
        text = {config: {**self.unread.get(config, {}), **columns} for config, columns in self.text.items()}
        return dataclasses.replace(self, text=text, unread={})


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
        )
    if families & {"AbsTaskClassification", "AbsTaskClustering"}:
        return _rows({task.input_column_name: "labelled"}, task.label_column_name)
    if "AbsTaskClusteringLegacy" in families:
        layout = _rows({task.input_column_name: "labelled"}, task.label_column_name)
        return dataclasses.replace(layout, grouped=True)
    if "AbsTaskPairClassification" in families:
        pair = (task.input1_column_name, task.input2_column_name)
        layout = _rows(dict.fromkeys(pair, "sentence"), task.label_column_name)
        return dataclasses.replace(layout, paired=True)
    if "AbsTaskSTS" in families:
        return _rows(dict.fromkeys(task.column_names, "sentence"), "score")
    if "AbsTaskSummarization" in families:
        summaries = (task.human_summaries_column_name, task.machine_summaries_column_name)
        layout = _rows(dict.fromkeys(summaries, "summary"), task.relevancy_column_name)
        return dataclasses.replace(layout, unread={DEFAULT: {task.text_column_name: "document"}})
    raise SourceError(
        f"{task.metadata.name} is of a kind that is not translated ({type(task).__mro__[1].__name__})"
    )


def _rows(text: Mapping[Any, Any], keep: str) -> Layout:
    """A layout of one configuration with one column to keep."""
    return Layout(text={DEFAULT: text}, keep={DEFAULT: (keep,)})


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

    Raises:
        SourceError: The lists of a row are of different lengths, or empty.
    """
    has_lists = all(is_list(column.type) for column in table.columns)
    if layout.grouped:
        if not has_lists:
            raise SourceError(
                f"{key.file}: a clustering of MTEB's old form needs lists of texts and of labels"
            )
        sets = np.repeat(np.arange(table.num_rows, dtype=np.int32), _lengths(table))
        return _flatten(table).add_column(0, SET_COLUMN, pa.array(sets))
    if layout.paired and table.num_rows == 1 and has_lists:
        _lengths(table)
        return _flatten(table)
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
    sets = table.column(SET_COLUMN).to_numpy()
    starts = np.flatnonzero(np.diff(sets, prepend=-1))
    offsets = pa.array(np.append(starts, len(sets)), pa.int32())
    inner = table.drop_columns(SET_COLUMN)
    lists = [pa.ListArray.from_arrays(offsets, column.combine_chunks()) for column in inner.columns]
    return pa.table(lists, names=inner.column_names)


def _lengths(table: pa.Table) -> np.ndarray:
    """How many inner texts each row holds, the same in every column."""
    first, *others = (pc.list_value_length(column).to_numpy() for column in table.columns)
    for row in range(table.num_rows):
        if first[row] == 0 or any(lengths[row] != first[row] for lengths in others):
            found = ", ".join(str(lengths[row]) for lengths in (first, *others))
            raise SourceError(
                f"row {row + 1}: the lists of {', '.join(table.column_names)} must be of one length and not empty, "
                f"and hold {found}"
            )
    return np.asarray(first)


def _flatten(table: pa.Table) -> pa.Table:
    return pa.table([pc.list_flatten(column) for column in table.columns], names=table.column_names)

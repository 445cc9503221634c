"""Rows to unique segments, and translations back into rows. Pure: tables in, tables out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mmteb_synth.data.layout import Layout
from mmteb_synth.data.tables import TableKey, Tables
from mmteb_synth.types import Kind, Segment

Needed = Mapping[TableKey, np.ndarray | None]
"""For each table a boolean mark for each row that MTEB will show a model; None means all rows."""

Texts = str | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a data set holds.

    Attributes:
        rows: Rows of all tables with text.
        texts: Texts that MTEB shows a model.
        characters: Their characters.
        segments: Unique texts among them that go to the translator.
        carried: Texts without a letter, carried over as they are.
        unencoded: Texts that MTEB never shows a model, stored empty.
    """

    rows: int = 0
    texts: int = 0
    characters: int = 0
    segments: int = 0
    carried: int = 0
    unencoded: int = 0


def needs_translation(text: str) -> bool:
    """Whether a text has a letter of any script; one without is carried over unsent."""
    return any(character.isalpha() for character in text)


def collect(layout: Layout, tables: Tables, needed: Needed, register: str) -> tuple[dict[Segment, None], Counts]:
    """The unique segments of a data set, in the order of their first appearance.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
        needed: Which rows MTEB will show a model.
        register: The tone the spec asks for.

    Returns:
        The segments as an ordered set, and the counts.
    """
    segments: dict[Segment, None] = {}
    rows = texts = characters = carried = unencoded = 0
    for key, columns in _text_columns(layout, tables):
        table, marks = tables[key], needed.get(key)
        rows += table.num_rows
        unencoded += sum(
            _count(value) for name in layout.unread.get(key.config, ()) for value in table.column(name).to_pylist()
        )
        for name, kind in columns.items():
            for index, value in enumerate(table.column(name).to_pylist()):
                if marks is not None and not marks[index]:
                    unencoded += _count(value)
                    continue
                for text in _each(value):
                    texts += 1
                    characters += len(text)
                    if needs_translation(text):
                        segments[Segment(text=text, kind=kind, register=register)] = None
                    else:
                        carried += 1
    counts = Counts(
        rows=rows,
        texts=texts,
        characters=characters,
        segments=len(segments),
        carried=carried,
        unencoded=unencoded,
    )
    return segments, counts


def reassemble(
    layout: Layout, tables: Tables, needed: Needed, register: str, translate: Callable[[Segment], str]
) -> Tables:
    """Put translations into the rows; everything else is carried over by reference.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
        needed: Which rows MTEB will show a model; the others' texts become empty.
        register: The tone the spec asks for.
        translate: The translation of a segment.

    Returns:
        Tables of the same keys, columns, row counts and order.
    """
    result = dict(tables)
    for key, columns in _text_columns(layout, tables):
        table, marks = tables[key], needed.get(key)
        for name in layout.unread.get(key.config, ()):
            column = table.column(name)
            blank = [_map(value, lambda _: "") for value in column.to_pylist()]
            table = _set(table, name, blank, column.type)
        for name, kind in columns.items():
            column = table.column(name)
            values = [
                _map(value, lambda text, kind=kind: _one(text, kind, register, translate))
                if marks is None or marks[index]
                else _map(value, lambda _: "")
                for index, value in enumerate(column.to_pylist())
            ]
            table = _set(table, name, values, column.type)
        result[key] = table
    return result


def failed_rows(
    layout: Layout, table: pa.Table, key: TableKey, marks: np.ndarray | None, failed: Callable[[str, Kind], bool]
) -> np.ndarray:
    """Which rows of a table hold a text whose translation failed.

    Args:
        layout: Which columns hold text.
        table: The English table.
        key: Which table it is.
        marks: Which rows MTEB will show a model, None for all.
        failed: Whether a text of a kind failed.

    Returns:
        A boolean for each row.
    """
    result = np.zeros(table.num_rows, bool)
    for name, kind in layout.text.get(key.config, {}).items():
        if name in table.column_names:
            for index, value in enumerate(table.column(name).to_pylist()):
                if (marks is None or marks[index]) and any(failed(text, kind) for text in _each(value)):
                    result[index] = True
    return result


def _text_columns(layout: Layout, tables: Tables) -> Iterator[tuple[TableKey, dict[str, Kind]]]:
    for key in sorted(tables):
        columns = layout.text.get(key.config, {})
        present = {name: kind for name, kind in columns.items() if name in tables[key].column_names}
        if present:
            yield key, present


def _one(text: str, kind: Kind, register: str, translate: Callable[[Segment], str]) -> str:
    return translate(Segment(text=text, kind=kind, register=register)) if needs_translation(text) else text


def _each(value: Texts) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        yield from value


def _count(value: Texts) -> int:
    return 1 if isinstance(value, str) else len(value)


def _map(value: Texts, function: Callable[[str], str]) -> Texts:
    return function(value) if isinstance(value, str) else [function(text) for text in value]


def _set(table: pa.Table, name: str, values: list[Texts], kind: pa.DataType) -> pa.Table:
    index = table.column_names.index(name)
    array = pa.array(values, kind)
    return table.set_column(index, name, array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))

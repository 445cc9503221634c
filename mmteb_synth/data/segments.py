"""Rows to unique segments, and translations back into rows. Pure: tables in, tables out.

Columns are worked on in pieces of rows, and only the unique texts of a piece become Python strings: a corpus may be
larger than one Arrow array of text can be.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.layout import Layout
from mmteb_synth.data.tables import TableKey, Tables
from mmteb_synth.types import Kind, Segment

Needed = Mapping[TableKey, np.ndarray | None]
"""For each table a boolean mark for each row that MTEB will show a model; None, or no entry, means all rows."""

_PIECE = 10_000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column of text; the marks say which rows a model is shown."""

    key: TableKey
    name: str
    kind: Kind
    data: pa.ChunkedArray
    marks: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Some rows of a column: their texts one after another, whether each is shown, and texts a row (None: one)."""

    texts: pa.Array
    shown: np.ndarray
    lengths: np.ndarray | None


def needs_translation(text: str) -> bool:
    """Whether a text has a letter of any script; one without is carried over unsent."""
    return text[:1].isalpha() or any(map(str.isalpha, text))


@contextlib.contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Hundreds of thousands of objects that are in no cycle: Python would look for cycles longer than it makes them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_search_for_cycles()
def collect(
    layout: Layout, tables: Tables, needed: Needed, register: str
) -> tuple[dict[Segment, None], Counts]:
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
    texts = characters = carried = unencoded = 0
    for column in _text_columns(layout, tables, needed):
        for piece in _pieces(column):
            shown = piece.texts.filter(pa.array(piece.shown))
            texts += len(shown)
            unencoded += len(piece.texts) - len(shown)
            characters += pc.sum(pc.utf8_length(shown), min_count=0).as_py()
            unique = pc.value_counts(shown)
            for text, count in zip(unique.field(0).to_pylist(), unique.field(1).to_pylist(), strict=True):
                if needs_translation(text):
                    segments[Segment(text, column.kind, register)] = None
                else:
                    carried += count
    counts = Counts(
        rows=sum(table.num_rows for key, table in tables.items() if key.config in layout.text),
        texts=texts,
        characters=characters,
        segments=len(segments),
        carried=carried,
        unencoded=unencoded,
    )
    return segments, counts


def characters(layout: Layout, tables: Tables) -> int:
    """The characters of all texts of a data set, those that occur again or that MTEB never shows a model among them.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
    """
    return sum(
        pc.sum(pc.utf8_length(piece.texts), min_count=0).as_py()
        for column in _text_columns(layout, tables, {})
        for piece in _pieces(column)
    )


def reassemble(
    layout: Layout, tables: Tables, needed: Needed, register: str, translations: Mapping[Segment, str]
) -> Tables:
    """Put translations into the rows; everything else is carried over by reference.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
        needed: Which rows MTEB will show a model; the others' texts become empty.
        register: The tone the spec asks for.
        translations: Segments and their translations; a text that has none is carried over.

    Returns:
        Tables of the same keys, columns, row counts and order.
    """
    result = dict(tables)
    for column in _text_columns(layout, tables, needed):
        pieces = [_put_back(piece, column.kind, register, translations) for piece in _pieces(column)]
        table = result[column.key]
        index = table.column_names.index(column.name)
        new = pa.chunked_array(pieces, None if pieces else column.data.type).cast(column.data.type)
        result[column.key] = table.set_column(index, column.name, new)
    return result


def failed_rows(
    layout: Layout, tables: Tables, needed: Needed, failed: Set[Segment]
) -> dict[TableKey, np.ndarray]:
    """Which rows hold a text whose translation failed.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
        needed: Which rows MTEB will show a model.
        failed: The segments without a translation.

    Returns:
        For each table with text a boolean for each row.
    """
    rows = {key: np.zeros(table.num_rows, bool) for key, table in tables.items() if key.config in layout.text}
    for column in _text_columns(layout, tables, needed):
        wanted = pa.array(
            sorted(segment.text for segment in failed if segment.kind == column.kind), pa.string()
        )
        start = 0
        for piece in _pieces(column):
            marks = pc.is_in(piece.texts, wanted).to_numpy(zero_copy_only=False) & piece.shown
            lengths = piece.lengths if piece.lengths is not None else np.ones(len(marks), int)
            rows[column.key][start + np.repeat(np.arange(len(lengths)), lengths)[marks]] = True
            start += len(lengths)
    return rows


def _text_columns(layout: Layout, tables: Tables, needed: Needed) -> Iterator[_Column]:
    """The columns of text that the tables have; those that no model reads are marked so."""
    for key in sorted(tables):
        table = tables[key]
        nothing = np.zeros(table.num_rows, bool)
        unread = [(name, kind, nothing) for name, kind in layout.unread.get(key.config, {}).items()]
        read = [(name, kind, needed.get(key)) for name, kind in layout.text.get(key.config, {}).items()]
        for name, kind, marks in (*unread, *read):
            if name in table.column_names:
                yield _Column(key=key, name=name, kind=kind, data=table.column(name), marks=marks)


def _pieces(column: _Column) -> Iterator[_Piece]:
    for start in range(0, len(column.data), _PIECE):
        array = column.data.slice(start, _PIECE).combine_chunks()
        marks = np.ones(len(array), bool) if column.marks is None else column.marks[start : start + _PIECE]
        if pa.types.is_list(array.type):
            lengths = array.value_lengths().to_numpy()
            yield _Piece(texts=array.flatten(), shown=np.repeat(marks, lengths), lengths=lengths)
        else:
            yield _Piece(texts=array, shown=marks, lengths=None)


def _put_back(piece: _Piece, kind: Kind, register: str, translations: Mapping[Segment, str]) -> pa.Array:
    """A piece with its texts translated, those that aren't shown empty."""
    encoded = pc.if_else(pa.array(piece.shown), piece.texts, "").dictionary_encode()
    unique = encoded.dictionary.to_pylist()
    segments = map(Segment, unique, repeat(kind), repeat(register))
    texts = pa.array(map(translations.get, segments, unique), pa.string()).take(encoded.indices)
    if piece.lengths is None:
        return texts
    return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(piece.lengths)), pa.int32()), texts)

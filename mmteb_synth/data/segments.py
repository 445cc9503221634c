"""Rows to unique segments, and translations back into rows: tables in, tables out.

Columns are worked on in pieces of rows, and only the distinct texts of a piece become Python strings. Equal texts of
different pieces are found by digests on the disk: a corpus may be larger than the memory.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import itertools
import operator
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.layout import Layout
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import TableKey, Tables, is_list
from mmteb_synth.paths import writing
from mmteb_synth.types import Kind, Segment

Needed = Mapping[TableKey, np.ndarray | None]
"""For each table a boolean mark for each row that MTEB will show a model; None, or no entry, means all rows."""

_PIECE = 10_000
_DIGEST = 16
"""Bytes of a text's digest."""
_CARRIED = bytes(_DIGEST)
"""Stands for the digest of a text that is carried over."""
_SORTED_AT_ONCE = 1_000_000


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
    """Some rows of a column.

    Attributes:
        texts: Their texts one after another, dictionary-encoded in the order of first appearance; empty where none
            is shown.
        shown: Whether each is shown.
        lengths: Texts a row; None where it is one.
    """

    texts: pa.DictionaryArray
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """The unique segments of a data set, in the order of their first appearance, read from its tables when needed.

    Attributes:
        layout: Which columns hold text.
        tables: The English tables.
        needed: Which rows MTEB will show a model.
        register: The tone the spec asks for.
        counts: What the data set holds.
        numbers: For the distinct texts of each piece of rows, one piece after another, which segment each is; -1
            where it is carried over.
    """

    layout: Layout
    tables: Tables
    needed: Needed
    register: str
    counts: Counts
    numbers: np.ndarray

    def __len__(self) -> int:
        return self.counts.segments

    def __iter__(self) -> Iterator[Segment]:
        known = 0
        for _, kind, piece, numbers in self._pieces():
            new = np.flatnonzero(numbers >= known)  # they are numbered as they appeared
            for text in piece.texts.dictionary.take(pa.array(new)).to_pylist():
                yield Segment(text, kind, self.register)
            known += len(new)

    def reassemble(self, translations: pa.ChunkedArray | None, spool: Spool) -> Tables:
        """Put translations into the rows; everything else is carried over by reference.

        Args:
            translations: One for each segment, in order; missing where it has none and is carried over. None
                carries all of them over, and leaves out only what no model is shown.
            spool: Where the new columns are kept.

        Returns:
            Tables of the same keys, columns, row counts and order.
        """
        result = dict(self.tables)
        known = _Places(translations)
        for (key, name), pieces in itertools.groupby(self._pieces(), key=operator.itemgetter(0)):
            field = self.tables[key].schema.field(name)
            schema = pa.schema([pa.field(name, field.type)])
            batches = (
                pa.table([_put_back(piece, known.of(numbers)).cast(field.type)], schema=schema)
                for _, _, piece, numbers in pieces
            )
            column = spool.table(schema, batches).column(0)
            index = result[key].column_names.index(name)
            result[key] = result[key].set_column(index, field, column)
        return result

    def _pieces(self) -> Iterator[tuple[tuple[TableKey, str], Kind, _Piece, np.ndarray]]:
        """Every piece with its column and kind, and the numbers of its distinct texts."""
        start = 0
        for column in _text_columns(self.layout, self.tables, self.needed):
            for piece in _pieces(column):
                end = start + len(piece.texts.dictionary)
                yield (column.key, column.name), column.kind, piece, self.numbers[start:end]
                start = end


@_no_search_for_cycles()
def collect(layout: Layout, tables: Tables, needed: Needed, register: str, spool: Spool) -> Segments:
    """Find the unique segments of a data set.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
        needed: Which rows MTEB will show a model.
        register: The tone the spec asks for.
        spool: Where digests of the texts are kept, by which equal ones are found.
    """
    texts = characters = carried = unencoded = 0
    file = spool.file()
    with writing("temporary files"), file.open("wb") as digests:
        for column in _text_columns(layout, tables, needed):
            for piece in _pieces(column):
                unique = piece.texts.dictionary
                shown = piece.texts.indices.to_numpy()[piece.shown]
                counts = np.bincount(shown, minlength=len(unique))
                texts += len(shown)
                unencoded += len(piece.texts) - len(shown)
                characters += int(pc.utf8_length(unique).to_numpy() @ counts) if len(unique) else 0
                distinct = unique.to_pylist()
                sent = [needs_translation(text) for text in distinct]
                carried += int(counts[~np.array(sent, bool)].sum())
                kind = column.kind.encode()
                digests.write(
                    b"".join(
                        _digest(kind + b"\0" + text.encode()) if is_sent else _CARRIED
                        for text, is_sent in zip(distinct, sent, strict=True)
                    )
                )
    numbers, count = _numbered(file, spool)
    return Segments(
        layout=layout,
        tables=tables,
        needed=needed,
        register=register,
        counts=Counts(
            rows=sum(table.num_rows for key, table in tables.items() if key.config in layout.text),
            texts=texts,
            characters=characters,
            segments=count,
            carried=carried,
            unencoded=unencoded,
        ),
        numbers=numbers,
    )


def characters(layout: Layout, tables: Tables) -> int:
    """The characters of all texts of a data set, those that occur again or that MTEB never shows a model among them.

    Args:
        layout: Which columns hold text.
        tables: The English tables.
    """
    return sum(
        pc.sum(pc.utf8_length(chunk.flatten() if is_list(chunk.type) else chunk), min_count=0).as_py()
        for column in _text_columns(layout, tables, {})
        for chunk in column.data.chunks
    )


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
            unique = pc.is_in(piece.texts.dictionary, wanted).to_numpy(zero_copy_only=False)
            marks = unique[piece.texts.indices.to_numpy()] & piece.shown
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
        lengths = None
        if pa.types.is_list(array.type):
            lengths = array.value_lengths().to_numpy()
            array, marks = array.flatten(), np.repeat(marks, lengths)
        texts = pc.if_else(pa.array(marks), array, "").dictionary_encode()
        yield _Piece(texts=texts, shown=marks, lengths=lengths)


def _put_back(piece: _Piece, translations: pa.Array) -> pa.Array:
    """A piece with its distinct texts translated, where there is a translation."""
    texts = pc.coalesce(translations, piece.texts.dictionary).take(piece.texts.indices)
    if piece.lengths is None:
        return texts
    return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(piece.lengths)), pa.int32()), texts)


class _Places:
    """Finds values of a column by their places, without joining its chunks.

    Args:
        column: The values; None has none.
    """

    def __init__(self, column: pa.ChunkedArray | None) -> None:
        self._chunks = column.chunks if column is not None else []
        self._ends = np.cumsum([len(chunk) for chunk in self._chunks], dtype=np.int64)

    def of(self, places: np.ndarray) -> pa.Array:
        """The values at some places; missing for a place below 0."""
        if not self._chunks:
            return pa.nulls(len(places), pa.string())
        held = np.searchsorted(self._ends, places, side="right")
        found = [pa.nulls(1, pa.string())]
        order = np.zeros(len(places), np.int64)  # the missing one, unless found
        taken = 1
        for number in np.unique(held[places >= 0]).tolist():
            here = np.flatnonzero((held == number) & (places >= 0))
            start = self._ends[number] - len(self._chunks[number])
            found.append(self._chunks[number].take(pa.array(places[here] - start)))
            order[here] = np.arange(taken, taken + len(here))
            taken += len(here)
        return pa.concat_arrays(found).take(pa.array(order))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


def _numbered(file: Path, spool: Spool) -> tuple[np.ndarray, int]:
    """Number the digests in a file: equal ones alike, in the order of first appearance, those carried over -1.

    They are sorted a share at a time, so that memory does not grow with their number.

    Returns:
        The numbers, and how many there are.
    """
    size = file.stat().st_size // _DIGEST
    if size == 0:
        return np.zeros(0, np.int64), 0
    digests = np.memmap(file, dtype=np.uint64, mode="r", shape=(size, 2))
    first = spool.array(np.int64, size)
    shares = size // _SORTED_AT_ONCE + 1
    for share in range(shares):
        here = np.concatenate(
            [
                start + np.flatnonzero(digests[start : start + _SORTED_AT_ONCE, 0] % shares == share)
                for start in range(0, size, _SORTED_AT_ONCE)
            ]
        )
        if not len(here):
            continue
        mine = digests[here]
        order = np.lexsort((mine[:, 1], mine[:, 0]))  # stable: of equal ones the first comes first
        mine, here = mine[order], here[order]
        leads = np.append(True, (mine[1:] != mine[:-1]).any(axis=1))
        first[here] = here[leads][np.cumsum(leads) - 1]
    numbers = spool.array(np.int64, size)
    count = 0
    for start in range(0, size, _SORTED_AT_ONCE):
        end = min(start + _SORTED_AT_ONCE, size)
        sent = digests[start:end].any(axis=1)
        new = sent & (first[start:end] == np.arange(start, end))
        numbers[start:end][new] = count + np.arange(np.count_nonzero(new))
        numbers[start:end][~new] = numbers[first[start:end][~new]]
        numbers[start:end][~sent] = -1
        count += int(np.count_nonzero(new))
    return numbers, count

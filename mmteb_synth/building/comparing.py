"""A set's translations beside each other: what one pair of texts can't show."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np
import pyarrow as pa

from mmteb_synth.checks import CHECKS_VERSION, across
from mmteb_synth.errors import CacheError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, Verdict

_REMEMBERED = 10_000
"""Translations of a set whose comparison is worth remembering."""


def compare(table: pa.Table, cache: Cache, language: Language) -> Mapping[int, tuple[Verdict, ...]]:
    """What is wrong among the translations of a set; of large sets it is remembered, since comparing takes seconds.

    Args:
        table: The set's ledger.
        cache: Remembers it.
        language: The target language.

    Returns:
        Verdicts by row; rows without any are left out.
    """
    sources, hypotheses = _Texts(table.column("source")), _Texts(table.column("hypothesis"))
    if len(table) < _REMEMBERED:
        return across.judge(sources, hypotheses, language)
    digest = _digest(table, language)
    known = cache.comparison(digest)
    if known is not None:
        return known
    said = across.judge(sources, hypotheses, language)
    with contextlib.suppress(CacheError):  # a cache that can only be read is asked in vain every time
        cache.keep_comparison(digest, said)
    return said


def _digest(table: pa.Table, language: Language) -> bytes:
    """Of all that a comparison rests on."""
    digest = hashlib.blake2b(f"{CHECKS_VERSION} {language.code}\n".encode(), digest_size=16)
    for batch in table.select(["source_hash", "hypothesis"]).to_batches():
        digest.update("".join(batch.column(0).to_pylist()).encode())
        digest.update("\0".join(text or "" for text in batch.column(1).to_pylist()).encode() + b"\0")
    return digest.digest()


class _Texts(Sequence[str]):
    """A column of text whose rows become Python strings one by one, or a chunk at a time; a missing one is empty."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._chunks = column.chunks
        self._ends = np.cumsum([len(chunk) for chunk in self._chunks], dtype=np.int64)
        self._length = len(column)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks:
            for text in chunk.to_pylist():
                yield text or ""

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(self._length))]
        number = int(np.searchsorted(self._ends, row, side="right"))
        chunk = self._chunks[number]
        return chunk[row - int(self._ends[number]) + len(chunk)].as_py() or ""

"""The documents that a lexical search takes for the best: hard negatives, by BM25.

Words and scores are bm25s's (Lù, BM25S: Orders of magnitude faster lexical search via eager sparse scoring, 2024,
arXiv:2407.03618), in Lucene's variant of BM25 with k1 = 1.5 and b = 0.75: scores are computed for all documents when they
are indexed, and added up for a query. bm25s keeps its index in memory, which for millions of documents takes gigabytes.
This one holds only the words of the queries, and lies on the disk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from mmteb_synth.data.spool import Spool

_K1, _B = 1.5, 0.75
_ENTRIES = pa.schema([("document", pa.int32()), ("word", pa.int32()), ("times", pa.int32())])


def best(
    queries: Sequence[str], documents: Iterable[Sequence[str]], places: np.ndarray, count: int, spool: Spool
) -> Iterator[np.ndarray]:
    """The documents that BM25 ranks first for each query.

    Args:
        queries: Texts.
        documents: Texts in batches, read once and not kept.
        places: A number for each document: of two with equal scores the smaller one is first.
        count: How many are wanted for each query.
        spool: Where the index is kept.

    Yields:
        For each query the numbers of at most `count` documents, the best first; none that shares no word with it.
    """
    asked = _words(queries)
    index = _indexed(asked.vocab, documents, spool)
    for words in asked.ids:
        yield _first(index.scores(words), places, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """What each word of the queries adds to the scores of the documents that hold it.

    Attributes:
        size: How many documents there are.
        starts: Where the entries of each word begin, and where the last one's end.
        documents: Document numbers, word after word.
        values: What the word adds to the document's score.
    """

    size: int
    starts: np.ndarray
    documents: np.ndarray
    values: np.ndarray

    def scores(self, words: Iterable[int]) -> np.ndarray:
        """The scores of all documents; a word that a query has twice counts twice."""
        found = np.zeros(self.size, np.float32)
        for word in words:
            here = slice(self.starts[word], self.starts[word + 1])
            found[self.documents[here]] += self.values[here]
        return found


def _indexed(vocabulary: Mapping[str, int], documents: Iterable[Sequence[str]], spool: Spool) -> _Index:
    """Count the words of a vocabulary in documents, and weigh them by Lucene's BM25 as bm25s does."""
    lengths = [np.zeros(0, np.int64)]

    def counted() -> Iterator[pa.Table]:
        start = 0
        for texts in documents:
            words = _words(texts)
            lengths.append(np.fromiter(map(len, words.ids), np.int64, len(texts)))
            yield _counted(words, lengths[-1], vocabulary, start)
            start += len(texts)

    entries = spool.table(_ENTRIES, counted())
    every = np.concatenate(lengths)
    within = np.zeros(len(vocabulary), np.int64)
    for batch in entries.to_batches():
        within += np.bincount(batch.column("word"), minlength=len(vocabulary))
    rarity = np.array([math.log(1 + (len(every) - df + 0.5) / (df + 0.5)) for df in within], np.float32)
    weight = _K1 * (1 - _B + _B * every / every.mean()) if every.any() else every
    starts = np.append(0, np.cumsum(within))
    index = _Index(
        size=len(every),
        starts=starts,
        documents=spool.array(np.int32, len(entries)),
        values=spool.array(np.float32, len(entries)),
    )
    ends = starts[:-1].copy()
    for batch in entries.to_batches():  # sorted by word, as `_counted` leaves them
        rows, words, times = (column.to_numpy() for column in batch.columns)
        of_word = np.bincount(words, minlength=len(vocabulary))
        at = np.arange(len(words)) + np.repeat(ends - (np.cumsum(of_word) - of_word), of_word)
        index.documents[at] = rows
        index.values[at] = rarity[words] * (times / (weight[rows] + times))
        ends += of_word
    return index


def _counted(words: Any, lengths: np.ndarray, vocabulary: Mapping[str, int], start: int) -> pa.Table:
    """How often documents hold each word of a vocabulary, sorted by word, then by document.

    Args:
        words: The documents' words, as `_words` gives them.
        lengths: How many each has.
        vocabulary: The words that count, and their numbers.
        start: The number of the first document.
    """
    known = np.fromiter((vocabulary.get(word, -1) for word in words.vocab), np.int64, len(words.vocab))
    held = known[np.fromiter(chain.from_iterable(words.ids), np.int64, lengths.sum())]
    rows = np.repeat(np.arange(len(lengths)), lengths)
    pairs, times = np.unique((held * len(lengths) + rows)[held >= 0], return_counts=True)
    word, row = np.divmod(pairs, len(lengths))
    return pa.table([start + row, word, times], names=_ENTRIES.names).cast(_ENTRIES)


def _words(texts: Sequence[str]) -> Any:
    """Words of two letters and more in lower case without bm25s's English stop words, as numbers."""
    import bm25s

    return bm25s.tokenize(list(texts), stopwords="en", show_progress=False)


def _first(scores: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """The rows with the highest scores above 0, sorted by score, then by place.

    bm25s's own choice takes any of several rows with equal scores; this one is the same everywhere.
    """
    rows = np.flatnonzero(scores > 0)
    if len(rows) > count:
        bar = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
        rows = rows[scores[rows] >= bar]
    order = np.lexsort((places[rows], -scores[rows]))
    return rows[order[:count]]

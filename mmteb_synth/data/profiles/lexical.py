"""The documents that a lexical search takes for the best: hard negatives, by BM25.

The index is bm25s's (Lù, BM25S: Orders of magnitude faster lexical search via eager sparse scoring, 2024,
arXiv:2407.03618), in Lucene's variant of BM25 with k1 = 1.5 and b = 0.75. Only the words of the queries get places of
their own in it; all others share one, which keeps the lengths of documents right and the index of millions of
documents small. Scores are those of a whole index.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

_OTHERS = "\x00"


def best(
    queries: Sequence[str], documents: Iterable[Sequence[str]], places: np.ndarray, count: int
) -> Iterator[np.ndarray]:
    """The documents that BM25 ranks first for each query.

    Args:
        queries: Texts.
        documents: Texts in batches, read once and not kept.
        places: A number for each document: of two with equal scores the smaller one is first.
        count: How many are wanted for each query.

    Yields:
        For each query the numbers of at most `count` documents, the best first; none that shares no word with it.
    """
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it tells of every index that it builds
    asked = _words(queries)
    vocabulary = {**asked.vocab, _OTHERS: len(asked.vocab)}
    corpus = _Corpus(len(vocabulary))
    for texts in documents:
        words = _words(texts)
        known = [vocabulary.get(word, vocabulary[_OTHERS]) for word in words.vocab]
        for document in words.ids:
            corpus.add(known[word] for word in document)
    if corpus.has_no_word or not asked.vocab:
        yield from (np.zeros(0, np.int64) for _ in queries)
        return
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numpy", csc_backend="scipy")
    index.index(
        bm25s.tokenization.Tokenized(ids=corpus, vocab=vocabulary),
        create_empty_token=False,
        show_progress=False,
    )
    for query in asked.ids:
        yield _first(index.get_scores_from_ids(query), places, count)


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


class _Corpus:
    """Documents as numbers of words, one after another in one array: as lists, a million would take gigabytes."""

    def __init__(self, size: int) -> None:
        self._words = array("H" if size <= 1 << 16 else "I")
        self._ends = array("Q", [0])

    def add(self, words: Iterable[int]) -> None:
        self._words.extend(words)
        self._ends.append(len(self._words))

    @property
    def has_no_word(self) -> bool:
        """Whether no document holds a word."""
        return not self._words

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[list[int]]:
        for document in range(len(self)):
            yield self._words[self._ends[document] : self._ends[document + 1]].tolist()

"""Hard negatives are those that bm25s ranks first over the whole corpus, ties broken by place."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.data.profiles import lexical
from mmteb_synth.data.spool import Spool

WORDS = ["iron", "copper", "river", "meadow", "lantern", "harbour", "pepper", "velvet", "the", "of"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), min_size=1, max_size=25)


def in_batches(texts: Sequence[str], size: int = 7) -> Iterator[list[str]]:
    for start in range(0, len(texts), size):
        yield list(texts[start : start + size])


def best(queries: Sequence[str], texts: Sequence[str], count: int) -> list[list[int]]:
    places = np.arange(len(texts))
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder)) as spool:
        return [found.tolist() for found in lexical.best(queries, in_batches(texts), places, count, spool)]


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 6))
def test_as_an_index_of_all_words(queries: list[str], texts: list[str], count: int) -> None:
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numpy", csc_backend="scipy")
    words = bm25s.tokenize(texts, stopwords="en", show_progress=False)
    found = best(queries, texts, count)
    if not words.vocab:
        assert found == [[] for _ in queries]
        return
    index.index(words, show_progress=False)
    for query, rows in zip(queries, found, strict=True):
        asked = bm25s.tokenize([query], stopwords="en", return_ids=False, show_progress=False)[0]
        scores = index.get_scores(asked) if asked else np.zeros(len(texts))
        assert (
            rows == [row for row in np.lexsort((np.arange(len(texts)), -scores)) if scores[row] > 0][:count]
        )


def test_a_larger_corpus_of_common_and_rare_words() -> None:
    """Words as often as in real texts, in more than one batch: every score is bm25s's to the last bit."""
    draw = np.random.default_rng(7)
    texts, queries = (
        [" ".join(f"w{word}" for word in draw.zipf(1.3, length) if word < 5_000) for length in lengths]
        for lengths in (draw.integers(1, 120, 3_000), draw.integers(1, 15, 40))
    )
    places = draw.permutation(len(texts))
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numpy", csc_backend="scipy")
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder)) as spool:
        found = list(lexical.best(queries, in_batches(texts, 700), places, 25, spool))
    for query, rows in zip(queries, found, strict=True):
        scores = index.get_scores(
            bm25s.tokenize([query], stopwords="en", return_ids=False, show_progress=False)[0]
        )
        assert rows.tolist() == [row for row in np.lexsort((places, -scores)) if scores[row] > 0][:25]


def test_equal_scores_are_told_apart_by_place(spool: Spool) -> None:
    texts = ["iron river"] * 4
    (found,) = lexical.best(["iron"], [texts], np.array([3, 1, 2, 0]), 2, spool)
    assert found.tolist() == [3, 1]


def test_a_long_document_counts_its_other_words() -> None:
    assert best(["iron"], ["iron " + "pepper " * 30, "iron"], 2) == [[1, 0]]


@pytest.mark.parametrize("query", ["", "the of", "zinc", "?"])
def test_a_query_without_a_word_in_common_finds_nothing(query: str) -> None:
    assert best([query, "iron"], ["iron river", "meadow"], 3) == [[], [0]]


def test_no_documents() -> None:
    assert best(["iron"], [], 3) == [[]]

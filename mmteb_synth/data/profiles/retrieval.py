"""What a profile keeps of retrieval and reranking sets.

The sizes follow two precedents: NanoBEIR, with 50 queries of each set and about 100 documents for each query
(huggingface.co/collections/zeta-alpha-ai), and the HardNegatives sets of MTEB, with at most 1,000 queries and the best
documents of BM25 and two embedding models for each (Enevoldsen et al., MMTEB, 2025, arXiv:2502.13595; that ranks of
models then stay as they are was tried in github.com/embeddings-benchmark/mteb/issues/836). Here negatives are BM25's
alone, which favours no embedding model that is to be ranked, with some documents at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.profiles import Budget, lexical
from mmteb_synth.data.profiles.order import by_hash, hashes
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, QRELS, QUERIES, TOP_RANKED, TableKey, Tables, pick

JUDGED, CANDIDATE, NEGATIVE, RANDOM = "judged", "candidate", "hard negative", "random"
"""Why a document is kept; where several hold, the first of them."""

_BATCH = 10_000
_SUBQUERIES = "max_over_subqueries"
"""Main scores of this beginning are taken over queries that bear one name before their last `_`: such queries are kept
together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of one split.

    Attributes:
        queries: Row numbers, in the source's order.
        documents: The same of the corpus.
        reasons: Why each document is kept.
    """

    queries: np.ndarray
    documents: np.ndarray
    reasons: list[str]


def kept(task: Any, tables: Tables, split: str, budget: Budget, seed: int, spool: Spool) -> Kept:
    """Choose the queries and documents of one split.

    Args:
        task: The MTEB task.
        tables: Its tables.
        split: The split.
        budget: How much is kept.
        seed: The sample's.
        spool: Where the index of the corpus is kept meanwhile.
    """
    queries, corpus = tables[TableKey(QUERIES, split)], tables[TableKey(CORPUS, split)]
    qrels, ranking = tables[TableKey(QRELS, split)], tables.get(TableKey(TOP_RANKED, split))
    first = _first_queries(task, queries, qrels, budget.queries, seed)
    asked = [one for group in first for one in group]
    judged = _lists(qrels, "corpus-id", asked)
    ranked = _lists(ranking, "corpus-ids", asked) if ranking is not None else {}
    chosen = _enough(first, (judged, ranked), budget)
    rows = np.flatnonzero(_is_in(queries.column("id"), chosen))

    names = corpus.column("id")
    why: dict[int, str] = {}
    for reason, lists in ((JUDGED, judged), (CANDIDATE, ranked)):
        wanted = {name for one in chosen for name in lists.get(one, ())}
        for row in np.flatnonzero(_is_in(names, wanted)).tolist():
            why.setdefault(row, reason)
    if ranking is None:
        numbers = hashes((name.as_py() for name in names), seed)
        for found in _negatives(task, pick(queries, rows), corpus, judged, numbers, budget, spool):
            for row in found:
                why.setdefault(row, NEGATIVE)
        for row in by_hash(numbers)[: budget.others].tolist():
            why.setdefault(row, RANDOM)
    documents = sorted(why)
    return Kept(
        queries=rows,
        documents=np.array(documents, np.int64),
        reasons=[why[row] for row in documents],
    )


def _first_queries(task: Any, queries: pa.Table, qrels: pa.Table, count: int, seed: int) -> list[list[str]]:
    """The queries that come first by the hashes of their ids, of those that were judged; those scored as one together."""
    groups: dict[str, list[str]] = {}
    together = task.metadata.main_score.startswith(_SUBQUERIES)
    for one in queries.filter(pc.is_in(queries.column("id"), qrels.column("query-id").unique())).column("id"):
        name = one.as_py()
        groups.setdefault(name.rpartition("_")[0] if together else name, []).append(name)
    members = list(groups.values())
    return [members[row] for row in by_hash(hashes(groups, seed))[:count]]


def _enough(groups: list[list[str]], lists: Iterable[dict[str, list[str]]], budget: Budget) -> set[str]:
    """Queries one after another, until they have enough documents."""
    chosen: set[str] = set()
    documents: set[str] = set()
    for count, members in enumerate(groups):
        more = documents.union(*(of_query.get(one, ()) for one in members for of_query in lists))
        if count >= budget.fewest and len(more) > budget.judged:
            break
        documents = more
        chosen.update(members)
    return chosen


def _negatives(
    task: Any,
    queries: pa.Table,
    corpus: pa.Table,
    judged: dict[str, list[str]],
    numbers: np.ndarray,
    budget: Budget,
    spool: Spool,
) -> Iterator[list[int]]:
    """For each query the best documents by BM25 that nobody judged for it.

    Where a task takes a query out of its own results, the document of that name is no negative.
    """
    skipped = {
        one: {*judged[one], *([one] if getattr(task, "ignore_identical_ids", False) else [])}
        for one in queries.column("id").to_pylist()
    }
    names = corpus.column("id")
    count = budget.negatives + max(map(len, skipped.values()), default=0)
    found = lexical.best(queries.column("text").to_pylist(), _texts(corpus), numbers, count, spool)
    for others, rows in zip(skipped.values(), found, strict=True):
        usable = (row for row in rows.tolist() if names[row].as_py() not in others)
        yield [row for row, _ in zip(usable, range(budget.negatives), strict=False)]


def _texts(corpus: pa.Table) -> Iterator[list[str]]:
    """Title and text of documents, as models see them."""
    names = [name for name in ("title", "text") if name in corpus.column_names]
    for batch in corpus.select(names).to_batches(_BATCH):
        yield pc.binary_join_element_wise(*batch.columns, " ").to_pylist()


def _lists(table: pa.Table, column: str, queries: Iterable[str]) -> dict[str, list[str]]:
    """The documents of some queries."""
    found: dict[str, list[str]] = {}
    some = table.filter(pa.array(_is_in(table.column("query-id"), queries)))
    for one, documents in zip(
        some.column("query-id").to_pylist(), some.column(column).to_pylist(), strict=True
    ):
        found.setdefault(one, []).extend(documents if isinstance(documents, list) else [documents])
    return found


def _is_in(values: pa.ChunkedArray, wanted: Iterable[str]) -> np.ndarray:
    return np.asarray(pc.is_in(values, pa.array(sorted(wanted), pa.string())).to_numpy())

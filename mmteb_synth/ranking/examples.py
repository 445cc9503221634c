"""The predictions that an evaluation kept -> what each score would have been with other examples."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, QRELS, TableKey
from mmteb_synth.errors import StoreError
from mmteb_synth.ranking import rescoring
from mmteb_synth.ranking.rescoring import Scorer
from mmteb_synth.ranking.results import PREDICTIONS, Score, read_object
from mmteb_synth.statistics.bootstrap import SEED, Floats, counts, resamples

TIMES = 1000
"""Draws of examples. Sets are large, and each draw costs as much as scoring the whole set once."""

_CELLS = 2_000_000
"""So many numbers are held at once in one step."""
_ROUNDING = 1e-5
"""How far the score may be from MTEB's, which rounds retrieval metrics to five digits."""


class Examples:
    """What scores would have been with other examples.

    Args:
        data_dir: The store of built sets, which has the true labels.
    """

    def __init__(self, data_dir: Path) -> None:
        self._store = Store(data_dir)
        self._known: dict[Score, Floats | None] = {}

    def draws(self, score: Score) -> Floats | None:
        """A score in each of `TIMES` draws of as many examples as there are.

        The draws of a set's examples are the same for all models and, where nothing was dropped, for English and all
        translations of it: a difference is between scores of the same examples.

        Args:
            score: The score.

        Returns:
            Of shape (TIMES,), on MTEB's scale; None where no predictions were kept, where they are not those that the
            score was made of, or where nobody knows how to score them.

        Raises:
            SynthError: A file is damaged.
        """
        if score not in self._known:
            self._known[score] = self._draw(score)
        return self._known[score]

    def _draw(self, score: Score) -> Floats | None:
        scorer = self._scorer(score)
        if scorer is None:
            return None
        found = scorer.score(np.ones((1, scorer.size)))[0]
        if not abs(found - score.value) <= _ROUNDING:
            return None
        name = zlib.crc32(f"{score.signed.source_task}/{score.signed.split}".encode())
        step = max(1, _CELLS // scorer.size)
        return np.concatenate(
            [
                scorer.score(
                    counts(resamples(scorer.size, times=min(step, TIMES - start), seed=(SEED, name, start)))
                )
                for start in range(0, TIMES, step)
            ]
        )

    def _scorer(self, score: Score) -> Scorer | None:
        signed = score.signed
        file = score.folder / PREDICTIONS / f"{signed.task}_predictions.json"
        predictions = read_object(file).get(signed.subset, {}).get(signed.split)
        if not predictions:
            return None
        task_type, metric = signed.task_type, signed.main_score
        if task_type == "Summarization":
            return rescoring.summarization(predictions, metric)
        if task_type == "BitextMining":
            return rescoring.bitext(predictions, metric)
        if task_type in ("Retrieval", "Reranking"):
            qrels = self._table(score, QRELS)
            return None if qrels is None else _ranked(predictions, _judged(qrels), score)
        by_labels: dict[str, Callable[[Any, list[Any], str], Scorer | None]] = {
            "STS": rescoring.sts,
            "PairClassification": rescoring.pairs,
            "Classification": rescoring.classification,
        }
        rows = self._table(score, DEFAULT) if task_type in by_labels else None
        if rows is None:
            return None
        return by_labels[task_type](predictions, rows.column(0).to_pylist(), metric)

    def _table(self, score: Score, config: str) -> pa.Table | None:
        """A table of the set that was scored; None where it is none of the store's."""
        dataset = self._store.find(score.signed.task)
        if dataset is None or dataset.manifest.revision != score.signed.dataset_revision:
            return None
        path = dataset.folder / TableKey(config, score.signed.split).file
        try:
            return pq.read_table(path)
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f"{path} is damaged: {error}",
                hint=f"delete {dataset.folder} and run the build again; translations come from the cache",
            ) from error


def _judged(qrels: pa.Table) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for query, document, relevance in zip(
        *(qrels.column(name).to_pylist() for name in ("query-id", "corpus-id", "score")), strict=True
    ):
        judged[query][document] = relevance
    return judged


def _ranked(predictions: dict[str, Any], judged: dict[str, dict[str, int]], score: Score) -> Scorer | None:
    """Of tasks that leave a query's own text out of what is found (MTEB's `ignore_identical_ids`) without it."""
    metric = score.signed.main_score
    scorer = rescoring.retrieval(predictions, judged, metric)
    if scorer is None or abs(scorer.score(np.ones((1, scorer.size)))[0] - score.value) <= _ROUNDING:
        return scorer
    others = {
        query: {document: value for document, value in found.items() if document != query}
        for query, found in predictions.items()
    }
    return rescoring.retrieval(others, judged, metric)

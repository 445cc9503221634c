"""The predictions that an evaluation kept -> what each score would have been with other examples."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmteb_synth import aggregates
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, QRELS, TableKey
from mmteb_synth.errors import StoreError
from mmteb_synth.ranking import clusters, rescoring
from mmteb_synth.ranking.rescoring import Scorer
from mmteb_synth.ranking.results import PREDICTIONS, Score, read_object
from mmteb_synth.ranking.uncertainty import mean_of_draws
from mmteb_synth.statistics.bootstrap import SEED, Floats, counts, resamples

TIMES = 1000
"""Draws of examples. Sets are large, and each draw costs as much as scoring the whole set once."""

_CELLS = 2_000_000
"""So many numbers are held at once in one step."""
_ROUNDING = 1e-5
"""How far the score may be from MTEB's, which rounds retrieval metrics to five digits."""
_RANKED = ("Retrieval", "Reranking")
_SEED = 42
_SHARE = 0.04
"""MTEB's seed, and the share of texts that its fast clusterings embed where the task does not say otherwise."""


class Examples:
    """What scores would have been with other examples.

    Args:
        data_dir: The store of built sets, which has the true labels.
        scores: All scores: that of an aggregate is the mean of its parts'.
    """

    def __init__(self, data_dir: Path, scores: Iterable[Score] = ()) -> None:
        self._store = Store(data_dir)
        self._by_task = {(score.model, score.signed.task, score.signed.split): score for score in scores}
        self._known: dict[Score, Floats | None] = {}

    def draws(self, score: Score) -> Floats | None:
        """A score in each of `TIMES` draws of as many examples as there are.

        The draws of a set's examples are the same for all models and, where nothing was dropped, for English and all
        translations of it: a difference is between scores of the same examples.

        A draw holds some examples twice, which raises scores that count what belongs together (V-measure, F1, average
        precision). That bias, estimated by the mean of the draws (Efron and Tibshirani 1993, section 10.3), is taken
        off; no score is above 1.

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
        made_of = aggregates.sets(score.signed.task)
        if made_of is not None:
            return self._draw_parts(score, made_of[1].values())
        scorer = self.scorer(score)
        if scorer is None:
            return None
        name = zlib.crc32(f"{score.signed.source_task}/{score.signed.split}".encode())
        step = max(1, _CELLS // scorer.size)
        draws = np.concatenate(
            [
                scorer.score(
                    counts(resamples(scorer.size, times=min(step, TIMES - start), seed=(SEED, name, start)))
                )
                for start in range(0, TIMES, step)
            ]
        )
        if np.isnan(draws).all():
            return None
        return np.asarray(np.minimum(draws - np.nanmean(draws) + score.value, 1.0))

    def _draw_parts(self, score: Score, names: Iterable[str]) -> Floats | None:
        parts = [self._by_task.get((score.model, name, score.signed.split)) for name in names]
        known = [part for part in parts if part is not None]
        mean = math.fsum(part.value for part in known) / len(parts)
        if len(known) < len(parts) or abs(mean - score.value) > _ROUNDING:
            return None
        return mean_of_draws([self.draws(part) for part in known])

    def scorer(self, score: Score) -> Scorer | None:
        """How to score the predictions that were kept; None where they don't give the score."""
        try:
            return next((scorer for scorer in self._scorers(score) if _whole(scorer, score)), None)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return None  # they are not of the shape in which MTEB keeps them

    def _scorers(self, score: Score) -> Iterator[Scorer | None]:
        """The ways in which the score may have been made: what a task does is not always written down."""
        signed = score.signed
        file = score.folder / PREDICTIONS / f"{signed.task}_predictions.json"
        predictions = read_object(file).get(signed.subset, {}).get(signed.split)
        if not predictions:
            return
        task_type, metric = signed.task_type, signed.main_score
        if task_type == "Summarization":
            yield rescoring.summarization(predictions, metric)
        elif task_type == "BitextMining":
            yield rescoring.bitext(predictions, metric)
        elif (table := self._table(score, QRELS if task_type in _RANKED else DEFAULT)) is None:
            return
        elif task_type in _RANKED:
            judged = _judged(table)
            yield rescoring.retrieval(predictions, judged, metric)
            yield rescoring.retrieval(_without_identical(predictions), judged, metric)
        else:
            gold = table.column(0).to_pylist()  # what is kept stands before the texts
            if task_type == "STS":
                yield rescoring.sts(predictions, gold, metric)
            elif task_type == "PairClassification":
                yield rescoring.pairs(predictions, gold, metric)
            elif task_type == "Classification":
                yield rescoring.classification(predictions, gold, metric)
            elif task_type == "Clustering" and isinstance(predictions, list):
                yield clusters.legacy(predictions, gold, metric)
            elif task_type == "Clustering":
                for seed, embedded in self._embedded(score, len(gold)):
                    yield clusters.fast(predictions, gold, metric, seed=seed, embedded=embedded)

    def _embedded(self, score: Score, size: int) -> list[tuple[int, int | None]]:
        """The seeds and numbers of texts that a fast clustering may have drawn; those of a sample are on record."""
        protocol = self._store.get(score.signed.task).manifest.protocol
        seed = protocol.get("seed", _SEED)
        share, at_most = (
            protocol.get("max_fraction_of_documents_to_embed"),
            protocol.get("max_document_to_embed"),
        )
        if at_most is not None:
            return [(seed, min(at_most, size))]
        if share is not None:
            return [(seed, int(share * size))]
        return [(seed, None), (seed, int(_SHARE * size))]

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


def _without_identical(predictions: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """What was found but for a query's own text, as tasks with MTEB's `ignore_identical_ids` count."""
    return {
        query: {document: value for document, value in found.items() if document != query}
        for query, found in predictions.items()
    }


def _whole(scorer: Scorer | None, score: Score) -> bool:
    """Whether a scorer gives the very score of all examples."""
    if scorer is None:
        return False
    return bool(abs(scorer.score(np.ones((1, scorer.size)))[0] - score.value) <= _ROUNDING)

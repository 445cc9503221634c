"""A model's predictions -> MTEB's main score, of all examples or of any resample of them.

Each function takes how often each example was drawn, of shape (draws, examples), and gives the score of each draw. With
every example drawn once, that is MTEB's own score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmteb_synth.statistics.bootstrap import Floats

Qrels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, Mapping[str, float]]

_TREC = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P", "hit_rate": "success"}
"""MTEB's names of retrieval metrics -> those of trec_eval, which it takes them from."""
_SUBQUERIES = "max_over_subqueries_"
_PAIR_SCORES = {
    "similarity": ("similarity_scores", 1),
    "cosine": ("cosine_scores", 1),
    "manhattan": ("manhattan_distances", -1),
    "euclidean": ("euclidean_distances", -1),
    "dot": ("dot_scores", 1),
}
"""MTEB's names of what tells pairs apart -> the key in the predictions, and 1 where more is more alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """The main score of one model on one set, as a function of which examples are drawn.

    Attributes:
        size: How many examples there are: pairs, texts, queries or articles.
        score: How often each example is drawn, of shape (draws, size) -> the score of each draw, of shape (draws,);
            NaN where it is not defined.
    """

    size: int
    score: Callable[[Floats], Floats]


def sts(predictions: Mapping[str, Any], gold: Sequence[float], metric: str) -> Scorer | None:
    """Spearman's correlation of a similarity with people's scores, over pairs.

    Args:
        predictions: MTEB's, with a list for each similarity.
        gold: People's scores.
        metric: The main score's name; any but Spearman's of the cosine or the model's own similarity gives None.
    """
    keys = {"cosine_spearman": "cosine_scores", "spearman": "similarity_scores"}
    found = predictions.get(keys.get(metric, ""))
    if not found or len(found) != len(gold):
        return None
    return Scorer(size=len(gold), score=_spearman(np.asarray(gold, float), np.asarray(found, float)))


def pairs(predictions: Mapping[str, Any], gold: Sequence[int], metric: str) -> Scorer | None:
    """Average precision, over pairs; `max_ap` is the largest over all similarities.

    Args:
        predictions: MTEB's, with a list for each similarity.
        gold: 1 for pairs that belong together.
        metric: The main score's name, as `max_ap` or `cosine_ap`; any other gives None.
    """
    name, _, kind = metric.rpartition("_")
    names = [*_PAIR_SCORES] if name == "max" else [name]
    if kind != "ap" or not set(names) <= _PAIR_SCORES.keys():
        return None
    similarities = []
    for key, sign in (_PAIR_SCORES[name] for name in names):
        values = predictions.get(key)
        if not values or len(values) != len(gold):
            return None
        similarities.append(sign * np.asarray(values, float))
    precisions = [_average_precision(np.asarray(gold, float), values) for values in similarities]

    def score(drawn: Floats) -> Floats:
        return np.asarray(np.max([precision(drawn) for precision in precisions], axis=0))

    return Scorer(size=len(gold), score=score)


def classification(predictions: Sequence[Sequence[Any]], gold: Sequence[Any], metric: str) -> Scorer | None:
    """Accuracy over texts, the mean over MTEB's experiments. The experiments' training texts stay as they are.

    Args:
        predictions: MTEB's, for each experiment the label of each text.
        gold: The true labels.
        metric: The main score's name; any but `accuracy` gives None.
    """
    if metric != "accuracy" or not predictions or any(len(row) != len(gold) for row in predictions):
        return None
    right = [[label == truth for label, truth in zip(row, gold, strict=True)] for row in predictions]
    return _mean(np.mean(np.asarray(right, float), axis=0))


def retrieval(predictions: Ranking, gold: Qrels, metric: str) -> Scorer | None:
    """A metric of trec_eval, over queries.

    Args:
        predictions: MTEB's, for each query the documents found and their scores.
        gold: For each query the judged documents.
        metric: The main score's name, as `ndcg_at_10`; one that trec_eval doesn't have gives None. After
            `max_over_subqueries_`, an example is a query with all its subqueries, and a document has the best score
            that one of them gives it (MindSmallReranking).
    """
    if metric.startswith(_SUBQUERIES):
        predictions, gold = _merged(predictions, gold)
        metric = metric.removeprefix(_SUBQUERIES)
    name, _, depth = metric.partition("_at_")
    if name not in _TREC or not depth.isdecimal() or not predictions:
        return None
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(
        {query: dict(judged) for query, judged in gold.items()}, {f"{_TREC[name]}.{depth}"}
    )
    found = evaluator.evaluate({query: dict(ranking) for query, ranking in predictions.items()})
    if not found:
        return None
    return _mean(np.array([found[query][f"{_TREC[name]}_{depth}"] for query in sorted(found)]))


def _merged(predictions: Ranking, gold: Qrels) -> tuple[Ranking, Qrels]:
    """Subqueries q_0, q_1 and so on, which share their judgements, as one query q."""
    best: dict[str, dict[str, float]] = defaultdict(dict)
    judged = {}
    for subquery in gold:
        query = subquery.rpartition("_")[0]
        judged[query] = gold[subquery]
        for document, score in predictions.get(subquery, {}).items():
            best[query][document] = max(score, best[query].get(document, score))
    return best, judged


def summarization(predictions: Mapping[str, Any], metric: str) -> Scorer | None:
    """The mean over articles of Spearman's correlation with people's scores of its summaries.

    Args:
        predictions: MTEB's, with a list of lists for each similarity, and people's scores.
        metric: The main score's name; any but Spearman's of the cosine or the model's own similarity gives None.
    """
    from scipy.stats import spearmanr

    keys = {"cosine_spearman": "cosine_scores", "spearman": "similarity_scores"}
    found, people = predictions.get(keys.get(metric, "")), predictions.get("human_scores")
    if not found or not people or len(found) != len(people):
        return None
    return _mean(np.array([spearmanr(*both).statistic for both in zip(people, found, strict=True)], float))


def bitext(predictions: Mapping[str, Any], metric: str) -> Scorer | None:
    """Weighted F1 of finding each sentence's translation, over pairs.

    Args:
        predictions: MTEB's, for each sentence the number of the one that was found.
        metric: The main score's name; any but `f1` gives None.
    """
    found = next(iter(predictions.values()), None) if len(predictions) == 1 else None
    if metric != "f1" or not found:
        return None
    chosen = np.array([neighbour["corpus_id"] for neighbour in found])
    size = len(chosen)
    right = chosen == np.arange(size)

    def score(drawn: Floats) -> Floats:
        predicted = np.zeros_like(drawn)
        np.add.at(predicted.T, chosen, drawn.T)
        # a sentence's F1 is twice what is right by what is there and what is said; it weighs what is there
        total = drawn + predicted
        f1 = np.divide(2 * drawn * right, total, out=np.zeros_like(drawn), where=total > 0)
        return np.asarray((drawn * f1).sum(axis=1) / size)

    return Scorer(size=size, score=score)


def _mean(values: Floats) -> Scorer:
    return Scorer(size=len(values), score=lambda drawn: np.asarray(drawn @ values / len(values)))


def _spearman(one: Floats, other: Floats) -> Callable[[Floats], Floats]:
    """Pearson's correlation of ranks, in which equal values share the mean of theirs."""
    ranks = [_ranks(one), _ranks(other)]

    def score(drawn: Floats) -> Floats:
        size = drawn.shape[1]
        x, y = (rank(drawn) for rank in ranks)
        x -= ((drawn * x).sum(axis=1) / size)[:, None]
        y -= ((drawn * y).sum(axis=1) / size)[:, None]
        spread = np.sqrt((drawn * x**2).sum(axis=1) * (drawn * y**2).sum(axis=1))
        both = (drawn * x * y).sum(axis=1)
        return np.asarray(np.divide(both, spread, out=np.full(len(drawn), np.nan), where=spread > 0))

    return score


def _ranks(values: Floats) -> Callable[[Floats], Floats]:
    """How often each example is drawn -> the rank of each among all that are drawn."""
    unique, places = np.unique(values, return_inverse=True)
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(len(unique)))

    def rank(drawn: Floats) -> Floats:
        sizes = np.add.reduceat(drawn[:, order], starts, axis=1)
        ranks = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
        return np.asarray(ranks[:, places])

    return rank


def _average_precision(labels: Floats, similarity: Floats) -> Callable[[Floats], Floats]:
    """The sum of precisions, weighted by what each threshold adds in recall, as scikit-learn has it."""
    order = np.argsort(-similarity, kind="stable")
    true = labels[order]
    last: npt.NDArray[np.int64] = np.flatnonzero(np.append(np.diff(similarity[order]) != 0, True))

    def score(drawn: Floats) -> Floats:
        inner = drawn[:, order]
        hits, said = np.cumsum(inner * true, axis=1)[:, last], np.cumsum(inner, axis=1)[:, last]
        precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
        added = np.diff(hits, axis=1, prepend=0.0)
        total = hits[:, -1]
        sums = (precision * added).sum(axis=1)
        return np.asarray(np.divide(sums, total, out=np.full(len(drawn), np.nan), where=total > 0))

    return score

"""Scores of resampled examples are those that scipy, scikit-learn and trec_eval give for the examples drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from mmteb_synth.ranking import rescoring
from mmteb_synth.ranking.rescoring import Scorer
from mmteb_synth.statistics.bootstrap import counts, resamples

GENERATOR = np.random.default_rng(7)
DRAWN = resamples(25, times=40)


def _whole(scorer: Scorer | None) -> float:
    assert scorer is not None
    (score,) = scorer.score(np.ones((1, scorer.size)))
    return float(score)


def _drawn(scorer: Scorer | None, drawn: Any = DRAWN) -> list[float]:
    assert scorer is not None
    return scorer.score(counts(drawn)).tolist()


def test_sts_with_ties() -> None:
    gold = GENERATOR.integers(0, 5, size=25).tolist()
    found = (np.asarray(gold) + GENERATOR.normal(scale=2, size=25)).round(1).tolist()
    scorer = rescoring.sts({"cosine_scores": found}, gold, "cosine_spearman")
    assert _whole(scorer) == pytest.approx(spearmanr(gold, found).statistic, abs=1e-12)
    expected = [spearmanr(np.take(gold, row), np.take(found, row)).statistic for row in DRAWN]
    assert _drawn(scorer) == pytest.approx(expected, abs=1e-12)


def test_a_correlation_with_equal_values_is_not_defined() -> None:
    scorer = rescoring.sts({"cosine_scores": [0.1, 0.2]}, [1, 2], "cosine_spearman")
    assert np.isnan(_drawn(scorer, np.array([[0, 0]]))).all()


def _pairs(kinds: int) -> tuple[dict[str, list[float]], list[int]]:
    labels = GENERATOR.integers(0, 2, size=25)
    keys = ["similarity_scores", "cosine_scores", "manhattan_distances", "euclidean_distances", "dot_scores"]
    values = {key: (labels + GENERATOR.normal(size=25)).round(1) for key in keys[:kinds]}
    return {key: (-v if "dist" in key else v).tolist() for key, v in values.items()}, labels.tolist()


def test_pairs_with_ties() -> None:
    found, labels = _pairs(5)
    one = rescoring.pairs(found, labels, "cosine_ap")
    assert _whole(one) == pytest.approx(average_precision_score(labels, found["cosine_scores"]), abs=1e-12)

    def best(row: Any) -> float:
        signs = {key: -1 if "dist" in key else 1 for key in found}
        return max(
            average_precision_score(np.take(labels, row), signs[key] * np.take(values, row))
            for key, values in found.items()
        )

    largest = rescoring.pairs(found, labels, "max_ap")
    assert _whole(largest) == pytest.approx(best(np.arange(25)), abs=1e-12)
    assert _drawn(largest) == pytest.approx([best(row) for row in DRAWN], abs=1e-12)


def test_classification_is_the_mean_over_experiments() -> None:
    gold = GENERATOR.integers(0, 3, size=25).tolist()
    found = [GENERATOR.integers(0, 3, size=25).tolist() for _ in range(4)]
    scorer = rescoring.classification(found, gold, "accuracy")
    expected = [
        np.mean([accuracy_score(np.take(gold, row), np.take(labels, row)) for labels in found])
        for row in DRAWN
    ]
    assert _drawn(scorer) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("ndcg_at_10", [1.0, 1 / np.log2(3), 0.0]),
        ("map_at_1000", [1.0, 0.5, 0.0]),
        ("recall_at_1", [1.0, 0.0, 0.0]),
        ("precision_at_1", [1.0, 0.0, 0.0]),
        ("hit_rate_at_2", [1.0, 1.0, 0.0]),
    ],
)
def test_retrieval_by_hand(metric: str, expected: list[float]) -> None:
    judged = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}
    found = {"q1": {"a": 0.9, "b": 0.1}, "q2": {"a": 0.9, "b": 0.1}, "q3": {"a": 0.9, "b": 0.1}}
    scorer = rescoring.retrieval(found, judged, metric)
    assert _whole(scorer) == pytest.approx(np.mean(expected), abs=1e-6)
    drawn = resamples(3, times=20)
    assert _drawn(scorer, drawn) == pytest.approx(
        [np.mean(np.take(expected, row)) for row in drawn], abs=1e-6
    )


def test_subqueries_are_one_example_as_in_mteb() -> None:
    from mteb._evaluators.retrieval_metrics import max_over_subqueries

    documents = [f"d{number}" for number in range(12)]
    judged: dict[str, dict[str, int]] = {}
    found: dict[str, dict[str, float]] = {}
    for query in range(6):
        right = dict.fromkeys(GENERATOR.choice(documents, size=3, replace=False).tolist(), 1)
        for subquery in range(3):
            judged[f"q_{query}_{subquery}"] = right
            scores = GENERATOR.normal(size=len(documents)).tolist()
            found[f"q_{query}_{subquery}"] = dict(zip(documents, scores, strict=True))
    metric = "max_over_subqueries_map_at_1000"
    scorer = rescoring.retrieval(found, judged, metric)
    assert scorer is not None
    assert scorer.size == 6
    theirs = max_over_subqueries(judged, found, [1, 3, 5, 10, 20, 100, 1000])
    assert round(_whole(scorer), 5) == pytest.approx(theirs[metric], abs=1e-9)


def test_summarization_is_the_mean_over_articles() -> None:
    people = GENERATOR.normal(size=(25, 6)).tolist()
    found = GENERATOR.normal(size=(25, 6)).tolist()
    scorer = rescoring.summarization({"cosine_scores": found, "human_scores": people}, "cosine_spearman")
    expected = [np.mean([spearmanr(people[i], found[i]).statistic for i in row]) for row in DRAWN]
    assert _drawn(scorer) == pytest.approx(expected, abs=1e-12)


def test_bitext_of_the_examples_drawn() -> None:
    chosen = np.where(GENERATOR.random(25) < 0.6, np.arange(25), GENERATOR.integers(0, 25, size=25))
    found = {"sentence1-sentence2": [{"corpus_id": int(place), "score": 0.5} for place in chosen]}
    scorer = rescoring.bitext(found, "f1")

    def f1(row: Any) -> float:
        return float(f1_score(row, chosen[row], average="weighted", zero_division=0))

    assert _whole(scorer) == pytest.approx(f1(np.arange(25)), abs=1e-12)
    assert _drawn(scorer) == pytest.approx([f1(row) for row in DRAWN], abs=1e-12)


def test_what_nobody_can_score_is_none() -> None:
    assert rescoring.sts({"cosine_scores": [0.1]}, [1, 2], "cosine_spearman") is None
    assert rescoring.sts({"cosine_scores": [0.1]}, [1], "cosine_pearson") is None
    assert rescoring.pairs({"cosine_scores": [0.1]}, [1], "max_ap") is None
    assert rescoring.pairs({"cosine_scores": [0.1]}, [1], "max_accuracy") is None
    assert rescoring.pairs({"cosine_scores": [0.1]}, [1], "other_ap") is None
    assert rescoring.classification([[1, 2]], [1], "accuracy") is None
    assert rescoring.classification([[1]], [1], "f1") is None
    assert rescoring.retrieval({"q": {"a": 1.0}}, {"q": {"a": 1}}, "mrr_at_10") is None
    assert rescoring.retrieval({"q": {"a": 1.0}}, {}, "ndcg_at_10") is None
    assert rescoring.summarization({"cosine_scores": [[0.1]]}, "cosine_spearman") is None
    assert rescoring.bitext({"deu-eng": [], "eng-deu": []}, "f1") is None

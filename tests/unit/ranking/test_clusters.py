"""V-measure of resampled texts is scikit-learn's, and the draws are those that MTEB makes."""

from __future__ import annotations

import json
from typing import Any

import datasets
import mteb
import numpy as np
import pytest
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.mocks.mock_tasks.clustering import MockClusteringTask
from sklearn.metrics import v_measure_score

from mmteb_synth.ranking import clusters
from mmteb_synth.ranking.rescoring import Scorer
from mmteb_synth.statistics.bootstrap import counts, resamples

GENERATOR = np.random.default_rng(3)


def _scores(scorer: Scorer | None, drawn: Any = None) -> list[float]:
    assert scorer is not None
    found = scorer.score(np.ones((1, scorer.size)) if drawn is None else counts(drawn))
    return [float(score) for score in found]


def test_legacy_sets_are_averaged() -> None:
    gold = [GENERATOR.integers(0, 4, size=size).tolist() for size in (20, 12)]
    found = [GENERATOR.integers(0, 3, size=len(labels)).tolist() for labels in gold]
    scorer = clusters.legacy(found, gold, "v_measure")
    expected = np.mean([v_measure_score(*both) for both in zip(gold, found, strict=True)])
    assert _scores(scorer) == pytest.approx([expected], abs=1e-12)
    drawn = resamples(32, times=30)

    def of(row: Any) -> float:
        first, second = row[row < 20], row[row >= 20] - 20
        return float(
            np.mean(
                [
                    v_measure_score(np.take(gold[i], p), np.take(found[i], p))
                    for i, p in enumerate((first, second))
                ]
            )
        )

    assert _scores(scorer, drawn) == pytest.approx([of(row) for row in drawn], abs=1e-9)


def test_a_legacy_set_of_one_label_has_one_without_clusters() -> None:
    gold = [["a", "a", "a"], ["a", "b", "b"]]
    assert _scores(clusters.legacy([[0, 1, 1]], gold, "v_measure")) == [1.0]
    assert clusters.legacy([[0, 1]], gold, "v_measure") is None
    assert clusters.legacy([[0, 1, 1]], gold, "ami") is None
    assert clusters.legacy([], [], "v_measure") is None


@pytest.mark.parametrize("share", [None, 0.7])
@pytest.mark.parametrize("nested", [False, True])
def test_a_fast_clustering_is_scored_as_by_mteb(tmp_path: Any, share: float | None, *, nested: bool) -> None:
    labels = [str(place % 3) for place in range(40)]
    gold = [[label, f"{label}.{place % 2}"][: 1 + place % 2] for place, label in enumerate(labels)]

    class Task(AbsTaskClustering):
        metadata = MockClusteringTask.metadata
        max_fraction_of_documents_to_embed = share
        max_documents_per_cluster = 64

        def load_data(self, **_: Any) -> None:
            rows = {
                "sentences": [f"text {place}" for place in range(40)],
                "labels": gold if nested else labels,
            }
            self.dataset = datasets.DatasetDict({"test": datasets.Dataset.from_dict(rows)})
            self.data_loaded = True

    model = mteb.get_model("mteb/baseline-random-encoder")
    done = mteb.evaluate(
        model, Task(), cache=None, co2_tracker=False, show_progress_bar=False, prediction_folder=tmp_path
    )
    (file,) = tmp_path.glob("*_predictions.json")
    predictions = json.loads(file.read_text())["default"]["test"]
    embedded = None if share is None else int(share * 40)
    scorer = clusters.fast(predictions, gold if nested else labels, "v_measure", seed=42, embedded=embedded)
    assert _scores(scorer) == pytest.approx([done[0].get_score()], abs=1e-6)
    wrong = clusters.fast(predictions, gold if nested else labels, "v_measure", seed=43, embedded=embedded)
    assert _scores(wrong) != pytest.approx([done[0].get_score()], abs=1e-3)
    assert clusters.fast(predictions, labels, "ami", seed=42, embedded=None) is None


def test_a_legacy_clustering_is_scored_as_by_mteb(tmp_path: Any) -> None:
    task = MockClusteringTask()
    task.load_data()
    gold = [row["labels"] for row in task.dataset["test"]]
    done = mteb.evaluate(
        mteb.get_model("mteb/baseline-random-encoder"), task, cache=None, co2_tracker=False,
        show_progress_bar=False, prediction_folder=tmp_path,
    )  # fmt: skip
    (file,) = tmp_path.glob("*_predictions.json")
    predictions = json.loads(file.read_text())["default"]["test"]
    assert _scores(clusters.legacy(predictions, gold, "v_measure")) == pytest.approx(
        [done[0].get_score()], abs=1e-6
    )

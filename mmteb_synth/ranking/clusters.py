"""A model's clusterings -> V-measure, of all texts or of any resample of them. The clusters stay as they are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmteb_synth.ranking.rescoring import Scorer
from mmteb_synth.statistics.bootstrap import Floats

Labels = Sequence[Any]


def fast(
    predictions: Mapping[str, Sequence[Sequence[int]]],
    gold: Sequence[Any],
    metric: str,
    *,
    seed: int,
    embedded: int | None,
) -> Scorer | None:
    """V-measure of MTEB's AbsTaskClustering: the mean over its levels and experiments.

    MTEB keeps the clusters of each experiment, but not which texts it drew for them. They are drawn here again, by the
    same generator in the same order.

    Args:
        predictions: MTEB's, for each level the clusters of each experiment.
        gold: The label of each text, or its labels from the highest level down.
        metric: The main score's name; any but `v_measure` gives None.
        seed: The task's.
        embedded: How many of the texts the task embeds; None for all.
    """
    if metric != "v_measure":
        return None
    generator = random.Random(seed)
    rows = range(len(gold)) if embedded is None else generator.sample(range(len(gold)), k=embedded)
    labels = [gold[row] if isinstance(gold[row], list) else [gold[row]] for row in rows]
    measures = []
    for level, experiments in enumerate(predictions.values()):
        # where a text has no label of this level, mteb leaves it out if labels are numbers, and else calls it "-1"
        of_level = np.asarray([of_text[level] if len(of_text) > level else -1 for of_text in labels])
        there = [place for place, label in enumerate(of_level) if label != -1]
        for clusters in experiments:
            drawn = [there[place] for place in generator.choices(range(len(there)), k=len(clusters))]
            measures.append(_v_measure(len(labels), drawn, of_level[drawn], clusters))
    return _mean(len(labels), measures)


def legacy(predictions: Sequence[Sequence[int]], gold: Sequence[Labels], metric: str) -> Scorer | None:
    """V-measure of MTEB's AbsTaskClusteringLegacy: the mean over its sets of texts.

    Args:
        predictions: MTEB's, the clusters of each set that has more than one label.
        gold: The labels of each set.
        metric: The main score's name; any but `v_measure` gives None.
    """
    size = sum(len(labels) for labels in gold)
    sets = list(_sets(predictions, gold, size))
    if metric != "v_measure" or len(sets) < len(gold):
        return None
    return _mean(size, sets)


def _sets(
    predictions: Sequence[Sequence[int]], gold: Sequence[Labels], size: int
) -> Iterator[Callable[[Floats], Floats]]:
    clusterings = iter(predictions)
    start = 0
    for labels in gold:
        # mteb gives a set of one label 1 without asking the model
        clusters = next(clusterings, ()) if len(set(labels)) > 1 else [0] * len(labels)
        if len(clusters) != len(labels):
            return
        yield _v_measure(size, range(start, start + len(labels)), labels, clusters)
        start += len(labels)


def _mean(size: int, measures: Sequence[Callable[[Floats], Floats]]) -> Scorer | None:
    if not measures or not size:
        return None

    def score(drawn: Floats) -> Floats:
        return np.asarray(np.mean([measure(drawn) for measure in measures], axis=0))

    return Scorer(size=size, score=score)


def _v_measure(
    size: int, texts: Sequence[int], labels: Labels | np.ndarray[Any, Any], clusters: Sequence[int]
) -> Callable[[Floats], Floats]:
    """Twice the information that labels and clusters share, by what each holds (Rosenberg and Hirschberg 2007).

    Args:
        size: How many texts can be drawn.
        texts: Which of them are clustered, each as often as it stands here.
        labels: Of each of these.
        clusters: Of each of these.
    """
    from scipy import sparse

    _, of_label = np.unique(np.asarray(labels), return_inverse=True)
    _, of_cluster = np.unique(np.asarray(clusters), return_inverse=True)
    _, of_both = np.unique(of_label * (of_cluster.max() + 1) + of_cluster, return_inverse=True)
    members = [
        sparse.csr_array((np.ones(len(texts)), (places, texts)), shape=(places.max() + 1, size))
        for places in (of_label, of_cluster, of_both)
    ]

    def measure(drawn: Floats) -> Floats:
        label, cluster, both = (_entropy((member @ drawn.T).T) for member in members)
        held = label + cluster
        return np.divide(2 * (held - both), held, out=np.ones(len(drawn)), where=held > 0)

    return measure


def _entropy(sizes: Floats) -> Floats:
    """Of each row's shares, in nats; 0 for an empty one."""
    from scipy.special import xlogy

    total = np.maximum(sizes.sum(axis=1), 1.0)
    return np.asarray(np.maximum(np.log(total) - xlogy(sizes, sizes).sum(axis=1) / total, 0.0))

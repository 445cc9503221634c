"""Means and the Borda count, as MTEB takes them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

_Model = TypeVar("_Model", bound=Hashable)


def mean(values: Iterable[float | None]) -> float | None:
    """The mean; None where a value is missing or there are none. A missing score is never a zero.

    Args:
        values: Scores of any scale.
    """
    given = list(values)
    present = [value for value in given if value is not None]
    return math.fsum(present) / len(present) if present and len(present) == len(given) else None


def type_means(scores: Mapping[str, Sequence[float | None]]) -> dict[str, float | None]:
    """The mean of each task type.

    Args:
        scores: Type -> the scores of its tasks.

    Returns:
        Type -> mean, None where one of its scores is missing. MTEB's mean over types is the mean of these.
    """
    return {task_type: mean(values) for task_type, values in scores.items()}


def borda_points(scores: Mapping[_Model, Sequence[float | None]]) -> dict[_Model, list[float]]:
    """The Borda points of each model on each task, as MTEB counts them.

    On each task a model gets as many points as there are models, less its rank there; equal scores share the mean of
    their ranks. A missing score gets no points. A model without any score is not counted, and is left out.

    Source: `mteb.benchmarks._create_table._get_borda_rank`; the method is that of Colombo et al. 2022, "What are
    the best systems? New perspectives on NLP benchmarking".

    Args:
        scores: Model -> its scores, on the same tasks in the same order for all.

    Returns:
        Model -> its points on each task.
    """
    import pandas as pd

    voting = {model: row for model, row in scores.items() if any(value is not None for value in row)}
    table = pd.DataFrame(list(voting.values()), dtype=float)
    points = len(table) - table.rank(ascending=False, method="average")
    return dict(zip(voting, points.fillna(0.0).to_numpy().tolist(), strict=True))


def borda_ranks(points: Mapping[_Model, Sequence[float]]) -> dict[_Model, int]:
    """The rank of each model by the sum of its Borda points, 1 being the best; equal sums share the better rank.

    Args:
        points: From `borda_points`.
    """
    import pandas as pd

    sums = pd.Series([math.fsum(row) for row in points.values()], dtype=float)
    places = sums.rank(ascending=False, method="min")
    return dict(zip(points, (int(place) for place in places), strict=True))

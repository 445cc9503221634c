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


def borda_ranks(scores: Mapping[_Model, Sequence[float | None]]) -> dict[_Model, int | None]:
    """The Borda rank of each model, as MTEB counts it.

    On each task a model gets as many points as there are models, less its rank there; equal scores share the mean of
    their ranks. A missing score gets no points. The points are summed; equal sums share the better rank. A
    model without any score neither ranks nor counts.

    Source: `mteb.benchmarks._create_table._get_borda_rank`; the method is that of Colombo et al. 2022, "What are
    the best systems? New perspectives on NLP benchmarking".

    Args:
        scores: Model -> its scores, on the same tasks in the same order for all.

    Returns:
        Model -> rank, 1 being the best; None for a model without any score.
    """
    import pandas as pd

    voting = {model: row for model, row in scores.items() if any(value is not None for value in row)}
    ranks: dict[_Model, int | None] = dict.fromkeys(scores)
    if voting:
        table = pd.DataFrame(list(voting.values()), dtype=float)
        points = len(table) - table.rank(ascending=False, method="average")
        places = points.sum(axis=1).rank(ascending=False, method="min")
        ranks.update(zip(voting, (int(place) for place in places), strict=True))
    return ranks

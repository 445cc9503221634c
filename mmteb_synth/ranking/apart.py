"""Which models can be told apart: rank groups."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmteb_synth.ranking.uncertainty import Part, drawn_tasks, mean_of_means
from mmteb_synth.statistics.bootstrap import (
    FEWEST,
    RESAMPLES,
    Distances,
    Floats,
    holm,
    keeps_its_spread,
    paired_p,
    shifted_distances,
    shifted_p,
    student_distances,
)

SIGNIFICANT = 0.05
"""Corrected p-values up to this tell two models apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model stands, and how sure that is.

    Attributes:
        group: The models that can't be told apart share one, 1 being the best; None where nothing is known.
        p_above: The p-value of its difference to the model above it, corrected for how many neighbours there are.
        p_first: That of its difference to the first of the group above it, or of its own where it does not lead one,
            corrected for all pairs of models.
        low: The better end of its rank's 95 % interval over tasks.
        high: The worse end.
    """

    group: int | None = None
    p_above: float | None = None
    p_first: float | None = None
    low: int | None = None
    high: int | None = None


def group(ordered: Sequence[Sequence[Part]]) -> list[Place]:
    """Put models that can't be told apart into groups.

    Going down the ranking, a model opens a new group when it can be told apart from the model above it, or from the
    first of the group; otherwise it shares the group. The first rule alone would chain: each model near the one above
    it, and the last far from the first. Two models are told apart where the one that ranks higher also has the higher
    mean over what both have, and the paired bootstrap test finds a corrected p up to .05.

    Neighbours are corrected by Holm's method for how many there are. Who is first of a group is chosen by the very scores
    that are compared, and the first of many is ahead of somebody by chance: what is far for one pair is not far for the
    best and the worst of many. So the distance to the first is held to the largest distance of all pairs of models, as in
    Tukey's studentised range (Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for Ranks with Applications to Mobility
    across Neighbourhoods and Academic Achievement across Countries", Review of Economic Studies 91).

    Tasks are drawn where there are `FEWEST` of them; otherwise examples, where they are known of every score.

    Clusters between which a test finds a difference are how the Conference on Machine Translation ranks (Bojar et al.
    2016, "Findings of the 2016 Conference on Machine Translation", aclanthology.org/W16-2301, section 3.4).

    Args:
        ordered: For each model by rank its scores, the same cells in the same order.

    Returns:
        For each model its group and p-values.
    """
    drawn = draws_of(ordered)
    if drawn is None:
        return [Place() for _ in ordered]
    pairs = _OverTasks(ordered) if drawn == "tasks" else _OverExamples(ordered)
    above = holm([pairs.alone(row - 1, row) for row in range(1, len(ordered))])
    to_each = pairs.among_all()
    places = [Place(group=1)]
    first = 0
    for row in range(1, len(ordered)):
        p_above, p_first = float(above[row - 1]), float(to_each[first, row])
        if min(p_above, p_first) <= SIGNIFICANT:
            first = row
        number = (places[-1].group or 0) + (first == row)
        places.append(Place(group=number, p_above=p_above, p_first=p_first))
    return places


def draws_of(ordered: Sequence[Sequence[Part]]) -> str | None:
    """What `group` draws: `tasks`, `examples`, or None where it can tell nothing."""
    if len({part.task for part in (ordered[0] if ordered else ())}) >= FEWEST:
        return "tasks"
    known = bool(ordered and ordered[0]) and all(
        part.draws is not None for parts in ordered for part in parts
    )
    return "examples" if known else None


class _OverTasks:
    """p-values of pairs of models, had the tasks been others of their kind; 1 where the upper one is not better."""

    def __init__(self, ordered: Sequence[Sequence[Part]]) -> None:
        self._scores = np.array([[part.value for part in parts] for parts in ordered], dtype=np.float64)
        tasks, places = np.unique([part.task for part in ordered[0]], return_inverse=True)
        self._of_task = (places[:, None] == np.arange(len(tasks))).astype(np.float64)

    def alone(self, upper: int, lower: int) -> float:
        """Of one pair."""
        differences = self._differences(upper, lower)
        if len(differences) < FEWEST or differences.sum() <= 0:
            return 1.0
        return paired_p(differences, drawn_tasks(len(differences)))

    def among_all(self) -> Floats:
        """Of each pair, corrected for all pairs; of shape (models, models), the upper one first.

        Pairs may have different numbers of tasks in common, so that their t statistics are compared by how unlikely Student's
        distribution says they are. A pair that differs on few tasks only is not told apart, and is no measure for others.
        """
        from scipy import stats

        by_size: dict[int, dict[tuple[int, int], Floats]] = defaultdict(dict)
        for pair in itertools.combinations(range(len(self._scores)), 2):
            differences = self._differences(*pair)
            if len(differences) >= FEWEST and keeps_its_spread(differences):
                by_size[len(differences)][pair] = differences
        found: dict[tuple[int, int], float] = {}
        furthest = np.zeros(RESAMPLES)
        for size, of_pair in by_size.items():
            distances = student_distances([*of_pair.values()], drawn_tasks(size))
            unlikely, chance = (
                -stats.t.logsf(distance * np.sqrt(size - 1), size - 1) for distance in distances
            )
            found |= dict(zip(of_pair, unlikely, strict=True))
            furthest = np.maximum(furthest, chance)
        p_values = Distances(np.array([*found.values()]), furthest).p_values()
        corrected = np.ones((len(self._scores), len(self._scores)))
        for (upper, lower), p in zip(found, p_values, strict=True):
            if self._differences(upper, lower).sum() > 0:
                corrected[upper, lower] = p
        return corrected

    def _differences(self, upper: int, lower: int) -> Floats:
        """The upper one's score less the lower one's on each task that both have, summed over its languages."""
        apart = self._scores[upper] - self._scores[lower]
        both = ~np.isnan(apart)
        sums = np.where(both, apart, 0.0) @ self._of_task
        return np.asarray(sums[both @ self._of_task > 0])


class _OverExamples:
    """p-values of pairs of models, had the same tasks had other examples; 1 where the upper one is not better."""

    def __init__(self, ordered: Sequence[Sequence[Part]]) -> None:
        self._means = np.array([[part.value for part in parts] for parts in ordered], dtype=np.float64).mean(
            axis=1
        )
        self._draws = np.array([mean_of_means([parts]) for parts in ordered])

    def alone(self, upper: int, lower: int) -> float:
        """Of one pair."""
        found = self._means[upper] - self._means[lower]
        return shifted_p(found, self._draws[upper] - self._draws[lower]) if found > 0 else 1.0

    def among_all(self) -> Floats:
        """Of each pair, corrected for all pairs; of shape (models, models), the upper one first."""
        uppers, lowers = np.triu_indices(len(self._means), 1)
        found = self._means[uppers] - self._means[lowers]
        p_values = shifted_distances(found, self._draws[uppers] - self._draws[lowers]).p_values()
        corrected = np.ones((len(self._means), len(self._means)))
        corrected[uppers, lowers] = np.where(found > 0, p_values, 1.0)
        return corrected

"""The numbers of a certificate: from the scores of models on both sides to statistics with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmteb_synth.statistics import agreement
from mmteb_synth.validating.comparing import ALL, FEWEST, PARTS, Estimate, Floats, Models, Statistics, means
from mmteb_synth.validating.sides import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well one side ranks the models as the trusted side does, among some of them.

    Attributes:
        models: How many these are.
        tau: Kendall's tau-b.
        rho: Spearman's rho.
        lost: Points lost by choosing the side's best model.
    """

    models: int
    tau: Estimate
    rho: Estimate
    lost: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The models of a comparison and their scores, 0 to 1, all in the same order.

    Attributes:
        models: Who is compared.
        board: Scores on the board's tasks.
        board_tasks: What the board's mean covers.
        trusted: Scores on the trusted tasks.
        trusted_tasks: What the trusted mean covers.
        english: Scores on the board's tasks in English; some may be missing.
    """

    models: tuple[ModelKey, ...]
    board: Sequence[Mapping[str, float]]
    board_tasks: tuple[str, ...]
    trusted: Sequence[Mapping[str, float]]
    trusted_tasks: tuple[str, ...]
    english: Sequence[Mapping[str, float]]

    @property
    def with_english(self) -> list[int]:
        """The places of the models that have all English scores."""
        return [place for place, scores in enumerate(self.english) if set(self.board_tasks) <= set(scores)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """All that is computed of a comparison; for what each is see `certificate.Certificate`."""

    board: Mapping[str, Agreement]
    chance: Mapping[str, Estimate]
    ceiling: Mapping[str, Agreement] | None
    english: Mapping[str, Agreement] | None
    beyond_ceiling: Estimate | None
    beyond_english: Estimate | None


def measure(compared: Compared, *, with_ceiling: bool) -> Numbers:
    """Compute everything; scores are taken times 100, so that what is lost is in points.

    Args:
        compared: The models and their scores; at least `FEWEST` models.
        with_ceiling: Hold halves of the trusted tasks to each other.
    """
    table = points(compared.trusted, compared.trusted_tasks)
    board = means(points(compared.board, compared.board_tasks))
    trusted = means(table)
    models = Models(len(compared.models))
    found = models.compare(board, trusted)
    ceiling = models.ceiling(table) if with_ceiling else None
    english, beyond_english = None, None
    places = compared.with_english
    if len(places) >= FEWEST:
        some = Models(len(places))
        scores = means(points([compared.english[place] for place in places], compared.board_tasks))
        alone = some.compare(scores, trusted[places])
        ours = some.compare(board[places], trusted[places])
        english = agreements_of(alone, some, trusted[places])
        beyond_english = ours[ALL].tau.less(alone[ALL].tau).estimate(some.level)
    return Numbers(
        board=agreements_of(found, models, trusted),
        chance={name: lost.estimate(models.level) for name, lost in models.by_chance(trusted).items()},
        ceiling=agreements_of(ceiling, models, trusted) if ceiling else None,
        english=english,
        beyond_ceiling=found[ALL].tau.less(ceiling[ALL].tau).estimate(models.level) if ceiling else None,
        beyond_english=beyond_english,
    )


def points(scores: Sequence[Mapping[str, float]], tasks: Sequence[str]) -> Floats:
    """Scores by task as a table of shape (models, tasks), times 100."""
    return 100 * np.array([[by_task[task] for task in tasks] for by_task in scores], dtype=np.float64)


def agreements_of(found: Mapping[str, Statistics], models: Models, trusted: Floats) -> dict[str, Agreement]:
    """Statistics with their intervals, and how many models each part has.

    Args:
        found: For each part.
        models: What they were computed with.
        trusted: The trusted scores, of shape (n,).
    """
    once = np.ones((1, len(trusted)))
    return {
        name: Agreement(
            models=int(agreement.best_part(trusted, once, PARTS[name]).sum()),
            tau=statistics.tau.estimate(models.level),
            rho=statistics.rho.estimate(models.level),
            lost=statistics.lost.estimate(models.level),
        )
        for name, statistics in found.items()
    }

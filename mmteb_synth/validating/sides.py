"""The scores that are compared: a board's beside those of trusted sets, as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from mmteb_synth.validating.scores import TaskScores, canonical, settle

_Model = TypeVar("_Model", bound=Hashable)


class ModelKey(NamedTuple):
    """A model as its results know it."""

    name: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One table of the leaderboard as plain numbers.

    Attributes:
        suite: Its suite.
        demo: Whether it is a demo, not a benchmark.
        language: The language's code.
        translator: Who translated, with the mark of overridden settings.
        profile: How much of each set was scored, as `full`.
        tasks: What a mean covers: task to type; None where nobody was scored on it.
        revisions: Each set's name and the revision of its data.
        scores: Main scores, 0 to 1, by model and task.
        english: Those of the same tasks in English.
    """

    suite: str
    demo: bool = False
    language: str
    translator: str
    profile: str = "full"
    tasks: Mapping[str, str | None]
    revisions: Mapping[str, str]
    scores: Mapping[ModelKey, Mapping[str, float]]
    english: Mapping[ModelKey, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Generic[_Model]):
    """Tasks and models without a gap between them.

    Attributes:
        tasks: The tasks.
        models: Models with a score on each of them.
        dropped: Tasks left out, with the number of models that have them.
        incomplete: Models left out, with the tasks that they lack.
    """

    tasks: tuple[str, ...]
    models: tuple[_Model, ...]
    dropped: Mapping[str, int]
    incomplete: Mapping[_Model, tuple[str, ...]]


def complete(
    scores: Mapping[_Model, Mapping[str, float]], tasks: Collection[str], *, keep_all: bool = False
) -> Block[_Model]:
    """The tasks and models that are compared: a mean over different tasks would compare the tasks.

    As long as fewer than half of the models have all tasks, the task that fewest have is dropped; of several the last by
    name. Models that lack one of the rest are left out.

    Args:
        scores: By model and task. Models without any score don't count.
        tasks: What may be compared.
        keep_all: Drop no task.
    """
    held = {
        model: {task for task in tasks if task in by_task}
        for model, by_task in scores.items()
        if any(task in by_task for task in tasks)
    }
    kept, dropped = sorted(tasks), {}
    while (
        not keep_all and len(kept) > 1 and 2 * sum(set(kept) <= found for found in held.values()) < len(held)
    ):
        counts = {task: sum(task in found for found in held.values()) for task in kept}
        rarest = min(reversed(kept), key=lambda task: counts[task])
        kept.remove(rarest)
        dropped[rarest] = counts[rarest]
    return Block(
        tasks=tuple(kept),
        models=tuple(model for model, found in held.items() if set(kept) <= found),
        dropped=dropped,
        incomplete={
            model: tuple(sorted(set(kept) - found)) for model, found in held.items() if not set(kept) <= found
        },
    )


def mean(scores: Mapping[str, float], tasks: Sequence[str]) -> float:
    """The mean over tasks, as the board takes it."""
    return math.fsum(scores[task] for task in tasks) / len(tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The trusted scores, one for each model, revision and task.

    Attributes:
        scores: Means over the parts, 0 to 1.
        data: Task to the revision of its data.
        parts: Task to what its score is a mean over, as (split, subset).
        other_data: How many scores were left out because they are of other data, or lack a part.
    """

    scores: Mapping[ModelKey, Mapping[str, float]]
    data: Mapping[str, str | None]
    parts: Mapping[str, tuple[tuple[str, str], ...]]
    other_data: int


def settled(found: Iterable[TaskScores], pinned: Mapping[str, str | None]) -> Settled:
    """Make one score of each model and task out of its splits and subsets, on the data that most models have.

    Args:
        found: What was read.
        pinned: Task to the revision of the data that MTEB holds now.
    """
    by_task: dict[str, list[TaskScores]] = {}
    for one in found:
        by_task.setdefault(one.task, []).append(one)
    scores: dict[ModelKey, dict[str, float]] = {}
    data: dict[str, str | None] = {}
    parts: dict[str, tuple[tuple[str, str], ...]] = {}
    other_data = 0
    for task, rows in sorted(by_task.items()):
        data[task], wanted = settle(rows, pinned.get(task))
        parts[task] = tuple(sorted((part.split, part.subset) for part in wanted))
        for row in rows:
            if row.data == data[task] and wanted <= set(row.parts):
                value = math.fsum(row.parts[part] for part in wanted) / len(wanted)
                scores.setdefault(ModelKey(row.model, row.revision), {})[task] = value
            else:
                other_data += 1
    return Settled(scores=scores, data=data, parts=parts, other_data=other_data)


def paired(
    board: Iterable[ModelKey], other: Mapping[ModelKey, Mapping[str, float]]
) -> dict[ModelKey, ModelKey]:
    """Find each model of a board on the other side, by its name.

    The same revision is taken where both sides have it. A name without one is one model: of the other side's revisions
    that which has most of the tasks, of several the last by name, and the board's last.

    Args:
        board: The board's models.
        other: The other side's scores.

    Returns:
        The board's model to the other side's, in the board's order.
    """
    by_name: dict[str, tuple[list[ModelKey], dict[str, ModelKey]]] = {}
    for key in board:
        by_name.setdefault(canonical(key.name), ([], {}))[0].append(key)
    for key in other:
        if canonical(key.name) in by_name:
            by_name[canonical(key.name)][1][key.revision] = key
    pairs: dict[ModelKey, ModelKey] = {}
    for mine, theirs in by_name.values():
        same = {key: theirs[key.revision] for key in mine if key.revision in theirs}
        if same:
            pairs.update(same)
        elif theirs:
            pairs[mine[-1]] = max(theirs.values(), key=lambda key: (len(other[key]), key.revision))
    return pairs

"""Scores that were read of MTEB's own sets, and how places agree on the names of models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

EXTERNAL = "external"
"""The revision under which MTEB's results repository keeps what models' authors say of themselves."""

_HIGHEST = 1 + 1e-6


class Part(NamedTuple):
    """What a task's score is a mean over."""

    split: str
    subset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """What one model scored on one task, in one language.

    Attributes:
        model: Its name, as `canonical` writes it.
        revision: The model's revision; empty where nobody says.
        task: The task.
        data: The revision of the task's data; None where nobody says.
        parts: Main scores, 0 to 1.
    """

    model: str
    revision: str
    task: str
    data: str | None
    parts: Mapping[Part, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read, and what was not.

    Attributes:
        where: What was read, in a few words.
        scores: Those of the tasks and models that were asked for.
        external: Scores left out because a model's authors reported them themselves.
        unread: Files left out, with the reason.
    """

    where: str
    scores: tuple[TaskScores, ...]
    external: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)


def canonical(model: str) -> str:
    """A model's name as all places agree on it: as MTEB's folders write it, and capitals tell no models apart."""
    return model.replace("/", "__").replace(" ", "_").casefold()


def main_score(value: Any) -> float:
    """A main score as it was read, 0 to 1.

    Raises:
        ValueError: It is no number, or not on MTEB's scale, as self-reported ones in per cent; the reason.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"the main_score {value!r} is not a number")
    if abs(value) > _HIGHEST:
        raise ValueError(f"the main_score {value!r} is not on MTEB's scale, on which 1 is the highest")
    return float(value)


def settle(scores: Iterable[TaskScores], pinned: str | None) -> tuple[str | None, frozenset[Part]]:
    """Which data, and which splits and subsets, the scores of one task are compared on: what most models have.

    Args:
        scores: Those of one task.
        pinned: The data that MTEB holds now, which goes before others that as many models were scored on.

    Returns:
        The data's revision and the parts.
    """
    found = list(scores)
    models: dict[str | None, set[str]] = {}
    for one in found:
        models.setdefault(one.data, set()).add(one.model)
    data = max(models, key=lambda revision: (len(models[revision]), revision == pinned, revision or ""))
    sets = {frozenset(one.parts) for one in found if one.data == data}
    held = Counter(
        parts
        for parts in sets
        for _ in {one.model for one in found if one.data == data and parts <= set(one.parts)}
    )
    return data, max(held, key=lambda parts: (held[parts], len(parts), sorted(parts)))

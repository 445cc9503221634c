"""How well a profile, a part of each set, ranks models as the full sets do: in English, which is free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmteb_synth.errors import SynthError
from mmteb_synth.validating.comparing import ALL, FEWEST, Models, means
from mmteb_synth.validating.measuring import Agreement, agreements_of, points
from mmteb_synth.validating.sides import ModelKey, Side, complete, paired

EVERY_TASK = "all tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How well a profile does on one task, on the mean of one type of tasks, or on that of all.

    Attributes:
        name: The task, the type, or `EVERY_TASK`.
        tasks: How many tasks the mean covers.
        agreement: The profile held to the full sets, among all models that have all their scores.
        shift: The mean of the profile's scores less that of the full ones, in points.
        furthest: The most that a model's two scores are apart, once all are moved by `shift`, in points.
    """

    name: str
    tasks: int
    agreement: Agreement
    shift: float
    furthest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingAgreement:
    """How well a profile ranks models as the full sets do.

    Attributes:
        suite: The suite.
        profile: The profile.
        tasks: One for each task.
        types: One for each type of several tasks.
        overall: All tasks; None where there is only one.
        notes: What was left out.
    """

    suite: str
    profile: str
    tasks: tuple[Sampled, ...]
    types: tuple[Sampled, ...]
    overall: Sampled | None
    notes: tuple[str, ...]

    @property
    def rows(self) -> tuple[Sampled, ...]:
        """All of them, tasks first."""
        return (*self.tasks, *self.types, *([self.overall] if self.overall else []))


def sampling_agreement(part: Side, full: Side) -> SamplingAgreement:
    """Hold a profile to the full sets.

    Args:
        part: The English scores of the profile.
        full: Those of the full sets.

    Raises:
        SynthError: No task has three models with both scores.
    """
    partners = paired(part.scores, full.scores)
    both = {
        key: {
            task: (score, full.scores[partner][task])
            for task, score in part.scores[key].items()
            if task in full.scores[partner]
        }
        for key, partner in partners.items()
    }
    common = sorted(task for task in part.tasks if task in full.tasks)
    counts = {task: sum(task in scores for scores in both.values()) for task in common}
    enough = [task for task in common if counts[task] >= FEWEST]
    if not enough:
        raise SynthError(
            f"no task of {part.suite} has {FEWEST} models with English scores of both the profile {part.profile} and the "
            "full set",
            hint="make them for each model: mmteb-synth evaluate -m MODEL --lang en "
            f"--suite {part.suite} --profile {part.profile}, and once more without --profile",
        )
    by_type: dict[str, list[str]] = {}
    for task in enough:
        by_type.setdefault(str(part.tasks[task]), []).append(task)
    notes = [
        f"{task}: {counts[task]} models have both scores, and it takes {FEWEST}."
        for task in common
        if task not in enough
    ]
    types = [_sampled(name, both, tasks) for name, tasks in sorted(by_type.items()) if len(tasks) > 1]
    overall = _sampled(EVERY_TASK, both, enough) if len(enough) > 1 else None
    return SamplingAgreement(
        suite=part.suite,
        profile=part.profile,
        tasks=tuple(one for task in enough if (one := _sampled(task, both, [task]))),
        types=tuple(one for one in types if one),
        overall=overall,
        notes=tuple(notes),
    )


def _sampled(
    name: str, both: Mapping[ModelKey, Mapping[str, tuple[float, float]]], tasks: list[str]
) -> Sampled | None:
    """The mean over tasks, of the models that have them all; None where fewer than three have."""
    block = complete({key: dict.fromkeys(scores, 0.0) for key, scores in both.items()}, tasks, keep_all=True)
    if len(block.models) < FEWEST:
        return None
    profile, full = (
        means(points([{task: both[key][task][side] for task in tasks} for key in block.models], tasks))
        for side in (0, 1)
    )
    models = Models(len(block.models))
    apart = profile - full
    return Sampled(
        name=name,
        tasks=len(tasks),
        agreement=agreements_of(models.compare(profile, full), models, full)[ALL],
        shift=float(apart.mean()),
        furthest=float(abs(apart - apart.mean()).max()),
    )

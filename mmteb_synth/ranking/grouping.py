"""Scores -> tables: one for each suite, profile, limit and translator, in each language and over all."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np

from mmteb_synth.ranking import apart, uncertainty
from mmteb_synth.ranking.aggregate import borda_points, borda_ranks, mean, type_means
from mmteb_synth.ranking.apart import Place
from mmteb_synth.ranking.flagged import FLAGGED
from mmteb_synth.ranking.results import ENGLISH, SOURCE, Model, Score
from mmteb_synth.ranking.suites import AS_THEY_ARE, Expected
from mmteb_synth.ranking.table import BITEXT, Group, Row, Table
from mmteb_synth.ranking.uncertainty import Estimate, Part
from mmteb_synth.statistics.bootstrap import Floats

Draws = Callable[[Score], Floats | None]
"""What a score would have been with other examples, of shape (times,); None where nobody knows."""


class _Cell(NamedTuple):
    """What can have a score in one table."""

    language: str
    task: str
    task_type: str
    counted: bool


class _Key(NamedTuple):
    """Whose score of what."""

    model: Model
    language: str
    task: str


def no_draws(_: Score) -> None:
    """Where no predictions were kept."""


def make_groups(
    scores: Iterable[Score],
    expected: Expected,
    draws: Draws = no_draws,
    *,
    bitext: bool,
    across_origins: bool,
) -> list[Group]:
    """All tables of one suite.

    Args:
        scores: Those that belong to the suite.
        expected: What the suite expects.
        draws: What a score would have been with other examples.
        bitext: Take bitext sets into ranks and means.
        across_origins: Let native and human-translated sets stand in each translator's tables.

    Returns:
        Groups in the order of profile (full first), limit (none first) and label, English last.
    """
    runs: dict[tuple[str, int | None], list[Score]] = defaultdict(list)
    for score in scores:
        runs[score.signed.profile, score.signed.limit].append(score)
    groups = []
    for (profile, limit), run in sorted(runs.items(), key=lambda item: _run_order(*item[0])):
        zero_shot = _zero_shot(run)
        english = english_values(run, draws)
        for label, labels, members in _split(run, across_origins=across_origins):
            tables = _Tables(members, expected, labels, english, zero_shot, draws, bitext=bitext)
            codes = sorted({score.signed.language for score in members})
            others = [code for code in codes if code != ENGLISH]
            groups.append(
                Group(
                    suite=expected.name,
                    demo=expected.demo,
                    profile=profile,
                    limit=limit,
                    label=label,
                    overall=tables.make(others, overall=True) if len(others) > 1 else None,
                    languages=tuple(tables.make([code]) for code in codes),
                )
            )
    return groups


def _run_order(profile: str, limit: int | None) -> tuple[bool, str, int]:
    return profile != "full", profile, limit or 0


def _split(run: Sequence[Score], *, across_origins: bool) -> list[tuple[str, frozenset[str], list[Score]]]:
    """The groups of one run as (label, the labels that it unites, scores): translators, then the rest, then English."""
    labels = {score.label for score in run}
    shared = labels & AS_THEY_ARE if across_origins else set()
    if across_origins and labels == shared:
        return [("+".join(sorted(labels)), frozenset(labels), list(run))]
    groups = []
    for label in sorted(labels - shared, key=lambda name: (name == SOURCE, name in AS_THEY_ARE, name)):
        united = frozenset({label} | shared)
        members = [
            score
            for score in run
            if score.label == label
            # English text is no translator's: what others bring along in English stands beside `source`.
            or (score.label in shared and (score.signed.language == ENGLISH) == (label == SOURCE))
        ]
        groups.append((label, united, members))
    return groups


def task_values(scores: Iterable[Score], draws: Draws = no_draws) -> dict[_Key, Part]:
    """One value for each model, language and task: the mean over splits and subsets, as MTEB takes it.

    A model that has not all the splits and subsets that another has is given no value, as in MTEB.
    """
    parts: dict[_Key, dict[tuple[str, str, str], Score]] = defaultdict(dict)
    required: dict[tuple[str, str], set[tuple[str, str, str]]] = defaultdict(set)
    for score in scores:
        part = (score.signed.task, score.signed.split, score.signed.subset)
        parts[_Key(score.model, *score.cell)][part] = score
        required[score.cell].add(part)
    return {
        key: Part(
            key.task,
            mean(score.value for score in found.values()),
            uncertainty.mean_of_draws([draws(score) for score in found.values()]),
        )
        for key, found in parts.items()
        if set(found) == required[key.language, key.task]
    }


def english_values(run: Iterable[Score], draws: Draws = no_draws) -> dict[tuple[Model, str], Part]:
    """(model, task) -> its English score; of a native task the one that MTEB's own English subset gives."""
    ours: list[Score] = []
    native: list[Score] = []
    for score in run:
        if score.signed.language == ENGLISH and not score.signed.bitext:
            (ours if score.label == SOURCE else native).append(score)
    both = task_values(ours, draws) | task_values(native, draws)
    return {(key.model, key.task): value for key, value in both.items()}


def _zero_shot(run: Iterable[Score]) -> dict[Model, int]:
    """Per cent of the tasks that the model was not trained on, of those known; rounded down, as MTEB does."""
    marks: dict[Model, dict[str, bool]] = defaultdict(dict)
    for score in run:
        mark = score.signed.zero_shot
        if mark is not None and not score.signed.bitext:
            seen = marks[score.model]
            seen[score.signed.source_task] = seen.get(score.signed.source_task, True) and mark
    return {model: 100 * sum(seen.values()) // len(seen) for model, seen in marks.items()}


class _Tables:
    """Makes the tables of one group."""

    def __init__(
        self,
        scores: Sequence[Score],
        expected: Expected,
        labels: Set[str],
        english: Mapping[tuple[Model, str], Part],
        zero_shot: Mapping[Model, int],
        draws: Draws,
        *,
        bitext: bool,
    ) -> None:
        self._scores = scores
        self._values = task_values(scores, draws)
        self._expected = expected
        self._labels = labels
        self._english = english
        self._english_tasks = expected.english_tasks()
        self._zero_shot = zero_shot
        self._bitext = bitext

    def make(self, languages: Sequence[str], *, overall: bool = False) -> Table:
        """The table over some languages; a column for each when it is the one over all."""
        scores = tuple(score for score in self._scores if score.signed.language in languages)
        cells = [cell for language in languages for cell in self._cells(language)]
        counted = [cell for cell in cells if cell.counted]
        found = {
            model: {cell: self._part(model, cell) for cell in cells}
            for model in dict.fromkeys(score.model for score in scores)
        }
        # a task that nobody was scored on says nothing of who is better
        scored = [
            cell for cell in counted if any(of_model[cell].value is not None for of_model in found.values())
        ]
        points = borda_points({model: [of[cell].value for cell in scored] for model, of in found.items()})
        ranks = borda_ranks(points)
        ordered = sorted(
            points, key=lambda model: (ranks[model], *_mean_order(found[model], counted), *_name(model))
        )
        parts = [[found[model][cell] for cell in scored] for model in ordered]
        places = _places(ordered, parts, points)
        unranked = sorted(found.keys() - points.keys(), key=_name)
        return Table(
            language=None if overall else languages[0],
            scores=scores,
            rows=tuple(
                self._row(
                    model,
                    found[model],
                    ranks.get(model),
                    places.get(model, Place()),
                    languages if overall else (),
                )
                for model in [*ordered, *unranked]
            ),
            drawn=apart.draws_of(parts),
        )

    def _cells(self, language: str) -> list[_Cell]:
        tasks = self._expected.tasks(self._labels, language)
        cells = [_Cell(language, name, task_type, counted=True) for name, task_type in sorted(tasks.items())]
        bitext = sorted(self._expected.bitext_tasks(self._labels, language))
        return cells + [_Cell(language, name, BITEXT, counted=self._bitext) for name in bitext]

    def _part(self, model: Model, cell: _Cell) -> Part:
        return self._values.get(_Key(model, cell.language, cell.task)) or Part(cell.task, None)

    def _row(
        self,
        model: Model,
        found: Mapping[_Cell, Part],
        rank: int | None,
        place: Place,
        columns: Sequence[str],
    ) -> Row:
        counted = {cell: part for cell, part in found.items() if cell.counted}
        aside = {cell: part for cell, part in found.items() if not cell.counted}
        by_type = _by(counted, lambda cell: cell.task_type)
        by_language = _by(counted, lambda cell: cell.language)
        unflagged = [part for cell, part in counted.items() if cell.task_type not in FLAGGED]
        both = self._with_english(model, counted)
        english = {
            cell.task: self._english.get((model, cell.task), Part(cell.task, None))
            for cell in self._beside_english(counted)
        }
        means = {
            "mean_task": _mean(counted.values()),
            "mean_type": _mean_of_means(by_type),
            "mean_language": _mean_of_means(by_language) if len(columns) > 1 else Estimate(),
            "mean_task_unflagged": _mean(unflagged),
            "english_mean_task": _mean(english.values()),
            "delta_english": _mean(both),
        }
        return Row(
            model=model,
            n_tasks=len(counted),
            n_scored=sum(part.value is not None for part in counted.values()),
            missing=tuple(
                f"{cell.task} ({cell.language})" if columns else cell.task
                for cell, part in counted.items()
                if part.value is None
            ),
            borda_rank=rank,
            place=place,
            means={name: value.times(100) for name, value in means.items()},
            n_common=len(both),
            types={
                name: _mean(parts).times(100)
                for name, parts in (_by(aside, lambda cell: cell.task_type) | by_type).items()
            },
            languages={code: _mean(by_language.get(code, ())).times(100) for code in columns},
            zero_shot=self._zero_shot.get(model),
        )

    def _beside_english(self, cells: Iterable[_Cell]) -> list[_Cell]:
        """The cells whose task can have a score in English too."""
        return [cell for cell in cells if cell.task in self._english_tasks and cell.language != ENGLISH]

    def _with_english(self, model: Model, counted: Mapping[_Cell, Part]) -> list[Part]:
        """For each cell that has an English score beside it the difference to that."""
        both = []
        for cell in self._beside_english(counted):
            part, english = counted[cell], self._english.get((model, cell.task))
            if part.value is not None and english is not None and english.value is not None:
                draws = (
                    None
                    if part.draws is None or english.draws is None
                    else np.asarray(part.draws - english.draws)
                )
                both.append(Part(cell.task, part.value - english.value, draws))
        return both


def _places(
    ordered: Sequence[Model], parts: Sequence[Sequence[Part]], points: Mapping[Model, Sequence[float]]
) -> dict[Model, Place]:
    """Groups and intervals of ranks, of models that stand by rank."""
    tasks = [part.task for part in parts[0]] if parts else []
    ends = uncertainty.rank_intervals(np.array([points[model] for model in ordered]), tasks)
    return {
        model: dataclasses.replace(place, low=end[0], high=end[1]) if end else place
        for model, place, end in zip(ordered, apart.group(parts), ends, strict=True)
    }


def _by(parts: Mapping[_Cell, Part], key: Callable[[_Cell], str]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = defaultdict(list)
    for cell, part in parts.items():
        found[key(cell)].append(part)
    return found


def _mean(parts: Iterable[Part]) -> Estimate:
    given = list(parts)
    return uncertainty.estimate(mean(part.value for part in given), [given])


def _mean_of_means(groups: Mapping[str, Sequence[Part]]) -> Estimate:
    means = type_means({name: [part.value for part in parts] for name, parts in groups.items()})
    return uncertainty.estimate(mean(means.values()), [*groups.values()])


def _mean_order(found: Mapping[_Cell, Part], counted: Iterable[_Cell]) -> tuple[bool, float]:
    """The best mean first, and models without one last."""
    value = mean(found[cell].value for cell in counted)
    return value is None, -(value or 0.0)


def _name(model: Model) -> tuple[str, str]:
    return model.name, model.revision

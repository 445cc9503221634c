"""Scores -> tables: one for each suite, profile, limit and translator, in each language and over all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from mmteb_synth.ranking.aggregate import borda_ranks, mean, type_means
from mmteb_synth.ranking.results import ENGLISH, SOURCE, Model, Score
from mmteb_synth.ranking.suites import AS_THEY_ARE, Expected

BITEXT = "BitextMining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model in one table. Scores are MTEB's `main_score` times 100; None is a missing one.

    Attributes:
        model: Who.
        n_tasks: How many sets a mean covers.
        n_scored: How many of these have a score.
        missing: Names of those that have none, with their language in a table over several.
        mean_task: The mean over the sets.
        mean_type: The mean over the types' means.
        borda_rank: MTEB's rank; None for a model without any score that counts.
        english: The English mean over the same tasks.
        delta: The mean less the English mean, both over the tasks that have both.
        n_common: How many sets that is.
        types: Task type -> mean.
        languages: Language code -> mean; empty in the table of one language.
        zero_shot: MTEB's mark, per cent of the suite's tasks that the model was not trained on.
    """

    model: Model
    n_tasks: int
    n_scored: int
    missing: tuple[str, ...]
    mean_task: float | None
    mean_type: float | None
    borda_rank: int | None
    english: float | None
    delta: float | None
    n_common: int
    types: Mapping[str, float | None]
    languages: Mapping[str, float | None] = field(default_factory=dict)
    zero_shot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The models in one language, or over all languages.

    Attributes:
        language: Its code; None over all.
        scores: What the table is made of.
        rows: By rank, mean and name.
    """

    language: str | None
    scores: tuple[Score, ...]
    rows: tuple[Row, ...]

    @property
    def origin(self) -> str:
        """How the text came to its language; several joined by `+` where the user asked for means across."""
        return "+".join(sorted({score.signed.origin for score in self.scores}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tables whose scores may be compared.

    Attributes:
        suite: Name of the suite.
        demo: Whether it is a demo, not a benchmark.
        profile: How much of each set was scored, as `full`.
        limit: Rows of a trial; None for whole sets.
        label: The translator, or the origin of sets that nobody translated here.
        overall: The table over all languages; None where there is only English.
        languages: A table for each language, in the order of their codes.
    """

    suite: str
    demo: bool
    profile: str
    limit: int | None
    label: str
    overall: Table | None
    languages: tuple[Table, ...]


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


def make_groups(
    scores: Iterable[Score], expected: Expected, *, bitext: bool, across_origins: bool
) -> list[Group]:
    """All tables of one suite.

    Args:
        scores: Those that belong to the suite.
        expected: What the suite expects.
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
        english = english_values(run)
        for label, labels, members in _split(run, across_origins=across_origins):
            tables = _Tables(members, expected, labels, english, zero_shot, bitext=bitext)
            codes = sorted({score.signed.language for score in members})
            others = [code for code in codes if code != ENGLISH]
            groups.append(
                Group(
                    suite=expected.name,
                    demo=expected.demo,
                    profile=profile,
                    limit=limit,
                    label=label,
                    overall=tables.make(others, overall=True) if others else None,
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


def task_values(scores: Iterable[Score]) -> dict[_Key, float]:
    """One value for each model, language and task: the mean over splits and subsets, as MTEB takes it.

    A model that has not all the splits and subsets that another has is given no value, as in MTEB.
    """
    parts: dict[_Key, dict[tuple[str, str, str], float]] = defaultdict(dict)
    required: dict[tuple[str, str], set[tuple[str, str, str]]] = defaultdict(set)
    for score in scores:
        part = (score.signed.task, score.signed.split, score.signed.subset)
        parts[_Key(score.model, *score.cell)][part] = score.value
        required[score.cell].add(part)
    values = {}
    for key, found in parts.items():
        value = mean(found.values())
        if value is not None and set(found) == required[key.language, key.task]:
            values[key] = value
    return values


def english_values(run: Iterable[Score]) -> dict[tuple[Model, str], float]:
    """(model, task) -> its English score; of a native task the one that MTEB's own English subset gives."""
    ours: list[Score] = []
    native: list[Score] = []
    for score in run:
        if score.signed.language == ENGLISH and not score.signed.bitext:
            (ours if score.label == SOURCE else native).append(score)
    return {(key.model, key.task): value for key, value in (task_values(ours) | task_values(native)).items()}


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
        english: Mapping[tuple[Model, str], float],
        zero_shot: Mapping[Model, int],
        *,
        bitext: bool,
    ) -> None:
        self._scores = scores
        self._values = task_values(scores)
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
        models = list(dict.fromkeys(score.model for score in scores))
        counted = [cell for cell in cells if cell.counted]
        ranks = borda_ranks({model: [self._value(model, cell) for cell in counted] for model in models})
        rows = [self._row(model, cells, ranks[model], languages if overall else ()) for model in models]
        return Table(
            language=None if overall else languages[0],
            scores=scores,
            rows=tuple(sorted(rows, key=_row_order)),
        )

    def _cells(self, language: str) -> list[_Cell]:
        tasks = self._expected.tasks(self._labels, language)
        cells = [_Cell(language, name, task_type, counted=True) for name, task_type in sorted(tasks.items())]
        bitext = sorted(self._expected.bitext_tasks(self._labels, language))
        return cells + [_Cell(language, name, BITEXT, counted=self._bitext) for name in bitext]

    def _value(self, model: Model, cell: _Cell) -> float | None:
        return self._values.get(_Key(model, cell.language, cell.task))

    def _row(self, model: Model, cells: Sequence[_Cell], rank: int | None, columns: Sequence[str]) -> Row:
        counted = {cell: self._value(model, cell) for cell in cells if cell.counted}
        types = type_means(_by_type(counted))
        aside = type_means(_by_type({cell: self._value(model, cell) for cell in cells if not cell.counted}))
        english = {
            cell.task: self._english.get((model, cell.task))
            for cell in counted
            if cell.task in self._english_tasks and cell.language != ENGLISH
        }
        both = [
            (value, reference)
            for cell, value in counted.items()
            if value is not None and (reference := english.get(cell.task)) is not None
        ]
        mine, theirs = mean(value for value, _ in both), mean(reference for _, reference in both)
        return Row(
            model=model,
            n_tasks=len(counted),
            n_scored=sum(value is not None for value in counted.values()),
            missing=tuple(
                f"{cell.task} ({cell.language})" if columns else cell.task
                for cell, value in counted.items()
                if value is None
            ),
            mean_task=_times_100(mean(counted.values())),
            mean_type=_times_100(mean(types.values())),
            borda_rank=rank,
            english=_times_100(mean(english.values())),
            delta=None if mine is None or theirs is None else 100 * (mine - theirs),
            n_common=len(both),
            types={name: _times_100(value) for name, value in (aside | types).items()},
            languages={
                code: _times_100(mean(value for cell, value in counted.items() if cell.language == code))
                for code in columns
            },
            zero_shot=self._zero_shot.get(model),
        )


def _by_type(values: Mapping[_Cell, float | None]) -> dict[str, list[float | None]]:
    by_type: dict[str, list[float | None]] = defaultdict(list)
    for cell, value in values.items():
        by_type[cell.task_type].append(value)
    return by_type


def _times_100(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _row_order(row: Row) -> tuple[bool, int, bool, float, str, str]:
    return (
        row.borda_rank is None,
        row.borda_rank or 0,
        row.mean_task is None,
        -(row.mean_task or 0.0),
        row.model.name,
        row.model.revision,
    )

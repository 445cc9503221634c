"""The lists of tasks, of suites and of what MTEB holds in a language: what a person chooses by."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mmteb_synth import aggregates, facts, languages, licences, natives, paths, registry, specs, suites
from mmteb_synth.errors import UnknownNameError
from mmteb_synth.facts import TaskFacts
from mmteb_synth.licences import Terms
from mmteb_synth.specs import MAIN_SCORES, BitextSpec, NativeQuery, Suite, SuiteTask, TaskSpec, TaskType
from mmteb_synth.types import Origin

Definition = Literal["mteb", "bundled", "user"]
"""Who defines a task or suite: MTEB, this package, or a file of the user's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskListing:
    """One line of the list of tasks.

    Attributes:
        name: The name to use.
        type: MTEB's type.
        main_score: The metric that counts.
        license: As MTEB writes it; None where it says nothing.
        splits: The splits that are scored.
        samples: Rows of these splits in English; None where nobody counted them.
        characters: Characters of their texts; None where nobody counted them.
        definition: Who defines it.
        superseded_by: The MTEB task that replaces it.
        terms: What may be done with its texts.
    """

    name: str
    type: TaskType
    main_score: str
    license: str | None
    splits: tuple[str, ...]
    samples: int | None
    characters: int | None
    definition: Definition
    superseded_by: str | None
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeListing:
    """One line of the list of what MTEB holds in a language.

    Attributes:
        name: The name to use.
        type: MTEB's type.
        main_score: The metric that counts.
        origin: How the texts came to the language.
        license: As MTEB writes it; None where it says nothing.
        splits: The splits that are scored.
        samples: Rows of these splits in the language; None where nobody counted them.
        characters: Characters of their texts; None where nobody counted them.
        terms: What may be done with its texts.
    """

    name: str
    type: TaskType
    main_score: str
    origin: Origin
    license: str | None
    splits: tuple[str, ...]
    samples: int | None
    characters: int | None
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteListing:
    """One line of the list of suites.

    Attributes:
        name: The name to use.
        description: One sentence.
        tasks: How many sets are translated.
        native: How many MTEB tasks are listed to be scored as they are; None where they are found for each language.
        bitext: How many bitext sets are made.
        definition: Who defines it.
    """

    name: str
    description: str
    tasks: int
    native: int | None
    bitext: int
    definition: Definition


def list_tasks(*, suite: str | None = None, type: str | None = None) -> list[TaskListing]:
    """All tasks that can be named, or a suite's, by name.

    Args:
        suite: Only what this suite holds: sets to translate, native tasks and bitext.
        type: Only tasks of this MTEB type.

    Raises:
        UnknownNameError: No such suite or type.
        SpecError: A file in one of the folders is broken.
    """
    _check_type(type)
    if suite is None:
        rows = [_listing(registry.get_task(name)) for name in registry.task_names()]
        rows += [_of_aggregate(facts.tasks()[name]) for name in aggregates.names()]
    else:
        chosen = suites.get_suite(suite)
        rows = [_row(entry) for entry in chosen.tasks]
        rows += [_of_mteb(facts.tasks()[entry.name], entry.splits) for entry in chosen.native]
        rows += [_listing(entry.spec) for entry in chosen.bitext]
    return sorted((row for row in rows if type in (None, row.type)), key=lambda row: row.name.casefold())


def list_suites() -> list[SuiteListing]:
    """All suites: the shipped ones, the user's, then MTEB's benchmarks that hold English text.

    Raises:
        SpecError: A file in one of the folders is broken.
    """
    return [_of_suite(suites.get_suite(name)) for name in suites.names()]


def list_native(language: str, *, suite: str | None = None, type: str | None = None) -> list[NativeListing]:
    """MTEB's own tasks in a language, which cost nothing to translate, by name.

    Args:
        language: The code, as `tur-Latn`.
        suite: Only those that this suite scores; by default all that people wrote or translated.
        type: Only tasks of this MTEB type.

    Raises:
        UnknownNameError: No such suite or type.
    """
    _check_type(type)
    if suite is None:
        entries = [SuiteTask(name=name) for name in natives.find(language, NativeQuery())]
    else:
        entries = natives.entries(suites.get_suite(suite), language)
    codes = languages.equivalents(language)
    rows = [_of_native(facts.tasks()[entry.name], codes, entry.splits) for entry in entries]
    return sorted((row for row in rows if type in (None, row.type)), key=lambda row: row.name.casefold())


def _check_type(name: str | None) -> None:
    if name is not None and name not in specs.TASK_TYPES:
        raise UnknownNameError(
            "task type", name, specs.TASK_TYPES, hint=f"types: {', '.join(specs.TASK_TYPES)}"
        )


def _row(entry: SuiteTask) -> TaskListing:
    if aggregates.parts(entry.name):
        return _of_aggregate(facts.tasks()[entry.name], entry.splits)
    return _listing(registry.get_task(entry.name), entry.splits)


def _listing(spec: TaskSpec | BitextSpec, splits: tuple[str, ...] = ()) -> TaskListing:
    if isinstance(spec, BitextSpec):
        return _of_bitext(spec, _listing(registry.get_task(spec.source)))
    if spec.is_own:
        return _of_own(spec, splits)
    known = facts.tasks()[spec.name]
    if spec.subset not in (None, known.english_subset):
        known = replace(known, sizes={})  # they are another subset's
    return _of_mteb(known, splits or spec.eval_splits)


def _of_mteb(known: TaskFacts, splits: tuple[str, ...] = ()) -> TaskListing:
    """The line of an MTEB task."""
    splits = splits or known.splits
    sizes = [known.sizes[split] for split in splits if split in known.sizes]
    counted = len(sizes) == len(splits)
    return TaskListing(
        name=known.name,
        type=known.type,
        main_score=known.main_score,
        license=known.license,
        splits=splits,
        samples=sum(size.samples for size in sizes) if counted else None,
        characters=sum(size.characters for size in sizes) if counted else None,
        definition="mteb",
        superseded_by=known.superseded_by,
        terms=licences.terms(known.name, known.license),
    )


def _of_aggregate(known: TaskFacts, splits: tuple[str, ...] = ()) -> TaskListing:
    """The line of an aggregate, as large as its parts together."""
    parts = [_of_mteb(facts.tasks()[part], splits) for part in known.parts]
    return replace(
        _of_mteb(known, splits),
        samples=_sum(part.samples for part in parts),
        characters=_sum(part.characters for part in parts),
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum; None where one was not counted."""
    every = list(counts)
    return None if None in every else sum(count for count in every if count is not None)


def _of_native(known: TaskFacts, codes: Set[str], splits: tuple[str, ...] = ()) -> NativeListing:
    """The line of a task that MTEB holds in a language."""
    splits = splits or known.splits
    size = known.size_in(codes, splits)
    return NativeListing(
        name=known.name,
        type=known.type,
        main_score=known.main_score,
        origin=facts.origin(known),
        license=known.license,
        splits=splits,
        samples=size.samples if size else None,
        characters=size.characters if size else None,
        terms=licences.terms(known.name, known.license),
    )


def _of_own(spec: TaskSpec, splits: tuple[str, ...] = ()) -> TaskListing:
    """The line of a set with files of its own."""
    assert spec.type is not None  # specs.TaskSpec: a set of one's own has one
    return TaskListing(
        name=spec.name,
        type=spec.type,
        main_score=spec.main_score or MAIN_SCORES[spec.type],
        license=spec.license,
        splits=splits or spec.own_splits,
        samples=None,
        characters=None,
        definition=_definition(spec.path),
        superseded_by=None,
        terms=licences.terms(spec.name, spec.license),
    )


def _of_bitext(spec: BitextSpec, source: TaskListing) -> TaskListing:
    """The line of a bitext set, which has its source's licence and splits."""
    return TaskListing(
        name=spec.name,
        type=spec.type,
        main_score=MAIN_SCORES[spec.type],
        license=source.license,
        splits=source.splits,
        samples=None,
        characters=None,
        definition=source.definition,
        superseded_by=None,
        terms=source.terms,
    )


def _of_suite(suite: Suite) -> SuiteListing:
    """The line of a suite whose benchmark is spelled out."""
    return SuiteListing(
        name=suite.name,
        description=suite.description,
        tasks=len(suite.tasks),
        native=None if suite.native_query else len(suite.native),
        bitext=len(suite.bitext),
        definition=_definition(suite.path),
    )


def _definition(path: Path | None) -> Definition:
    if path is None:
        return "mteb"
    return "bundled" if path.resolve().is_relative_to(paths.bundled_tasks()) else "user"

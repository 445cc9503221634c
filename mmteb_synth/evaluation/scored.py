"""Which tasks a model is scored on: built sets of the store, and MTEB tasks that already hold the language."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth import aggregates, facts, natives, stored
from mmteb_synth.data import source
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.profiles import FULL
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import SynthError
from mmteb_synth.evaluation import aggregates as made_of_parts
from mmteb_synth.evaluation import native as as_it_is
from mmteb_synth.evaluation import tasks
from mmteb_synth.selection import Choice
from mmteb_synth.specs import SuiteTask, TaskSpec
from mmteb_synth.stored import ENGLISH, StoredSet
from mmteb_synth.types import Language, Origin

SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTask:
    """One task to score.

    Attributes:
        name: Its MTEB name.
        source_task: The set that it was chosen by: the English task, or the bitext set; a native task itself.
        language: The language, as `tur-Latn`.
        origin: How its text came to the language.
        translator: Who made a built set: the translator's name, and the mark of its overrides.
        dataset: The built set; None for a native task.
        parts: The tasks whose mean an aggregate's score is; empty for all others.
        native: The suite's entry of a native task; None for a built set.
        source_dir: A local mirror of the Hub for a native task.
        scratch: Where links to the mirror are kept.
        problem: Why the task can't be made, where that is known.
    """

    name: str
    source_task: str
    language: str
    origin: Origin
    translator: str | None = None
    dataset: TranslatedDataset | None = None
    parts: tuple[ScoredTask, ...] = ()
    native: SuiteTask | None = None
    source_dir: Path | None = None
    scratch: Path | None = None
    problem: SynthError | None = None

    @property
    def manifest(self) -> Manifest | None:
        """The record of a built set or of an aggregate of several; None for a native task, and where one is damaged.

        Raises:
            StoreError: The parts of the aggregate were made in different ways.
        """
        if self.dataset is not None:
            return self.dataset.manifest
        records = [part.dataset.manifest for part in self.parts if part.dataset is not None]
        return made_of_parts.manifest(self.name, records) if records else None

    def make(self) -> Any:
        """The MTEB task object.

        Raises:
            SynthError: It can't be made.
        """
        if self.problem is not None:
            raise self.problem
        if self.dataset is not None:
            return tasks.task(self.dataset)
        if self.manifest is not None:
            return made_of_parts.task_class(self.manifest, [part.make() for part in self.parts])()
        splits = self.native.splits if self.native else ()
        return as_it_is.task(
            self.name, self.language, splits, source_dir=self.source_dir, scratch=self.scratch
        )

    def signature_fields(self) -> dict[str, object]:
        """The task's part of a score's signature, in order."""
        manifest = self.manifest
        if manifest is None:
            identity = source.identify(TaskSpec(name=self.name), self.source_dir)
            return {
                "task": self.name,
                "lang": self.language,
                "src": identity.short,
                "data": identity.revision[:8],
            }
        return {
            "task": self.source_task,
            "lang": manifest.language if self.language == ENGLISH else f"{ENGLISH}>{manifest.language}",
            "src": (manifest.source.get("mirror") or manifest.source["revision"])[:8],
            "by": manifest.translator,
            "prompt": "-" if manifest.prompt_version is None else manifest.prompt_version,
            "dec": manifest.decoding,
            "checks": manifest.checks_version,
            "cov": f"{manifest.coverage:.3f}",
            **({} if manifest.profile == FULL.label else {"profile": manifest.profile}),
            **({} if manifest.limit is None else {"limit": manifest.limit}),
            "data": manifest.revision[:8],
        }


def built(
    store: Store,
    *,
    choice: Choice | None = None,
    wanted: Sequence[Language] | None = None,
    translators: Sequence[str] = (),
    profiles: Sequence[str] = (),
) -> list[ScoredTask]:
    """The built sets that were chosen. One that is damaged is among them, with the problem.

    Args:
        store: Where they lie.
        choice: The sets that were named; None for all that were built.
        wanted: The languages; None for all, English among them.
        translators: Names or labels of translators; empty for all. English has none, so it is never narrowed.
        profiles: Labels of profiles; empty for all.

    Raises:
        UnknownNameError: No built set has one of the translators.
    """
    chosen = stored.chosen(store, choice=choice, wanted=wanted, translators=translators, profiles=profiles)
    return [_built(found) for found in chosen]


def _built(found: StoredSet) -> ScoredTask:
    return ScoredTask(
        name=found.name,
        source_task=found.source_task,
        language=found.language,
        origin="native" if found.language == ENGLISH else "translated",
        translator=found.translator,
        dataset=found.dataset,
        problem=found.problem,
    )


def combined(found: Sequence[ScoredTask], asked: frozenset[str] | None) -> list[ScoredTask]:
    """Aggregates where all their parts are built.

    Args:
        found: Built sets.
        asked: What is to have a score of its own; None for everything.

    Returns:
        The sets that are asked for by themselves, in their order, then the aggregates. Parts of one that is not
        whole are left out unless they are asked for themselves.
    """
    by_name = {task.name: task for task in found}
    whole = []
    for aggregate in aggregates.names() if asked is None else sorted(asked):
        parts = aggregates.parts(aggregate)
        for first in found:
            if not parts or first.source_task != parts[0]:
                continue
            name = aggregate + first.name.removeprefix(parts[0])
            made_of = [by_name.get(part + name.removeprefix(aggregate)) for part in parts]
            present = tuple(part for part in made_of if part is not None)
            if len(present) == len(parts):
                whole.append(
                    dataclasses.replace(
                        first,
                        name=name,
                        source_task=aggregate,
                        dataset=None,
                        parts=present,
                        problem=next((part.problem for part in present if part.problem), None),
                    )
                )
    return [task for task in found if asked is None or task.source_task in asked] + whole


def one(store: Store, name: str) -> ScoredTask:
    """One built set, or an aggregate of several.

    Args:
        store: Where they lie.
        name: The set's name.

    Raises:
        UnknownNameError: It, or a part of it, is not built.
        StoreError: It is damaged.
    """
    made_of = aggregates.sets(name)
    if made_of is None:
        return _built(stored.named(store, name))
    aggregate, parts = made_of
    (whole,) = combined(
        [_built(stored.named(store, part)) for part in parts.values()], frozenset([aggregate])
    )
    return whole


def native(
    choice: Choice | None,
    codes: Iterable[str],
    *,
    source_dir: Path | None = None,
    scratch: Path | None = None,
) -> Iterator[ScoredTask]:
    """The native members of the chosen suites for some languages.

    Args:
        choice: The suites that were named.
        codes: Languages, as `tur-Latn`.
        source_dir: A local mirror of the Hub.
        scratch: Where links to the mirror are kept.
    """
    meant = list(codes)
    for suite in choice.suites if choice else ():
        for code in meant:
            for entry in natives.entries(suite, code, beside=meant):
                yield ScoredTask(
                    name=entry.name,
                    source_task=entry.name,
                    language=code,
                    # English is what the other languages were translated from
                    origin="native" if code == ENGLISH else facts.origin(facts.tasks()[entry.name]),
                    native=entry,
                    source_dir=source_dir,
                    scratch=scratch,
                )

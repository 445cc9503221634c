"""Which tasks a model is scored on: built sets of the store, and MTEB tasks that already hold the language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth import facts, registry, stored
from mmteb_synth.data import source
from mmteb_synth.data.profiles import FULL
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import SynthError
from mmteb_synth.evaluation import native as natives
from mmteb_synth.evaluation import tasks
from mmteb_synth.selection import Choice
from mmteb_synth.specs import SuiteTask, TaskSpec
from mmteb_synth.stored import ENGLISH
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
    native: SuiteTask | None = None
    source_dir: Path | None = None
    scratch: Path | None = None
    problem: SynthError | None = None

    def make(self) -> Any:
        """The MTEB task object.

        Raises:
            SynthError: It can't be made.
        """
        if self.problem is not None:
            raise self.problem
        if self.dataset is not None:
            return tasks.task(self.dataset)
        splits = self.native.splits if self.native else ()
        return natives.task(
            self.name, self.language, splits, source_dir=self.source_dir, scratch=self.scratch
        )

    def signature_fields(self) -> dict[str, object]:
        """The task's part of a score's signature, in order."""
        if self.dataset is None:
            identity = source.identify(TaskSpec(name=self.name), self.source_dir)
            return {
                "task": self.name,
                "lang": self.language,
                "src": identity.short,
                "data": identity.revision[:8],
            }
        manifest = self.dataset.manifest
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
    found = stored.chosen(store, choice=choice, wanted=wanted, translators=translators, profiles=profiles)
    return [
        ScoredTask(
            name=one.name,
            source_task=one.source_task,
            language=one.language,
            origin="native" if one.language == ENGLISH else "translated",
            translator=one.translator,
            dataset=one.dataset,
            problem=one.problem,
        )
        for one in found
    ]


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
    for suite in choice.suites if choice else ():
        for code in codes:
            names = registry.native_tasks(suite, code)
            for entry in suite.native:
                if entry.name in names:
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

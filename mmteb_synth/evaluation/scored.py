"""Which tasks a model is scored on: built sets of the store, and MTEB tasks that already hold the language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth import facts, languages, registry
from mmteb_synth.data import source
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError, SynthError, UnknownNameError
from mmteb_synth.evaluation import native as natives
from mmteb_synth.evaluation import tasks
from mmteb_synth.selection import Choice
from mmteb_synth.specs import SuiteTask, TaskSpec
from mmteb_synth.types import Language, Origin

ENGLISH = "eng-Latn"
SOURCE = "source"

_NAME = re.compile(r"(?P<source>.+?)\.(?P<language>[a-z]{3}-[A-Z][a-z]{3})\.(?P<label>.+?)(\.limit\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTask:
    """One task to score.

    Attributes:
        name: Its MTEB name.
        source_task: The set that it was chosen by: the English task, or the bitext set; a native task itself.
        language: The language, as `tur-Latn`.
        origin: How its text came to the language.
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
            **({} if manifest.limit is None else {"limit": manifest.limit}),
            "data": manifest.revision[:8],
        }

    @property
    def translator(self) -> str | None:
        """Who made a built set: the translator's name, and the mark of its overrides as `gpt-4.1-mini.1a2b3c4d`."""
        found = _NAME.fullmatch(self.name)
        if self.dataset is None:
            return found["label"] if found else None
        name = self.dataset.manifest.translator
        return name + (found["label"][len(name) :] if found else "")

    def labels(self) -> set[str]:
        """What a built set's translator may be called: its name, with its overrides, and as it stands in set names."""
        found = _NAME.fullmatch(self.name)
        labels = {self.translator, found["label"] if found else None}
        if self.dataset is not None:
            labels.add(self.dataset.manifest.translator)
        return {label for label in labels if label}


def built(
    store: Store,
    *,
    choice: Choice | None = None,
    wanted: Sequence[Language] | None = None,
    translators: Sequence[str] = (),
) -> list[ScoredTask]:
    """The built sets that were chosen. One that is damaged is among them, with the problem.

    Args:
        store: Where they lie.
        choice: The sets that were named; None for all that were built.
        wanted: The languages; None for all, English among them.
        translators: Names or labels of translators; empty for all. English has none, so it is never narrowed.

    Raises:
        UnknownNameError: No built set has one of the translators.
    """
    found = [_find(store, name) for name in store.names()]
    found = [task for task in found if choice is None or task.source_task in choice.names()]
    _check_translators(translators, found)
    codes = None if wanted is None else {code for one in wanted for code in languages.equivalents(one.code)}
    return [
        task
        for task in found
        if (codes is None or task.language in codes)
        and (not translators or task.language == ENGLISH or task.labels() & set(translators))
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


def nothing_built(store: Store, wanted: Sequence[Language] | None = None) -> StoreError:
    """The error for a choice that no built set answers to.

    Args:
        store: Where sets lie.
        wanted: The languages that were asked for.
    """
    others = [language for language in wanted or () if language.code != ENGLISH]
    where = f" in {', '.join(language.name for language in others)}" if others else ""
    flags = "".join(f" --lang {language.code}" for language in others) or " --lang tr"
    return StoreError(
        f"{store.folder} holds none of the chosen sets{where}",
        hint=f"build them first: mmteb-synth build{flags}, with the same --task or --suite",
    )


def _find(store: Store, name: str) -> ScoredTask:
    problem, dataset = None, None
    try:
        dataset = store.get(name)
    except StoreError as error:
        problem = error
    parts = _NAME.fullmatch(name)
    language = dataset.manifest.language if dataset else parts["language"] if parts else ""
    return ScoredTask(
        name=name,
        source_task=name.split(f".{language}.", maxsplit=1)[0],
        language=language,
        origin="native" if language == ENGLISH else "translated",
        dataset=dataset,
        problem=problem,
    )


def _check_translators(names: Sequence[str], found: Sequence[ScoredTask]) -> None:
    known = {label for task in found if task.language != ENGLISH for label in task.labels()}
    for name in names:
        if name not in known:
            raise UnknownNameError(
                "translator of built sets",
                name,
                known,
                hint=f"built sets have {', '.join(sorted(known)) or 'none'}",
            )

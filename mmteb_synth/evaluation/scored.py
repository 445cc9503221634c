"""Which tasks a model is scored on: built sets of the store, and MTEB tasks that already hold the language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mteb

from mmteb_synth import facts, languages, registry
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError, UnknownNameError
from mmteb_synth.evaluation import tasks
from mmteb_synth.selection import Choice
from mmteb_synth.specs import SuiteTask
from mmteb_synth.types import Language, Origin

ENGLISH = "eng-Latn"
SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTask:
    """One task to score.

    Attributes:
        name: Its MTEB name.
        source_task: The English task that it stands for; a native task stands for itself.
        language: The language, as `tur-Latn`.
        origin: How its text came to the language.
        dataset: The built set; None for a native task.
        native: The suite's entry of a native task; None for a built set.
    """

    name: str
    source_task: str
    language: str
    origin: Origin
    dataset: TranslatedDataset | None = None
    native: SuiteTask | None = None

    def make(self) -> Any:
        """The MTEB task object."""
        if self.dataset is not None:
            return tasks.task(self.dataset)
        codes = languages.equivalents(self.language)
        known = facts.tasks()[self.name]
        found = sorted(codes.intersection(known.languages))
        splits = list(self.native.splits) if self.native and self.native.splits else None
        return mteb.get_task(
            self.name,
            languages=[code.split("-")[0] for code in found],
            script=[code.split("-")[1] for code in found],
            eval_splits=splits,
            exclusive_language_filter=True,
        )


def built(
    store: Store,
    *,
    choice: Choice | None,
    wanted: Sequence[Language] | None,
    translators: Sequence[str] = (),
) -> list[ScoredTask]:
    """The built sets that were chosen.

    Args:
        store: Where they lie.
        choice: The sets that were named; None for all that were built.
        wanted: The languages; None for all, English among them.
        translators: Names or labels of translators; empty for all. English has none, so it is never narrowed.

    Raises:
        UnknownNameError: No built set has one of the translators.
    """
    found = [dataset for dataset in store.all() if choice is None or _source_name(dataset) in choice.names()]
    _check_translators(translators, found)
    codes = None if wanted is None else frozenset().union(*(languages.equivalents(lang.code) for lang in wanted))
    return [
        _scored(dataset)
        for dataset in found
        if (codes is None or dataset.manifest.language in codes)
        and (not translators or dataset.manifest.language == ENGLISH or _label(dataset) & set(translators))
    ]


def native(choice: Choice | None, codes: Iterable[str]) -> Iterator[ScoredTask]:
    """The native members of the chosen suites for some languages.

    Args:
        choice: The suites that were named.
        codes: Languages, as `tur-Latn`.
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
                        origin=facts.origin(facts.tasks()[entry.name]),
                        native=entry,
                    )


def nothing_built(store: Store) -> StoreError:
    """The error for a choice that no built set answers to."""
    return StoreError(
        f"no such set is built in {store.folder}",
        hint="build it first, as mmteb-synth build --lang tr; mmteb-synth evaluate --lang en builds English itself",
    )


def _scored(dataset: TranslatedDataset) -> ScoredTask:
    manifest = dataset.manifest
    return ScoredTask(
        name=manifest.name,
        source_task=_source_name(dataset),
        language=manifest.language,
        origin="native" if manifest.language == ENGLISH else "translated",
        dataset=dataset,
    )


def _source_name(dataset: TranslatedDataset) -> str:
    """The name that the set was chosen by: the English task's, or the bitext set's."""
    manifest = dataset.manifest
    return manifest.name.split(f".{manifest.language}.")[0]


def _label(dataset: TranslatedDataset) -> set[str]:
    name = dataset.manifest.translator
    return {name, dataset.manifest.name.split(f".{dataset.manifest.language}.")[1].split(".limit")[0]}


def _check_translators(names: Sequence[str], found: Sequence[TranslatedDataset]) -> None:
    known = {label for dataset in found for label in _label(dataset) if dataset.manifest.translator != SOURCE}
    for name in names:
        if name not in known:
            raise UnknownNameError(
                "translator of built sets", name, known, hint=f"built sets have {', '.join(sorted(known)) or 'none'}"
            )

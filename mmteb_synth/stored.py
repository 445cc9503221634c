"""Which stored sets a call is about: by the names of sets, languages and translators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmteb_synth import languages
from mmteb_synth.data.profiles import FULL, LABEL
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError, SynthError, UnknownNameError
from mmteb_synth.selection import Choice
from mmteb_synth.types import Language

ENGLISH = "eng-Latn"

_NAME = re.compile(
    r"(?P<source>.+?)\.(?P<language>[a-z]{3}-[A-Z][a-z]{3})\.(?P<label>.+?)"
    rf"(\.(?P<profile>{LABEL}))?(\.limit\d+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSet:
    """One set of a store.

    Attributes:
        name: Its name.
        source_task: The set that it is chosen by: the English task, or the bitext set.
        language: The language, as `tur-Latn`.
        dataset: The set; None where it is damaged.
        problem: Why it can't be used; None where it can.
    """

    name: str
    source_task: str
    language: str
    dataset: TranslatedDataset | None = None
    problem: SynthError | None = None

    @property
    def translator(self) -> str | None:
        """Who made it: the translator's name, and the mark of its overrides as `gpt-4.1-mini.1a2b3c4d`."""
        found = _NAME.fullmatch(self.name)
        if self.dataset is None:
            return found["label"] if found else None
        name = self.dataset.manifest.translator
        return name + (found["label"][len(name) :] if found else "")

    @property
    def profile(self) -> str:
        """The label of its profile."""
        if self.dataset is not None:
            return self.dataset.manifest.profile
        found = _NAME.fullmatch(self.name)
        return (found["profile"] if found else None) or FULL.label

    def labels(self) -> set[str]:
        """What its translator may be called: its name, with its overrides, and as it stands in set names."""
        found = _NAME.fullmatch(self.name)
        labels = {self.translator, found["label"] if found else None}
        if self.dataset is not None:
            labels.add(self.dataset.manifest.translator)
        return {label for label in labels if label}


def chosen(
    store: Store,
    *,
    choice: Choice | None = None,
    wanted: Sequence[Language] | None = None,
    translators: Sequence[str] = (),
    profiles: Sequence[str] = (),
    held_back: bool = False,
) -> list[StoredSet]:
    """The stored sets that were chosen. One that is damaged is among them, with the problem.

    Args:
        store: Where they lie.
        choice: The sets that were named; None for all that are stored.
        wanted: The languages; None for all, English among them.
        translators: Names or labels of translators; empty for all. English has none, so it is never narrowed.
        profiles: Labels of profiles; empty for all.
        held_back: Whether sets that were held back, and are only evidence, are meant too.

    Raises:
        UnknownNameError: No stored set has one of the translators.
        StoreError: The evidence of a set that was held back is damaged.
    """
    found = [_find(store, name) for name in store.names()]
    if held_back:
        found += [_of(dataset) for dataset in store.held_back()]
    found = [one for one in found if choice is None or one.source_task in choice.names()]
    _check_translators(translators, found)
    codes = None if wanted is None else {code for one in wanted for code in languages.equivalents(one.code)}
    return [
        one
        for one in found
        if (codes is None or one.language in codes)
        and (not translators or one.language == ENGLISH or one.labels() & set(translators))
        and (not profiles or one.profile in profiles)
    ]


def translated(
    store: Store,
    *,
    choice: Choice | None = None,
    wanted: Sequence[Language] | None = None,
    translators: Sequence[str] = (),
    profiles: Sequence[str] = (),
) -> list[StoredSet]:
    """The sets that were chosen but for English, which has nothing to judge; those that were held back too.

    Args:
        store: Where they lie.
        choice: The sets that were named; None for all that are stored.
        wanted: The languages; None for all.
        translators: Names or labels of translators; empty for all.
        profiles: Labels of profiles; empty for all.

    Returns:
        The sets; none only where nothing but English was asked for or is stored.

    Raises:
        UnknownNameError: No stored set has one of the translators.
        StoreError: There is nothing of one of the languages, or nothing at all.
    """
    found = chosen(
        store, choice=choice, wanted=wanted, translators=translators, profiles=profiles, held_back=True
    )
    foreign = [one for one in found if one.language != ENGLISH]
    for language in wanted or ():
        codes = languages.equivalents(language.code)
        if ENGLISH not in codes and not any(one.language in codes for one in foreign):
            raise nothing_chosen(store, [language])
    if not found and wanted is None:
        raise nothing_chosen(store, wanted)
    return foreign


def named(store: Store, name: str) -> StoredSet:
    """One stored set.

    Raises:
        UnknownNameError: No such set is stored.
        StoreError: It is damaged.
    """
    return _of(store.get(name))


def nothing_chosen(store: Store, wanted: Sequence[Language] | None = None) -> StoreError:
    """The error for a choice that no stored set answers to.

    Args:
        store: Where sets lie.
        wanted: The languages that were asked for.
    """
    others = [language for language in wanted or () if language.code != ENGLISH]
    where = f" in {', '.join(language.name for language in others)}" if others else ""
    flags = "".join(f" --lang {language.code}" for language in others) or " --lang tr"
    return StoreError(
        f"{store.folder} holds none of the chosen sets{where}",
        hint=f"build them first: mmteb-synth build{flags}, with the same --task, --suite and --profile",
    )


def _find(store: Store, name: str) -> StoredSet:
    try:
        return _of(store.get(name))
    except StoreError as error:
        parts = _NAME.fullmatch(name)
        language = parts["language"] if parts else ""
        return StoredSet(name=name, source_task=_source(name, language), language=language, problem=error)


def _of(dataset: TranslatedDataset) -> StoredSet:
    name, language = dataset.manifest.name, dataset.manifest.language
    return StoredSet(name=name, source_task=_source(name, language), language=language, dataset=dataset)


def _source(name: str, language: str) -> str:
    return name.split(f".{language}.", maxsplit=1)[0]


def _check_translators(names: Sequence[str], found: Sequence[StoredSet]) -> None:
    known = {label for one in found if one.language != ENGLISH for label in one.labels()}
    for name in names:
        if name not in known:
            raise UnknownNameError(
                "translator of built sets",
                name,
                known,
                hint=f"built sets have {', '.join(sorted(known)) or 'none'}",
            )

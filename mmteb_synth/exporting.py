"""Verb: stored sets -> a folder that may be handed on: whole sets, under the terms of their sources.

The folder is a store of its own: who receives it uploads it as it is, or scores models on it with `--data-dir`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth import licences
from mmteb_synth.data import card
from mmteb_synth.data import ledger as ledgers
from mmteb_synth.data.manifest import Manifest, with_terms_of_today
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError, SynthError, UsageError
from mmteb_synth.licences import Terms
from mmteb_synth.stored import ENGLISH, StoredSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSet:
    """What became of one set.

    Attributes:
        name: The set.
        terms: What may be done with it; None where it is damaged.
        folder: Where it lies now; None where it was not exported.
        error: Why it was not.
    """

    name: str
    terms: Terms | None
    folder: Path | None = None
    error: SynthError | None = None


def export(
    store: Store,
    chosen: Sequence[StoredSet],
    to: Path,
    *,
    accepted: Collection[str] = (),
    scores: Mapping[str, Mapping[str, float]] | None = None,
) -> list[ExportedSet]:
    """Copy whole sets into a folder, each with its card, record and ledger; one at a time, whole or not at all.

    Args:
        store: Where the sets lie.
        chosen: The sets.
        to: The folder. What it holds of the same names is replaced.
        accepted: The names of licences that the user accepts.
        scores: By set the main scores times 100 that its card names, by the model's name.

    Returns:
        One for each set: what is a trial, has blanks, is damaged or may not be handed on stays here, with the reason.

    Raises:
        LicenceError: What could be handed on has licences that are not accepted; nothing is written.
        UsageError: The folder is the store itself, or no licence bears an accepted name.
    """
    if to.resolve() == store.folder.resolve():
        raise UsageError(f"{to} is where the sets lie already", hint="name another folder with --to")
    found = [_looked_at(one) for one in chosen]
    fit = [one.terms for one in found if one.error is None and one.terms is not None]
    licences.check_handing_on(fit, accepted)
    target = Store(to)
    return [
        _exported(one.dataset, looked, target, accepted, (scores or {}).get(one.name, {}))
        if one.dataset and not looked.error
        else looked
        for one, looked in zip(chosen, found, strict=True)
    ]


def _looked_at(one: StoredSet) -> ExportedSet:
    if one.dataset is None:
        return ExportedSet(name=one.name, terms=None, error=one.problem)
    manifest = with_terms_of_today(one.dataset.manifest)
    terms = licences.terms(manifest.source_task, manifest.licence)
    return ExportedSet(name=one.name, terms=terms, error=licences.refusal(terms) or _not_whole(one, manifest))


def _not_whole(one: StoredSet, manifest: Manifest) -> StoreError | None:
    """Why a set is not fit for others: it is a trial, or holds blanks where MTEB shows a model nothing."""
    by = "" if one.language == ENGLISH else f" --translator {manifest.translator}"
    build = f"mmteb-synth build --lang {one.language} --task {one.source_task}{by} --all-rows"
    if manifest.limit is not None:
        return StoreError(
            f"{one.name} is a trial of {manifest.limit} rows", hint=f"build the whole set: {build}"
        )
    blank = 0 if manifest.bitext_of or manifest.all_rows else manifest.counts.get("unencoded", 0)
    if blank:
        return StoreError(
            f"{one.name} has {blank} empty texts, those that MTEB shows no model",
            hint=f"translate them too: {build}",
        )
    return None


def _exported(
    dataset: TranslatedDataset,
    one: ExportedSet,
    target: Store,
    accepted: Collection[str],
    scores: Mapping[str, float],
) -> ExportedSet:
    assert one.terms is not None  # it was read
    try:
        tables = dataset.tables()
        ledger = dataset.ledger() if (dataset.folder / ledgers.FILE).exists() else None
        manifest = with_terms_of_today(dataset.manifest)
        terms = manifest.terms | {"accepted": [name for name in one.terms.to_accept if name in accepted]}
        made = target.save(
            dataclasses.replace(manifest, terms=terms), tables, ledger, sample=dataset.sample()
        )
        card.write(made, scores=scores)
    except SynthError as error:
        return dataclasses.replace(one, error=error)
    return dataclasses.replace(one, folder=made.folder)

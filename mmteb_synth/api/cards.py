"""Telling the cards of sets what was found out about them since they were built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mmteb_synth import paths
from mmteb_synth.api import arguments
from mmteb_synth.errors import SynthError

if TYPE_CHECKING:
    from mmteb_synth.validating import Certificate


def tell_of_reviews(names: Sequence[str], folders: paths.Folders) -> None:
    """Put what people said of sets, as they are now, into their manifests and cards."""
    from mmteb_synth import reviewing
    from mmteb_synth.data import card, reviews

    store = arguments.store(folders.data_dir)
    reviewed = [name for name in names if reviews.read(store, name).num_rows]
    scores = known_scores(folders, lambda _: None) if reviewed else {}
    for name in reviewed:
        reviewing.refresh(store, name)
        card.write(store.get(name), scores=scores.get(name, {}))


def tell_of_licences(names: Sequence[str], folders: paths.Folders) -> None:
    """Put what is known now of the licences of sets into the manifests and cards that say otherwise."""
    from mmteb_synth.data import card, manifest

    found = list(map(arguments.store(folders.data_dir).get, names))
    today = [manifest.with_terms_of_today(dataset.manifest) for dataset in found]
    outdated = [
        dataclasses.replace(dataset, manifest=record)
        for dataset, record in zip(found, today, strict=True)
        if record != dataset.manifest
    ]
    scores = known_scores(folders, lambda _: None) if outdated else {}
    for dataset in outdated:
        card.write(dataset, scores=scores.get(dataset.manifest.name, {}))
        manifest.write(dataset.folder, dataset.manifest)  # last: whoever is stopped before does it again


def tell_of_validity(made: Certificate, folders: paths.Folders, warn: Callable[[str], None]) -> None:
    """Put what a certificate says into the manifests and cards of the sets that it is about."""
    from mmteb_synth import validating
    from mmteb_synth.data import card

    store = arguments.store(folders.data_dir)
    told = validating.tell(made, store, f"{made.name}.md")
    scores = known_scores(folders, warn) if told else {}
    for name in told:
        card.write(store.get(name), scores=scores.get(name, {}))


def known_scores(folders: paths.Folders, warn: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """The scores that data cards name; damaged results keep nobody from checking."""
    from mmteb_synth.ranking import results

    try:
        found = results.read_results(folders.results_dir, folders.data_dir, lambda _: None)
    except SynthError as error:
        warn(f"the data cards name no scores: {error.message}")
        return {}
    return results.by_set(found.scores)

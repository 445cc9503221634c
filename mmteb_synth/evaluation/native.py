"""MTEB tasks that already hold a language: scored as they are, from the Hub or from a local mirror of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mteb

from mmteb_synth import facts, languages
from mmteb_synth.data import mirror
from mmteb_synth.errors import SourceError, first_line


def task(
    name: str,
    language: str,
    splits: Sequence[str] = (),
    *,
    source_dir: Path | None = None,
    scratch: Path | None = None,
) -> Any:
    """An MTEB task, narrowed to the subsets that hold one language by itself.

    Args:
        name: Its name.
        language: The language, under any of MTEB's codes for it.
        splits: The splits to score; empty for all.
        source_dir: A local mirror of the Hub.
        scratch: Where links to the mirror are kept.

    Raises:
        SourceError: The mirror lacks the data set.
    """
    made = mteb.get_task(name)
    if source_dir is not None and scratch is not None:
        made = _mirrored(type(made), source_dir, scratch)()
    codes = languages.equivalents(language)
    subsets = [
        subset for subset, held in made.metadata.hf_subsets_to_langscripts.items() if codes.issuperset(held)
    ]
    if splits:
        made.filter_eval_splits(list(splits))
    return made.filter_languages(None, hf_subsets=subsets)


def _mirrored(cls: type[Any], source_dir: Path, scratch: Path) -> type[Any]:
    """The class of a task that reads a mirror; MTEB's own class stays as it is."""
    folder = mirror.folder(source_dir, cls.metadata.dataset["path"])
    place = mirror.link(folder, mirror.digest(folder), scratch)
    dataset = {**cls.metadata.dataset, "path": str(place)}
    metadata = cls.metadata.model_copy(update={"dataset": dataset})
    return type(cls.__name__, (cls,), {"metadata": metadata, "__module__": __name__})


def load(task: Any) -> None:
    """Load a task's data, so that data that can't be had are told apart from a model that fails.

    Raises:
        SourceError: The data can't be had.
    """
    try:
        task.load_data()
    except (OSError, ValueError, RuntimeError) as error:
        # `datasets` raises ConnectionError and hub errors (OSError), ValueError for a configuration or split that
        # isn't there, and RuntimeError for data sets that are scripts
        known = facts.tasks()[task.metadata.name]
        raise SourceError(
            f"could not load {known.name}: the data set {known.dataset} could not be read ({first_line(error)})",
            hint=mirror.how_to_get(str(known.dataset), known.revision),
        ) from error

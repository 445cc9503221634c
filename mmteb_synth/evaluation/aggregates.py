"""An aggregate of stored sets as an MTEB task: a subclass of MTEB's own aggregate, over our parts."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import mteb
from mteb.abstasks.aggregate_task_metadata import AggregateTaskMetadata

from mmteb_synth import aggregates
from mmteb_synth.data.manifest import Manifest, sample_creation
from mmteb_synth.errors import StoreError
from mmteb_synth.stored import ENGLISH

_ALIKE = (
    "language",
    "translator",
    "prompt_version",
    "decoding",
    "checks_version",
    "profile",
    "limit",
    "eval_splits",
)
"""What the sets of all parts must have in common, or their mean would be a score of nothing."""


class SynthAggregateMetadata(AggregateTaskMetadata):
    """MTEB's metadata of an aggregate that this package made."""


def manifest(name: str, parts: Sequence[Manifest]) -> Manifest:
    """The record of an aggregate: what its parts have in common, and the sums of what they count.

    Args:
        name: The aggregate's set, as `CQADupstackRetrieval.tur-Latn.gpt-4.1-mini`.
        parts: The records of all its parts' sets.

    Returns:
        A record that is stored nowhere. Its revision is the digest of the parts' revisions.

    Raises:
        StoreError: The parts were made in different ways.
    """
    first = parts[0]
    source_task = name.split(f".{first.language}.", maxsplit=1)[0]
    for field in _ALIKE:
        values = list(dict.fromkeys(str(getattr(part, field)) for part in parts))
        if len(values) > 1:
            raise StoreError(
                f"the parts of {name} were made in different ways: {field} is {' and '.join(values)}",
                hint=f"build them again: mmteb-synth build --task {source_task} --lang {first.language}; "
                "translations come from the cache",
            )
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    covered = math.fsum(part.coverage * part.counts.get("segments", 1) for part in parts)
    is_alike_reviewed = len({sample_creation(part) for part in parts}) == 1
    sources = {part.source_task: part.source.get("mirror") or part.source["revision"] for part in parts}
    return dataclasses.replace(
        first,
        name=name,
        source_task=source_task,
        source={"revision": aggregates.revision(sources), "mirror": None},
        counts=dict(counts),
        coverage=covered / math.fsum(part.counts.get("segments", 1) for part in parts),
        failures=[failure for part in parts for failure in part.failures],
        notes=list(dict.fromkeys(note for part in parts for note in part.notes)),
        review=first.review if is_alike_reviewed else {},  # verified is only what is so in all its parts
        revision=aggregates.revision({part.source_task: part.revision for part in parts}),
    )


def task_class(record: Manifest, parts: Sequence[Any]) -> type[Any]:
    """The class of an aggregate's task.

    Args:
        record: From `manifest`.
        parts: The tasks of all its parts, from `tasks.task`.
    """
    base = type(mteb.get_task(record.source_task))
    is_english = record.language == ENGLISH
    values = base.metadata.model_dump(exclude={"tasks"})
    values.update(
        name=record.name,
        description=f"{record.source_task}, the mean of its {len(parts)} parts. {base.metadata.description}",
        dataset={**base.metadata.dataset, "revision": record.revision},
        tasks=list(parts),
        eval_langs=[record.language],
        eval_splits=list(record.eval_splits),
        adapted_from=[record.source_task],
        superseded_by=None,
    )
    if not is_english:
        values.update(sample_creation=sample_creation(record), annotations_creators="derived")
    attributes = {
        "metadata": SynthAggregateMetadata(**values),
        "__module__": __name__,
        "__doc__": f"{record.name}, made of stored data sets.",
    }
    return type("".join(c if c.isalnum() else "_" for c in record.name), (base,), attributes)

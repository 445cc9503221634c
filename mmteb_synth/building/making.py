"""What is stored of a set: its tables with their translations, and the record of how they came about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc

from mmteb_synth import checks, licences
from mmteb_synth.building.jobs import Job
from mmteb_synth.building.translating import Translated
from mmteb_synth.data import bitext, failures, ledger
from mmteb_synth.data import source as sources
from mmteb_synth.data.layout import collapse
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.sampling import draws
from mmteb_synth.data.segments import Segments
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import Tables


def made(
    job: Job,
    source: sources.SourceSet,
    found: Segments,
    done: Translated,
    spool: Spool,
    *,
    fingerprint: str,
    changes: list[int],
) -> tuple[Manifest, Tables]:
    """The record and the tables of a set.

    Args:
        job: The job.
        source: Its English set.
        found: Its segments.
        done: What became of them.
        spool: Where the tables are kept until they are stored.
        fingerprint: The digest of all that decides the content.
        changes: The cache's counters.
    """
    tables, extra = (
        _bitext_tables(job, found, done) if job.bitext else _tables(job, source, found, done, spool)
    )
    extra["notes"] = [*([job.warning] if job.warning else []), *extra["notes"], *_notes(done)]
    record: dict[str, Any] = {
        "counts": dataclasses.asdict(found.counts),
        "coverage": 1.0 - len(done.failed) / max(len(found), 1),
        "failures": [
            {"source": segment.text, "kind": segment.kind, "reason": reason}
            for segment, reason in done.failed.items()
        ],
        "usage": dataclasses.asdict(done.usage),
        "fingerprint": fingerprint,
        "changes": changes,
        **(ledger.summary(done.ledger) if done.ledger is not None else {}),
        **extra,
    }
    if source.sample is not None:
        record["sample"] = source.sample.record
    return _manifest(job, source, record), tables


def _notes(done: Translated) -> list[str]:
    """What a reader of a score must know of faults that stayed, and of who else translated."""
    if done.ledger is None:
        return []
    notes = []
    flagged = ledger.count_outcomes(done.ledger)["flagged"]
    if flagged:
        total = len(done.ledger) - len(done.failed)
        notes.append(
            f"{flagged} of {total} translations have faults that nothing mended, and are kept and marked"
        )
    elsewhere = (pc.field("step") == "fallback") & pc.field("hypothesis").is_valid()
    others = done.ledger.select(["step", "hypothesis", "translator"]).filter(elsewhere).column("translator")
    counted = others.value_counts().to_pylist()
    return [*notes, *(f"{one['counts']} segments were translated by {one['values']}" for one in counted)]


def _tables(
    job: Job, source: sources.SourceSet, found: Segments, done: Translated, spool: Spool
) -> tuple[Tables, dict[str, Any]]:
    """The tables to store, and what the manifest must say of how they were made."""
    tables = found.reassemble(done.translations, spool)
    extra: dict[str, Any] = {
        "notes": [],
        "task_type": source.task_type,
        "eval_splits": list(source.eval_splits),
        "instance_attributes": source.instance_attributes,
    }
    if any(marks is not None for marks in source.needed.values()):
        extra["protocol"] = {**draws(source.task), "mteb_version": source.identity.mteb_version}
    if done.failed:
        policy = failures.DROP if job.options.on_failure == "drop" else failures.KEEP
        settled = failures.settle(source, tables, set(done.failed), policy)
        extra |= {
            "kept": settled.kept,
            "dropped": settled.dropped,
            "notes": failures.notes(len(done.failed), len(found), settled),
        }
        tables = settled.tables
    return collapse(source.layout, tables), extra


def _bitext_tables(job: Job, found: Segments, done: Translated) -> tuple[Tables, dict[str, Any]]:
    """The pairs to store, and what the manifest must say of how they were made."""
    assert job.bitext is not None
    assert done.translations is not None
    pairs = bitext.pairs(
        job.spec.name,
        zip(found, done.translations.to_pylist(), strict=True),
        job.language.code,
        job.bitext.max_pairs,
        unencoded=found.counts.unencoded,
    )
    return pairs.tables, {
        "notes": pairs.notes,
        "task_type": "BitextMining",
        "eval_splits": [bitext.SPLIT],
        "subset": pairs.subset,
        "bitext_of": job.spec.name,
        "counts": pairs.counts,
    }


def _manifest(job: Job, source: sources.SourceSet, record: Mapping[str, Any]) -> Manifest:
    translator = job.translator
    return Manifest(
        name=job.name,
        source_task=job.spec.name,
        language=job.language.code,
        translator=job.translator_name,
        translator_identity=translator.identity() if translator else {},
        grade=translator.grade if translator else None,
        prompt_version=translator.prompt_version if translator else None,
        decoding=translator.decoding if translator else "-",
        checks_version=checks.CHECKS_VERSION,
        profile=job.options.profile.label,
        limit=job.options.limit,
        all_rows=job.options.all_rows,
        source={**dataclasses.asdict(source.identity), "differences": list(source.differences)},
        on_failure=job.options.on_failure,
        licence=source.license,
        terms=licences.terms(job.spec.name, source.license).record(),
        citation=source.task.metadata.bibtex_citation or None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=job.spec.model_dump(mode="json", exclude={"path"}, by_alias=True) if job.spec.is_own else None,
        **record,
    )

"""What is stored of a set: its tables with their translations, and the record of how they came about."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mmteb_synth import checks
from mmteb_synth.building.jobs import Job
from mmteb_synth.building.translating import Translated, faulty
from mmteb_synth.data import bitext, failures, ledger, segments
from mmteb_synth.data import source as sources
from mmteb_synth.data.layout import collapse
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.sampling import draws
from mmteb_synth.data.segments import Counts
from mmteb_synth.data.tables import Tables
from mmteb_synth.types import Segment


def made(
    job: Job,
    source: sources.SourceSet,
    wanted: Mapping[Segment, None],
    counts: Counts,
    done: Translated,
    evidence: pa.Table | None,
    *,
    fingerprint: str,
    changes: list[int],
) -> tuple[Manifest, Tables]:
    """The record and the tables of a set.

    Args:
        job: The job.
        source: Its English set.
        wanted: Its segments.
        counts: What it holds.
        done: What became of its segments.
        evidence: Its ledger; None for English.
        fingerprint: The digest of all that decides the content.
        changes: The cache's counters.
    """
    tables, extra = _bitext_tables(job, wanted, counts, done) if job.bitext else _tables(job, source, done)
    extra["notes"] = [*([job.warning] if job.warning else []), *extra["notes"], *_notes(done)]
    record: dict[str, Any] = {
        "counts": dataclasses.asdict(counts),
        "coverage": 1.0 - len(done.failed) / max(len(wanted), 1),
        "failures": [
            {"source": segment.text, "kind": segment.kind, "reason": reason}
            for segment, reason in done.failed.items()
        ],
        "usage": dataclasses.asdict(done.run.usage),
        "fingerprint": fingerprint,
        "changes": changes,
        **(ledger.summary(evidence) if evidence is not None else {}),
        **extra,
    }
    if source.sample is not None:
        record["sample"] = source.sample.record
    return _manifest(job, source, record), tables


def _notes(done: Translated) -> list[str]:
    """What a reader of a score must know of faults that stayed, and of who else translated."""
    notes = []
    flagged = sum(segment not in done.failed for segment in faulty(done.run))
    if flagged:
        total = len(done.run.translations)
        notes.append(
            f"{flagged} of {total} translations have faults that nothing mended, and are kept and marked"
        )
    others = Counter(
        past.served.translator
        for segment, past in done.run.histories.items()
        if past.served and past.served.step == "fallback" and segment not in done.failed
    )
    return [*notes, *(f"{count} segments were translated by {name}" for name, count in others.items())]


def _tables(job: Job, source: sources.SourceSet, done: Translated) -> tuple[Tables, dict[str, Any]]:
    """The tables to store, and what the manifest must say of how they were made."""
    translations = done.translations
    tables = segments.reassemble(source.layout, source.tables, source.needed, job.spec.register, translations)
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
        total = len(done.failed) + len(translations)
        extra |= {
            "kept": settled.kept,
            "dropped": settled.dropped,
            "notes": failures.notes(len(done.failed), total, settled),
        }
        tables = settled.tables
    return collapse(source.layout, tables), extra


def _bitext_tables(
    job: Job, wanted: Mapping[Segment, None], counts: Counts, done: Translated
) -> tuple[Tables, dict[str, Any]]:
    """The pairs to store, and what the manifest must say of how they were made."""
    assert job.bitext is not None
    pairs = bitext.pairs(
        job.spec.name,
        wanted,
        done.translations,
        job.language.code,
        job.bitext.max_pairs,
        unencoded=counts.unencoded,
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
        citation=source.task.metadata.bibtex_citation or None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=job.spec.model_dump(mode="json", exclude={"path"}, by_alias=True) if job.spec.is_own else None,
        **record,
    )

"""Sets are built one after another: identified, skipped where nothing changed, translated, and stored whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from mmteb_synth import checks, paths
from mmteb_synth.building.affording import shortfall
from mmteb_synth.building.batching import Batched, answered
from mmteb_synth.building.inputs import Loader, collect, opened
from mmteb_synth.building.jobs import BuildOptions, Job, jobs_of
from mmteb_synth.data import bitext, failures, segments
from mmteb_synth.data import source as sources
from mmteb_synth.data.layout import collapse
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.sampling import draws
from mmteb_synth.data.segments import Counts
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import Tables
from mmteb_synth.errors import CacheError, Stopped, SynthError, TranslatorError
from mmteb_synth.selection import Member
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import costs, engine, vllm_process
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Meter, Spending
from mmteb_synth.types import Language, ProgressHook, Segment, Usage

ProgressFactory = Callable[[str], ProgressHook]
"""Called with a set's name before it is translated; its result is called as the work proceeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """What became of one set.

    Attributes:
        name: The set's name.
        status: `built`, `translated` (a shard's texts, no set is stored), `unchanged`, `held back` (it has failures), `failed` (it could not be made at all) or
            `over budget` (what is left of `max_cost` does not pay for it).
        counts: What it holds; None where it was not loaded.
        hits: Segments that the cache answered.
        requests: Requests that were made.
        usage: Tokens that they used.
        spending: These beside what was planned; None where the translator has no tokens.
        failures: Segments without a translation and the reason.
        error: Why it failed.
        warnings: What the user should know.
    """

    name: str
    status: Literal["built", "translated", "unchanged", "held back", "failed", "over budget"]
    counts: Counts | None = None
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    spending: Spending | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    error: SynthError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What became of all sets of a run."""

    sets: tuple[SetReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every set is stored, or a shard's share of it translated."""
        return all(report.status in ("built", "translated", "unchanged") for report in self.sets)

    @property
    def spending(self) -> Spending:
        """What was planned for all requests of the run, and what they used."""
        return sum((report.spending for report in self.sets if report.spending), Spending())


@vllm_process.keeping()
def build(
    wanted: Sequence[Language],
    members: Sequence[Member],
    *,
    options: BuildOptions,
    folders: paths.Folders,
    progress: ProgressFactory | None = None,
    report: Callable[[SetReport], None] | None = None,
    stop: Stop | None = None,
) -> BuildReport:
    """Translate sets into languages and store them, one whole set after another.

    Where they may cost only so much, sets that are too dear for what is left are put off, and the others go first.

    Args:
        wanted: The languages; English builds the untranslated sets.
        members: The sets.
        options: How they are built.
        folders: Where cache and data sets lie.
        progress: Makes a progress hook for a set.
        report: Called with each set's report as soon as it is done.
        stop: Says when the run should end.

    Returns:
        What became of each set. A set that fails doesn't stop the others.

    Raises:
        UsageError: A set has no bundled translations and no translator was named, or `max_cost` is set and nobody
            knows the translator's prices.
        TranslatorError: The translator can't be used, or not for a language; what was translated so far is kept.
        CacheError: The cache can't be used.
        Stopped: `stop` asked for it; what was answered, and every set that was finished, is kept.
    """
    stop = stop or Stop()
    jobs = list(jobs_of(members, wanted, options))
    ledger = costs.Ledger(limit=options.max_cost)
    meters = {
        job.name: costs.meter(job.translator, job.language, ledger, batch=options.batch)
        for job in jobs
        if job.translator
    }
    loader = Loader(options, folders)
    store = Store(folders.data_dir)

    def attempt(job: Job) -> SetReport:
        stop.check()
        with opened(job, folders) as (cache, bundle):
            return _build_one(
                job, loader, store, cache, bundle, meters.get(job.name), progress, stop, batches
            )

    reports = []
    in_batches = [job for job in jobs if options.batch and not _is_done(job, loader, store, folders)]
    with answered(
        in_batches, loader, folders, options, meters=meters, progress=progress, stop=stop
    ) as batches:
        for done in _in_turn(jobs, attempt):
            reports.append(done)
            if report:
                report(done)
    return BuildReport(sets=tuple(reports))


def _is_done(job: Job, loader: Loader, store: Store, folders: paths.Folders) -> bool:
    """Whether a set is there already; of one that can't be read, its own build says so."""
    try:
        with opened(job, folders) as (cache, bundle):
            fingerprint = job.fingerprint(loader.identify(job), bundle)
            stored = store.find_or_none(job.name)
            return stored is not None and is_unchanged(stored.manifest, fingerprint, job, cache)
    except CacheError:
        raise
    except SynthError:
        return False


def _in_turn(jobs: Sequence[Job], attempt: Callable[[Job], SetReport]) -> Iterator[SetReport]:
    """Job after job; those that are too dear are put off, as what is built meanwhile may hold some of their texts."""
    while jobs:
        put_off = []
        for job in jobs:
            done = attempt(job)
            if done.status == "over budget":
                put_off.append((job, done))
            else:
                yield done
        if len(put_off) == len(jobs):
            yield from (done for _, done in put_off)
            return
        jobs = [job for job, _ in put_off]


def _build_one(
    job: Job,
    loader: Loader,
    store: Store,
    cache: Cache,
    bundle: str,
    meter: Meter | None,
    progress: ProgressFactory | None,
    stop: Stop,
    batches: Batched | None,
) -> SetReport:
    try:
        fingerprint = job.fingerprint(loader.identify(job), bundle)
        stored = store.find_or_none(job.name)
        if stored and is_unchanged(stored.manifest, fingerprint, job, cache):
            return SetReport(name=job.name, status="unchanged", warnings=tuple(stored.manifest.notes))
        return _translate_and_store(
            job, loader.load(job), store, cache, fingerprint, meter, progress, stop, batches
        )
    except (TranslatorError, CacheError, Stopped):
        raise
    except SynthError as error:
        return SetReport(name=job.name, status="failed", error=error)


def is_unchanged(manifest: Manifest, fingerprint: str, job: Job, cache: Cache) -> bool:
    """Whether building again would give the same.

    A complete set depends on none but replaced translations. One with failures also depends on added ones and on
    what is to be done about failures; and where somebody can be asked, it is tried again.
    """
    if manifest.fingerprint != fingerprint:
        return False
    changes = job.changes(cache)
    if not manifest.failures:
        return manifest.changes[-1:] == changes[-1:]
    can_be_asked = job.translator is not None and job.translator.gap is None and not job.options.offline
    return (
        manifest.changes == changes
        and manifest.on_failure == job.options.on_failure
        and not can_be_asked
        and not _is_held_back(job, 1 - manifest.coverage)
    )


def _is_held_back(job: Job, share: float) -> bool:
    return job.options.on_failure == "stop" and round(share, 12) > job.options.tolerate


def _translate_and_store(
    job: Job,
    source: sources.SourceSet,
    store: Store,
    cache: Cache,
    fingerprint: str,
    meter: Meter | None,
    progress: ProgressFactory | None,
    stop: Stop,
    batches: Batched | None,
) -> SetReport:
    wanted, counts = collect(job, source)
    warnings = [f"{job.spec.name}: {difference}" for difference in source.differences]
    too_dear = batches.too_dear.get(job.name) if batches else shortfall(job, wanted, cache, meter)
    if too_dear:
        return _over_budget(job, counts, (*warnings, too_dear), meter)
    stop.check()
    run = _translate(job, wanted, cache, meter, progress, stop, batches)
    share = len(run.failures) / max(len(wanted), 1)
    report = SetReport(
        name=job.name,
        status="held back",
        counts=counts,
        hits=run.hits,
        requests=run.requests,
        usage=run.usage,
        spending=meter.spending() if meter else None,
        failures={segment.text: reason for segment, reason in run.failures.items()},
        warnings=tuple(warnings),
    )
    if run.stopped == "budget" and run.failures:
        note = "it cost more than was expected, and was stopped: what was answered is kept"
        return dataclasses.replace(report, status="over budget", failures={}, warnings=(*warnings, note))
    if _is_held_back(job, share):
        return report
    if job.options.shard is not None:
        return dataclasses.replace(report, status="translated")
    tables, extra = _bitext_tables(job, wanted, counts, run) if job.bitext else _tables(job, source, run)
    if job.warning:
        extra["notes"] = [job.warning, *extra["notes"]]
    record: dict[str, Any] = {
        "counts": dataclasses.asdict(counts),
        "coverage": 1.0 - share,
        "failures": [
            {"source": segment.text, "kind": segment.kind, "reason": reason}
            for segment, reason in run.failures.items()
        ],
        "usage": dataclasses.asdict(run.usage),
        "fingerprint": fingerprint,
        "changes": job.changes(cache),
        **extra,
    }
    store.save(_manifest(job, source, record), tables)
    return dataclasses.replace(report, status="built", warnings=(*warnings, *extra["notes"]))


def _over_budget(job: Job, counts: Counts, warnings: tuple[str, ...], meter: Meter | None) -> SetReport:
    return SetReport(
        name=job.name,
        status="over budget",
        counts=counts,
        spending=meter.spending() if meter else None,
        warnings=warnings,
    )


def _translate(
    job: Job,
    wanted: Mapping[Segment, None],
    cache: Cache,
    meter: Meter | None,
    progress: ProgressFactory | None,
    stop: Stop,
    batches: Batched | None,
) -> engine.TranslationRun:
    if job.translator is None:
        return engine.TranslationRun(translations={segment: segment.text for segment in wanted})
    if batches is not None:
        return batches.run.collect(wanted, job.language)
    return engine.translate(
        wanted,
        job.language,
        job.translator,
        cache,
        concurrency=job.options.concurrency,
        offline=job.options.offline,
        retry_failed=job.options.retry_failed,
        progress=progress(job.name) if progress else None,
        meter=meter,
        limits=job.limits,
        stop=stop,
    )


def _tables(job: Job, source: sources.SourceSet, run: engine.TranslationRun) -> tuple[Tables, dict[str, Any]]:
    """The tables to store, and what the manifest must say of how they were made."""
    tables = segments.reassemble(
        source.layout, source.tables, source.needed, job.spec.register, run.translations
    )
    extra: dict[str, Any] = {
        "notes": [],
        "task_type": source.task_type,
        "eval_splits": list(source.eval_splits),
        "instance_attributes": source.instance_attributes,
    }
    if any(marks is not None for marks in source.needed.values()):
        extra["protocol"] = {**draws(source.task), "mteb_version": source.identity.mteb_version}
    if run.failures:
        policy = failures.DROP if job.options.on_failure == "drop" else failures.KEEP
        settled = failures.settle(source, tables, set(run.failures), policy)
        total = len(run.failures) + len(run.translations)
        extra |= {
            "kept": settled.kept,
            "dropped": settled.dropped,
            "notes": failures.notes(len(run.failures), total, settled),
        }
        tables = settled.tables
    return collapse(source.layout, tables), extra


def _bitext_tables(
    job: Job, wanted: Mapping[Segment, None], counts: Counts, run: engine.TranslationRun
) -> tuple[Tables, dict[str, Any]]:
    """The pairs to store, and what the manifest must say of how they were made."""
    assert job.bitext is not None
    pairs = bitext.pairs(
        job.spec.name,
        wanted,
        run.translations,
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
        limit=job.options.limit,
        all_rows=job.options.all_rows,
        source={**dataclasses.asdict(source.identity), "differences": list(source.differences)},
        on_failure=job.options.on_failure,
        licence=source.license,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=job.spec.model_dump(mode="json", exclude={"path"}, by_alias=True) if job.spec.is_own else None,
        **record,
    )

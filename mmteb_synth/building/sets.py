"""Sets are built one after another: identified, skipped where nothing changed, translated, and stored whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from mmteb_synth import paths
from mmteb_synth.building.affording import shortfall
from mmteb_synth.building.batching import Batched, answered
from mmteb_synth.building.inputs import Loader, opened, share
from mmteb_synth.building.jobs import BuildOptions, Job, jobs_of
from mmteb_synth.building.making import made
from mmteb_synth.building.reports import BuildReport, SetReport
from mmteb_synth.building.translating import Meters, ProgressFactory, meters_of, translate
from mmteb_synth.data import ledger
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.segments import Counts
from mmteb_synth.data.store import Store
from mmteb_synth.errors import CacheError, Stopped, SynthError, TranslatorError
from mmteb_synth.selection import Member
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import costs
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.vllm import process
from mmteb_synth.types import Language


@process.keeping()
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
    meters = {job.name: meters_of(job, ledger) for job in jobs}
    store = Store(folders.data_dir)

    reports = []

    with Loader(options, folders) as loader:

        def attempt(job: Job) -> SetReport:
            stop.check()
            with opened(job, folders) as (cache, bundle):
                return _build_one(
                    job, loader, store, cache, bundle, meters[job.name], progress, stop, batches
                )

        in_batches = [job for job in jobs if options.batch and not _is_done(job, loader, store, folders)]
        with answered(
            in_batches,
            loader,
            folders,
            options,
            meters={name: of_set.first for name, of_set in meters.items()},
            progress=progress,
            stop=stop,
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
    meters: Meters,
    progress: ProgressFactory | None,
    stop: Stop,
    batches: Batched | None,
) -> SetReport:
    try:
        fingerprint = job.fingerprint(loader.identify(job), bundle)
        stored = store.find_or_none(job.name)
        if stored and is_unchanged(stored.manifest, fingerprint, job, cache):
            return SetReport(name=job.name, status="unchanged", warnings=tuple(stored.manifest.notes))
        return _translate_and_store(job, loader, store, cache, fingerprint, meters, progress, stop, batches)
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
    loader: Loader,
    store: Store,
    cache: Cache,
    fingerprint: str,
    meters: Meters,
    progress: ProgressFactory | None,
    stop: Stop,
    batches: Batched | None,
) -> SetReport:
    source, found = loader.load(job), loader.collect(job)
    wanted = share(job, found)
    warnings = [f"{job.spec.name}: {difference}" for difference in source.differences]
    with loader.new_spool() as spool:
        too_dear = batches.too_dear.get(job.name) if batches else shortfall(job, wanted, cache, meters.first)
        if too_dear:
            return _over_budget(job, found.counts, (*warnings, too_dear), meters)
        stop.check()
        done = translate(job, wanted, cache, meters, spool, progress=progress, stop=stop, batches=batches)
        share_failed = len(done.failed) / max(len(wanted), 1)
        report = SetReport(
            name=job.name,
            status="held back",
            counts=found.counts,
            hits=done.hits,
            requests=done.requests,
            usage=done.usage,
            spending=meters.spending(),
            failures={segment.text: reason for segment, reason in done.failed.items()},
            outcomes=ledger.count_outcomes(done.ledger) if done.ledger is not None else {},
            findings=ledger.count_findings(done.ledger) if done.ledger is not None else {},
            warnings=tuple(warnings),
        )
        if done.is_cut_short:
            note = "it cost more than was expected, and was stopped: what was answered is kept"
            return dataclasses.replace(report, status="over budget", failures={}, warnings=(*warnings, note))
        is_held_back = _is_held_back(job, share_failed)
        if job.options.shard is not None:
            return report if is_held_back else dataclasses.replace(report, status="translated")
        manifest, tables = made(
            job, source, found, done, spool, fingerprint=fingerprint, changes=job.changes(cache)
        )
        if is_held_back:
            assert done.ledger is not None
            store.hold_back(manifest, done.ledger)
            return report
        store.save(manifest, tables, done.ledger, sample=source.sample.listed if source.sample else None)
        return dataclasses.replace(report, status="built", warnings=(*warnings, *manifest.notes))


def _over_budget(job: Job, counts: Counts, warnings: tuple[str, ...], meters: Meters) -> SetReport:
    return SetReport(
        name=job.name,
        status="over budget",
        counts=counts,
        spending=meters.spending(),
        warnings=warnings,
    )

"""With `--batch`: what all sets lack is asked for at once, so that no set waits for another one's batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmteb_synth import paths
from mmteb_synth.building.affording import shortfall
from mmteb_synth.building.inputs import Loader
from mmteb_synth.building.jobs import BuildOptions, Job
from mmteb_synth.errors import CacheError, SynthError, TranslatorError, UsageError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Meter
from mmteb_synth.types import ProgressHook

if TYPE_CHECKING:
    from mmteb_synth.translate.batches.run import BatchRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Batched:
    """What was asked in batches.

    Attributes:
        run: Knows the answers.
        too_dear: Sets that were not asked for, by their names, and why.
    """

    run: BatchRun
    too_dear: Mapping[str, str]


@contextlib.contextmanager
def answered(
    jobs: Sequence[Job],
    loader: Loader,
    folders: paths.Folders,
    options: BuildOptions,
    *,
    meters: Mapping[str, Meter | None],
    progress: Callable[[str], ProgressHook] | None = None,
    stop: Stop | None = None,
) -> Iterator[Batched | None]:
    """Ask for the texts of all jobs in batches, and wait for the answers.

    Args:
        jobs: The jobs that are not known to be unchanged.
        loader: Loads their English sets.
        folders: Where the cache lies.
        options: How they are built.
        meters: By a job's name, what says when the budget is spent.
        progress: Makes a progress hook.
        stop: Ends the run when requested.

    Yields:
        What became of the texts; None where no batches are wanted.

    Raises:
        UsageError: The translator has no batches.
        TranslatorError: It can't be used; what was answered is kept, and the batches go on.
        CacheError: The cache can't be used.
        Stopped: A stop was requested; the batches go on.
    """
    if not options.batch or options.offline:
        yield None
        return
    translator = next((job.translator for job in jobs if job.translator), None)
    if options.translator is None:
        raise UsageError("--batch needs a --translator", hint="mmteb-synth translators")
    if options.shard is not None:
        raise UsageError("--batch and --shard exclude each other: one process waits for all batches")
    if translator is None:
        yield None
        return
    from mmteb_synth.translate.batches.run import BatchRun

    with (
        Cache(folders.cache_file) as cache,
        BatchRun(
            translator,
            cache,
            retry_failed=options.retry_failed,
            poll=options.poll,
            queue_tokens=options.queue_tokens,
            progress=progress("batches") if progress else None,
            stop=stop,
        ) as run,
    ):
        too_dear: dict[str, str] = {}
        for job in jobs:
            if job.translator is None:
                continue
            try:
                wanted = loader.collect(job)
            except (TranslatorError, CacheError):
                raise
            except SynthError:
                continue  # the build of this set says so
            meter = meters.get(job.name)
            short = shortfall(job, wanted, cache, meter)
            if short is None:
                run.add(wanted, job.language, meter=meter)
            else:
                too_dear[job.name] = short
        run.finish()
        cache.close()  # while sets are built, they open it
        yield Batched(run=run, too_dear=too_dear)

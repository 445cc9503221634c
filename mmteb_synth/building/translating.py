"""The texts of one set become translations: asked for live or in batches, judged, mended; and what has failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mmteb_synth import checks
from mmteb_synth.building import comparing, evidence
from mmteb_synth.building.batching import Batched
from mmteb_synth.building.inputs import Texts, blocks
from mmteb_synth.building.jobs import Job
from mmteb_synth.data import ledger
from mmteb_synth.data.spool import Spool
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import costs, engine
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Meter, Spending
from mmteb_synth.types import Progress, ProgressHook, Segment, Usage, Verdict

ProgressFactory = Callable[[str], ProgressHook]
"""Called with a set's name before it is translated; its result is called as the work proceeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meters:
    """What counts the requests for one set; each None where they have no tokens or cost nothing.

    Attributes:
        first: For what is asked at first.
        repairs: For what the same translator is asked again; live also where the first requests go in batches.
        fallbacks: For each fallback.
    """

    first: Meter | None = None
    repairs: Meter | None = None
    fallbacks: tuple[Meter | None, ...] = ()

    def spending(self) -> Spending | None:
        """What all of them counted; None where nothing has tokens."""
        every = {id(meter): meter for meter in (self.first, self.repairs, *self.fallbacks) if meter}
        return sum((meter.spending() for meter in every.values()), Spending()) if every else None


def meters_of(job: Job, ledger: costs.Ledger) -> Meters:
    """What counts the requests for a job's set.

    Args:
        job: The job.
        ledger: The account of the run.

    Raises:
        UsageError: The ledger has a limit, and nobody knows what a translator costs.
        MissingExtraError: It has one, and the package with a model's tokenizer is not installed.
    """
    if job.translator is None:
        return Meters()
    first = costs.meter(job.translator, job.language, ledger, batch=job.options.batch)
    live = costs.meter(job.translator, job.language, ledger) if job.options.batch else first
    fallbacks = tuple(costs.meter(fallback, job.language, ledger) for fallback in job.fallbacks)
    return Meters(first=first, repairs=live, fallbacks=fallbacks)


@dataclass(slots=True, kw_only=True)
class Translated:
    """What became of a set's segments.

    Attributes:
        ledger: What is known of each, in order; None for English, which nobody translates.
        failed: The segments that the set holds no translation of, and why.
        hits: Texts that the cache answered.
        requests: Calls of translators, repeated ones included.
        usage: Tokens used.
        is_cut_short: Whether the budget ended before everything was asked.
    """

    ledger: pa.Table | None = None
    failed: dict[Segment, str] = field(default_factory=dict)
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    is_cut_short: bool = False

    @property
    def translations(self) -> pa.ChunkedArray | None:
        """One for each segment, missing for those that failed; None for English."""
        return None if self.ledger is None else self.ledger.column("hypothesis")


def translate(
    job: Job,
    wanted: Texts,
    cache: Cache,
    meters: Meters,
    spool: Spool,
    *,
    progress: ProgressFactory | None = None,
    stop: Stop | None = None,
    batches: Batched | None = None,
) -> Translated:
    """Translate a set's segments, and mend what the checks find fault with.

    Args:
        job: The job.
        wanted: Its segments.
        cache: The translations.
        meters: What counts the requests.
        spool: Where the ledger is kept.
        progress: Makes a progress hook.
        stop: Says when the run should end.
        batches: What was asked in batches; only repairs are asked live then.
    """
    if job.translator is None:
        return Translated()
    hook = _Whole(len(wanted), progress(job.name)) if progress else None
    work = _Work(job, cache, meters, hook, stop, batches)
    table = spool.table(ledger.SCHEMA, map(work.rows, blocks(wanted)))
    found = comparing.compare(table, cache, job.language)
    doubtful = {row: said for row, said in found.items() if _faults(said)} if job.mends else {}
    if doubtful:
        table = evidence.amended(table, work.rows_again(evidence.cells(table, doubtful), doubtful), spool)
        found = comparing.compare(table, cache, job.language)
    told = {
        row: evidence.with_verdicts(cells, found[row], refuses=job.refuses)
        for row, cells in evidence.cells(table, found).items()
    }
    work.done.failed |= {
        evidence.segment_of(cells): cells["reason"] for cells in told.values() if cells["outcome"] == "failed"
    }
    work.done.ledger = ledger.stamped(
        evidence.amended(table, told, spool), checks_version=checks.CHECKS_VERSION
    )
    return work.done


@dataclass(frozen=True, slots=True)
class _Work:
    """Asks for segments, a block at a time, and adds up what came of them."""

    job: Job
    cache: Cache
    meters: Meters
    hook: _Whole | None
    stop: Stop | None
    batches: Batched | None
    done: Translated = field(default_factory=Translated)

    def rows(self, block: Sequence[Segment]) -> pa.Table:
        """The ledger's rows of some segments."""
        asked = self.batches.run.collect(block, self.job.language) if self.batches else None
        run = self._asked(block, given_up=asked.failures if asked else None)
        for counted in (asked, run) if asked else (run,):
            self._count(counted, bool(run.failures))
        self.done.hits += (asked or run).hits
        if self.hook:
            self.hook.next_block()
        return self._recorded(block, run)

    def rows_again(
        self, rows: Mapping[int, Mapping[str, Any]], beside: Mapping[int, tuple[Verdict, ...]]
    ) -> dict[int, dict[str, Any]]:
        """Rows for which other translations were sought, since those that they had are wrong beside others."""
        doubtful = {row: evidence.segment_of(cells) for row, cells in rows.items()}
        run = self._asked(doubtful.values(), beside={doubtful[row]: beside[row] for row in doubtful})
        self._count(run, bool(run.failures))
        made = self._recorded(list(doubtful.values()), run).to_pylist()
        return dict(zip(doubtful, made, strict=True))

    def _count(self, run: engine.TranslationRun, has_failures: bool) -> None:
        """Add what a run took."""
        self.done.requests += run.requests
        self.done.usage += run.usage
        self.done.is_cut_short |= run.stopped == "budget" and has_failures

    def _asked(
        self,
        segments: Iterable[Segment],
        *,
        given_up: Mapping[Segment, str] | None = None,
        beside: Mapping[Segment, tuple[Verdict, ...]] | None = None,
    ) -> engine.TranslationRun:
        job = self.job
        assert job.translator is not None
        return engine.translate(
            segments,
            job.language,
            job.translator,
            self.cache,
            concurrency=job.options.concurrency,
            offline=job.options.offline,
            retry_failed=job.options.retry_failed and self.batches is None and beside is None,
            given_up=given_up,
            judge=checks.judge,
            beside=beside,
            mends=job.mends,
            fallbacks=[
                engine.Fallback(translator=fallback, meter=meter)
                for fallback, meter in zip(job.fallbacks, self.meters.fallbacks, strict=True)
            ],
            progress=self.hook,
            meter=self.meters.repairs,
            limits=job.limits,
            stop=self.stop,
        )

    def _recorded(self, segments: Sequence[Segment], run: engine.TranslationRun) -> pa.Table:
        """The ledger's rows of a run; what has failed is remembered."""
        faulty = {
            segment: evidence.in_words(faults)
            for segment, verdicts in run.verdicts.items()
            if self.job.refuses and segment in run.translations and (faults := _faults(verdicts))
        }
        failed = {**faulty, **run.failures}
        self.done.failed |= failed
        return evidence.rows_of(segments, run, failed, self.cache, self.job.language.code)


class _Whole:
    """Tells of a set's progress, where the engine tells of a block's.

    Args:
        segments: Of the set.
        hook: Who is told.
    """

    def __init__(self, segments: int, hook: ProgressHook) -> None:
        self._left, self._hook = segments, hook
        self._before = self._now = Progress(total=0)

    def __call__(self, block: Progress) -> None:
        before = self._before
        self._now = Progress(
            total=before.total + block.total,
            done=before.done + block.done,
            hits=before.hits + block.hits,
            failed=before.failed + block.failed,
            usage=before.usage + block.usage,
            problem=block.problem,
        )
        left = max(self._left - self._now.total, 0)
        self._hook(dataclasses.replace(self._now, total=self._now.total + left))

    def next_block(self) -> None:
        """Begin another block."""
        self._before = self._now


def _faults(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.severity == "error"]

"""The texts of one set become translations: asked for live or in batches, judged, mended; and what has failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmteb_synth import checks
from mmteb_synth.building.batching import Batched
from mmteb_synth.building.jobs import Job
from mmteb_synth.checks import across
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import costs, engine
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Meter, Spending
from mmteb_synth.types import ProgressHook, Segment, Verdict

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """What became of a set's segments.

    Attributes:
        run: What the engine tells.
        failed: The segments that the set holds no translation of, and why. Of some the run has a faulty one.
    """

    run: engine.TranslationRun
    failed: Mapping[Segment, str]

    @property
    def translations(self) -> Mapping[Segment, str]:
        """What the set holds."""
        if self.failed.keys() == self.run.failures.keys():
            return self.run.translations
        return {
            segment: text for segment, text in self.run.translations.items() if segment not in self.failed
        }


def translate(
    job: Job,
    wanted: Mapping[Segment, None],
    cache: Cache,
    meters: Meters,
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
        progress: Makes a progress hook.
        stop: Says when the run should end.
        batches: What was asked in batches; only repairs are asked live then.
    """
    if job.translator is None:
        return Translated(
            run=engine.TranslationRun(translations={segment: segment.text for segment in wanted}), failed={}
        )
    asked = batches.run.collect(wanted, job.language) if batches else None
    run = engine.translate(
        wanted,
        job.language,
        job.translator,
        cache,
        concurrency=job.options.concurrency,
        offline=job.options.offline,
        retry_failed=job.options.retry_failed and asked is None,
        given_up=asked.failures if asked else None,
        judge=checks.judge,
        across=across.judge,
        mends=job.mends,
        fallbacks=[
            engine.Fallback(translator=fallback, meter=meter)
            for fallback, meter in zip(job.fallbacks, meters.fallbacks, strict=True)
        ],
        progress=progress(job.name) if progress else None,
        meter=meters.repairs,
        limits=job.limits,
        stop=stop,
    )
    if asked:
        run = dataclasses.replace(
            run,
            hits=asked.hits,
            requests=asked.requests + run.requests,
            usage=asked.usage + run.usage,
            stopped=asked.stopped or run.stopped,
        )
    refused = faulty(run) if job.refuses else {}
    return Translated(run=run, failed={**refused, **run.failures})


def faulty(run: engine.TranslationRun) -> dict[Segment, str]:
    """The segments whose translation has faults that nothing mended, and which."""
    return {
        segment: "; ".join(errors)
        for segment, verdicts in run.verdicts.items()
        if segment in run.translations and (errors := _errors(verdicts))
    }


def _errors(verdicts: tuple[Verdict, ...]) -> list[str]:
    return [f"{verdict.check}: {verdict.reason}" for verdict in verdicts if verdict.severity == "error"]

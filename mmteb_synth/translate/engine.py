"""The engine: cache, one dispatcher, backend, checks, and cache again. The one place where they meet.

What a run returns is what the cache holds when it ends, so that two runs at once end with the same translations.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from mmteb_synth.errors import UsageError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate.asking import Asking
from mmteb_synth.translate.batches import standing
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.commits import COMMIT_ROWS, COMMIT_SECONDS
from mmteb_synth.translate.counting import Counters, Meter
from mmteb_synth.translate.histories import History
from mmteb_synth.translate.limits import Limits, RetryPolicy
from mmteb_synth.translate.long_texts import LongTexts
from mmteb_synth.translate.repair import Judge, Pending, Repairs
from mmteb_synth.translate.translators import Translator
from mmteb_synth.translate.waiting import soon
from mmteb_synth.types import Language, ProgressHook, Segment, Usage, Verdict

__all__ = ["COMMIT_ROWS", "COMMIT_SECONDS", "Fallback", "Meter", "TranslationRun", "translate"]

_NOT_CACHED = "not in the cache"
_NO_BUDGET = "not asked: the budget is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Who is asked for what the translator can't mend.

    Attributes:
        translator: Who.
        meter: Says when the budget is spent.
    """

    translator: Translator
    meter: Meter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRun:
    """What came of a run.

    Attributes:
        translations: The segments that have one.
        failures: The segments that have none, and why, in words.
        verdicts: What the checks say of translations, where they say something.
        histories: Of segments with more to tell than one question and its answer.
        keys: The cache keys of the segments.
        hits: Texts that the cache answered. Segments that share a translation count as one text.
        requests: Calls of the backend, repeated ones included.
        usage: Tokens used by this run.
        stopped: Why the run ended before everything was asked; None where it did not.
    """

    translations: dict[Segment, str]
    failures: dict[Segment, str] = field(default_factory=dict)
    verdicts: dict[Segment, tuple[Verdict, ...]] = field(default_factory=dict)
    histories: dict[Segment, History] = field(default_factory=dict)
    keys: dict[Segment, bytes] = field(default_factory=dict)
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    stopped: Literal["budget"] | None = None


def translate(
    segments: Iterable[Segment],
    language: Language,
    translator: Translator,
    cache: Cache,
    *,
    concurrency: int | None = None,
    offline: bool = False,
    retry_failed: bool = False,
    given_up: Mapping[Segment, str] | None = None,
    judge: Judge | None = None,
    beside: Mapping[Segment, tuple[Verdict, ...]] | None = None,
    mends: bool = True,
    fallbacks: Sequence[Fallback] = (),
    progress: ProgressHook | None = None,
    retries: RetryPolicy | None = None,
    limits: Limits | None = None,
    meter: Meter | None = None,
    stop: Stop | None = None,
) -> TranslationRun:
    """Translate segments: from the cache what it holds, the rest by asking; and mend what the checks find fault with.

    A segment that fails stops no other. Whatever ends the run early, all that was answered is in the cache. What is
    too long for the translator, or was cut off, is translated in parts and put together again.

    Args:
        segments: What to translate; equal ones count once. Texts without a letter need no translation and
            should not be here.
        language: The target language.
        translator: Who translates.
        cache: Where translations are looked up and stored.
        concurrency: Calls in flight at most; the translator's own number by default.
        offline: Ask nobody; what the cache lacks is a failure.
        retry_failed: Ask again for texts that were refused, cut off or answered with nothing.
        given_up: Segments that the translator was asked for in vain elsewhere, and why; it is not asked again.
        judge: Judges each translation; none by default.
        beside: What is wrong with translations beside those of other segments; another translation is sought for these.
        mends: Whether faults are mended: asked again, in parts, of the fallbacks; otherwise they are only told.
        fallbacks: Who is asked for what the translator can't mend or did not answer, in this order.
        progress: Called whenever something is done, from the thread that translates.
        retries: What to do about requests that fail; `RetryPolicy()` by default.
        limits: Requests and tokens a minute, where not those of the translator's preset.
        meter: Says when the budget is spent.
        stop: Says when the run should end.

    Raises:
        TranslatorError: The translator can't be used, or stopped answering anything.
        WaitingError: Texts wait in batches that were paid for.
        CacheError: The cache can't be read or written.
        UsageError: `concurrency` is below one.
        Stopped: `stop` asked for it before all was done.
    """
    if concurrency is not None and concurrency < 1:
        raise UsageError(f"concurrency must be at least 1 and is {concurrency}")
    wanted = list(dict.fromkeys(segments))
    keys = [translator.key(segment, language) for segment in wanted]
    texts = dict(zip(keys, wanted, strict=True))
    look_up = functools.partial(
        Repairs,
        texts,
        cache,
        translator,
        language,
        judge=judge,
        beside={translator.key(segment, language): said for segment, said in (beside or {}).items()},
        fallbacks=[fallback.translator for fallback in fallbacks],
        mends=mends,
        retry_failed=retry_failed,
    )
    repairs = look_up()
    if not offline and standing.bring_in(repairs.found.missing.keys(), cache):
        repairs = look_up()
    found = repairs.found
    failed = len(texts.keys() & found.failures.keys())
    hits = sum(key in found.translations for key in texts) if found.missing else len(texts) - failed
    counters = Counters(total=hits + failed + len(found.missing), hits=hits, failed=failed, progress=progress)
    counters.report()
    meters = {id(fallback.translator): fallback.meter for fallback in fallbacks} | {id(translator): meter}
    reasons = {translator.key(segment, language): reason for segment, reason in (given_up or {}).items()}
    counted = set(found.missing)
    spent = False

    def ask(pending: Pending) -> None:
        """Ask for texts, or learn why nobody can be asked for them."""
        nonlocal spent
        who = pending.translator
        missing = {key: segment for key, segment in pending.texts.items() if key not in reasons}
        backend = None
        if missing and not offline and not spent:
            who.check_language(language)
            backend = who.backend(concurrency or who.concurrency)
        if backend is None:
            reason = _NO_BUDGET if spent else who.gap or _NOT_CACHED
            reasons.update(dict.fromkeys(missing, reason))
            counters.failed += 0 if spent else len(missing)
            counters.report()
            return
        asking = Asking(
            backend=backend,
            translator=who,
            language=language,
            cache=cache,
            long=LongTexts(cache, who, language),
            concurrency=concurrency or who.concurrency,
            retries=retries or RetryPolicy(),
            limits=(limits or Limits()).or_of(getattr(who, "preset", None)),
            counters=counters,
            meter=meters[id(who)],
            stop=stop,
        )
        with _frozen():
            _wait_for(asking.ask(missing))
        spent = asking.spent
        if spent:
            reasons.update(dict.fromkeys(missing, _NO_BUDGET))
        reasons.update(asking.failures)

    while pending := repairs.advance(reasons):  # until the cache, or a reason, has an end for every text
        for asked in pending:
            if not (offline or spent) and standing.bring_in(asked.texts.keys(), cache):
                break
            counters.total += len(asked.texts.keys() - counted)
            counted.update(asked.texts)
            ask(asked)
    settled = repairs.settled()
    return TranslationRun(
        translations=_by_segment(wanted, keys, settled.translations),
        failures=_by_segment(wanted, keys, settled.failures),
        verdicts=_by_segment(wanted, keys, settled.verdicts),
        histories=_by_segment(wanted, keys, settled.histories),
        keys=dict(zip(wanted, keys, strict=True)),
        hits=hits,
        requests=counters.requests,
        usage=counters.usage,
        stopped="budget" if spent else None,
    )


_Known = TypeVar("_Known")


def _by_segment(
    segments: Sequence[Segment], keys: Sequence[bytes], known: Mapping[bytes, _Known]
) -> dict[Segment, _Known]:
    """What is known of segments; those of which nothing is are left out."""
    if len(known) < len(segments) // 10:  # nearly all have nothing, as with verdicts
        places = set(known)
        return {segment: known[key] for segment, key in zip(segments, keys, strict=True) if key in places}
    values = map(known.get, keys)
    return {segment: value for segment, value in zip(segments, values, strict=True) if value is not None}


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Python does not search what is there already, as hundreds of thousands of texts, for cycles again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also where the caller already lives in an event loop, as in a notebook."""
    if not _is_in_loop():
        asyncio.run(work)
        return
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        started.set_result((asyncio.get_running_loop(), task))
        await work

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mmteb-synth") as pool:
        done = pool.submit(lambda: asyncio.run(main()))
        try:
            done.result()
        except KeyboardInterrupt:
            either: list[Future[Any]] = [started, done]
            futures.wait(either, return_when=futures.FIRST_COMPLETED)
            if started.done():
                loop, task = started.result()
                soon(loop, task.cancel)
            raise


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # what ran in here would name it as the context of its own errors
        return False
    return True

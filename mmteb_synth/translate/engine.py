"""The engine: cache, one dispatcher, backend, checks, and cache again. The one place where they meet.

What a run returns is what the cache holds when it ends, so that two runs at once end with the same translations.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from mmteb_synth.errors import UsageError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate.asking import Asking, Counters, Meter
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.commits import COMMIT_ROWS, COMMIT_SECONDS
from mmteb_synth.translate.limits import Limits, RetryPolicy
from mmteb_synth.translate.long_texts import LongTexts
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, ProgressHook, Segment, Usage

__all__ = ["COMMIT_ROWS", "COMMIT_SECONDS", "Meter", "TranslationRun", "translate"]

_NOT_CACHED = "not in the cache"
_NO_BUDGET = "not asked: the budget is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRun:
    """What came of a run.

    Attributes:
        translations: The segments that have one.
        failures: The segments that have none, and why, in words.
        hits: Texts that the cache answered. Segments that share a translation count as one text.
        requests: Calls of the backend, repeated ones included.
        usage: Tokens used by this run.
        stopped: Why the run ended before everything was asked; None where it did not.
    """

    translations: dict[Segment, str]
    failures: dict[Segment, str] = field(default_factory=dict)
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
    progress: ProgressHook | None = None,
    retries: RetryPolicy | None = None,
    limits: Limits | None = None,
    meter: Meter | None = None,
    stop: Stop | None = None,
) -> TranslationRun:
    """Translate segments: from the cache what it holds, the rest by asking.

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
        progress: Called whenever something is done, from the thread that translates.
        retries: What to do about requests that fail; `RetryPolicy()` by default.
        limits: Requests and tokens a minute, where not those of the translator's preset.
        meter: Says when the budget is spent.
        stop: Says when the run should end.

    Raises:
        TranslatorError: The translator can't be used, or stopped answering anything.
        CacheError: The cache can't be read or written.
        UsageError: `concurrency` is below one.
        Stopped: `stop` asked for it before all was done.
    """
    if concurrency is not None and concurrency < 1:
        raise UsageError(f"concurrency must be at least 1 and is {concurrency}")
    wanted = list(dict.fromkeys(segments))
    keys = [translator.key(segment, language) for segment in wanted]
    texts = dict(zip(keys, wanted, strict=True))

    long = LongTexts(cache, translator, language)
    found = long.find(texts, retry_failed=retry_failed)
    failed = len(texts.keys() & found.failures.keys())
    hits = sum(key in found.translations for key in texts) if found.missing else len(texts) - failed
    counters = Counters(total=hits + failed + len(found.missing), hits=hits, failed=failed, progress=progress)
    counters.report()
    backend = None
    if found.missing and not offline:
        translator.check_language(language)
        backend = translator.backend(concurrency or translator.concurrency)
    reasons: dict[bytes, str] = {}
    stopped: Literal["budget"] | None = None
    if backend is not None:
        asking = Asking(
            backend=backend,
            translator=translator,
            language=language,
            cache=cache,
            long=long,
            concurrency=concurrency or translator.concurrency,
            retries=retries or RetryPolicy(),
            limits=(limits or Limits()).or_of(getattr(translator, "preset", None)),
            counters=counters,
            meter=meter,
            stop=stop,
        )
        with _frozen():
            _wait_for(asking.ask(found.missing))
        reasons = asking.failures
        if asking.spent:
            stopped = "budget"
            reasons = dict.fromkeys(found.missing, _NO_BUDGET) | reasons
    elif found.missing:
        reasons = dict.fromkeys(found.missing, translator.gap or _NOT_CACHED)
        counters.failed += len(found.missing)
        counters.report()
    if found.missing:
        open_ = {
            key: segment
            for key, segment in texts.items()
            if key not in found.translations and key not in found.failures
        }
        last = long.find(open_, failed=reasons)
        found.translations |= last.translations
        found.failures |= dict.fromkeys(open_.keys() - last.translations.keys(), _NO_BUDGET) | last.failures
    return TranslationRun(
        translations=_by_segment(wanted, keys, found.translations),
        failures=_by_segment(wanted, keys, found.failures),
        hits=hits,
        requests=counters.requests,
        usage=counters.usage,
        stopped=stopped,
    )


def _by_segment(
    segments: Sequence[Segment], keys: Sequence[bytes], known: Mapping[bytes, str]
) -> dict[Segment, str]:
    """What is known of segments; those of which nothing is are left out."""
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
    try:
        asyncio.get_running_loop()
    except RuntimeError:
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
            if not done.done():
                loop, task = started.result()
                loop.call_soon_threadsafe(task.cancel)
            raise

"""The engine: cache, bounded workers, backend, checks, and cache again. The one place where they meet.

What a run returns is what the cache holds when it ends, so that two runs at once end with the same translations.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from mmteb_synth.checks import text as checks
from mmteb_synth.errors import RequestError, UsageError
from mmteb_synth.translate.answers import as_row
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.cache import Cache, Row
from mmteb_synth.translate.limits import RetryPolicy
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Answer, Language, Progress, ProgressHook, Segment, Usage

COMMIT_ROWS = 200
COMMIT_SECONDS = 0.25
"""Answers are committed after so many rows or so long, so that a kill repeats at most concurrency + 200 requests."""

_LOOKUP = 20_000
_NOT_CACHED = "not in the cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRun:
    """What came of a run.

    Attributes:
        translations: The segments that have one.
        failures: The segments that have none, and why, in words.
        hits: Texts that the cache answered. Segments that share a translation count as one text.
        requests: Calls of the backend, repeated ones included.
        usage: Tokens used by this run.
    """

    translations: dict[Segment, str]
    failures: dict[Segment, str] = field(default_factory=dict)
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)


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
) -> TranslationRun:
    """Translate segments: from the cache what it holds, the rest by asking.

    A segment that fails stops no other. Whatever ends the run early, all that was answered is in the cache.

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

    Raises:
        TranslatorError: The translator can't be used, or stopped answering anything.
        CacheError: The cache can't be read or written.
        UsageError: `concurrency` is below one.
    """
    if concurrency is not None and concurrency < 1:
        raise UsageError(f"concurrency must be at least 1 and is {concurrency}")
    keys = {segment: translator.key(segment, language) for segment in segments}
    texts: dict[bytes, Segment] = {}
    for segment, key in keys.items():
        texts.setdefault(key, segment)

    translations, failures = _look_up(cache, list(texts))
    state = _State(total=len(texts), hits=len(translations), progress=progress)
    missing = [key for key in texts if key not in translations and (retry_failed or key not in failures)]
    state.failed = len(texts) - len(translations) - len(missing)
    state.report()
    backend = None
    if missing and not offline:
        translator.check_language(language)
        backend = translator.backend(concurrency or translator.concurrency)
    if backend is None:
        failures = dict.fromkeys(missing, translator.gap or _NOT_CACHED) | failures
        state.failed += len(missing)
        state.report()
    else:
        run = _Run(
            backend=backend,
            translator=translator,
            language=language,
            cache=cache,
            concurrency=concurrency or translator.concurrency,
            retries=retries or RetryPolicy(),
            state=state,
        )
        _wait_for(run.ask({key: texts[key] for key in missing}))
        found, evidence = _look_up(cache, missing)
        translations |= found
        failures |= evidence | {key: why for key, why in run.failures.items() if key not in found}
    return TranslationRun(
        translations={segment: translations[key] for segment, key in keys.items() if key in translations},
        failures={segment: failures[key] for segment, key in keys.items() if key not in translations},
        hits=state.hits,
        requests=state.requests,
        usage=state.usage,
    )


def _look_up(cache: Cache, keys: Sequence[bytes]) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """The translations that the cache serves, and why it holds none where one was asked for in vain."""
    translations: dict[bytes, str] = {}
    failures: dict[bytes, str] = {}
    for start in range(0, len(keys), _LOOKUP):
        for key, row in cache.lookup(keys[start : start + _LOOKUP]).items():
            if row.translation is None:
                failures[key] = checks.reason(row.finish_reason)
            else:
                translations[key] = row.translation
    return translations, failures


@dataclass(slots=True, kw_only=True)
class _State:
    """The counters of a run."""

    total: int
    hits: int
    progress: ProgressHook | None
    answered: int = 0
    failed: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)

    def report(self) -> None:
        if self.progress is not None:
            done = self.hits + self.answered + self.failed
            self.progress(
                Progress(total=self.total, done=done, hits=self.hits, failed=self.failed, usage=self.usage)
            )


@dataclass(slots=True, kw_only=True)
class _Run:
    """The asking part of a run."""

    backend: Backend
    translator: Translator
    language: Language
    cache: Cache
    concurrency: int
    retries: RetryPolicy
    state: _State
    failures: dict[bytes, str] = field(default_factory=dict)
    uncommitted: list[Row] = field(default_factory=list)
    fatal: RequestError | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, texts: dict[bytes, Segment]) -> None:
        """Ask for all texts and store the answers."""
        try:
            await self.retries.call(self.backend.start, self.stopping)
            await self._work(texts)
        finally:
            try:
                self._commit()
            finally:
                await self.backend.close()
        if self.fatal is not None:
            raise self.fatal

    async def _work(self, texts: dict[bytes, Segment]) -> None:
        batches = _batches(texts.items(), self.backend.batch_size)
        count = min(self.concurrency, -(-len(texts) // self.backend.batch_size))
        try:
            async with asyncio.TaskGroup() as group:
                clock = group.create_task(self._commit_regularly())
                await asyncio.wait([group.create_task(self._worker(batches)) for _ in range(count)])
                clock.cancel()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _worker(self, batches: Iterator[list[tuple[bytes, Segment]]]) -> None:
        for batch in batches:
            await self._ask(batch)
            if self.fatal is not None:
                return

    async def _ask(self, batch: list[tuple[bytes, Segment]]) -> None:
        """Ask for one batch; for each of its texts alone where the batch fails."""
        segments = [segment for _, segment in batch]

        async def request() -> Sequence[Answer]:
            if self.fatal is not None:
                raise self.fatal
            self.state.requests += 1
            return await self.backend.translate(segments, self.language)

        try:
            answers = await self.retries.call(request, self.stopping)
        except RequestError as error:
            if error.fatal:
                self.fatal = self.fatal or error
                self.stopping.set()
            elif len(batch) > 1:
                for one in batch:
                    await self._ask([one])
            else:
                self.failures[batch[0][0]] = error.message
                self.state.failed += 1
                self.state.report()
            return
        for (key, segment), answer in zip(batch, answers, strict=True):
            self._keep(key, segment, answer)
        self.state.report()

    def _keep(self, key: bytes, segment: Segment, answer: Answer) -> None:
        """Check an answer and hold it for the next commit."""
        row = as_row(
            key,
            segment,
            answer,
            translator=self.translator.name,
            language=self.language.code,
            prompt_version=self.translator.prompt_version,
        )
        self.state.usage += answer.usage
        if row.translation is None:
            self.state.failed += 1
        else:
            self.state.answered += 1
        self.uncommitted.append(row)
        if len(self.uncommitted) >= COMMIT_ROWS:
            self._commit()

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            self._commit()

    def _commit(self) -> None:
        # Not in a thread: answers that came meanwhile would add to what a kill repeats.
        rows, self.uncommitted = self.uncommitted, []
        self.cache.put(rows)


def _batches(items: Iterable[tuple[bytes, Segment]], size: int) -> Iterator[list[tuple[bytes, Segment]]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


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

"""The asking part of a run: one dispatcher sends, answers are checked and committed, failures wait their turn."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmteb_synth.errors import RequestError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate.answers import as_row
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.commits import COMMIT_ROWS, Committer
from mmteb_synth.translate.counting import Counters, Meter
from mmteb_synth.translate.limits import Gate, Limits, Pace, RetryPolicy, Ticket
from mmteb_synth.translate.long_texts import CUT_OFF, LongTexts
from mmteb_synth.translate.translators import Translator
from mmteb_synth.translate.waiting import end, soon, wait_within
from mmteb_synth.types import Answer, Language, Segment, Usage

_Item = tuple[bytes, Segment]

_NEARLY_ALL = 20
"""So many texts that were answered for one that was not."""


@dataclass(slots=True, eq=False)
class _Batch:
    """Texts of one request, and what became of their earlier requests.

    Attributes:
        items: Keys and segments.
        attempts: Requests that failed and count.
        since: When the first was sent; 0 before.
        paused: The gate's pauses until then, in seconds.
        reason: Why the last one failed.
    """

    items: list[_Item]
    attempts: int = 0
    since: float = 0.0
    paused: float = 0.0
    reason: str = ""

    @property
    def characters(self) -> int:
        return sum(len(segment.text) for _, segment in self.items)


class Asking:
    """Asks a backend for texts until all have ended, or something ends the run.

    Args:
        backend: Who answers.
        translator: Whose keys and names the rows bear.
        language: The target language.
        cache: Where answers go.
        long: Knows how long texts are cut.
        concurrency: Calls in flight at most.
        retries: What to do about requests that fail.
        limits: Requests and tokens a minute.
        counters: What is counted.
        meter: Says when the budget is spent.
        stop: Says when the run should end.

    Attributes:
        failures: Why texts ended without an answer, by key; those with one are in the cache.
        spent: Whether the budget ended the run.
    """

    def __init__(
        self,
        *,
        backend: Backend,
        translator: Translator,
        language: Language,
        cache: Cache,
        long: LongTexts,
        concurrency: int,
        retries: RetryPolicy,
        limits: Limits,
        counters: Counters,
        meter: Meter | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.failures: dict[bytes, str] = {}
        self.spent = False
        self._backend = backend
        self._translator = translator
        self._language = language
        self._cache = cache
        self._long = long
        self._concurrency = concurrency
        self._retries = retries
        self._limits = limits
        self._counters = counters
        self._meter = meter
        self._stop = stop or Stop()
        self._fresh: Iterator[_Item] = iter(())
        self._unsent = 0
        self._abandoned = 0
        self._known: set[bytes] = set()
        self._later: list[tuple[float, int, _Batch]] = []
        self._order = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, texts: Mapping[bytes, Segment]) -> None:
        """Ask for texts and store the answers.

        Args:
            texts: By key; none of them is in the cache.

        Raises:
            RequestError: The translator stopped answering anything.
            TranslatorError: It can't be used.
            CacheError: The cache can't be written.
            Stopped: The run was asked to end before all was done.
        """
        # In no order: texts that fail alike often stand together, and in a run that goes on those that failed before
        # come first, which would look like a server that fails.
        self._fresh = ((key, texts[key]) for key in random.sample(list(texts), len(texts)))
        self._unsent = len(texts)
        self._known.update(texts)
        self._changed = asyncio.Event()
        self._ending = asyncio.Event()
        self._gate = Gate(self._retries, self._concurrency, proven=self._counters.hits > 0)
        self._pace = Pace(self._limits)
        self._committer = Committer(self._cache, self._changed.set)
        loop = asyncio.get_running_loop()
        try:
            with self._stop.calling(lambda: soon(loop, self._ending.set)):
                await self._unless_ending(self._retries.call(self._backend.start, self._ending))
                await self._work()
        finally:
            try:
                self._committer.flush()
            finally:
                await self._backend.close()
        ended = self._gate.ended or self._gate.refusal
        if ended is not None:
            raise ended
        if self._unsent or self._later or self._abandoned:
            self._stop.check()

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                committer = group.create_task(self._committer.run())
                await self._unless_ending(self._dispatch(group))
                await self._unless_ending(self._landing())
                if self._tasks:  # they are paid for
                    await asyncio.wait(self._tasks, timeout=self._stop.grace)
                self._abandoned = len(self._tasks)
                await end(*self._tasks, committer)
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _unless_ending(self, work: Coroutine[Any, Any, None]) -> None:
        """Work, until the run should end."""
        task = asyncio.create_task(work)
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((task, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(task, ending)
        if not task.cancelled():
            task.result()

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        """Send requests as the gate and the pace allow, until no text is left."""
        while not self._ending.is_set() and (self._unsent or self._later or self._tasks):
            delay = self._delay()
            if delay != 0.0:
                await self._change(delay)
                continue
            batch = self._take()
            if self._pace.limited:
                await self._paced(batch)
            if not self._send(batch):
                return
            task = group.create_task(self._requests(batch, self._gate.sent()))
            self._tasks.add(task)
            task.add_done_callback(self._landed)

    async def _landing(self) -> None:
        while self._tasks:
            await self._change(None)

    async def _paced(self, batch: _Batch) -> None:
        """Wait for a batch's turn; it is put back where the run ends meanwhile."""
        try:
            await self._pace.wait(batch.characters)
            while (delay := self._gate_delay()) != 0.0:
                await self._change(delay)
        except asyncio.CancelledError:
            self._put_off(batch, 0.0)
            raise

    def _delay(self) -> float | None:
        """Seconds until something can be sent; None where that depends on what is in flight."""
        delay = self._gate_delay()
        if delay == 0.0 and not self._unsent:
            return max(self._later[0][0] - time.monotonic(), 0.0) if self._later else None
        return delay

    def _gate_delay(self) -> float | None:
        delay = self._gate.delay()
        if delay == 0.0 and self._gate.in_flight + self._committer.waiting >= self._concurrency + COMMIT_ROWS:
            return None  # a kill would lose too much
        return delay

    def _take(self) -> _Batch:
        """What to send next: a text whose wait is over, or a new one."""
        if self._later and (not self._unsent or self._later[0][0] <= time.monotonic()):
            return heapq.heappop(self._later)[2]
        items = list(itertools.islice(self._fresh, self._backend.batch_size))
        self._unsent -= len(items)
        return _Batch(items)

    def _send(self, batch: _Batch) -> bool:
        """Whether a batch is sent; it is put back where the run has ended meanwhile, or the budget is spent."""
        if self._ending.is_set() or self.spent or not self._admitted(batch):
            self._put_off(batch, 0.0)
            return False
        self._counters.requests += 1
        return True

    async def _change(self, seconds: float | None) -> None:
        """Wait until something has changed, or the time is up."""
        self._changed.clear()
        await wait_within(self._changed, seconds)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()

    def _admitted(self, batch: _Batch) -> bool:
        """Whether the budget allows a batch; asked once for each text."""
        if batch.since:
            return True
        if self._meter is not None:
            for count, (_, segment) in enumerate(batch.items):
                if not self._meter.admit(segment):
                    for _, admitted in batch.items[:count]:
                        self._meter.settle(admitted, Usage())
                    self.spent = True
                    return False
        batch.since, batch.paused = time.monotonic(), self._gate.paused_seconds
        return True

    async def _requests(self, batch: _Batch, ticket: Ticket) -> None:
        """Send a batch, and others after it for as long as nothing keeps them back.

        Leaving each of them to the dispatcher would send none before all answers that came at once are read.
        """
        while True:
            await self._request(batch, ticket)
            if self._pace.limited or self._delay() != 0.0:
                return
            batch = self._take()
            if not self._send(batch):
                return
            ticket = self._gate.sent()

    async def _request(self, batch: _Batch, ticket: Ticket) -> None:
        segments = [segment for _, segment in batch.items]
        try:
            answers = await self._backend.translate(segments, self._language)
        except RequestError as error:
            self._failed(batch, ticket, error)
        else:
            self._answered(batch, ticket, answers)
        self._counters.problem = self._gate.problem
        self._counters.report()

    def _answered(self, batch: _Batch, ticket: Ticket, answers: Sequence[Answer]) -> None:
        self._gate.answered(ticket, max(answer.wait for answer in answers))
        used = 0
        for (key, segment), answer in zip(batch.items, answers, strict=True):
            self._keep(key, segment, answer)
            used += answer.usage.input_tokens + answer.usage.output_tokens
        self._pace.learn(batch.characters, used)

    def _keep(self, key: bytes, segment: Segment, answer: Answer) -> None:
        """Check an answer and hand it to the next commit."""
        row = as_row(
            key,
            segment,
            answer,
            translator=self._translator.name,
            language=self._language.code,
            prompt_version=self._translator.prompt_version,
        )
        self._committer.add(row)
        self._counters.usage += answer.usage
        if self._meter is not None:
            self._meter.settle(segment, answer.usage)
        if row.translation is not None or (row.finish_reason == CUT_OFF and self._cut(segment)):
            self._counters.answered += 1
        else:
            self._counters.failed += 1

    def _cut(self, segment: Segment) -> bool:
        """Go on with a text in parts, where it can be cut."""
        pieces = self._long.pieces(segment, cut_off=True)
        parts = {piece.key: piece.segment for piece in pieces if piece.key is not None}
        for key, part in self._long.find(parts).missing.items():
            if key not in self._known:
                self._known.add(key)
                self._counters.total += 1
                self._put_off(_Batch([(key, part)]), 0.0)
        return bool(pieces)

    def _failed(self, batch: _Batch, ticket: Ticket, error: RequestError) -> None:
        batch.attempts += self._gate.failed(ticket, error)
        batch.reason = error.message
        if self._gate.ended is not None:
            self._put_off(batch, 0.0)
            self._end()
        elif error.retryable and self._may_try_again(batch):
            self._put_off(batch, self._retries.jitter(batch.attempts) if batch.attempts else 0.0)
        elif len(batch.items) > 1:
            for item in batch.items:
                self._put_off(_Batch([item], since=batch.since, paused=batch.paused), 0.0)
        elif error.cause == "window" and self._long.pieces(batch.items[0][1], cut_off=True):
            # Kept like an answer that was cut off, so that the next run starts with the parts.
            self._keep(*batch.items[0], Answer(translation=None, finish_reason=CUT_OFF, raw=error.message))
        else:
            self._give_up(batch)

    def _may_try_again(self, batch: _Batch) -> bool:
        paused = self._gate.paused_seconds - batch.paused
        tried = time.monotonic() - batch.since - paused
        return batch.attempts < self._retries.attempts and tried < self._retries.text_seconds

    def _put_off(self, batch: _Batch, seconds: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._order), batch))

    def _give_up(self, batch: _Batch) -> None:
        for key, segment in batch.items:
            self.failures[key] = batch.reason
            self._counters.failed += 1
            if self._meter is not None:
                self._meter.settle(segment, Usage())

    def _end(self) -> None:
        """End the run; or give up only what failed, where nearly all others were answered and so it is these."""
        answered = self._counters.hits + self._counters.answered
        left = self._unsent + len(self._later)
        if self._gate.doubtful and answered and (not self._unsent or answered >= _NEARLY_ALL * left):
            self._gate.ended = None
            for _, _, batch in self._later:
                if batch.reason:
                    self._give_up(batch)
            self._later = [waiting for waiting in self._later if not waiting[2].reason]
            heapq.heapify(self._later)
        else:
            self._ending.set()

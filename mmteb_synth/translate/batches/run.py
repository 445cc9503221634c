"""Translates through OpenAI's Batch API: files of requests that are answered within a day, at half the price.

A run writes each job down before anything is sent, submits it, watches it, and harvests it. Whatever ends the run, the
jobs go on at the server, and the next run goes on with them: nothing is paid for twice.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from mmteb_synth.errors import RequestError, Stopped, UsageError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import engine
from mmteb_synth.translate.asking import Meter
from mmteb_synth.translate.backends.batch import BatchAPI, RemoteBatch
from mmteb_synth.translate.batches.harvest import GO_ON, harvest, refusal_of_file, settle
from mmteb_synth.translate.batches.jobs import POLL_SECONDS, Job, Jobs, Request
from mmteb_synth.translate.batches.submission import Submission
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.long_texts import LongTexts
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, Progress, ProgressHook, Segment, Usage

_FIRST_WAITS = 32
"""The first wait is this part of the longest; each one is twice the one before until something happens."""
_PATIENCE = 20
"""Looks in a row that may fail for reasons that may pass, before the run ends. The jobs go on all the same."""
_ATTEMPTS = 3
"""How often a run sends one text that comes back unanswered; the next run sends it again."""
_NOT_ASKED = "not asked"
_NO_BUDGET = "not asked: the budget is spent"

_Result = TypeVar("_Result")

_log = logging.getLogger(__name__)


def translate(
    segments: Iterable[Segment],
    language: Language,
    translator: Translator,
    cache: Cache,
    *,
    retry_failed: bool = False,
    poll: float = POLL_SECONDS,
    queue_tokens: int | None = None,
    progress: ProgressHook | None = None,
    meter: Meter | None = None,
    stop: Stop | None = None,
) -> engine.TranslationRun:
    """Translate segments in batches, as `engine.translate` does live: same keys, same rows, same result.

    Args:
        segments: What to translate; equal ones count once.
        language: The target language.
        translator: Who translates: a preset whose endpoint has a Batch API.
        cache: Where translations are looked up and stored, and jobs written down.
        retry_failed: Ask again for texts that were refused, cut off or answered with nothing.
        poll: The longest wait between two looks, in seconds.
        queue_tokens: The most tokens that the account may have queued; no limit is known by default.
        progress: Called whenever a look at the jobs is over.
        meter: Says when the budget is spent.
        stop: Ends the run when requested; the jobs go on.

    Raises:
        UsageError: The translator is no preset, or a number makes no sense.
        TranslatorError: The endpoint can't be used, or has no Batch API.
        CacheError: The cache can't be used, or another process is submitting batches of it.
        Stopped: A stop was requested.
    """
    wanted = list(segments)
    with BatchRun(
        translator,
        cache,
        retry_failed=retry_failed,
        poll=poll,
        queue_tokens=queue_tokens,
        progress=progress,
        stop=stop,
    ) as run:
        run.add(wanted, language, meter=meter)
        run.finish()
        return run.collect(wanted, language)


class BatchRun:
    """Fills the cache for any number of sets and languages at once; a context manager.

    Call `add` for each set and language, then `finish`, then `collect` for each set and language. See `translate` for
    the arguments.
    """

    def __init__(
        self,
        translator: Translator,
        cache: Cache,
        *,
        retry_failed: bool = False,
        poll: float = POLL_SECONDS,
        queue_tokens: int | None = None,
        progress: ProgressHook | None = None,
        stop: Stop | None = None,
    ) -> None:
        if type(translator) is not Endpoint:  # several addresses have no batches in common
            raise UsageError(
                f"--batch is for translators behind one endpoint, and {translator.name!r} is none",
                hint="leave out --batch",
            )
        if not poll > 0:
            raise UsageError(f"--poll must be more than 0 seconds, not {poll}")
        if queue_tokens is not None and queue_tokens < 1:
            raise UsageError(f"--queue-tokens must be at least 1, not {queue_tokens}")
        self._translator = translator
        self._cache = cache
        self._retry_failed = retry_failed
        self._poll = poll
        self._progress = progress
        self._stop = stop
        self._api = BatchAPI(translator)
        self._jobs = Jobs(cache)
        self._submission = Submission(translator, self._api, self._jobs, queue_tokens=queue_tokens)
        self._resources = ExitStack()
        self._is_alone = False
        self._asked: dict[bytes, Job] | None = None
        self._long: dict[Language, LongTexts] = {}
        self._meters: dict[bytes, Meter] = {}
        self._wanted: set[bytes] = set()
        self._unsettled: dict[bytes, Segment] = {}
        self._in_parts: set[bytes] = set()
        self._answered: dict[bytes, Usage] = {}
        self._failures: dict[bytes, str] = {}
        self._attempts: Counter[bytes] = Counter()
        self._refused_files = 0
        self._is_spent = False
        self._known = 0
        self._usage = Usage()

    def __enter__(self) -> BatchRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()
        self._resources.close()

    def add(self, segments: Iterable[Segment], language: Language, *, meter: Meter | None = None) -> None:
        """Take in what the cache lacks; the first missing text makes sure that the endpoint can be used.

        Args:
            segments: What to translate.
            language: The target language.
            meter: Says when the budget is spent; what is left then is not asked.

        Raises:
            TranslatorError: The endpoint can't be used.
            CacheError: The cache can't be used, or another process is submitting batches of it.
        """
        long = self._long.setdefault(language, LongTexts(self._cache, self._translator, language))
        texts = {self._translator.key(segment, language): segment for segment in segments}
        found = long.find(texts, retry_failed=self._retry_failed)
        if found.missing and self._asked is None:
            self._asked = self._patiently(self._begin)
            # Another process may have harvested before we kept others out.
            found = long.find(texts, retry_failed=self._retry_failed)
        settled = found.translations.keys() | found.failures.keys() | found.missing.keys()
        self._in_parts |= texts.keys() - settled
        self._known += len(texts.keys() & (found.translations.keys() | found.failures.keys()))
        self._want(found.missing, language, meter)

    def finish(self) -> None:
        """Submit, watch and harvest until every text that was added has its answer or its failure.

        Raises:
            RequestError: The endpoint stopped answering, or refuses everything. The jobs go on.
            Stopped: A stop was requested. The jobs go on.
        """
        self._submission.close_file()
        wait = first = self._poll / _FIRST_WAITS
        while self._submission.open:
            before = set(self._submission.open)
            self._patiently(self._look)
            self._report()
            if self._submission.open:
                wait = first if before - set(self._submission.open) else wait
                self._pause(wait)
                wait = min(2 * wait, self._poll)

    def collect(self, segments: Iterable[Segment], language: Language) -> engine.TranslationRun:
        """What came of some of the segments that were added. Requests and tokens are counted where first collected.

        Args:
            segments: What was added.
            language: The target language.
        """
        keys = {segment: self._translator.key(segment, language) for segment in segments}
        texts = {key: segment for segment, key in keys.items()}
        found = self._long[language].find(texts, failed=self._failures)
        touched = found.translations.keys() | found.failures.keys()  # the parts of long texts are among them
        used = {key: self._answered.pop(key) for key in touched if key in self._answered}
        new = used.keys() | (self._in_parts & texts.keys())
        self._in_parts -= texts.keys()
        return engine.TranslationRun(
            translations={
                segment: found.translations[key] for segment, key in keys.items() if key in found.translations
            },
            failures={
                segment: found.failures.get(key, _NOT_ASKED)
                for segment, key in keys.items()
                if key not in found.translations
            },
            hits=len((texts.keys() & found.translations.keys()) - new),
            requests=len(used),
            usage=sum(used.values(), Usage()),
            stopped="budget" if self._is_spent else None,
        )

    def _patiently(self, step: Callable[[], _Result]) -> _Result:
        """Take a step, again while that may help. Each one can be repeated, as after a kill."""
        wait = self._poll / _FIRST_WAITS
        failed = 0
        while True:
            self._check_stop()
            try:
                return step()
            except RequestError as error:
                failed += 1
                if not error.retryable or failed > _PATIENCE:
                    raise
                pause = min(max(wait, error.retry_after or 0.0), self._poll)
                _log.info("%s; trying again in %.0f s", error.message, pause)
            self._pause(pause)
            wait = min(2 * wait, self._poll)

    def _begin(self) -> dict[bytes, Job]:
        """The keys that earlier runs have on the server; before that, what a kill left half done is settled."""
        self._api.check()
        if not self._is_alone:
            self._resources.enter_context(self._jobs.alone())
            self._is_alone = True
        standing = []
        for job in self._jobs.unfinished():
            if job.base_url == self._translator.base_url:
                settled = settle(job, self._api, self._jobs)
                standing += [settled] if settled else []
            elif job.state in ("creating", "submitted"):
                standing.append(job)
        return self._jobs.keys(standing)

    def _want(self, missing: Mapping[bytes, Segment], language: Language, meter: Meter | None) -> None:
        """Wait for texts that an earlier run asked for, and put the others into files."""
        asked = self._asked or {}
        for key, segment in missing.items():
            if key in self._wanted:
                continue
            self._wanted.add(key)
            job = asked.get(key)
            if job is None and meter is not None and (self._is_spent or not meter.admit(segment)):
                self._is_spent = True
                self._failures[key] = _NO_BUDGET
            elif job is None:
                if meter is not None:
                    self._meters[key], self._unsettled[key] = meter, segment
                self._submission.put(Request(key=key, segment=segment, language=language))
            elif job.base_url == self._translator.base_url:
                self._submission.open[job.tag] = job
            else:
                self._failures[key] = f"it waits in {job.batch_id or 'a batch'} at {job.base_url}"

    def _look(self) -> None:
        """Take every job as far as it will go."""
        self._submission.go_on()
        for tag in list(self._submission.open):
            self._check_stop()
            job = self._submission.open.get(tag)  # a full queue makes other files of those that wait
            batch = job and self._submission.advance(job)
            if batch:
                self._harvest(self._submission.open[tag], batch)

    def _harvest(self, job: Job, batch: RemoteBatch) -> None:
        """Bring in what a batch finished, and see to the rest."""
        brought = harvest(job, batch, self._api, self._jobs, self._cache)
        self._submission.end(job)
        for key, usage in brought.answered.items():
            self._usage += usage
            if key in self._wanted:
                self._answered[key] = usage
                self._settle(key, usage)
        for key, why in brought.refused.items():
            self._fail(key, why)
        for request in brought.cut_off:
            if request.key in self._wanted:
                self._want_parts(request)
        rest = [(request, why) for key, (request, why) in brought.again.items() if key in self._wanted]
        if brought.fatal is not None:
            raise brought.fatal
        refusal = refusal_of_file(batch, self._api)
        if batch.status == "cancelled":
            # Somebody meant it to stop, so sending it again is left to the next run.
            for request, _ in rest:
                self._fail(request.key, f"its batch was cancelled; {GO_ON}")
            rest = []
        elif refusal is None:
            self._refused_files = 0
        elif refusal.retryable:
            self._submission.make_room(job, refusal)
        else:
            self._refused_files += 1
            if refusal.fatal or self._refused_files >= _ATTEMPTS:
                raise refusal
        self._send_again(rest, counted=refusal is None)

    def _want_parts(self, request: Request) -> None:
        """Ask for a text in parts whose answer was cut off; one that can't be cut has failed."""
        long = self._long.setdefault(
            request.language, LongTexts(self._cache, self._translator, request.language)
        )
        found = long.find({request.key: request.segment}, retry_failed=self._retry_failed)
        self._want(found.missing, request.language, self._meters.get(request.key))

    def _send_again(self, rest: Iterable[tuple[Request, str]], *, counted: bool) -> None:
        for request, why in rest:
            self._attempts[request.key] += counted
            if self._attempts[request.key] >= _ATTEMPTS:
                self._fail(request.key, why)
            else:
                self._submission.put(request)
        self._submission.close_file()

    def _fail(self, key: bytes, why: str) -> None:
        if key in self._wanted:
            self._failures[key] = why
            self._settle(key, Usage())

    def _settle(self, key: bytes, usage: Usage) -> None:
        """Tell the meter that a text has ended which it admitted."""
        if key in self._unsettled:
            self._meters[key].settle(self._unsettled.pop(key), usage)

    def _pause(self, seconds: float) -> None:
        if self._stop is None:
            time.sleep(seconds)
        else:
            self._stop.wait(seconds)

    def _check_stop(self) -> None:
        if self._stop is None or self._stop.reason is None:
            return
        going = self._submission.on_server()
        raise Stopped(
            self._stop.reason,
            kept=f"{len(going)} batches with {sum(job.requests for job in going):,} texts go on at "
            f"{self._translator.base_url}",
            hint=f"{GO_ON}; `mmteb-synth batches list` shows them",
        )

    def _report(self) -> None:
        if self._progress is None:
            return
        failed = len(self._failures)
        done = self._known + len(self._answered) + failed + sum(self._submission.half_done.values())
        total = self._known + len(self._wanted)
        self._progress(
            Progress(total=total, done=min(done, total), hits=self._known, failed=failed, usage=self._usage)
        )

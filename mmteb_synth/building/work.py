"""What a job will ask for, found out exactly as the engine does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from mmteb_synth import checks
from mmteb_synth.building.inputs import Texts, blocks
from mmteb_synth.building.jobs import Job
from mmteb_synth.translate.batches import standing
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Estimator
from mmteb_synth.translate.repair import Pending, Repairs
from mmteb_synth.types import Segment, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done for some segments; segments that share a translation are one text.

    Attributes:
        texts: All texts, by cache key.
        hits: Those that the cache answers.
        failed: Those that were asked for in vain before and are not asked again.
        gaps: Those that nobody can be asked for.
        missing: What will be asked, long texts in parts and repairs among them, by cache key. What repairs will be
            needed of answers that are not there yet, nobody knows.
        elsewhere: What fallbacks will be asked.
        waiting: What would be asked if it did not wait in batches that were paid for.
    """

    texts: Mapping[bytes, Segment]
    hits: Set[bytes]
    failed: Set[bytes]
    gaps: Set[bytes]
    missing: Mapping[bytes, Segment]
    elsewhere: Sequence[Pending] = ()
    waiting: Set[bytes] = frozenset()

    @property
    def keys(self) -> Set[bytes]:
        """The cache keys of all that is asked for or was."""
        return set().union(self.texts, self.missing, self.waiting, *(asked.texts for asked in self.elsewhere))

    def without(self, seen: Set[bytes]) -> Work:
        """The work for texts that are not among those seen."""
        texts = {key: segment for key, segment in self.texts.items() if key not in seen}
        return Work(
            texts=texts,
            hits=self.hits & texts.keys(),
            failed=self.failed & texts.keys(),
            gaps=self.gaps & texts.keys(),
            missing={key: segment for key, segment in self.missing.items() if key not in seen},
            elsewhere=[
                Pending(asked.translator, {key: text for key, text in asked.texts.items() if key not in seen})
                for asked in self.elsewhere
            ],
            waiting=self.waiting - seen,
        )


def work_of(job: Job, wanted: Texts, cache: Cache) -> Iterator[tuple[list[Segment], Work]]:
    """What a job's segments need.

    Args:
        job: The job; not one of English.
        wanted: Its segments.
        cache: The translations.

    Yields:
        A block of segments after another, and what they need that none before them did.
    """
    seen: set[bytes] = set()
    for block in blocks(wanted):
        work = _needed(job, block, cache).without(seen)
        seen |= work.keys
        yield block, work


def _needed(job: Job, block: Iterable[Segment], cache: Cache) -> Work:
    assert job.translator is not None
    texts: dict[bytes, Segment] = {}
    for segment in block:
        texts.setdefault(job.translator.key(segment, job.language), segment)
    repairs = Repairs(
        texts,
        cache,
        job.translator,
        job.language,
        judge=checks.judge,
        fallbacks=job.fallbacks,
        mends=job.mends,
        retry_failed=job.options.retry_failed,
    )
    found, offline = repairs.found, job.options.offline
    answerable = job.translator.gap is None and not offline
    without = set() if answerable else texts.keys() & found.missing.keys()
    asked = [] if offline else repairs.advance({})
    if without and not offline:
        asked = repairs.advance(dict.fromkeys(without, job.translator.gap or ""))
    missing = next((pending.texts for pending in asked if pending.translator is job.translator), {})
    waiting = standing.waiting(missing.keys(), cache).keys()
    can_fall_back = not offline and any(who.gap is None for who in job.fallbacks)
    return Work(
        texts=texts,
        hits=texts.keys() & found.translations.keys(),
        failed=texts.keys() & found.failures.keys() - without,
        gaps=set() if can_fall_back else without,
        missing={key: segment for key, segment in missing.items() if key not in waiting},
        elsewhere=[
            pending
            for pending in asked
            if pending.translator is not job.translator and pending.translator.gap is None
        ],
        waiting=waiting,
    )


def expected(segments: Iterable[Segment], estimator: Estimator | None) -> Usage:
    """The tokens that asking for segments will probably take; none where nothing expects them."""
    if estimator is None:
        return Usage()
    sent = received = 0
    for segment in segments:
        usage = estimator.expected(segment)
        sent, received = sent + usage.input_tokens, received + usage.output_tokens
    return Usage(input_tokens=sent, output_tokens=received)

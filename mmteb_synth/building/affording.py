"""Whether what is left of a run's money pays for a whole set."""

from __future__ import annotations

import heapq

from mmteb_synth.building.inputs import Texts
from mmteb_synth.building.jobs import Job
from mmteb_synth.building.work import expected, work_of
from mmteb_synth.translate import costs
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Meter
from mmteb_synth.types import Segment, Usage


def shortfall(job: Job, wanted: Texts, cache: Cache, meter: Meter | None) -> str | None:
    """Why a set is not begun.

    A set that the money does not reach for would be paid for in part and give no score. Besides its expected cost
    there must be room for what its last requests in flight reserve, or the meter would stop it just before its end.

    Args:
        job: The set.
        wanted: Its segments.
        cache: The translations.
        meter: Keeps the account; None where asking costs nothing.

    Returns:
        The reason in words; None where the set may be begun.
    """
    if meter is None or meter.prices is None or meter.ledger.limit is None:
        return None
    assert job.translator is not None
    usage, reserved = Usage(), 0.0
    in_flight = job.options.concurrency or job.translator.concurrency
    longest: list[Segment] = []
    for _, work in work_of(job, wanted, cache):
        missing = work.missing.values()
        usage += expected(missing, meter.estimator)
        if meter.batch:
            reserved += sum(map(meter.reserve, missing))
        else:
            longest = heapq.nlargest(in_flight, [*longest, *missing], key=lambda segment: len(segment.text))
    if not (longest or reserved):
        return None
    likely = costs.dollars(usage, meter.prices)
    needed = reserved if meter.batch else likely + sum(map(meter.reserve, longest))
    left = meter.ledger.left
    if needed <= left:
        return None
    return (
        f"it would cost about ${likely:.4f}, at most ${needed:.4f} while answers of unknown length are awaited, and "
        f"${left:.4f} of --max-cost {meter.ledger.limit:g} is left"
    )

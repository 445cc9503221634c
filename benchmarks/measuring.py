"""Measuring two things in turns, so that what else a machine does weighs on both; and how much memory something takes."""

from __future__ import annotations

import contextlib
import operator
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 5
_EVERY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What runs of one thing took.

    Attributes:
        wall: Seconds on the clock.
        cpu: Seconds of processor time of this process, all of its threads together.
    """

    wall: Sequence[float]
    cpu: Sequence[float]

    def __str__(self) -> str:
        """The medians, as `1.24 s (CPU 1.20 s)`."""
        return f"{statistics.median(self.wall):.3g} s (CPU {statistics.median(self.cpu):.3g} s)"


def in_turns(*things: Callable[[], object], runs: int = RUNS) -> tuple[Taken, ...]:
    """Run some things, one after the other, several times; a first time, which fills caches, doesn't count.

    Args:
        things: What to measure. What one returns is let go after its time was taken.
        runs: How often each.

    Returns:
        What each took.
    """
    wall: list[list[float]] = [[] for _ in things]
    cpu: list[list[float]] = [[] for _ in things]
    for run in range(-1, runs):
        for thing, walls, cpus in zip(things, wall, cpu, strict=True):
            clock, processor = time.perf_counter(), time.process_time()
            result = thing()
            if run >= 0:
                walls.append(time.perf_counter() - clock)
                cpus.append(time.process_time() - processor)
            del result
    return tuple(Taken(wall=walls, cpu=cpus) for walls, cpus in zip(wall, cpu, strict=True))


def judged(what: str, ours: Taken, peer: Taken, bound: float) -> bool:
    """Print how many times a peer's time something takes, and whether that is within the bound.

    The ratio is the median of those of neighbouring runs. Processor time decides: a busy machine changes it less.

    Args:
        what: What was measured.
        ours: What it took.
        peer: What the peer took.
        bound: The highest ratio that is allowed.
    """
    cpu: float = statistics.median(map(operator.truediv, ours.cpu, peer.cpu))
    wall = statistics.median(map(operator.truediv, ours.wall, peer.wall))
    print(f"{what}: {ours}, peer {peer}; ratio {cpu:.2f} by CPU (bound {bound:g}), {wall:.2f} by the clock")
    return cpu <= bound


@contextlib.contextmanager
def anonymous_memory() -> Iterator[Callable[[], int]]:
    """Watch this process's anonymous resident memory (RssAnon, see proc(5)) every 10 ms; it needs Linux.

    Pages of files, which the kernel can drop, don't count.

    Yields:
        What gives its highest value so far, in bytes.
    """
    peak = _anonymous()
    done = threading.Event()

    def look() -> int:
        nonlocal peak
        peak = max(peak, _anonymous())
        return peak

    def watch() -> None:
        while not done.wait(_EVERY):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield look
    finally:
        done.set()
        watcher.join()


def _anonymous() -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise SystemExit("/proc/self/status has no RssAnon: this needs Linux 4.5 or later")

"""Ending a run in good order when a signal asks for it.

The first Ctrl-C, SIGTERM, SIGUSR1 or SIGUSR2 asks: no new work, what is in flight is stored within the grace, exit 75.
A Ctrl-C after that ends at once. Schedulers send SIGTERM before SIGKILL, and SIGUSR1 when told to (`sbatch --signal`).
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from mmteb_synth.errors import Stopped

GRACE = 30.0
"""Seconds for what is in flight. Slurm's KillWait, from SIGTERM to SIGKILL, is 30 too."""

_MARGIN = 5.0
"""Seconds after the grace in which a run that heard the signal must have ended by itself."""

_AT_ONCE = 2.0
"""Seconds after a second Ctrl-C in which the run may still unwind."""

INTERRUPTED = 130
"""The exit code after a Ctrl-C that did not wait for the good order: 128 and the signal's number, as shells have it."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")

Hook = Callable[[], object]


class Stop:
    """A request to end, made in one place and seen in many; safe in threads and in signal handlers.

    Args:
        grace: Seconds that answers in flight are waited for.
    """

    def __init__(self, *, grace: float = GRACE) -> None:
        self.grace = grace
        self.reason: str | None = None
        self._hooks: list[Hook] = []
        self._last: list[Hook] = []
        # Not a threading.Event: a signal handler that sets one can deadlock with the wait it interrupts.
        self._token: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def requested(self) -> bool:
        """Whether the run should end."""
        return self.reason is not None

    def request(self, reason: str) -> None:
        """Ask the run to end.

        Args:
            reason: What asks, as `SIGTERM`; the first one is kept.
        """
        if self.reason is not None:
            return
        self.reason = reason
        self._token.put(None)
        for hook in tuple(self._hooks):
            hook()

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until the run should end, or the time is up.

        Returns:
            Whether the run should end.
        """
        with contextlib.suppress(queue.Empty):
            self._token.get(timeout=seconds)
            self._token.put(None)  # for the others who wait
        return self.requested

    def check(self) -> None:
        """Go on only if nothing asks to end.

        Raises:
            Stopped: Something does.
        """
        if self.reason is not None:
            raise Stopped(self.reason)

    @contextlib.contextmanager
    def calling(self, hook: Hook) -> Iterator[None]:
        """Call a hook as soon as the run should end; at once where it already should.

        The hook may run in a signal handler: it must be quick and take no lock.
        """
        self._hooks.append(hook)
        if self.requested:
            hook()
        try:
            yield
        finally:
            self._hooks.remove(hook)

    @contextlib.contextmanager
    def before_exit(self, hook: Hook) -> Iterator[None]:
        """Call a hook also where the process ends without unwinding, as to end a server that it started."""
        self._last.append(hook)
        try:
            yield
        finally:
            self._last.remove(hook)

    def leave(self, code: int) -> None:
        """End the process without unwinding, after the hooks of `before_exit`, the last one first.

        Answers that were not stored yet are lost, as by SIGKILL; a file is never left half written.
        """
        for hook in reversed(tuple(self._last)):
            with contextlib.suppress(Exception):  # nothing may keep the process alive now
                hook()
        os._exit(code)


@contextlib.contextmanager
def on_signals(*, grace: float = GRACE) -> Iterator[Stop]:
    """Turn signals into a request to end, and put the earlier handlers back afterwards.

    In a thread other than the main one no signal can be caught, and only `Stop.request` asks.

    Args:
        grace: Seconds from the first signal in which answers in flight are waited for.

    Yields:
        The request; hand it to what does the work.
    """
    stop = Stop(grace=grace)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # A thread that is already there, since a handler must not start one.
    orders: queue.SimpleQueue[tuple[float, int] | None] = queue.SimpleQueue()
    watch = threading.Thread(
        target=_leave_when_told, args=(stop, orders), daemon=True, name="mmteb-synth-stop"
    )

    interrupted = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        name = signal.Signals(number).name
        if not stop.requested:
            stop.request(
                "Ctrl-C" if number == signal.SIGINT else name
            )  # before it is said: the answer may be Ctrl-C
            orders.put((grace + _MARGIN, Stopped.exit_code))
            _say(
                f"{name}: no new work; what is in flight is stored, at most {grace:.0f} s; Ctrl-C ends at once"
            )
        elif number == signal.SIGINT:
            interrupted = True
            orders.put((_AT_ONCE, INTERRUPTED))
            raise KeyboardInterrupt

    watch.start()
    earlier: dict[int, Any] = {}
    for name in _SIGNALS:
        if hasattr(signal, name):  # Windows has no SIGUSR1
            number = getattr(signal, name)
            earlier[number] = signal.signal(number, handle)
    try:
        yield stop
    except Stopped:
        raise
    except Exception:
        if interrupted:  # in a library, which made an error of its own of it
            raise KeyboardInterrupt from None
        raise
    finally:
        orders.put(None)
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _leave_when_told(stop: Stop, orders: queue.SimpleQueue[tuple[float, int] | None]) -> None:
    """End the process when a deadline passes; an order is (seconds from now, exit code), and None calls it off."""
    code, deadline = 0, None
    while True:
        try:
            order = orders.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            stop.leave(code)
            return
        if order is None:
            return
        seconds, code = order
        deadline = time.monotonic() + seconds


def _say(line: str) -> None:
    # Not print: the handler may have interrupted one that holds the stream's lock.
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"{line}\n".encode())

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mmteb_synth.errors import Stopped
from mmteb_synth.stopping import Stop, on_signals

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2]


def test_a_stop_is_seen_everywhere_and_its_first_reason_kept() -> None:
    stop, seen = Stop(), []
    stop.check()
    with stop.calling(lambda: seen.append("hook")):
        stop.request("SIGTERM")
        stop.request("Ctrl-C")
    assert (stop.requested, stop.reason, seen) == (True, "SIGTERM", ["hook"])
    with pytest.raises(Stopped, match="stopped by SIGTERM") as caught:
        stop.check()
    assert caught.value.exit_code == 75
    assert "again" in str(caught.value.hint)
    with stop.calling(lambda: seen.append("late")):
        assert seen == ["hook", "late"]


def test_hooks_are_forgotten() -> None:
    stop, seen = Stop(), []
    with stop.calling(lambda: seen.append("hook")):
        pass
    stop.request("SIGTERM")
    assert seen == []


def test_waiting_ends_with_the_time_or_the_request() -> None:
    stop = Stop()
    assert stop.wait(0.001) is False
    threads = [threading.Thread(target=stop.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.request("SIGTERM")
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert stop.wait() is True


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_and_earlier_handlers_come_back(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    with on_signals() as stop:
        signal.raise_signal(number)
        assert stop.requested
        assert stop.reason == ("Ctrl-C" if number == signal.SIGINT else number.name)
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize("first", SIGNALS)
def test_ctrl_c_after_a_first_signal_interrupts(first: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), on_signals():  # noqa: PT012  the second one is what raises
        signal.raise_signal(first)
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_that_a_library_takes_for_an_error_of_its_own_is_still_one() -> None:
    with pytest.raises(KeyboardInterrupt), on_signals():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise RuntimeError("Event loop stopped before Future completed.") from error


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="x"), on_signals():
        raise ValueError("x")
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_catches_no_signals() -> None:
    before, found = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with on_signals() as stop:
            found.append((stop.requested, signal.getsignal(signal.SIGTERM) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, True)]


_STUBBORN = """
import os, sys, time
from mmteb_synth import stopping
stopping._MARGIN = stopping._AT_ONCE = 0.1
def work():
    said = False
    while True:
        try:
            if not said:
                said = True
                print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass
with stopping.on_signals(grace=float(sys.argv[1])) as stop:
    with stop.before_exit(lambda: os.write(1, b"server stopped\\n")), stop.before_exit(lambda: 1 / 0):
        work()
"""


@contextmanager
def _stubborn(grace: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _STUBBORN, str(grace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_work_that_does_not_end_is_ended_after_the_grace() -> None:
    with _stubborn(0.1) as process:
        process.send_signal(signal.SIGUSR1)
        said, told = process.communicate(timeout=30)
        assert (process.returncode, said) == (75, "server stopped\n")
        assert "SIGUSR1: no new work" in told


def test_a_second_ctrl_c_ends_also_what_does_not_listen() -> None:
    with _stubborn(3600) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "SIGTERM" in process.stderr.readline()
        os.kill(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=30)
        assert (process.returncode, said) == (130, "server stopped\n")

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmteb_synth.translate.vllm.leash import leashed

# A program that starts another one, names both, and stays.
_PROGRAM = """
import os, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), other.pid, flush=True)
if "ends" not in sys.argv:
    time.sleep(600)
"""
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _PROGRAM

# An owner of such a program, to be killed.
_OWNER = """
import os, subprocess, sys, time
from mmteb_synth.translate.vllm.leash import leashed
reading, writing = os.pipe()
subprocess.Popen(leashed([sys.executable, "-c", sys.argv[1]], reading), pass_fds=[reading], start_new_session=True)
time.sleep(600)
"""


def start(program: str, *arguments: str, grace: float = 15.0) -> tuple[subprocess.Popen[str], int, list[int]]:
    """A program on a leash, the end of the pipe that holds it, and the processes."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        leashed([sys.executable, "-c", program, *arguments], reading, grace=grace),
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[reading],
        start_new_session=True,
    )
    os.close(reading)
    assert process.stdout is not None
    return process, writing, [int(number) for number in process.stdout.readline().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody reaps does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, f"{pids} live on"
        time.sleep(0.02)


def finish(process: subprocess.Popen[str]) -> int:
    code = process.wait(60)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_all_ends_when_the_owner_lets_go() -> None:
    process, writing, pids = start(_PROGRAM)
    assert len(pids) == 2
    assert all(map(alive, pids))
    os.close(writing)
    assert finish(process) == 128 + signal.SIGTERM
    wait_until_gone(pids)


def test_all_ends_when_the_owner_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, _PROGRAM], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(number) for number in owner.stdout.readline().split()]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until_gone(pids)


def test_what_does_not_listen_is_killed() -> None:
    process, writing, pids = start(_STUBBORN, grace=0.1)
    os.close(writing)
    assert finish(process) == 128 + signal.SIGKILL
    wait_until_gone(pids)


def test_what_is_left_behind_is_ended_too() -> None:
    process, writing, pids = start(_PROGRAM, "ends")
    assert finish(process) == 0
    wait_until_gone(pids)
    os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_leash_itself_change_nothing(number: signal.Signals) -> None:
    process, writing, pids = start(_PROGRAM)
    process.send_signal(number)
    time.sleep(0.2)
    assert process.poll() is None
    assert all(map(alive, pids))
    os.close(writing)
    finish(process)


def test_a_program_that_is_not_there() -> None:
    reading, writing = os.pipe()
    done = subprocess.run(
        leashed(["/no/such/program"], reading),
        pass_fds=[reading],
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 127
    assert done.stderr == "/no/such/program can't be run: No such file or directory\n"

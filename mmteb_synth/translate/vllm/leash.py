"""Keeps a program on a leash: it and all that it starts end when its owner does, whatever ends the owner.

Run as a script, between the owner and the program:

    python leash.py FD SECONDS PROGRAM [ARGUMENT …]

The owner holds the other end of the pipe FD. When that is closed, by the owner or by the system because the owner was
killed, the program gets SIGTERM, so that it can end what it started in good order, and SIGKILL after SECONDS. When it
has ended, whatever made it, what it started is asked to end too, and killed after some seconds. The program has a session
of its own, so a Ctrl-C in the owner's terminal does not reach it.

Only the standard library is imported, since the script is run without site-packages.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

GRACE = 15.0
"""Seconds from SIGTERM to SIGKILL."""

_LEFT_BEHIND = 6.0
"""Seconds for what the program started, after its own end. vLLM's workers take four to give shared memory back."""
_POLL = 0.05
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def leashed(command: Sequence[str], owner: int, *, grace: float = GRACE) -> list[str]:
    """The command that runs a command on a leash; start it with `pass_fds=[owner]` in a session of its own.

    Args:
        command: The program and its arguments.
        owner: The reading end of a pipe whose writing end only the owner has.
        grace: Seconds from SIGTERM to SIGKILL.
    """
    return [sys.executable, "-I", "-S", __file__, str(owner), str(grace), *command]


def _end_group(group: int) -> None:
    """Ask what is left of a group to end, wait until it has, and kill it where that takes too long."""
    deadline = time.monotonic() + _LEFT_BEHIND
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # nothing is left, or only somebody's zombie
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < deadline:
            _reap()
            os.killpg(group, 0)
            time.sleep(_POLL)
        os.killpg(group, signal.SIGKILL)


def _adopt() -> None:
    """Become the parent of processes that lose theirs: in a container without an init nobody else reaps them."""
    with contextlib.suppress(AttributeError, OSError):  # Linux only
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _follow(owner: int, program: subprocess.Popen[bytes], grace: float) -> None:
    """Wait for the owner's end, and then end the program."""
    while os.read(owner, 4096):
        pass
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(grace)
    program.kill()


def _hold(owner: int, grace: float, command: Sequence[str]) -> int:
    _adopt()
    try:
        program = subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"{command[0]} can't be run: {error.strerror}\n")
        return 127
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # not before: the program would inherit it
    threading.Thread(target=_follow, args=(owner, program, grace), daemon=True).start()
    code = program.wait()
    _end_group(program.pid)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_hold(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))

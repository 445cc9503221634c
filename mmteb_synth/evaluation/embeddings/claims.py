"""Which texts a process is having embedded, so that no other process pays for them meanwhile.

A claim is a lock on one byte of an empty file, the byte that a text's digest names. The system gives locks up with the
process that holds them, however it ends, so that nothing has to be cleared away after a crash. Threads of one process
don't keep each other out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nobody is kept out
    fcntl = None  # type: ignore[assignment]

_BYTES = 7
"""How much of a digest names the byte. Where two texts share one, a process waits that need not have."""


@contextlib.contextmanager
def claimed(file: Path, keys: Sequence[bytes], waiting: Callable[[], None]) -> Iterator[None]:
    """Claim texts for as long as the body runs, once nobody else claims any of them.

    Args:
        file: The file to lock; it is made where it is missing.
        keys: The digests of the texts.
        waiting: Called before waiting for another process.

    Raises:
        OSError: The file can't be opened or locked.
    """
    with file.open("ab") as handle:  # closing it gives the locks up
        if fcntl is not None:
            # In one order for all, so that no two processes wait for each other.
            for place in sorted({int.from_bytes(key[:_BYTES]) for key in keys}):
                try:
                    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                except (BlockingIOError, PermissionError):
                    waiting()
                    fcntl.lockf(handle, fcntl.LOCK_EX, 1, place)
        yield

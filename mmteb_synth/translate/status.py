"""How far a run is, in a file that can be read from another host.

The file is written beside its place and moved there, so that a reader never sees half of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mmteb_synth import paths
from mmteb_synth.errors import Stopped, SynthError
from mmteb_synth.types import Progress, ProgressHook

SCHEMA = 1
STALE_SECONDS = 60.0
"""A run that is alive writes every second; one that did not for so long has probably been killed."""

_EVERY_SECONDS = 1.0
_WINDOW = 60
"""Seconds that the rate is taken over."""

State = Literal["running", "stopped", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a run is.

    Attributes:
        schema: The number of the file's form.
        host: Where it runs.
        pid: Its process there.
        started: When, as ISO 8601 in UTC.
        updated: When this was written, as ISO 8601 in UTC.
        state: `running`; `stopped` by a signal, so that running it again goes on; `done`; `failed`.
        set: The set that is being translated; empty before the first.
        total: Texts of that set.
        done: Texts of it that are finished, with or without a translation.
        hits: Texts of it that the cache answered.
        failed: Texts of it that have no translation.
        input_tokens: Tokens sent for it by this run.
        output_tokens: Tokens received for it by this run.
        per_second: Texts finished in a second, over the last minute, without the cache's.
        seconds_left: Until the set is finished, at that rate; None where there is none.
        error: What keeps the translator from answering just now, or why the run failed.
    """

    schema: int
    host: str
    pid: int
    started: str
    updated: str
    state: State
    set: str = ""
    total: int = 0
    done: int = 0
    hits: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    per_second: float = 0.0
    seconds_left: float | None = None
    error: str | None = None

    def age(self, now: datetime | None = None) -> float:
        """Seconds since it was written, by this host's clock."""
        return ((now or datetime.now(UTC)) - datetime.fromisoformat(self.updated)).total_seconds()

    def is_stale(self, now: datetime | None = None) -> bool:
        """Whether it says that it runs, and yet was killed: another host's process can't be seen, only its silence."""
        gone = self.host == socket.gethostname() and not _is_alive(self.pid)
        return self.state == "running" and (gone or self.age(now) > STALE_SECONDS)


def file(cache_dir: Path, suffix: str = "") -> Path:
    """Where a run's status lies.

    Args:
        cache_dir: The folder of its cache.
        suffix: Of its shard.
    """
    return cache_dir / f"status{suffix}.json"


class Writer:
    """Writes a run's status every second, in a thread of its own.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started = _now()
        self._set = ""
        self._progress = Progress(total=0)
        self._samples: deque[tuple[float, int]] = deque(maxlen=int(_WINDOW / _EVERY_SECONDS) + 1)
        self._over = threading.Event()

    def hook(self, name: str, then: ProgressHook | None = None) -> ProgressHook:
        """What a set's progress is told to.

        Args:
            name: The set.
            then: Who is told after that.
        """
        self._set, self._progress = name, Progress(total=0)
        self._samples.clear()

        def update(progress: Progress) -> None:
            self._progress = progress
            if then is not None:
                then(progress)

        return update

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write until the body ends, and then how it ended; a folder that can't be written keeps no run from going."""
        thread = threading.Thread(target=self._write_regularly, name="mmteb-synth-status", daemon=True)
        thread.start()
        state: State = "failed"
        error: str | None = None
        try:
            yield
            state = "done"
        except (Stopped, KeyboardInterrupt):
            state = "stopped"
            raise
        except SynthError as failure:
            error = failure.message
            raise
        except BaseException as failure:
            error = type(failure).__name__
            raise
        finally:
            self._over.set()
            thread.join()
            self._write(state, error)

    def _write_regularly(self) -> None:
        self._write("running")
        while not self._over.wait(_EVERY_SECONDS):
            self._write("running")

    def _write(self, state: State, error: str | None = None) -> None:
        with contextlib.suppress(SynthError):  # what matters is in the cache, which speaks for itself
            paths.write_text(
                self._path, json.dumps(asdict(self._status(state, error)), sort_keys=True) + "\n"
            )

    def _status(self, state: State, error: str | None) -> Status:
        progress = self._progress
        asked = progress.done - progress.hits
        self._samples.append((time.monotonic(), asked))
        (then, before), (now, _) = self._samples[0], self._samples[-1]
        rate = (asked - before) / (now - then) if now > then else 0.0
        return Status(
            schema=SCHEMA,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=self._started,
            updated=_now(),
            state=state,
            set=self._set,
            total=progress.total,
            done=progress.done,
            hits=progress.hits,
            failed=progress.failed,
            input_tokens=progress.usage.input_tokens,
            output_tokens=progress.usage.output_tokens,
            per_second=round(rate, 3),
            seconds_left=round((progress.total - progress.done) / rate, 1) if rate > 0 else None,
            error=error or progress.problem,
        )


ProgressFactory = Callable[[str], ProgressHook]


@contextlib.contextmanager
def reporting(path: Path, progress: ProgressFactory | None) -> Iterator[ProgressFactory]:
    """Write the status of a run beside what else shows its progress.

    Args:
        path: The status file.
        progress: What makes the hook that shows a set's progress, where anything does.

    Yields:
        What makes the hooks to use instead.
    """
    writer = Writer(path)
    with writer.writing():
        yield lambda name: writer.hook(name, progress(name) if progress else None)


def read(path: Path) -> Status:
    """Read a status file.

    Raises:
        SynthError: It is missing, or no status that this version knows.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        if values["schema"] != SCHEMA:
            raise SynthError(
                f"{path} has schema {values['schema']}, and this mmteb-synth knows schema {SCHEMA}",
                hint="pip install --upgrade mmteb-synth",
            )
        return Status(**values)
    except OSError as error:
        raise SynthError(
            f"could not read {path}: {error.strerror}", hint="name the folder of the cache with --cache-dir"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SynthError(f"{path} is no status of a run: {error}") from error


def read_all(cache_dir: Path) -> dict[Path, Status]:
    """The statuses of all runs that use a cache, those of shards among them.

    Raises:
        SynthError: There is none, or one is damaged.
    """
    found = sorted(cache_dir.glob("status*.json"))
    if not found:
        raise SynthError(
            f"no run has left a status in {cache_dir}",
            hint="name the folder of the cache with --cache-dir, as the run did",
        )
    return {path: read(path) for path in found}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

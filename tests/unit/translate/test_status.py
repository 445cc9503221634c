import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmteb_synth.errors import Stopped, SynthError, TranslatorError
from mmteb_synth.translate import status
from mmteb_synth.types import Progress, Usage


def _status(**changes: object) -> status.Status:
    now = datetime.now(UTC).isoformat()
    first = status.Status(
        schema=1, host=socket.gethostname(), pid=os.getpid(), started=now, updated=now, state="running"
    )
    return dataclasses.replace(first, **changes)  # type: ignore[arg-type]


def _await(path: Path, **wanted: object) -> status.Status:
    deadline = time.monotonic() + 30
    while True:
        found = status.read(path) if path.exists() else None
        if found and all(getattr(found, name) == value for name, value in wanted.items()):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_a_run_shows_how_far_it_is(tmp_path: Path) -> None:
    path, told = status.file(tmp_path), []
    with status.reporting(path, lambda name: lambda progress: told.append((name, progress))) as hooks:
        _await(path, state="running", set="")
        hook = hooks("MiniSTS.tur-Latn.x")
        progress = Progress(
            total=10, done=6, hits=2, failed=1, usage=Usage(input_tokens=7, output_tokens=5), problem="slow"
        )
        hook(progress)
        found = _await(path, done=6)
        assert (found.set, found.total, found.hits, found.failed) == ("MiniSTS.tur-Latn.x", 10, 2, 1)
        assert (found.input_tokens, found.output_tokens, found.error) == (7, 5, "slow")
        assert (found.host, found.pid) == (socket.gethostname(), os.getpid())
        assert not found.is_stale()
    assert status.read(path).state == "done"
    assert told == [("MiniSTS.tur-Latn.x", progress)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_rate_and_time_left_are_of_what_was_asked(tmp_path: Path) -> None:
    path = status.file(tmp_path, ".shard-1-of-2")
    assert path.name == "status.shard-1-of-2.json"
    with status.reporting(path, None) as hooks:
        hook = hooks("x")
        hook(Progress(total=100, done=50, hits=50))
        _await(path, done=50)
        hook(Progress(total=100, done=60, hits=50))
        found = _await(path, done=60)
        assert found.per_second > 0
        assert found.seconds_left == pytest.approx(40 / found.per_second, rel=0.1)


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (Stopped("SIGTERM"), "stopped", None),
        (KeyboardInterrupt(), "stopped", None),
        (TranslatorError("no key"), "failed", "no key"),
        (ZeroDivisionError("x"), "failed", "ZeroDivisionError"),
    ],
)
def test_how_a_run_ended_is_kept(tmp_path: Path, error: BaseException, state: str, said: str | None) -> None:
    path = status.file(tmp_path)
    with pytest.raises(type(error)), status.reporting(path, None):
        raise error
    found = status.read(path)
    assert (found.state, found.error) == (state, said)


def test_a_folder_that_can_not_be_written_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "status.json"
    with status.reporting(path, None) as hooks:
        hooks("x")(Progress(total=1))
    assert not path.exists()


def test_silence_shows_that_a_run_was_killed() -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert not _status().is_stale()
    assert _status(updated=long_ago).is_stale()
    assert _status(updated=long_ago, host="elsewhere").is_stale()
    assert not _status(updated=long_ago, state="done").is_stale()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert _status(pid=gone.pid).is_stale()
    assert not _status(pid=gone.pid, host="elsewhere").is_stale()
    assert not _status(pid=1).is_stale()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no status"),
        ("[]", "no status"),
        ("{}", "no status"),
        ('{"schema": 1}', "no status"),
        ('{"schema": 2}', "schema 2"),
        ("\x00", "no status"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(content)
    with pytest.raises(SynthError, match=said):
        status.read(path)


def test_all_runs_of_a_cache(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match="no run has left a status") as caught:
        status.read_all(tmp_path)
    assert "--cache-dir" in str(caught.value.hint)
    with pytest.raises(SynthError, match="could not read"):
        status.read(tmp_path / "status.json")
    for name in ("status.json", "status.shard-1-of-2.json"):
        (tmp_path / name).write_text(json.dumps(dataclasses.asdict(_status())))
    assert [path.name for path in status.read_all(tmp_path)] == ["status.json", "status.shard-1-of-2.json"]

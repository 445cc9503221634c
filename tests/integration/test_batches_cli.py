"""`build --batch` and `batches` as a user runs them, against a real server on loopback."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
from batch_server import BatchServer, Plan
from click.testing import CliRunner

from mmteb_synth.cli import cli


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return {**kept, "OPENAI_API_KEY": "sk-canary", "TMPDIR": str(tmp_path)}


class _Cli:
    def __init__(self, folder: Path, environment: dict[str, str], server: BatchServer) -> None:
        self.folder, self.environment, self.server = folder, environment, server
        self.said: list[str] = []

    def build(self, *more: str) -> subprocess.Popen[str]:
        return self._start(
            "build",
            "--no-repair",
            *("--lang", "tr", "--lang", "de", "-t", "MiniSTS", "-t", "MiniSTSBitext"),
            *(
                "--translator",
                "openai:test-model",
                "--base-url",
                self.server.url,
                "--batch",
                "--poll",
                "0.05",
            ),
            *("--data-dir", str(self.folder / "sets"), "--debug"),
            *more,
        )

    def batches(self, *arguments: str) -> tuple[int, str]:
        """In this process: only what gets a signal needs one of its own."""
        given = ["batches", *arguments, "--cache-dir", str(self.folder / "cache")]
        done = CliRunner().invoke(cli, given, env=self.environment)
        return self._ended(done.exit_code, done.stdout, done.stderr)

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        out, err = process.communicate(timeout=120)
        return self._ended(process.returncode, out, err)

    def _ended(self, code: int, out: str, err: str) -> tuple[int, str]:
        self.said += [out, err]
        return code, out if code == 0 else err

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mmteb_synth", *arguments, "--cache-dir", str(self.folder / "cache")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )


def test_a_build_that_is_stopped_killed_and_started_again(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with BatchServer(key="sk-canary") as server:
        shell = _Cli(tmp_path, environment, server)
        server.plans.extend([Plan(looks=10**6, final="expired", share=0.5), Plan(looks=10**6)])

        stopped = shell.build()
        while server.looks < 2:
            assert stopped.poll() is None
        stopped.send_signal(signal.SIGTERM)
        code, said = shell.end(stopped)
        assert code == 75
        assert "1 batches with 114 texts go on" in said
        assert "run the same command again, --batch included" in said

        code, said = shell.batches("list", "--json")
        (listed,) = json.loads(said)
        assert (code, listed["id"], listed["requests"], listed["state"]) == (0, "batch_1", 114, "submitted")
        assert shell.batches("harvest") == (0, f"batch_1: {listed['remote']}, 0 of 114\n")

        _finish(server, "batch_1")
        killed = shell.build()
        while len(server.batches) < 2:
            assert killed.poll() is None
        killed.kill()
        shell.end(killed)
        _finish(server, "batch_2")
        assert shell.batches("harvest") == (0, "batch_2: completed, 57 of 57; 57 brought in\n")

        code, said = shell.end(shell.build())
        assert code == 0
        assert said.count("built") == 4
        assert (len(server.batches), sum(server.charged.values()), server.requests) == (2, 114, [])
        code, said = shell.batches("list")
        assert "expired: 57 answered, 57 unanswered" in said
        assert "completed: 57 answered" in said
        assert shell.batches("cancel") == (0, "no job is waiting\n")
        assert b"canary" not in b"".join(server.uploads)
    assert "canary" not in "".join(shell.said)
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"canary" not in file.read_bytes(), file


def _finish(server: BatchServer, name: str) -> None:
    batch = server.batches[name]
    batch.states = deque(["finalizing", batch.states[-1]])


def test_cancel_and_errors(tmp_path: Path, environment: dict[str, str]) -> None:
    with BatchServer() as server:
        shell = _Cli(tmp_path, environment, server)
        server.has_batches = False
        code, said = shell.end(shell.build())
        assert code == 1
        assert "has no Batch API" in said
        server.has_batches = True
        server.plans.append(Plan(looks=10**6, share=0.5))
        started = shell.build()
        while not server.looks:
            assert started.poll() is None
        code, said = shell.batches("cancel", "batch_9")  # while the build waits
        assert code == 2
        assert "did you mean batch_1?" in said
        code, said = shell.batches("cancel", "batch_1")
        assert (code, said.split(",")[0]) == (0, "batch_1: cancelling")
        code, said = shell.end(started)
        assert code == 1
        assert "its batch was cancelled" in said
        code, said = shell.end(shell.build("--offline"))
        assert code == 1
        assert "not in the cache" in said
        assert len(server.batches) == 1

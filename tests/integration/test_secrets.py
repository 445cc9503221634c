"""A key goes to its endpoint and nowhere else: not to the terminal, not to a file, not to another host."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer, Plan
from openai_server import Fault, OpenAIServer

KEY = "sk-canary-0123456789abcdef"
CANARY = "canary-0123456789"
ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}

_DRIVER = """
import json, sys, traceback
from mmteb_synth.cli.main import cli
for line in sys.stdin:
    try:
        cli(json.loads(line), prog_name="mmteb-synth")
    except SystemExit as stop:
        print(json.dumps({"exit": stop.code}), flush=True)
"""

FAULTS = {
    "none": Fault(),
    "echo in the answer": Fault(message={"content": f"Selam {KEY}"}),
    "echo in a refusal": Fault(message={"content": None, "refusal": f"I will not say {KEY}"}),
    "echo in a malformed answer": Fault(message={"content": f'{{"key": "{KEY}"'}),
    "400": Fault(status=400, body=ECHO),
    "401": Fault(status=401, body=ECHO),
    "403": Fault(status=403, body=f"<html>{KEY}</html>"),
    "404": Fault(status=404, body=ECHO),
    "429": Fault(status=429, body=ECHO, headers={"Retry-After": "0"}),
    "quota": Fault(status=429, body={"error": {"message": KEY, "code": "insufficient_quota"}}),
    "500": Fault(status=500, body=f"Traceback: Authorization: Bearer {KEY}"),
    "302": Fault(status=302, headers={"Location": f"http://127.0.0.1:9/{KEY}"}),
    "reset": Fault(reset=True),
    "cut": Fault(cut=True),
    "wrong JSON": Fault(body=f'{{"choices": "{KEY}'),
    "null": Fault(body="null"),
    "length": Fault(finish_reason="length", message={"content": KEY}),
}


class _CommandLine:
    """One process that runs command after command, since loading MTEB takes seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = folder / "said.txt"
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _DRIVER],
                cwd=folder,
                env={**os.environ, "OPENAI_API_KEY": KEY, "MMTEB_SYNTH_HOME": str(folder / "home")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    def run(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and what was printed to stdout."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith('{"exit": '):
                return int(json.loads(line)["exit"] or 0), "".join(lines)
            lines.append(line)
        pytest.fail(self.said.read_text())

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_CommandLine]:
    opened = _CommandLine(tmp_path_factory.mktemp("secrets"))
    yield opened
    opened.close()


def _leaks(folder: Path) -> list[str]:
    """The files with the key, or a part of it, in them or in their names."""
    return [
        str(path)
        for path in folder.rglob("*")
        if CANARY in path.name or (path.is_file() and CANARY.encode() in path.read_bytes())
    ]


def _build(command_line: _CommandLine, url: str, name: str, *options: str) -> tuple[int, str]:
    folder = command_line.folder / name.replace(" ", "-")
    places = ["--cache-dir", str(folder / "cache"), "--data-dir", str(folder / "data")]
    what = ["--lang", "tr", "--task", "MiniSTS", "--limit", "2", "--on-failure", "source", "--no-repair"]
    return command_line.run(
        "build", *what, "--translator", "openai:test-model", "--base-url", url, *places, "--debug", *options
    )


@pytest.mark.parametrize("name", FAULTS)
def test_a_key_is_in_nothing_that_a_run_leaves(command_line: _CommandLine, name: str) -> None:
    with OpenAIServer(key=KEY) as server:
        server.faults.append(FAULTS[name])
        before = command_line.said.stat().st_size
        _, printed = _build(command_line, server.url, name)
    assert server.authorizations[:1] == [f"Bearer {KEY}"]
    assert command_line.said.stat().st_size > before  # --debug says something
    assert CANARY not in printed
    assert _leaks(command_line.folder) == []


@pytest.mark.parametrize("status", [401, 500, 302])
def test_a_key_is_in_nothing_when_the_catalogue_fails(command_line: _CommandLine, status: int) -> None:
    with OpenAIServer() as server:
        server.models_fault = Fault(
            status=status, body=ECHO, headers={"Location": f"/{KEY}", "Retry-After": "0"}
        )
        if status == 500:  # asked again and again otherwise
            server.models_fault = Fault(status=501, body=ECHO)
        _, printed = _build(command_line, server.url, f"catalogue {status}")
    assert CANARY not in printed
    assert _leaks(command_line.folder) == []


@pytest.mark.parametrize("final", ["completed", "failed"])
def test_a_key_is_in_no_batch_file(command_line: _CommandLine, final: str) -> None:
    with BatchServer() as server:
        complaints = (
            [{"code": "invalid", "message": f"bad key {KEY}", "line": None}] if final == "failed" else []
        )
        server.plans.append(Plan(final=final, complaints=complaints))
        _, printed = _build(command_line, server.url, f"batch {final}", "--batch", "--poll", "0.01")
    assert server.uploads
    assert CANARY not in printed
    assert not any(CANARY.encode() in content for content in map(_bytes, server.files.values()))
    assert _leaks(command_line.folder) == []


def _bytes(content: object) -> bytes:
    return content if isinstance(content, bytes) else str(content).encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["models", "chat"])
def test_a_redirect_takes_no_key_to_another_host(command_line: _CommandLine, status: int, where: str) -> None:
    with OpenAIServer() as other, OpenAIServer() as server:
        path = "/models" if where == "models" else "/chat/completions"
        fault = Fault(status=status, headers={"Location": other.url + path}, body="moved")
        if where == "models":
            server.models_fault = fault
        else:
            server.fault_for = lambda _: fault
        code, _ = _build(command_line, server.url, f"redirect {where} {status}")
        assert code == 1
        assert (other.catalogue_requests, other.requests) == (0, [])
    assert "redirects elsewhere: give --base-url the final address" in command_line.said.read_text()
    assert _leaks(command_line.folder) == []


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/v1", "file:///etc/passwd", "127.0.0.1:8000/v1", f"http://user:{KEY}@127.0.0.1/v1"],
)
def test_only_http_is_spoken_and_no_address_holds_a_key(command_line: _CommandLine, url: str) -> None:
    code, printed = _build(command_line, url, "addresses")
    assert code == 2
    assert CANARY not in printed
    assert _leaks(command_line.folder) == []


def test_an_answer_is_data(command_line: _CommandLine) -> None:
    """What looks like a path, a program or a mark of ours is stored as a text like any other."""
    nasty = "../../../etc/passwd\x00$(touch pwned); __import__('os').system('touch pwned')"
    with OpenAIServer(answer=lambda text: nasty) as server:
        code, _ = _build(command_line, server.url, "nasty")
    assert code == 0
    assert not list(command_line.folder.rglob("pwned"))
    assert not list(command_line.folder.rglob("passwd*"))


def test_a_flood_is_not_stored(command_line: _CommandLine) -> None:
    with OpenAIServer(answer=lambda text: "a" * (5 << 20)) as server:
        _build(command_line, server.url, "flood")
    folder = command_line.folder / "flood"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1 << 20

"""`mmteb-synth serve` with a stand-in for vLLM; `make test-vllm` runs the real one."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vllm_stand_in import chats, make, started

FP8 = "RedHatAI/Mixtral-8x7B-Instruct-v0.1-FP8"
MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"


def free_port(count: int = 1) -> int:
    """The first of so many neighbouring ports that nobody listens on."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
        try:
            for number in range(port, port + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except (OSError, OverflowError):
            continue
        return port


class Machine:
    """A machine with GPUs, as far as `nvidia-smi` says, and a stand-in for vLLM."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = make(folder / "vllm", "0.32.0")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("CUDA_VISIBLE_DEVICES", "MMTEB_SYNTH_WEIGHTS", "HF_HUB_OFFLINE")
        }
        self.environment["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
        self.environment["MMTEB_SYNTH_VLLM_PYTHON"] = str(self.python)
        (folder / "bin").mkdir()
        self.gpus(85)

    def gpus(self, *gigabytes: int) -> None:
        lines = [
            f"{number}, GPU-{number}, NVIDIA, Disabled, {size * 1000}, 0"
            for number, size in enumerate(gigabytes)
        ]
        program = self.folder / "bin" / "nvidia-smi"
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
        program.chmod(0o755)

    def serve(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mmteb_synth", "serve", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.serve(*arguments)
        out, said = process.communicate(timeout=60)
        return process.returncode, out, said

    def wait_until_gone(self) -> None:
        deadline = time.monotonic() + 60
        for one in started(self.folder / "vllm"):
            while any(map(alive, one["pids"])):
                assert time.monotonic() < deadline, f"{one['pids']} live on"
                time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody reaps does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.wait_until_gone()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_waits_for_a_chat_says_where_and_stops_with_the_command(
    machine: Machine, number: signal.Signals
) -> None:
    machine.gpus(85, 85)
    port = free_port(2)
    process = machine.serve("mixtral-8x7b-fp8", "--port", str(port))
    first, second = f"http://127.0.0.1:{port}/v1", f"http://127.0.0.1:{port + 1}/v1"
    *urls, build = lines(process, 3)
    assert urls == [first, second]
    assert build == (
        f"mmteb-synth build --lang LANG --translator mixtral-8x7b-fp8 --base-url {first} --base-url {second} "
        "--concurrency 512"
    )
    # Both said 200 to /health at once, and 500 to two chats each.
    asked = chats(machine.folder / "vllm")
    assert len(asked) == 6
    assert {one["model"] for one in asked} == {FP8}
    assert {one["gpus"] for one in started(machine.folder / "vllm")} == {"0", "1"}
    process.send_signal(number)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in said
    assert f"{second} has answered a chat after" in said


def test_its_servers_end_when_it_is_killed(machine: Machine) -> None:
    process = machine.serve("mixtral-8x7b-fp8", "--port", str(free_port()))
    lines(process, 2)
    process.kill()
    process.communicate(timeout=60)
    machine.wait_until_gone()


def test_what_fits_is_served_and_said(machine: Machine) -> None:
    code, out, said = machine.run("mixtral-8x7b", "--print")
    assert (code, shlex.split(out)[2:4]) == (0, ["serve", FP8])
    assert "mixtral-8x7b does not fit on 1 × NVIDIA (89.1 GB): serving mixtral-8x7b-fp8" in said
    machine.gpus(85, 85)
    code, out, said = machine.run("mixtral-8x7b", "--print", "--", "--max-model-len", "4096")
    assert (code, said) == (0, "")
    assert out == (
        f"VLLM_NO_USAGE_STATS=1 {machine.python.parent}/vllm serve {MIXTRAL} --host 127.0.0.1 --port 8000 "
        "--tensor-parallel-size 2 --max-num-seqs 256 --max-model-len 4096\n"
    )
    assert not started(machine.folder / "vllm")


def test_a_preset_of_ones_own_and_a_folder(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('model = "org/model"\n[serving]\nweights_gb = 1\nsequences = 8\n')
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "config.json").write_text("{}")
    (tmp_path / "weights" / "model.safetensors").touch()
    os.truncate(tmp_path / "weights" / "model.safetensors", 10**9)
    arguments = [
        str(tmp_path / "mine.toml"),
        "--weights",
        str(tmp_path / "weights"),
        "--port",
        str(free_port()),
    ]
    process = machine.serve(*arguments)
    url, build = lines(process, 2)
    assert build == (
        f"mmteb-synth build --lang LANG --translator {tmp_path}/mine.toml --base-url {url} --concurrency 8"
    )
    assert chats(machine.folder / "vllm")[0]["model"] == "org/model"
    process.terminate()
    process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gpt-4.1-mini"], 2, "error: gpt-4.1-mini can't be served here: its preset has no table [serving]"),
        (["mixtral"], 2, "did you mean mixtral-8x7b"),
        (["mixtral-8x7b", "--vllm-python", "/no/python"], 1, "error: /no/python can't be run"),
        (["mixtral-8x7b", "--vllm-python", sys.executable], 1, "has no vLLM"),
        (["mixtral-8x7b", "--", "--fail"], 1, "ended with 1 before it answered"),
        (["mixtral-8x7b", "--", "--refuse"], 1, "answered 401: no"),
        (["mixtral-8x7b", "--", "--quantization=awq"], 2, "--quantization can't be given to vllm serve here"),
        (["mixtral-8x7b", "--port", "1000000"], 2, "1000000 is not in the range"),
        (["mixtral-8x7b", "--host", "192.0.2.1"], 2, "nothing can listen on 192.0.2.1"),
    ],
)
def test_what_goes_wrong_is_said(machine: Machine, arguments: list[str], code: int, words: str) -> None:
    if "--port" not in arguments:
        arguments = [arguments[0], "--port", str(free_port()), *arguments[1:]]
    found, out, said = machine.run(*arguments)
    assert (found, out) == (code, "")
    assert words in said
    assert "Traceback" not in said


def test_without_a_gpu_or_enough_memory(machine: Machine) -> None:
    machine.gpus()
    assert "error: no GPU was found, and mixtral-8x7b needs 93 GB" in machine.run("mixtral-8x7b")[2]
    machine.gpus(24)
    code, _, said = machine.run("mixtral-8x7b")
    assert code == 1
    assert "too little GPU memory: mixtral-8x7b needs a GPU with 113 GB" in said
    assert "here: 1 × NVIDIA (25.2 GB)" in said


def test_a_port_that_is_taken(machine: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, said = machine.run("mixtral-8x7b-fp8", "--port", str(port))
    assert code == 2
    assert f"nothing can listen on 127.0.0.1:{port}: Address already in use" in said
    assert not started(machine.folder / "vllm")


def test_one_server_that_ends_is_said_and_the_last_one_ends_the_command(machine: Machine) -> None:
    machine.gpus(85, 85)
    process = machine.serve("mixtral-8x7b-fp8", "--port", str(free_port(2)))
    lines(process, 3)
    for one in started(machine.folder / "vllm"):
        os.kill(one["pids"][0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("ended with 137") == 2
    assert "error: no server is left" in said

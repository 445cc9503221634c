"""What the tests against the real vLLM share: a preset, a server, sentences, and a look at processes."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mmteb_synth.types import Segment

HERE = Path(__file__).parent
MODEL = "mistralai/Mixtral-8x7B-Instruct-v0.1"

PRESET = f"""
model = "{MODEL}"
api_key_env = "VLLM_API_KEY"
api_key_optional = true
window = 2048
max_output_tokens = 64
system_role = false
concurrency = 64

[serving]
weights_gb = 0.001
sequences = 64
# A tenth of the memory: vLLM refuses to start where less is free than it may take.
options = {{ max_model_len = 2048, enforce_eager = true, gpu_memory_utilization = 0.1 }}
"""


class Served:
    """`mmteb-synth serve` as a process.

    Attributes:
        url: Where the model is asked.
        build_line: The command that it shows.
        process: The command's process.
        seconds: How long it took to answer.
    """

    def __init__(self, preset: Path, weights: Path, log: Path, *flags: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "mmteb_synth", "serve", str(preset), "--weights", str(weights)]
        start = time.monotonic()
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [*command, "--port", str(port), *flags], stdout=subprocess.PIPE, stderr=stream, text=True
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.build_line = self.process.stdout.readline().strip()
        self.seconds = time.monotonic() - start
        assert self.build_line, log.read_text()[-3000:]

    def stop(self) -> int:
        """Ask it to stop.

        Returns:
            Its exit code.
        """
        self.process.terminate()
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def sentences(count: int, seed: int = 0) -> list[Segment]:
    """Sentences to translate, all different."""
    chance = random.Random(seed)
    nouns = ["dog", "tin", "river", "lamp", "neighbour", "ticket", "queue", "harbour", "cousin", "kettle"]
    verbs = ["sees", "wants", "forgot", "sells", "repairs", "likes", "follows", "paints"]
    return [
        Segment(text=f"The {chance.choice(nouns)} {chance.choice(verbs)} {number} {chance.choice(nouns)}s.")
        for number in range(count)
    ]


def processes(words: str) -> dict[int, int]:
    """Running processes whose command line holds some words, and their sessions; zombies don't run."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if words in line and state != "Z":
            found[int(folder.name)] = int(session)
    return found


def wait_until_gone(sessions: Sequence[int]) -> None:
    """Return when no process of these sessions runs."""
    deadline = time.monotonic() + 60
    while left := {pid for pid, session in processes("").items() if session in sessions}:
        assert time.monotonic() < deadline, f"{left} live on"
        time.sleep(0.1)

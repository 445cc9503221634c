"""The scripts of docs/slurm.md, run as they stand by a stand-in for Slurm that signals and restarts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from openai_server import OpenAIServer, source_text

from mmteb_synth.cli import cli

ROOT = Path(__file__).parents[2]
TEXTS = 600
SECONDS = 0.05
CONCURRENCY = 8
SPEC = """
type = "STS"
description = "Made-up pairs."
license = "apache-2.0"

[files]
test = "pairs.csv"
"""


def script(number: int) -> str:
    """A script of the page, as it stands."""
    found = re.findall(
        r"^```bash\n(.*?)^```", (ROOT / "docs/slurm.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return str(found[number])


def in_turkish(text: str) -> str:
    """A translation that the checks find nothing wrong with: repairs would be asked for too."""
    _, number, _, fruit = text.rstrip(".").split()
    return f"{number} numaralı kasada {'elmalar' if fruit == 'apples' else 'armutlar'} var."


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [
        f"Crate {row} holds apples.,Crate {row + 1000} holds pears.,{row % 6}" for row in range(TEXTS // 2)
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(["sentence1,sentence2,score", *rows]) + "\n", "utf-8")
    (tmp_path / "Crates.toml").write_text(SPEC, "utf-8")
    (tmp_path / "suite.toml").write_text(
        'description = "One set."\n[[tasks]]\nname = "Crates.toml"\n', "utf-8"
    )
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "mmteb-synth").write_text(f'#!/bin/bash\nexec {sys.executable} -m mmteb_synth "$@"\n', "utf-8")
    (tools / "scontrol").write_text(f'#!/bin/bash\necho "$@" >>{tmp_path}/requeued\n', "utf-8")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    return tmp_path


class Slurm:
    """Runs a job's script, signals bash as `--signal=B:…` does, and starts it again when it was requeued."""

    def __init__(self, place: Path, text: str, environment: Mapping[str, str]) -> None:
        self.place, self.text = place, text
        self.environment = {
            **os.environ,
            **environment,
            "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
            "SLURM_JOB_ID": "17",
        }
        self.codes: list[int] = []

    def run(self, server: OpenAIServer, *, signals: list[int]) -> None:
        """Run to the end; each run but the last gets a signal once it has made some requests."""
        requeued = self.place / "requeued"
        for number in [*signals, 0]:
            requeued.unlink(missing_ok=True)
            before = len(server.requests)
            job = subprocess.Popen(["bash", "-c", self.text], env=self.environment, cwd=self.place)
            try:
                if number:
                    deadline = time.monotonic() + 120
                    while len(server.requests) < before + 60 and job.poll() is None:
                        assert time.monotonic() < deadline, "no requests came"
                        time.sleep(0.02)
                    job.send_signal(number)
                self.codes.append(job.wait(120))
            finally:
                job.kill()
            if not requeued.exists():
                return


def options(place: Path, server: OpenAIServer) -> str:
    return (
        f"--base-url {server.url} --concurrency {CONCURRENCY} "
        f"--cache-dir {place / 'cache'} --data-dir {place / 'data'}"
    )


def environment(place: Path, server: OpenAIServer) -> dict[str, str]:
    return {
        "LANGUAGE": "tr",
        "SUITE": str(place / "suite.toml"),
        "TRANSLATOR": "openai:test-model",
        "OPTIONS": options(place, server),
    }


def asked(server: OpenAIServer) -> Counter[str]:
    return Counter(source_text(request) for request in server.requests)


def test_a_job_that_is_signalled_requeues_itself_until_it_is_done(place: Path) -> None:
    with OpenAIServer(answer=in_turkish, models=["test-model"], seconds=SECONDS) as server:
        slurm = Slurm(place, script(0), environment(place, server))
        slurm.run(server, signals=[signal.SIGUSR1, signal.SIGTERM])
        assert slurm.codes == [75, 75, 0]
        assert asked(server) == Counter(dict.fromkeys(asked(server), 1)), (
            "a signal makes nothing be asked twice"
        )
        assert len(asked(server)) == TEXTS
    assert (place / "data" / "Crates.tur-Latn.openai-test-model.json").is_file()


def test_an_array_shares_the_texts_and_a_merge_joins_them(place: Path) -> None:
    assert "#SBATCH --array" in script(1)
    with OpenAIServer(answer=in_turkish, models=["test-model"]) as server:
        for number in (1, 2, 3):
            array = {
                "SLURM_ARRAY_JOB_ID": "17",
                "SLURM_ARRAY_TASK_ID": str(number),
                "SLURM_ARRAY_TASK_COUNT": "3",
            }
            slurm = Slurm(place, script(1), environment(place, server) | array)
            slurm.run(server, signals=[])
            assert slurm.codes == [0]
        assert asked(server) == Counter(dict.fromkeys(asked(server), 1))
        assert len(asked(server)) == TEXTS
    shards = sorted((place / "cache").glob("cache.shard-*-of-3.sqlite"))
    assert len(shards) == 3
    cache = ["--cache-dir", str(place / "cache")]
    merged = CliRunner().invoke(cli, ["cache", "merge", *map(str, shards), *cache])
    assert merged.exit_code == 0, merged.output
    assert merged.stdout.startswith(f"{TEXTS} added")
    what = ["--lang", "tr", "--suite", str(place / "suite.toml"), "--translator", "openai:test-model"]
    built = CliRunner().invoke(cli, ["build", *what, "--offline", "--data-dir", str(place / "data"), *cache])
    assert built.exit_code == 0, built.output
    assert f"{TEXTS} from the cache" in built.stdout

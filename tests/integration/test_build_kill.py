"""Builds that are killed: whole sets or none are left, and what was answered is not asked for again."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest

from mmteb_synth.data.store import Store

SETS, ROWS, BATCH = 3, 100, 32
COMMIT_ROWS = 200

TRANSLATOR = textwrap.dedent(
    """
    import os, time

    def translate(texts, language):
        time.sleep(0.02)
        with open(os.environ["ASKED"], "a") as log:
            log.writelines(text + "\\n" for text in texts)
        return [f"<{text}>" for text in texts]
    """
)


@pytest.fixture
def sets(tmp_path: Path) -> list[Path]:
    (tmp_path / "slow_person.py").write_text(TRANSLATOR)
    specs = []
    for number in range(SETS):
        rows = [
            {
                "sentence1": f"set {number} left {row}",
                "sentence2": f"set {number} right {row}",
                "score": row % 5,
            }
            for row in range(ROWS)
        ]
        (tmp_path / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        spec = tmp_path / f"Set{number}.toml"
        spec.write_text(
            f'type = "STS"\ndescription = "x"\nlicense = "mit"\n[files]\ntest = "{number}.jsonl"\n', "utf-8"
        )
        specs.append(spec)
    return specs


def start(folder: Path, sets: list[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mmteb_synth", "build", "--no-repair", "--lang", "tr", "--quiet"]
    for spec in sets:
        command += ["--task", str(spec)]
    command += ["--translator", "slow_person:translate"]
    command += ["--data-dir", str(folder / "data"), "--cache-dir", str(folder / "cache")]
    environment = {**os.environ, "ASKED": str(folder / "asked")}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def check_store(folder: Path) -> list[str]:
    """Every set that can be found is whole."""
    store = Store(folder / "data")
    for found in store.all():
        for table in found.tables().values():
            assert table.num_rows == ROWS
            assert all(text.startswith("<set") for text in table.column("sentence1").to_pylist())
    return store.names()


def test_kills_at_any_moment_cost_at_most_what_was_in_flight(tmp_path: Path, sets: list[Path]) -> None:
    moments = random.Random(5)
    asked = tmp_path / "asked"
    kills = 0
    for _ in range(2):
        before = len(lines(asked))
        with start(tmp_path, sets) as run:
            deadline = time.monotonic() + 60
            while len(lines(asked)) == before and run.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.25))
            run.send_signal(signal.SIGKILL)
        kills += run.returncode == -signal.SIGKILL
        check_store(tmp_path)
    assert kills
    with start(tmp_path, sets) as run:
        _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert check_store(tmp_path) == [f"Set{number}.tur-Latn.slow_person-translate" for number in range(SETS)]
    counts = Counter(lines(asked))
    assert len(counts) == SETS * ROWS * 2
    assert sum(counts.values()) - len(counts) <= kills * (BATCH + COMMIT_ROWS)
    left = [path.name for path in (tmp_path / "data").iterdir() if path.name.startswith(".")]
    assert all(name.startswith((".Set", ".scratch")) for name in left)

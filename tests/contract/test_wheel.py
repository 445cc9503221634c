"""The wheel holds all that the demo needs, and runs it far from any checkout."""

from __future__ import annotations

import csv
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Protocol

import pytest

from mmteb_synth import paths

ROOT = Path(__file__).parents[2]


class Installed(Protocol):
    """The fixture of that name."""

    home: Path


def test_the_wheel_holds_every_committed_file_of_the_package_and_its_data(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "mmteb_synth", "tasks", "translation_cache/mini"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    committed = listed.stdout.splitlines() or [
        str(path.relative_to(ROOT))  # a source archive has no git
        for folder in ("mmteb_synth", "tasks", "translation_cache/mini")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    bundled = [
        name if name.startswith("mmteb_synth/") else f"mmteb_synth/bundled/{name}" for name in committed
    ]
    assert len(bundled) > 50
    assert not set(bundled) - held
    for name in ("py.typed", "bundled/tasks/mteb.json", "bundled/translation_cache/mini/tur-Latn.csv"):
        assert f"mmteb_synth/{name}" in held
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert not [name for name in held if name.endswith((".sqlite", ".parquet", ".pyc")) or "tests" in name]


def test_the_demo_runs_from_the_wheel_in_another_folder(demo: str) -> None:
    assert demo.count("# Demo leaderboard, not a benchmark") == 1
    for model in ("sentence-transformers/all-MiniLM-L6-v2", "mmteb-synth/bag-of-words"):
        assert f"| {model} " in demo


def test_the_committed_leaderboard_is_the_demo_s(demo: str, installed: Installed) -> None:
    written = installed.home / "store" / "leaderboard"
    for name in ("leaderboard.md", "leaderboard.csv", "scores.csv"):
        assert (written / name).is_file()
    made, committed = _scores(written / "scores.csv"), _scores(ROOT / "leaderboard" / "scores.csv")
    assert made.keys() == committed.keys(), "run make demo and commit leaderboard/"
    for key, score in made.items():
        assert committed[key] == pytest.approx(score, abs=0.005), (
            f"{key}: run make demo and commit leaderboard/"
        )


def _scores(file: Path) -> dict[tuple[str, ...], float]:
    """Model, task and the digest of its data -> score, for every row of a scores.csv."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    digest = re.compile(r"data:\w+")
    return {
        (row["model"], row["model_revision"], row["task"], *digest.findall(row["signature"])): float(
            row["main_score"]
        )
        for row in rows
    }


def test_a_checkout_is_told_from_an_installation() -> None:
    assert paths.checkout() == ROOT

"""The wheel, built once and unpacked far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The package as a wheel leaves it, in a place that is no checkout."""

    site: Path
    home: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this Python with the unpacked wheel before the checkout, in a folder of its own."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.site),
            "MMTEB_SYNTH_HOME": str(self.home / "store"),
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree without any network."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, unpacked."""
    place = tmp_path_factory.mktemp("installed")
    (place / "home").mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return Installed(site=place / "site", home=place / "home")


@pytest.fixture(scope="session")
def demo(installed: Installed) -> str:
    """What the demo prints, run from the unpacked wheel; its sets stay built for other tests."""
    done = installed.python("-m", "mmteb_synth", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

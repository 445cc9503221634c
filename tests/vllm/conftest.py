"""A tiny Mixtral, and the real vLLM to run it; `make test-vllm` sets both up.

The tests run in this package's environment, and vLLM in its own, which MMTEB_SYNTH_VLLM_PYTHON names.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_vllm import HERE, PRESET, Served

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def vllm_python() -> str:
    """The Python that vLLM is installed for."""
    found = os.environ.get("MMTEB_SYNTH_VLLM_PYTHON")
    assert found, "run these by `make test-vllm`"
    return found


@pytest.fixture(scope="session")
def weights(vllm_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the tiny Mixtral."""
    folder = tmp_path_factory.mktemp("weights") / "tiny-mixtral"
    subprocess.run([vllm_python, str(HERE / "tiny_mixtral.py"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mixtral's preset, for a processor."""
    path = tmp_path_factory.mktemp("preset") / "tiny-mixtral.toml"
    path.write_text(PRESET)
    return path


@pytest.fixture(scope="session")
def served(preset: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The tiny Mixtral behind a server, for all tests that need one."""
    server = Served(preset, weights, tmp_path_factory.mktemp("serve") / "log")
    yield server
    server.stop()

"""Finds the Python that vLLM is installed for: usually another than ours, since vLLM wants a PyTorch of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth.errors import TranslatorError

PYTHON_VARIABLE = "MMTEB_SYNTH_VLLM_PYTHON"
WEIGHTS_VARIABLE = "MMTEB_SYNTH_WEIGHTS"

_INSTALL = (
    f"python -m venv ~/vllm && ~/vllm/bin/pip install vllm && export {PYTHON_VARIABLE}=~/vllm/bin/python"
)
_VERSION = "import importlib.metadata as m, sys; sys.stdout.write(m.version('vllm'))"
_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vllm:
    """An installed vLLM.

    Attributes:
        python: The Python that it is installed for.
        version: Its version, as `0.32.0` or `0.32.0+cpu`.
    """

    python: Path
    version: str

    @property
    def on_cpu(self) -> bool:
        """Whether it is a build for the processor, which needs no GPU and serves trials only."""
        return self.version.partition("+")[2].startswith("cpu")

    @property
    def command(self) -> list[str]:
        """What starts its command line."""
        beside = self.python.parent / "vllm"
        if not beside.is_file():
            return [str(self.python), "-m", "vllm.entrypoints.cli.main"]
        return ["vllm"] if shutil.which("vllm") == str(beside) else [str(beside)]


def find(given: str | None = None) -> Vllm:
    """The installed vLLM.

    Args:
        given: The Python that it is installed for; otherwise what MMTEB_SYNTH_VLLM_PYTHON names, our own, or that of
            the first `vllm` on the PATH.

    Raises:
        TranslatorError: It is not installed, or the named Python can't be run.
    """
    python = locate(given)
    if python is None:
        raise TranslatorError(
            "running a model here needs vLLM, which is not installed (docs/vllm.md says why it wants an environment "
            "of its own)",
            hint=_INSTALL,
        )
    try:
        done = subprocess.run(
            [python, "-c", _VERSION], capture_output=True, text=True, check=False, timeout=_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TranslatorError(
            f"{python} can't be run: {getattr(error, 'strerror', None) or error}",
            hint=f"name the Python that vLLM is installed for with --vllm-python or {PYTHON_VARIABLE}",
        ) from error
    if done.returncode or not done.stdout:
        raise TranslatorError(f"{python} has no vLLM", hint=f"{python} -m pip install vllm")
    return Vllm(python=python, version=done.stdout.strip())


def locate(given: str | None = None) -> Path | None:
    """Where vLLM seems to be installed, without running anything; see `find`."""
    named = given or os.environ.get(PYTHON_VARIABLE)
    if named:
        # Not resolved: an environment's Python is a link, and what it links to has other packages.
        found = shutil.which(Path(named).expanduser())
        return Path(found or named).expanduser().absolute()
    if importlib.util.find_spec("vllm") is not None:
        return Path(sys.executable)
    script = shutil.which("vllm")
    beside = Path(script).parent.absolute() / "python" if script else None
    return beside if beside is not None and beside.exists() else None


def weights() -> Path | None:
    """The folder with weights that MMTEB_SYNTH_WEIGHTS names, or None."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    return Path(named).expanduser().absolute() if named else None


def child_environment(weights: Path | None, further: Mapping[str, str]) -> dict[str, str]:
    """What is added to the environment of a process of vLLM's.

    Args:
        weights: The local folder with the weights; with one, no hub is asked.
        further: More variables, which prevail.
    """
    added = {"VLLM_NO_USAGE_STATS": "1"}
    if weights is not None:
        added["HF_HUB_OFFLINE"] = "1"
    return {name: value for name, value in added.items() if name not in os.environ} | dict(further)

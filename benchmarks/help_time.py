"""How long `mmteb-synth --help` takes, against starting Python and importing click, measured in the same run.

Prints the ratio of the medians; above the bound the exit code is 1.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BOUND = 2.5
RUNS = 21


def main() -> int:
    """Measure, print and judge."""
    commands = {
        "python -c 'import click'": [sys.executable, "-c", "import click"],
        "mmteb-synth --help": [*_command(), "--help"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(RUNS):
        for name, command in commands.items():  # taken in turns, so that a busy machine slows both
            taken = _time(command)
            if run:  # the first fills the file cache
                seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {1000 * median:.0f} ms")
    floor, ours = medians.values()
    print(f"ratio: {ours / floor:.2f} (bound {BOUND})")
    return 0 if ours <= BOUND * floor else 1


def _command() -> list[str]:
    """The installed command of this Python, or the module where there is none."""
    found = shutil.which("mmteb-synth", path=str(Path(sys.executable).parent))
    return [found] if found else [sys.executable, "-m", "mmteb_synth"]


def _time(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

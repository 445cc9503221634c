"""How much memory building 400,000 segments takes: at most 1.5 GB of anonymous resident memory (RssAnon).

Measured in a process of its own, once with an empty cache, asked of a function in that process, and once with every
translation in the cache. Exit code 1 where the bound is not held.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import made_up
from measuring import anonymous_memory

import mmteb_synth

SEGMENTS = 400_000
BOUND = 1_500_000_000


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--characters", type=int, default=made_up.CHARACTERS, help="of a text, on average")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        print(_peak_of_build(arguments.build))
        return 0
    held = True
    with tempfile.TemporaryDirectory() as folder:
        spec = made_up.retrieval_set(Path(folder), SEGMENTS, arguments.characters)
        for cached in ("asked of a function", "everything cached"):
            start = time.perf_counter()
            command = [sys.executable, __file__, "--build", str(spec)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            peak = int(said)
            print(
                f"{cached}: {peak / 1e9:.2f} GB for {SEGMENTS:,} segments of {arguments.characters} characters on "
                f"average (bound {BOUND / 1e9:g} GB), in {time.perf_counter() - start:.0f} s from the start of Python"
            )
            held &= peak <= BOUND
            shutil.rmtree(Path(folder) / "data")
    return 0 if held else 1


def _peak_of_build(spec: Path) -> int:
    """Build the set beside its spec, and return the highest RssAnon in bytes."""
    with anonymous_memory() as peak:
        report = mmteb_synth.build(
            "tr",
            tasks=str(spec),
            translator=made_up.TRANSLATOR,
            cache_dir=spec.parent,
            data_dir=spec.parent / "data",
        )
    (built,) = report.sets
    assert built.status == "built"
    assert built.counts is not None
    assert built.counts.segments == SEGMENTS
    return peak()


if __name__ == "__main__":
    sys.exit(main())

"""Building a set of 400,000 rows again, against a bare Parquet read and write of the same tables.

- With nothing changed: at most 1 time.
- With every translation in the cache, but the set gone: at most 12 times.

It also prints how long the first whole set takes, asked of a function in this process with an empty cache. Exit code 1
where a bound is not held.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import made_up
import pyarrow.parquet as pq
from measuring import in_turns, judged

import mmteb_synth

ROWS = 400_000
UNCHANGED_BOUND = 1.0
CACHED_BOUND = 12.0


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--characters", type=int, default=made_up.CHARACTERS, help="of a text, on average")
    characters = parser.parse_args().characters
    with tempfile.TemporaryDirectory() as folder:
        spec = made_up.retrieval_set(Path(folder), ROWS, characters)
        data = Path(folder) / "data"

        def build() -> str:
            report = mmteb_synth.build(
                "tr", tasks=str(spec), translator=made_up.TRANSLATOR, cache_dir=folder, data_dir=data
            )
            return report.sets[0].status

        def build_anew() -> None:
            shutil.rmtree(data)
            assert build() == "built"

        def build_unchanged() -> None:
            assert build() == "unchanged"

        start = time.perf_counter()
        assert build() == "built"
        seconds = time.perf_counter() - start
        print(f"first whole set: {ROWS:,} texts of {characters} characters on average in {seconds:.0f} s, "
              f"{ROWS / seconds:,.0f} texts/s")  # fmt: skip
        anew, peer, unchanged = in_turns(build_anew, lambda: _read_and_write(data), build_unchanged)
    return (
        0
        if all(
            (
                judged("nothing changed", unchanged, peer, UNCHANGED_BOUND),
                judged("everything cached", anew, peer, CACHED_BOUND),
            )
        )
        else 1
    )


def _read_and_write(data: Path) -> None:
    """Read the stored tables and write them elsewhere, as they are."""
    for number, file in enumerate(sorted(data.glob("*/**/*.parquet"))):
        with pq.ParquetFile(file) as stored:
            table = stored.read()
        pq.write_table(table, data.parent / f"peer{number}.parquet", compression="zstd")


if __name__ == "__main__":
    sys.exit(main())

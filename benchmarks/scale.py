"""Building sets of 100,000, 400,000 and 1,000,000 documents: all of one whose every translation was imported, and the
English `standard` of it, with hard negatives sought among all documents.

Anonymous resident memory (RssAnon) stays under 2 GB, and grows by less than the text does, the translations of the whole set
among it: what lies on the disk, mapped into memory, doesn't count. Each is measured in a process of its own, which asks nobody. It also prints rows a
second. Exit code 1 where a bound is not held.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import made_up
from measuring import anonymous_memory

import mmteb_synth
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.imported import IMPORT_VERSION
from mmteb_synth.translate.rows import replay_key

DOCUMENTS = (100_000, 400_000, 1_000_000)
CHARACTERS = 430
"""Of a document, on average; in the retrieval sets of MTEB(eng, v1) it is 427."""
BOUND = 2_000_000_000
TRANSLATOR = "import:made-up"
BUILDS: dict[str, dict[str, Any]] = {
    "whole": {"languages": "tr", "translator": TRANSLATOR},
    "standard": {"languages": "en", "profile": "standard"},
}


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--characters", type=int, default=CHARACTERS, help="of a document, on average")
    parser.add_argument("--documents", type=int, nargs="+", default=DOCUMENTS, help="the sizes")
    parser.add_argument("--builds", choices=BUILDS, nargs="+", default=list(BUILDS), help="what is built")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(_measured(arguments.measure, arguments.builds[0])))
        return 0
    held = True
    before: dict[str, tuple[int, int]] = {}
    for documents in arguments.documents:
        with tempfile.TemporaryDirectory() as folder:
            spec = made_up.retrieval_set(Path(folder), documents, arguments.characters)
            english = (spec.parent / "corpus.parquet").stat().st_size
            if "whole" in arguments.builds:
                _fill(Path(folder) / "cache.sqlite", documents, arguments.characters)
            for build in arguments.builds:
                command = [sys.executable, __file__, "--measure", str(spec), "--builds", build]
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                peak, seconds = json.loads(said)
                text = 2 * english if build == "whole" else english
                smaller = before.get(build, (peak, text))
                grown, more = peak - smaller[0], text - smaller[1]
                held &= peak <= BOUND and grown <= more
                print(
                    f"{documents:,} documents, {build}: {peak / 1e9:.2f} GB (bound {BOUND / 1e9:g} GB), "
                    f"{grown / 1e9:+.2f} GB for {more / 1e9:+.2f} GB of text, {seconds:.0f} s, "
                    f"{documents / seconds:,.0f} rows/s",
                    flush=True,
                )
                before[build] = (peak, text)
    return 0 if held else 1


def _fill(file: Path, documents: int, characters: int) -> None:
    """Put a translation of every text into a cache, as an import does, judged already."""
    texts: Iterator[str] = made_up.texts(documents, characters)
    with Cache(file) as cache:
        while some := list(islice(texts, 20_000)):
            keys = [replay_key(TRANSLATOR, IMPORT_VERSION, made_up.TURKISH.code, text) for text in some]
            cache.put([made_up.row(key, text, TRANSLATOR) for key, text in zip(keys, some, strict=True)])


def _measured(spec: Path, build: str) -> tuple[int, float]:
    """Build the set beside its spec: the highest RssAnon in bytes, and the seconds."""
    start = time.perf_counter()
    with anonymous_memory() as peak:
        report = mmteb_synth.build(
            **BUILDS[build], tasks=str(spec), cache_dir=spec.parent, data_dir=spec.parent / "data"
        )
    seconds = time.perf_counter() - start
    (built,) = report.sets
    assert (built.status, built.requests) == ("built", 0), built.error
    return peak(), seconds


if __name__ == "__main__":
    sys.exit(main())

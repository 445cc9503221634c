"""Building corpora of 100,000, 400,000 and 1,000,000 documents of which every translation was imported.

Anonymous resident memory (RssAnon) stays under 2 GB, and grows by less than the text does: what lies on the disk, mapped
into memory, doesn't count. Each is measured in a process of its own, which asks nobody. It also prints rows a second.
Exit code 1 where a bound is not held.
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


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--characters", type=int, default=CHARACTERS, help="of a document, on average")
    parser.add_argument("--documents", type=int, nargs="+", default=DOCUMENTS, help="the sizes")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        print(json.dumps(_measured(arguments.build)))
        return 0
    held, before = True, None
    for documents in arguments.documents:
        with tempfile.TemporaryDirectory() as folder:
            spec = made_up.retrieval_set(Path(folder), documents, arguments.characters)
            _fill(Path(folder) / "cache.sqlite", documents, arguments.characters)
            command = [sys.executable, __file__, "--build", str(spec)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        peak, text = found["peak"], found["text"]
        print(
            f"{documents:,} documents, {text / 1e9:.2f} GB of English and translations: {peak / 1e9:.2f} GB (bound "
            f"{BOUND / 1e9:g} GB), {documents / found['seconds']:,.0f} rows/s"
        )
        held &= peak <= BOUND
        if before is not None:
            grown, more = peak - before[0], text - before[1]
            print(f"  {grown / 1e9:+.2f} GB of memory for {more / 1e9:+.2f} GB of text")
            held &= grown <= more
        before = (peak, text)
    return 0 if held else 1


def _fill(file: Path, documents: int, characters: int) -> None:
    """Put a translation of every text into a cache, as an import does, judged already."""
    texts: Iterator[str] = made_up.texts(documents, characters)
    with Cache(file) as cache:
        while some := list(islice(texts, 20_000)):
            keys = [replay_key(TRANSLATOR, IMPORT_VERSION, made_up.TURKISH.code, text) for text in some]
            cache.put([made_up.row(key, text, TRANSLATOR) for key, text in zip(keys, some, strict=True)])


def _measured(spec: Path) -> dict[str, float]:
    """Build the set beside its spec: the highest RssAnon and the size of the text in bytes, and the seconds."""
    start = time.perf_counter()
    with anonymous_memory() as peak:
        report = mmteb_synth.build(
            "tr", tasks=str(spec), translator=TRANSLATOR, cache_dir=spec.parent, data_dir=spec.parent / "data"
        )
    seconds = time.perf_counter() - start
    (built,) = report.sets
    assert (built.status, built.requests) == ("built", 0), built.error
    assert built.counts is not None
    return {"peak": peak(), "seconds": seconds, "text": 2 * built.counts.characters}


if __name__ == "__main__":
    sys.exit(main())

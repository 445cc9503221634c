"""What the deterministic checks of one translation take on one core: sentences, and paragraphs made of them.

Prints the median microseconds of a segment; above the bound for sentences the exit code is 1.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Sequence

from mmteb_synth import checks, languages, paths
from mmteb_synth.types import Language

BOUND = 100
"""Microseconds a segment."""
RUNS = 5
SENTENCE = 120
"""Characters of English at the most: STSBenchmark's sentences have 58 on average, Tatoeba's 39."""
PARAGRAPH = 700
"""Characters of English, as XQuAD's paragraphs have."""

Pairs = Sequence[tuple[str, str]]


def main() -> int:
    """Measure, print and judge."""
    held = True
    for file in sorted((paths.bundled_translations() / "mini").glob("*.csv")):
        target = languages.parse(file.stem)
        with file.open(encoding="utf-8", newline="") as stream:
            pairs = [(row["source"], row["translation"]) for row in csv.DictReader(stream)]
        sentences = [pair for pair in pairs if len(pair[0]) <= SENTENCE]
        took = _microseconds(sentences, target)
        long = _paragraphs(pairs)
        long_took = _microseconds(long, target)
        print(
            f"{target.name}: {took:.0f} µs a sentence of {_length(sentences):.0f} characters (bound {BOUND}), "
            f"{long_took:.0f} µs a paragraph of {_length(long):.0f} ({long_took / _length(long):.2f} µs a character)"
        )
        held = held and took <= BOUND
    return 0 if held else 1


def _microseconds(pairs: Pairs, target: Language) -> float:
    """The median time of a segment, after a first time that loads what is needed."""
    taken = []
    for run in range(RUNS + 1):
        for source, translation in pairs:
            start = time.perf_counter()
            checks.judge(source, translation, target)
            if run:
                taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6


def _paragraphs(pairs: Pairs) -> Pairs:
    """Neighbouring pairs put together."""
    made: list[tuple[str, str]] = []
    source = translation = ""
    for english, translated in pairs:
        source, translation = f"{source} {english}".strip(), f"{translation} {translated}".strip()
        if len(source) >= PARAGRAPH:
            made.append((source, translation))
            source = translation = ""
    return made


def _length(pairs: Pairs) -> float:
    return statistics.fmean(len(source) for source, _ in pairs)


if __name__ == "__main__":
    sys.exit(main())

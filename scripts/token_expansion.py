"""Measure how many more tokens translations take than their English, and write what `plan` reckons with.

Translations that people made are measured by every tokenizer that `plan` knows: the bundled ones, and for a language
that is named, those of a file with English and translated texts in two columns:

    python scripts/token_expansion.py tur-Latn=FILE,sentence2,sentence1,"Tatoeba, 1,000 pairs" …
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from mmteb_synth import paths
from mmteb_synth.translate import tables, tokens

TARGET = Path(tokens.__file__).parent / "token_expansion.toml"
BUNDLED = "the translations bundled with this package, {count} pairs"
HEAD = """\
# How many tokens a translation takes for each token of its English, by language and tokenizer: the sums over pairs
# that people translated. Written by scripts/token_expansion.py.
"""

Pairs = Sequence[tuple[str, str]]


def bundled() -> dict[str, Pairs]:
    """The bundled translations by language."""
    result: dict[str, Pairs] = {}
    for file in sorted((paths.bundled_translations() / "mini").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            result[file.stem] = [(row["source"], row["translation"]) for row in csv.DictReader(stream)]
    return result


def from_file(file: Path, english: str, translated: str) -> Pairs:
    """The pairs of a CSV, JSON Lines or Parquet file."""
    with tables.reading(file, {english, translated}) as table:
        return [(record[english], record[translated]) for _, record in table.records]


def measure(pairs: Pairs) -> dict[tokens.TokenizerName, float]:
    """The expansion by each tokenizer."""
    result = {}
    for name in get_args(tokens.TokenizerName):
        count = tokens.load(name).count
        sums = [sum(map(count, side)) for side in zip(*pairs, strict=True)]
        result[name] = sums[1] / sums[0]
    return result


def main(arguments: Sequence[str]) -> None:
    """Write the file."""
    measured = {
        language: (BUNDLED.format(count=len(pairs)), measure(pairs)) for language, pairs in bundled().items()
    }
    for argument in arguments:
        language, _, rest = argument.partition("=")
        file, english, translated, source = rest.split(",", 3)
        measured[language] = (source, measure(from_file(Path(file), english, translated)))
    text = HEAD
    for language, (source, factors) in sorted(measured.items()):
        text += f'\n[{language}]\nsource = "{source}"\n'
        text += "".join(f"{name} = {factor:.2f}\n" for name, factor in factors.items())
    paths.write_text(TARGET, text)


if __name__ == "__main__":
    main(sys.argv[1:])

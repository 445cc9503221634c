"""Measure how long translations are for their English, by language and script, and write what the checks compare with.

Two kinds of pairs are measured: those of a file with English and translated texts in two columns, and, for the many
languages without one, the messages of a program that people translated, as Django's, by its compiled catalogues:

    python scripts/length_bands.py DJANGO_FOLDER tur-Latn=FILE,sentence2,sentence1 tur-Latn=FILE,source,translation …

Of a file's pairs only one half is used (`calibrates`), so that the other half can be reported on.
"""

from __future__ import annotations

import gettext
import hashlib
import math
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mmteb_synth import languages
from mmteb_synth.checks import thresholds
from mmteb_synth.errors import SynthError
from mmteb_synth.translate import tables

TARGET = Path(thresholds.__file__).parent / "lengths.toml"
HEAD = """\
# How long a translation is for its English, in characters. Written by scripts/length_bands.py.
# mean: of log(translation / English). spread: its standard deviation times the root of the English length.
# unsure: how far the mean may be off for other texts. The means of Django's messages are 0.04 to 0.08 above those of
# sentences in German (0.04), Spanish (0.05), French (0.06) and Turkish (0.08).
"""

Pairs = dict[str, str]
_KEPT = 0.98
"""The rest of the pairs, whose ratios are the oddest, are translations of something else."""
_UNSURE = 0.15
"""How far a mean of messages may be off for sentences: twice what it was where both were measured."""
_LEAST_PAIRS = 60
_LEAST_CHARACTERS = 12
_PLACEHOLDER = re.compile(r"[%<{]")


def calibrates(source: str) -> bool:
    """Whether a pair belongs to the half that thresholds are made from; the other half reports."""
    return hashlib.blake2b(source.encode()).digest()[0] % 2 == 0


def from_file(file: Path, english: str, translated: str) -> Pairs:
    """The calibrating half of the pairs in a CSV, JSON Lines or Parquet file."""
    with tables.reading(file, {english, translated}) as table:
        return {
            record[english]: record[translated]
            for _, record in table.records
            if record[translated] and calibrates(record[english])
        }


def messages(folder: Path) -> dict[str, Pairs]:
    """The messages without placeholders of a program's compiled catalogues, by language."""
    found: dict[str, Pairs] = defaultdict(dict)
    for file in sorted(folder.rglob("locale/*/LC_MESSAGES/*.mo")):
        try:
            code = languages.parse(file.parents[1].name).code
        except SynthError:
            continue
        with file.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)
        for key, text in vars(catalogue)["_catalog"].items():
            english = (key if isinstance(key, str) else key[0]).rpartition("\x04")[2]
            if len(english) >= _LEAST_CHARACTERS and english != text and not _PLACEHOLDER.search(english):
                found[code][english] = text
    return {code: pairs for code, pairs in found.items() if len(pairs) >= _LEAST_PAIRS}


def measure(pairs: Pairs, floor: float) -> tuple[float, float]:
    """The mean of the logarithm of the ratios, and their spread at one character."""
    ratios = [math.log(len(text) / len(english)) for english, text in pairs.items()]
    mean = statistics.fmean(ratios)
    squares = sorted(
        max(0.0, (ratio - mean) ** 2 - floor**2) * len(english)
        for ratio, english in zip(ratios, pairs, strict=True)
    )
    kept = squares[: math.ceil(len(squares) * _KEPT)]
    return mean, math.sqrt(statistics.fmean(kept))


def main(arguments: Sequence[str]) -> None:
    """Write the file."""
    limits = thresholds.section("length")
    files: dict[str, Pairs] = defaultdict(dict)
    for argument in arguments[1:]:
        code, _, columns = argument.partition("=")
        file, english, translated = columns.split(",")
        files[languages.parse(code).code] |= from_file(Path(file), english, translated)
    measured = {code: (*measure(pairs, limits["floor"]), 0.0, len(pairs)) for code, pairs in files.items()}
    scripts: dict[str, list[float]] = defaultdict(list)
    for code, pairs in messages(Path(arguments[0])).items():
        mean, spread = measure(pairs, limits["floor"])
        scripts[code.split("-")[1]].append(mean)
        measured.setdefault(code, (mean, max(spread, limits["least_spread"]), _UNSURE, len(pairs)))
    lines = [HEAD, "[languages]"]
    for code, (mean, spread, unsure, count) in sorted(measured.items()):
        origin = (
            f"{count} messages of Django" if unsure else f"{count} pairs of the data sets in docs/checks.md"
        )
        lines.append(_row(code, mean, spread, unsure, origin))
    lines.append("\n[scripts]")
    for script, means in sorted(scripts.items()):
        spread = max(spread for code, (_, spread, _, _) in measured.items() if code.endswith(script))
        off = 0.2 if len(means) == 1 else max(0.2, 2 * statistics.stdev(means))
        lines.append(
            _row(
                script,
                statistics.fmean(means),
                spread,
                off,
                f"Django in {len(means)} {'language' if len(means) == 1 else 'languages'}",
            )
        )
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(name: str, mean: float, spread: float, unsure: float, origin: str) -> str:
    return (
        f'{name} = {{ mean = {mean:.3f}, spread = {spread:.2f}, unsure = {unsure:.2f}, origin = "{origin}" }}'
    )


if __name__ == "__main__":
    main(sys.argv[1:])

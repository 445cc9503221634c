"""What the performance programs work on: texts without meaning, sets of them, and a translator for them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mmteb_synth.checks import CHECKS_VERSION
from mmteb_synth.translate.rows import Row
from mmteb_synth.types import Language

TURKISH = Language(code="tur-Latn", name="Turkish")
CHARACTERS = 100
"""Of a text, on average. In the large sets of the suite `seed` it is 32 to 84; in MTEB(eng, v2) about 800."""
TRANSLATOR = f"{__name__}:turkish"
"""`turkish`, as --translator names it."""

_QUERIES = 10_000
_SPEC = """\
type = "Retrieval"
description = "Texts without meaning."
license = "cc0-1.0"

[files]
corpus = "corpus.parquet"
queries = "queries.parquet"
qrels = "qrels.parquet"
"""


def texts(count: int, characters: int = CHARACTERS, seed: int = 0) -> Iterator[str]:
    """Texts of words, no two alike, some long and many short; the same ones every time.

    Args:
        count: How many.
        characters: Their length on average.
        seed: Other texts for another number.
    """
    draw = random.Random(seed)
    words = ["".join(draw.choices("etaoinshrdlucmfwyp", k=draw.randint(2, 9))) for _ in range(20_000)]
    for number in range(count):
        length = max(2, round(draw.lognormvariate(0, 0.6) * characters / 7.8))
        yield f"{' '.join(draw.choices(words, k=length))} {seed}.{number}"


def turkish(english: list[str], language: str) -> list[str]:
    """What stands in for translations: as many characters, some of which take two bytes."""
    return [text.translate(_LETTERS) for text in english]


_LETTERS = str.maketrans("etaoinshrdlucmfwyp", "aeınrlikdmytşubğzö")


def row(key: bytes, text: str, translator: str = "gpt-4.1-mini") -> Row:
    """A row of the cache as a translator leaves it."""
    return Row(
        key=key,
        translator=translator,
        language=TURKISH.code,
        kind="document",
        source=text,
        translation=text.translate(_LETTERS),
        prompt_version=1,
        model="gpt-4.1-mini-2025-04-14",
        input_tokens=120,
        output_tokens=40,
        created="2026-01-02T03:04:05Z",
        checks=CHECKS_VERSION,
    )


def retrieval_set(folder: Path, rows: int, characters: int = CHARACTERS) -> Path:
    """Write a retrieval set and the spec that describes it.

    Args:
        folder: Where to.
        rows: Documents and queries; each is one segment.
        characters: The length of a text, on average.

    Returns:
        The spec, for --task.
    """
    every = texts(rows, characters)
    queries = [next(every) for _ in range(_QUERIES)]
    documents = list(every)
    judged = {
        "query-id": [f"q{number}" for number in range(len(queries))],
        "corpus-id": [f"d{number}" for number in range(len(queries))],
        "score": [1] * len(queries),
    }
    for name, values in (("corpus", documents), ("queries", queries)):
        ids = [f"{name[0].replace('c', 'd')}{number}" for number in range(len(values))]
        pq.write_table(pa.table({"id": ids, "text": values}), folder / f"{name}.parquet")
    pq.write_table(pa.table(judged), folder / "qrels.parquet")
    spec = folder / "MadeUp.toml"
    spec.write_text(_SPEC, "utf-8")
    return spec

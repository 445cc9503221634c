"""Bitext mining sets, made from the pairs of a set's English texts and their translations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from mmteb_synth.data import segments
from mmteb_synth.data.source import SourceSet
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import TableKey, Tables
from mmteb_synth.errors import SourceError
from mmteb_synth.types import Segment

SPLIT = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitextPairs:
    """A bitext set before it is stored.

    Attributes:
        subset: MTEB's subset, as `tur-eng`.
        tables: One table with `sentence1`, the translation, and `sentence2`, the English.
        counts: Pairs, and what was left out.
        notes: The same in words, where anything was left out.
    """

    subset: str
    tables: Tables
    counts: dict[str, int]
    notes: list[str]


def candidates(source: SourceSet, spool: Spool) -> segments.Segments:
    """The segments of a set's scored splits, which are all that its bitext needs translated.

    Args:
        source: The English set.
        spool: Where they are numbered.
    """
    scored = {key: table for key, table in source.tables.items() if key.split in source.eval_splits}
    return segments.collect(source.layout, scored, source.needed, source.spec.register, spool)


def pairs(
    source: str,
    translated: Iterable[tuple[Segment, str | None]],
    language: str,
    max_pairs: int,
    unencoded: int = 0,
) -> BitextPairs:
    """Pair translated texts with their English.

    The direction is Tatoeba's, from the language to English: it decides F1. A text that occurs twice on either
    side would have no single right partner, so only its first pair is kept.

    Args:
        source: The English set's name, for messages.
        translated: The candidates, each with its translation; None where it failed.
        language: The target, as `tur-Latn`.
        max_pairs: How many pairs to keep, the first by the digest of the English text.
        unencoded: How many texts were no candidates because MTEB shows them to no model; for the record.

    Raises:
        SourceError: There are fewer than two pairs.
    """
    found: dict[str, str] = {}
    failed = duplicates = 0
    seen: set[str] = set()
    in_turn = sorted(translated, key=lambda pair: (_digest(pair[0].text), pair[0].kind))
    for segment, translation in in_turn:
        if translation is None:
            failed += 1
        elif segment.text in found or translation in seen:
            duplicates += 1
        else:
            found[segment.text] = translation
            seen.add(translation)
    chosen = list(found.items())[:max_pairs]
    if len(chosen) < 2:
        raise SourceError(f"{source} has {len(chosen)} translated texts; bitext mining needs two")
    subset = f"{language.split('-', maxsplit=1)[0]}-eng"
    table = pa.table(
        {
            "sentence1": pa.array([translation for _, translation in chosen], pa.string()),
            "sentence2": pa.array([english for english, _ in chosen], pa.string()),
        }
    )
    left_out = {"failed": failed, "duplicates": duplicates, "unencoded": unencoded}
    notes = [f"left out of the pairs: {count} {reason}" for reason, count in left_out.items() if count]
    return BitextPairs(
        subset=subset,
        tables={TableKey(subset, SPLIT): table},
        counts={"pairs": len(chosen), "candidates": len(in_turn), **left_out},
        notes=notes,
    )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

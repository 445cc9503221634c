"""What semantic checks said of translations, in the cache's file, so that it outlives a rebuild of the sets.

A judgement belongs to a source, a hypothesis and a language, whoever translated and whichever set holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mmteb_synth.errors import CacheError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate.database import Database
from mmteb_synth.types import Severity

_CHUNK = 1000
_COLUMNS = "judge, score, severity, words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one judge said of one translation.

    Attributes:
        judge: The judge with its model and, where it has one, its prompt's version: `judge:gpt-4.1-mini@1`,
            `similarity:sentence-transformers/LaBSE`.
        score: Its score, in its own unit.
        severity: `warning` or `error` where it flags the translation; None where it does not.
        words: What it said; None for judges that only measure.
    """

    judge: str
    score: float | None
    severity: Severity | None = None
    words: str | None = None


def key(source: str, hypothesis: str, language: str) -> bytes:
    """Under what the judgements of a translation are kept.

    Args:
        source: The English text.
        hypothesis: Its translation.
        language: The language of the translation, as `tur-Latn`.

    Returns:
        16 bytes.
    """
    return hashlib.blake2b(canonical_json([language, source, hypothesis]).encode(), digest_size=16).digest()


def exist(database: Database) -> bool:
    """Whether anything was ever judged.

    Raises:
        CacheError: The file is damaged, locked, or not a cache.
    """
    with database.reading() as connection:
        return bool(connection and connection.execute("SELECT 1 FROM judgements LIMIT 1").fetchone())


def find(database: Database, keys: Sequence[bytes]) -> dict[bytes, tuple[Judgement, ...]]:
    """The judgements under some keys.

    Args:
        database: The cache's file.
        keys: Any number of keys, in any order.

    Returns:
        Key to judgements, in the order of the judges' names; keys without any are left out.

    Raises:
        CacheError: The file is damaged, locked, or not a cache.
    """
    found: dict[bytes, list[Judgement]] = {}
    ordered = sorted(set(keys))
    with database.reading() as connection:
        for start in range(0, len(ordered) if connection else 0, _CHUNK):
            chunk = ordered[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT key, {_COLUMNS} FROM judgements WHERE key IN ({marks}) ORDER BY key, judge"
            assert connection is not None
            for place, judge, score, severity, words in connection.execute(query, chunk):
                judgement = Judgement(judge=judge, score=score, severity=severity, words=words)
                found.setdefault(place, []).append(judgement)
    return {place: tuple(said) for place, said in found.items()}


def keep(database: Database, judgements: Iterable[tuple[bytes, Judgement]]) -> None:
    """Store judgements in one transaction; a judge's newer word replaces its older one.

    Args:
        database: The cache's file.
        judgements: Keys, and what was said.

    Raises:
        CacheError: The file can't be written; none of them is stored.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [(place, said.judge, said.score, said.severity, said.words, now) for place, said in judgements]
    if not rows:
        return
    with database.writing() as connection:
        try:
            connection.executemany(
                f"INSERT OR REPLACE INTO judgements (key, {_COLUMNS}, created) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
        except UnicodeEncodeError as error:
            raise CacheError(
                f"a judgement can't be stored since it holds half a character: {error.object!r:.80}"
            ) from error

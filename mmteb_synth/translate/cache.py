"""The translation cache: every translation that was ever made, under the digest of what decided it.

The digest of a request covers everything that is sent; that of a stored translation (`authored`, imports,
rule-based translators, callables) is made by `replay_key`. So a row never goes stale: what changes gets another key.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from mmteb_synth.checks import CHECKS_VERSION
from mmteb_synth.errors import CacheError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate.database import Database
from mmteb_synth.translate.rows import COLUMNS, Answers, CacheStats, Provenance, Row
from mmteb_synth.types import Verdict

_CHUNK = 1000
_PAGE = 5000


_ATTRIBUTES = operator.attrgetter(*COLUMNS)
_CREATED = COLUMNS.index("created")
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM translations"
_UPSERT = (
    f"INSERT OR REPLACE INTO translations ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)
_COUNT = """
INSERT INTO changes (translator, language, added, replaced) VALUES (?, ?, ?, ?)
ON CONFLICT (translator, language) DO UPDATE SET added = added + excluded.added, replaced = replaced + excluded.replaced
"""
_JUDGE = "UPDATE translations SET checks = ?, verdicts = ? WHERE key = ? AND translation = ?"
_STATS = """
SELECT translator, language, count(translation), sum(translation IS NULL),
       sum(CASE WHEN translation IS NULL THEN 0 ELSE length(source) END), sum(input_tokens), sum(output_tokens)
FROM translations GROUP BY translator, language ORDER BY translator, language
"""


class Cache:
    """The translations in one SQLite file, with the bundled ones below.

    Nothing is opened before it is needed: a look-up where no file exists makes none. Several processes may use one
    file; one object may be used from several threads, one call at a time.

    Args:
        file: The SQLite file.
        below: Bundled rows by key, consulted for keys that the file has no translation of. Never copied
            into the file, and `put` doesn't overrule them.
    """

    def __init__(self, file: Path, *, below: Mapping[bytes, Row] | None = None) -> None:
        self.file = file
        self._below: Mapping[bytes, Row] = below or {}
        self._database = Database(file)

    @property
    def database(self) -> Database:
        """The SQLite file, for what else is kept in it, as batch jobs."""
        return self._database

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def lookup(self, keys: Sequence[bytes]) -> dict[bytes, Row]:
        """The rows under some keys, evidence (rows without a translation) among them.

        Args:
            keys: Any number of keys, in any order.

        Returns:
            Key to row; keys that nothing is known of are left out.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        found = {values[0]: _row(values) for page in self._pages(COLUMNS, keys) for values in page}
        for key in keys if self._below else ():
            bundled = self._below.get(key)
            if bundled is not None and (key not in found or found[key].translation is None):
                found[key] = bundled
        return found

    def answers(self, keys: Sequence[bytes]) -> Answers:
        """The translations under some keys; made for hundreds of thousands, so no rows are built.

        Args:
            keys: Any number of keys, in any order.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        found = Answers()
        translations, evidence = found.translations, found.evidence
        columns = ("key", "translation", "finish_reason", "checks", "verdicts")
        for page in self._pages(columns, keys):
            for key, translation, reason, checks, verdicts in page:
                if translation is None:
                    evidence[key] = reason
                    continue
                translations[key] = translation
                if checks != CHECKS_VERSION:
                    found.unjudged.add(key)
                elif verdicts is not None:
                    found.verdicts[key] = _from_json(json.loads(verdicts))
        for key in keys if self._below else ():
            bundled = self._below.get(key)
            if bundled is not None and bundled.translation is not None and key not in translations:
                translations[key] = bundled.translation
                found.unjudged.add(key)
                evidence.pop(key, None)
        return found

    def provenance(self, keys: Sequence[bytes]) -> Iterator[list[tuple[Any, ...]]]:
        """Where the rows under some keys came from; made for hundreds of thousands, so no rows are built.

        Args:
            keys: Any number of keys, in any order; those of which nothing is known are left out.

        Yields:
            Pages of tuples: the key, and the fields of `Provenance`; bundled rows last, also where the file has them too.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        columns = ("key", *Provenance._fields)
        yield from self._pages(columns, keys)
        below = [self._below[key] for key in keys if key in self._below] if self._below else []
        if below:
            yield [tuple(getattr(row, name) for name in columns) for row in below]

    def _pages(self, columns: Sequence[str], keys: Sequence[bytes]) -> Iterator[list[tuple[Any, ...]]]:
        """Columns of the file's rows, in pages. In the order of the keys, so that no page of the file is read twice."""
        select = f"SELECT {', '.join(columns)} FROM translations"
        ordered = sorted(keys)
        with self._database.reading() as connection:
            for start in range(0, len(ordered) if connection else 0, _CHUNK):
                chunk = ordered[start : start + _CHUNK]
                query = f"{select} WHERE key IN ({', '.join('?' * len(chunk))})"
                assert connection is not None
                yield connection.execute(query, chunk).fetchall()

    def put(self, rows: Sequence[Row]) -> None:
        """Store answers in one transaction; when this returns, they are on the disk.

        The first translation under a key stays; a row without one makes way for whatever comes later.

        Args:
            rows: Any number of rows.

        Raises:
            CacheError: The file can't be written; none of the rows is stored.
        """
        self._store(rows, overwrite=False)

    def replace(self, rows: Sequence[Row]) -> None:
        """Store answers in one transaction, also over translations that are there; the last one stays.

        Args:
            rows: Any number of rows.

        Raises:
            CacheError: The file can't be written; none of the rows is stored.
        """
        self._store(rows, overwrite=True)

    def _store(self, rows: Sequence[Row], *, overwrite: bool) -> None:
        if not rows:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        added: Counter[tuple[str, str]] = Counter()
        replaced: Counter[tuple[str, str]] = Counter()
        with self._database.writing() as connection:
            standing: dict[bytes, str | None] = dict(self.answers([row.key for row in rows]).translations)
            accepted: dict[bytes, Row] = {}
            for row in rows:
                before = standing.get(row.key)
                if before is not None and not overwrite:
                    continue
                if before is None:
                    added[row.translator, row.language] += 1
                elif before != row.translation:
                    replaced[row.translator, row.language] += 1
                standing[row.key] = row.translation
                accepted[row.key] = row
            try:
                connection.executemany(_UPSERT, (_values(row, now) for row in accepted.values()))
            except UnicodeEncodeError as error:
                raise CacheError(
                    f"a text can't be stored since it holds half a character (a lone surrogate): {error.object!r:.80}"
                ) from error
            groups = sorted({*added, *replaced})
            connection.executemany(_COUNT, [(*group, added[group], replaced[group]) for group in groups])

    def transaction(self) -> AbstractContextManager[object]:
        """Join several calls into one transaction: all of them are stored, or none.

        Other processes can't write meanwhile.

        Raises:
            CacheError: The file can't be written.
        """
        return self._database.writing()

    def changes(self, translator: str, language: str) -> tuple[int, int]:
        """Two counters that tell whether a translator's rows have changed.

        A set without gaps depends on the second only, one with gaps on both. Bundled rows count too: their number
        in the first, their content in the second, so compare the numbers and don't read them.

        Args:
            translator: The translator's name.
            language: The target language.

        Returns:
            Rows ever added (also in place of evidence), and translations ever replaced.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        added, replaced = 0, 0
        with self._database.reading() as connection:
            if connection is not None:
                query = "SELECT added, replaced FROM changes WHERE translator = ? AND language = ?"
                added, replaced = connection.execute(query, (translator, language)).fetchone() or (0, 0)
        bundled = [
            row.key + (row.translation or "").encode()
            for row in self._below.values()
            if row.translator == translator and row.language == language
        ]
        if bundled:
            digest = hashlib.blake2b(b"".join(map(_digest, sorted(bundled))), digest_size=6).digest()
            replaced += int.from_bytes(digest)
        return added + len(bundled), replaced

    def rows(self, *, translator: str | None = None, language: str | None = None) -> Iterator[Row]:
        """The rows of the file in the order of their keys, a page in memory at a time.

        Args:
            translator: Only this translator's.
            language: Only this language's.

        Yields:
            Rows with and without a translation; the bundled ones are not among them.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        query = (
            f"{_SELECT} WHERE key > :after AND (:translator IS NULL OR translator = :translator) "
            "AND (:language IS NULL OR language = :language) ORDER BY key LIMIT :page"
        )
        wanted = {"after": b"", "translator": translator, "language": language, "page": _PAGE}
        while True:
            with self._database.reading() as connection:
                page = [] if connection is None else connection.execute(query, wanted).fetchall()
            yield from map(_row, page)
            if len(page) < _PAGE:
                return
            wanted["after"] = page[-1][0]

    def stats(self) -> list[CacheStats]:
        """What the file holds, for each translator and language; bundled rows don't count.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        with self._database.reading() as connection:
            groups = [] if connection is None else connection.execute(_STATS).fetchall()
        names = [field.name for field in dataclasses.fields(CacheStats)]
        return [CacheStats(**dict(zip(names, group, strict=True))) for group in groups]

    def keep_verdicts(self, judged: Iterable[tuple[bytes, str, Sequence[Verdict]]]) -> None:
        """Remember what today's checks say of translations, in one transaction.

        Args:
            judged: Key, translation and what was said of it, nothing where it passed. A row that meanwhile holds
                another translation is left alone, and bundled ones have no place for it.

        Raises:
            CacheError: The file can't be written.
        """
        values = [
            (CHECKS_VERSION, canonical_json(_plain(said)) if said else None, key, translation)
            for key, translation, said in judged
            if key not in self._below
        ]
        if values:
            with self._database.writing() as connection:
                connection.executemany(_JUDGE, values)

    def comparison(self, digest: bytes) -> dict[int, tuple[Verdict, ...]] | None:
        """What was said of many translations beside each other; None where they were never compared.

        Args:
            digest: Of the translations and the checks' version.

        Raises:
            CacheError: The file is damaged, locked, or not a cache.
        """
        query = "SELECT verdicts FROM comparisons WHERE digest = ?"
        with self._database.reading() as connection:
            row = connection.execute(query, (digest,)).fetchone() if connection else None
        return {int(place): _from_json(said) for place, said in json.loads(row[0]).items()} if row else None

    def keep_comparison(self, digest: bytes, found: Mapping[int, Sequence[Verdict]]) -> None:
        """Remember what was said of many translations beside each other.

        Args:
            digest: Of the translations and the checks' version.
            found: Verdicts by the translation's place.

        Raises:
            CacheError: The file can't be written.
        """
        text = canonical_json({str(place): _plain(said) for place, said in found.items()})
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO comparisons VALUES (?, ?)", (digest, text))

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the file, in its own words; empty for a sound or missing file.

        Raises:
            CacheError: The file is so damaged that it can't be looked at, or is not a cache.
        """
        with self._database.reading() as connection:
            # No table has a second index, and comparing with those is all that the slower integrity_check adds.
            found = [] if connection is None else connection.execute("PRAGMA quick_check").fetchall()
        return [text for (text,) in found if text != "ok"]

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._database.close()


def _row(values: Sequence[Any]) -> Row:
    return Row(**dict(zip(COLUMNS, values, strict=True)))


def _values(row: Row, now: str) -> tuple[Any, ...]:
    values: tuple[Any, ...] = _ATTRIBUTES(row)
    return values if row.created else (*values[:_CREATED], now, *values[_CREATED + 1 :])


def _plain(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(verdict) for verdict in verdicts]


def _from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Verdict, ...]:
    return tuple(Verdict(**value) for value in values)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()

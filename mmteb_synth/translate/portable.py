"""The cache beside itself: exports, imports of translations from elsewhere, merging and verifying."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth.errors import CacheError, UnknownNameError, UsageError
from mmteb_synth.translate import tables
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.imported import (
    EXPORTED,
    IMPORT_VERSION,
    KEY_SIZES,
    RowReader,
    is_empty,
    is_own_key,
    short,
)
from mmteb_synth.translate.rows import Row

__all__ = [
    "IMPORT_VERSION",
    "Conflict",
    "ImportReport",
    "MergeReport",
    "Problem",
    "VerifyReport",
    "export",
    "import_file",
    "merge",
    "verify",
]

_EXAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, in rows; equal rows of the file count once.

    Attributes:
        added: New translations.
        equal: Translations that were there already.
        replaced: Translations that took the place of different ones.
    """

    added: int = 0
    equal: int = 0
    replaced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two caches that answer differently.

    Attributes:
        translator: The translator's name.
        language: The target language.
        source: The English text.
        kept: The target's translation, which stays.
        other: The other cache's.
    """

    translator: str
    language: str
    source: str
    kept: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What a merge did, in rows.

    Attributes:
        added: Rows that the target lacked.
        equal: Rows that it had.
        conflicts: Rows that it had with another translation; the target's stayed.
        examples: The first few conflicts.
    """

    added: int = 0
    equal: int = 0
    conflicts: int = 0
    examples: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is wrong in a cache.

    Attributes:
        key: The row's key in hexadecimal digits; None when it is about the file.
        reason: What is wrong, in words.
    """

    key: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What a check of a whole cache found.

    Attributes:
        rows: How many rows were read.
        problems: What is wrong; empty for a sound cache.
    """

    rows: int
    problems: tuple[Problem, ...]


def export(cache: Cache, file: Path, *, translator: str | None = None, language: str | None = None) -> int:
    """Write translations to a file: `source` and `translation` first, then where they came from.

    A Parquet file is lossless: it holds the rows without a translation too. CSV and JSON Lines hold translations only.
    All three keep the keys, so that `import_file` restores the rows as they were. Cells are written as they
    are (see `tables` on spreadsheets).

    Args:
        cache: The cache; bundled rows are not written.
        file: A `.parquet`, `.csv` or `.jsonl` file.
        translator: Only this translator's rows.
        language: Only this language's rows.

    Returns:
        How many rows were written.

    Raises:
        UsageError: The suffix is unknown, or the cache has nothing of that translator or language.
        CacheError: The cache can't be read.
        SynthError: The file can't be written.
    """
    lossless = tables.form_of(file) == ".parquet"
    if translator is not None or language is not None:
        stats = cache.stats()
        for kind, name, known in (
            ("translator", translator, [group.translator for group in stats]),
            ("language", language, [group.language for group in stats]),
        ):
            if name is not None and name not in known:
                raise UnknownNameError(f"{kind} of the cache", name, known, hint="mmteb-synth cache stats")
    rows = cache.rows(translator=translator, language=language)
    return tables.write(
        file, EXPORTED, (_record(row) for row in rows if lossless or row.translation is not None)
    )


def import_file(
    cache: Cache,
    file: Path,
    *,
    language: str | None = None,
    translator: str | None = None,
    replace: bool = False,
) -> ImportReport:
    """Take translations from a file, all of them or none.

    A file with the columns `source` and `translation` makes translations from elsewhere those of the translator
    `import:<name>`; columns of provenance (`model`, `created`, `raw`, …) are kept, and others ignored. A file with
    `key`, `translator` and `language` too is an export: its rows get back what they were.

    Args:
        cache: The cache.
        file: A `.parquet`, `.csv` (UTF-8, with commas) or `.jsonl` file.
        language: The target language, as `deu-Latn`; for an export, a check.
        translator: `import:<name>`; for an export, a check.
        replace: Let the file overrule different translations in the cache.

    Returns:
        What was done.

    Raises:
        UsageError: The file is missing or its suffix unknown, or language or translator is missing or wrong.
        CacheError: The file is broken or contradicts itself or the cache (the row is named), or the cache can't be
            written. Nothing was imported then.
    """
    with tables.reading(file, EXPORTED) as table:
        reader = RowReader(file, table.columns, language=language, translator=translator)
        batches = tables.batches(reader.rows(table.records))
        first = next(batches, [])  # so that a file refused at once doesn't even make an empty cache
        if not first:
            return ImportReport()
        added = equal = replaced = 0
        with cache.transaction():
            for batch in itertools.chain([first], batches):
                fresh, same, changed = _compare(cache, [row for _, row in batch])
                if changed and not replace:
                    number = next(number for number, row in batch if row is changed[0][0])
                    row, kept = changed[0]
                    reader.refuse(
                        number,
                        row.source,
                        f"the cache has another translation of it, {short(kept)}, and not {short(row.translation)}",
                        hint="`--replace` lets the file overrule the cache",
                    )
                cache.put(fresh)
                cache.replace([row for row, _ in changed])
                added, equal, replaced = added + len(fresh), equal + same, replaced + len(changed)
    return ImportReport(added=added, equal=equal, replaced=replaced)


def merge(target: Cache, sources: Sequence[Path], *, strict: bool = False) -> MergeReport:
    """Copy the rows of other caches into one, all of them or none.

    Where two caches have different translations under one key (the same request, answered twice), the target's stays,
    as everywhere the first answer does; between sources, the one named first.

    Args:
        target: The cache that takes the rows.
        sources: The files of the others, which stay as they are.
        strict: Refuse instead when there is a conflict.

    Returns:
        What was done.

    Raises:
        UsageError: A source is missing, or is the target.
        CacheError: A cache can't be read or written, or there is a conflict and `strict` is set. Nothing was copied then.
    """
    for source in sources:
        if not source.is_file():
            raise UsageError(f"no such cache: {source}")
        if target.file.exists() and source.samefile(target.file):
            raise UsageError(f"{source} can't be merged into itself")
    added = equal = conflicts = 0
    examples: list[Conflict] = []
    with target.transaction():
        for source in sources:
            with Cache(source) as other:
                for batch in tables.batches(other.rows()):
                    fresh, same, changed = _compare(target, batch)
                    target.put(fresh)
                    added, equal, conflicts = added + len(fresh), equal + same, conflicts + len(changed)
                    examples += [_conflict(row, kept) for row, kept in changed[: _EXAMPLES - len(examples)]]
                    if strict and examples:
                        found = examples[0]
                        raise CacheError(
                            f"{source} and {target.file} translate {short(found.source)} differently into "
                            f"{found.language} by {found.translator}: {short(found.other)} and {short(found.kept)}",
                            hint="merge without strictness to keep the translations of the first cache",
                        )
    return MergeReport(added=added, equal=equal, conflicts=conflicts, examples=tuple(examples))


def verify(cache: Cache) -> VerifyReport:
    """Read a whole cache and look for damage.

    SQLite checks the file; of each row it is checked that its key can be one, that what should be text is text
    and not empty, and for imports that the key is the digest of the row. (Other keys are digests of requests or of a
    translator's version, which a row doesn't hold.)

    Args:
        cache: The cache; a missing file is sound.

    Returns:
        How many rows there are and what is wrong with which.

    Raises:
        CacheError: The file is no SQLite database, or none of this schema.
    """
    problems = [Problem(key=None, reason=text) for text in cache.damage()]
    count = 0
    try:
        for row in cache.rows():
            count += 1
            problems += [Problem(key=row.key.hex(), reason=reason) for reason in _faults(row)]
    except CacheError as error:
        problems.append(Problem(key=None, reason=error.message))
    return VerifyReport(rows=count, problems=tuple(problems))


def _faults(row: Row) -> Iterator[str]:
    if len(row.key) not in KEY_SIZES:
        yield f"its key has {len(row.key)} bytes"
    for name in ("translator", "language", "source"):
        if not getattr(row, name):
            yield f"its {name} is empty"
    if row.translation is not None and is_empty(row.translation, row.source):
        yield f"the translation of {short(row.source)} is empty"
    if row.translator.startswith("import:") and not is_own_key(row):
        yield f"its key does not belong to its text, {short(row.source)}: the row was changed"


def _compare(cache: Cache, rows: Sequence[Row]) -> tuple[list[Row], int, list[tuple[Row, str]]]:
    """Rows that the cache lacks, how many it has, and those that it has otherwise, each with its translation there."""
    standing = cache.lookup([row.key for row in rows])
    fresh: list[Row] = []
    changed: list[tuple[Row, str]] = []
    for row in rows:
        before = standing.get(row.key)
        if before is None or (before.translation is None and row.translation is not None):
            fresh.append(row)
        elif before.translation is not None and row.translation not in (None, before.translation):
            changed.append((row, before.translation))
    return fresh, len(rows) - len(fresh) - len(changed), changed


def _conflict(row: Row, kept: str) -> Conflict:
    return Conflict(
        translator=row.translator,
        language=row.language,
        source=row.source,
        kept=kept,
        other=row.translation or "",
    )


def _record(row: Row) -> tables.Record:
    return {name: row.key.hex() if name == "key" else getattr(row, name) for name in EXPORTED}

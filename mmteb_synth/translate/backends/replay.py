"""Translations that somebody made before: bundled ones, imports, and corrections. Nobody is asked."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth.errors import CacheError
from mmteb_synth.translate.rows import Row, replay_key
from mmteb_synth.types import Language, Segment

AUTHORED = "authored"
AUTHORED_VERSION = "1"
POST_EDITED = "post-edited"
POST_EDITED_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTranslator:
    """A translator of which only its translations are here; see `translators.Translator` for the attributes.

    Attributes:
        name: `authored`, `post-edited`, or `import:` and a name.
        label: The name in the names of data sets.
        version: Part of the keys.
        gap: Why a text that the cache lacks has no translation.
    """

    name: str
    label: str
    version: str
    gap: str

    prompt_version = None
    decoding = "-"
    grade = None
    concurrency = 1

    def identity(self) -> dict[str, Any]:
        """What decides the translations, besides the stored rows."""
        return {"translator": self.name, "version": self.version}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key: one translation serves every kind."""
        return replay_key(self.name, self.version, language.code, segment.text)

    def check_language(self, language: Language) -> str | None:
        """Nothing: what is missing shows as gaps."""
        return None

    def backend(self, concurrency: int) -> None:
        """There is nobody to ask."""
        return


def bundled_files(folder: Path, language: Language) -> list[Path]:
    """The files with a language's bundled translations, one for each suite.

    Args:
        folder: Holds a folder for each suite, and that a `<code>.csv` for each language.
        language: The language to look for.
    """
    return sorted(folder.glob(f"*/{language.code}.csv"))


def bundled_rows(folder: Path, language: Language) -> dict[bytes, Row]:
    """The translations that come with the package, for `Cache(below=…)`.

    Args:
        folder: As for `bundled_files`; the columns are `source` and `translation`.
        language: The language to read.

    Returns:
        Rows by key.

    Raises:
        CacheError: A file is broken, or gives one text two translations.
    """
    rows: dict[bytes, Row] = {}
    for path in bundled_files(folder, language):
        for place, source, translation in _read(path):
            key = replay_key(AUTHORED, AUTHORED_VERSION, language.code, source)
            if key in rows and rows[key].translation != translation:
                raise CacheError(f"{path}, line {place}: another translation of {source!r:.80} came before")
            rows[key] = Row(
                key=key,
                translator=AUTHORED,
                language=language.code,
                kind=None,
                source=source,
                translation=translation,
            )
    return rows


def _read(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, source and translation of each row."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if list(reader.fieldnames or ()) != ["source", "translation"]:
                raise CacheError(
                    f"{path}: the columns must be source,translation and are {reader.fieldnames}"
                )
            for row in reader:
                source, translation = row["source"], row["translation"]
                if None in row or not source or not (translation or "").strip():
                    raise CacheError(
                        f"{path}, line {reader.line_num}: a row needs a source and a translation"
                    )
                yield reader.line_num, source, translation
    except (csv.Error, UnicodeDecodeError) as error:
        raise CacheError(f"{path} is not CSV in UTF-8: {error}") from error
    except OSError as error:
        raise CacheError(f"could not read {path}: {error.strerror}") from error

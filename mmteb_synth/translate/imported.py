"""The rows that a file of translations holds, or which of its rows can't be one and why."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mmteb_synth.errors import CacheError, UsageError, near_names
from mmteb_synth.translate.rows import COLUMNS, Row, replay_key
from mmteb_synth.translate.tables import Record, form_of

IMPORT_VERSION = "1"
"""The version of every `import:<name>` in `replay_key`."""

_TEXT_COLUMNS = ("source", "translation")
_WHOLE_NUMBERS = ("prompt_version", "input_tokens", "output_tokens")
_OWN_COLUMNS = ("key", "translator", "language")
_REMADE_COLUMNS = ("checks", "verdicts")
"""What the checks say anew, wherever the translation comes from."""
EXPORTED = {
    name: "int64" if name in _WHOLE_NUMBERS else "string"
    for name in dict.fromkeys((*_TEXT_COLUMNS, *COLUMNS))
    if name not in _REMADE_COLUMNS
}
_IMPORT_NAME = re.compile(r"import:[A-Za-z0-9][A-Za-z0-9._-]*")
_LANGUAGE = re.compile(r"[a-z]{3}-[A-Z][a-z]{3}")
KEY_SIZES = (16, 32)


class RowReader:
    """Turns the records of one file into rows, or says which of them can't be one."""

    def __init__(
        self, file: Path, columns: Sequence[str], *, language: str | None, translator: str | None
    ) -> None:
        self._file = file
        self._language = language
        self._translator = translator
        for needed in _TEXT_COLUMNS:
            if needed not in columns:
                near = near_names(needed, columns)
                found = ", ".join(map(repr, columns)) or "none"
                guess = f"; did you mean {near[0]!r}?" if near else ""
                raise CacheError(
                    f"{file.name} has no column {needed!r}; its columns are {found}{guess}",
                    hint="name the columns source and translation"
                    + (", and separate them with commas" if len(columns) == 1 else ""),
                )
        if language is not None and not _LANGUAGE.fullmatch(language):
            raise UsageError(f"{language!r} is not a language as tur-Latn", hint="mmteb-synth languages")
        self._is_export = all(column in columns for column in _OWN_COLUMNS)
        if not self._is_export:
            self._check_name()

    def _check_name(self) -> None:
        if self._language is None:
            raise UsageError("an import needs its target language", hint="add --lang, as --lang de")
        if self._translator is None or not _IMPORT_NAME.fullmatch(self._translator):
            given = "a name" if self._translator is None else f"a name of that form, not {self._translator!r}"
            raise UsageError(
                f"translations from elsewhere need {given}",
                hint="say --translator import:NAME, with letters, digits, '.', '_' and '-', as import:deepl",
            )

    def rows(self, records: Iterable[tuple[int, Record]]) -> Iterator[tuple[int, Row]]:
        """Row number and row of each different record."""
        # 400,000 translations would be too much to hold; their hashes aren't.
        seen: dict[bytes, tuple[int, int]] = {}
        for number, record in records:
            row = self._row(number, record)
            first, digest = seen.setdefault(row.key, (number, hash(row.translation)))
            if first == number:
                yield number, row
            elif digest != hash(row.translation):
                self.refuse(number, row.source, f"row {first} has another translation of it")

    def refuse(self, number: int, source: Any, reason: str, *, hint: str | None = None) -> NoReturn:
        """Raise the error that names the row."""
        quoted = f" ({short(source)})" if isinstance(source, str) and source else ""
        raise CacheError(
            f"{self._file.name}, row {number}{quoted}: {reason}; nothing was imported", hint=hint
        )

    def _row(self, number: int, record: Record) -> Row:
        for name in record:
            record[name] = self._cell(number, record, name)
        source, translation = record.get("source"), record.get("translation")
        is_evidence = translation is None and self._is_export and form_of(self._file) == ".parquet"
        if not source:
            self.refuse(number, None, "its source is empty")
        if not is_evidence and (translation is None or is_empty(translation, source)):
            self.refuse(number, source, "its translation is empty")
        for name, wanted in (("language", self._language), ("translator", self._translator)):
            given = record.get(name)
            # The translator of a file from elsewhere is whatever that place calls it.
            matters = self._is_export or (name == "language" and given is not None)
            if matters and (not given or wanted not in (None, given)):
                self.refuse(
                    number,
                    source,
                    f"its {name} is {given!r}, not {wanted!r}" if given else f"its {name} is empty",
                    hint="the file is an export: leave out --lang and --translator to restore it as it was, or remove "
                    "its column key to import it under another name"
                    if self._is_export
                    else None,
                )
        return self._own_row(number, record) if self._is_export else self._foreign_row(record)

    def _foreign_row(self, record: Record) -> Row:
        assert self._language is not None
        assert self._translator is not None
        decided = {
            "key": replay_key(self._translator, IMPORT_VERSION, self._language, record["source"]),
            "language": self._language,
            "translator": self._translator,
            "kind": None,
        }
        return Row(**{**_filled(record), **decided})

    def _own_row(self, number: int, record: Record) -> Row:
        try:
            key = bytes.fromhex(record.get("key") or "")
        except ValueError:
            key = b""
        if len(key) not in KEY_SIZES:
            self.refuse(
                number, record["source"], f"{record.get('key')!r} is not a key of 32 or 64 hexadecimal digits"
            )
        row = Row(**{"kind": None, **_filled(record), "translation": record["translation"], "key": key})
        if row.translator.startswith("import:") and not is_own_key(row):
            self.refuse(
                number,
                row.source,
                "its key does not belong to its text, which was changed after the export",
                hint="remove the column key to import the file under --translator import:NAME",
            )
        return row

    def _cell(self, number: int, record: Record, name: str) -> str | int | None:
        value = record[name]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if name in _WHOLE_NUMBERS:
            try:
                if isinstance(value, (str, int)) or (isinstance(value, float) and value.is_integer()):
                    return int(value)
            except ValueError:
                pass
            self.refuse(number, record.get("source"), f"its {name} is {value!r:.80}, not a whole number")
        if not isinstance(value, str):
            self.refuse(number, record.get("source"), f"its {name} is {value!r:.80}, not text")
        try:
            value.encode()
        except UnicodeEncodeError:
            self.refuse(number, None, f"its {name} holds half a character (a lone surrogate): {value!a:.80}")
        return value


def is_own_key(row: Row) -> bool:
    """Whether the row of an import lies under the key that its text has."""
    return row.key == replay_key(row.translator, IMPORT_VERSION, row.language, row.source)


def is_empty(translation: str, source: str) -> bool:
    """Whether a translation says nothing; white space may only stand for white space."""
    return not translation or bool(source.strip() and not translation.strip())


def short(text: str | None) -> str:
    """A text for a message: quoted, escaped, and cut where it is long."""
    return repr(text if text is None or len(text) <= 60 else f"{text[:60]}…")


def _filled(record: Record) -> Record:
    """The cells that say something; the others get the defaults of a row."""
    return {name: value for name, value in record.items() if value is not None}

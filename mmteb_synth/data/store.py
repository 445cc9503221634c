"""Translated data sets on disk: Parquet in MTEB's own layout, a manifest, and a pointer to the current one.

A set lies in a folder named after its content, `<name>-<first 12 of the digest>`; `<name>.json` beside it points
there. Both are written beside their places and moved, so that whatever stops a run leaves whole sets.

The set's ledger lies in the same folder and is no part of its content. Of a set that was held back, `<name>.held-back`
keeps manifest and ledger, as evidence, until the set is stored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmteb_synth.data import card, profiles
from mmteb_synth.data import ledger as ledgers
from mmteb_synth.data import manifest as manifests
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.profiles import sample as samples
from mmteb_synth.data.tables import ROWS_AT_ONCE, TableKey, Tables, content_hash
from mmteb_synth.errors import StoreError, UnknownNameError
from mmteb_synth.paths import write_text, writing

_HELD_BACK = ".held-back"
_ABANDONED_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedDataset:
    """One stored set.

    Attributes:
        folder: Where its files lie.
        manifest: Its record.
        is_held_back: Whether it has no tables: too much of it had failed, and only the evidence was kept.
    """

    folder: Path
    manifest: Manifest
    is_held_back: bool = False

    def tables(self) -> Tables:
        """Read the tables and prove that they are what was recorded.

        Raises:
            StoreError: A file is missing, damaged or changed.
        """
        try:
            tables = _read_tables(self.folder)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(str(error)) from error
        if content_hash(tables) != self.manifest.revision:
            raise self._damaged("its content is not what was recorded")
        return tables

    def ledger(self) -> pa.Table:
        """Read what is known of each segment, in the schema of `mmteb_synth.data.ledger`.

        Raises:
            StoreError: There is none, or it is damaged.
        """
        try:
            return ledgers.read(self.folder)
        except FileNotFoundError as error:
            raise StoreError(
                f"the data set {self.manifest.name} in {self.folder} has no ledger",
                hint="build it again; translations come from the cache",
            ) from error
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(f"{ledgers.FILE}: {error}") from error

    def sample(self) -> pa.Table | None:
        """Read the list of what the set's profile kept of the English set, in the schema of `Sample.listed`.

        Returns:
            The list; None where everything was kept.

        Raises:
            StoreError: It is missing, damaged or changed.
        """
        if not self.manifest.sample.get("listed"):
            return None
        try:
            listed = samples.read(self.folder)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(f"{samples.FILE}: {error}") from error
        if samples.digest(listed) != self.manifest.sample["digest"]:
            raise self._damaged(f"{samples.FILE} is not what was recorded")
        return listed

    def record(self, ledger: pa.Table) -> TranslatedDataset:
        """Put another ledger in the place of this set's, with what the manifest says of it.

        Raises:
            SynthError: The folder can't be written.
        """
        manifest = dataclasses.replace(self.manifest, **ledgers.summary(ledger))
        with writing(f"the ledger of {manifest.name}"):
            ledgers.write(self.folder, ledger)
            manifests.write(self.folder, manifest)
        return dataclasses.replace(self, manifest=manifest)

    def _damaged(self, reason: str) -> StoreError:
        return StoreError(
            f"the data set {self.manifest.name} in {self.folder} is damaged: {reason}",
            hint=f"delete {self.folder} and run the build again; translations come from the cache",
        )


def set_name(
    source: str,
    language: str,
    translator_label: str,
    limit: int | None = None,
    *,
    profile: str = profiles.FULL.label,
) -> str:
    """The public name of a data set, as `SciFact.tur-Latn.gpt-4.1-mini.nano` or `STS12.deu-Latn.import-deepl.limit100`.

    Args:
        source: The English task.
        language: The target, as `tur-Latn`.
        translator_label: The translator's name; characters outside `[A-Za-z0-9._-]` become `-`.
        limit: The trial's limit.
        profile: The profile's label; `full` leaves no mark.
    """
    parts = [source, language, translator_label]
    parts += [profile] if profile != profiles.FULL.label else []
    parts += [f"limit{limit}"] if limit is not None else []
    return re.sub(r"[^A-Za-z0-9._-]", "-", ".".join(parts))


class Store:
    """The translated data sets of one folder.

    Args:
        folder: Where they lie; made when the first set is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The names of all stored sets."""
        return sorted(path.stem for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def find(self, name: str) -> TranslatedDataset | None:
        """A stored set, None where there is none of that name.

        Raises:
            StoreError: Its pointer or manifest is damaged.
        """
        pointer = self.folder / f"{name}.json"
        if not pointer.is_file():
            return None
        values = manifests.read_json(pointer)
        folder = self.folder / str(values.get("folder", ""))
        return TranslatedDataset(folder=folder, manifest=manifests.read(folder, name))

    def get(self, name: str) -> TranslatedDataset:
        """A stored set.

        Raises:
            UnknownNameError: There is none of that name.
            StoreError: It is damaged.
        """
        found = self.find(name)
        if found is None:
            raise UnknownNameError(
                "data set",
                name,
                self.names(),
                hint=f"build it first; {self.folder} holds {len(self.names())} sets",
            )
        return found

    def all(self) -> Iterator[TranslatedDataset]:
        """All stored sets, by name."""
        for name in self.names():
            yield self.get(name)

    def save(
        self,
        manifest: Manifest,
        tables: Mapping[TableKey, pa.Table],
        ledger: pa.Table | None = None,
        *,
        sample: pa.Table | None = None,
    ) -> TranslatedDataset:
        """Store a set; its folder is complete before anything points to it.

        Args:
            manifest: Its record; the revision is filled in, and what was found out about the very same content
                is kept.
            tables: Its tables in MTEB's own layout.
            ledger: What is known of its segments; None where nothing was translated.
            sample: The list of what its profile kept of the English set; None where it kept all.

        Returns:
            The stored set.

        Raises:
            SynthError: The folder can't be written; nothing is left half-written.
        """
        previous = self.find_or_none(manifest.name)
        manifest = dataclasses.replace(manifest, revision=content_hash(tables))
        if previous is not None:
            manifest = manifests.built_anew(manifest, previous.manifest)
        folder = self.folder / f"{manifest.name}-{manifest.revision[:12]}"
        with writing(f"the data set {manifest.name}"):
            if _is_whole(folder, manifest.revision):
                _write_about(folder, manifest, tables, ledger, sample)
            else:
                with self._new_folder(folder, manifest.name) as temporary:
                    _write_tables(temporary, tables)
                    _write_about(temporary, manifest, tables, ledger, sample)
        pointer = {
            "schema": manifests.SCHEMA,
            "name": manifest.name,
            "revision": manifest.revision,
            "folder": folder.name,
        }
        write_text(
            self.folder / f"{manifest.name}.json", json.dumps(pointer, sort_keys=True, indent=1) + "\n"
        )
        if previous is not None and previous.folder != folder:
            shutil.rmtree(previous.folder, ignore_errors=True)
        shutil.rmtree(self._evidence(manifest.name), ignore_errors=True)
        self._sweep(folder)
        return TranslatedDataset(folder=folder, manifest=manifest)

    def hold_back(self, manifest: Manifest, ledger: pa.Table) -> TranslatedDataset:
        """Keep the evidence of a set that is not stored because of its failures, until the set is stored.

        Args:
            manifest: Its record.
            ledger: What is known of its segments.

        Raises:
            SynthError: The folder can't be written.
        """
        folder = self._evidence(manifest.name)
        with (
            writing(f"the ledger of {manifest.name}"),
            self._new_folder(folder, manifest.name) as temporary,
        ):
            _write_ledger(temporary, ledger)
            manifests.write(temporary, manifest)
        return TranslatedDataset(folder=folder, manifest=manifest, is_held_back=True)

    def held_back(self) -> Iterator[TranslatedDataset]:
        """The sets that were held back and are not stored since, by name; they have a ledger and no tables.

        Raises:
            StoreError: A manifest is damaged.
        """
        for folder in sorted(self.folder.glob(f"*{_HELD_BACK}")):
            manifest = manifests.read(folder, folder.name.removesuffix(_HELD_BACK))
            yield TranslatedDataset(folder=folder, manifest=manifest, is_held_back=True)

    def annotate(self, name: str, *, review: Mapping[str, Any]) -> TranslatedDataset:
        """Record what people found in a stored set. Its content, and so its revision, stays as it is.

        Args:
            name: The set's name.
            review: As the manifest has it.

        Raises:
            UnknownNameError: There is no such set.
            StoreError: It is damaged.
            SynthError: The manifest can't be written.
        """
        found = self.get(name)
        manifest = dataclasses.replace(found.manifest, review=dict(review))
        manifests.write(found.folder, manifest)
        return dataclasses.replace(found, manifest=manifest)

    def find_or_none(self, name: str) -> TranslatedDataset | None:
        """A stored set; None also where it is damaged, so that it can be built anew."""
        try:
            return self.find(name)
        except StoreError:
            return None

    def _sweep(self, current: Path) -> None:
        """Remove what killed runs left of this set; what is young may be another run's that is alive."""
        name = current.name.rpartition("-")[0]
        left = re.compile(rf"\.{re.escape(name)}(\.json)?\.\w+|{re.escape(name)}-[0-9a-f]{{12}}")
        for place in self.folder.iterdir():
            if left.fullmatch(place.name) and place != current:
                with contextlib.suppress(OSError):
                    if time.time() - place.stat().st_mtime > _ABANDONED_SECONDS:
                        _remove(place)

    def _evidence(self, name: str) -> Path:
        """Where manifest and ledger of a set that was held back lie."""
        return self.folder / f"{name}{_HELD_BACK}"

    @contextlib.contextmanager
    def _new_folder(self, folder: Path, name: str) -> Iterator[Path]:
        """A folder to fill, which takes its place only when it is complete."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{name}."))
        try:
            yield temporary
            temporary.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(temporary, folder)  # noqa: PTH105
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _write_tables(folder: Path, tables: Mapping[TableKey, pa.Table]) -> None:
    for key, table in tables.items():
        path = folder / key.file
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table, path, compression="zstd", row_group_size=ROWS_AT_ONCE)


def _write_about(
    folder: Path,
    manifest: Manifest,
    tables: Mapping[TableKey, pa.Table],
    ledger: pa.Table | None,
    sample: pa.Table | None,
) -> None:
    """Write what is known of the tables: ledger, sample, manifest and card."""
    _write_ledger(folder, ledger)
    samples.write(folder, sample)
    manifests.write(folder, manifest)
    rows = {key: len(table) for key, table in tables.items()}
    write_text(folder / card.FILE, card.text(manifest, rows, ledger))


def _write_ledger(folder: Path, ledger: pa.Table | None) -> None:
    if ledger is None:
        (folder / ledgers.FILE).unlink(missing_ok=True)
    else:
        ledgers.write(folder, ledger)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


def _is_whole(folder: Path, revision: str) -> bool:
    """Whether a folder already holds exactly this content; a column is in memory at a time."""
    try:
        with contextlib.ExitStack() as opened:
            tables = {
                key: _OnDisk(opened.enter_context(pq.ParquetFile(path))) for key, path in _files(folder)
            }
            return bool(tables) and content_hash(tables) == revision
    except (OSError, pa.ArrowException):
        return False


class _OnDisk:
    """A table in a file, read by columns."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self.column_names: list[str] = file.schema_arrow.names
        self.num_rows: int = file.metadata.num_rows

    def column(self, name: str) -> pa.ChunkedArray:
        """One column."""
        return self._file.read([name]).column(0)


def _read_tables(folder: Path) -> Tables:
    tables: Tables = {}
    for key, path in _files(folder):
        with pq.ParquetFile(path) as file:
            tables[key] = file.read()
    return tables


def _files(folder: Path) -> list[tuple[TableKey, Path]]:
    return [(TableKey(path.parent.name, path.stem), path) for path in sorted(folder.glob("*/*.parquet"))]

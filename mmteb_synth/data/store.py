"""Translated data sets on disk: Parquet in MTEB's own layout, a manifest, and a pointer to the current one.

A set lies in a folder named after its content, `<name>-<first 12 of the digest>`; `<name>.json` beside it points
there. Both are written beside their places and moved, so that whatever stops a run leaves whole sets.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from mmteb_synth.data.tables import QRELS, TableKey, Tables, content_hash
from mmteb_synth.errors import StoreError, UnknownNameError
from mmteb_synth.paths import write_text, writing

SCHEMA = 1
_MANIFEST = "manifest.json"
_ABANDONED_SECONDS = 86_400.0
_REBUILD = "delete it and build the set again; translations come from the cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The record of one translated data set.

    Attributes:
        name: `<Source>.<lang>.<translator>[.limit<N>]`.
        source_task: The English task.
        task_type: MTEB's task type.
        language: The target, as `tur-Latn`.
        translator: The translator's name, `source` for English.
        translator_identity: What decides the translator's output.
        grade: `demonstration` for translators whose scores only demonstrate.
        prompt_version: The prompt's, None where there is no prompt.
        decoding: The decoding in short, as `t0`.
        checks_version: The checks' version that judged the translations.
        profile: How much of the source is kept.
        limit: The trial's limit, None for whole sets.
        all_rows: Whether rows that MTEB never shows a model were translated too.
        eval_splits: The splits that are scored.
        subset: MTEB's subset of the stored task.
        source: Where the English data come from: dataset, revision, mirror, mteb_version.
        protocol: What decided which rows MTEB shows a model; empty where every row is stored.
        instance_attributes: What the source's transform set on its task object.
        counts: Rows, texts, segments and so on.
        coverage: The share of segments that have a translation, 0 to 1.
        failures: Segments without a translation: their source text and the reason.
        on_failure: What was done with them.
        kept: For each table the rows that keep English texts because of them, by id or number.
        dropped: For each table the rows of the English set that were left out because of them, in the same way.
        notes: What a reader of a score must know, in words.
        licence: The source's licence.
        bitext_of: For a bitext set, the source whose translations it pairs.
        usage: Tokens that building it used.
        fingerprint: Of all that decides the content; equal means unchanged.
        changes: The cache's change counters for the translator and language when it was built.
        revision: The digest of the content.
        created: When it was built, UTC.
        spec: The spec of a set of one's own, so that the stored set needs no file of the user's; None for MTEB's sets.
    """

    name: str
    source_task: str
    task_type: str
    language: str
    translator: str
    translator_identity: dict[str, Any] = field(default_factory=dict)
    grade: str | None = None
    prompt_version: int | None = None
    decoding: str = "-"
    checks_version: int
    profile: str = "full"
    limit: int | None = None
    all_rows: bool = False
    eval_splits: list[str]
    subset: str = "default"
    source: dict[str, Any]
    protocol: dict[str, Any] = field(default_factory=dict)
    instance_attributes: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int]
    coverage: float
    failures: list[dict[str, str]] = field(default_factory=list)
    on_failure: str = "stop"
    kept: dict[str, list[int | str]] = field(default_factory=dict)
    dropped: dict[str, list[int | str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    licence: str | None
    bitext_of: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    fingerprint: str
    changes: list[int] = field(default_factory=list)
    revision: str = ""
    created: str
    spec: dict[str, Any] | None = None
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedDataset:
    """One stored set.

    Attributes:
        folder: Where its files lie.
        manifest: Its record.
    """

    folder: Path
    manifest: Manifest

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

    def _damaged(self, reason: str) -> StoreError:
        return StoreError(
            f"the data set {self.manifest.name} in {self.folder} is damaged: {reason}",
            hint=f"delete {self.folder} and run the build again; translations come from the cache",
        )


def set_name(source: str, language: str, translator_label: str, limit: int | None = None) -> str:
    """The public name of a data set, as `SciFact.tur-Latn.gpt-4.1-mini` or `STSBenchmark.deu-Latn.import-deepl.limit100`.

    Args:
        source: The English task.
        language: The target, as `tur-Latn`.
        translator_label: The translator's name; characters outside `[A-Za-z0-9._-]` become `-`.
        limit: The trial's limit.
    """
    parts = [source, language, translator_label, *([f"limit{limit}"] if limit is not None else [])]
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
        values = _read_json(pointer)
        folder = self.folder / str(values.get("folder", ""))
        return TranslatedDataset(folder=folder, manifest=_read_manifest(folder / _MANIFEST, name))

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

    def save(self, manifest: Manifest, tables: Mapping[TableKey, pa.Table]) -> TranslatedDataset:
        """Store a set; its folder is complete before anything points to it.

        Args:
            manifest: Its record; the revision is filled in.
            tables: Its tables in MTEB's own layout.

        Returns:
            The stored set.

        Raises:
            SynthError: The folder can't be written; nothing is left half-written.
        """
        manifest = dataclasses.replace(manifest, revision=content_hash(tables))
        previous = self.find_or_none(manifest.name)
        folder = self.folder / f"{manifest.name}-{manifest.revision[:12]}"
        record = json.dumps(dataclasses.asdict(manifest), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
        if _is_whole(folder, manifest.revision):
            write_text(folder / _MANIFEST, record)
        else:
            with writing(f"the data set {manifest.name}"):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._write_folder(folder, manifest, tables, record)
        pointer = {
            "schema": SCHEMA,
            "name": manifest.name,
            "revision": manifest.revision,
            "folder": folder.name,
        }
        write_text(
            self.folder / f"{manifest.name}.json", json.dumps(pointer, sort_keys=True, indent=1) + "\n"
        )
        if previous is not None and previous.folder != folder:
            shutil.rmtree(previous.folder, ignore_errors=True)
        self._sweep(folder)
        return TranslatedDataset(folder=folder, manifest=manifest)

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

    def _write_folder(
        self, folder: Path, manifest: Manifest, tables: Mapping[TableKey, pa.Table], record: str
    ) -> None:
        temporary = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{manifest.name}."))
        try:
            for key, table in tables.items():
                path = temporary / key.file
                path.parent.mkdir(exist_ok=True)
                pq.write_table(table, path, compression="zstd")
            (temporary / "README.md").write_text(_card(tables), "utf-8")
            (temporary / _MANIFEST).write_text(record, "utf-8")
            temporary.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(temporary, folder)  # noqa: PTH105
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


def _is_whole(folder: Path, revision: str) -> bool:
    """Whether a folder already holds exactly this content."""
    try:
        tables = _read_tables(folder)
    except (OSError, pa.ArrowException):
        return False
    return bool(tables) and content_hash(tables) == revision


def _read_tables(folder: Path) -> Tables:
    tables: Tables = {}
    for path in sorted(folder.glob("*/*.parquet")):
        with pq.ParquetFile(path) as file:
            tables[TableKey(path.parent.name, path.stem)] = file.read()
    return tables


def _card(tables: Mapping[TableKey, pa.Table]) -> str:
    """The front matter with which `datasets`, and so MTEB, reads the folder as it is."""
    lines = ["---", "configs:"]
    for config in sorted({key.config for key in tables}):
        lines += [f"- config_name: {'default' if config == QRELS else config}", "  data_files:"]
        for key in sorted(key for key in tables if key.config == config):
            lines += [f"  - split: {key.split}", f"    path: {key.file}"]
    return "\n".join([*lines, "---", ""])


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint=_REBUILD) from error
    if not isinstance(values, dict) or not isinstance(values.get("schema"), int):
        raise StoreError(f"{path} is damaged: it has no schema number", hint=_REBUILD)
    if values["schema"] > SCHEMA:
        raise StoreError(
            f"{path} was written by a newer mmteb-synth", hint="pip install --upgrade mmteb-synth"
        )
    return values


def _read_manifest(path: Path, name: str) -> Manifest:
    values = _read_json(path)
    try:
        manifest: Manifest = TypeAdapter(Manifest).validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise StoreError(f"{path} is damaged: {place}: {problem['msg']}", hint=_REBUILD) from error
    if manifest.name != name:
        raise StoreError(f"{path} is the record of {manifest.name}, not of {name}")
    return manifest

"""What people said of a set's translations: `<name>.reviews.parquet` beside the set's pointer.

It does not lie in the set's folder, which is replaced with its content: people's work outlives a rebuild. A grade
belongs to a source text and a hypothesis, so it counts again wherever the set still, or again, holds that hypothesis.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from mmteb_synth.data.store import Store
from mmteb_synth.errors import StoreError
from mmteb_synth.paths import writing

_SCHEMA_NUMBER = 1
_SUFFIX = ".reviews.parquet"

SCHEMA = pa.schema(
    [
        pa.field("source_hash", pa.string()),  # as in the ledger
        pa.field("kind", pa.string()),
        pa.field("hypothesis_hash", pa.string()),  # `text_hash` of the hypothesis that was graded
        pa.field("rater", pa.string()),  # the person's name
        pa.field("skill", pa.string()),  # native, fluent or reading; missing where nobody said
        pa.field("esa", pa.float64()),  # 0 to 100, best is 100
        pa.field("severity", pa.string()),  # none, minor, major or critical: of the worst error
        pa.field("label_holds", pa.string()),  # yes, no or unsure
        pa.field("correction", pa.string()),  # missing where the hypothesis may stay
        pa.field("comment", pa.string()),
        pa.field("date", pa.string()),  # when it was imported: ISO 8601, UTC
        pa.field("sampled", pa.bool_()),  # whether it was drawn at random, and so counts in rates
    ]
)
_IDENTITY = ("source_hash", "kind", "hypothesis_hash", "rater")
_ABOUT = {"mmteb_synth.schema": str(_SCHEMA_NUMBER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge did to the grades of one set.

    Attributes:
        added: New grades.
        equal: Grades that were there already.
        replaced: Grades that took the place of the same person's earlier ones.
    """

    added: int = 0
    equal: int = 0
    replaced: int = 0


def text_hash(text: str) -> str:
    """The blake2b digest of a text's UTF-8 bytes, 32 hexadecimal digits, as the ledger's `source_hash`."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read(store: Store, name: str) -> pa.Table:
    """All grades of a set, those of hypotheses that it no longer holds among them.

    Args:
        store: Where the set lies.
        name: Its name.

    Returns:
        Rows of `SCHEMA`; none where nobody has graded it.

    Raises:
        StoreError: The file is damaged, or was written by a newer version.
    """
    path = _path(store, name)
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        number = int((table.schema.metadata or {}).get(b"mmteb_synth.schema", b"0"))
        return table.select(SCHEMA.names).cast(SCHEMA) if number <= _SCHEMA_NUMBER else _refuse_newer(path)
    except FileNotFoundError:
        return SCHEMA.empty_table()
    except (OSError, pa.ArrowException, KeyError) as error:
        raise StoreError(
            f"{path} is damaged: {error}",
            hint="move it away and import the filled review files again: mmteb-synth review import FILE",
        ) from error


def current(grades: pa.Table, ledger: pa.Table) -> pa.Table:
    """The grades of hypotheses that a set holds now, with their texts.

    Args:
        grades: Rows of `SCHEMA`.
        ledger: The set's ledger.

    Returns:
        The rows that count, in their order, with the columns `source` and `hypothesis` after those of `SCHEMA`.
    """
    held = {
        (row["source_hash"], row["kind"]): (row["source"], row["hypothesis"])
        for row in ledger.select(["source_hash", "kind", "source", "hypothesis"]).to_pylist()
        if row["hypothesis"] is not None
    }
    rows = []
    for row in grades.to_pylist():
        source, hypothesis = held.get((row["source_hash"], row["kind"]), (None, None))
        if hypothesis is not None and text_hash(hypothesis) == row["hypothesis_hash"]:
            rows.append({**row, "source": source, "hypothesis": hypothesis})
    texts = [pa.field("source", pa.string()), pa.field("hypothesis", pa.string())]
    return pa.Table.from_pylist(rows, schema=pa.schema([*SCHEMA, *texts]))


@contextmanager
def merging(store: Store, fresh: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[dict[str, Merged]]:
    """Add grades to those of several sets: all of them when the block ends well, otherwise none.

    A grade replaces that of the same person for the same texts. Imports at the same time wait for each other.

    Args:
        store: Where the sets lie.
        fresh: For each set's name the new grades, with the columns of `SCHEMA`.

    Yields:
        What becomes of each set's grades.

    Raises:
        StoreError: The grades of a set are damaged.
        SynthError: A file can't be written.
    """
    with ExitStack() as cleared, writing(f"the reviews in {store.folder}"):
        cleared.enter_context(FileLock(store.folder / ".reviews.lock"))
        done: dict[str, Merged] = {}
        moves: dict[Path, Path] = {}
        for name, rows in fresh.items():
            table, done[name] = _merged(read(store, name), rows)
            temporary = _written(store.folder, table)
            cleared.callback(temporary.unlink, missing_ok=True)
            moves[temporary] = _path(store, name)
        yield done
        for temporary, path in moves.items():
            os.replace(temporary, path)  # noqa: PTH105  one atomic call, as in paths.write_text


def _path(store: Store, name: str) -> Path:
    return store.folder / f"{name}{_SUFFIX}"


def _refuse_newer(path: Path) -> pa.Table:
    raise StoreError(f"{path} was written by a newer mmteb-synth", hint="pip install --upgrade mmteb-synth")


def _merged(before: pa.Table, fresh: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, Merged]:
    rows = {_identity(row): row for row in before.to_pylist()}
    added = equal = replaced = 0
    for row in fresh:
        known = rows.get(_identity(row))
        if known is None:
            added += 1
        elif all(known[name] == row[name] for name in SCHEMA.names if name != "date"):
            equal += 1
            continue  # it keeps the date of the day on which it was said
        else:
            replaced += 1
        rows[_identity(row)] = dict(row)
    table = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=SCHEMA)
    return table, Merged(added=added, equal=equal, replaced=replaced)


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in _IDENTITY)


def _written(folder: Path, table: pa.Table) -> Path:
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".reviews.")
    try:
        with os.fdopen(handle, "wb") as stream:
            pq.write_table(table.replace_schema_metadata(_ABOUT), stream, compression="zstd")
        Path(temporary).chmod(0o644)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Path(temporary)

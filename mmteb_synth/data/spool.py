"""Tables and arrays that lie on the disk while a set is worked on, mapped into memory.

A corpus may be larger than the memory. Pages of mapped files are the kernel's to drop and to read again, so what a
build holds of its own stays the same for a hundred thousand rows and for a hundred times as many.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from mmteb_synth.paths import writing

_PREFIX = "spool-"
_ABANDONED_SECONDS = 7 * 86_400.0
"""A run that is alive has put something into its folder in a week."""
_ZEROS = 1 << 20


class Spool:
    """A folder of temporary files, removed when it is closed; tables and arrays that are still held stay readable.

    Args:
        folder: Where the folder is made. It should be on a disk: some systems keep the usual place for temporary
            files in memory.
    """

    def __init__(self, folder: Path) -> None:
        with writing("temporary files"):
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            self._folder = tempfile.TemporaryDirectory(dir=folder, prefix=_PREFIX, ignore_cleanup_errors=True)
        self._numbers = itertools.count()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    def file(self) -> Path:
        """The place of a new file."""
        return Path(self._folder.name) / str(next(self._numbers))

    def table(self, schema: pa.Schema, batches: Iterable[pa.Table]) -> pa.Table:
        """Put tables one after another on the disk.

        Args:
            schema: That of every batch.
            batches: Tables of any number of rows, each in memory only while it is written.

        Returns:
            All their rows, a chunk for each batch with rows.
        """
        path = self.file()
        with (
            writing("temporary files"),
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            for batch in batches:
                writer.write_table(batch.combine_chunks())
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()

    def array(self, dtype: Any, shape: int | tuple[int, ...]) -> np.ndarray:
        """An array of zeros on the disk.

        Args:
            dtype: The type of its items.
            shape: How many.
        """
        if not np.prod(shape):
            return np.zeros(shape, dtype)
        path, size = self.file(), int(np.prod(shape)) * np.dtype(dtype).itemsize
        with writing("temporary files"):
            with path.open(
                "wb"
            ) as file:  # no holes: where one can't be filled, the process is killed (SIGBUS)
                for start in range(0, size, _ZEROS):
                    file.write(bytes(min(_ZEROS, size - start)))
            return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def _sweep(folder: Path) -> None:
    """Remove what killed runs left."""
    for place in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - place.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(place)

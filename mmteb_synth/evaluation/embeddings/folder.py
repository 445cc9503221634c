"""The folder of stores: what is in it, and making room."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth.errors import CacheError, UnknownNameError
from mmteb_synth.evaluation.embeddings.store import FORM, Shape, shape_of
from mmteb_synth.paths import writing
from mmteb_synth.translate.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a store from outside.

    Attributes:
        file: Its index.
        model: The model's name.
        revision: The model's revision, with the settings that change its vectors.
        vectors: How many there are.
        shape: Their kind and length; None where there are none.
        size: Bytes on the disk, of all its files.
        problem: Why it can't be read.
    """

    file: Path
    model: str
    revision: str
    vectors: int = 0
    shape: Shape | None = None
    size: int = 0
    problem: CacheError | None = None


def kept(folder: Path) -> list[Kept]:
    """All stores of a folder, in the order of the models' names; one that can't be read says why."""
    found = [_look(file) for file in folder.glob("*/*.sqlite")]
    return sorted(found, key=lambda one: (one.model, one.revision, one.file))


def clear(folder: Path, models: Collection[str] = ()) -> list[Kept]:
    """Remove stores.

    Args:
        folder: Where they lie.
        models: The names of the models whose stores to remove; empty for all.

    Returns:
        What was removed.

    Raises:
        UnknownNameError: There is nothing of one of the models.
        SynthError: The files can't be removed.
    """
    every = kept(folder)
    names = {one.model for one in every}
    for name in models:
        if name not in names:
            raise UnknownNameError(
                "model",
                name,
                names,
                hint="`mmteb-synth embeddings stats` lists the models that have embeddings",
            )
    chosen = [one for one in every if not models or one.model in models]
    with writing(f"the embeddings in {folder}"):
        for one in chosen:
            for path in _files(one.file):
                path.unlink(missing_ok=True)
            if not any(one.file.parent.iterdir()):
                one.file.parent.rmdir()
    return chosen


def _look(file: Path) -> Kept:
    size = sum(path.stat().st_size for path in _files(file))
    database = Database(file, FORM)
    try:
        with database.reading() as connection:
            if connection is None:
                return Kept(file=file, model=file.parent.name, revision="?", size=size)
            row = connection.execute("SELECT value FROM facts WHERE name = 'identity'").fetchone()
            (count,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
            identity = json.loads(row[0]) if row else {"name": file.parent.name, "revision": "?"}
            return Kept(
                file=file,
                model=identity["name"],
                revision=identity["revision"],
                vectors=count,
                shape=shape_of(connection),
                size=size,
            )
    except CacheError as error:
        return Kept(file=file, model=file.parent.name, revision="?", size=size, problem=error)
    finally:
        database.close()


def _files(file: Path) -> list[Path]:
    """All files of a store: its index, the index's journals, its rows."""
    return [path for path in file.parent.glob(f"{file.stem}.*") if path.is_file()]

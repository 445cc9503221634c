"""A local mirror of the Hub, as `hf download --local-dir DIR/<org>/<name>` leaves it.

`datasets` caches a local folder under its base name and never looks at its content again, so a mirror is read
through a link whose name holds the digest of its files: other content, other name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from mmteb_synth import hashing
from mmteb_synth.errors import SourceError
from mmteb_synth.paths import writing


def folder(source_dir: Path, dataset: str) -> Path:
    """The folder of a data set in a mirror.

    Args:
        source_dir: The mirror.
        dataset: The Hub's id, as `mteb/scifact`.

    Raises:
        SourceError: It isn't there.
    """
    path = source_dir.joinpath(*dataset.split("/"))
    if not path.is_dir():
        raise SourceError(f"{dataset} is not in the mirror {source_dir}", hint=how_to_get(dataset, None))
    return path


def digest(path: Path) -> str:
    """The digest of a mirrored data set's files; hidden files, such as download records, don't count."""
    files = []
    for file in path.rglob("*"):
        relative = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in relative.parts):
            files.append((relative.as_posix(), file))
    if not files:
        raise SourceError(f"the mirrored data set {path} is empty")
    return hashing.files_digest(files)


def link(path: Path, files_digest: str, scratch: Path) -> Path:
    """A link to a mirrored data set whose name changes with its content.

    Args:
        path: The data set's folder.
        files_digest: What `digest` says of it.
        scratch: Where links are kept.

    Returns:
        The link; on a file system without links, a copy.
    """
    place = scratch / f"{path.name}-{files_digest[:12]}"
    with writing(f"a link to {path}"):
        scratch.mkdir(parents=True, exist_ok=True)
        if place.is_symlink() and place.resolve() == path.resolve():
            return place
        place.unlink(missing_ok=True)
        try:
            with contextlib.suppress(FileExistsError):
                os.symlink(path.resolve(), place, target_is_directory=True)  # noqa: PTH211
        except OSError:
            shutil.copytree(path, place)
    return place


def how_to_get(dataset: str, revision: str | None) -> str:
    """The two ways to have a data set on this machine."""
    pinned = f" --revision {revision}" if revision else ""
    return (
        f"with a network: hf download --repo-type dataset {dataset}{pinned} --local-dir DIR/{dataset}; "
        "then here: --source-dir DIR (or run where the Hub can be reached)"
    )

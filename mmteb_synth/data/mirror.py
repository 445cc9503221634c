"""A local mirror of the Hub, as `hf download --local-dir DIR/<org>/<name>` leaves it.

`datasets` caches a local folder under its base name and never looks at its content again, so a mirror is read
through a link whose name holds the digest of its files: other content, other name.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from mmteb_synth import hashing
from mmteb_synth.errors import SourceError
from mmteb_synth.paths import writing


def folder(source_dir: Path, dataset: str, revision: str | None = None) -> Path:
    """The folder of a data set in a mirror.

    Args:
        source_dir: The mirror.
        dataset: The Hub's id, as `mteb/scifact`.
        revision: The revision that MTEB pins, for the hint.

    Raises:
        SourceError: It isn't there.
    """
    path = source_dir.joinpath(*dataset.split("/"))
    if not path.is_dir():
        raise SourceError(
            f"{dataset} is not in the mirror {source_dir}: there is no folder {path}",
            hint=how_to_get(dataset, revision),
        )
    return path


def digest(path: Path) -> str:
    """The digest of a mirrored data set's files; hidden files, such as download records, don't count.

    Raises:
        SourceError: There are no files, or they can't be read.
    """
    files = []
    for file in path.rglob("*"):
        relative = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in relative.parts):
            files.append((relative.as_posix(), file))
    if not files:
        raise SourceError(f"the mirrored data set {path} is empty", hint="download it again")
    try:
        return hashing.files_digest(files)
    except OSError as error:
        raise SourceError(f"could not read {error.filename}: {error.strerror}") from error


def link(path: Path, files_digest: str, scratch: Path) -> Path:
    """A link to a mirrored data set whose name changes with its content.

    Args:
        path: The data set's folder.
        files_digest: What `digest` says of it.
        scratch: Where links are kept.

    Returns:
        The link; on a file system without links, a copy.

    Raises:
        SynthError: The link can't be made.
    """
    place = scratch / f"{path.name}-{files_digest[:12]}"
    target = path.resolve()
    if place.is_dir() and (not place.is_symlink() or place.resolve() == target):
        return place
    with writing(f"a link to {path}"):
        scratch.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=scratch, prefix=".new-"))
        try:
            try:
                os.symlink(target, beside / place.name, target_is_directory=True)  # noqa: PTH211  as os.replace
            except OSError:
                shutil.copytree(target, beside / place.name)
            os.replace(beside / place.name, place)  # noqa: PTH105
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return place


def how_to_get(dataset: str, revision: str | None) -> str:
    """The two ways to have a data set on this machine."""
    pinned = f" --revision {revision}" if revision else ""
    return (
        f"with a network: hf download --repo-type dataset {dataset}{pinned} --local-dir DIR/{dataset}; "
        "then here: --source-dir DIR (or run where the Hub can be reached)"
    )

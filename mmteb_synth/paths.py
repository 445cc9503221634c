"""Where tasks, cache, data sets, results and leaderboard lie: the only place that knows.

In a checkout, a tree with `pyproject.toml` and `tasks/` from which this package is imported, they lie in its
`tasks/`, `translation_cache/` and `leaderboard/`, whatever the working directory. Elsewhere the bundled files
come from the package, and what is written goes below `MMTEB_SYNTH_HOME` or the platform's user folders.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth.errors import SynthError

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The root of the checkout that this package is imported from, or None."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "tasks").is_dir() else None


def bundled_tasks() -> Path:
    """The folder with the shipped specs, suites and facts of MTEB."""
    root = checkout()
    return root / "tasks" if root else PACKAGE / "bundled" / "tasks"


def bundled_translations() -> Path:
    """The folder with the shipped translations, one sub-folder a suite."""
    root = checkout()
    return root / "translation_cache" if root else PACKAGE / "bundled" / "translation_cache"


def user_tasks() -> Path | None:
    """The user's own folder of specs and suites (`MMTEB_SYNTH_TASKS`), or None."""
    value = os.environ.get("MMTEB_SYNTH_TASKS")
    return Path(value).expanduser() if value else None


def _home(kind: str) -> Path:
    """The folder for what is written outside a checkout."""
    value = os.environ.get("MMTEB_SYNTH_HOME")
    if value:
        return Path(value).expanduser()
    import platformdirs

    return Path(
        platformdirs.user_data_dir("mmteb-synth")
        if kind == "data"
        else platformdirs.user_cache_dir("mmteb-synth")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where one run reads and writes.

    Attributes:
        cache_dir: Holds `cache.sqlite`, and embeddings.
        data_dir: Holds the translated data sets.
        results_dir: What `mteb.ResultCache` takes: scores lie in its sub-folder `results`.
        scratch_dir: Links to mirrors, and what a run keeps on the disk meanwhile; may be deleted while nothing runs.
    """

    cache_dir: Path
    data_dir: Path
    results_dir: Path
    scratch_dir: Path

    @property
    def cache_file(self) -> Path:
        """The translation cache."""
        return self.cache_dir / "cache.sqlite"

    @property
    def embeddings_dir(self) -> Path:
        """The embeddings of models, beside the translations they are embeddings of."""
        return self.cache_dir / "embeddings"

    @property
    def validity_dir(self) -> Path:
        """The certificates, beside the scores that they are about."""
        return self.results_dir / "validity"


def folders(
    *,
    cache_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    results_dir: str | Path | None = None,
) -> Folders:
    """The folders of a run: the given ones, otherwise the defaults of this place."""
    root = checkout()
    if root:
        cache, data, results = (
            root / "translation_cache",
            root / "translation_cache" / "datasets",
            root / "leaderboard",
        )
        scratch = root / "translation_cache" / "datasets" / ".scratch"
    else:
        home = _home("data")
        cache, data, results = home / "translation_cache", home / "datasets", home / "leaderboard"
        scratch = _home("cache") / "scratch"
    if data_dir is not None:
        scratch = Path(data_dir).expanduser().resolve() / ".scratch"
    return Folders(
        cache_dir=_given(cache_dir, cache),
        data_dir=_given(data_dir, data),
        results_dir=_given(results_dir, results),
        scratch_dir=scratch,
    )


def leaderboard_dir(out: str | Path | None = None) -> Path:
    """Where `leaderboard.md`, `leaderboard.csv` and `scores.csv` are written."""
    root = checkout()
    return _given(out, root / "leaderboard" if root else _home("data") / "leaderboard")


def _given(value: str | Path | None, default: Path) -> Path:
    return Path(value).expanduser().resolve() if value is not None else default


@contextlib.contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn a failed write (read-only folder, full disk) into an error that names what was being written.

    Args:
        what: The thing in words, as "the data set MiniSTS.tur-Latn.authored in /data".

    Raises:
        SynthError: The operating system refused.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        where = f" ({error.filename})" if error.filename else ""
        raise SynthError(
            f"could not write {what}: {reason}{where}",
            hint="free some space or choose another folder with --data-dir, --cache-dir, --results-dir or --out",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its place and move it there, so that no reader ever sees half of it.

    Raises:
        SynthError: The folder can't be written.
    """
    with writing(path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            Path(temporary).chmod(0o644)
            os.replace(temporary, path)  # noqa: PTH105  one atomic call, named as the documentation names it
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

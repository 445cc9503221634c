"""What users write, as values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmteb_synth import languages as language_names
from mmteb_synth import paths, selection
from mmteb_synth.errors import UsageError
from mmteb_synth.types import Language

if TYPE_CHECKING:
    from mmteb_synth.data.store import Store


Names = str | Sequence[str]
"""One name or several."""

Place = str | Path | None
"""A folder or file; None for the usual one."""


def store(data_dir: Place) -> Store:
    """The store of built sets."""
    from mmteb_synth.data.store import Store

    return Store(paths.folders(data_dir=data_dir).data_dir)


def choice(tasks: Names, suite: Names) -> selection.Choice | None:
    """What was named; None where nothing was, which means all that was built."""
    return selection.choose(names(tasks), names(suite)) if tasks or suite else None


def languages(named: Names) -> list[Language]:
    """The languages, each once."""
    found = list(dict.fromkeys(language_names.parse(name) for name in names(named)))
    if not found:
        raise UsageError("no language was named", hint="mmteb-synth languages lists them")
    return found


def names(value: Names) -> list[str]:
    """One name or several, as several."""
    return [value] if isinstance(value, str) else list(value)


def label(profile: str | None) -> str | None:
    """A profile's label in its usual spelling."""
    return None if profile is None else profiles(profile)[0]


def label_or_none(name: str) -> str | None:
    """A profile's label; None where it is no profile."""
    try:
        return label(name)
    except UsageError:
        return None


def profiles(labels: Names) -> list[str]:
    """Labels of profiles, each in its usual spelling."""
    from mmteb_synth.data import profiles

    return [profiles.parse(label).label for label in names(labels)]


def path(value: Place) -> Path | None:
    """A place, with the user's home for `~`."""
    return Path(value).expanduser() if value is not None else None

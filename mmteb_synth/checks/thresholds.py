"""The thresholds of the checks, read from thresholds.toml, which says of each where it comes from."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any


@functools.cache
def _tables(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files("mmteb_synth.checks").joinpath(name).read_text("utf-8"))


def section(name: str) -> dict[str, Any]:
    """The thresholds of one check.

    Args:
        name: The table's name in thresholds.toml, mostly the check's.
    """
    return _tables("thresholds.toml")[name]


def lengths(part: str) -> dict[str, Any]:
    """How long translations are for their English: the part of the table that a program writes, lengths.toml.

    Args:
        part: `languages` or `scripts`.
    """
    return _tables("lengths.toml")[part]

"""The thresholds of the checks, read from thresholds.toml, which says of each where it comes from."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    text = resources.files("mmteb_synth.checks").joinpath("thresholds.toml").read_text("utf-8")
    return tomllib.loads(text)


def section(name: str) -> dict[str, Any]:
    """The thresholds of one check.

    Args:
        name: The table's name in thresholds.toml, mostly the check's.
    """
    return _tables()[name]

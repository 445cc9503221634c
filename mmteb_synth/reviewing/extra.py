"""The libraries that only reviews need."""

from __future__ import annotations

from importlib import util

from mmteb_synth.errors import MissingExtraError

INSTALL = "pip install 'mmteb-synth[review]'"
_NEEDED = ("openpyxl", "lxml", "nltk")


def check() -> None:
    """Make sure that they are installed.

    Raises:
        MissingExtraError: One is not.
    """
    if not all(map(util.find_spec, _NEEDED)):
        raise MissingExtraError("a review by people", INSTALL)

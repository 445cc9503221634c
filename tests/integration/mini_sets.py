"""What tests of scoring share: the bundled sets, built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmteb_synth import api

BAG_OF_WORDS = "mmteb_synth.baselines:bag_of_words"


def build(
    home: Path, languages: Sequence[str] = ("tr",), tasks: Sequence[str] = ("MiniSTS",), **options: Any
) -> Path:
    """Build bundled sets below a folder.

    Returns:
        The store, as `data_dir`.
    """
    report = api.build(languages, tasks=tasks, data_dir=home / "data", cache_dir=home / "cache", **options)
    assert report.ok, report
    return home / "data"

"""MTEB, the benchmark of text embedding models, translated into every language.

Public names are looked up when they are first used, so that importing this package costs nothing: it imports
neither mteb, torch nor pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmteb_synth._version import __version__

if TYPE_CHECKING:
    from mmteb_synth.api import (
        build,
        check,
        evaluate,
        export,
        get_benchmark,
        get_task,
        get_tasks,
        leaderboard,
        register,
        review_export,
        review_import,
        sampling_agreement,
        validate,
    )
    from mmteb_synth.errors import SynthError

_PLACES = {
    "SynthError": "mmteb_synth.errors",
    "build": "mmteb_synth.api",
    "check": "mmteb_synth.api",
    "evaluate": "mmteb_synth.api",
    "export": "mmteb_synth.api",
    "get_benchmark": "mmteb_synth.api",
    "get_task": "mmteb_synth.api",
    "get_tasks": "mmteb_synth.api",
    "leaderboard": "mmteb_synth.api",
    "register": "mmteb_synth.api",
    "review_export": "mmteb_synth.api",
    "review_import": "mmteb_synth.api",
    "sampling_agreement": "mmteb_synth.api",
    "validate": "mmteb_synth.api",
}

__all__ = [
    "SynthError",
    "__version__",
    "build",
    "check",
    "evaluate",
    "export",
    "get_benchmark",
    "get_task",
    "get_tasks",
    "leaderboard",
    "register",
    "review_export",
    "review_import",
    "sampling_agreement",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

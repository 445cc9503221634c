"""The public functions: what users write becomes values, defaults are filled in, and a verb is called."""

from mmteb_synth.api.scoring import board, evaluate, leaderboard, sampling_agreement, validate
from mmteb_synth.api.sets import build, export
from mmteb_synth.api.tasks import get_benchmark, get_task, get_tasks, register
from mmteb_synth.api.trust import check, check_page, review_export, review_import

__all__ = [
    "board",
    "build",
    "check",
    "check_page",
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

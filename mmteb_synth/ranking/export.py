"""Tables and scores -> CSV, with every digit, and nothing in a text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from mmteb_synth.ranking.results import ENGLISH, Score
from mmteb_synth.ranking.table import Group
from mmteb_synth.specs import TASK_TYPES

Value = str | int | float | None

SCORE_COLUMNS = (
    "model",
    "model_revision",
    "language",
    "task",
    "source_task",
    "task_type",
    "origin",
    "translator",
    "split",
    "metric",
    "main_score",
    "signature",
)
WHOLE_NUMBERS = ("limit", "n_tasks", "n_scored", "borda_rank", "parameters", "dimensions", "zero_shot")
_TEXTS = ("model", "model_revision", "suite", "profile", "language", "translator", "origin")
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n")


def leaderboard_columns(groups: Iterable[Group]) -> list[str]:
    """The columns of leaderboard.csv: the same ones for all boards, and types that only some suite brings."""
    found = {name for group in groups for part in group.languages for row in part.rows for name in row.types}
    return [
        "model",
        "model_revision",
        "suite",
        "profile",
        "limit",
        "language",
        "translator",
        "origin",
        "n_tasks",
        "n_scored",
        "mean_task",
        "mean_type",
        "borda_rank",
        "english_mean_task",
        "delta_english",
        *TASK_TYPES,
        *sorted(found - set(TASK_TYPES)),
        "parameters",
        "dimensions",
        "zero_shot",
    ]


def number_columns(columns: Iterable[str]) -> list[str]:
    """Those of the columns of leaderboard.csv that hold a score."""
    return [name for name in columns if name not in (*_TEXTS, *WHOLE_NUMBERS)]


def leaderboard_rows(groups: Iterable[Group]) -> list[dict[str, Value]]:
    """One row for each (model, suite, profile, limit, language, translator); scores times 100, unrounded.

    Returns:
        Rows that have the keys of `leaderboard_columns`, where a type that a suite has not may be absent.
    """
    return [
        {
            "model": row.model.name,
            "model_revision": row.model.revision,
            "suite": group.suite,
            "profile": group.profile,
            "limit": group.limit,
            "language": part.language,
            "translator": group.label,
            "origin": part.origin,
            "n_tasks": row.n_tasks,
            "n_scored": row.n_scored,
            "mean_task": row.mean_task,
            "mean_type": row.mean_type,
            "borda_rank": row.borda_rank,
            "english_mean_task": row.mean_task if part.language == ENGLISH else row.english,
            "delta_english": row.delta,
            **row.types,
            "parameters": row.model.parameters,
            "dimensions": row.model.dimensions,
            "zero_shot": row.zero_shot,
        }
        for group in groups
        for part in group.languages
        for row in part.rows
    ]


def score_rows(scores: Iterable[Score]) -> list[dict[str, Value]]:
    """One row for each score, on MTEB's own scale."""
    return [
        {
            "model": score.model.name,
            "model_revision": score.model.revision,
            "language": score.signed.language,
            "task": score.signed.task,
            "source_task": score.signed.source_task,
            "task_type": score.signed.task_type,
            "origin": score.signed.origin,
            "translator": score.signed.translator,
            "split": score.signed.split,
            "metric": score.signed.main_score,
            "main_score": score.value,
            "signature": score.signed.signature,
        }
        for score in scores
    ]


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Value]]) -> str:
    """Rows as CSV. A missing value is empty; a text that a spreadsheet would take for a formula gets a `'` before it.

    Source of the rule: OWASP, "CSV Injection".

    Args:
        columns: The header.
        rows: Values by column; an absent one is missing.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return stream.getvalue()


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = f"'{value}" if value.startswith(_RUN_BY_SPREADSHEETS) else value
        return text.replace("\r\n", "\n").replace("\r", "\n")  # csv leaves a bare carriage return unquoted
    return repr(value)

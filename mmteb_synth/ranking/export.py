"""Tables and scores -> CSV, with every digit, and nothing in a text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from mmteb_synth.ranking.results import ENGLISH, Score
from mmteb_synth.ranking.table import MEANS, Group, Row, Table
from mmteb_synth.ranking.uncertainty import Estimate
from mmteb_synth.specs import TASK_TYPES
from mmteb_synth.statistics.bootstrap import Interval

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
    "low",
    "high",
    "signature",
)
WHOLE_NUMBERS = (
    "limit",
    "n_tasks",
    "n_scored",
    "borda_rank",
    "rank_low",
    "rank_high",
    "rank_group",
    "parameters",
    "dimensions",
    "zero_shot",
)
ALL_LANGUAGES = "mul"
"""The language of rows over several: ISO 639-2's code for that."""
_TEXTS = ("model", "model_revision", "suite", "profile", "language", "translator", "origin")
_ENDS = ("low", "high", "examples_low", "examples_high")
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n")


def leaderboard_columns(groups: Iterable[Group]) -> list[str]:
    """The columns of leaderboard.csv: the same ones for all boards, and types that only some suite brings."""
    found = {name for group in groups for part in group.languages for row in part.rows for name in row.types}
    types = [*TASK_TYPES, *sorted(found - set(TASK_TYPES))]
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
        "mean_language",
        "mean_task_unflagged",
        "borda_rank",
        "rank_low",
        "rank_high",
        "rank_group",
        "p_above",
        "p_first",
        "english_mean_task",
        "delta_english",
        *types,
        "parameters",
        "dimensions",
        "zero_shot",
        *(f"{name}_{end}" for name in (*MEANS, *types) for end in _ENDS),
    ]


def number_columns(columns: Iterable[str]) -> list[str]:
    """Those of the columns of leaderboard.csv that hold a score."""
    return [name for name in columns if name not in (*_TEXTS, *WHOLE_NUMBERS)]


def leaderboard_rows(groups: Iterable[Group]) -> list[dict[str, Value]]:
    """One row for each (model, suite, profile, limit, language, translator); scores times 100, unrounded.

    Where a group has several languages, there is one over all of them too, whose language is `mul`.

    Returns:
        Rows that have the keys of `leaderboard_columns`, where a type that a suite has not may be absent.
    """
    return [_row(group, part, row) for group in groups for part in _parts(group) for row in part.rows]


def _parts(group: Group) -> list[Table]:
    return [group.overall, *group.languages] if group.overall else [*group.languages]


def _row(group: Group, part: Table, row: Row) -> dict[str, Value]:
    means = dict(row.means)
    if part.language == ENGLISH:
        means["english_mean_task"] = means["mean_task"]
    return {
        "model": row.model.name,
        "model_revision": row.model.revision,
        "suite": group.suite,
        "profile": group.profile,
        "limit": group.limit,
        "language": part.language or ALL_LANGUAGES,
        "translator": group.label,
        "origin": part.origin,
        "n_tasks": row.n_tasks,
        "n_scored": row.n_scored,
        "borda_rank": row.borda_rank,
        "rank_low": row.place.low,
        "rank_high": row.place.high,
        "rank_group": row.place.group,
        "p_above": row.place.p_above,
        "p_first": row.place.p_first,
        "parameters": row.model.parameters,
        "dimensions": row.model.dimensions,
        "zero_shot": row.zero_shot,
        **_means({**means, **row.types}),
    }


def _means(means: Mapping[str, Estimate]) -> dict[str, Value]:
    """Each mean and the ends of its intervals: over tasks `_low` and `_high`, over examples `_examples_low` and so on."""
    values: dict[str, Value] = {}
    for name, mean in means.items():
        ends = [*(mean.tasks or (None, None)), *(mean.examples or (None, None))]
        values[name] = mean.value
        values |= {f"{name}_{end}": value for end, value in zip(_ENDS, ends, strict=True)}
    return values


def score_rows(scores: Iterable[Score], examples: Mapping[Score, Interval]) -> list[dict[str, Value]]:
    """One row for each score, on MTEB's own scale.

    Args:
        scores: The scores.
        examples: The intervals over examples of those whose predictions were kept.
    """
    unknown = (None, None)
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
            "low": examples.get(score, unknown)[0],
            "high": examples.get(score, unknown)[1],
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

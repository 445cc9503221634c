"""Scores of MTEB's own sets from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from mmteb_synth import facts
from mmteb_synth.errors import UnknownNameError, UsageError
from mmteb_synth.validating.scores import EXTERNAL, Part, Reading, TaskScores, canonical, main_score

COLUMNS = ("model", "task", "subset", "split", "main_score")
"""The columns that a CSV must have. `revision`, the model's, is read where there is one."""

_SHAPE = f"its first line must name the columns {','.join(COLUMNS)}, separated by commas"


def read(path: Path, tasks: Collection[str], wanted: Collection[str], codes: Collection[str]) -> Reading:
    """Read the scores of some models on some tasks in one language.

    Args:
        path: The file.
        tasks: MTEB tasks.
        wanted: Models, as `canonical` writes them.
        codes: MTEB's codes of the language.

    Raises:
        UsageError: The file can't be read, or a line is wrong, whatever task and model it is of.
    """
    found: dict[tuple[str, str, str], dict[Part, float]] = {}
    external: set[tuple[str, str]] = set()
    elsewhere: dict[str, str] = {}
    for line, row in _rows(path):
        known = facts.task(row["task"])
        if known is None and facts.other(row["task"]) is None:
            raise UnknownNameError(
                "task", row["task"], facts.tasks(), hint=f"mend line {line} of {path}; MTEB writes it so"
            )
        in_language = known is not None and _language(known, row["subset"]) in codes
        model = canonical(row["model"])
        asked_for = in_language and row["task"] in tasks and model in wanted
        if not in_language and row["task"] in tasks and model in wanted:
            elsewhere.setdefault(row["task"], row["subset"])
        if row["revision"] == EXTERNAL:
            if asked_for:
                external.add((model, row["task"]))
            continue
        value = _score(row["main_score"], f"{path}, line {line}")
        if value is None or not asked_for:
            continue
        parts = found.setdefault((model, row["revision"], row["task"]), {})
        part = Part(row["split"], row["subset"])
        if part in parts:
            raise UsageError(
                f"{path}, line {line}: a second score of {row['model']} on {row['task']}, split {part.split}, subset "
                f"{part.subset}",
                hint="leave one; where a model has several revisions, name them in a column revision",
            )
        parts[part] = value
    if elsewhere and not found and not external:
        task, subset = next(iter(elsewhere.items()))
        names = [name for name, code in facts.tasks()[task].subsets.items() if code in codes]
        raise UsageError(
            f"{path} has no score in {' or '.join(sorted(codes))}: of {task} it has the subset {subset}",
            hint=f"MTEB calls the subset {' or '.join(names) or 'default'}",
        )
    scores = (
        TaskScores(model=model, revision=revision, task=task, data=None, parts=parts)
        for (model, revision, task), parts in found.items()
    )
    return Reading(where=f"the file {path.name}", scores=tuple(scores), external=len(external))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line with its number, its cells without the spaces around them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise UsageError(
                    f"{path} has no column {', '.join(missing)}",
                    hint=_SHAPE,
                )
            twice = [name for name in (*COLUMNS, "revision") if header.count(name) > 1]
            if twice:
                raise UsageError(f"{path} has several columns {', '.join(twice)}", hint="leave one of each")
            reader.fieldnames = header
            for row in reader:
                if any(row.get(None, ())):  # a comma too many moves cells into other columns
                    raise UsageError(
                        f"{path}, line {reader.line_num}: {len(header) + len(row[None])} cells for {len(header)} columns",
                        hint='mend the line; a cell with a comma stands in quotes: "a,b"',
                    )
                cells = {name: (row.get(name) or "").strip() for name in (*COLUMNS, "revision")}
                empty = [name for name in COLUMNS[:-1] if not cells[name]]
                if empty:
                    raise UsageError(
                        f"{path}, line {reader.line_num}: no {', '.join(empty)}",
                        hint="mend the line; only main_score may be empty, where there is no score",
                    )
                yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"could not read {path}: {error}", hint=_SHAPE) from error


def _score(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        return main_score(float(text))
    except ValueError as error:
        reason = str(error) if "main_score" in str(error) else f"the main_score {text!r} is not a number"
        raise UsageError(
            f"{where}: {reason}", hint="MTEB's main scores lie between 0 and 1: per cent are divided by 100"
        ) from error


def _language(known: facts.TaskFacts, subset: str) -> str | None:
    """The one language that a subset of a task holds; None where it holds several, or the task has no such subset."""
    if known.subsets:
        return known.subsets.get(subset)
    return known.languages[0] if len(known.languages) == 1 else None

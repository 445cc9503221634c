"""Scores of MTEB's own sets from a results folder, or from a clone of MTEB's results repository."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from mmteb_synth import languages
from mmteb_synth.errors import SynthError, UsageError
from mmteb_synth.types import Language
from mmteb_synth.validating import reading_csv
from mmteb_synth.validating.scores import EXTERNAL, Part, Reading, TaskScores, canonical, main_score

_EXPERIMENTS = "experiments"


def read(path: Path, tasks: Collection[str], models: Iterable[str], language: Language) -> Reading:
    """Read the scores of some models on some tasks in one language.

    Args:
        path: A CSV, or a folder as mteb writes it: what `mteb.ResultCache` takes, its `results`, or a clone of MTEB's
            results repository.
        tasks: MTEB tasks.
        models: Names of models in any spelling; others are passed over.
        language: Subsets that hold others beside it don't count.

    Raises:
        UsageError: There is no such file or folder, or the CSV is broken.
        SynthError: The folder holds no results.
    """
    wanted = {canonical(name) for name in models}
    codes = languages.equivalents(language.code)
    if path.is_dir():
        return _read_folder(path, tasks, wanted, codes)
    if not path.exists():
        raise UsageError(f"there is no file or folder {path}", hint=_how_to_get())
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path} is neither a folder nor a .csv file", hint=_how_to_get())
    return reading_csv.read(path, tasks, wanted, codes)


def _how_to_get() -> str:
    return (
        "give a results folder of mteb, a clone of https://github.com/embeddings-benchmark/results, or a CSV with the "
        f"columns {', '.join(reading_csv.COLUMNS)}"
    )


def _read_folder(path: Path, tasks: Collection[str], wanted: set[str], codes: frozenset[str]) -> Reading:
    root = path / "results" if (path / "results").is_dir() else path
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and _has_results(folder)]
    if not folders:
        raise SynthError(
            f"{path} holds no results: nothing in it lies as MODEL/REVISION/TASK.json", hint=_how_to_get()
        )
    scores, unread, external = [], {}, 0
    for folder in folders:
        model = canonical(folder.name)
        if model not in wanted:
            continue
        for revision, place in _revisions(folder):
            for task in sorted(tasks):
                file = place / f"{task}.json"
                if not file.is_file():
                    continue
                try:
                    data, values = _values(json.loads(file.read_text("utf-8")), codes)
                    if revision == EXTERNAL:  # many are in per cent, so they are not even looked at
                        external += bool(values)
                        continue
                    parts = {part: main_score(value) for part, value in values.items()}
                except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                    unread[str(file.relative_to(root))] = str(error) or type(error).__name__
                    continue
                if parts:
                    scores.append(
                        TaskScores(model=model, revision=revision, task=task, data=data, parts=parts)
                    )
    return Reading(
        where=f"the results folder {path.name}", scores=tuple(scores), external=external, unread=unread
    )


def _has_results(folder: Path) -> bool:
    return next(folder.glob("*/*.json"), None) is not None


def _revisions(folder: Path) -> Iterator[tuple[str, Path]]:
    """The folders of a model's revisions; MTEB keeps experiments below a revision."""
    for place in sorted(folder.iterdir()):
        if place.is_dir():
            yield place.name, place
            for experiment in sorted((place / _EXPERIMENTS).glob("*")):
                yield f"{place.name}/{experiment.name}", experiment


def _values(result: Any, codes: frozenset[str]) -> tuple[str | None, dict[Part, Any]]:
    """The data's revision and the main scores of a language in one result file, whatever they are.

    Raises:
        ValueError: It has no scores; the reason. Broken entries raise what comes of it.
    """
    scores = result.get("scores") if isinstance(result, dict) else None
    if not isinstance(scores, dict):
        raise ValueError(  # noqa: TRY004  it is the file that is wrong
            "no result in the format of mteb 1.11 and later"
        )
    values = {}
    for split, entries in scores.items():
        for entry in entries:
            held = set(entry.get("languages") or ())
            if held and held <= codes and entry.get("main_score") is not None:
                values[Part(split, entry["hf_subset"])] = entry["main_score"]
    return result.get("dataset_revision"), values

"""MTEB's result files: read with a watch for damage, written whole or not at all."""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mteb
from mteb.models import ModelMeta
from mteb.results import TaskResult

from mmteb_synth.errors import EvaluationError
from mmteb_synth.paths import writing

_ADDED_TO = "run_settings.jsonl"
"""The one file of a model's folder that MTEB adds to; all others it writes anew."""


class WholeResultCache(mteb.ResultCache):
    """MTEB's cache of results; its files are written beside their places and moved there."""

    def save_to_cache(
        self,
        task_result: TaskResult,
        model_name: str | ModelMeta,
        model_revision: str | None = None,
        *,
        encode_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Save a result as MTEB does.

        Args:
            task_result: The result.
            model_name: The model's name or metadata.
            model_revision: The model's revision, where only its name is given.
            encode_kwargs: Recorded by MTEB in its run settings.

        Raises:
            SynthError: The folder can't be written; no file in it has changed.
        """
        with writing(f"the results in {self.cache_path}"):
            self.cache_path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache_path, prefix=".unfinished-") as scratch:
                beside = mteb.ResultCache(scratch)
                place, new = (
                    cache.get_task_result_path(task_result.task_name, model_name, model_revision).parent
                    for cache in (self, beside)
                )
                new.mkdir(parents=True)
                if (place / _ADDED_TO).is_file():
                    shutil.copyfile(place / _ADDED_TO, new / _ADDED_TO)
                beside.save_to_cache(task_result, model_name, model_revision, encode_kwargs=encode_kwargs)
                place.mkdir(parents=True, exist_ok=True)
                for file in new.iterdir():
                    os.replace(file, place / file.name)  # noqa: PTH105


def stored(
    cache: mteb.ResultCache, task: Any, meta: ModelMeta, warn: Callable[[str], None]
) -> TaskResult | None:
    """What is stored of a model on a task, if it is of the task's present data.

    MTEB itself returns a stored score even where the data have changed.

    Args:
        cache: Where results lie.
        task: The MTEB task.
        meta: The model's.
        warn: Told of a file that is damaged; the task is scored again, and the file replaced.

    Raises:
        EvaluationError: The file can't be read.
    """
    path = cache.get_task_result_path(task.metadata.name, meta)
    try:
        result = cache.load_task_result(task.metadata.name, meta)
    except OSError as error:
        raise EvaluationError(
            f"the result file {path} can't be read: {error.strerror}",
            hint="give it back its permissions, or choose another folder with --results-dir",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # not JSON, or not a result
        warn(f"the result file {path} was damaged ({type(error).__name__}); it is scored again")
        return None
    return result if result and result.dataset_revision == task.metadata.revision else None


def of_older_data(task: Any) -> list[Path]:
    """Results in MTEB's default cache that `mteb.evaluate` would return although the data have changed since.

    It asks for another revision only where a split or subset lacks a score.

    Args:
        task: A built set's task, or an aggregate's, whose parts count too.

    Returns:
        The files. One that can't be read is passed over: MTEB fails on it.
    """
    cache = inspect.signature(mteb.evaluate).parameters["cache"].default
    found = []
    for one in (task, *getattr(task, "tasks", ())):
        for path in (cache.cache_path / "results").glob(f"*/*/{one.metadata.name}.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if json.loads(path.read_text("utf-8"))["dataset_revision"] != one.metadata.revision:
                    found.append(path)
    return found


def main_score(result: TaskResult, task: Any) -> float:
    """The mean of the main score over a task's splits and subsets, as MTEB takes it.

    Args:
        result: It may hold other languages' subsets too.
        task: The MTEB task, narrowed to what is asked for.

    Returns:
        On MTEB's own scale, mostly 0 to 1; NaN where a score is not a number.
    """
    values = [
        float(entry["main_score"])
        for split in task.eval_splits
        for entry in result.scores[split]
        if entry["hf_subset"] in task.hf_subsets
    ]
    return math.fsum(values) / len(values)

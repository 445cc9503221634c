"""Verb: models and tasks in, results in MTEB's own format out, each score with its signature."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mteb
from mteb.results import TaskResult

from mmteb_synth.data import source
from mmteb_synth.data.profiles import FULL
from mmteb_synth.errors import EvaluationError, SynthError, UsageError, in_a_line
from mmteb_synth.evaluation import native, registration, results
from mmteb_synth.evaluation import prompts as prompting
from mmteb_synth.evaluation import signature as signing
from mmteb_synth.evaluation.embeddings import opening
from mmteb_synth.evaluation.models import LoadedModel
from mmteb_synth.evaluation.scored import ScoredTask
from mmteb_synth.evaluation.signature import SignedScore
from mmteb_synth.paths import bundled_tasks, writing

PREDICTIONS = "predictions"
"""The folder beside a model's results, where MTEB's search for results does not look."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What became of one model on one task.

    Attributes:
        model: The model's name.
        task: The task's name; None where the model could not be loaded, and so was scored on none.
        score: MTEB's main score, 0 to 1; None where it failed.
        rescored: Whether an older score was replaced: of older data, or from a damaged file.
        error: Why it failed.
    """

    model: str
    task: str | None
    score: float | None = None
    rescored: bool = False
    error: SynthError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What became of all models and tasks of a run."""

    tasks: tuple[TaskReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every model was scored on every task."""
        return bool(self.tasks) and all(report.error is None for report in self.tasks)

    @property
    def exit_code(self) -> int:
        """0 when all is well; 2 when nothing could be done because of how it was asked for; otherwise 1."""
        if self.ok:
            return 0
        asked_wrongly = all(isinstance(report.error, UsageError) for report in self.tasks)
        return UsageError.exit_code if self.tasks and asked_wrongly else SynthError.exit_code


def evaluate(
    models: Iterable[tuple[str, Callable[[], LoadedModel]]],
    scored: Sequence[ScoredTask],
    *,
    results_dir: Path,
    batch_size: int = 32,
    predictions: bool = False,
    embeddings_dir: Path | None = None,
    show_progress: bool = False,
    report: Callable[[TaskReport], None] | None = None,
    warn: Callable[[str], None] = logger.warning,
) -> EvaluationReport:
    """Score models on tasks through `mteb.evaluate`.

    Args:
        models: (label, loader) pairs; a model is loaded when its turn comes. One that fails doesn't stop the
            others, nor does a task.
        scored: The tasks.
        results_dir: What `mteb.ResultCache` takes.
        batch_size: Texts a batch.
        predictions: Whether MTEB keeps the model's predictions, in `predictions/` beside its results.
        embeddings_dir: Where embeddings are kept; None for nowhere.
        show_progress: Whether MTEB shows its progress bars.
        report: Called with each result as soon as it is there.
        warn: Called with what the user should know.

    Returns:
        What became of each model and task.

    Raises:
        SynthError: The results folder can't be made.
    """
    reports: list[TaskReport] = []

    def done(result: TaskReport) -> None:
        reports.append(result)
        if report:
            report(result)

    with writing(f"the results in {results_dir}"):
        cache = results.WholeResultCache(results_dir)
    for label, load in models:
        try:
            model = load()
        except SynthError as error:
            done(TaskReport(model=label, task=None, error=error))
            continue
        for warning in model.warnings:
            warn(f"{model.name}: {warning}")
        if not model.prompts_known:
            warn(
                f"{model.name}: nobody says which prompts it wants, so it gets none, and its scores may be far too low; "
                "say it with --prompt query=…, --prompts-like NAME or --model-name ORG/NAME (--prompt query= for none)"
            )
        with opening.cached(model, embeddings_dir, warn) as encoder:
            run = _Run(
                model=model,
                encoder=encoder,
                cache=cache,
                batch_size=batch_size,
                predictions=predictions,
                show_progress=show_progress,
                warn=warn,
            )
            for task in scored:
                try:
                    done(run.score(task))
                except SynthError as error:
                    done(TaskReport(model=model.name, task=task.name, error=error))
    return EvaluationReport(tasks=tuple(reports))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One model's evaluation."""

    model: LoadedModel
    encoder: Any
    cache: results.WholeResultCache
    batch_size: int
    predictions: bool
    show_progress: bool
    warn: Callable[[str], None]

    @property
    def meta(self) -> Any:
        """MTEB's metadata of the model, under which it keeps scores."""
        return self.model.encoder.mteb_model_meta

    def score(self, scored: ScoredTask) -> TaskReport:
        """Score the model on one task, unless a score of the very same data is there already.

        Raises:
            SynthError: The task can't be had, the model fails on it, or the result can't be written.
        """
        task = scored.make()
        if scored.manifest is not None:
            registration.register_task(type(task))
            prompting.lend(self.model.encoder, task=scored.name, source=scored.source_task)
        path = self.cache.get_task_result_path(scored.name, self.meta)
        replaces = path.is_file()
        before = results.stored(self.cache, task, self.meta, self.warn)
        predictions = path.parent / PREDICTIONS if self.predictions and not scored.parts else None
        self._score_parts(scored)
        if before is None or before.get_missing_evaluations(task):
            _probe(path.parent, f"the results of {scored.name}")
            if scored.parts:  # MTEB would return a mean of older parts, or score all of them anew
                path.unlink(missing_ok=True)
            self._run(scored, task, self.cache, predictions, anew=before is None and not scored.parts)
        elif predictions and not (predictions / task.prediction_file_name).is_file():
            self._run(scored, task, None, predictions, anew=True)
        result = results.stored(self.cache, task, self.meta, self.warn)
        if result is None:
            raise EvaluationError(f"MTEB kept no result of {self.model.name} on {scored.name}")
        self._sign(path.parent / signing.SIGNATURES, scored, task, result, before)
        return TaskReport(
            model=self.model.name,
            task=scored.name,
            score=results.main_score(result, task),
            rescored=replaces and before is None,
        )

    def _score_parts(self, scored: ScoredTask) -> None:
        """Score what an aggregate is made of, each as a task of its own, so that MTEB finds the scores and takes the mean.

        Raises:
            EvaluationError: One can't be scored; without it there is no mean.
        """
        for part in scored.parts:
            try:
                self.score(part)
            except SynthError as error:
                raise EvaluationError(
                    f"{scored.name} has no score without its part {part.name}: {error.message}",
                    hint=error.hint,
                ) from error

    def _run(
        self,
        scored: ScoredTask,
        task: Any,
        cache: mteb.ResultCache | None,
        predictions: Path | None,
        *,
        anew: bool,
    ) -> None:
        """Let MTEB score what is missing, or everything anew."""
        if predictions:
            _probe(predictions, f"the predictions for {scored.name}")
            if anew:  # MTEB would add to those of older data
                (predictions / task.prediction_file_name).unlink(missing_ok=True)
        try:
            if scored.manifest is None:
                native.load(task)
            mteb.evaluate(
                self.encoder,
                task,
                cache=cache,
                co2_tracker=False,
                encode_kwargs={"batch_size": self.batch_size, "show_progress_bar": self.show_progress},
                overwrite_strategy="always" if anew else "only-missing",
                prediction_folder=predictions,
                show_progress_bar=self.show_progress,
            )
        except SynthError:
            raise
        except Exception as error:
            raise EvaluationError(
                f"{self.model.name} could not be scored on {scored.name}: {in_a_line(error)}",
                hint="run it again with --debug for the whole story",
            ) from error
        finally:
            if task.data_loaded:
                task.unload_data()

    def _sign(
        self, file: Path, scored: ScoredTask, task: Any, result: TaskResult, before: TaskResult | None
    ) -> None:
        """Write what the scores are scores of beside MTEB's file; a score that was there keeps its signature."""
        kept, damaged = signing.read(file)
        if damaged:
            signing.replace(file, kept.values())
            self.warn(
                f"{file} was damaged: {damaged} of its lines are lost; evaluating the other tasks again restores them"
            )
        lines = []
        for split in task.eval_splits:
            old = {entry["hf_subset"] for entry in before.scores.get(split, ())} if before else ()
            for subset in task.hf_subsets:
                line = self._line(scored, task, split, subset, result.mteb_version)
                if subset not in old or line.key not in kept:
                    lines.append(line)
        signing.add(file, lines)

    def _line(
        self, scored: ScoredTask, task: Any, split: str, subset: str, mteb_version: str | None
    ) -> SignedScore:
        manifest = scored.manifest
        names = [part.source_task for part in scored.parts]
        prompts = signing.prompts_label(self.model.prompts, known=self.model.prompts_known)
        return SignedScore(
            task=scored.name,
            dataset_revision=str(task.metadata.revision),
            signature=signing.signature(
                scored.signature_fields(), prompts, mteb_version or source.mteb_version()
            ),
            source_task=scored.source_task,
            task_type=task.metadata.type,
            origin=scored.origin,
            translator=manifest.translator if manifest else None,
            language=scored.language,
            profile=manifest.profile if manifest else FULL.label,
            limit=manifest.limit if manifest else None,
            split=split,
            subset=subset,
            main_score=task.metadata.main_score,
            coverage=manifest.coverage if manifest else 1.0,
            bitext=bool(manifest and manifest.bitext_of),
            grade=manifest.grade if manifest else None,
            notes=list(manifest.notes) if manifest else [],
            zero_shot=self.meta.is_zero_shot_on([manifest.source_task if manifest else scored.name, *names]),
            demo=bool(manifest and manifest.spec is not None and _is_bundled(manifest.source_task)),
        )


def _probe(folder: Path, what: str) -> None:
    """Refuse a folder that can't be written before hours are spent on what belongs there."""
    with writing(what):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def _is_bundled(name: str) -> bool:
    """Whether a set is one of those shipped for the demo."""
    return (bundled_tasks() / f"{name}.toml").is_file()

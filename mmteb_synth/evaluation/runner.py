"""Verb: models and tasks in, results in MTEB's own format out, each score with its signature."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mteb


from mmteb_synth.errors import EvaluationError, SynthError
from mmteb_synth.evaluation import prompts as prompting
from mmteb_synth.evaluation import registration
from mmteb_synth.evaluation.models import LoadedModel
from mmteb_synth.evaluation.scored import SOURCE, ScoredTask
from mmteb_synth.evaluation.signature import prompts_label, signature
from mmteb_synth.paths import bundled_tasks, write_text, writing

logger = logging.getLogger(__name__)

SIGNATURES = "signatures.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedScore:
    """One line of `signatures.jsonl`: what a score in MTEB's file beside it is a score of."""

    task: str
    dataset_revision: str
    signature: str
    source_task: str
    task_type: str
    origin: str
    translator: str | None
    language: str
    profile: str
    limit: int | None
    split: str
    subset: str
    main_score: str
    coverage: float
    bitext: bool
    grade: str | None
    notes: list[str]
    zero_shot: bool | None
    demo: bool
    schema: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What became of one model on one task.

    Attributes:
        model: The model's name.
        task: The task's name.
        score: MTEB's main score, 0 to 1; None where it failed.
        rescored: Whether an older score was replaced because the data had changed.
        error: Why it failed.
    """

    model: str
    task: str
    score: float | None
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


def evaluate(
    models: Iterable[tuple[str, Callable[[], LoadedModel]]],
    scored: Sequence[ScoredTask],
    *,
    results_dir: Path,
    batch_size: int = 32,
    predictions: Path | None = None,
    show_progress: bool = False,
    report: Callable[[TaskReport], None] | None = None,
    warn: Callable[[str], None] = logger.warning,
) -> EvaluationReport:
    """Score models on tasks through `mteb.evaluate`.

    Args:
        models: (label, loader) pairs; a model is loaded when its turn comes, and one that fails doesn't stop the
            others.
        scored: The tasks.
        results_dir: What `mteb.ResultCache` takes.
        batch_size: Texts a batch.
        predictions: Where MTEB writes predictions; None for nowhere.
        show_progress: Whether MTEB shows its progress bars.
        report: Called with each result as soon as it is there.
        warn: Called with what the user should know.

    Returns:
        What became of each model and task.
    """
    reports: list[TaskReport] = []

    def done(result: TaskReport) -> None:
        reports.append(result)
        if report:
            report(result)

    for label, load in models:
        try:
            model = load()
        except SynthError as error:
            for task in scored:
                done(TaskReport(model=label, task=task.name, score=None, error=error))
            continue
        for warning in model.warnings:
            warn(warning)
        run = _Run(model=model, results_dir=results_dir, batch_size=batch_size, predictions=predictions)
        for task in scored:
            try:
                done(run.score(task, show_progress=show_progress))
            except SynthError as error:
                done(TaskReport(model=model.name, task=task.name, score=None, error=error))
    return EvaluationReport(tasks=tuple(reports))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One model's evaluation."""

    model: LoadedModel
    results_dir: Path
    batch_size: int
    predictions: Path | None

    def score(self, scored: ScoredTask, *, show_progress: bool) -> TaskReport:
        """Score the model on one task, unless a score of the very same data is there already."""
        task = scored.make()
        if scored.dataset is not None:
            registration.register_task(type(task))
            prompting.lend(self.model.encoder, task=scored.name, source=scored.dataset.manifest.source_task)
        cache = mteb.ResultCache(self.results_dir)
        meta = self.model.encoder.mteb_model_meta
        rescored = self._is_stale(cache, task, meta)
        try:
            with writing(f"the results of {scored.name}"):
                result = mteb.evaluate(
                    self.model.encoder,
                    task,
                    cache=cache,
                    co2_tracker=False,
                    encode_kwargs={"batch_size": self.batch_size, "show_progress_bar": show_progress},
                    overwrite_strategy="always" if rescored else "only-missing",
                    prediction_folder=self._prediction_folder(),
                    show_progress_bar=show_progress,
                )
        except SynthError:
            raise
        except Exception as error:  # noqa: BLE001  a model's own code may raise anything; the others go on
            logger.debug("scoring failed", exc_info=True)
            raise EvaluationError(
                f"{self.model.name} could not be scored on {scored.name}: {type(error).__name__}: {error}",
                hint="run it again with --debug for the whole story",
            ) from error
        self._sign(cache, scored, task, meta)
        return TaskReport(
            model=self.model.name, task=scored.name, score=float(result.task_results[0].get_score()), rescored=rescored
        )

    def _is_stale(self, cache: Any, task: Any, meta: Any) -> bool:
        """MTEB returns a stored score even where the data have changed; only its revision tells."""
        old = cache.load_task_result(task.metadata.name, meta)
        return old is not None and old.dataset_revision != task.metadata.revision

    def _prediction_folder(self) -> Path | None:
        if self.predictions is None:
            return None
        return self.predictions / self.model.name.replace("/", "__") / self.model.revision

    def _sign(self, cache: Any, scored: ScoredTask, task: Any, meta: Any) -> None:
        """Write what the scores are scores of beside MTEB's file."""
        folder = cache.get_task_result_path(task.metadata.name, meta).parent
        lines = [
            self._line(scored, task, meta, split, subset) for split in task.eval_splits for subset in task.hf_subsets
        ]
        path = folder / SIGNATURES
        kept: dict[tuple[object, ...], dict[str, Any]] = {}
        if path.is_file():
            for text in path.read_text("utf-8").splitlines():
                line = json.loads(text)
                kept[_key(line)] = line
        kept.update({_key(line): line for line in map(asdict, lines)})
        ordered = [kept[key] for key in sorted(kept, key=str)]
        write_text(path, "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in ordered))

    def _line(self, scored: ScoredTask, task: Any, meta: Any, split: str, subset: str) -> SignedScore:
        manifest = scored.dataset.manifest if scored.dataset else None
        fields: dict[str, object] = {"task": scored.source_task}
        if manifest is None:
            fields |= {"lang": scored.language, "data": str(task.metadata.revision)[:8]}
        else:
            english = manifest.translator == SOURCE
            source = manifest.source
            fields |= {
                "lang": manifest.language if english else f"eng-Latn>{manifest.language}",
                "src": (source.get("mirror") or source["revision"])[:8],
                "by": manifest.translator,
                "prompt": manifest.prompt_version if manifest.prompt_version is not None else "-",
                "dec": manifest.decoding,
                "checks": manifest.checks_version,
                "cov": f"{manifest.coverage:.3f}",
                **({"limit": manifest.limit} if manifest.limit is not None else {}),
                "data": manifest.revision[:8],
            }
        prompts = prompts_label(self.model.prompts, known=self.model.prompts_known)
        return SignedScore(
            task=scored.name,
            dataset_revision=str(task.metadata.revision),
            signature=signature(fields, prompts),
            source_task=scored.source_task,
            task_type=task.metadata.type,
            origin=scored.origin,
            translator=manifest.translator if manifest else None,
            language=scored.language,
            profile=manifest.profile if manifest else "full",
            limit=manifest.limit if manifest else None,
            split=split,
            subset=subset,
            main_score=task.metadata.main_score,
            coverage=manifest.coverage if manifest else 1.0,
            bitext=bool(manifest and manifest.bitext_of),
            grade=manifest.grade if manifest else None,
            notes=list(manifest.notes) if manifest else [],
            zero_shot=meta.is_zero_shot_on([manifest.source_task if manifest else scored.name]),
            demo=bool(manifest and manifest.spec is not None and _is_bundled(manifest.source_task)),
        )


def _key(line: dict[str, Any]) -> tuple[object, ...]:
    return tuple(line.get(name) for name in ("task", "dataset_revision", "language", "split", "subset"))


def _is_bundled(name: str) -> bool:
    """Whether a set is one of those shipped for the demo."""
    return any(path.stem == name for path in bundled_tasks().glob("*.toml"))

"""The public functions: defaults are filled in here, and verbs are put one after another.

Verbs don't know each other. What needs two of them, as scoring English that nobody built yet, happens here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmteb_synth import languages as language_names
from mmteb_synth import paths, selection
from mmteb_synth.errors import UnknownNameError
from mmteb_synth.types import Language, OnFailure

if TYPE_CHECKING:
    import pandas as pd

    from mmteb_synth.building import BuildReport, ProgressFactory, SetReport
    from mmteb_synth.evaluation.runner import EvaluationReport, TaskReport
    from mmteb_synth.evaluation.scored import ScoredTask
    from mmteb_synth.ranking.board import Board

Names = str | Sequence[str]
Place = str | Path | None

ENGLISH = Language(code="eng-Latn", name="English")


def build(
    languages: Names,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: str | None = None,
    base_url: str | None = None,
    source_dir: Place = None,
    concurrency: int | None = None,
    offline: bool = False,
    retry_failed: bool = False,
    on_failure: OnFailure = "stop",
    tolerate: float = 0.0,
    limit: int | None = None,
    all_rows: bool = False,
    data_dir: Place = None,
    cache_dir: Place = None,
    progress: ProgressFactory | None = None,
    report: Callable[[SetReport], None] | None = None,
) -> BuildReport:
    """Translate sets into languages and store them.

    Args:
        languages: As users write them: "tr", "tur-Latn" or "Turkish", one or several.
        tasks: Names of sets or paths of specs; with no suite either, the suite `mini`.
        suite: Names of suites or MTEB benchmarks, or paths of suite files.
        translator: Who translates; None takes what is bundled. `mmteb-synth translators` lists them.
        base_url: Another endpoint for the translator.
        source_dir: A local mirror of the Hub.
        concurrency: Requests in flight; None takes the translator's own.
        offline: Ask nobody; what the cache lacks has failed.
        retry_failed: Ask again for what was refused, cut off or empty before.
        on_failure: What becomes of texts without a translation: hold the set back (`stop`), keep their English
            (`source`) or leave their rows out where that is safe (`drop`).
        tolerate: The share of segments that may fail without holding a set back, 0 to 1.
        limit: The first rows only, for a trial.
        all_rows: Translate also rows that MTEB never shows a model.
        data_dir: Where data sets are stored.
        cache_dir: Where `cache.sqlite` lies.
        progress: Makes a progress hook for a set.
        report: Called with each set's report as soon as it is done.

    Returns:
        What became of each set.

    Raises:
        UsageError: A name is unknown, or no translations are bundled and no translator was named.
        TranslatorError: The translator can't be used; what was translated is kept.
        CacheError: The cache can't be used.
    """
    from mmteb_synth import building

    options = building.BuildOptions(
        translator=translator,
        base_url=base_url,
        source_dir=_path(source_dir),
        concurrency=concurrency,
        offline=offline,
        retry_failed=retry_failed,
        on_failure=on_failure,
        tolerate=tolerate,
        limit=limit,
        all_rows=all_rows,
    )
    return building.build(
        _languages(languages),
        selection.choose(_names(tasks), _names(suite)).members,
        options=options,
        folders=paths.folders(cache_dir=cache_dir, data_dir=data_dir),
        progress=progress,
        report=report,
    )


def evaluate(
    model: Any,
    *,
    languages: Names | None = None,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    model_name: str | None = None,
    revision: str | None = None,
    prompts: Mapping[str, str] | None = None,
    prompts_like: str | None = None,
    batch_size: int = 32,
    device: str | None = None,
    dtype: str | None = None,
    max_seq_length: int | None = None,
    trust_remote_code: bool = False,
    predictions: Place = None,
    source_dir: Place = None,
    data_dir: Place = None,
    cache_dir: Place = None,
    results_dir: Place = None,
    show_progress: bool = False,
    report: Callable[[TaskReport], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> EvaluationReport:
    """Score models on built sets and on their English.

    Args:
        model: A name that MTEB knows, a hub name, a path, `package.module:callable`, or a `SentenceTransformer` or
            MTEB encoder object; or a list of these.
        languages: Languages as users write them; None takes all that were built, and English.
        tasks: Names of sets; with no suite either, all that were built.
        suite: Names of suites; their native members are scored too.
        translator: Narrows to these translators' sets; English is never narrowed.
        model_name: The name that a path, callable or object is known by, as `org/name`; needs a single model.
        revision: The model's revision on the Hub.
        prompts: Prompts by `query`, `document`, task type or task name.
        prompts_like: Take the prompts of another model of MTEB's registry.
        batch_size: Texts a batch.
        device: As `cpu` or `cuda:0`.
        dtype: `float32`, `float16` or `bfloat16`.
        max_seq_length: Tokens at which texts are cut.
        trust_remote_code: Whether code from the Hub may run.
        predictions: Where MTEB writes predictions.
        source_dir: A local mirror of the Hub, for English that is not built yet.
        data_dir: Where data sets are stored.
        cache_dir: Where `cache.sqlite` lies.
        results_dir: What `mteb.ResultCache` takes; scores go to its sub-folder `results`.
        show_progress: Whether MTEB shows its progress bars.
        report: Called with each score as soon as it is there.
        warn: Called with what the user should know; `warnings.warn` otherwise.

    Returns:
        What became of each model and task.

    Raises:
        UsageError: A name is unknown.
        StoreError: Nothing that was chosen is built.
    """
    from mmteb_synth.evaluation import models, runner

    folders = paths.folders(cache_dir=cache_dir, data_dir=data_dir, results_dir=results_dir)
    say = warn or partial(warnings.warn, stacklevel=2)
    scored = _scored(
        _choice(tasks, suite),
        None if languages is None else _languages(languages),
        _names(translator),
        folders,
        _path(source_dir),
        say,
    )
    many = model if isinstance(model, (list, tuple)) else [model]
    if model_name is not None and len(many) > 1:
        raise _one_model("--model-name", many)
    loaders = [
        (
            str(one) if isinstance(one, (str, Path)) else type(one).__name__,
            partial(
                models.load,
                one,
                model_name=model_name,
                revision=revision,
                prompts=prompts,
                prompts_like=prompts_like,
                device=device,
                dtype=dtype,
                max_seq_length=max_seq_length,
                trust_remote_code=trust_remote_code,
            ),
        )
        for one in many
    ]
    return runner.evaluate(
        loaders,
        scored,
        results_dir=folders.results_dir,
        batch_size=batch_size,
        predictions=_path(predictions),
        show_progress=show_progress,
        report=report,
        warn=say,
    )


def leaderboard(
    *,
    suite: Names = (),
    languages: Names = (),
    translator: Names = (),
    model: Names = (),
    bitext: bool = False,
    across_origins: bool = False,
    data_dir: Place = None,
    results_dir: Place = None,
) -> pd.DataFrame:
    """The leaderboard as a table: one row for each model, suite, limit, language and translator.

    Args:
        suite: Narrows to these suites.
        languages: Narrows to these languages.
        translator: Narrows to these translators.
        model: Narrows to these models.
        bitext: Count bitext mining, which also measures the translator, in means.
        across_origins: Take means over translated and native sets together.
        data_dir: Where data sets are stored.
        results_dir: What `mteb.ResultCache` takes.

    Returns:
        Scores are MTEB's `main_score` times 100; what is missing is missing.

    Raises:
        SynthError: There are no scores.
    """
    return board(
        suite=suite,
        languages=languages,
        translator=translator,
        model=model,
        bitext=bitext,
        across_origins=across_origins,
        data_dir=data_dir,
        results_dir=results_dir,
    ).frame


def board(
    *,
    suite: Names = (),
    languages: Names = (),
    translator: Names = (),
    model: Names = (),
    bitext: bool = False,
    across_origins: bool = False,
    data_dir: Place = None,
    results_dir: Place = None,
) -> Board:
    """The leaderboard with its Markdown and files; the arguments are those of `leaderboard`."""
    from mmteb_synth.ranking import board as ranking

    folders = paths.folders(data_dir=data_dir, results_dir=results_dir)
    return ranking.leaderboard(
        suites=_names(suite),
        languages=_names(languages),
        translators=_names(translator),
        models=_names(model),
        results_dir=folders.results_dir,
        data_dir=folders.data_dir,
        bitext=bitext,
        across_origins=across_origins,
    )


def get_tasks(
    languages: Names | None = None,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    data_dir: Place = None,
) -> list[Any]:
    """Built sets as MTEB task objects for `mteb.evaluate`, and the native members of the named suites.

    Args:
        languages: Languages as users write them; None takes all that were built.
        tasks: Names of English sets.
        suite: Names of suites.
        translator: Narrows to these translators' sets.
        data_dir: Where data sets are stored.

    Raises:
        StoreError: Nothing that was chosen is built.
    """
    return [scored.make() for scored in _built(languages, tasks, suite, translator, data_dir)]


def get_task(name: str, *, data_dir: Place = None) -> Any:
    """One built set as an MTEB task object.

    Args:
        name: Its name, as `SciFact.tur-Latn.gpt-4.1-mini`.
        data_dir: Where data sets are stored.

    Raises:
        UnknownNameError: No such set is built.
        StoreError: It is damaged, or no longer fits the installed MTEB.
    """
    from mmteb_synth.data.store import Store
    from mmteb_synth.evaluation import tasks

    return tasks.task(Store(paths.folders(data_dir=data_dir).data_dir).get(name))


def get_benchmark(
    language: str,
    *,
    suite: str = selection.DEFAULT_SUITE,
    translator: str | None = None,
    data_dir: Place = None,
) -> Any:
    """A suite in one language as an `mteb.Benchmark`, named `MTEB(tur-Latn, mini, authored)`.

    Args:
        language: As users write it.
        suite: The suite's name.
        translator: Whose sets, where several translators' were built.
        data_dir: Where data sets are stored.

    Raises:
        StoreError: Nothing of it is built.
        UnknownNameError: Several translators' sets are built and none was named.
    """
    import mteb

    scored = _built(language, (), suite, translator or (), data_dir)
    owners = sorted({one.dataset.manifest.translator for one in scored if one.dataset})
    if len(owners) > 1:
        raise UnknownNameError(
            "choice of a translator", str(translator), owners, hint=f'say translator="{owners[0]}" or another of {owners}'
        )
    code = _languages(language)[0].code
    return mteb.Benchmark(
        name=f"MTEB({code}, {suite}, {owners[0] if owners else 'native'})",
        tasks=[one.make() for one in scored],
        description=f"MTEB's English sets of the suite {suite} in {language_names.parse(code).name}.",
    )


def register(*, data_dir: Place = None) -> list[str]:
    """Make all built sets known to MTEB, so that `mteb.get_task` and `mteb.get_tasks` find them.

    Args:
        data_dir: Where data sets are stored.

    Returns:
        Their names.

    Raises:
        EvaluationError: The installed MTEB keeps its registry elsewhere.
    """
    from mmteb_synth.data.store import Store
    from mmteb_synth.evaluation import registration, tasks

    names = []
    for dataset in Store(paths.folders(data_dir=data_dir).data_dir).all():
        registration.register_task(tasks.task_class(dataset))
        names.append(dataset.manifest.name)
    return names


def _scored(
    choice: selection.Choice | None,
    wanted: list[Language] | None,
    translators: list[str],
    folders: paths.Folders,
    source_dir: Path | None,
    warn: Callable[[str], None],
) -> list[ScoredTask]:
    """The tasks to score, with English built where it is missing."""
    from mmteb_synth.data.store import Store
    from mmteb_synth.evaluation import scored

    store = Store(folders.data_dir)
    others = None if wanted is None else [language for language in wanted if language != ENGLISH]
    found = scored.built(store, choice=choice, wanted=others, translators=translators)
    foreign = [task for task in found if task.language != ENGLISH.code]
    natives = list(scored.native(choice, _codes(foreign, wanted)))
    result = [*foreign, *natives]
    if wanted is None or ENGLISH in wanted:
        result += _english(choice, foreign, store, folders, source_dir, warn)
    if not result:
        raise scored.nothing_built(store)
    return result


def _english(
    choice: selection.Choice | None,
    foreign: list[ScoredTask],
    store: Any,
    folders: paths.Folders,
    source_dir: Path | None,
    warn: Callable[[str], None],
) -> list[ScoredTask]:
    """The English sets that stand beside the translated ones, built where they are missing."""
    from mmteb_synth import building
    from mmteb_synth.evaluation import scored

    wanted: dict[str, tuple[selection.Member, int | None, bool]] = {}
    for task in foreign:
        manifest = task.dataset.manifest if task.dataset else None
        if manifest and not manifest.bitext_of:
            member = selection.from_manifest(manifest.source_task, manifest.eval_splits, choice)
            wanted[f"{manifest.source_task}.{manifest.limit}"] = (member, manifest.limit, manifest.all_rows)
    if not wanted:
        chosen = choice or selection.choose()
        wanted = {member.spec.name: (member, None, False) for member in chosen.members}
    names: set[str] = set()
    for member, limit, all_rows in wanted.values():
        options = building.BuildOptions(source_dir=source_dir, limit=limit, all_rows=all_rows)
        for done in building.build([ENGLISH], [member], options=options, folders=folders).sets:
            if done.error is not None:
                warn(f"no English score of {done.name}: {done.error.message}")
            else:
                names.add(done.name)
    return [task for task in scored.built(store, choice=None, wanted=[ENGLISH]) if task.name in names]


def _codes(foreign: list[ScoredTask], wanted: list[Language] | None) -> list[str]:
    """The languages whose native members are scored; English too where it was asked for or all were."""
    if wanted is not None:
        return [language.code for language in wanted]
    return [*dict.fromkeys(task.language for task in foreign), ENGLISH.code]


def _built(
    languages: Names | None, tasks: Names, suite: Names, translator: Names, data_dir: Place
) -> list[ScoredTask]:
    from mmteb_synth.data.store import Store
    from mmteb_synth.evaluation import scored

    store = Store(paths.folders(data_dir=data_dir).data_dir)
    wanted = None if languages is None else _languages(languages)
    choice = _choice(tasks, suite)
    found = scored.built(store, choice=choice, wanted=wanted, translators=_names(translator))
    found += scored.native(choice, _codes(found, wanted))
    if not found:
        raise scored.nothing_built(store)
    return found


def _choice(tasks: Names, suite: Names) -> selection.Choice | None:
    """What was named; None where nothing was, which means all that was built."""
    return selection.choose(_names(tasks), _names(suite)) if tasks or suite else None


def _languages(names: Names) -> list[Language]:
    return [language_names.parse(name) for name in _names(names)]


def _names(value: Names) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _path(value: Place) -> Path | None:
    return Path(value).expanduser() if value is not None else None


def _one_model(flag: str, models: Sequence[Any]) -> UnknownNameError:
    return UnknownNameError("use of " + flag, f"{len(models)} models", [], hint=f"{flag} names one model: run one at a time")

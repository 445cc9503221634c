"""Scoring models, and what the scores say."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmteb_synth import languages as language_names
from mmteb_synth import paths
from mmteb_synth.api import arguments, cards
from mmteb_synth.api.arguments import Names, Place
from mmteb_synth.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from mmteb_synth.evaluation.runner import EvaluationReport, TaskReport
    from mmteb_synth.ranking.board import Board
    from mmteb_synth.ranking.notes import Certified
    from mmteb_synth.validating import Certificate, SamplingAgreement


def evaluate(
    model: Any,
    *,
    languages: Names | None = None,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    profile: Names = (),
    model_name: str | None = None,
    revision: str | None = None,
    prompts: Mapping[str, str] | None = None,
    prompts_like: str | None = None,
    batch_size: int = 32,
    device: str | None = None,
    dtype: str | None = None,
    max_seq_length: int | None = None,
    trust_remote_code: bool = False,
    predictions: bool = False,
    embedding_cache: bool = True,
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
        languages: Languages as users write them; None takes all that were built, and English. English is built where
            it is missing: beside each translated set, and whole for other sets that were named; with nothing built
            and nothing named, that of the suite `mini`.
        tasks: Names of sets; with no suite either, all that were built.
        suite: Names of suites; their native members are scored too.
        translator: Narrows to these translators' sets; English is never narrowed.
        profile: Narrows to these profiles. English that is missing is built in them, and with none named in those
            of the sets beside it, or in `full`.
        model_name: The name that a path, callable or object is known by, as `org/name`; needs a single model.
        revision: The model's revision on the Hub; needs a single model.
        prompts: Prompts by `query`, `document`, task type or task name.
        prompts_like: Take the prompts of another model of MTEB's registry.
        batch_size: Texts a batch.
        device: As `cpu` or `cuda:0`.
        dtype: `float32`, `float16` or `bfloat16`.
        max_seq_length: Tokens at which texts are cut.
        trust_remote_code: Whether code from the Hub may run.
        predictions: Whether the models' predictions are kept beside the scores, so that the leaderboard can tell how
            sure these are.
        embedding_cache: Keep embeddings, and compute none twice, over tasks, languages and runs.
        source_dir: A local mirror of the Hub, for English that is not built yet and for native sets.
        data_dir: Where data sets are stored.
        cache_dir: Where `cache.sqlite` and embeddings lie.
        results_dir: What `mteb.ResultCache` takes; scores go to its sub-folder `results`.
        show_progress: Whether MTEB shows its progress bars.
        report: Called with each score as soon as it is there.
        warn: Called with what the user should know; `warnings.warn` otherwise.

    Returns:
        What became of each model and task.

    Raises:
        UsageError: A name is unknown.
        StoreError: Nothing of a language that was asked for is built.
        SourceError: English was all that was asked for, and can't be had.
    """
    from mmteb_synth import scope
    from mmteb_synth.evaluation import models, runner

    many = list(model) if isinstance(model, (list, tuple)) else [model]
    _check_models(many, model_name=model_name, revision=revision, batch_size=batch_size)
    folders = paths.folders(cache_dir=cache_dir, data_dir=data_dir, results_dir=results_dir)
    say = warn or partial(warnings.warn, stacklevel=2)
    scored = scope.to_score(
        folders,
        arguments.choice(tasks, suite),
        None if languages is None else arguments.languages(languages),
        arguments.names(translator),
        profiles=arguments.profiles(profile),
        source_dir=arguments.path(source_dir),
        warn=say,
    )
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
                task_names={
                    name
                    for task in scored
                    for one in (task, *task.parts)
                    for name in (one.source_task, one.name)
                },
            ),
        )
        for one in many
    ]
    return runner.evaluate(
        loaders,
        scored,
        results_dir=folders.results_dir,
        batch_size=batch_size,
        predictions=predictions,
        embeddings_dir=folders.embeddings_dir if embedding_cache else None,
        show_progress=show_progress,
        report=report,
        warn=say,
    )


def _check_models(
    models: Sequence[Any], *, model_name: str | None, revision: str | None, batch_size: int
) -> None:
    if not models:
        raise UsageError("no model was named", hint="name one, as sentence-transformers/all-MiniLM-L6-v2")
    if batch_size < 1:
        raise UsageError(f"--batch-size must be at least 1, not {batch_size}")
    for flag, value in {"--model-name": model_name, "--revision": revision}.items():
        if value is not None and len(models) > 1:
            raise UsageError(
                f"{flag} {value} is one model's, but {len(models)} models were named",
                hint="score them in a run each",
            )


def leaderboard(
    *,
    suite: Names = (),
    languages: Names = (),
    translator: Names = (),
    model: Names = (),
    profile: Names = (),
    bitext: bool = False,
    across_origins: bool = False,
    data_dir: Place = None,
    results_dir: Place = None,
) -> pd.DataFrame:
    """The leaderboard as a table: one row for each model, suite, profile, limit, language and translator.

    Args:
        suite: Narrows to these suites.
        languages: Narrows to these languages.
        translator: Narrows to these translators.
        model: Narrows to these models.
        profile: Narrows to these profiles.
        bitext: Count bitext mining, which also measures the translator, in means.
        across_origins: Take means over translated and native sets together.
        data_dir: Where data sets are stored.
        results_dir: What `mteb.ResultCache` takes.

    Returns:
        Scores are MTEB's `main_score` times 100; what is missing is missing. Each mean `NAME` has its 95 % intervals in
        `NAME_low`, `NAME_high`, `NAME_examples_low` and `NAME_examples_high`; docs/leaderboard.md has the methods. Rows
        over several languages have the language `mul`.

    Raises:
        SynthError: There are no scores.
    """
    return board(
        suite=suite,
        languages=languages,
        translator=translator,
        model=model,
        profile=profile,
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
    profile: Names = (),
    bitext: bool = False,
    across_origins: bool = False,
    data_dir: Place = None,
    results_dir: Place = None,
) -> Board:
    """The leaderboard with its Markdown and files; the arguments are those of `leaderboard`."""
    from mmteb_synth.ranking import board as ranking

    folders = paths.folders(data_dir=data_dir, results_dir=results_dir)
    made = ranking.leaderboard(
        suites=arguments.names(suite),
        languages=arguments.names(languages),
        translators=arguments.names(translator),
        models=arguments.names(model),
        profiles=arguments.profiles(profile),
        results_dir=folders.results_dir,
        data_dir=folders.data_dir,
        bitext=bitext,
        across_origins=across_origins,
    )
    return dataclasses.replace(made, certified=tuple(_certified(folders)))


def _certified(folders: paths.Folders) -> Iterator[Certified]:
    """What certificates say of tables."""
    from mmteb_synth import validating
    from mmteb_synth.ranking.notes import Certified

    for one in validating.carried(folders.validity_dir):
        yield Certified(
            suite=one.suite,
            language=one.language,
            translator=one.translator,
            profile=one.profile,
            revisions=one.board_revisions,
            text=one.verdict.text,
            file=f"{folders.validity_dir.name}/{one.file}",
        )


def validate(
    language: str,
    *,
    suite: str | None = None,
    translator: str | None = None,
    profile: str | None = None,
    model: Names = (),
    tasks: Names = (),
    trusted: Place = None,
    against: str | None = None,
    out: Place = None,
    data_dir: Place = None,
    results_dir: Place = None,
    warn: Callable[[str], None] | None = None,
) -> Certificate:
    """Say whether a translated board ranks models as native or human-translated sets do, and write the certificate.

    Args:
        language: As users write it.
        suite: The board's suite, where several have scores.
        translator: The board's translator, where several have scores; with the mark of its settings where these were
            overridden, as `gpt-4.1-mini.1a2b3c4d`.
        profile: The board's profile; `full` where there are scores of it.
        model: Narrows to these models.
        tasks: Narrows the trusted sets to these MTEB tasks, all of which a model must have; by default those in the
            language that people wrote or translated.
        trusted: MTEB results to hold the board to: a results folder, a clone of MTEB's results repository, or a CSV with
            the columns model, task, subset, split and main_score. By default the scores in `results_dir`.
        against: Another translator or profile, whose board takes the place of the trusted sets.
        out: The folder for the certificate; None for `validity` in `results_dir`, where the board finds it.
        data_dir: Where data sets are stored.
        results_dir: What `mteb.ResultCache` takes.
        warn: Called with what the user should know; `warnings.warn` otherwise.

    Returns:
        The certificate, which is on disk as Markdown and JSON then.

    Raises:
        UsageError: A name is unknown, several boards could be meant, or the trusted results can't be read.
        SynthError: There are no scores, or fewer than three models to compare.
    """
    from mmteb_synth import ranked, validating

    if against is not None and (trusted is not None or tasks):
        raise UsageError(
            "--against takes another board in the place of trusted sets, so --trusted and --task say nothing",
            hint="leave them out, or leave --against out",
        )
    folders = paths.folders(data_dir=data_dir, results_dir=results_dir)
    (wanted,) = arguments.languages(language)
    if wanted == language_names.ENGLISH:
        raise UsageError(
            "English is what the sets were translated from: there is no board to validate",
            hint="mmteb-synth sampling-agreement says how well a profile ranks as the full sets do",
        )
    named = arguments.names(tasks)
    held_to = {} if against is not None else validating.trusted_tasks(wanted, named)
    found = ranked.sides(
        wanted,
        suites=[suite] if suite is not None else [],
        models=arguments.names(model),
        results_dir=folders.results_dir,
        data_dir=folders.data_dir,
    )
    side = ranked.choose(found, translator=translator, profile=arguments.label(profile))
    if against is not None:
        label = arguments.label_or_none(against)
        other = ranked.other(found, side, label or against, is_profile=label is not None)
        made = validating.certify_against(side, other)
    else:
        names = [key.name for key in side.scores]
        reading = validating.read(arguments.path(trusted) or folders.results_dir, held_to, names, wanted)
        made = validating.certify(side, reading, held_to, keep_all=bool(named))
    place = arguments.path(out) or folders.validity_dir
    validating.write(made, place, validating.render(made))
    if made.kind == "validity":
        cards.tell_of_validity(made, folders, warn or partial(warnings.warn, stacklevel=2))
    return made


def sampling_agreement(
    profile: str,
    *,
    suite: str | None = None,
    model: Names = (),
    data_dir: Place = None,
    results_dir: Place = None,
) -> SamplingAgreement:
    """Say how well a profile ranks models as the full sets do, by the models with English scores on both.

    Args:
        profile: The profile, as `nano`.
        suite: The suite, where several have scores.
        model: Narrows to these models.
        data_dir: Where data sets are stored.
        results_dir: What `mteb.ResultCache` takes.

    Returns:
        Agreement and points lost by task, by type, and over all.

    Raises:
        UsageError: A name is unknown, or several suites have scores and none was named.
        SynthError: No three models have English scores on both.
    """
    from mmteb_synth import ranked, validating

    label = arguments.label(profile)
    if label == ranked.FULL:
        raise UsageError("the profile full is what others are held to", hint="name another: --profile nano")
    folders = paths.folders(data_dir=data_dir, results_dir=results_dir)
    found = ranked.sides(
        language_names.ENGLISH,
        suites=[suite] if suite is not None else [],
        models=arguments.names(model),
        results_dir=folders.results_dir,
        data_dir=folders.data_dir,
    )
    part = ranked.choose(found, translator=None, profile=label)
    full = ranked.choose(
        [one for one in found if one.suite == part.suite], translator=None, profile=ranked.FULL
    )
    return validating.sampling_agreement(part, full)

"""The public functions: what users write becomes values, defaults are filled in, and a verb is called."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmteb_synth import languages as language_names
from mmteb_synth import paths, selection
from mmteb_synth.errors import EvaluationError, StoreError, SynthError, UsageError
from mmteb_synth.types import Language, OnFailure, ProgressHook

if TYPE_CHECKING:
    import pandas as pd

    from mmteb_synth.building import BuildReport, ProgressFactory, SetReport
    from mmteb_synth.checking import CheckReport
    from mmteb_synth.data.store import Store
    from mmteb_synth.evaluation.runner import EvaluationReport, TaskReport
    from mmteb_synth.exporting import ExportedSet
    from mmteb_synth.ranking.board import Board
    from mmteb_synth.ranking.notes import Certified
    from mmteb_synth.reviewing import ExportReport, ImportReport
    from mmteb_synth.stopping import Stop
    from mmteb_synth.validating import Certificate, SamplingAgreement

Names = str | Sequence[str]
Place = str | Path | None


def build(
    languages: Names,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: str | None = None,
    base_url: Names | None = None,
    weights: Place = None,
    source_dir: Place = None,
    concurrency: int | None = None,
    offline: bool = False,
    retry_failed: bool = False,
    fallback: Names = (),
    repair: bool = True,
    strict: bool = False,
    on_failure: OnFailure = "stop",
    tolerate: float = 0.0,
    profile: str = "full",
    limit: int | None = None,
    all_rows: bool = False,
    max_cost: float | None = None,
    batch: bool = False,
    poll: float = 60.0,
    queue_tokens: int | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    shard: str | None = None,
    html: Place = None,
    data_dir: Place = None,
    cache_dir: Place = None,
    progress: ProgressFactory | None = None,
    report: Callable[[SetReport], None] | None = None,
    stop: Stop | None = None,
) -> BuildReport:
    """Translate sets into languages and store them.

    Args:
        languages: As users write them: "tr", "tur-Latn" or "Turkish", one or several.
        tasks: Names of sets or paths of specs; with no suite either, the suite `mini`.
        suite: Names of suites or MTEB benchmarks, or paths of suite files.
        translator: Who translates; None takes what is bundled. `mmteb-synth translators` lists them.
        base_url: Another endpoint for the translator; several share the load.
        weights: The folder with the weights of a translator that runs in process, as `vllm:mixtral-8x7b`.
        source_dir: A local mirror of the Hub.
        concurrency: Requests in flight; None takes the translator's own.
        offline: Ask nobody; what the cache lacks has failed.
        retry_failed: Ask again for what was refused, cut off or empty before.
        fallback: Who is asked for what the translator can't mend, in this order; by default its preset's own chain.
        repair: Mend what the checks find fault with: ask again with the reason, in parts, and of the fallbacks.
            Otherwise they only tell. Imported and authored translations are never altered unless `strict`.
        strict: What stays faulty has failed, imported and authored translations among it.
        on_failure: What becomes of texts without a translation: hold the set back (`stop`), keep their English
            (`source`) or leave their rows out where that is safe (`drop`). With `stop`, a translation with faults
            that nothing mends is kept and marked; with the others it has failed too.
        tolerate: The share of segments that may fail without holding a set back, 0 to 1.
        profile: How much of each set is kept: `nano`, `standard` or `full`; `nano-s7` is another draw of `nano`.
        limit: The first rows only, of those that the profile keeps, for a trial.
        all_rows: Translate also rows that MTEB never shows a model.
        max_cost: US dollars that the run may spend. Sets that are too dear for what is left are not begun.
        batch: Ask in batches, which are answered within a day and cost half: OpenAI's Batch API. The call waits for
            them; when it is interrupted they go on, and the same call goes on with them.
        poll: The longest wait between two looks at the batches, in seconds.
        queue_tokens: The most tokens that the account may have queued in batches; found out where it is None.
        requests_per_minute: Requests a minute at most; None takes the translator's own limit.
        tokens_per_minute: Tokens a minute at most, sent and received; None takes the translator's own limit.
        shard: As "1/8": translate this share of the texts into a cache file of its own, and store no set.
        html: A file for what the checks say of the sets, as `check` writes it.
        data_dir: Where data sets are stored.
        cache_dir: Where `cache.sqlite` lies.
        progress: Makes a progress hook for a set.
        report: Called with each set's report as soon as it is done.
        stop: Says when the run should end.

    Returns:
        What became of each set.

    Raises:
        UsageError: A name is unknown, or no translations are bundled and no translator was named.
        TranslatorError: The translator can't be used; what was translated is kept.
        CacheError: The cache can't be used.
        Stopped: `stop` asked for it; what was answered, and every set that was finished, is kept.
    """
    from mmteb_synth import building
    from mmteb_synth.data import profiles
    from mmteb_synth.translate import shards, status

    share = shards.parse(shard) if shard is not None else None
    folders = paths.folders(cache_dir=cache_dir, data_dir=data_dir)

    options = building.BuildOptions(
        translator=translator,
        base_url=base_url,
        weights=_path(weights),
        source_dir=_path(source_dir),
        concurrency=concurrency,
        offline=offline,
        retry_failed=retry_failed,
        fallback=tuple(_names(fallback)),
        repair=repair,
        strict=strict,
        on_failure=on_failure,
        tolerate=tolerate,
        profile=profiles.parse(profile),
        limit=limit,
        all_rows=all_rows,
        max_cost=max_cost,
        batch=batch,
        poll=poll,
        queue_tokens=queue_tokens,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        shard=share,
    )
    wanted, members = _languages(languages), selection.choose(_names(tasks), _names(suite)).members
    with status.reporting(status.file(folders.cache_dir, share.suffix if share else ""), progress) as shown:
        done = building.build(
            wanted, members, options=options, folders=folders, progress=shown, report=report, stop=stop
        )
    _tell_of_reviews([one.name for one in done.sets if one.status == "built"], folders)
    if html is not None:
        check_page([one.name for one in done.sets], html, data_dir=data_dir)
    return done


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
        _choice(tasks, suite),
        None if languages is None else _languages(languages),
        _names(translator),
        profiles=_profiles(profile),
        source_dir=_path(source_dir),
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
        suites=_names(suite),
        languages=_names(languages),
        translators=_names(translator),
        models=_names(model),
        profiles=_profiles(profile),
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
    (wanted,) = _languages(language)
    if wanted == language_names.ENGLISH:
        raise UsageError(
            "English is what the sets were translated from: there is no board to validate",
            hint="mmteb-synth sampling-agreement says how well a profile ranks as the full sets do",
        )
    named = _names(tasks)
    held_to = {} if against is not None else validating.trusted_tasks(wanted, named)
    found = ranked.sides(
        wanted,
        suites=[suite] if suite is not None else [],
        models=_names(model),
        results_dir=folders.results_dir,
        data_dir=folders.data_dir,
    )
    side = ranked.choose(found, translator=translator, profile=_label(profile))
    if against is not None:
        label = _label_or_none(against)
        other = ranked.other(found, side, label or against, is_profile=label is not None)
        made = validating.certify_against(side, other)
    else:
        names = [key.name for key in side.scores]
        reading = validating.read(_path(trusted) or folders.results_dir, held_to, names, wanted)
        made = validating.certify(side, reading, held_to, keep_all=bool(named))
    place = _path(out) or folders.validity_dir
    validating.write(made, place, validating.render(made))
    if made.kind == "validity":
        _tell_of_validity(made, folders, warn or partial(warnings.warn, stacklevel=2))
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

    label = _label(profile)
    if label == ranked.FULL:
        raise UsageError("the profile full is what others are held to", hint="name another: --profile nano")
    folders = paths.folders(data_dir=data_dir, results_dir=results_dir)
    found = ranked.sides(
        language_names.ENGLISH,
        suites=[suite] if suite is not None else [],
        models=_names(model),
        results_dir=folders.results_dir,
        data_dir=folders.data_dir,
    )
    part = ranked.choose(found, translator=None, profile=label)
    full = ranked.choose(
        [one for one in found if one.suite == part.suite], translator=None, profile=ranked.FULL
    )
    return validating.sampling_agreement(part, full)


def check(
    languages: Names | None = None,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    profile: Names = (),
    similarity: str | None = None,
    back_translation: str | None = None,
    judge: str | None = None,
    quality: str | None = None,
    sample: int | None = None,
    base_url: str | None = None,
    concurrency: int | None = None,
    offline: bool = False,
    retry_failed: bool = False,
    html: Place = None,
    data_dir: Place = None,
    cache_dir: Place = None,
    results_dir: Place = None,
    progress: Callable[[str], ProgressHook] | None = None,
    warn: Callable[[str], None] | None = None,
    stop: Stop | None = None,
) -> CheckReport:
    """Judge stored translations anew by the checks of today, without one request, and record what they say.

    Semantic checks, which need a model or a translator, run only where they are asked for.

    Args:
        languages: Languages as users write them; None takes all that were built. English has nothing to judge.
        tasks: Names of sets; with no suite either, all that were built.
        suite: Names of suites.
        translator: Narrows to these translators' sets.
        profile: Narrows to these profiles.
        similarity: Compare meanings under this SentenceTransformer: a name, folder or `package.module:callable`.
        back_translation: Translate back by this translator, and compare with the source.
        judge: Have this model judge each translation.
        quality: Estimate quality by this COMET model; "auto" takes the one that fits the language.
        sample: The segments of each set that semantic checks judge at most, those that people graded first.
        base_url: Another endpoint for `judge` and `back_translation`.
        concurrency: Requests of semantic checks in flight; None takes the translator's own.
        offline: Semantic checks ask nobody; what the cache lacks is not judged.
        retry_failed: Ask a judge again for what it refused before.
        html: A file for the report as a page.
        data_dir: Where data sets are stored.
        cache_dir: Where `cache.sqlite` lies.
        results_dir: Where scores lie that the data cards name.
        progress: Makes a progress hook for a set.
        warn: Called with what the user should know; `warnings.warn` otherwise.
        stop: Says when the run should end.

    Returns:
        What the checks say of each set, those among them that were held back. None where only English was meant.

    Raises:
        UsageError: A name is unknown.
        StoreError: There is nothing of a language that was asked for.
        TranslatorError: A semantic check's translator or judge can't be used.
        EvaluationError: A semantic check's model can't be loaded.
        CacheError: The cache of a semantic check can't be used.
        MissingExtraError: A package that a semantic check needs is missing.
        Stopped: `stop` asked for it; what was found of the sets before is recorded, and what was answered in the cache.
    """
    from mmteb_synth import checking, stored
    from mmteb_synth.checking import page

    folders = paths.folders(cache_dir=cache_dir, data_dir=data_dir, results_dir=results_dir)
    store = _store(data_dir)
    chosen = stored.translated(
        store,
        choice=_choice(tasks, suite),
        wanted=None if languages is None else _languages(languages),
        translators=_names(translator),
        profiles=_profiles(profile),
    )
    scores = _scores(folders, warn or partial(warnings.warn, stacklevel=2))
    judge_all = partial(checking.check, store, chosen, scores=scores, progress=progress, stop=stop)
    if any((similarity, back_translation, judge, quality, sample, base_url)):
        from mmteb_synth.checking import semantic
        from mmteb_synth.translate.cache import Cache

        wishes = semantic.Options(
            similarity=similarity,
            back_translation=back_translation,
            judge=judge,
            quality=quality,
            sample=sample,
            base_url=base_url,
        )
        with Cache(folders.cache_file) as cache:
            way = semantic.Way(
                cache=cache, concurrency=concurrency, offline=offline, retry_failed=retry_failed, stop=stop
            )
            report = judge_all(semantic=semantic.SemanticChecks.of(wishes, way))
    else:
        report = judge_all()
    if html is not None:
        page.write(report, Path(html).expanduser())
    return report


def check_page(names: Names, file: str | Path, *, data_dir: Place = None) -> None:
    """Write what the checks say of some stored sets as a page, as `check` does.

    Args:
        names: The sets' names; those of sets that were held back too, and English among them is passed over.
        file: Where to.
        data_dir: Where data sets are stored.

    Raises:
        SynthError: It can't be written.
    """
    from mmteb_synth import checking, stored
    from mmteb_synth.checking import page

    store, wanted = _store(data_dir), set(_names(names))
    chosen = [
        one
        for one in stored.chosen(store, held_back=True)
        if one.name in wanted and one.language != stored.ENGLISH
    ]
    page.write(checking.check(store, chosen), Path(file).expanduser())


def _tell_of_reviews(names: Sequence[str], folders: paths.Folders) -> None:
    """Put what people said of sets, as they are now, into their manifests and cards."""
    from mmteb_synth import reviewing
    from mmteb_synth.data import card, reviews

    store = _store(folders.data_dir)
    reviewed = [name for name in names if reviews.read(store, name).num_rows]
    scores = _scores(folders, lambda _: None) if reviewed else {}
    for name in reviewed:
        reviewing.refresh(store, name)
        card.write(store.get(name), scores=scores.get(name, {}))


def _tell_of_validity(made: Certificate, folders: paths.Folders, warn: Callable[[str], None]) -> None:
    """Put what a certificate says into the manifests and cards of the sets that it is about."""
    from mmteb_synth import validating
    from mmteb_synth.data import card

    store = _store(folders.data_dir)
    told = validating.tell(made, store, f"{made.name}.md")
    scores = _scores(folders, warn) if told else {}
    for name in told:
        card.write(store.get(name), scores=scores.get(name, {}))


def _scores(folders: paths.Folders, warn: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """The scores that data cards name; damaged results keep nobody from checking."""
    from mmteb_synth.ranking import results

    try:
        found = results.read_results(folders.results_dir, folders.data_dir, lambda _: None)
    except SynthError as error:
        warn(f"the data cards name no scores: {error.message}")
        return {}
    return results.by_set(found.scores)


def review_export(
    language: str,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    profile: Names = (),
    sample: int = 200,
    flagged: int = 0,
    raters: int = 1,
    overlap: int | None = None,
    format: Literal["xlsx", "xliff", "both"] = "xlsx",
    seed: int = 0,
    out: Place = None,
    data_dir: Place = None,
    warn: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write a random sample of stored translations into files that people can fill in.

    Args:
        language: The target language.
        tasks: Names of sets; with no suite either, all that were built.
        suite: Names of suites.
        translator: Narrows to these translators' sets.
        profile: Narrows to these profiles.
        sample: Segments to draw over all sets, stratified by set and kind.
        flagged: Segments to add that the checks found fault with; they count in no rate.
        raters: How many people there are; each is given a file.
        overlap: Segments that all of them are given, for their agreement; None for 50, or all where there are fewer.
        format: `xlsx`, `xliff` (1.2) or `both`.
        seed: Another seed draws another sample. A larger sample holds the smaller one of its seed.
        out: The folder for the files; None for `review` in the working directory.
        data_dir: Where data sets are stored.
        warn: Called with what the user should know; `warnings.warn` otherwise.

    Returns:
        The files, and what is in them.

    Raises:
        UsageError: A name is unknown, a number can't be meant so, or a file is there already.
        StoreError: Nothing that was chosen is built, or has a ledger.
        MissingExtraError: The extra `review` is not installed.
    """
    from mmteb_synth import reviewing

    for flag, value, least in (("sample", sample, 1), ("flagged", flagged, 0), ("raters", raters, 1)):
        if value < least:
            raise UsageError(f"--{flag} must be at least {least}, not {value}")
    (wanted,) = _languages(language)
    return reviewing.export(
        _store(data_dir),
        wanted,
        choice=_choice(tasks, suite),
        translators=_names(translator),
        profiles=_profiles(profile),
        sample=sample,
        flagged=flagged,
        raters=raters,
        overlap=overlap,
        form=format,
        seed=seed,
        out=_path(out) or Path("review"),
        warn=warn or partial(warnings.warn, stacklevel=2),
    )


def review_import(
    files: Names | Path | Sequence[Path],
    *,
    rater: Names,
    language_skill: Literal["native", "fluent", "reading"] | None = None,
    skip_changed: bool = False,
    data_dir: Place = None,
    cache_dir: Place = None,
) -> ImportReport:
    """Take filled review files in: all of them, or nothing where anything is wrong.

    Grades are kept beside their sets, and what they say of a set stands in its manifest. Corrections become
    translations of the translator `post-edited`.

    Args:
        files: The filled files, XLSX or XLIFF.
        rater: Who filled them in: one name for all, or one for each file.
        language_skill: How well they know the target language.
        skip_changed: Leave out rows whose translation has changed after the export, rather than refuse the file.
        data_dir: Where data sets are stored.
        cache_dir: Where `cache.sqlite` lies.

    Returns:
        What was taken in, and what is known of each set now.

    Raises:
        UsageError: A file is missing or of another format, or the names don't fit the files.
        ReviewError: A file can't be taken as it stands; every problem is named by file, row and column.
        StoreError: A set or its grades are damaged.
        CacheError: The cache can't be written.
        MissingExtraError: The extra `review` is not installed.
    """
    from mmteb_synth import reviewing

    folders = paths.folders(cache_dir=cache_dir, data_dir=data_dir)
    taken = reviewing.take_back(
        _store(data_dir),
        folders.cache_file,
        [Path(file).expanduser() for file in ([files] if isinstance(files, (str, Path)) else files)],
        raters=_names(rater),
        skill=language_skill,
        skip_changed=skip_changed,
    )
    _tell_of_reviews(list(taken.merged), folders)
    return taken


def export(
    languages: Names,
    to: str | Path,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    accept_licence: Names = (),
    data_dir: Place = None,
    results_dir: Place = None,
    warn: Callable[[str], None] | None = None,
) -> list[ExportedSet]:
    """Copy whole built sets into a folder that may be handed on.

    Args:
        languages: The languages of the sets.
        to: The folder; a store of its own, which `data_dir` takes.
        tasks: Names of sets; with no suite either, all that were built.
        suite: Names of suites.
        translator: Narrows to these translators' sets.
        accept_licence: The names of licences that you accept, as `mmteb-synth tasks --licences` shows them.
        data_dir: Where data sets are stored.
        results_dir: Where the scores lie that the sets' cards name.
        warn: Called with what the user should know; `warnings.warn` otherwise.

    Returns:
        One for each set. What is a trial, holds blanks, is damaged or may not be handed on stays here; `error` says why.

    Raises:
        LicenceError: A licence must be accepted first; nothing is written.
        UsageError: A name is unknown, or the folder is the store itself.
        StoreError: Nothing that was chosen is built.
    """
    from mmteb_synth import exporting, stored

    folders = paths.folders(data_dir=data_dir, results_dir=results_dir)
    store, wanted = _store(folders.data_dir), _languages(languages)
    chosen = stored.chosen(store, choice=_choice(tasks, suite), wanted=wanted, translators=_names(translator))
    if not chosen:
        raise stored.nothing_chosen(store, wanted)
    scores = _scores(folders, warn or partial(warnings.warn, stacklevel=2))
    return exporting.export(
        store, chosen, Path(to).expanduser(), accepted=_names(accept_licence), scores=scores
    )


def get_tasks(
    languages: Names | None = None,
    *,
    tasks: Names = (),
    suite: Names = (),
    translator: Names = (),
    profile: Names = (),
    data_dir: Place = None,
) -> list[Any]:
    """Built sets as MTEB task objects for `mteb.evaluate`, and the native members of the named suites.

    MTEB is told of them, so that its means over their scores work.

    Args:
        languages: Languages as users write them; None takes all that were built.
        tasks: Names of English sets.
        suite: Names of suites.
        translator: Narrows to these translators' sets.
        profile: Narrows to these profiles.
        data_dir: Where data sets are stored.

    Raises:
        StoreError: Nothing that was chosen is built, or a set is damaged or no longer fits the installed MTEB.
    """
    from mmteb_synth import scope

    wanted = None if languages is None else _languages(languages)
    found = scope.built(
        _store(data_dir), _choice(tasks, suite), wanted, _names(translator), _profiles(profile)
    )
    return [_known(task.make()) for task in found]


def get_task(name: str, *, data_dir: Place = None) -> Any:
    """One built set as an MTEB task object, or an aggregate of several.

    Args:
        name: Its name, as `SciFact.tur-Latn.gpt-4.1-mini`; `CQADupstackRetrieval.tur-Latn.gpt-4.1-mini` needs its
            twelve parts.
        data_dir: Where data sets are stored.

    Raises:
        UnknownNameError: No such set is built.
        StoreError: It is damaged, or no longer fits the installed MTEB.
    """
    from mmteb_synth.evaluation import scored

    return _known(scored.one(_store(data_dir), name).make())


def get_benchmark(
    language: str,
    *,
    suite: str = selection.DEFAULT_SUITE,
    translator: str | None = None,
    profile: str = "full",
    bitext: bool = False,
    data_dir: Place = None,
) -> Any:
    """A suite in one language as an `mteb.Benchmark`, named `MTEB(tur-Latn, mini, authored)`.

    Sets that were built with a limit are left out. `mteb.get_benchmark` finds it by its name afterwards.

    Args:
        language: As users write it.
        suite: The suite's name.
        translator: Whose sets, where several translators' were built.
        profile: Which profile's sets; another one than `full` stands in the benchmark's name too.
        bitext: Take bitext mining in, which measures the translator too.
        data_dir: Where data sets are stored.

    Raises:
        StoreError: Nothing of it is built, or a set is damaged.
        UsageError: Several translators' sets are built and none was named.
    """
    import mteb

    from mmteb_synth import scope
    from mmteb_synth.evaluation import registration

    (wanted,) = _languages(language)
    store, choice = _store(data_dir), _choice((), suite)
    (label,) = _profiles(profile)
    found = [
        task
        for task in scope.built(store, choice, [wanted], [translator] if translator else [], [label])
        if task.manifest is None or (task.manifest.limit is None and (bitext or not task.manifest.bitext_of))
    ]
    if not found:
        raise StoreError(
            f"{store.folder} holds no whole set of the suite {suite} in {wanted.name}",
            hint=f"build it first: mmteb-synth build --lang {wanted.code} --suite {suite!r}",
        )
    owners = sorted({task.translator for task in found if task.manifest and task.translator})
    if len(owners) > 1:
        raise UsageError(
            f"sets of several translators are built: {', '.join(owners)}",
            hint=f'say which: get_benchmark("{language}", suite="{suite}", translator="{owners[0]}")',
        )
    parts = [wanted.code, suite, owners[0] if owners else "native", *([label] if label != "full" else [])]
    name = f"MTEB({', '.join(parts)})"
    made = mteb.Benchmark(
        name=name,
        tasks=[_known(task.make()) for task in found],
        description=f"The sets of the suite {suite} in {wanted.name}.",
    )
    with contextlib.suppress(EvaluationError):  # the benchmark works without its name
        registration.register_benchmark(made)
    return made


def register(*, data_dir: Place = None) -> list[str]:
    """Make all built sets, and aggregates of them, known to MTEB, so that `mteb.get_task` and `mteb.get_tasks` find them.

    Args:
        data_dir: Where data sets are stored.

    Returns:
        Their names.

    Raises:
        EvaluationError: The installed MTEB keeps its registry elsewhere.
        StoreError: A set is damaged.
    """
    from mmteb_synth.evaluation import registration, scored

    found = scored.combined(scored.built(_store(data_dir)), None)
    for task in found:
        registration.register_task(type(task.make()))
    return [task.name for task in found]


def _store(data_dir: Place) -> Store:
    from mmteb_synth.data.store import Store

    return Store(paths.folders(data_dir=data_dir).data_dir)


def _known(task: Any) -> Any:
    """Tell MTEB of a built set's task: without, its means and prompts by task name fail."""
    from mmteb_synth.evaluation import aggregates, registration, tasks

    if isinstance(task.metadata, (tasks.SynthMetadata, aggregates.SynthAggregateMetadata)):
        with contextlib.suppress(EvaluationError):  # `register` says so; scoring itself works without
            registration.register_task(type(task))
    return task


def _choice(tasks: Names, suite: Names) -> selection.Choice | None:
    """What was named; None where nothing was, which means all that was built."""
    return selection.choose(_names(tasks), _names(suite)) if tasks or suite else None


def _languages(names: Names) -> list[Language]:
    """The languages, each once."""
    found = list(dict.fromkeys(language_names.parse(name) for name in _names(names)))
    if not found:
        raise UsageError("no language was named", hint="mmteb-synth languages lists them")
    return found


def _names(value: Names) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _label(profile: str | None) -> str | None:
    """A profile's label in its usual spelling."""
    return None if profile is None else _profiles(profile)[0]


def _label_or_none(name: str) -> str | None:
    """A profile's label; None where it is no profile."""
    try:
        return _label(name)
    except UsageError:
        return None


def _profiles(labels: Names) -> list[str]:
    """Labels of profiles, each in its usual spelling."""
    from mmteb_synth.data import profiles

    return [profiles.parse(label).label for label in _names(labels)]


def _path(value: Place) -> Path | None:
    return Path(value).expanduser() if value is not None else None


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

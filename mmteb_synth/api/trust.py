"""What is known of translations: by the checks, and by people."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mmteb_synth import paths
from mmteb_synth.api import arguments, cards
from mmteb_synth.api.arguments import Names, Place
from mmteb_synth.errors import UsageError
from mmteb_synth.types import ProgressHook

if TYPE_CHECKING:
    from mmteb_synth.checking import CheckReport
    from mmteb_synth.reviewing import ExportReport, ImportReport
    from mmteb_synth.stopping import Stop


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
    store = arguments.store(data_dir)
    chosen = stored.translated(
        store,
        choice=arguments.choice(tasks, suite),
        wanted=None if languages is None else arguments.languages(languages),
        translators=arguments.names(translator),
        profiles=arguments.profiles(profile),
    )
    scores = cards.known_scores(folders, warn or partial(warnings.warn, stacklevel=2))
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

    store, wanted = arguments.store(data_dir), set(arguments.names(names))
    chosen = [
        one
        for one in stored.chosen(store, held_back=True)
        if one.name in wanted and one.language != stored.ENGLISH
    ]
    page.write(checking.check(store, chosen), Path(file).expanduser())


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
    (wanted,) = arguments.languages(language)
    return reviewing.export(
        arguments.store(data_dir),
        wanted,
        choice=arguments.choice(tasks, suite),
        translators=arguments.names(translator),
        profiles=arguments.profiles(profile),
        sample=sample,
        flagged=flagged,
        raters=raters,
        overlap=overlap,
        form=format,
        seed=seed,
        out=arguments.path(out) or Path("review"),
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
        arguments.store(data_dir),
        folders.cache_file,
        [Path(file).expanduser() for file in ([files] if isinstance(files, (str, Path)) else files)],
        raters=arguments.names(rater),
        skill=language_skill,
        skip_changed=skip_changed,
    )
    cards.tell_of_reviews(list(taken.merged), folders)
    return taken

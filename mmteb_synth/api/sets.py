"""Making sets, and handing them on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmteb_synth import paths, selection
from mmteb_synth.api import arguments, cards, trust
from mmteb_synth.api.arguments import Names, Place
from mmteb_synth.types import OnFailure

if TYPE_CHECKING:
    from mmteb_synth.building import BuildReport, ProgressFactory, SetReport
    from mmteb_synth.exporting import ExportedSet
    from mmteb_synth.stopping import Stop


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
        weights=arguments.path(weights),
        source_dir=arguments.path(source_dir),
        concurrency=concurrency,
        offline=offline,
        retry_failed=retry_failed,
        fallback=tuple(arguments.names(fallback)),
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
    wanted, members = (
        arguments.languages(languages),
        selection.choose(arguments.names(tasks), arguments.names(suite)).members,
    )
    with status.reporting(status.file(folders.cache_dir, share.suffix if share else ""), progress) as shown:
        done = building.build(
            wanted, members, options=options, folders=folders, progress=shown, report=report, stop=stop
        )
    cards.tell_of_reviews([one.name for one in done.sets if one.status == "built"], folders)
    cards.tell_of_licences([one.name for one in done.sets if one.status == "unchanged"], folders)
    if html is not None:
        trust.check_page([one.name for one in done.sets], html, data_dir=data_dir)
    return done


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
    store, wanted = arguments.store(folders.data_dir), arguments.languages(languages)
    chosen = stored.chosen(
        store, choice=arguments.choice(tasks, suite), wanted=wanted, translators=arguments.names(translator)
    )
    if not chosen:
        raise stored.nothing_chosen(store, wanted)
    scores = cards.known_scores(folders, warn or partial(warnings.warn, stacklevel=2))
    return exporting.export(
        store, chosen, Path(to).expanduser(), accepted=arguments.names(accept_licence), scores=scores
    )

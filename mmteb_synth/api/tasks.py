"""Built sets as MTEB tasks."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from mmteb_synth import selection
from mmteb_synth.api import arguments
from mmteb_synth.api.arguments import Names, Place
from mmteb_synth.errors import EvaluationError, StoreError, UsageError


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

    MTEB is told of them, so that its means over their scores work. Its cache of results takes a task by its name, and
    gives scores of older data too: for a set that was built anew give `mteb.evaluate` another cache, `cache=None` or
    `overwrite_strategy="always"`. Where MTEB's default cache holds such scores, you are warned.

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

    wanted = None if languages is None else arguments.languages(languages)
    found = scope.built(
        arguments.store(data_dir),
        arguments.choice(tasks, suite),
        wanted,
        arguments.names(translator),
        arguments.profiles(profile),
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

    return _known(scored.one(arguments.store(data_dir), name).make())


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

    (wanted,) = arguments.languages(language)
    store, choice = arguments.store(data_dir), arguments.choice((), suite)
    (label,) = arguments.profiles(profile)
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

    found = scored.combined(scored.built(arguments.store(data_dir)), None)
    for task in found:
        registration.register_task(type(task.make()))
    return [task.name for task in found]


def _known(task: Any) -> Any:
    """Tell MTEB of a built set's task: without, its means and prompts by task name fail."""
    from mmteb_synth.evaluation import aggregates, registration, results, tasks

    if isinstance(task.metadata, (tasks.SynthMetadata, aggregates.SynthAggregateMetadata)):
        with contextlib.suppress(EvaluationError):  # `register` says so; scoring itself works without
            registration.register_task(type(task))
        older = results.of_older_data(task)
        if older:
            warnings.warn(
                f"the data of {task.metadata.name} changed after it was scored, and mteb.evaluate would return the "
                f"scores in {older[0]}: give it cache=None or overwrite_strategy='always'",
                stacklevel=3,
            )
    return task

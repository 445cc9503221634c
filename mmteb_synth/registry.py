"""What can be named: tasks, sets of one's own, and suites.

Names are looked up in the shipped folder, in the user's (`MMTEB_SYNTH_TASKS`) and in the facts of MTEB; a path
ending in .toml is a name too. Nothing here imports mteb.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mmteb_synth import aggregates, facts, languages, listings, paths, specs
from mmteb_synth.errors import SpecError, UnknownNameError, UsageError, near_names
from mmteb_synth.licences import Terms
from mmteb_synth.listings import NativeListing, SuiteListing, TaskListing
from mmteb_synth.specs import (
    BITEXT_SUFFIX,
    SPEC_SUFFIX,
    BitextSpec,
    NativeQuery,
    Suite,
    SuiteBitext,
    SuiteTask,
    TaskSpec,
)

_TASKS_HINT = "list them with: mmteb-synth tasks"
_SUITES_HINT = "list them with: mmteb-synth suites"
_OWN_FILES = "a set of one's own needs [files] with its data; without them a file adds to an MTEB task"


def get_task(name: str) -> TaskSpec | BitextSpec:
    """The set with a name.

    Args:
        name: An MTEB task with English data, a set of one's own, `<Source>Bitext`, or a path ending in .toml.

    Raises:
        UnknownNameError: Nothing bears the name.
        UsageError: The MTEB task can't be translated; the message says why.
        SpecError: The file that says more of it is broken.
    """
    if name.endswith(SPEC_SUFFIX):
        return _read_task(Path(name).expanduser())
    file = _task_files().get(name)
    if file:
        return _read_task(file)
    known = facts.task(name)
    if known:
        _check_translatable(known)
        return TaskSpec(name=name)
    if name.endswith(BITEXT_SUFFIX):
        source = get_task(name.removesuffix(BITEXT_SUFFIX))
        if isinstance(source, BitextSpec):
            raise UsageError(f"{source.name} is bitext already", hint=f"name it as {source.name}")
        return SuiteBitext(source=source.name).spec
    other = facts.other(name)
    if other:
        raise UsageError(
            f"{name} is {other} in MTEB: only text tasks of the types {', '.join(specs.TASK_TYPES)} are supported",
            hint=_TASKS_HINT,
        )
    raise UnknownNameError("task", name, _task_names(), hint=_TASKS_HINT)


def get_suite(name: str | Path) -> Suite:
    """The suite with a name, with every entry checked and a benchmark's tasks among its own.

    Args:
        name: A suite, an MTEB benchmark as `MTEB(eng, v2)`, or a path ending in .toml.

    Returns:
        A suite whose `tasks` are what it scores, sets and aggregates, and whose paths are absolute.

    Raises:
        UnknownNameError: Nothing bears the name.
        SpecError: Its file is broken or names what can't be.
    """
    text = str(name)
    if text.endswith(SPEC_SUFFIX):
        return _spelled_out(specs.read_suite(Path(text).expanduser()))
    file = _suite_files().get(text)
    if file:
        return _spelled_out(specs.read_suite(file))
    benchmark = facts.benchmark(text)
    if benchmark:
        tasks = _benchmark_tasks(benchmark)
        if not tasks:
            raise UsageError(
                f"no task of the benchmark {benchmark.name} can be translated", hint=_SUITES_HINT
            )
        return Suite(
            name=benchmark.name,
            description=f"The English text tasks of MTEB's benchmark {benchmark.name}.",
            benchmark=benchmark.name,
            tasks=tuple(tasks.values()),
        )
    raise UnknownNameError("suite", text, (*_suite_files(), *_benchmark_names()), hint=_SUITES_HINT)


def native_entries(suite: Suite, language: str, *, beside: Iterable[str] = ()) -> list[SuiteTask]:
    """MTEB's own tasks that a suite scores as they are, and that hold a language by itself under any of its codes.

    Args:
        suite: From `get_suite`.
        language: The code, as `tur-Latn`.
        beside: Other languages that are meant too. Of what a query finds in English only those count that it finds in
            one of them: MTEB's hundreds of English tasks are nobody's counterpart.
    """
    codes = languages.equivalents(language)
    listed = [entry for entry in suite.native if codes.intersection(facts.tasks()[entry.name].languages)]
    if suite.native_query is None:
        return listed
    found = native_names(language, suite.native_query)
    others = [code for code in beside if code not in codes]
    if others and "eng-Latn" in codes:
        elsewhere = {name for code in others for name in native_names(code, suite.native_query)}
        found = [name for name in found if name in elsewhere]
    named = {entry.name for entry in (*suite.native, *suite.tasks)}
    return listed + [SuiteTask(name=name) for name in found if name not in named]


def native_tasks(suite: Suite, language: str) -> list[str]:
    """The names of the native tasks of a suite that hold a language by itself, under any of MTEB's codes for it.

    Args:
        suite: From `get_suite`.
        language: The code, as `tur-Latn`.
    """
    return [entry.name for entry in native_entries(suite, language)]


def native_names(language: str, query: NativeQuery) -> list[str]:
    """MTEB's own tasks that hold a language by itself and answer to a query, by name.

    Of two versions of a task the newer one is taken, of an aggregate its parts. What is private, or was written or
    translated by machines, is left out, and so is bitext, which is not in one language.

    Args:
        language: The code, as `tur-Latn`.
        query: What is wanted.
    """
    codes = languages.equivalents(language)
    found = {
        known.name: known.superseded_by
        for known in facts.tasks().values()
        if codes.intersection(known.languages)
        and not (known.parts or known.private)
        and known.type != "BitextMining"
        and (not query.types or known.type in query.types)
        and facts.origin(known) in query.origins
        and not (known.sample_creation or "").startswith("LM-generated")
    }
    return sorted((name for name, newer in found.items() if newer not in found), key=str.casefold)


def list_native(language: str, *, suite: str | None = None, type: str | None = None) -> list[NativeListing]:
    """MTEB's own tasks in a language, which cost nothing to translate, by name.

    Args:
        language: The code, as `tur-Latn`.
        suite: Only those that this suite scores; by default all that people wrote or translated.
        type: Only tasks of this MTEB type.

    Raises:
        UnknownNameError: No such suite or type.
    """
    _check_type(type)
    if suite is None:
        entries = [SuiteTask(name=name) for name in native_names(language, NativeQuery())]
    else:
        entries = native_entries(get_suite(suite), language)
    codes = languages.equivalents(language)
    rows = [listings.of_native(facts.tasks()[entry.name], codes, entry.splits) for entry in entries]
    return sorted((row for row in rows if type in (None, row.type)), key=lambda row: row.name.casefold())


def terms(spec: TaskSpec | BitextSpec) -> Terms:
    """What may be done with the texts of a set; of a bitext set, with its source's.

    Args:
        spec: From `get_task`.
    """
    return _listing(spec).terms


def list_tasks(*, suite: str | None = None, type: str | None = None) -> list[TaskListing]:
    """All tasks that can be named, or a suite's, by name.

    Args:
        suite: Only what this suite holds: sets to translate, native tasks and bitext.
        type: Only tasks of this MTEB type.

    Raises:
        UnknownNameError: No such suite or type.
        SpecError: A file in one of the folders is broken.
    """
    _check_type(type)
    if suite is None:
        rows = [_listing(get_task(name)) for name in _task_names()]
        rows += [listings.of_aggregate(facts.tasks()[name]) for name in aggregates.names()]
    else:
        chosen = get_suite(suite)
        rows = [_row(entry) for entry in chosen.tasks]
        rows += [listings.of_mteb(facts.tasks()[entry.name], entry.splits) for entry in chosen.native]
        rows += [_listing(entry.spec) for entry in chosen.bitext]
    return sorted((row for row in rows if type in (None, row.type)), key=lambda row: row.name.casefold())


def list_suites() -> list[SuiteListing]:
    """All suites: the shipped ones, the user's, then MTEB's benchmarks that hold English text.

    Raises:
        SpecError: A file in one of the folders is broken.
    """
    files = _suite_files()
    names = (name for name, benchmark in facts.benchmarks().items() if _benchmark_tasks(benchmark))
    return [
        listings.of_suite(get_suite(name))
        for name in (*files, *(name for name in names if name not in files))
    ]


def _check_type(name: str | None) -> None:
    if name is not None and name not in specs.TASK_TYPES:
        raise UnknownNameError(
            "task type", name, specs.TASK_TYPES, hint=f"types: {', '.join(specs.TASK_TYPES)}"
        )


def _read_task(path: Path) -> TaskSpec:
    """Read a task's file and hold it against what MTEB and the shipped folder already define."""
    spec = specs.read_task(path)
    known = facts.task(spec.name)
    if known is None or spec.is_own:
        _check_name_is_free(path)
    if spec.is_own:
        return spec
    if known is None:
        near = near_names(spec.name, _translatable())
        suggestion = f"; did you mean {' or '.join(near)}?" if near else ""
        raise SpecError(f"{path}: MTEB has no text task {spec.name}{suggestion}", hint=_OWN_FILES)
    _check_translatable(known)
    if spec.subset is not None and spec.subset not in known.english:
        raise SpecError(
            f"{path}: {spec.name} has no English subset {spec.subset!r}; it has {', '.join(known.english)}"
        )
    _check_splits(str(path), known, spec.eval_splits)
    return spec


def _check_name_is_free(path: Path) -> None:
    """Refuse a file with a set of one's own that bears the name of a set of MTEB's or of ours."""
    name = path.stem
    shipped = paths.bundled_tasks() / path.name
    if facts.task(name) or facts.other(name):
        raise SpecError(f"{path}: {name} is an MTEB task, which brings its own data", hint="rename the file")
    if shipped.is_file() and not shipped.samefile(path):
        raise SpecError(f"{path}: {name} is the name of a shipped set", hint="rename the file")


def _check_translatable(known: facts.TaskFacts) -> None:
    """Refuse an MTEB task that has no one English set to translate, and say why."""
    if known.parts:
        raise UsageError(
            f"{known.name} is made of {len(known.parts)} tasks: {', '.join(known.parts)}",
            hint="name one of these; as --task and in a suite it stands for them all",
        )
    if known.english:
        return
    if known.type == "BitextMining":
        raise UsageError(
            f"{known.name} is bitext: it pairs languages and has no English set to translate",
            hint=f"bitext is made from the translations of another set, as STSBenchmark{BITEXT_SUFFIX}",
        )
    if any(code.startswith("eng-") for code in known.mixed_languages):
        beside = [code for code in known.mixed_languages if not code.startswith("eng-")]
        raise UsageError(
            f"{known.name} holds English only together with {', '.join(beside[:3])}"
            + (" and others" if len(beside) > 3 else ""),
            hint=_TASKS_HINT,
        )
    raise UsageError(f"{known.name} has no English data to translate", hint=_TASKS_HINT)


def _check_splits(where: str, known: facts.TaskFacts, splits: Iterable[str]) -> None:
    for split in splits:
        if split not in known.splits:
            raise SpecError(
                f"{where}: {known.name} has no split {split!r}; MTEB scores {', '.join(known.splits)}"
            )


def _spelled_out(suite: Suite) -> Suite:
    """Check each entry, and put tasks where a benchmark and absolute paths where relative ones stand."""
    where = str(suite.path)
    native = tuple(_native(where, entry) for entry in suite.native)
    tasks: dict[str, SuiteTask] = {}
    if suite.benchmark is not None:
        benchmark = facts.benchmark(suite.benchmark)
        if benchmark is None:
            raise UnknownNameError(
                "MTEB benchmark", suite.benchmark, _benchmark_names(), hint=f"mend {where}"
            )
        tasks |= _benchmark_tasks(benchmark)
    for entry in suite.tasks:
        tasks |= _checked(where, suite.path, entry)
    bitext = []
    for pairs in suite.bitext:
        source = _absolute(suite.path, pairs.source)
        if isinstance(_entry(where, source), BitextSpec):
            raise SpecError(f"{where}: [[bitext]] can't be made from bitext ({pairs.source})")
        bitext.append(pairs.model_copy(update={"source": source}))
    as_they_are = {entry.name for entry in native}
    kept = tuple(entry for name, entry in tasks.items() if name not in as_they_are)
    return suite.model_copy(update={"tasks": kept, "native": native, "bitext": tuple(bitext)})


def _checked(where: str, home: Path | None, entry: SuiteTask) -> dict[str, SuiteTask]:
    """An entry by the name of its set."""
    if aggregates.parts(entry.name):
        _check_splits(where, facts.tasks()[entry.name], entry.splits)
        return {entry.name: entry}
    name = _absolute(home, entry.name)
    spec = _entry(where, name)
    if isinstance(spec, BitextSpec):
        raise SpecError(f"{where}: {spec.name} belongs under [[bitext]], as source = {spec.source!r}")
    if spec.is_own:
        for split in entry.splits:
            if split not in spec.own_splits:
                raise SpecError(
                    f"{where}: {spec.name} has no split {split!r}; it has {', '.join(spec.own_splits)}"
                )
    else:
        _check_splits(where, facts.tasks()[spec.name], entry.splits)
    return {spec.name: SuiteTask(name=name, splits=entry.splits)}


def _entry(where: str, name: str) -> TaskSpec | BitextSpec:
    """The set that a suite's entry names; an error also says which suite."""
    try:
        return get_task(name)
    except SpecError:
        raise  # it names the broken file already
    except UsageError as error:
        raise SpecError(f"{where}: {error.message}", hint=error.hint) from error


def _native(where: str, entry: SuiteTask) -> SuiteTask:
    known = facts.task(entry.name)
    if known is None:
        near = near_names(entry.name, facts.tasks())
        suggestion = f"; did you mean {' or '.join(near)}?" if near else ""
        raise SpecError(f"{where}: MTEB has no text task {entry.name} to take as native{suggestion}")
    _check_splits(where, known, entry.splits)
    return entry


def _absolute(home: Path | None, name: str) -> str:
    """A path in a suite, made absolute from the suite's own folder; a plain name as it is."""
    if not name.endswith(SPEC_SUFFIX):
        return name
    path = Path(name).expanduser()
    return str((home.parent / path).resolve() if home else path.resolve())


def _benchmark_tasks(benchmark: facts.BenchmarkFacts) -> dict[str, SuiteTask]:
    """The benchmark's tasks whose English set it scores, with the splits it scores."""
    tasks = {}
    for member in benchmark.members:
        known = facts.task(member.name)
        if known is None or known.english_subset is None:
            continue
        if member.subsets is None or known.english_subset in member.subsets:
            tasks[known.name] = SuiteTask(name=known.name, splits=member.splits)
    return tasks


def _task_files() -> dict[str, Path]:
    """Name to file of every spec in the folders; the user's addition to an MTEB task goes before ours."""
    bundled, user = _files("")
    return {**bundled, **user}


def _suite_files() -> dict[str, Path]:
    """Name to file of every suite in the folders, the shipped ones first."""
    bundled, user = _files("suites")
    for name in bundled.keys() & user.keys():
        raise SpecError(f"{user[name]}: {name} is the name of a shipped suite", hint="rename the file")
    return {**bundled, **user}


def _files(below: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """The TOML files of the shipped and of the user's folder, by name."""
    own = paths.user_tasks()
    if own is not None and not own.is_dir():
        raise UsageError(f"MMTEB_SYNTH_TASKS is not a folder: {own}", hint="unset it or make the folder")
    return _toml_files(paths.bundled_tasks() / below), _toml_files(own / below) if own else {}


def _toml_files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(f"*{SPEC_SUFFIX}"))}


def _translatable() -> list[str]:
    return [name for name, known in facts.tasks().items() if known.english and not known.parts]


def _task_names() -> list[str]:
    return sorted({*_translatable(), *_task_files()})


def _benchmark_names() -> list[str]:
    return [
        name for benchmark in facts.benchmarks().values() for name in (benchmark.name, *benchmark.aliases)
    ]


def _row(entry: SuiteTask) -> TaskListing:
    if aggregates.parts(entry.name):
        return listings.of_aggregate(facts.tasks()[entry.name], entry.splits)
    return _listing(get_task(entry.name), entry.splits)


def _listing(spec: TaskSpec | BitextSpec, splits: tuple[str, ...] = ()) -> TaskListing:
    if isinstance(spec, BitextSpec):
        return listings.of_bitext(spec, _listing(get_task(spec.source)))
    if spec.is_own:
        return listings.of_own(spec, splits)
    known = facts.tasks()[spec.name]
    if spec.subset not in (None, known.english_subset):
        known = replace(known, sizes={})  # they are another subset's
    return listings.of_mteb(known, splits or spec.eval_splits)

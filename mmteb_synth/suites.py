"""The suites that can be named: the shipped ones, the user's, and MTEB's benchmarks. Each entry of one is checked."""

from __future__ import annotations

from pathlib import Path

from mmteb_synth import aggregates, facts, registry, specs
from mmteb_synth.errors import SpecError, UnknownNameError, UsageError, near_names
from mmteb_synth.specs import SPEC_SUFFIX, BitextSpec, Suite, SuiteTask, TaskSpec

_HINT = "list them with: mmteb-synth suites"


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
            raise UsageError(_nothing_in(benchmark), hint=_HINT)
        return Suite(
            name=benchmark.name,
            description=f"The English text tasks of MTEB's benchmark {benchmark.name}.",
            benchmark=benchmark.name,
            tasks=tuple(tasks.values()),
        )
    raise UnknownNameError("suite", text, (*_suite_files(), *_benchmark_names()), hint=_HINT)


def names() -> list[str]:
    """The names of all suites: the shipped ones, the user's, then MTEB's benchmarks that hold English text."""
    files = _suite_files()
    held = (name for name, benchmark in facts.benchmarks().items() if _benchmark_tasks(benchmark))
    return [*files, *(name for name in held if name not in files)]


def _suite_files() -> dict[str, Path]:
    """Name to file of every suite in the folders, the shipped ones first."""
    bundled, user = registry.files("suites")
    for name in bundled.keys() & user.keys():
        raise SpecError(f"{user[name]}: {name} is the name of a shipped suite", hint="rename the file")
    return {**bundled, **user}


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


def _nothing_in(benchmark: facts.BenchmarkFacts) -> str:
    why = "none of its tasks can be translated" if benchmark.members else "it is not of English text"
    return f"the benchmark {benchmark.name} is no suite: {why}"


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
        if not tasks:
            raise SpecError(f"{where}: {_nothing_in(benchmark)}", hint=_HINT)
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
        registry.check_splits(where, facts.tasks()[entry.name], entry.splits)
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
        registry.check_splits(where, facts.tasks()[spec.name], entry.splits)
    return {spec.name: SuiteTask(name=name, splits=entry.splits)}


def _entry(where: str, name: str) -> TaskSpec | BitextSpec:
    """The set that a suite's entry names; an error also says which suite."""
    try:
        return registry.get_task(name)
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
    registry.check_splits(where, known, entry.splits)
    return entry


def _absolute(home: Path | None, name: str) -> str:
    """A path in a suite, made absolute from the suite's own folder; a plain name as it is."""
    if not name.endswith(SPEC_SUFFIX):
        return name
    path = Path(name).expanduser()
    return str((home.parent / path).resolve() if home else path.resolve())


def _benchmark_names() -> list[str]:
    """What can be suggested: the names and aliases of benchmarks with something to translate."""
    usable = (benchmark for benchmark in facts.benchmarks().values() if _benchmark_tasks(benchmark))
    return [name for benchmark in usable for name in (benchmark.name, *benchmark.aliases)]

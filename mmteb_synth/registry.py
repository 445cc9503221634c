"""The sets that can be named: tasks of MTEB, sets of one's own, bitext.

Names are looked up in the shipped folder, in the user's (`MMTEB_SYNTH_TASKS`) and in the facts of MTEB; a path
ending in .toml is a name too. Nothing here imports mteb.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmteb_synth import facts, licences, paths, specs
from mmteb_synth.errors import SpecError, UnknownNameError, UsageError, near_names
from mmteb_synth.licences import Terms
from mmteb_synth.specs import BITEXT_SUFFIX, SPEC_SUFFIX, BitextSpec, SuiteBitext, TaskSpec

_HINT = "list them with: mmteb-synth tasks"
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
            hint=_HINT,
        )
    raise UnknownNameError("task", name, task_names(), hint=_HINT)


def terms(spec: TaskSpec | BitextSpec) -> Terms:
    """What may be done with the texts of a set; of a bitext set, with its source's.

    Args:
        spec: From `get_task`.
    """
    if isinstance(spec, BitextSpec):
        return terms(get_task(spec.source))
    return licences.terms(spec.name, spec.license if spec.is_own else facts.tasks()[spec.name].license)


def task_names() -> list[str]:
    """The names of all tasks and sets that can be translated, sorted."""
    return sorted({*_translatable(), *_task_files()})


def files(below: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """The TOML files of the shipped and of the user's folder, by name.

    Args:
        below: Where in these folders, as `suites`; nothing for the tasks.

    Raises:
        UsageError: MMTEB_SYNTH_TASKS is no folder.
    """
    own = paths.user_tasks()
    if own is not None and not own.is_dir():
        raise UsageError(f"MMTEB_SYNTH_TASKS is not a folder: {own}", hint="unset it or make the folder")
    return _toml_files(paths.bundled_tasks() / below), _toml_files(own / below) if own else {}


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
    check_splits(str(path), known, spec.eval_splits)
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
            hint=_HINT,
        )
    raise UsageError(f"{known.name} has no English data to translate", hint=_HINT)


def check_splits(where: str, known: facts.TaskFacts, splits: Iterable[str]) -> None:
    """Refuse a file that names a split which MTEB doesn't score.

    Args:
        where: The file.
        known: The task.
        splits: What the file names.

    Raises:
        SpecError: There is no such split.
    """
    for split in splits:
        if split not in known.splits:
            raise SpecError(
                f"{where}: {known.name} has no split {split!r}; MTEB scores {', '.join(known.splits)}"
            )


def _task_files() -> dict[str, Path]:
    """Name to file of every spec in the folders; the user's addition to an MTEB task goes before ours."""
    bundled, user = files("")
    return {**bundled, **user}


def _toml_files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(f"*{SPEC_SUFFIX}"))}


def _translatable() -> list[str]:
    return [name for name, known in facts.tasks().items() if known.english and not known.parts]

"""The English set: from the Hub at MTEB's revision, from a local mirror, or from files of one's own.

Together with `own.py` the only reader of MTEB's data here. MTEB's own loading and transform run; what the
transform sets on the task object is kept, because it decides scores as much as the data.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mmteb_synth import facts
from mmteb_synth.data import mirror, sampling
from mmteb_synth.data.extraction import extract, splits_of
from mmteb_synth.data.layout import Layout, layout_of
from mmteb_synth.data.profiles import FULL, Profile
from mmteb_synth.data.profiles.sample import Sample, draw
from mmteb_synth.data.segments import Needed
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, DEFAULT, QUERIES, Tables
from mmteb_synth.errors import SourceError, SynthError, UsageError, in_a_line
from mmteb_synth.specs import TaskSpec

logger = logging.getLogger(__name__)

_COUNTED_BY_MTEB = 500_000
"""Documents of a corpus whose characters MTEB counts."""

_NOT_KEPT = {"dataset", "data_loaded", "rng_state", "np_rng", "hf_subsets", "seed", "_eval_splits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIdentity:
    """Which English data a set comes from, known without loading it.

    Attributes:
        dataset: The Hub's id, or the spec's name for a set of one's own.
        revision: The pinned revision, or the digest of one's own files.
        mirror: The digest of the mirror's files, None where no mirror is read.
        mteb_version: The installed MTEB, whose loading and transform run.
    """

    dataset: str
    revision: str
    mirror: str | None
    mteb_version: str

    @property
    def short(self) -> str:
        """Eight characters for a signature."""
        return (self.mirror or self.revision)[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet:
    """One English set, loaded.

    Attributes:
        spec: What it was asked as.
        identity: Where it comes from.
        task: The MTEB task object with what the transform set on it, without its data.
        task_type: MTEB's task type.
        license: MTEB's licence field.
        layout: Its columns.
        tables: Its expanded tables: the splits that are scored, and the train split of a classification.
        needed: Which rows MTEB will show a model.
        eval_splits: The splits that are scored.
        train_split: The split that classifiers are trained on, None where there is none.
        instance_attributes: What the transform set on the task object.
        differences: Where counts differ from MTEB's shipped statistics, in words.
        sample: What a profile kept of the set; None for all of it.
    """

    spec: TaskSpec
    identity: SourceIdentity
    task: Any
    task_type: str
    license: str | None
    layout: Layout
    tables: Tables
    needed: Needed
    eval_splits: tuple[str, ...]
    train_split: str | None
    instance_attributes: dict[str, Any]
    differences: tuple[str, ...]
    sample: Sample | None = None


def mteb_version() -> str:
    """The installed MTEB's version, without importing it."""
    return metadata.version("mteb")


def identify(spec: TaskSpec, source_dir: Path | None = None) -> SourceIdentity:
    """Which data would be loaded, without loading it.

    Args:
        spec: The task.
        source_dir: A local mirror of the Hub.

    Raises:
        SourceError: The mirror or a file of one's own is missing.
    """
    if spec.is_own:
        from mmteb_synth.data import own

        return SourceIdentity(
            dataset=spec.name, revision=own.revision(spec), mirror=None, mteb_version=mteb_version()
        )
    known = facts.task(spec.name)
    if known is None or known.dataset is None or known.revision is None:
        raise SourceError(f"MTEB has no task {spec.name} with data of its own")
    files = None
    if source_dir is not None:
        files = mirror.digest(mirror.folder(source_dir, known.dataset, known.revision))
    return SourceIdentity(
        dataset=known.dataset, revision=known.revision, mirror=files, mteb_version=mteb_version()
    )


def task_class(
    spec: TaskSpec, identity: SourceIdentity | None = None, spool: Spool | None = None
) -> type[Any]:
    """The concrete MTEB class of a spec's English task.

    Args:
        spec: The task.
        identity: Which data it has, where that is known already.
        spool: Where texts of a set of one's own are kept when they are read; None keeps them in memory.
    """
    if spec.is_own:
        from mmteb_synth.data import own

        return own.task_class(spec, identity.revision if identity else own.revision(spec), spool)
    import mteb

    return type(mteb.get_task(spec.name))


def eval_splits(spec: TaskSpec, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """The splits to score: the suite's, the spec's, or `test` where MTEB scores several.

    Raises:
        UsageError: A split that MTEB doesn't score was asked for.
    """
    if spec.is_own:
        available = spec.own_splits
    else:
        known = facts.task(spec.name)
        available = known.splits if known else ()
    chosen = tuple(asked) or spec.eval_splits
    unknown = [split for split in chosen if split not in available]
    if unknown:
        raise UsageError(f"{spec.name} has no split {unknown[0]!r}; it has {', '.join(available)}")
    if chosen:
        return chosen
    return ("test",) if "test" in available else available


def read(
    spec: TaskSpec,
    *,
    source_dir: Path | None,
    scratch: Path,
    spool: Spool | None = None,
    splits: Sequence[str] = (),
) -> SourceSet:
    """Load all rows of an English set; every one counts as needed.

    Args:
        spec: The task.
        source_dir: A local mirror of the Hub; None reads the Hub (or its cache on this machine).
        scratch: Where links to mirrors are kept.
        spool: Where the tables are kept; None keeps them in memory.
        splits: The splits that the suite scores; empty for the task's own.

    Returns:
        The set, with tables expanded to one text a row.

    Raises:
        SourceError: The data can't be had, or are not what the task needs.
    """
    chosen = eval_splits(spec, splits)
    identity = identify(spec, source_dir)
    task = _task(spec, identity, source_dir, scratch, chosen, spool)
    before = dict(vars(task))
    _load_data(task, identity)
    layout = layout_of(task)
    train = getattr(task, "train_split", None)
    train = None if train in chosen else train
    names = {} if spec.is_own else spec.columns  # own.py has renamed the columns already
    tables = dict(extract(task, layout, names, [*chosen, *([train] if train else [])], spool))
    attributes = _instance_attributes(task, before)
    differences = () if spec.is_own else (*_compare(task, chosen), *_compare_set(spec.name, attributes))
    task.unload_data()
    return SourceSet(
        spec=spec,
        identity=identity,
        task=task,
        task_type=task.metadata.type,
        license=task.metadata.license,
        layout=layout,
        tables=tables,
        needed=dict.fromkeys(tables),
        eval_splits=chosen,
        train_split=train,
        instance_attributes=attributes,
        differences=differences,
    )


def cut(
    whole: SourceSet,
    *,
    spool: Spool,
    profile: Profile = FULL,
    limit: int | None = None,
    all_rows: bool = False,
) -> SourceSet:
    """A set with what is wanted of it, and the rows among that which MTEB will show a model.

    Args:
        whole: The set with all its rows, which stays as it is.
        spool: Where what the choice needs meanwhile is kept.
        profile: How much of it is kept.
        limit: The first rows only, of those that the profile keeps.
        all_rows: Count every row as needed, not only those that MTEB shows a model.
    """
    task, tables, splits = whole.task, whole.tables, whole.eval_splits
    attributes, sample = whole.instance_attributes, None
    if profile.budget is not None:
        shown = sampling.needed_rows(task, whole.layout, tables, splits)
        sample = draw(profile, task, whole.layout, tables, shown, splits, spool)
        tables, attributes = sample.tables, {**attributes, **sample.attributes}
        task = copy.copy(task)
        vars(task).update(sample.attributes)
    if limit is not None:
        tables = sampling.limit_rows(tables, splits, limit)
    needed: Needed = dict.fromkeys(tables)
    if not all_rows:
        needed = sampling.needed_rows(task, whole.layout, tables, splits)
    return dataclasses.replace(
        whole,
        task=task,
        layout=whole.layout.with_all_read() if all_rows else whole.layout,
        tables=tables,
        needed=needed,
        instance_attributes=attributes,
        sample=sample,
    )


def _task(
    spec: TaskSpec,
    identity: SourceIdentity,
    source_dir: Path | None,
    scratch: Path,
    splits: Sequence[str],
    spool: Spool | None,
) -> Any:
    """The English task object, restricted to one English subset and the chosen splits."""
    cls = task_class(spec, identity, spool)
    if source_dir is not None and identity.mirror:
        files = mirror.folder(source_dir, identity.dataset, identity.revision)
        place = mirror.link(files, identity.mirror, scratch)
        description = cls.metadata.model_copy(
            update={"dataset": {**cls.metadata.dataset, "path": str(place)}}
        )
        cls = type(cls.__name__, (cls,), {"metadata": description, "__module__": __name__})
    task = cls()
    subset = _subset(spec)
    if subset is not None:
        task.hf_subsets = [subset]
    task.filter_eval_splits(list(splits))
    return task


def _subset(spec: TaskSpec) -> str | None:
    """The English subset of a task with several, None for a task with one."""
    if spec.subset:
        return spec.subset
    known = facts.task(spec.name) if not spec.is_own else None
    return known.english_subset if known and known.english_subset != DEFAULT else None


def _load_data(task: Any, identity: SourceIdentity) -> None:
    """Run MTEB's own loading and transform; whatever they and `datasets` raise is about the data."""
    try:
        task.load_data()
        if hasattr(task, "convert_v1_dataset_format_to_v2"):
            task.convert_v1_dataset_format_to_v2(None)
    except SynthError:
        raise
    except Exception as error:
        # offline, missing, gated, unknown configuration, broken file, missing column, a dataset script: each has
        # another class, and the first cause says most
        cause = error.__cause__ or error
        where = "the mirror" if identity.mirror else "the Hub"
        raise SourceError(
            f"could not load {task.metadata.name}: the data set {identity.dataset} could not be read from {where} "
            f"({in_a_line(cause)})",
            hint=mirror.how_to_get(identity.dataset, identity.revision),
        ) from error


def _instance_attributes(task: Any, before: dict[str, Any]) -> dict[str, Any]:
    """What loading and the transform set on the task object, as data."""
    changed = {
        name: value
        for name, value in vars(task).items()
        if name not in _NOT_KEPT and (name not in before or before[name] != value)
    }
    try:
        json.dumps(changed)
    except TypeError as error:
        raise SourceError(
            f"{task.metadata.name}: its transform sets something that can't be stored ({error})",
            hint="please report this task",
        ) from error
    return changed


def _compare(task: Any, splits: Sequence[str]) -> Iterator[str]:
    """Compare counts with the statistics that MTEB ships; a difference is reported, never an error."""
    shipped = task.metadata.descriptive_stats or {}
    subset = task.hf_subsets[0] if task.metadata.is_multilingual else None
    for split in splits:
        expected = shipped.get(split) or {}
        if subset is not None:
            expected = (expected.get("hf_subset_descriptive_stats") or {}).get(subset) or {}
        if not expected:
            continue
        found = _statistics(task, split, subset)
        for name in ("num_samples", "number_of_characters"):
            if name in expected and name in found and expected[name] != found[name]:
                yield f"{split}: {name} is {found[name]}, MTEB's statistics say {expected[name]}"


def _compare_set(name: str, attributes: dict[str, Any]) -> Iterator[str]:
    """Compare what loading set on the task object with what the facts say that it sets."""
    known = facts.task(name)
    for attribute, value in known.sets.items() if known else ():
        if attribute not in attributes or attributes[attribute] != value:
            found = attributes.get(attribute, "not set")
            yield f"MTEB's transform was known to set {attribute} to {value}, and it is {found}"


def _statistics(task: Any, split: str, subset: str | None) -> dict[str, Any]:
    """MTEB's own statistics of loaded data; its public method would write into the installed package.

    It holds all texts in memory, so of a large corpus only the rows are counted.
    """
    data = splits_of(task)[split]
    if CORPUS in data and len(data[CORPUS]) > _COUNTED_BY_MTEB:
        return {"num_samples": len(data[CORPUS]) + len(data[QUERIES])}
    compute = task._calculate_descriptive_statistics_from_split  # noqa: SLF001
    try:
        return dict(compute(split, hf_subset=subset))
    except (KeyError, TypeError, ValueError) as error:
        logger.warning("no statistics of %s %s: %s", task.metadata.name, split, error)
        return {}

"""The task of a built set is its source's in all that decides a score, for every set of the English benchmarks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mteb
import pytest
from mteb.abstasks.task_metadata import TaskMetadata

from mmteb_synth import aggregates, facts, selection
from mmteb_synth.data.layout import layout_of
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.store import TranslatedDataset
from mmteb_synth.evaluation import aggregates as made_of_parts
from mmteb_synth.evaluation import tasks
from mmteb_synth.selection import Member

MEMBERS = {
    member.spec.name: member
    for member in selection.choose(suites=["mteb-eng-v1", "mteb-eng-v2", "nano-beir"]).members
}

OF_OUR_OWN = {
    "metadata",
    "load_data",  # reads our files
    "evaluate",  # starts MTEB's generator anew, then calls the source's
    "dataset_transform",  # has run already
    "fast_loading",  # of a layout that is not ours
}
OF_EVERY_CLASS = {
    "__module__",
    "__doc__",
    "__dict__",
    "__weakref__",
    "__annotations__",
    "__init_subclass__",
    "__subclasshook__",
    "_abc_impl",
}
DIFFERENT_METADATA = {
    "name",
    "description",
    "dataset",
    "eval_langs",
    "eval_splits",  # those of the suite
    "adapted_from",
    "sample_creation",
    "annotations_creators",
    "superseded_by",
    "is_beta",
}
DRAWS = {
    "evaluate",
    "_undersample_data",
    "_evaluate_subset",
    "_evaluate_subset_cross_validation",
    "stratified_subsampling",
}
"""What draws rows, in MTEB's base classes. A task that had its own would draw otherwise than `needed_rows` says."""


def record(member: Member) -> Manifest:
    """What a build would write down of a set, as far as its task depends on it."""
    known = facts.tasks()[member.spec.name]
    return Manifest(
        name=f"{known.name}.tur-Latn.made",
        source_task=known.name,
        task_type=known.type,
        language="tur-Latn",
        translator="made",
        checks_version=1,
        eval_splits=list(member.splits),
        source={"revision": "r"},
        instance_attributes=dict(known.sets),
        counts={"segments": 1},
        coverage=1.0,
        licence=known.license,
        fingerprint="f",
        revision="d1",
        created="2026-01-01T00:00:00+00:00",
    )


def built(member: Member) -> type[Any]:
    """The class of a set as it would be built, without its data."""
    return tasks.task_class(TranslatedDataset(folder=Path("nowhere"), manifest=record(member)))


def differences(source: type[Any], made: type[Any], allowed: set[str]) -> Iterator[str]:
    """Where two classes differ, by every attribute of every base class, methods and private ones among them."""
    for name in sorted({name for base in (*source.__mro__, *made.__mro__) for name in vars(base)} - allowed):
        if name in OF_EVERY_CLASS:
            continue
        one, other = (getattr(cls, name, "nothing") for cls in (source, made))
        if one is not other and one != other:
            yield f"{name}: {one!r} became {other!r}"
    for name in sorted(TaskMetadata.model_fields.keys() - DIFFERENT_METADATA):
        one, other = (getattr(cls.metadata, name) for cls in (source, made))
        if one != other:
            yield f"metadata.{name}: {one!r} became {other!r}"


def state(task: Any) -> dict[str, Any]:
    """What making a task sets on it, its generators among it."""
    values = {name: value for name, value in vars(task).items() if name != "hf_subsets"}
    return values | {
        "rng_state": task.rng_state.getstate(),
        "np_rng": json.dumps(task.np_rng.bit_generator.state, default=list),
    }


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_all_that_decides_a_score_is_the_sources(name: str) -> None:
    member, source = MEMBERS[name], type(mteb.get_task(name))
    made = built(member)
    known = facts.tasks()[name]
    assert list(differences(source, made, OF_OUR_OWN | known.sets.keys())) == []
    assert {key: getattr(made, key) for key in known.sets} == dict(known.sets)
    assert (made.metadata.type, made.metadata.main_score) == (known.type, known.main_score)
    assert made.metadata.license == known.license
    assert made.metadata.eval_splits == list(member.splits)
    assert set(member.splits) <= set(source.metadata.eval_splits)
    assert layout_of(made()) == layout_of(source())
    assert state(made()) == state(source())


def test_the_benchmarks_are_whole() -> None:
    assert len(MEMBERS) == 94
    for suite, benchmark in (
        ("mteb-eng-v1", "MTEB(eng, v1)"),
        ("mteb-eng-v2", "MTEB(eng, v2)"),
        ("nano-beir", "NanoBEIR"),
    ):
        members = mteb.get_benchmark(benchmark).tasks
        assert selection.choose(suites=[suite]).scored == {task.metadata.name for task in members}


@pytest.mark.filterwarnings("ignore:The task .* is currently in beta:UserWarning")
def test_no_set_that_can_be_named_draws_rows_in_a_way_of_its_own() -> None:
    names = [known.name for known in facts.tasks().values() if known.english and not known.parts]
    assert len(names) > 500
    for name in names:
        for base in type(mteb.get_task(name)).__mro__:
            if base.__module__.startswith("mteb.abstasks"):
                break
            assert not DRAWS & vars(base).keys(), name


def drifted(**attributes: Any) -> type[Any]:
    return type("Drifted", (built(MEMBERS["EmotionClassification"]),), attributes)


def test_a_class_that_drifts_is_caught() -> None:
    source = type(mteb.get_task("EmotionClassification"))
    licence = built(MEMBERS["EmotionClassification"]).metadata.model_copy(update={"license": "mit"})
    for attributes, said in (
        ({"samples_per_label": 8}, "samples_per_label: 16 became 8"),
        ({"_undersample_data": lambda *_: None}, "_undersample_data:"),
        ({"new": 1}, "new: 'nothing' became 1"),
        ({"__init__": lambda _self: None}, "__init__:"),
        ({"metadata": licence}, "metadata.license: 'not specified' became 'mit'"),
    ):
        (found,) = differences(source, drifted(**attributes), OF_OUR_OWN)
        assert found.startswith(said)


def test_an_aggregate_is_its_source_too() -> None:
    (name,) = aggregates.names()
    source = type(mteb.get_task(name))
    parts = [MEMBERS[part] for part in aggregates.parts(name)]
    whole = made_of_parts.manifest(f"{name}.tur-Latn.made", [record(part) for part in parts])
    made = made_of_parts.task_class(whole, [built(part)() for part in parts])
    found = list(differences(source, made, {"metadata"}))
    assert [
        line for line in found if not line.startswith("metadata.date")
    ] == []  # MTEB adds hours to its own
    assert [part.metadata.name for part in made.metadata.tasks] == [
        f"{part.metadata.name}.tur-Latn.made" for part in source.metadata.tasks
    ]


def test_an_aggregate_is_verified_only_where_all_its_parts_are() -> None:
    (name,) = aggregates.names()
    review = {"reviewers": ["A. Speaker"], "rows": 100}
    plain = [record(MEMBERS[part]) for part in aggregates.parts(name)]
    verified = [dataclasses.replace(part, review=review) for part in plain]
    for parts, said in (
        (plain, "machine-translated"),
        ([verified[0], *plain[1:]], "machine-translated"),
        (verified, "machine-translated and verified"),
    ):
        whole = made_of_parts.manifest(f"{name}.tur-Latn.made", parts)
        assert made_of_parts.task_class(whole, []).metadata.sample_creation == said

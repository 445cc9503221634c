from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mteb
import pytest
from mini_sets import build

from mmteb_synth import api
from mmteb_synth.data.store import Store
from mmteb_synth.errors import EvaluationError
from mmteb_synth.evaluation import registration, tasks

NAME = "MiniSTS.tur-Latn.authored"
REGISTRY = sys.modules["mteb.get_tasks"]
BENCHMARKS = sys.modules["mteb.benchmarks.get_benchmark"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(build(tmp_path_factory.mktemp("mini"), ["tr"], ["MiniSTS", "MiniRetrieval"]))


@pytest.fixture
def registered(store: Store) -> type[Any]:
    cls = tasks.task_class(store.get(NAME))
    registration.register_task(cls)
    return cls


@pytest.mark.filterwarnings("ignore:The task .* is currently in beta:UserWarning")
def test_mteb_finds_what_was_registered(store: Store) -> None:
    assert api.register(data_dir=store.folder) == ["MiniRetrieval.tur-Latn.authored", NAME]
    task = mteb.get_task(NAME)
    assert task.metadata.revision == store.get(NAME).manifest.revision
    found = {task.metadata.name for task in mteb.get_tasks(languages=["tur"])}
    assert {NAME, "MiniRetrieval.tur-Latn.authored", "MassiveIntentClassification"} <= found
    assert NAME not in {task.metadata.name for task in mteb.get_tasks(languages=["deu"])}
    assert NAME in {task.metadata.name for task in mteb.get_tasks(tasks=[NAME])}


def test_a_rebuilt_set_takes_the_place_of_the_older_one(store: Store, registered: type[Any]) -> None:
    before = len(REGISTRY.TASK_LIST)
    again = tasks.task_class(store.get(NAME))
    registration.register_task(again)
    assert again is not registered
    assert isinstance(mteb.get_task(NAME), again)
    assert len(REGISTRY.TASK_LIST) == before
    assert registered not in REGISTRY.TASK_LIST


def test_a_model_trained_on_the_source_is_not_zero_shot_on_its_translation(tmp_path: Path) -> None:
    manifest_of = tasks_of_scifact(tmp_path)
    model = mteb.get_model_meta("intfloat/multilingual-e5-small").model_copy(
        update={"training_datasets": {"SciFact"}}
    )
    name = manifest_of.metadata.name
    assert model.is_zero_shot_on([name])
    for _ in range(2):
        registration.register_task(manifest_of)
    assert not model.is_zero_shot_on([name])
    assert REGISTRY._SIMILAR_TASKS["SciFact"].count(name) == 1


def tasks_of_scifact(folder: Path) -> type[Any]:
    """The class of a Turkish SciFact without rows."""
    from mmteb_synth.data.manifest import Manifest
    from mmteb_synth.data.store import TranslatedDataset

    manifest = Manifest(
        name="SciFact.tur-Latn.gpt-4.1-mini",
        source_task="SciFact",
        task_type="Retrieval",
        language="tur-Latn",
        translator="gpt-4.1-mini",
        checks_version=1,
        eval_splits=["test"],
        source={"dataset": "mteb/scifact", "revision": "r", "mirror": None},
        counts={},
        coverage=1.0,
        licence=None,
        fingerprint="f",
        revision="0123",
        created="2026-01-01T00:00:00+00:00",
    )
    return tasks.task_class(TranslatedDataset(folder=folder, manifest=manifest))


@pytest.mark.parametrize("place", ["_TASKS_REGISTRY", "TASK_LIST", "_SIMILAR_TASKS"])
def test_a_registry_that_moved_is_one_clear_error(
    store: Store, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delattr(REGISTRY, place)
    with pytest.raises(EvaluationError, match=f"in another place than mteb.get_tasks.{place}") as refused:
        api.register(data_dir=store.folder)
    assert mteb.__version__ in refused.value.message
    assert "get_tasks" in str(refused.value.hint)


def test_nothing_is_registered_by_halves_where_a_part_changed_its_kind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(REGISTRY._TASKS_REGISTRY)
    monkeypatch.setattr(REGISTRY, "_SIMILAR_TASKS", [])
    with pytest.raises(EvaluationError, match="_SIMILAR_TASKS"):
        api.register(data_dir=store.folder)
    assert before == REGISTRY._TASKS_REGISTRY


def test_a_module_that_is_gone_is_an_error_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mteb.get_tasks")
    with pytest.raises(EvaluationError, match="keeps its registry in another place"):
        api.register(data_dir=store.folder)


def test_a_benchmark_is_found_by_its_name(store: Store) -> None:
    benchmark = mteb.Benchmark(name="MTEB(tur-Latn, test, authored)", tasks=[tasks.task(store.get(NAME))])
    registration.register_benchmark(benchmark)
    assert mteb.get_benchmark("MTEB(tur-Latn, test, authored)") is benchmark


def test_a_registry_of_benchmarks_that_moved_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(BENCHMARKS, "_build_registry")
    with pytest.raises(EvaluationError, match="_build_registry"):
        registration.register_benchmark(mteb.Benchmark(name="x", tasks=[]))


def test_tasks_work_without_a_registry(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint of the error says so."""
    monkeypatch.delattr(REGISTRY, "_TASKS_REGISTRY")
    assert api.get_task(NAME, data_dir=store.folder).metadata.name == NAME
    assert len(api.get_benchmark("tr", suite="mini", data_dir=store.folder).tasks) == 2

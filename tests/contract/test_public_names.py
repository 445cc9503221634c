"""The names that others' code may rely on, and that none of them is hidden by a module of the same name."""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mmteb_synth

NAMES = [
    "SynthError",
    "__version__",
    "build",
    "check",
    "evaluate",
    "export",
    "get_benchmark",
    "get_task",
    "get_tasks",
    "leaderboard",
    "register",
    "review_export",
    "review_import",
    "sampling_agreement",
    "validate",
]
TASK = "MiniSTS.tur-Latn.authored"
BAG_OF_WORDS = "mmteb_synth.baselines:bag_of_words"


def _import_all() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(mmteb_synth.__path__, "mmteb_synth.")]
    for name in names:
        importlib.import_module(name)
    return names


def test_the_public_names_are_these() -> None:
    assert sorted(mmteb_synth.__all__) == NAMES
    assert dir(mmteb_synth) == NAMES


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'builds'"):
        mmteb_synth.builds  # noqa: B018


def test_no_module_bears_a_public_name_and_each_stays_what_it_was() -> None:
    before = {name: getattr(mmteb_synth, name) for name in NAMES}
    modules = _import_all()
    assert not {f"mmteb_synth.{name}" for name in NAMES} & set(modules)
    for name in NAMES:
        found = getattr(mmteb_synth, name)
        assert found is before[name]
        assert not isinstance(found, ModuleType)


def test_every_public_name_can_be_called_twice_after_every_module_was_imported(tmp_path: Path) -> None:
    _import_all()
    data, results = {"data_dir": tmp_path / "data"}, {"results_dir": tmp_path / "results"}
    cache = {"cache_dir": tmp_path / "cache"}

    def hand_out() -> Any:
        return mmteb_synth.review_export("tr", out=tempfile.mkdtemp(dir=tmp_path), **data)

    def refused(call: Callable[..., Any], *arguments: str, **folders: Path) -> str:
        with pytest.raises(mmteb_synth.SynthError) as caught:  # one model is too few to compare
            call(*arguments, **folders)
        return str(caught.value)

    calls: dict[str, Callable[[], Any]] = {
        "build": lambda: mmteb_synth.build("tr", tasks="MiniSTS", **data, **cache).sets[0].status,
        "check": lambda: [one.outcomes for one in mmteb_synth.check("tr", **data, **results).sets],
        "export": lambda: [
            (one.name, one.error)
            for one in mmteb_synth.export("tr", tmp_path / "for others", **data, **results)
        ],
        "get_task": lambda: mmteb_synth.get_task(TASK, **data).metadata.name,
        "get_tasks": lambda: [task.metadata.name for task in mmteb_synth.get_tasks("Turkish", **data)],
        "get_benchmark": lambda: mmteb_synth.get_benchmark("tr", **data).name,
        "evaluate": lambda: [
            (done.task, done.error)
            for done in mmteb_synth.evaluate(BAG_OF_WORDS, languages="tr", **data, **cache, **results).tasks
        ],
        "leaderboard": lambda: list(mmteb_synth.leaderboard(**data, **results)["n_scored"]),
        "review_export": lambda: hand_out().sampled,
        "review_import": lambda: (
            mmteb_synth.review_import(hand_out().files, rater="Ada", **data, **cache).blank
        ),
        "sampling_agreement": lambda: refused(mmteb_synth.sampling_agreement, "nano", **data, **results),
        "validate": lambda: refused(mmteb_synth.validate, "tr", **data, **results),
        # what is registered stays in mteb for the rest of the process, so nothing is
        "register": lambda: mmteb_synth.register(data_dir=tmp_path / "empty"),
        "SynthError": lambda: mmteb_synth.SynthError("wrong", hint="do this").hint,
        "__version__": lambda: mmteb_synth.__version__.count("."),
    }
    assert sorted(calls) == NAMES
    answers = {name: (call(), call()) for name, call in calls.items()}
    assert answers.pop("build") == ("built", "unchanged")
    assert answers["get_task"][0] == TASK
    assert answers["get_tasks"][0] == [TASK]
    assert answers["get_benchmark"][0] == "MTEB(tur-Latn, mini, authored)"
    assert answers["review_export"][0] == {TASK: answers["review_import"][0]}
    assert answers["export"][0] == [(TASK, None)]
    assert answers["evaluate"][0] == [(TASK, None)]
    assert "a comparison takes 3" in answers["validate"][0]
    for name, (first, second) in answers.items():
        assert first == second, name

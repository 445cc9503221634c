"""What holds for every test: no hub, one thread, and nothing left in the home folder.

The environment is set before anything is imported, because the libraries read it then.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from mmteb_synth.translate.cache import Cache

# A machine that is busy elsewhere is slow, not wrong.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_SCRATCH = tempfile.mkdtemp(prefix="mmteb-synth-tests-")
atexit.register(shutil.rmtree, _SCRATCH, ignore_errors=True)

os.environ.update(
    {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": f"{_SCRATCH}/huggingface",
        "MTEB_CACHE": f"{_SCRATCH}/mteb",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """A test that fails leaves no process and no pipe behind, for which a later test would be blamed.

    One that passes has to clear up itself, or is told of it.
    """
    started: list[subprocess.Popen[Any]] = []
    start = subprocess.Popen.__init__

    def remembered(process: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
        start(process, *arguments, **options)
        started.append(process)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subprocess.Popen, "__init__", remembered)
        try:
            return (yield)
        except BaseException:
            for process in started:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout, process.stderr):
                    if stream is not None:
                        with contextlib.suppress(OSError):  # what it will not read any more
                            stream.close()
            raise


@pytest.fixture(scope="module", autouse=True)
def mteb_as_it_was() -> Iterator[None]:
    """Takes what a module's tests registered out of MTEB again: other tests count MTEB's own tasks."""
    yield
    tasks = sys.modules.get("mteb.get_tasks")
    if tasks is None:
        return
    ours = {cls.metadata.name for cls in tasks.TASK_LIST if cls.__module__.startswith("mmteb_synth.")}
    tasks.TASK_LIST = tuple(cls for cls in tasks.TASK_LIST if cls.metadata.name not in ours)
    for name in ours:
        del tasks._TASKS_REGISTRY[name]
    for source, similar in list(tasks._SIMILAR_TASKS.items()):
        kept = [name for name in similar if name not in ours]
        if kept:
            tasks._SIMILAR_TASKS[source] = kept
        else:
            del tasks._SIMILAR_TASKS[source]
    build = sys.modules["mteb.benchmarks.get_benchmark"]._build_registry
    benchmarks = build() if build.cache_info().currsize else {}  # building it costs seconds
    for name, benchmark in list(benchmarks.items()):
        if any(task.metadata.name in ours for task in benchmark.tasks):
            del benchmarks[name]


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The translations of a test are made up, and what the checks would say of them is not what it is about."""
    monkeypatch.setattr("mmteb_synth.checks.judge", lambda *_: ())
    monkeypatch.setattr("mmteb_synth.checks.across.judge", lambda *_: {})


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    """An empty cache of translations."""
    from mmteb_synth.translate.cache import Cache

    with Cache(tmp_path / "cache.sqlite") as opened:
        yield opened


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what a user's environment may say of endpoints."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)

"""Making built sets known to MTEB by name. MTEB has no public hook, so its private registry is probed first."""

from __future__ import annotations

import sys
from typing import Any

import mteb

from mmteb_synth.errors import EvaluationError


def register_task(cls: type[Any]) -> None:
    """Put a task class where `mteb.get_task` and `mteb.get_tasks` find it.

    Registering a class of a name that is registered already replaces it, so that a rebuilt set is found as it is.

    Args:
        cls: A task class of this package.

    Raises:
        EvaluationError: MTEB keeps its tasks elsewhere now.
    """
    registry, similar = _registry()
    module = sys.modules["mteb.get_tasks"]
    name = cls.metadata.name
    others = tuple(other for other in module.TASK_LIST if other.metadata.name != name)
    registry[name] = cls
    module.TASK_LIST = (*others, cls)  # type: ignore[attr-defined]
    for source in cls.metadata.adapted_from or ():
        if name not in similar[source]:
            similar[source].append(name)


def register_benchmark(benchmark: Any) -> None:
    """Put a benchmark where `mteb.get_benchmark` finds it.

    Raises:
        EvaluationError: MTEB keeps its benchmarks elsewhere now.
    """
    module = sys.modules.get("mteb.benchmarks.get_benchmark")
    build = getattr(module, "_build_registry", None)
    known = build() if callable(build) else None
    if not isinstance(known, dict):
        raise _changed("mteb.benchmarks.get_benchmark._build_registry")
    known[benchmark.name] = benchmark


def _registry() -> tuple[dict[str, Any], Any]:
    module = sys.modules.get("mteb.get_tasks")
    for name, kind in (("_TASKS_REGISTRY", dict), ("TASK_LIST", tuple), ("_SIMILAR_TASKS", dict)):
        if not isinstance(getattr(module, name, None), kind):
            raise _changed(f"mteb.get_tasks.{name}")
    return module._TASKS_REGISTRY, module._SIMILAR_TASKS  # type: ignore[union-attr]  # noqa: SLF001


def _changed(place: str) -> EvaluationError:
    return EvaluationError(
        f"mteb {mteb.__version__} keeps its registry in another place than {place}",
        hint="pip install 'mteb==2.26.24', or hand the task objects of get_tasks(...) to mteb.evaluate",
    )

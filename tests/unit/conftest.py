"""Sets of one's own, written to disk as a user would, and a place for temporary tables."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmteb_synth.data.spool import Spool
from mmteb_synth.specs import TaskSpec, read_task

Rows = list[dict[str, Any]]
OwnSet = Callable[..., TaskSpec]


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    with Spool(tmp_path_factory.mktemp("scratch")) as made:
        yield made


@pytest.fixture
def own_set(tmp_path: Path) -> OwnSet:
    """Writes the files of a set and its spec, and reads the spec."""

    def write(name: str, kind: str, files: dict[str, Rows], toml: str = "") -> TaskSpec:
        lines = [f'type = "{kind}"', 'description = "A set of my own."', 'license = "mit"']
        lines += [toml] if toml and not toml.lstrip().startswith("[") else []
        lines.append("[files]")
        for table, rows in files.items():
            path = tmp_path / f"{name}.{table}.jsonl"
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
            lines.append(f'{table} = "{path.name}"')
        lines += [toml] if toml.lstrip().startswith("[") else []
        spec = tmp_path / f"{name}.toml"
        spec.write_text("\n".join(lines) + "\n", "utf-8")
        return read_task(spec)

    return write


@pytest.fixture
def tasks_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the user's own specs."""
    (tmp_path / "suites").mkdir()
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", str(tmp_path))
    return tmp_path


Mirror = Callable[..., Path]


@pytest.fixture
def mirrored(tmp_path: Path) -> Mirror:
    """Writes a data set of the Hub as `hf download --local-dir` leaves it, and gives the mirror's folder."""

    def write(dataset: str, configs: dict[str, dict[str, Rows]], *, mirror: str = "mirror") -> Path:
        folder = tmp_path / mirror / dataset
        (folder / ".cache").mkdir(parents=True, exist_ok=True)
        lines = ["---", "configs:"]
        for config, splits in configs.items():
            lines += [f"- config_name: {config}", "  data_files:"]
            for split, rows in splits.items():
                file = f"{config}-{split}.parquet"
                pq.write_table(pa.Table.from_pylist(rows), folder / file)
                lines += [f"  - split: {split}", f"    path: {file}"]
        (folder / "README.md").write_text("\n".join([*lines, "---", ""]), "utf-8")
        return tmp_path / mirror

    return write

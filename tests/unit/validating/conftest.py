"""Boards and trusted scores made for the tests: results folders as mteb and `evaluate` leave them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

MINI = {"MiniClassification": "Classification", "MiniRetrieval": "Retrieval", "MiniSTS": "STS"}
REST = ("MiniClustering", "MiniPairClassification", "MiniReranking", "MiniSummarization")


class Made:
    """A results folder with a board in it, and other folders of results."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results_dir = root / "leaderboard"
        self.data_dir = root / "datasets"
        self.data_dir.mkdir()

    @property
    def folders(self) -> dict[str, Path]:
        """For calls of the API."""
        return {"results_dir": self.results_dir, "data_dir": self.data_dir}

    def write(
        self,
        model: str,
        task: str,
        values: Mapping[str, float] | float,
        *,
        language: str = "tur-Latn",
        split: str = "test",
        revision: str = "r1",
        data: str = "d1",
        root: Path | None = None,
    ) -> Path:
        """A result file as mteb writes it; values by subset."""
        place = (root or self.results_dir / "results") / model.replace("/", "__") / revision
        place.mkdir(parents=True, exist_ok=True)
        (place / "model_meta.json").write_text(json.dumps({"name": model, "revision": revision}))
        by_subset = values if isinstance(values, Mapping) else {"default": values}
        result = {
            "dataset_revision": data,
            "task_name": task,
            "mteb_version": "2.26.24",
            "scores": {
                split: [
                    {"hf_subset": subset, "languages": [language], "main_score": value}
                    for subset, value in by_subset.items()
                ]
            },
        }
        (place / f"{task}.json").write_text(json.dumps(result))
        return place / f"{task}.json"

    def board(
        self,
        model: str,
        source: str,
        value: float,
        *,
        language: str = "tur-Latn",
        translator: str = "authored",
        profile: str = "full",
        limit: int | None = None,
        revision: str = "r1",
        task_type: str | None = None,
    ) -> None:
        """A signed score of a built set."""
        marks = [source, language, translator.replace(":", "-")]
        marks += [profile] if profile != "full" else []
        marks += [f"limit{limit}"] if limit else []
        name = ".".join(marks)
        file = self.write(model, name, value, language=language, revision=revision)
        line = {
            "schema": 1,
            "task": name,
            "dataset_revision": "d1",
            "signature": f"task:{source}",
            "source_task": source,
            "task_type": task_type or MINI.get(source, "STS"),
            "origin": "native" if translator == "source" else "translated",
            "translator": translator,
            "language": language,
            "profile": profile,
            "limit": limit,
            "split": "test",
            "subset": "default",
            "main_score": "accuracy",
            "demo": True,
        }
        with (file.parent / "signatures.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    def boards(self, scores: Mapping[str, Sequence[float]], **said: Any) -> None:
        """Scores of models on the sets of `MINI`, in their order."""
        for model, values in scores.items():
            for source, value in zip(MINI, values, strict=True):
                self.board(model, source, value, **said)

    def csv(self, lines: Sequence[str], header: str = "model,task,subset,split,main_score") -> Path:
        """A CSV."""
        path = self.root / "trusted.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return path


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A suite of the three sets of `MINI`."""
    folder = tmp_path / "tasks"
    (folder / "suites").mkdir(parents=True)
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", str(folder))
    entries = "".join(f'[[tasks]]\nname = "{name}"\n' for name in MINI)
    (folder / "suites" / "three.toml").write_text(f'description = "Three sets."\ndemo = true\n{entries}')
    return "three"

"""Results as mteb and the evaluator leave them, written by hand so that every case can be had."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth.ranking import Board, leaderboard

MINI = {
    "MiniClassification": "Classification",
    "MiniClustering": "Clustering",
    "MiniPairClassification": "PairClassification",
    "MiniReranking": "Reranking",
    "MiniRetrieval": "Retrieval",
    "MiniSTS": "STS",
    "MiniSummarization": "Summarization",
}


class ResultsFolder:
    """A results folder and a store of built sets."""

    def __init__(self, root: Path) -> None:
        self.results_dir = root / "leaderboard"
        self.data_dir = root / "datasets"
        self.data_dir.mkdir()

    def folder(self, model: str, revision: str = "r1") -> Path:
        return self.results_dir / "results" / model.replace("/", "__") / revision

    def add(
        self,
        model: str,
        source: str,
        value: float | None,
        *,
        language: str = "tur-Latn",
        translator: str | None = "authored",
        task: str | None = None,
        task_type: str | None = None,
        model_revision: str = "r1",
        data: str = "d1",
        split: str = "test",
        subset: str = "default",
        **said: Any,
    ) -> str:
        """Add a score to the task's file and a line to the signatures; returns the task's name."""
        name = task or (f"{source}.{language}.{translator}" if translator else source)
        folder = self.folder(model, model_revision)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model_meta.json").write_text(
            json.dumps(
                {"name": model, "revision": model_revision, "n_parameters": 22_713_728, "embed_dim": 384}
            )
        )
        path = folder / f"{name}.json"
        result = json.loads(path.read_text()) if path.exists() else {"scores": {}}
        entry = {"main_score": value, "accuracy": 0.1, "hf_subset": subset, "languages": [language]}
        result |= {
            "dataset_revision": data,
            "task_name": name,
            "mteb_version": "2.26.24",
            "evaluation_time": 1.0,
        }
        result["scores"].setdefault(split, []).append(entry)
        path.write_text(json.dumps(result))
        self.sign(
            folder,
            task=name,
            dataset_revision=data,
            signature=f"task:{source}|lang:eng-Latn>{language}|by:{translator}",
            source_task=source,
            task_type=task_type or MINI[source],
            origin=said.pop("origin", "native" if translator in (None, "source") else "translated"),
            translator=translator,
            language=language,
            split=split,
            subset=subset,
            **said,
        )
        return name

    def sign(self, folder: Path, **said: Any) -> None:
        """Append a line to the signatures of a model's revision."""
        line = {
            "schema": 1,
            "profile": "full",
            "limit": None,
            "main_score": "accuracy",
            "coverage": 1.0,
            "bitext": False,
            "grade": None,
            "notes": [],
            "zero_shot": True,
            "demo": True,
            **said,
        }
        with (folder / "signatures.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    def add_mini(self, model: str, values: list[float | None], **said: Any) -> None:
        """Add one score for each set of the mini suite, in the order of their names; None adds none."""
        for source, value in zip(MINI, values, strict=True):
            if value is not None:
                self.add(model, source, value, **said)

    def point(self, name: str, revision: str) -> None:
        """Make the store say that a set now has a revision."""
        pointer = {"schema": 1, "name": name, "revision": revision, "folder": f"{name}-{revision}"}
        (self.data_dir / f"{name}.json").write_text(json.dumps(pointer))

    def board(self, **choice: Any) -> Board:
        return leaderboard(results_dir=self.results_dir, data_dir=self.data_dir, **choice)


@pytest.fixture
def results(tmp_path: Path) -> ResultsFolder:
    return ResultsFolder(tmp_path)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes a suite of the user's."""
    folder = tmp_path / "tasks"
    (folder / "suites").mkdir(parents=True)
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", str(folder))

    def make(name: str, text: str) -> None:
        (folder / "suites" / f"{name}.toml").write_text(text)

    return make

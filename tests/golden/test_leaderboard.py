"""The three files as a reader and a spreadsheet get them. To renew: pytest with MMTEB_SYNTH_UPDATE_GOLDEN=1."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth.ranking import leaderboard, write

GOLDEN = Path(__file__).parent / "leaderboard"
TYPES = [
    "Classification",
    "Clustering",
    "PairClassification",
    "Reranking",
    "Retrieval",
    "STS",
    "Summarization",
]
MODELS = {
    "sentence-transformers/all-MiniLM-L6-v2": {
        "revision": "c9745ed1d9f2",
        "n_parameters": 22713728,
        "embed_dim": 384,
    },
    "mmteb_synth/bag-of-words": {"revision": "1", "n_parameters": 0, "embed_dim": None},
    "=evil|name<b>": {"revision": "1", "n_parameters": None, "embed_dim": None},
}
# (language, translator) -> for each model, the scores of the types in order and of bitext; None is a missing one.
SCORES: dict[tuple[str, str], list[list[float | None]]] = {
    ("eng-Latn", "source"): [
        [0.9, 0.8, 0.95, 0.9, 1.0, 0.89125, 0.4, None],
        [0.7, 0.5, 0.75, 0.8, 0.9, 0.6, 0.3, None],
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, None],
    ],
    ("tur-Latn", "authored"): [
        [0.6, 0.4, 0.7, 0.7, 0.8, 0.512345, 0.3, 0.11],
        [0.6, 0.3, 0.7, 0.6, 0.7, 0.4, 0.2, 0.05],
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, None],
    ],
    ("deu-Latn", "authored"): [
        [0.65, 0.45, 0.75, 0.75, 0.85, 0.6, 0.35, 0.3],
        [0.6, 0.35, 0.7, 0.6, 0.75, 0.45, None, 0.1],
        [None, None, None, None, None, None, None, None],
    ],
    ("spa-Latn", "apertium"): [
        [0.6, 0.5, 0.7, 0.7, 0.8, 0.55, 0.3, None],
        [0.5, 0.4, 0.7, 0.6, 0.7, 0.45, 0.2, None],
        [None, None, None, None, None, None, None, None],
    ],
}


def _write_results(results_dir: Path) -> None:
    for (language, translator), rows in SCORES.items():
        for (model, meta), values in zip(MODELS.items(), rows, strict=True):
            folder = results_dir / "results" / model.replace("/", "__") / meta["revision"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model_meta.json").write_text(json.dumps({"name": model, **meta}))
            for task_type, value in zip([*TYPES, "BitextMining"], values, strict=True):
                if value is not None:
                    _write_score(folder, language, translator, task_type, value)


def _write_score(folder: Path, language: str, translator: str, task_type: str, value: float) -> None:
    source = "MiniSTSBitext" if task_type == "BitextMining" else f"Mini{task_type}"
    name = f"{source}.{language}.{translator}"
    failed = task_type == "Retrieval" and translator == "apertium"
    entry = {"main_score": value, "hf_subset": "default", "languages": [language]}
    result = {"dataset_revision": "0a1b2c", "task_name": name, "scores": {"test": [entry]}}
    (folder / f"{name}.json").write_text(json.dumps(result))
    line: dict[str, Any] = {
        "schema": 1,
        "task": name,
        "dataset_revision": "0a1b2c",
        "signature": f"task:{source}|lang:eng-Latn>{language}|by:{translator}|data:0a1b2c|v:0.1.0",
        "source_task": source,
        "task_type": task_type,
        "origin": "native" if translator == "source" else "translated",
        "translator": translator,
        "language": language,
        "profile": "full",
        "limit": None,
        "split": "test",
        "subset": "default",
        "main_score": "ndcg_at_10" if task_type == "Retrieval" else "cosine_spearman",
        "coverage": 0.975 if failed else 1.0,
        "bitext": task_type == "BitextMining",
        "grade": "demonstration" if translator == "apertium" else None,
        "notes": ["1 of 40 segments kept English"] if failed else [],
        "zero_shot": None if folder.name == "1" else task_type != "Retrieval",
        "demo": True,
    }
    with (folder / "signatures.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")


@pytest.fixture
def written(tmp_path: Path) -> dict[str, str]:
    _write_results(tmp_path)
    board = leaderboard(results_dir=tmp_path, data_dir=tmp_path / "datasets")
    return {path.name: path.read_text("utf-8") for path in write(board, tmp_path / "out")}


@pytest.mark.parametrize("name", ["leaderboard.md", "leaderboard.csv", "scores.csv"])
def test_the_file_is_the_golden_one(written: dict[str, str], name: str) -> None:
    if os.environ.get("MMTEB_SYNTH_UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(written[name], "utf-8")
    assert written[name] == (GOLDEN / name).read_text("utf-8")

"""The board says of the same files what MTEB says of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth import facts

TASKS = ["Banking77Classification", "STSBenchmark", "STS12", "SICK-R", "TwitterURLCorpus", "SciFact"]
SCORES = {
    "acme/one": [0.801, 0.82032, 0.7, 0.5, 0.9, 0.64508],
    "acme/two": [0.801, 0.62397, 0.8, 0.5, 0.4, 0.3],  # ties with the first in two tasks
    "acme/three": [0.2, 0.9, 0.9, 0.1, 0.9, 0.1],
    "acme/four": [0.2, 0.9, 0.9, 0.1, 0.9, 0.1],  # ties with the third in all
}


def _write(results: Any, scores: dict[str, list[float | None]]) -> None:
    for (model, values), (number, name) in itertools.product(scores.items(), enumerate(TASKS)):
        known = facts.tasks()[name]
        value = values[number]
        if value is not None:
            results.add(
                model,
                name,
                value,
                language="eng-Latn",
                translator=None,
                task_type=known.type,
                data=known.revision,
                split=known.splits[-1],
                subset=known.english_subset,
                demo=False,
            )


@pytest.fixture
def native_suite(suite: Callable[[str, str], None]) -> None:
    entries = "".join(
        f'[[native]]\nname = "{name}"\nsplits = ["{facts.tasks()[name].splits[-1]}"]\n' for name in TASKS
    )
    suite("same", f'description = "Tasks of MTEB as they are."\n{entries}')


def _of_mteb(results_dir: Path) -> dict[str, dict[str, float | None]]:
    import mteb

    tasks = [
        mteb.get_task(name, languages=["eng"], eval_splits=[facts.tasks()[name].splits[-1]]) for name in TASKS
    ]
    benchmark = mteb.Benchmark(name="same", tasks=tasks)
    loaded = mteb.ResultCache(results_dir).load_results(
        tasks=tasks, models=list(SCORES), require_model_meta=False
    )
    return benchmark.get_score(loaded)


@pytest.mark.usefixtures("native_suite")
def test_means_types_and_ranks_are_those_of_mteb(results: Any) -> None:
    _write(results, SCORES)
    frame = results.board(suites=["same"]).frame.set_index("model")
    theirs = _of_mteb(results.results_dir)
    assert theirs.keys() == SCORES.keys()
    for model, expected in theirs.items():
        row = frame.loc[model]
        assert row["borda_rank"] == expected["Rank"]
        assert row["mean_task"] == pytest.approx(100 * expected["Mean(Task)"], abs=1e-9)
        assert row["mean_type"] == pytest.approx(100 * expected["Mean(TaskType)"], abs=1e-9)
        for name in ("Classification", "STS", "PairClassification", "Retrieval"):
            assert row[name] == pytest.approx(100 * expected[name], abs=1e-9)
    assert frame.loc["acme/three", "borda_rank"] == frame.loc["acme/four", "borda_rank"]


@pytest.mark.usefixtures("native_suite")
def test_a_file_that_mteb_wrote_is_read(results: Any) -> None:
    import mteb
    from mteb.mocks.mock_tasks import MockSTSTask

    model = mteb.get_model("mteb/baseline-random-encoder")
    cache = mteb.ResultCache(results.results_dir)
    done = mteb.evaluate(model, MockSTSTask(), cache=cache, co2_tracker=False, show_progress_bar=False)
    folder = results.folder("mteb/baseline-random-encoder", model.mteb_model_meta.revision)
    assert (folder / "MockSTSTask.json").is_file()
    results.sign(
        folder,
        task="MockSTSTask",
        dataset_revision=done[0].dataset_revision,
        signature="task:MockSTSTask",
        source_task="MockSTSTask",
        task_type="STS",
        origin="native",
        translator=None,
        language="eng-Latn",
        split="test",
        subset="default",
        main_score="cosine_spearman",
    )
    board = results.board()
    (value,) = [score.value for score in board.scores]
    assert value == pytest.approx(done[0].get_score(), abs=1e-6)  # mteb stores six digits
    assert board.scores[0].model.name == "mteb/baseline-random-encoder"
    assert board.scores[0].model.dimensions == max(model.mteb_model_meta.embed_dim)

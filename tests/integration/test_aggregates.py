"""CQADupstackRetrieval: its twelve parts are built, and scored as one task that never outlives a change of a part."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
import pytest
from made_up_sources import write_mirror
from mteb.models import ModelMeta

from mmteb_synth import aggregates, api
from mmteb_synth.baselines import BagOfWords
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import CORPUS, QUERIES, TableKey
from mmteb_synth.errors import SynthError, UnknownNameError
from mmteb_synth.evaluation.runner import EvaluationReport

pytestmark = pytest.mark.usefixtures("unjudged")

NAME = "CQADupstackRetrieval"
PARTS = aggregates.parts(NAME)
TURKISH = f"{NAME}.tur-Latn.test_every_set-shout"
UNIX = "CQADupstackUnixRetrieval.tur-Latn.test_every_set-shout"


class Spy(BagOfWords):
    """A bag of words that counts the texts it is shown of each task, and fails on one when told to."""

    def __init__(self, fails_on: str = "") -> None:
        super().__init__()
        self.mteb_model_meta = ModelMeta.create_empty(overwrites={"name": "made/spy", "revision": "1"})
        self.shown: Counter[str] = Counter()
        self._fails_on = fails_on

    def encode(self, inputs: Any, *, task_metadata: Any, **options: Any) -> Any:
        if task_metadata.name == self._fails_on:
            raise RuntimeError("out of memory")
        self.shown[task_metadata.name] += len(inputs.dataset)
        return super().encode(inputs, task_metadata=task_metadata, **options)


class Home:
    """A user's folders."""

    def __init__(self, root: Path) -> None:
        self.root, self.mirror = root, root / "mirror"
        self.data: dict[str, Any] = {"data_dir": root / "data", "cache_dir": root / "cache"}
        self.warned: list[str] = []

    def build(self, language: str, *tasks: str) -> None:
        translator = None if language == "en" else "test_every_set:shout"
        report = api.build(
            language, tasks=tasks, translator=translator, source_dir=self.mirror, repair=False, **self.data
        )
        assert report.ok, [done.error for done in report.sets]

    def evaluate(self, spy: Spy, **choice: Any) -> EvaluationReport:
        self.warned = []
        return api.evaluate(
            spy,
            **{"languages": "tr", "tasks": NAME, **choice},
            **self.data,
            source_dir=self.mirror,
            results_dir=self.root / "results",
            warn=self.warned.append,
        )

    def result(self, name: str) -> dict[str, Any]:
        (file,) = (self.root / "results").glob(f"results/*/*/{name}.json")
        content: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return content

    def score(self, name: str) -> float:
        return float(self.result(name)["scores"]["test"][0]["main_score"])

    def board(self, **choice: Any) -> Any:
        return api.board(data_dir=self.root / "data", results_dir=self.root / "results", **choice)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmteb_synth.checks.judge", lambda *_: ())
        patch.setattr("mmteb_synth.checks.across.judge", lambda *_: {})
        home = Home(tmp_path_factory.mktemp("built"))
        for part in PARTS:
            write_mirror(mteb.get_task(part), home.mirror)
        home.build("tr", NAME)
    return home


@pytest.fixture
def home(built: Home, tmp_path: Path) -> Home:
    """Folders of one's own, to change."""
    shutil.copytree(built.root, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def change(home: Home, name: str) -> None:
    """Store a set again with another translation of its first query: the text of the document that it looks for."""
    store = Store(home.root / "data")
    dataset = store.get(name)
    tables = dataset.tables()
    key = TableKey(QUERIES, "test")
    wanted = tables[TableKey(CORPUS, "test")].column("text")[0].as_py()
    texts = pa.array([wanted, *tables[key].column("text").to_pylist()[1:]])
    tables[key] = tables[key].set_column(tables[key].schema.get_field_index("text"), "text", texts)
    store.save(dataset.manifest, tables)


def test_its_score_is_the_mean_of_its_parts_and_nothing_is_encoded_twice(home: Home) -> None:
    spy = Spy()
    (done,) = home.evaluate(spy).tasks
    assert (done.task, done.error) == (TURKISH, None)
    of_parts = [home.score(TURKISH.replace(NAME, part)) for part in PARTS]
    assert len(set(of_parts)) > 1
    assert done.score == pytest.approx(statistics.fmean(of_parts), abs=1e-6)
    assert home.score(TURKISH) == pytest.approx(done.score, abs=1e-6)
    assert set(spy.shown.values()) == {40 + 9}  # the documents and queries of each part, once
    assert len(spy.shown) == 12
    again = Spy()
    assert home.evaluate(again).tasks[0].score == pytest.approx(done.score, abs=1e-6)
    assert not again.shown


def test_a_changed_part_makes_another_score(home: Home) -> None:
    before = home.evaluate(Spy()).tasks[0].score
    assert before is not None
    change(home, UNIX)
    board = home.board()
    assert board.stale == (TURKISH, UNIX)
    assert TURKISH not in {score.signed.task for score in board.scores}
    spy = Spy()
    (done,) = home.evaluate(spy).tasks
    assert done.rescored
    assert spy.shown.keys() == {UNIX}
    of_parts = [home.score(TURKISH.replace(NAME, part)) for part in PARTS]
    assert done.score == pytest.approx(statistics.fmean(of_parts), abs=1e-6)
    assert done.score != pytest.approx(before, abs=1e-6)
    task = api.get_task(TURKISH, data_dir=home.root / "data")
    assert home.result(TURKISH)["dataset_revision"] == task.metadata.revision


def test_whoever_calls_mteb_itself_is_warned_of_scores_of_older_data(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MTEB asks for the revision only where a score is missing; its own cache is the one that nobody named."""
    monkeypatch.setattr(inspect.signature(mteb.evaluate).parameters["cache"].default, "cache_path", tmp_path)

    def score(name: str, **options: Any) -> float:
        task = api.get_task(name, data_dir=home.root / "data")
        model: Any = Spy()
        (result,) = mteb.evaluate(
            model, task, co2_tracker=False, show_progress_bar=False, **options
        ).task_results
        return float(result.get_score())

    before = {name: pytest.approx(score(name), abs=1e-6) for name in (UNIX, TURKISH)}
    change(home, UNIX)
    for name, stale in before.items():
        with pytest.warns(UserWarning, match=rf"the data of {re.escape(name)} changed after it was scored"):
            assert score(name) == stale  # the trap
        with pytest.warns(UserWarning, match="cache=None or overwrite_strategy='always'"):
            now = score(name, overwrite_strategy="always")
        assert now != stale
        assert score(name) == pytest.approx(now, abs=1e-6)  # and nobody is warned any more


def test_the_board_shows_it_and_never_its_parts_beside_it(home: Home) -> None:
    home.evaluate(Spy())
    rows = home.board().scores
    assert [score.signed.source_task for score in rows] == [NAME]
    rows = home.board(suite="mteb-eng-v1").scores
    assert [score.signed.source_task for score in rows] == [NAME]
    rows = home.board(suite="mteb-eng-v2").scores  # it scores these two by themselves
    assert {score.signed.source_task for score in rows} == {
        "CQADupstackGamingRetrieval",
        "CQADupstackUnixRetrieval",
    }


def test_a_part_that_is_scored_alone_stands_for_itself(home: Home) -> None:
    home.evaluate(Spy(), tasks="CQADupstackUnixRetrieval")
    assert [score.signed.task for score in home.board().scores] == [UNIX]


def test_eleven_parts_are_no_aggregate(home: Home) -> None:
    (home.root / "data" / f"{UNIX}.json").unlink()
    said = rf"not built in Turkish, and so not scored: {NAME} \(without CQADupstackUnixRetrieval\)"
    for languages in ("tr", None):
        with pytest.raises(SynthError, match=said):
            home.evaluate(Spy(), languages=languages)
    with pytest.raises(UnknownNameError, match=UNIX):
        api.get_task(TURKISH, data_dir=home.root / "data")
    spy = Spy()
    home.evaluate(spy, tasks=[NAME, "CQADupstackTexRetrieval"])
    assert [*spy.shown] == ["CQADupstackTexRetrieval.tur-Latn.test_every_set-shout"]
    assert home.warned == [said.replace("\\", "")]


def test_a_part_that_fails_leaves_no_score(home: Home) -> None:
    (done,) = home.evaluate(Spy(fails_on=UNIX)).tasks
    assert done.error is not None
    assert done.error.message.startswith(
        f"{TURKISH} has no score without its part {UNIX}: made/spy could not"
    )
    assert not list((home.root / "results").glob(f"results/*/*/{TURKISH}.json"))
    spy = Spy()
    assert home.evaluate(spy).ok
    assert spy.shown.keys() == {UNIX} | {name for name in spy.shown if name > UNIX}  # those before are kept


def test_parts_that_were_made_in_different_ways_have_no_mean(home: Home) -> None:
    store = Store(home.root / "data")
    dataset = store.get(UNIX)
    record = dataset.folder / "manifest.json"
    record.write_text(json.dumps({**json.loads(record.read_text("utf-8")), "checks_version": 99}))
    (done,) = home.evaluate(Spy()).tasks
    assert done.error is not None
    assert "were made in different ways: checks_version is" in done.error.message
    assert f"--task {NAME} --lang tur-Latn" in str(done.error.hint)


def test_english_is_built_and_scored_beside_it(home: Home) -> None:
    report = home.evaluate(Spy(), languages=None)
    assert [(done.task, done.error) for done in report.tasks] == [
        (TURKISH, None),
        (f"{NAME}.eng-Latn.source", None),
    ]
    assert len([name for name in Store(home.root / "data").names() if ".eng-Latn." in name]) == 12
    # letters of another size, but the same words
    assert report.tasks[0].score == pytest.approx(report.tasks[1].score)
    (group,) = home.board(languages="tr").groups
    english = group.languages[0].rows[0].means["english_mean_task"].value
    assert english == pytest.approx(100 * home.score(f"{NAME}.eng-Latn.source"))


def test_its_score_has_an_interval_over_its_parts_examples(home: Home) -> None:
    assert home.evaluate(Spy(), predictions=True).ok
    assert len(list(home.root.glob("results/results/*/*/predictions/*.json"))) == 12
    ((score, found),) = home.board(languages="tr").examples.items()
    assert score.signed.task == TURKISH
    assert found.low < home.score(TURKISH) < found.high


def test_mteb_knows_it_by_name(home: Home) -> None:
    names = api.register(data_dir=home.root / "data")
    assert names[-1] == TURKISH
    task: Any = mteb.get_task(TURKISH)
    source: Any = mteb.get_task(NAME)
    assert [part.metadata.name for part in task.metadata.tasks] == [
        f"{part.metadata.name}.tur-Latn.test_every_set-shout" for part in source.metadata.tasks
    ]
    assert (task.metadata.main_score, task.metadata.type) == (source.metadata.main_score, "Retrieval")
    assert task.metadata.license == source.metadata.license
    assert task.metadata.sample_creation == "machine-translated"
    spy: Any = Spy()
    (result,) = mteb.evaluate(spy, task, cache=None, co2_tracker=False, show_progress_bar=False).task_results
    assert result.get_score() == pytest.approx(home.evaluate(Spy()).tasks[0].score, abs=1e-6)
    benchmark = api.get_benchmark("tr", suite="mteb-eng-v1", data_dir=home.root / "data")
    assert [task.metadata.name for task in benchmark.tasks] == [TURKISH]

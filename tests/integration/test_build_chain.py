"""Building end to end: a mirror of the Hub through a real server into stored sets that MTEB scores as its own."""

from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mini_sets import build
from openai_server import OpenAIServer

from mmteb_synth import api, registry
from mmteb_synth.data import source
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, TableKey
from mmteb_synth.evaluation import tasks
from mmteb_synth.specs import TaskSpec

pytestmark = pytest.mark.usefixtures("unjudged")

TRANSLATOR = "openai:test-model"
NAME = "STSBenchmark.tur-Latn.openai-test-model"
TEST = TableKey(DEFAULT, "test")
MINI = [
    "MiniClassification",
    "MiniClustering",
    "MiniPairClassification",
    "MiniReranking",
    "MiniRetrieval",
    "MiniSTS",
    "MiniSummarization",
]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def mirror(folder: Path, first: str) -> Path:
    """A mirror of the Hub that holds a small STSBenchmark."""
    place = folder / "mteb/stsbenchmark-sts"
    place.mkdir(parents=True, exist_ok=True)
    rows = [
        {"sentence1": one, "sentence2": two, "score": score}
        for one, two, score in (
            (first, "Tea is hot.", 1.0),
            ("It rains.", "Rain falls.", 4.5),
            ("42", "Ice", 0.0),
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), place / "test.parquet")
    (place / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: test.parquet\n---\n"
    )
    return folder


def texts(home: Path, column: str) -> list[str]:
    return list(Store(home / "data").get(NAME).tables()[TEST].column(column).to_pylist())


def test_from_a_mirror_through_a_server_to_stored_sets(tmp_path: Path) -> None:
    def run(hub: Path, *languages: str) -> Any:
        return api.build(
            languages,
            tasks=["STSBenchmark", "STSBenchmarkBitext"],
            translator=TRANSLATOR,
            base_url=server.url,
            source_dir=hub,
            data_dir=tmp_path / "data",
            cache_dir=tmp_path / "cache",
        )

    one, two = mirror(tmp_path / "one", "Water is wet."), mirror(tmp_path / "two", "Stone is hard.")
    with OpenAIServer(answer=str.upper) as server:
        report = run(one, "tr", "de")
        assert [done.status for done in report.sets] == ["built"] * 4
        assert sorted(server.paid) == sorted(
            2 * ["Water is wet.", "Tea is hot.", "It rains.", "Rain falls.", "Ice"]
        )
        assert texts(tmp_path, "sentence1") == ["WATER IS WET.", "IT RAINS.", "42"]
        assert any("MTEB's statistics say 1379" in warning for warning in report.sets[0].warnings)

        asked = len(server.requests)
        assert {done.status for done in run(one, "tr", "de").sets} == {"unchanged"}
        assert len(server.requests) == asked

        assert [done.status for done in run(two, "tr").sets] == ["built", "built"]
        assert [
            body["messages"][-1]["content"].count("Stone is hard.") for body in server.requests[asked:]
        ] == [1]
        assert texts(tmp_path, "sentence1") == ["STONE IS HARD.", "IT RAINS.", "42"]

        assert [done.status for done in run(one, "tr").sets] == ["built", "built"]
        assert texts(tmp_path, "sentence1") == ["WATER IS WET.", "IT RAINS.", "42"]
        assert len(server.requests) == asked + 1
    manifest = Store(tmp_path / "data").get(NAME).manifest
    assert manifest.source["dataset"] == "mteb/stsbenchmark-sts"
    assert manifest.source["mirror"] == source.identify(TaskSpec(name="STSBenchmark"), one).mirror
    assert "test: num_samples is 3, MTEB's statistics say 1379" in manifest.source["differences"]


def score(task: Any) -> dict[str, Any]:
    model = mteb.get_model("mteb/baseline-random-encoder")
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    return dict(result.task_results[0].scores["test"][0])


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(build(tmp_path_factory.mktemp("english"), ["en"], MINI))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("name", MINI)
def test_the_stored_english_set_scores_as_mtebs_own_to_the_last_digit(name: str, english: Store) -> None:
    spec = registry.get_task(name)
    assert isinstance(spec, TaskSpec)
    stored = english.get(f"{name}.eng-Latn.source")
    assert score(tasks.task(stored)) == score(source.task_class(spec)())


def test_one_task_object_scores_the_same_twice(english: Store) -> None:
    task = tasks.task(english.get("MiniClustering.eng-Latn.source"))
    assert score(task) == score(task)


def sampled(tmp_path: Path) -> tuple[TaskSpec, Store]:
    """A clustering of which MTEB embeds a quarter."""
    rows = [
        {"sentences": f"number {number} of {number % 5}", "labels": f"topic {number % 5}"}
        for number in range(80)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    path = tmp_path / "Sampled.toml"
    path.write_text(
        'type = "Clustering"\ndescription = "x"\nlicense = "mit"\n[files]\ntest = "rows.parquet"\n'
        "[protocol]\nmax_fraction_of_documents_to_embed = 0.25\nmax_documents_per_cluster = 32\n"
    )
    spec = registry.get_task(str(path))
    assert isinstance(spec, TaskSpec)
    return spec, Store(build(tmp_path, ["en"], [str(path)]))


def test_a_sampled_clustering_scores_as_its_source(tmp_path: Path) -> None:
    spec, store = sampled(tmp_path)
    stored = store.get("Sampled.eng-Latn.source")
    assert stored.manifest.counts["unencoded"] == 60
    assert score(tasks.task(stored)) == score(source.task_class(spec)())


def test_a_sampled_clustering_scores_the_same_twice(tmp_path: Path) -> None:
    _, store = sampled(tmp_path)
    task = tasks.task(store.get("Sampled.eng-Latn.source"))
    assert score(task) == score(task)

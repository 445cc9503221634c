from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
import pytest
from mini_sets import build

from mmteb_synth import registry
from mmteb_synth.baselines import bag_of_words
from mmteb_synth.data import own, sampling
from mmteb_synth.data.layout import layout_of
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.source import mteb_version
from mmteb_synth.data.store import Store, TranslatedDataset, set_name
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey
from mmteb_synth.errors import StoreError
from mmteb_synth.evaluation import tasks

MINI = (
    "MiniClassification",
    "MiniClustering",
    "MiniPairClassification",
    "MiniReranking",
    "MiniRetrieval",
    "MiniSTS",
    "MiniSummarization",
)
REAL = (
    "ArguAna",
    "AskUbuntuDupQuestions",
    "Banking77Classification",
    "MassiveIntentClassification",
    "MindSmallReranking",
    "RedditClustering",
    "RedditClustering.v2",
    "STS12",
    "STS22",
    "SciFact",
    "SummEvalSummarization.v2",
    "TwitterURLCorpus",
)
REPLACED = {"metadata", "load_data", "evaluate", "dataset_transform", "fast_loading"}
"""What is not the source's: whose data they are, and how they are read."""


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All bundled sets in Turkish and English, and one bitext set."""
    home = tmp_path_factory.mktemp("mini")
    return Store(build(home, ["tr", "en"], [*MINI, "MiniSTSBitext"]))


def manifest_of(task: Any, **changes: Any) -> Manifest:
    """The record of a made-up Turkish set of an MTEB task."""
    source = task.metadata.name
    values: dict[str, Any] = {
        "name": set_name(source, "tur-Latn", "gpt-4.1-mini"),
        "source_task": source,
        "task_type": task.metadata.type,
        "language": "tur-Latn",
        "translator": "gpt-4.1-mini",
        "checks_version": 1,
        "eval_splits": ["test"],
        "source": {
            "dataset": task.metadata.dataset["path"],
            "revision": task.metadata.dataset["revision"],
            "mirror": None,
        },
        "counts": {},
        "coverage": 1.0,
        "licence": task.metadata.license,
        "fingerprint": "f",
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Manifest(**{**values, **changes})


def made_up(store: Store, source: str, **changes: Any) -> TranslatedDataset:
    """A stored set of an MTEB task with a few rows in the task's own layout."""
    task = mteb.get_task(source)
    return store.save(manifest_of(task, **changes), _tables(task))


def _tables(task: Any) -> dict[TableKey, pa.Table]:
    layout = layout_of(task)
    texts = [f"metin {number} {'uzun ' * (number % 3)}" for number in range(8)]
    if CORPUS in layout.text:
        ids = [f"d{number}" for number in range(8)]
        tables = {
            CORPUS: {"id": ids, "title": [""] * 8, "text": texts},
            QUERIES: {"id": ["q0", "q1"], "text": ["metin 0", "metin 1 uzun"]},
            QRELS: {"query-id": ["q0", "q1"], "corpus-id": ["d0", "d1"], "score": [1, 1]},
        }
        if task.metadata.type == "Reranking":
            tables[TOP_RANKED] = {"query-id": ["q0", "q1"], "corpus-ids": [ids[:4], ids[1:5]]}
        return {TableKey(config, "test"): pa.table(columns) for config, columns in tables.items()}
    columns: dict[str, list[Any]] = {
        column: texts[place:] + texts[:place] for place, column in enumerate(layout.columns(DEFAULT))
    }
    for column in layout.keep[DEFAULT]:
        columns[column] = [number % 2 for number in range(8)]
    if task.metadata.type == "STS":
        columns["score"] = [float(number % 5) for number in range(8)]
    if task.metadata.type == "Clustering":
        columns["labels"] = [str(number % 2) for number in range(8)]
    if layout.grouped:
        columns = {column: [values] for column, values in columns.items()}
    if task.metadata.type == "Summarization":
        columns = {
            "text": [""] * 3,
            "human_summaries": [texts[:2]] * 3,
            "machine_summaries": [texts[1:4]] * 3,
            "relevance": [[1.0, 2.0, 5.0]] * 3,
        }
    splits = ["test", "train"] if task.metadata.type == "Classification" else ["test"]
    return {TableKey(DEFAULT, split): pa.table(columns) for split in splits}


def score(task: Any) -> float:
    result = mteb.evaluate(bag_of_words(), task, cache=None, co2_tracker=False, show_progress_bar=False)
    return float(result.task_results[0].scores["test"][0]["main_score"])


class TestProtocol:
    @pytest.mark.parametrize("name", REAL)
    def test_all_but_the_data_is_the_very_thing_of_the_concrete_mteb_class(
        self, tmp_path: Path, name: str
    ) -> None:
        source = type(mteb.get_task(name))
        derived = tasks.task_class(made_up(Store(tmp_path), name))
        assert derived.__mro__[1:] == source.__mro__
        assert {key for key in vars(derived) if not key.startswith("__")} <= REPLACED | {"_abc_impl"}
        for attribute in set(dir(source)) - REPLACED:
            if not attribute.startswith(("__", "_abc_")):
                inherited = inspect.getattr_static(derived, attribute)
                assert inherited is inspect.getattr_static(source, attribute), attribute
        theirs, ours = vars(source()), vars(derived())
        assert theirs.keys() == ours.keys()
        assert ours["seed"] == theirs["seed"]

    @pytest.mark.parametrize("name", REAL)
    def test_the_metadata_that_decide_a_score_are_the_sources(self, tmp_path: Path, name: str) -> None:
        source = mteb.get_task(name).metadata
        ours = tasks.task_class(made_up(Store(tmp_path), name)).metadata
        for field in ("type", "main_score", "prompt", "category", "modalities", "task_subtypes"):
            assert getattr(ours, field) == getattr(source, field), field

    @pytest.mark.parametrize("name", MINI)
    def test_a_set_of_ones_own_keeps_its_protocol(self, mini: Store, name: str) -> None:
        spec = registry.get_task(name)
        source = own.task_class(spec, "r")
        for built in (f"{name}.tur-Latn.authored", f"{name}.eng-Latn.source"):
            derived = tasks.task_class(mini.get(built))
            assert derived.__mro__[2:] == source.__mro__[1:]
            for attribute in set(dir(source)) - REPLACED:
                if not attribute.startswith(("__", "_abc_")):
                    value = inspect.getattr_static(source, attribute)
                    assert inspect.getattr_static(derived, attribute) == value, attribute

    def test_what_the_transform_set_on_the_instance_holds(self, tmp_path: Path) -> None:
        attributes = {"max_fraction_of_documents_to_embed": None}
        dataset = made_up(Store(tmp_path), "RedditClustering.v2", instance_attributes=attributes)
        assert mteb.get_task("RedditClustering.v2").max_fraction_of_documents_to_embed == 0.04
        assert tasks.task(dataset).max_fraction_of_documents_to_embed is None

    @pytest.mark.parametrize("name", sorted(set(REAL) - {"RedditClustering.v2"}))
    def test_mteb_scores_stored_rows_in_its_own_layout(self, tmp_path: Path, name: str) -> None:
        assert -1 <= score(tasks.task(made_up(Store(tmp_path), name))) <= 1

    @pytest.mark.parametrize("name", MINI)
    def test_english_scores_what_the_source_scores_in_plain_mteb(self, mini: Store, name: str) -> None:
        spec = registry.get_task(name)
        source = own.task_class(spec, own.revision(spec))()
        assert score(tasks.task(mini.get(f"{name}.eng-Latn.source"))) == score(source)


class TestMetadata:
    @pytest.mark.parametrize("name", REAL)
    def test_they_are_as_mteb_wants_them_of_a_translation(self, tmp_path: Path, name: str) -> None:
        source = mteb.get_task(name).metadata
        dataset = made_up(Store(tmp_path), name)
        metadata = tasks.task(dataset).metadata
        assert metadata.is_filled()
        metadata._validate_metadata()
        assert metadata.name == f"{name}.tur-Latn.gpt-4.1-mini"
        assert metadata.dataset == {
            "path": str(dataset.folder),
            "revision": dataset.manifest.revision,
        }
        assert metadata.revision == dataset.manifest.revision
        assert metadata.eval_langs == ["tur-Latn"]
        assert metadata.eval_splits == ["test"]
        assert metadata.hf_subsets == ["default"]
        assert metadata.sample_creation == "machine-translated"
        assert metadata.annotations_creators == "derived"
        assert metadata.adapted_from == [name]
        assert metadata.superseded_by is None
        assert metadata.license == source.license
        assert metadata.bibtex_citation == source.bibtex_citation
        assert "translated to tur-Latn by gpt-4.1-mini" in metadata.description

    def test_it_is_verified_only_once_people_have_looked(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        dataset = made_up(store, "SciFact")
        assert tasks.task(dataset).metadata.sample_creation == "machine-translated"
        reviewed = store.annotate(dataset.manifest.name, review={"reviewers": ["A. Speaker"], "rows": 100})
        metadata = tasks.task(reviewed).metadata
        assert metadata.sample_creation == "machine-translated and verified"
        assert metadata.revision == dataset.manifest.revision

    def test_english_is_created_as_its_source_was(self, mini: Store, tmp_path: Path) -> None:
        metadata = tasks.task(mini.get("MiniSTS.eng-Latn.source")).metadata
        assert (metadata.sample_creation, metadata.eval_langs) == ("created", ["eng-Latn"])
        scifact = made_up(
            Store(tmp_path),
            "SciFact",
            name="SciFact.eng-Latn.source",
            language="eng-Latn",
            translator="source",
        )
        assert tasks.task(scifact).metadata.sample_creation == "found"
        assert tasks.task(scifact).metadata.annotations_creators == "expert-annotated"

    def test_a_set_of_ones_own_is_adapted_from_nothing_in_mteb(self, mini: Store) -> None:
        assert not tasks.task(mini.get("MiniSTS.tur-Latn.authored")).metadata.adapted_from

    def test_bitext_goes_from_the_language_to_english(self, mini: Store) -> None:
        task = tasks.task(mini.get("MiniSTSBitext.tur-Latn.authored"))
        assert task.metadata.type == "BitextMining"
        assert task.metadata.main_score == "f1"
        assert task.metadata.eval_langs == {"tur-eng": ["tur-Latn", "eng-Latn"]}
        task.load_data()
        first = task.dataset["tur-eng"]["test"][0]
        assert first.keys() == {"sentence1", "sentence2"}
        assert first["sentence2"].isascii()

    def test_mteb_writes_statistics_beside_the_data_and_not_into_itself(self, tmp_path: Path) -> None:
        dataset = made_up(Store(tmp_path), "STS12")
        task = tasks.task(dataset)
        assert task.metadata.descriptive_stats is None
        task.load_data()
        task.calculate_descriptive_statistics()
        assert task.metadata.n_samples == {"test": 8}
        assert task.metadata.descriptive_stat_path.is_relative_to(dataset.folder)
        assert dataset.tables()

    @pytest.mark.parametrize(
        ("parts", "name"),
        [
            (("SciFact", "tur-Latn", "gpt-4.1-mini"), "SciFact.tur-Latn.gpt-4.1-mini"),
            (
                ("STSBenchmark", "deu-Latn", "import:deepl", 100),
                "STSBenchmark.deu-Latn.import-deepl.limit100",
            ),
            (("MiniSTS", "eng-Latn", "source"), "MiniSTS.eng-Latn.source"),
        ],
    )
    def test_golden_names(self, tmp_path: Path, parts: tuple[Any, ...], name: str) -> None:
        assert set_name(*parts) == name
        source = parts[0] if parts[0] != "MiniSTS" else "STS12"
        dataset = made_up(
            Store(tmp_path),
            source,
            name=name,
            language=parts[1],
            translator=parts[2],
            limit=parts[3:] or None,
        )
        assert tasks.task_class(dataset).metadata.name == name


class TestData:
    def test_they_are_read_when_mteb_asks_and_read_again_after_unloading(self, tmp_path: Path) -> None:
        task = tasks.task(made_up(Store(tmp_path), "ArguAna"))
        assert task.dataset is None
        task.load_data(num_proc=1, timer=None)
        first = task.dataset
        task.load_data()
        assert task.dataset is first
        task.unload_data()
        task.load_data()
        assert task.dataset["default"]["test"]["relevant_docs"] == {"q0": {"d0": 1}, "q1": {"d1": 1}}
        assert task.dataset["default"]["test"]["top_ranked"] is None

    def test_damaged_data_are_refused(self, tmp_path: Path) -> None:
        dataset = made_up(Store(tmp_path), "STS12")
        (dataset.folder / "default" / "test.parquet").write_bytes(b"PAR1")
        with pytest.raises(StoreError, match="is damaged"):
            tasks.task(dataset).load_data()


def _classification(task: Any) -> None:
    task.samples_per_label = 99


def _seed(task: Any) -> None:
    task.seed = 1


def _experiments(task: Any) -> None:
    task.n_experiments = 3


class TestDraws:
    """A set that holds only the rows of MTEB's draws is scored only where the same rows are drawn."""

    def test_the_draws_that_were_recorded_are_those_of_today(self, tmp_path: Path) -> None:
        protocol = {
            **sampling.draws(mteb.get_task("Banking77Classification")),
            "mteb_version": mteb_version(),
        }
        dataset = made_up(Store(tmp_path), "Banking77Classification", protocol=protocol)
        tasks.task(dataset).load_data()

    @pytest.mark.parametrize(
        ("name", "recorded"),
        [
            ("samples_per_label", 99),
            ("n_experiments", 3),
            ("seed", 1),
            ("is_cross_validation", True),
            ("mteb_version", "2.0.0"),
        ],
    )
    def test_others_are_refused(self, tmp_path: Path, name: str, recorded: Any) -> None:
        protocol = {
            **sampling.draws(mteb.get_task("Banking77Classification")),
            "mteb_version": mteb_version(),
            name: recorded,
        }
        dataset = made_up(Store(tmp_path), "Banking77Classification", protocol=protocol)
        with pytest.raises(StoreError, match=f"drew with {name}={recorded}; now it is") as refused:
            tasks.task(dataset)
        assert "build it again" in str(refused.value.hint)
        # mteb.get_task makes a registered task without asking; it is refused when it is scored
        with pytest.raises(StoreError, match="other rows would be drawn"):
            tasks.task_class(dataset)().load_data()

    @pytest.mark.parametrize("change", [_classification, _seed, _experiments])
    def test_a_task_that_somebody_changed_is_refused_too(
        self, tmp_path: Path, change: Callable[[Any], None]
    ) -> None:
        protocol = {
            **sampling.draws(mteb.get_task("Banking77Classification")),
            "mteb_version": mteb_version(),
        }
        task = tasks.task(made_up(Store(tmp_path), "Banking77Classification", protocol=protocol))
        change(task)
        with pytest.raises(StoreError, match="other rows would be drawn"):
            task.load_data()

    def test_a_fraction_is_part_of_it(self, tmp_path: Path) -> None:
        protocol = {"max_fraction_of_documents_to_embed": 0.5, "mteb_version": mteb_version()}
        dataset = made_up(Store(tmp_path), "RedditClustering.v2", protocol=protocol)
        with pytest.raises(StoreError, match=r"max_fraction_of_documents_to_embed=0\.5; now it is 0\.04"):
            tasks.task(dataset)

    def test_a_split_that_is_scored_alone_is_drawn_as_among_all(self, tmp_path: Path) -> None:
        source: Any = mteb.get_task("HumanConceptsClustering")
        splits = source.metadata.eval_splits
        source.max_fraction_of_documents_to_embed = 0.3
        columns = {
            source.input_column_name: [f"word{number % 5} metin {number}" for number in range(40)],
            source.label_column_name: [str(number % 5) for number in range(40)],
        }
        tables = {TableKey(DEFAULT, split): pa.table(columns) for split in splits}
        for key, marks in sampling.needed_rows(source, layout_of(source), tables, splits).items():
            assert marks is not None
            texts = columns[source.input_column_name]
            texts = [text if shown else "" for text, shown in zip(texts, marks, strict=True)]
            tables[key] = pa.table({**columns, source.input_column_name: texts})
        record = manifest_of(
            source, eval_splits=splits, instance_attributes={"max_fraction_of_documents_to_embed": 0.3}
        )
        dataset = Store(tmp_path).save(record, tables)

        def scores(*names: str) -> list[float]:
            task = tasks.task(dataset).filter_eval_splits(list(names))
            (done,) = mteb.evaluate(
                bag_of_words(), task, cache=None, co2_tracker=False, show_progress_bar=False
            ).task_results
            return [done.scores[name][0]["main_score"] for name in names]

        assert [scores(split)[0] for split in splits] == scores(*splits)

    def test_a_set_with_all_rows_fits_any_draw(self, tmp_path: Path) -> None:
        dataset = made_up(Store(tmp_path), "Banking77Classification")
        changed = dataclasses.replace(dataset, manifest=dataclasses.replace(dataset.manifest, protocol={}))
        task = tasks.task(changed)
        task.seed = 7
        task.load_data()

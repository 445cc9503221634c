"""Builds of four real English sets with real translations, where they are: `MMTEB_SYNTH_TEST_DATA` names their folder.

It holds `hub/`, a mirror of the Hub with STSBenchmark, Banking77, SciFact and SummEval, and `translations/`, with
STSBenchmark's test sentences by DeepL.
"""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmteb_synth import api
from mmteb_synth.building import SetReport
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TableKey
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.imported import IMPORT_VERSION
from mmteb_synth.translate.rows import Row, replay_key

FOLDER = os.environ.get("MMTEB_SYNTH_TEST_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="MMTEB_SYNTH_TEST_DATA names no folder with real sets")
DATA = Path(FOLDER or ".")
TEST = TableKey(DEFAULT, "test")
SETS = ["STSBenchmark", "Banking77Classification", "SciFact", "SummEvalSummarization.v2"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


def run(
    home: Path, language: str, *names: str, translator: str | None = None, profile: str = "full"
) -> tuple[SetReport, ...]:
    report = api.build(
        [language],
        tasks=names,
        translator=translator,
        profile=profile,
        source_dir=DATA / "hub",
        data_dir=home / "data",
        cache_dir=home / "cache",
    )
    return report.sets


@pytest.fixture(scope="module")
def english(home: Path) -> dict[str, TranslatedDataset]:
    reports = run(home, "en", *SETS)
    assert [report.status for report in reports] == ["built"] * 4, [report.error for report in reports]
    return {name: Store(home / "data").get(f"{name}.eng-Latn.source") for name in SETS}


def put(home: Path, name: str, language: str, translations: dict[str, str]) -> None:
    rows = [
        Row(
            key=replay_key(name, IMPORT_VERSION, language, text),
            translator=name,
            language=language,
            kind=None,
            source=text,
            translation=translation,
        )
        for text, translation in translations.items()
    ]
    with Cache(home / "cache" / "cache.sqlite") as cache:
        cache.put(rows)


def rows(dataset: TranslatedDataset) -> dict[str, int]:
    return {f"{key.config}/{key.split}": table.num_rows for key, table in dataset.tables().items()}


def test_every_set_has_its_rows(english: dict[str, TranslatedDataset]) -> None:
    assert rows(english["STSBenchmark"]) == {"default/test": 1379}
    assert rows(english["Banking77Classification"]) == {"default/train": 10003, "default/test": 3080}
    assert rows(english["SciFact"]) == {"corpus/test": 5183, "queries/test": 300, "qrels/test": 339}
    assert rows(english["SummEvalSummarization.v2"]) == {"default/test": 100}
    assert {name: dataset.manifest.counts["segments"] for name, dataset in english.items()} == COUNTS
    assert english["Banking77Classification"].manifest.source["differences"] == []


COUNTS = {
    "STSBenchmark": 2552,
    "Banking77Classification": 7696,
    "SciFact": 10664,
    "SummEvalSummarization.v2": 2285,
}


@pytest.mark.parametrize(("short", "code"), [("de", "deu-Latn"), ("es", "spa-Latn"), ("fr", "fra-Latn")])
def test_deepl_covers_every_sentence_of_stsbenchmark(short: str, code: str, home: Path) -> None:
    table = pq.read_table(DATA / "translations" / f"stsbenchmark.deepl.{short}.parquet").to_pydict()
    put(home, "import:deepl", code, dict(zip(table["source"], table["translation"], strict=True)))
    (report,) = run(home, short, "STSBenchmark", translator="import:deepl")
    assert (report.status, report.requests, report.failures) == ("built", 0, {})
    stored = Store(home / "data").get(f"STSBenchmark.{code}.import-deepl")
    assert stored.manifest.coverage == 1.0
    expected = pq.read_table(DATA / "translations" / f"stsbenchmark.deepl.{short}.rows.parquet")
    found = stored.tables()[TEST]
    for column in ("sentence1", "sentence2"):
        assert found.column(column).to_pylist() == expected.column(column).to_pylist()


@pytest.mark.parametrize("name", SETS)
def test_an_identity_import_equals_english_byte_for_byte(
    name: str, home: Path, english: dict[str, TranslatedDataset]
) -> None:
    tables = english[name].tables()
    texts = {
        text
        for key, table in tables.items()
        for column in table.column_names
        if key.config != QRELS and column not in ("id", "label", "score", "relevance")
        for value in table.column(column).to_pylist()
        for text in ([value] if isinstance(value, str) else value)
        if text
    }
    put(home, "import:same", "tur-Latn", {text: text for text in texts})
    (report,) = run(home, "tr", name, translator="import:same")
    assert report.status == "built", report
    same = Store(home / "data").get(f"{name}.tur-Latn.import-same")
    assert same.manifest.revision == english[name].manifest.revision
    for key in tables:
        assert (same.folder / key.file).read_bytes() == (english[name].folder / key.file).read_bytes()


def test_nothing_but_text_differs_from_the_source(english: dict[str, TranslatedDataset]) -> None:
    found = english["SciFact"].tables()
    corpus = pq.read_table(DATA / "hub/mteb/scifact/corpus.parquet")
    assert found[TableKey(CORPUS, "test")].column("text").to_pylist() == corpus.column("text").to_pylist()
    queries = found[TableKey(QUERIES, "test")].column("id").to_pylist()
    judged = found[TableKey(QRELS, "test")].column("query-id").to_pylist()
    assert list(dict.fromkeys(judged)) == queries
    labels = pq.read_table(DATA / "hub/mteb/banking77/train.parquet").column("label").to_pylist()
    banking = english["Banking77Classification"].tables()[TableKey(DEFAULT, "train")]
    assert banking.column("label").to_pylist() == labels


def test_nano_keeps_this_much(home: Path, english: dict[str, TranslatedDataset]) -> None:
    assert [report.status for report in run(home, "en", *SETS, profile="nano")] == ["built"] * 4
    nano = {name: Store(home / "data").get(f"{name}.eng-Latn.source.nano") for name in SETS}
    assert rows(nano["STSBenchmark"]) == {"default/test": 100}
    assert rows(nano["Banking77Classification"]) == {"default/train": 77 * 16, "default/test": 200}
    assert rows(nano["SummEvalSummarization.v2"]) == {"default/test": 10}
    assert rows(nano["SciFact"]) == NANO_SCIFACT
    assert nano["SciFact"].manifest.sample["tables"]["corpus/test"]["reasons"] == NANO_REASONS
    for name, dataset in nano.items():
        whole = {key: set(map(str, table.to_pylist())) for key, table in english[name].tables().items()}
        for key, table in dataset.tables().items():
            kept = set(map(str, table.to_pylist()))
            # of the train rows of the whole set MTEB never shows some a model, and those are empty
            assert kept <= whole[key], f"{name} {key}"


NANO_SCIFACT = {"corpus/test": 393, "queries/test": 50, "qrels/test": 56}
NANO_REASONS = {"judged": 55, "hard negative": 294, "random": 44}


def test_a_smaller_profile_is_covered_by_what_was_translated_for_a_larger(home: Path) -> None:
    table = pq.read_table(DATA / "translations" / "stsbenchmark.deepl.de.parquet").to_pydict()
    put(home, "import:deepl", "deu-Latn", dict(zip(table["source"], table["translation"], strict=True)))
    (report,) = run(home, "de", "STSBenchmark", translator="import:deepl", profile="nano")
    assert (report.status, report.requests, report.failures) == ("built", 0, {})
    stored = Store(home / "data").get("STSBenchmark.deu-Latn.import-deepl.nano")
    whole = set(zip(table["source"], table["translation"], strict=True))
    english = Store(home / "data").get("STSBenchmark.eng-Latn.source.nano").tables()[TEST]
    found = stored.tables()[TEST]
    assert found.num_rows == english.num_rows == 100
    for column in ("sentence1", "sentence2"):
        pairs = zip(english.column(column).to_pylist(), found.column(column).to_pylist(), strict=True)
        assert set(pairs) <= whole

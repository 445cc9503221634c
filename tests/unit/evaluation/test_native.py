from __future__ import annotations

import json
from pathlib import Path

import mteb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmteb_synth import selection
from mmteb_synth.errors import SourceError
from mmteb_synth.evaluation import models, native, runner, scored
from mmteb_synth.evaluation.scored import ScoredTask

# the suite that made this project scored the older version
pytestmark = pytest.mark.filterwarnings("ignore:The task 'STS22' is superseded:UserWarning")

TURKISH = ["Kedi bugün uyuyor.", "Hava bugün güzel.", "Hava bugün kötü.", "Su kaynıyor."]
ENGLISH = ["The cat sleeps.", "The weather is fine.", "The train is late.", "The water boils."]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror of the Hub with a few rows of STS22, all languages in one file as MTEB reads them."""
    folder = tmp_path / "hub" / "mteb" / "sts22-crosslingual-sts"
    folder.mkdir(parents=True)
    write(folder, TURKISH, ENGLISH)
    return tmp_path / "hub"


def write(folder: Path, turkish: list[str], english: list[str]) -> None:
    rows = {
        "id": [f"{number}" for number in range(8)],
        "score": [1.0, 2.0, 3.0, 4.0] * 2,
        "sentence1": turkish + english,
        "sentence2": [*turkish[1:], turkish[1], *english[1:], english[0]],
        "lang": ["tr"] * 4 + ["en"] * 4,
    }
    pq.write_table(pa.table(rows), folder / "test.parquet")


def sts22(language: str, mirror: Path, scratch: Path) -> ScoredTask:
    choice = selection.choose(suites=["seed"])
    found = scored.native(choice, [language], source_dir=mirror, scratch=scratch)
    return next(task for task in found if task.name == "STS22")


def test_a_mirror_is_read_and_mtebs_own_class_stays_as_it_is(mirror: Path, tmp_path: Path) -> None:
    task = sts22("tur-Latn", mirror, tmp_path / "links").make()
    native.load(task)
    assert task.dataset["tr"]["test"]["sentence1"][:] == TURKISH
    assert list(task.dataset) == ["tr"]
    assert mteb.get_task("STS22").metadata.dataset["path"] == "mteb/sts22-crosslingual-sts"
    assert task.metadata.revision == mteb.get_task("STS22").metadata.revision


def test_other_content_is_read_anew(mirror: Path, tmp_path: Path) -> None:
    native.load(sts22("tur-Latn", mirror, tmp_path / "links").make())
    write(mirror / "mteb" / "sts22-crosslingual-sts", TURKISH[::-1], ENGLISH)
    task = sts22("tur-Latn", mirror, tmp_path / "links").make()
    native.load(task)
    assert task.dataset["tr"]["test"]["sentence1"][:] == TURKISH[::-1]


def test_languages_scored_one_after_another_stay_beside_each_other(mirror: Path, tmp_path: Path) -> None:
    for language in ("tur-Latn", "eng-Latn"):
        report = runner.evaluate(
            [("bow", lambda: models.load("mmteb_synth.baselines:bag_of_words"))],
            [sts22(language, mirror, tmp_path / "links")],
            results_dir=tmp_path / "results",
        )
        assert report.ok, report
    (file,) = tmp_path.glob("results/results/*/*/STS22.json")
    entries = json.loads(file.read_text("utf-8"))["scores"]["test"]
    assert {entry["hf_subset"] for entry in entries} == {"tr", "en"}
    scores = {entry["hf_subset"]: entry["main_score"] for entry in entries}
    assert report.tasks[0].score == scores["en"] != scores["tr"]
    lines = [json.loads(line) for line in (file.parent / "signatures.jsonl").read_text("utf-8").splitlines()]
    assert [(line["language"], line["subset"], line["translator"]) for line in lines] == [
        ("tur-Latn", "tr", None),
        ("eng-Latn", "en", None),
    ]
    assert "|src:" in lines[0]["signature"]


def test_data_that_can_not_be_had_are_an_error_with_both_ways_to_get_them(tmp_path: Path) -> None:
    task = native.task("MassiveIntentClassification", "tur-Latn", ["test"])
    with pytest.raises(SourceError, match="mteb/amazon_massive_intent could not be read") as refused:
        native.load(task)
    assert "hf download --repo-type dataset mteb/amazon_massive_intent --revision" in str(refused.value.hint)
    assert "--source-dir" in str(refused.value.hint)


def test_it_does_not_stop_the_others(mirror: Path, tmp_path: Path) -> None:
    choice = selection.choose(suites=["seed"])
    absent = next(scored.native(choice, ["tur-Latn"]))
    report = runner.evaluate(
        [("bow", lambda: models.load("mmteb_synth.baselines:bag_of_words"))],
        [absent, sts22("tur-Latn", mirror, tmp_path / "links")],
        results_dir=tmp_path / "results",
    )
    first, second = report.tasks
    assert isinstance(first.error, SourceError)
    assert second.score is not None

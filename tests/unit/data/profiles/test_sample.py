"""Whole sets cut down to a profile: loaded by MTEB's own classes, scored by MTEB, with a list of what was kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mmteb_synth.data import profiles, source
from mmteb_synth.data.profiles import parse, sample
from mmteb_synth.data.source import SourceSet
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TableKey
from mmteb_synth.specs import TaskSpec

TRAIN, TEST = TableKey(DEFAULT, "train"), TableKey(DEFAULT, "test")
BANKING, NEWS, SCIFACT = "mteb/banking77", "mteb/twentynewsgroups-clustering", "mteb/scifact"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets for sets of a test's size."""
    changes: dict[str, Any] = {"rows": 30, "clustered": 20, "queries": 4, "negatives": 2, "others": 3}
    nano = dataclasses.replace(profiles.BUDGETS["nano"], **changes)
    changes = {"rows": 60, "clustered": 60, "queries": 8, "negatives": 3, "others": 6}
    standard = dataclasses.replace(profiles.BUDGETS["standard"], **changes)
    monkeypatch.setattr(profiles, "BUDGETS", {"nano": nano, "standard": standard})


def load(name: str, mirror: Path, tmp_path: Path, profile: str, **options: Any) -> SourceSet:
    whole = source.read(TaskSpec(name=name), source_dir=mirror, scratch=tmp_path / "scratch")
    with Spool(tmp_path / "scratch") as spool:
        return source.cut(whole, spool=spool, profile=parse(profile), **options)


def banking(mirrored: Any) -> Path:
    rows = {
        split: [{"text": f"{split} {row}", "label": row % 3, "label_text": "x"} for row in range(count)]
        for split, count in (("train", 600), ("test", 90))
    }
    return Path(mirrored(BANKING, {"default": rows}))


def texts(found: SourceSet, key: TableKey) -> set[str]:
    """The texts of a table that MTEB shows a model."""
    marks = found.needed[key]
    column = found.tables[key].column("text")
    return set((column if marks is None else column.filter(pa.array(marks))).to_pylist())


@pytest.mark.usefixtures("small")
def test_what_is_needed_of_a_smaller_profile_is_needed_of_a_larger(mirrored: Any, tmp_path: Path) -> None:
    mirror = banking(mirrored)
    nano, standard, full = (
        load("Banking77Classification", mirror, tmp_path, name) for name in ("nano", "standard", "full")
    )
    for key in (TRAIN, TEST):
        assert texts(nano, key) < texts(standard, key) <= texts(full, key)
    assert nano.tables[TRAIN].num_rows == 3 * 2 * 8
    assert standard.tables[TRAIN].num_rows == 600
    assert len(texts(nano, TEST)) == 30
    assert full.sample is None


@pytest.mark.usefixtures("small")
def test_the_record_and_the_list_say_what_was_kept(mirrored: Any, tmp_path: Path) -> None:
    found = load("Banking77Classification", banking(mirrored), tmp_path, "nano-s7")
    assert found.sample is not None
    record, listed = found.sample.record, found.sample.listed
    assert listed is not None
    assert (record["profile"], record["seed"], record["sampler"]) == ("nano", 7, profiles.SAMPLER)
    assert record["tables"] == {
        "default/test": {"kept": 30, "of": 90},
        "default/train": {"kept": 48, "of": 600},
    }
    assert record["listed"] == len(listed) == 78
    assert record["digest"] == sample.digest(listed)
    rows = listed.filter(pa.array([name == "default/test" for name in listed.column("table").to_pylist()]))
    assert found.tables[TEST].column("text").to_pylist() == [
        f"test {row}" for row in rows.column("row").to_pylist()
    ]


@pytest.mark.usefixtures("small")
def test_a_limit_takes_the_first_rows_of_what_the_profile_keeps(mirrored: Any, tmp_path: Path) -> None:
    mirror = banking(mirrored)
    whole = load("Banking77Classification", mirror, tmp_path, "nano")
    found = load("Banking77Classification", mirror, tmp_path, "nano", limit=5)
    assert found.tables[TEST].equals(whole.tables[TEST].slice(0, 5))
    assert found.tables[TRAIN].equals(whole.tables[TRAIN])


@pytest.mark.usefixtures("small")
def test_one_reading_serves_all_profiles(mirrored: Any, tmp_path: Path, spool: Spool) -> None:
    mirror = banking(mirrored)
    whole = source.read(
        TaskSpec(name="Banking77Classification"), source_dir=mirror, scratch=tmp_path / "scratch"
    )
    for name in ("nano", "full", "standard", "nano"):
        again = source.cut(whole, spool=spool, profile=parse(name), limit=None, all_rows=False)
        assert again.tables == load("Banking77Classification", mirror, tmp_path, name).tables
    everything = source.cut(whole, spool=spool, profile=parse("nano"), limit=None, all_rows=True)
    assert set(everything.needed.values()) == {None}
    assert everything.tables.keys() == whole.tables.keys()


@pytest.mark.usefixtures("small")
def test_all_texts_of_a_clustering_sample_are_embedded(mirrored: Any, tmp_path: Path) -> None:
    """MTEB embeds 4 % of what it is given: of a sample that would be a handful."""
    mirror = Path(
        mirrored(
            NEWS,
            {
                "default": {
                    "test": [
                        {
                            "sentences": [f"text {row}" for row in range(1000)],
                            "labels": [row % 4 for row in range(1000)],
                        }
                    ]
                }
            },
        )
    )
    full = load("TwentyNewsgroupsClustering.v2", mirror, tmp_path, "full")
    drawn = full.needed[TEST]
    assert drawn is not None
    assert drawn.sum() == 40
    nano = load("TwentyNewsgroupsClustering.v2", mirror, tmp_path, "nano")
    assert nano.needed[TEST] is None
    assert nano.tables[TEST].num_rows == 20
    assert nano.instance_attributes["max_fraction_of_documents_to_embed"] is None
    assert nano.task.max_fraction_of_documents_to_embed is None
    chosen = set(nano.tables[TEST].column("sentences").to_pylist())
    assert chosen <= set(full.tables[TEST].column("sentences").filter(pa.array(drawn)).to_pylist())
    standard = load(
        "TwentyNewsgroupsClustering.v2", mirror, tmp_path, "standard"
    )  # MTEB's own draw is smaller
    assert standard.tables == full.tables
    assert standard.instance_attributes == full.instance_attributes
    assert full.task.max_fraction_of_documents_to_embed == 0.04


@pytest.mark.usefixtures("small")
def test_a_sample_of_retrieval_is_whole(mirrored: Any, tmp_path: Path) -> None:
    documents = [{"_id": f"d{n}", "title": f"title {n}", "text": f"text {n} word{n % 5}"} for n in range(200)]
    queries = [{"_id": f"q{n}", "text": f"word{n % 5} of text {n}"} for n in range(30)]
    qrels = [{"query-id": f"q{n}", "corpus-id": f"d{n * 3}", "score": 1} for n in range(20)]
    mirror = Path(
        mirrored(
            SCIFACT,
            {
                "default": {"test": qrels},
                "corpus": {"corpus": documents},
                "queries": {"queries": queries},
            },
        )
    )
    nano = load("SciFact", mirror, tmp_path, "nano")
    corpus, asked, judged = (nano.tables[TableKey(config, "test")] for config in (CORPUS, QUERIES, QRELS))
    assert asked.num_rows == judged.num_rows == 4
    assert set(judged.column("query-id").to_pylist()) == set(asked.column("id").to_pylist())
    assert set(judged.column("corpus-id").to_pylist()) <= set(corpus.column("id").to_pylist())
    assert nano.sample is not None
    assert nano.sample.record["tables"]["corpus/test"]["reasons"].keys() == {
        "judged",
        "hard negative",
        "random",
    }
    standard = load("SciFact", mirror, tmp_path, "standard")
    for config in (CORPUS, QUERIES):
        key = TableKey(config, "test")
        assert set(nano.tables[key].column("id").to_pylist()) < set(
            standard.tables[key].column("id").to_pylist()
        )


def test_a_list_in_a_folder(tmp_path: Path) -> None:
    listed = pa.table({"table": ["default/test"], "row": [3], "id": [None], "reason": [None]})
    sample.write(tmp_path, listed)
    assert sample.read(tmp_path).to_pylist() == listed.to_pylist()
    sample.write(tmp_path, None)
    assert list(tmp_path.iterdir()) == []
    sample.write(tmp_path, None)
    with pytest.raises(FileNotFoundError):
        sample.read(tmp_path)

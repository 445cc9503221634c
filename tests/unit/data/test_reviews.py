"""What people said of a set outlives the set's folder, and is changed as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmteb_synth.data import ledger, reviews
from mmteb_synth.data.reviews import Merged, text_hash
from mmteb_synth.data.store import Store
from mmteb_synth.errors import StoreError, SynthError

NAME = "Mine.tur-Latn.authored"


def a_grade(source: str = "iron", hypothesis: str = "demir", **values: Any) -> dict[str, Any]:
    return {
        "source_hash": text_hash(source),
        "kind": "sentence",
        "hypothesis_hash": text_hash(hypothesis),
        "rater": "Ada",
        "skill": "native",
        "esa": 80.0,
        "severity": "minor",
        "label_holds": "yes",
        "correction": None,
        "comment": None,
        "date": "2026-01-01T00:00:00+00:00",
        "sampled": True,
        **values,
    }


def a_ledger(**texts: str | None) -> pa.Table:
    rows = [
        {"source_hash": text_hash(source), "kind": "sentence", "source": source, "hypothesis": hypothesis}
        for source, hypothesis in texts.items()
    ]
    return pa.Table.from_pylist(rows, schema=ledger.SCHEMA)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def merge(store: Store, *grades: dict[str, Any], name: str = NAME) -> Merged:
    with reviews.merging(store, {name: grades}) as done:
        pass
    return done[name]


def test_nobody_has_graded_it(store: Store) -> None:
    assert reviews.read(store, NAME).equals(reviews.SCHEMA.empty_table())


def test_the_hash_is_the_ledgers() -> None:
    assert text_hash("") == "cae66941d9efbd404e4d88758ea67670"  # BLAKE2b-128 of nothing
    assert len(text_hash("çay")) == 32


def test_grades_are_kept_beside_the_set(store: Store) -> None:
    assert merge(store, a_grade(), a_grade("ore", "cevher")) == Merged(added=2)
    assert sorted(row["hypothesis_hash"] for row in reviews.read(store, NAME).to_pylist()) == sorted(
        [text_hash("demir"), text_hash("cevher")]
    )
    assert store.names() == []
    assert (store.folder / f"{NAME}.reviews.parquet").is_file()


def test_the_same_person_may_think_again_and_others_stay(store: Store) -> None:
    merge(store, a_grade(), a_grade(rater="Bo"))
    assert merge(store, a_grade(esa=20.0, severity="major")) == Merged(replaced=1)
    rows = {row["rater"]: row["esa"] for row in reviews.read(store, NAME).to_pylist()}
    assert rows == {"Ada": 20.0, "Bo": 80.0}


def test_what_was_said_before_keeps_its_date(store: Store) -> None:
    merge(store, a_grade())
    assert merge(store, a_grade(date="2027-01-01T00:00:00+00:00")) == Merged(equal=1)
    assert reviews.read(store, NAME).column("date").to_pylist() == ["2026-01-01T00:00:00+00:00"]


def test_only_grades_of_what_the_set_holds_count(store: Store) -> None:
    merge(store, a_grade(), a_grade("ore", "cevher"), a_grade("gone", "gitti"))
    found = reviews.current(
        reviews.read(store, NAME), a_ledger(iron="demir", ore="maden", gone=None)
    ).to_pylist()
    assert [(row["source"], row["hypothesis"]) for row in found] == [("iron", "demir")]
    again = reviews.current(reviews.read(store, NAME), a_ledger(iron="demir", ore="cevher"))
    assert again.num_rows == 2


def test_all_sets_or_none(store: Store) -> None:
    merge(store, a_grade())

    def fail() -> None:
        with reviews.merging(store, {NAME: [a_grade(esa=1.0)], "Other": [a_grade()]}):
            raise SynthError("the cache is full")

    with pytest.raises(SynthError, match="full"):
        fail()
    assert reviews.read(store, NAME).column("esa").to_pylist() == [80.0]
    assert [path.name for path in store.folder.glob("*.parquet")] == [f"{NAME}.reviews.parquet"]
    assert not list(store.folder.glob(".reviews.*.*"))
    assert [path.name for path in store.folder.glob(".reviews.*")] in ([], [".reviews.lock"])


def test_damage_is_named_and_nothing_is_overwritten(store: Store) -> None:
    path = store.folder / f"{NAME}.reviews.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(StoreError, match="is damaged"):
        merge(store, a_grade())
    assert path.read_bytes() == b"not parquet"
    pq.write_table(pa.table({"rater": ["Ada"]}), path)
    with pytest.raises(StoreError, match="is damaged"):
        reviews.read(store, NAME)


def test_a_later_versions_file_is_not_guessed_at(store: Store) -> None:
    table = reviews.SCHEMA.empty_table().replace_schema_metadata({"mmteb_synth.schema": "99"})
    pq.write_table(table, store.folder / f"{NAME}.reviews.parquet")
    with pytest.raises(StoreError, match="newer"):
        reviews.read(store, NAME)

"""Which stored sets are meant. That names of sets, languages and translators narrow is tested with `scored.built`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from mmteb_synth import languages, selection, stored
from mmteb_synth.data import ledger
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.store import Store, set_name
from mmteb_synth.data.tables import TableKey
from mmteb_synth.errors import StoreError, UnknownNameError

ROWS = {TableKey("default", "test"): pa.table({"sentence1": ["a"], "sentence2": ["b"], "score": [1.0]})}


def a_manifest(source: str, language: str, translator: str) -> Manifest:
    return Manifest(
        name=set_name(source, language, translator),
        source_task=source,
        task_type="STS",
        language=language,
        translator=translator,
        checks_version=2,
        eval_splits=["test"],
        source={"dataset": "d", "revision": "r", "mirror": None},
        counts={},
        coverage=1.0,
        licence=None,
        fingerprint="f",
        created="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.save(a_manifest("STS12", "tur-Latn", "authored"), ROWS)
    store.hold_back(a_manifest("STS13", "tur-Latn", "gpt-4.1-mini"), ledger.SCHEMA.empty_table())
    store.hold_back(a_manifest("STS13", "deu-Latn", "import:deepl"), ledger.SCHEMA.empty_table())
    return store


def test_what_was_held_back_is_meant_only_where_it_is_asked_for(store: Store) -> None:
    assert [one.name for one in stored.chosen(store)] == ["STS12.tur-Latn.authored"]
    found = stored.chosen(store, held_back=True, wanted=[languages.parse("tr")])
    assert [one.name for one in found] == ["STS12.tur-Latn.authored", "STS13.tur-Latn.gpt-4.1-mini"]
    assert [one.dataset.is_held_back for one in found if one.dataset] == [False, True]


def test_it_is_chosen_as_stored_sets_are(store: Store) -> None:
    (found,) = stored.chosen(store, held_back=True, translators=["import-deepl"])
    assert (found.source_task, found.language, found.translator) == ("STS13", "deu-Latn", "import:deepl")
    (found,) = stored.chosen(store, held_back=True, choice=selection.choose(["STS12"]))
    assert found.name == "STS12.tur-Latn.authored"
    with pytest.raises(UnknownNameError, match="did you mean import:deepl"):
        stored.chosen(store, held_back=True, translators=["import:deeple"])
    with pytest.raises(UnknownNameError):
        stored.chosen(store, translators=["import:deepl"])


def test_damaged_evidence_is_an_error(store: Store) -> None:
    (store.folder / "STS13.deu-Latn.import-deepl.held-back" / "manifest.json").write_text("[]")
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        stored.chosen(store, held_back=True)


def test_nothing_chosen_says_what_to_build(tmp_path: Path) -> None:
    error = stored.nothing_chosen(Store(tmp_path), [languages.parse("fr"), languages.parse("en")])
    assert "none of the chosen sets in French" in error.message
    assert "mmteb-synth build --lang fra-Latn" in str(error.hint)


def test_what_can_be_judged_is_all_but_english(store: Store) -> None:
    store.save(a_manifest("STS12", "eng-Latn", "source"), ROWS)
    assert [one.language for one in stored.translated(store)] == ["tur-Latn", "deu-Latn", "tur-Latn"]
    assert stored.translated(store, wanted=[languages.parse("en")]) == []
    found = stored.translated(store, wanted=[languages.parse("en"), languages.parse("de")])
    assert [one.name for one in found] == ["STS13.deu-Latn.import-deepl"]


def test_a_language_of_which_there_is_nothing_to_judge_is_an_error(store: Store, tmp_path: Path) -> None:
    for wanted in (["fr"], ["tr", "fr"]):
        with pytest.raises(StoreError, match="none of the chosen sets in French"):
            stored.translated(store, wanted=[languages.parse(name) for name in wanted])
    with pytest.raises(StoreError, match="none of the chosen sets"):
        stored.translated(Store(tmp_path / "empty"))
    with pytest.raises(StoreError, match="none of the chosen sets in German"):
        stored.translated(store, wanted=[languages.parse("de")], translators=["authored"])

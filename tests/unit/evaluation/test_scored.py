from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mmteb_synth import languages, selection
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.store import Store, set_name
from mmteb_synth.data.tables import TableKey
from mmteb_synth.errors import SourceError, StoreError, UnknownNameError
from mmteb_synth.evaluation import scored
from mmteb_synth.evaluation.scored import ScoredTask

ROWS = {TableKey("default", "test"): pa.table({"sentence1": ["a"], "sentence2": ["b"], "score": [1.0]})}


def save(store: Store, source: str, language: str, translator: str, **changes: Any) -> str:
    """Store a made-up set."""
    label = changes.pop("label", translator)
    manifest = Manifest(
        name=set_name(source, language, label, changes.get("limit")),
        source_task=source,
        task_type="STS",
        language=language,
        translator=translator,
        checks_version=2,
        eval_splits=["test"],
        source={"dataset": "d", "revision": "a0d554a64d88156834ff5ae9920b964011b16384", "mirror": None},
        counts={},
        coverage=1.0,
        licence=None,
        fingerprint="f",
        created="2026-01-01T00:00:00+00:00",
    )
    return store.save(dataclasses.replace(manifest, **changes), ROWS).manifest.name


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    save(store, "STS12", "tur-Latn", "gpt-4.1-mini", prompt_version=3, decoding="t0")
    save(store, "STS12", "tur-Latn", "gpt-4.1-mini", label="gpt-4.1-mini.1a2b3c4d")
    save(store, "STS12", "deu-Latn", "import:deepl", limit=100)
    save(store, "STS13", "swa-Latn", "import:deepl")
    save(store, "STS12", "eng-Latn", "source")
    save(store, "STS12Bitext", "deu-Latn", "import:deepl", bitext_of="STS12")
    return store


def names(found: list[ScoredTask]) -> set[str]:
    return {task.name for task in found}


class TestBuilt:
    def test_all_of_them(self, store: Store) -> None:
        found = scored.built(store)
        assert names(found) == set(store.names())
        assert {task.origin for task in found if task.language == "eng-Latn"} == {"native"}
        assert {task.origin for task in found if task.language != "eng-Latn"} == {"translated"}

    def test_a_choice_goes_by_the_name_of_the_english_set_or_of_the_bitext(self, store: Store) -> None:
        assert names(scored.built(store, choice=selection.choose(["STS13"]))) == {
            "STS13.swa-Latn.import-deepl"
        }
        assert names(scored.built(store, choice=selection.choose(["STS12Bitext"]))) == {
            "STS12Bitext.deu-Latn.import-deepl"
        }

    @pytest.mark.parametrize("language", ["sw", "swa-Latn", "swh-Latn", "Swahili"])
    def test_a_language_goes_by_any_of_its_codes(self, store: Store, language: str) -> None:
        found = scored.built(store, wanted=[languages.parse(language)])
        assert names(found) == {"STS13.swa-Latn.import-deepl"}

    @pytest.mark.parametrize("translator", ["import:deepl", "import-deepl"])
    def test_a_translator_narrows_all_but_english(self, store: Store, translator: str) -> None:
        assert names(scored.built(store, translators=[translator])) == {
            "STS12.deu-Latn.import-deepl.limit100",
            "STS12.eng-Latn.source",
            "STS12Bitext.deu-Latn.import-deepl",
            "STS13.swa-Latn.import-deepl",
        }

    def test_overrides_of_a_preset_can_be_named_apart(self, store: Store) -> None:
        turkish = [languages.parse("tr")]
        assert len(scored.built(store, wanted=turkish, translators=["gpt-4.1-mini"])) == 2
        (found,) = scored.built(store, wanted=turkish, translators=["gpt-4.1-mini.1a2b3c4d"])
        assert found.translator == "gpt-4.1-mini.1a2b3c4d"

    def test_an_unknown_translator_is_refused_with_those_that_are_built(self, store: Store) -> None:
        with pytest.raises(UnknownNameError, match=r"'import:deep'; did you mean import:deepl") as refused:
            scored.built(store, translators=["import:deep"])
        assert "gpt-4.1-mini" in str(refused.value.hint)

    def test_english_is_no_translator(self, store: Store) -> None:
        with pytest.raises(UnknownNameError):
            scored.built(store, translators=["source"])

    @pytest.mark.parametrize("damage", ["", "nonsense", "[]", '{"schema": 99}', '{"folder": "gone"}'])
    def test_a_damaged_set_is_a_problem_of_its_own(self, store: Store, damage: str) -> None:
        name = "STS13.swa-Latn.import-deepl"
        (store.folder / f"{name}.json").write_text(damage)
        assert len(scored.built(store)) == 6
        (found,) = scored.built(store, wanted=[languages.parse("sw")], translators=["import-deepl"])
        assert (found.name, found.source_task, found.language) == (name, "STS13", "swa-Latn")
        with pytest.raises(StoreError):
            found.make()

    def test_an_empty_store_holds_nothing(self, tmp_path: Path) -> None:
        assert scored.built(Store(tmp_path / "none")) == []


class TestNative:
    def test_the_members_that_hold_the_language(self) -> None:
        choice = selection.choose(suites=["seed"])
        found = list(scored.native(choice, ["tur-Latn", "swa-Latn", "eng-Latn"]))
        assert [(task.name, task.language, task.origin) for task in found] == [
            ("MassiveIntentClassification", "tur-Latn", "human-translated"),
            ("MassiveScenarioClassification", "tur-Latn", "human-translated"),
            ("STS22", "tur-Latn", "native"),
            ("MassiveIntentClassification", "swa-Latn", "human-translated"),
            ("MassiveScenarioClassification", "swa-Latn", "human-translated"),
            ("MassiveIntentClassification", "eng-Latn", "native"),
            ("MassiveScenarioClassification", "eng-Latn", "native"),
            ("STS22", "eng-Latn", "native"),
        ]

    def test_there_are_none_without_a_suite(self) -> None:
        assert not list(scored.native(None, ["tur-Latn"]))
        assert not list(scored.native(selection.choose(["STS12"]), ["tur-Latn"]))

    @pytest.mark.parametrize(
        ("name", "language", "subsets"),
        [
            ("STS22", "tur-Latn", ["tr"]),
            ("STS22", "eng-Latn", ["en"]),
            ("MassiveIntentClassification", "swa-Latn", ["sw"]),
            ("MassiveIntentClassification", "swh-Latn", ["sw"]),
            ("MassiveIntentClassification", "cmn-Hant", ["zh-TW"]),
            ("MassiveIntentClassification", "cmn-Hans", ["zh-CN"]),
        ],
    )
    def test_only_subsets_of_the_language_alone_are_scored(
        self, name: str, language: str, subsets: list[str]
    ) -> None:
        (entry,) = (task for task in selection.choose(suites=["seed"]).suites[0].native if task.name == name)
        task = ScoredTask(
            name=name, source_task=name, language=language, origin="native", native=entry
        ).make()
        assert task.hf_subsets == subsets
        assert task.eval_splits == ["test"]

    def test_what_a_query_finds_can_be_made(self) -> None:
        choice = selection.choose(suites=["native"])
        found = list(scored.native(choice, ["swa-Latn", "deu-Latn", "eng-Latn"]))
        assert {"BelebeleRetrieval", "STS22.v2", "XNLI"} <= {task.name for task in found}
        for task in found:
            made = task.make()
            assert made.hf_subsets, task.name
            held = {
                code for subset in made.hf_subsets for code in made.metadata.hf_subsets_to_langscripts[subset]
            }
            assert held <= languages.equivalents(task.language), task.name
        english = {task.name for task in found if task.language == "eng-Latn"}
        assert english < {task.name for task in found if task.language != "eng-Latn"}

    def test_a_mirror_without_the_set_is_refused(self, tmp_path: Path) -> None:
        choice = selection.choose(suites=["seed"])
        task = next(scored.native(choice, ["tur-Latn"], source_dir=tmp_path, scratch=tmp_path / "links"))
        with pytest.raises(SourceError, match="mteb/amazon_massive_intent is not in the mirror"):
            task.make()


class TestSignature:
    def test_golden_of_a_translated_set(self, store: Store) -> None:
        (task,) = (task for task in scored.built(store) if task.name == "STS12.tur-Latn.gpt-4.1-mini")
        fields = task.signature_fields()
        data = str(fields.pop("data"))
        assert fields == {
            "task": "STS12",
            "lang": "eng-Latn>tur-Latn",
            "src": "a0d554a6",
            "by": "gpt-4.1-mini",
            "prompt": 3,
            "dec": "t0",
            "checks": 2,
            "cov": "1.000",
        }
        assert store.get(task.name).manifest.revision.startswith(data)

    def test_golden_of_english_and_of_a_limit(self, store: Store) -> None:
        by_name = {task.name: task.signature_fields() for task in scored.built(store)}
        english = by_name["STS12.eng-Latn.source"]
        assert (english["lang"], english["by"], english["prompt"]) == ("eng-Latn", "source", "-")
        assert "limit" not in english
        assert by_name["STS12.deu-Latn.import-deepl.limit100"]["limit"] == 100

    def test_golden_of_a_native_task(self) -> None:
        task = ScoredTask(name="STS22", source_task="STS22", language="tur-Latn", origin="native")
        assert task.signature_fields() == {
            "task": "STS22",
            "lang": "tur-Latn",
            "src": "de9d86b3",
            "data": "de9d86b3",
        }

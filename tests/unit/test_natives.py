"""What MTEB holds in a language is found by query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmteb_synth import facts, languages, listings, natives, suites


def native(language: str, **choice: Any) -> dict[str, listings.NativeListing]:
    return {row.name: row for row in listings.list_native(languages.parse(language).code, **choice)}


def test_what_mteb_holds_in_a_language_is_found() -> None:
    found = native("sw")
    assert found == native("swh-Latn")
    assert {"BelebeleRetrieval", "MIRACLRetrieval", "SIB200ClusteringS2S"} <= found.keys()
    massive = found["MassiveIntentClassification"]
    assert (massive.origin, massive.license) == ("human-translated", "apache-2.0")
    assert (massive.splits, massive.samples) == (("validation", "test"), 2033 + 2974)
    assert native("sw", suite="seed")["MassiveIntentClassification"].samples == 2974
    assert native("tr", type="STS").keys() == {"STS22.v2"}
    assert native("que") == {}


def test_neither_machines_texts_nor_old_versions_nor_several_languages_at_once_are_found() -> None:
    found = native("de")
    assert "STS22" not in found  # MTEB has a version 2
    assert "MIRACLRetrievalHardNegatives.v2" in found
    assert "MIRACLRetrievalHardNegatives" not in found  # although MTEB doesn't say that it is replaced
    for name, known in ((name, facts.tasks()[name]) for name in found):
        assert not (known.sample_creation or "").startswith(("machine-translated", "LM-generated")), name
        assert known.type != "BitextMining"
        assert not known.parts
    assert "CQADupstackRetrieval" not in native("en")


def test_a_suite_may_find_its_native_members(tmp_path: Path) -> None:
    suite = suites.get_suite("native")
    assert natives.names(suite, "swa-Latn") == list(native("sw"))
    assert suite.tasks == suite.native == ()
    english = {entry.name for entry in natives.entries(suite, "eng-Latn", beside=["swa-Latn", "eng-Latn"])}
    assert english < native("sw").keys()  # English only of what there is in Swahili too
    path = tmp_path / "mine.toml"
    path.write_text(
        'description = "x"\n[native_query]\norigins = ["human-translated"]\ntypes = ["Clustering"]\n'
    )
    assert natives.names(suites.get_suite(path), "swa-Latn") == ["SIB200ClusteringS2S"]

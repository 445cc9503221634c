"""The facts of MTEB, as the library reads them."""

from __future__ import annotations

import pytest

from mmteb_synth import facts
from mmteb_synth.facts import Size, TaskFacts
from mmteb_synth.specs import TASK_TYPES


def test_a_task_has_what_mteb_says() -> None:
    known = facts.task("SciFact")
    assert known is not None
    assert known.type == "Retrieval"
    assert known.main_score == "ndcg_at_10"
    assert known.license == "cc-by-nc-4.0"
    assert known.splits == ("test",)
    assert known.dataset == "mteb/scifact"
    assert known.revision == "d56462d0e63a25450459c4f213e49ffdb866f7f9"
    assert known.languages == ("eng-Latn",)
    assert known.english_subset == "default"
    assert known.sizes == {"test": Size(samples=5483, characters=7798555)}


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("STSBenchmark", "default"),
        ("STS22", "en"),
        ("STS17", "en-en"),
        ("AmazonCounterfactualClassification", "en"),  # not en-ext, which comes first
        ("SIB200Classification", "eng_Latn"),
        ("LanguageClassification", None),  # English is one of twenty in its one subset
        ("AppsRetrieval", None),  # English beside Python
        ("Tatoeba", None),  # bitext
        ("GermanDPR", None),
    ],
)
def test_the_english_subset(name: str, subset: str | None) -> None:
    known = facts.task(name)
    assert known is not None
    assert known.english_subset == subset


def test_sizes_are_those_of_the_english_subset() -> None:
    known = facts.task("STS22")
    assert known is not None
    assert known.sizes["test"].samples == 197


def test_languages_held_alone_and_beside_others() -> None:
    known = facts.task("STS17")
    assert known is not None
    assert "spa-Latn" in known.languages
    assert "tur-Latn" not in known.languages  # only in the cross-lingual en-tr
    assert "tur-Latn" in known.mixed_languages


def test_an_aggregate_has_parts_that_are_tasks() -> None:
    known = facts.task("CQADupstackRetrieval")
    assert known is not None
    assert len(known.parts) == 12
    assert known.dataset is None
    assert all(facts.tasks()[part].english_subset == "default" for part in known.parts)


def test_what_is_not_in_the_facts() -> None:
    assert facts.task("NoSuchTask") is None
    assert facts.other("NoSuchTask") is None
    assert facts.other("SciFact") is None
    assert facts.benchmark("NoSuchBenchmark") is None


def test_other_tasks_of_mteb_are_known_by_what_they_are() -> None:
    assert facts.task("CEDRClassification") is None
    assert facts.other("CEDRClassification") == "MultilabelClassification (text)"


def test_all_eight_types_are_there_and_no_other() -> None:
    assert {known.type for known in facts.tasks().values()} == set(TASK_TYPES)


def test_benchmarks_narrow_splits_and_subsets() -> None:
    benchmark = facts.benchmark("MTEB(eng, v2)")
    assert benchmark is not None
    members = {member.name: member for member in benchmark.members}
    assert len(members) == 41
    assert members["MassiveIntentClassification"].splits == ("test",)
    assert members["MassiveIntentClassification"].subsets == ("en",)
    assert members["STSBenchmark"].subsets is None


def test_a_benchmark_is_found_by_its_alias() -> None:
    assert facts.benchmark("MTEB(eng)") == facts.benchmarks()["MTEB(eng, v2)"]


@pytest.mark.parametrize(
    ("created", "origin"),
    [
        ("found", "native"),
        ("created", "native"),
        (None, "native"),
        ("created and machine-translated", "native"),
        ("human-translated", "human-translated"),
        ("human-translated and localized", "human-translated"),
        ("machine-translated", "translated"),
        ("machine-translated and LM verified", "translated"),
    ],
)
def test_origin_of_a_native_task(created: str | None, origin: str) -> None:
    known = TaskFacts(name="X", type="STS", main_score="cosine_spearman", sample_creation=created, sizes={})
    assert facts.origin(known) == origin


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("SciFact-Fa", "translated"),  # MTEB says it was found
        ("STS22.v2", "native"),  # a newer version
        ("MIRACLReranking", "native"),  # of another type
        ("TurHistQuadRetrieval", "native"),
    ],
)
def test_a_task_made_from_one_in_another_language_is_a_translation(name: str, origin: str) -> None:
    assert facts.origin(facts.tasks()[name]) == origin


def test_the_language_of_each_subset_of_a_task_of_several() -> None:
    subsets = facts.tasks()["STS22.v2"].subsets
    assert subsets["tr"] == "tur-Latn"
    assert "de-en" not in subsets  # it holds both
    assert facts.tasks()["SciFact"].subsets == {}

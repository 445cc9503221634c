"""What the names of suites lead to: shipped ones, the user's, and MTEB's benchmarks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmteb_synth import listings, natives, registry, selection, suites
from mmteb_synth.errors import SpecError, UnknownNameError, UsageError
from mmteb_synth.specs import TaskSpec

OWN = 'type = "STS"\ndescription = "Pairs."\nlicense = "mit"\n[files]\ntest = "pairs.jsonl"\n'


def _suite(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / "suites" / f"{name}.toml"
    path.write_text(f'description = "Mine."\n{text}', "utf-8")
    return path


def test_seed_is_the_benchmark_that_began_this() -> None:
    suite = suites.get_suite("seed")
    assert [entry.name for entry in suite.tasks] == [
        "RedditClustering",
        "TwentyNewsgroupsClustering",
        "SciFact",
        "SummEvalSummarization.v2",
        "MindSmallReranking",
        "TwitterURLCorpus",
    ]
    massive = ["MassiveIntentClassification", "MassiveScenarioClassification"]
    assert [entry.splits for entry in suite.native] == [("test",)] * 3
    for code in ("fra-Latn", "deu-Latn", "spa-Latn", "tur-Latn", "eng-Latn", "ara-Arab", "arb-Arab"):
        assert natives.names(suite, code) == [*massive, "STS22"]
    for code in ("swa-Latn", "swh-Latn", "nor-Latn", "nob-Latn", "kor-Hang", "cmn-Hant", "zho-Hant"):
        assert natives.names(suite, code) == massive  # MASSIVE writes swa, nob, kor-Kore and cmo-Hant
    assert natives.names(suite, "que-Latn") == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("MTEB(eng, v2)", 41),
        ("MTEB(eng)", 41),
        ("MTEB", 56),
        ("MTEB(eng, classic)", 56),
        ("NanoBEIR", 13),
        ("BEIR", 15),
    ],
)
def test_an_mteb_benchmark_is_a_suite(name: str, count: int) -> None:
    suite = suites.get_suite(name)
    assert len(suite.tasks) == count
    splits = {entry.name: entry.splits for entry in suite.tasks}
    if "MassiveIntentClassification" in splits:
        assert splits["MassiveIntentClassification"] == ("test",)  # MTEB's task has validation too
    for member in selection.choose(suites=[name]).members:
        assert isinstance(member.spec, TaskSpec)


@pytest.mark.parametrize(
    ("name", "benchmark"),
    [("mteb-eng-v1", "MTEB(eng, v1)"), ("mteb-eng-v2", "MTEB(eng, v2)"), ("nano-beir", "NanoBEIR")],
)
def test_the_english_benchmarks_have_short_names(name: str, benchmark: str) -> None:
    assert suites.get_suite(name).tasks == suites.get_suite(benchmark).tasks


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("FollowIR", "none of its tasks can be translated"),
        ("MTEB(cmn, v1)", "it is not of English text"),
        ("MIEB(eng)", "it is not of English text"),
    ],
)
def test_a_benchmark_without_english_to_translate_says_so(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"the benchmark {re.escape(name)} is no suite: {why}"):
        suites.get_suite(name)


def test_no_suggestion_leads_nowhere() -> None:
    with pytest.raises(UnknownNameError) as caught:
        suites.get_suite("MTEB(deuu, v1)")
    assert "MTEB(deu, v1)" not in caught.value.message


def test_a_users_suite(tasks_folder: Path) -> None:
    (tasks_folder / "MyPairs.toml").write_text(OWN)
    path = _suite(
        tasks_folder,
        'benchmark = "MTEB(eng, v2)"\n[[tasks]]\nname = "MyPairs"\n[[tasks]]\nname = "CQADupstackRetrieval"\n'
        '[[native]]\nname = "STS22.v2"\n[[bitext]]\nsource = "MyPairs"\nmax_pairs = 5\n',
    )
    suite = suites.get_suite("mine")
    assert suite == suites.get_suite(path)
    names = [entry.name for entry in suite.tasks]
    assert len(names) == len(set(names)) == 41 - 1 + 1 + 1  # a native one, an own one, an aggregate
    assert "CQADupstackUnixRetrieval" in names  # the benchmark scores a part by itself too
    assert "STS22.v2" not in names
    assert suite.bitext[0].spec.max_pairs == 5
    assert [row.name for row in listings.list_suites()][:7] == [
        "mini",
        "mteb-eng-v1",
        "mteb-eng-v2",
        "nano-beir",
        "native",
        "seed",
        "mine",
    ]
    assert {row.name for row in listings.list_tasks(suite="mine", type="BitextMining")} == {"MyPairsBitext"}


def test_paths_in_a_suite_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "MyPairs.toml").write_text(OWN)
    path = tmp_path / "mine.toml"
    path.write_text(
        'description = "x"\n[[tasks]]\nname = "MyPairs.toml"\n[[bitext]]\nsource = "./MyPairs.toml"\n'
    )
    suite = suites.get_suite(path)
    assert suite.tasks[0].name == str(tmp_path / "MyPairs.toml")
    assert registry.get_task(suite.bitext[0].spec.source).name == "MyPairs"
    rows = listings.list_tasks(suite=str(path))
    assert [(row.name, row.type, row.definition) for row in rows] == [
        ("MyPairs", "STS", "user"),
        ("MyPairsBitext", "BitextMining", "user"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[tasks]]\nname = "SciFcat"', "unknown task 'SciFcat'; did you mean SciFact"),
        ('[[tasks]]\nname = "Tatoeba"', "is bitext"),
        ('[[tasks]]\nname = "SciFactBitext"', "belongs under [[bitext]], as source = 'SciFact'"),
        ('[[tasks]]\nname = "SciFact"\nsplits = ["dev"]', "no split 'dev'"),
        ('[[tasks]]\nname = "MiniSTS"\nsplits = ["dev"]', "no split 'dev'"),
        ('[[tasks]]\nname = "absent.toml"', "no such file"),
        ('[[native]]\nname = "STS222"', "no text task STS222 to take as native; did you mean STS22"),
        ('[[native]]\nname = "STS22"\nsplits = ["dev"]', "no split 'dev'"),
        ('[[bitext]]\nsource = "SciFactBitext"', "can't be made from bitext"),
        ('benchmark = "MTEB(eng, v22)"', "did you mean MTEB(eng, v2)"),
        ('benchmark = "MTEB(cmn, v1)"', "the benchmark MTEB(cmn, v1) is no suite: it is not of English text"),
        ("[[tasks]]", "tasks.0.name"),
    ],
)
def test_a_broken_suite_is_an_error(tasks_folder: Path, text: str, said: str) -> None:
    path = _suite(tasks_folder, text)
    for needs in (lambda: suites.get_suite("mine"), lambda: suites.get_suite(path), listings.list_suites):
        with pytest.raises(UsageError) as caught:
            needs()
        assert said in caught.value.message


def test_a_users_suite_can_not_hide_a_shipped_one(tasks_folder: Path) -> None:
    _suite(tasks_folder, '[[tasks]]\nname = "SciFact"', name="mini")
    with pytest.raises(SpecError, match="the name of a shipped suite"):
        suites.get_suite("mini")


def test_an_unknown_suite_gets_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="did you mean seed"):
        suites.get_suite("sede")
    with pytest.raises(UnknownNameError, match=r"did you mean MTEB\(eng, v"):
        suites.get_suite("MTEB(eng, v3)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[native_query]\norigins = ["translated"]', "native_query.origins.0"),
        ('[native_query]\ntype = ["STS"]', "did you mean types"),
    ],
)
def test_a_query_that_can_not_be_is_an_error(tasks_folder: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        suites.get_suite(_suite(tasks_folder, text))


def test_the_shipped_sets_and_suite_are_sound() -> None:
    suite = suites.get_suite("mini")
    assert suite.demo
    types = {row.type for row in listings.list_tasks(suite="mini")}
    assert len(types) == 8
    for entry in suite.tasks:
        spec = registry.get_task(entry.name)
        assert isinstance(spec, TaskSpec)
        assert spec.path is not None
        assert all((spec.path.parent / file).is_file() for file in spec.files.values())

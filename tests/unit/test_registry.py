"""What names lead to: MTEB tasks, sets of one's own, bitext, suites and benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth import facts, languages, listings, paths, registry, selection
from mmteb_synth.errors import SpecError, UnknownNameError, UsageError
from mmteb_synth.specs import BitextSpec, TaskSpec

OWN = 'type = "STS"\ndescription = "Pairs."\nlicense = "mit"\n[files]\ntest = "pairs.jsonl"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the user's own specs."""
    (tmp_path / "suites").mkdir()
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", str(tmp_path))
    return tmp_path


def _suite(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / "suites" / f"{name}.toml"
    path.write_text(f'description = "Mine."\n{text}', "utf-8")
    return path


def test_an_mteb_task_needs_no_file() -> None:
    assert registry.get_task("SciFact") == TaskSpec(name="SciFact")


def test_every_english_task_of_mteb_can_be_named() -> None:
    named = [known.name for known in facts.tasks().values() if known.english and not known.parts]
    assert len(named) > 500
    for name in named:
        assert registry.get_task(name).name == name


def test_a_users_file_adds_to_an_mteb_task(folder: Path) -> None:
    (folder / "STS22.toml").write_text('register = "formal"\nsubset = "en"\neval_splits = ["test"]\n')
    spec = registry.get_task("STS22")
    assert isinstance(spec, TaskSpec)
    assert (spec.register, spec.subset, spec.path) == ("formal", "en", folder / "STS22.toml")


def test_a_set_of_ones_own_by_name_and_by_path(folder: Path) -> None:
    (folder / "MyPairs.toml").write_text(OWN)
    by_name = registry.get_task("MyPairs")
    assert by_name == registry.get_task(str(folder / "MyPairs.toml"))
    assert isinstance(by_name, TaskSpec)
    assert by_name.is_own


def test_a_path_needs_no_folder(tmp_path: Path) -> None:
    (tmp_path / "MyPairs.toml").write_text(OWN)
    assert registry.get_task(str(tmp_path / "MyPairs.toml")).name == "MyPairs"


def test_the_shipped_sets_and_suite_are_sound() -> None:
    suite = registry.get_suite("mini")
    assert suite.demo
    types = {row.type for row in registry.list_tasks(suite="mini")}
    assert len(types) == 8
    for entry in suite.tasks:
        spec = registry.get_task(entry.name)
        assert isinstance(spec, TaskSpec)
        assert spec.path is not None
        assert all((spec.path.parent / file).is_file() for file in spec.files.values())


def test_bitext_is_named_after_its_source(folder: Path) -> None:
    (folder / "MyPairs.toml").write_text(OWN)
    assert registry.get_task("SciFactBitext") == BitextSpec(
        name="SciFactBitext", source="SciFact", max_pairs=1000
    )
    assert registry.get_task("MyPairsBitext") == BitextSpec(
        name="MyPairsBitext", source="MyPairs", max_pairs=1000
    )


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("scifact", UnknownNameError, "unknown task 'scifact'; did you mean SciFact"),
        ("SciFcatBitext", UnknownNameError, "did you mean SciFact"),
        ("Nonsense123", UnknownNameError, "unknown task"),
        ("", UnknownNameError, "unknown task ''"),
        ("SciFactBitextBitext", UsageError, "bitext already"),
        ("CQADupstackRetrieval", UsageError, "12 tasks: CQADupstackAndroidRetrieval"),
        ("Tatoeba", UsageError, "is bitext"),
        ("LanguageClassification", UsageError, "only together with ara-Arab"),
        ("AppsRetrieval", UsageError, "only together with python-Code"),
        ("AllegroReviews", UsageError, "no English data"),
        ("CEDRClassification", UsageError, "MultilabelClassification"),
        ("CIFAR10ZeroShot", UsageError, "image"),
        ("absent.toml", SpecError, "no such file: absent.toml"),
    ],
)
def test_what_cant_be_named_says_why(name: str, error: type[UsageError], said: str) -> None:
    with pytest.raises(error) as caught:
        registry.get_task(name)
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_a_users_set_is_suggested_too(folder: Path) -> None:
    (folder / "ZebraPairs.toml").write_text(OWN)
    with pytest.raises(UnknownNameError, match="did you mean ZebraPairs"):
        registry.get_task("ZebraPiars")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("SciFact", OWN, "is an MTEB task"),
        ("CIFAR10ZeroShot", OWN, "is an MTEB task"),
        ("MiniSTS", OWN, "the name of a shipped set"),
        ("MiniSTS", "", "the name of a shipped set"),
        ("SciFcat", "", "MTEB has no text task SciFcat; did you mean SciFact"),
        ("STS22", 'subset = "de"', "no English subset 'de'; it has en"),
        ("STS22", 'eval_splits = ["dev"]', "no split 'dev'; MTEB scores test"),
        ("STS22", "subset = ", "not valid TOML"),
    ],
)
def test_a_broken_file_is_an_error_where_it_is_needed_or_listed(
    folder: Path, name: str, text: str, said: str
) -> None:
    path = folder / f"{name}.toml"
    path.write_text(text)
    for needs in (lambda: registry.get_task(name), lambda: registry.get_task(str(path)), registry.list_tasks):
        with pytest.raises(SpecError) as caught:
            needs()
        assert said in caught.value.message
        assert str(path) in caught.value.message
    registry.get_task("BIOSSES")  # needs no file


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", str(tmp_path / "absent"))
    for ask in (lambda: registry.get_task("SciFact"), registry.list_suites):
        with pytest.raises(UsageError, match="MMTEB_SYNTH_TASKS is not a folder"):
            ask()


def test_seed_is_the_benchmark_that_began_this() -> None:
    suite = registry.get_suite("seed")
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
        assert registry.native_tasks(suite, code) == [*massive, "STS22"]
    for code in ("swa-Latn", "swh-Latn", "nor-Latn", "nob-Latn", "kor-Hang", "cmn-Hant", "zho-Hant"):
        assert registry.native_tasks(suite, code) == massive  # MASSIVE writes swa, nob, kor-Kore and cmo-Hant
    assert registry.native_tasks(suite, "que-Latn") == []


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
    suite = registry.get_suite(name)
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
    assert registry.get_suite(name).tasks == registry.get_suite(benchmark).tasks


def test_an_aggregate_is_one_task_of_a_suite_and_as_large_as_its_parts() -> None:
    names = {entry.name for entry in registry.get_suite("BEIR").tasks}
    assert "CQADupstackRetrieval" in names
    assert "CQADupstackUnixRetrieval" not in names
    parts = [row for row in registry.list_tasks() if row.name.startswith("CQADupstack")]
    (whole,) = (row for row in parts if row.name == "CQADupstackRetrieval")
    assert len(parts) == 13
    assert whole.samples == sum(row.samples or 0 for row in parts if row is not whole)


def test_every_benchmark_that_is_listed_can_be_taken() -> None:
    rows = [row for row in registry.list_suites() if row.definition == "mteb"]
    assert {"MTEB(eng, v2)", "BEIR", "NanoBEIR"} <= {row.name for row in rows}
    assert all(row.tasks for row in rows)


def test_a_benchmark_without_english_to_translate_says_so() -> None:
    with pytest.raises(UsageError, match="no task of the benchmark"):
        registry.get_suite("FollowIR")


def test_a_users_suite(folder: Path) -> None:
    (folder / "MyPairs.toml").write_text(OWN)
    path = _suite(
        folder,
        'benchmark = "MTEB(eng, v2)"\n[[tasks]]\nname = "MyPairs"\n[[tasks]]\nname = "CQADupstackRetrieval"\n'
        '[[native]]\nname = "STS22.v2"\n[[bitext]]\nsource = "MyPairs"\nmax_pairs = 5\n',
    )
    suite = registry.get_suite("mine")
    assert suite == registry.get_suite(path)
    names = [entry.name for entry in suite.tasks]
    assert len(names) == len(set(names)) == 41 - 1 + 1 + 1  # a native one, an own one, an aggregate
    assert "CQADupstackUnixRetrieval" in names  # the benchmark scores a part by itself too
    assert "STS22.v2" not in names
    assert suite.bitext[0].spec.max_pairs == 5
    assert [row.name for row in registry.list_suites()][:7] == [
        "mini",
        "mteb-eng-v1",
        "mteb-eng-v2",
        "nano-beir",
        "native",
        "seed",
        "mine",
    ]
    assert {row.name for row in registry.list_tasks(suite="mine", type="BitextMining")} == {"MyPairsBitext"}


def test_paths_in_a_suite_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "MyPairs.toml").write_text(OWN)
    path = tmp_path / "mine.toml"
    path.write_text(
        'description = "x"\n[[tasks]]\nname = "MyPairs.toml"\n[[bitext]]\nsource = "./MyPairs.toml"\n'
    )
    suite = registry.get_suite(path)
    assert suite.tasks[0].name == str(tmp_path / "MyPairs.toml")
    assert registry.get_task(suite.bitext[0].spec.source).name == "MyPairs"
    rows = registry.list_tasks(suite=str(path))
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
        ("[[tasks]]", "tasks.0.name"),
    ],
)
def test_a_broken_suite_is_an_error(folder: Path, text: str, said: str) -> None:
    path = _suite(folder, text)
    for needs in (lambda: registry.get_suite("mine"), lambda: registry.get_suite(path), registry.list_suites):
        with pytest.raises(UsageError) as caught:
            needs()
        assert said in caught.value.message


def test_a_users_suite_can_not_hide_a_shipped_one(folder: Path) -> None:
    _suite(folder, '[[tasks]]\nname = "SciFact"', name="mini")
    with pytest.raises(SpecError, match="the name of a shipped suite"):
        registry.get_suite("mini")


def test_an_unknown_suite_gets_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="did you mean seed"):
        registry.get_suite("sede")
    with pytest.raises(UnknownNameError, match=r"did you mean MTEB\(eng, v"):
        registry.get_suite("MTEB(eng, v3)")


def test_tasks_are_listed_with_what_a_choice_needs() -> None:
    rows = {row.name: row for row in registry.list_tasks()}
    assert len(rows) > 500
    scifact = rows["SciFact"]
    assert (scifact.type, scifact.main_score, scifact.license) == ("Retrieval", "ndcg_at_10", "cc-by-nc-4.0")
    assert (scifact.samples, scifact.characters, scifact.definition) == (5483, 7798555, "mteb")
    assert rows["RedditClustering"].superseded_by == "RedditClustering.v2"
    assert rows["MiniSTS"].definition == "bundled"
    assert "Tatoeba" not in rows
    assert list(rows) == sorted(rows, key=str.casefold)


def test_sizes_are_those_of_the_suites_splits() -> None:
    whole = next(row for row in registry.list_tasks() if row.name == "MTOPDomainClassification")
    narrowed = next(row for row in registry.list_tasks(suite="MTEB(eng, v2)") if row.name == whole.name)
    assert whole.splits == ("validation", "test")
    assert narrowed.splits == ("test",)
    assert whole.samples is not None
    assert narrowed.samples is not None
    assert narrowed.samples < whole.samples


def test_no_size_is_told_of_a_subset_that_nobody_counted(folder: Path) -> None:
    (folder / "AmazonCounterfactualClassification.toml").write_text('subset = "en-ext"\n')
    row = next(row for row in registry.list_tasks() if row.name == "AmazonCounterfactualClassification")
    assert (row.samples, row.characters) == (None, None)


def test_tasks_are_filtered_by_type() -> None:
    rows = registry.list_tasks(type="Summarization")
    assert {row.type for row in rows} == {"Summarization"}
    assert {"SummEvalSummarization.v2", "MiniSummarization"} <= {row.name for row in rows}
    with pytest.raises(UnknownNameError, match="did you mean Retrieval"):
        registry.list_tasks(type="Retreival")


def test_listing_imports_nothing_heavy() -> None:
    program = (
        "import sys; from mmteb_synth import registry; registry.list_tasks(); registry.list_suites();"
        "print(sorted({'mteb', 'langcodes', 'pandas', 'numpy', 'torch', 'datasets'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(paths.PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"


def native(language: str, **choice: Any) -> dict[str, listings.NativeListing]:
    return {row.name: row for row in registry.list_native(languages.parse(language).code, **choice)}


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
    for name, known in ((name, facts.tasks()[name]) for name in found):
        assert not (known.sample_creation or "").startswith(("machine-translated", "LM-generated")), name
        assert known.type != "BitextMining"
        assert not known.parts
    assert "CQADupstackRetrieval" not in native("en")


def test_a_suite_may_find_its_native_members(folder: Path) -> None:
    suite = registry.get_suite("native")
    assert registry.native_tasks(suite, "swa-Latn") == list(native("sw"))
    assert suite.tasks == suite.native == ()
    english = {
        entry.name for entry in registry.native_entries(suite, "eng-Latn", beside=["swa-Latn", "eng-Latn"])
    }
    assert english < native("sw").keys()  # English only of what there is in Swahili too
    path = _suite(folder, '[native_query]\norigins = ["human-translated"]\ntypes = ["Clustering"]\n')
    assert registry.native_tasks(registry.get_suite(path), "swa-Latn") == ["SIB200ClusteringS2S"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[native_query]\norigins = ["translated"]', "native_query.origins.0"),
        ('[native_query]\ntype = ["STS"]', "did you mean types"),
    ],
)
def test_a_query_that_can_not_be_is_an_error(folder: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        registry.get_suite(_suite(folder, text))

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import mteb
import pandas as pd
import pytest
from mini_sets import BAG_OF_WORDS, build

import mmteb_synth
from mmteb_synth import api
from mmteb_synth.errors import (
    SourceError,
    SpecError,
    StoreError,
    SynthError,
    UnknownNameError,
    UsageError,
)

MINI = ("MiniSTS", "MiniRetrieval", "MiniSTSBitext")
STS = "MiniSTS.tur-Latn.authored"
RETRIEVAL = "MiniRetrieval.tur-Latn.authored"
BITEXT = "MiniSTSBitext.tur-Latn.authored"


def upper(texts: list[str], _language: str) -> list[str]:
    """A translator of one's own."""
    return [text.upper() for text in texts]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets and a bitext set in Turkish, nothing in English."""
    return build(tmp_path_factory.mktemp("mini"), ["tr"], MINI)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Folders of one's own, to be written."""
    return {name: tmp_path / name for name in ("data_dir", "cache_dir", "results_dir")}


def names(tasks: Any) -> list[str]:
    return sorted(task.metadata.name for task in tasks)


def scored(folders: dict[str, Path], **options: Any) -> list[str]:
    """The names of the sets that a call scores."""
    report = api.evaluate(BAG_OF_WORDS, **folders, **options)
    assert report.ok, report
    return [str(task.task) for task in report.tasks]


class TestGetTasks:
    def test_all_that_is_built(self, built: Path) -> None:
        assert names(api.get_tasks(data_dir=built)) == [RETRIEVAL, STS, BITEXT]
        assert names(api.get_tasks(languages=["tr"], suite="mini", data_dir=built)) == [
            RETRIEVAL,
            STS,
            BITEXT,
        ]
        assert names(api.get_tasks("Turkish", tasks="MiniSTS", data_dir=built)) == [STS]

    def test_native_members_come_with_their_suite(self, built: Path) -> None:
        found = api.get_tasks("tr", suite=["mini", "seed"], data_dir=built)
        assert {"STS22", "MassiveIntentClassification", STS} <= set(names(found))

    def test_native_members_are_whole(self, built: Path) -> None:
        whole = names(api.get_tasks("tr", suite=["mini", "seed"], profile=["nano", "full"], data_dir=built))
        assert whole == names(api.get_tasks("tr", suite=["mini", "seed"], data_dir=built))
        with pytest.raises(StoreError, match="none of the chosen sets"):
            api.get_tasks("tr", suite=["mini", "seed"], profile="nano", data_dir=built)

    def test_mteb_scores_them_and_takes_means(self, built: Path, tmp_path: Path) -> None:
        model = mmteb_synth_bag()
        cache = mteb.ResultCache(tmp_path)
        tasks = api.get_tasks("tr", tasks=["MiniSTS", "MiniRetrieval"], data_dir=built)
        result = mteb.evaluate(model, tasks, cache=cache, co2_tracker=False, show_progress_bar=False)
        means = cache.load_results(tasks=tasks).get_aggregated_scores()
        expected = sum(one.get_score() for one in result.task_results) / 2
        assert expected == pytest.approx(_mean(means))

    def test_nothing_built_is_an_error(self, built: Path, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="none of the chosen sets in French"):
            api.get_tasks("fr", data_dir=built)
        with pytest.raises(StoreError, match="none of the chosen sets"):
            api.get_tasks(data_dir=tmp_path)

    @pytest.mark.parametrize("options", [{"languages": "xx"}, {"tasks": "MiniST"}, {"suite": "minni"}])
    def test_unknown_names_are_refused(self, built: Path, options: dict[str, str]) -> None:
        with pytest.raises(UnknownNameError):
            api.get_tasks(data_dir=built, **options)

    def test_one_by_its_name(self, built: Path) -> None:
        assert api.get_task(STS, data_dir=str(built)).metadata.name == STS
        with pytest.raises(UnknownNameError, match=f"did you mean {STS}"):
            api.get_task("MiniSTS.tur-Latn.autored", data_dir=built)


def mmteb_synth_bag() -> Any:
    from mmteb_synth.baselines import bag_of_words

    return bag_of_words()


def _mean(means: Any) -> float:
    """The mean over tasks, however deep MTEB keeps it."""
    (of_model,) = means.values()
    while "Mean(Task)" not in of_model:
        (of_model,) = of_model.values()
    return float(of_model["Mean(Task)"])


class TestGetBenchmark:
    def test_it_is_a_benchmark_of_mteb_and_found_by_its_name(self, built: Path, tmp_path: Path) -> None:
        benchmark = mmteb_synth.get_benchmark("tr", data_dir=built)
        assert benchmark.name == "MTEB(tur-Latn, mini, authored)"
        assert names(benchmark.tasks) == [RETRIEVAL, STS]
        assert mteb.get_benchmark(benchmark.name) is benchmark
        cache = mteb.ResultCache(tmp_path)
        mteb.evaluate(mmteb_synth_bag(), benchmark, cache=cache, co2_tracker=False, show_progress_bar=False)
        results = cache.load_results(tasks=benchmark.name)
        frame = results.to_dataframe()
        assert set(frame["task_name"]) == {STS, RETRIEVAL}
        assert _mean(results.get_aggregated_scores()) == pytest.approx(frame.iloc[:, -1].mean())

    def test_bitext_measures_the_translator_and_is_there_only_when_asked_for(self, built: Path) -> None:
        assert BITEXT in names(api.get_benchmark("tr", bitext=True, data_dir=built).tasks)

    def test_limited_sets_are_none_of_it(self, folders: dict[str, Path], tmp_path: Path) -> None:
        data = build(tmp_path, ["tr"], ["MiniSTS"], limit=5)
        with pytest.raises(StoreError, match="no whole set of the suite mini in Turkish") as refused:
            api.get_benchmark("tr", data_dir=data)
        assert "build --lang tur-Latn" in str(refused.value.hint)

    def test_another_profile_is_another_benchmark(self, tmp_path: Path) -> None:
        data = build(tmp_path, ["tr"], ["MiniSTS"], profile="nano")
        with pytest.raises(StoreError, match="none of the chosen sets in Turkish") as refused:
            api.get_benchmark("tr", data_dir=data)
        assert "--profile" in str(refused.value.hint)
        benchmark = api.get_benchmark("tr", profile="nano", data_dir=data)
        assert benchmark.name == "MTEB(tur-Latn, mini, authored, nano)"
        assert names(benchmark.tasks) == ["MiniSTS.tur-Latn.authored.nano"]

    def test_of_several_translators_one_must_be_named(self, tmp_path: Path) -> None:
        build(tmp_path, ["tr"], ["MiniSTS"])
        data = build(tmp_path, ["tr"], ["MiniSTS"], translator=f"{__name__}:upper")
        with pytest.raises(UsageError, match="sets of several translators are built: authored") as refused:
            api.get_benchmark("tr", data_dir=data)
        assert 'translator="authored"' in str(refused.value.hint)
        assert names(api.get_benchmark("tr", translator="authored", data_dir=data).tasks) == [STS]

    def test_nothing_built_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="none of the chosen sets in French"):
            api.get_benchmark("fr", data_dir=tmp_path)


class TestEnglishBeside:
    """English stands beside what is scored, and is built where it is missing."""

    def test_alone_on_an_empty_store_it_is_the_default_suites(self, folders: dict[str, Path]) -> None:
        found = scored(folders, languages="en", tasks=["MiniSTS", "MiniSTSBitext"])
        assert found == ["MiniSTS.eng-Latn.source"]

    def test_it_has_the_limit_of_what_it_stands_beside(
        self, folders: dict[str, Path], tmp_path: Path
    ) -> None:
        build(tmp_path, ["tr"], ["MiniSTS"], limit=8)
        folders["data_dir"] = tmp_path / "data"
        assert scored(folders) == ["MiniSTS.tur-Latn.authored.limit8", "MiniSTS.eng-Latn.source.limit8"]
        assert scored(folders, languages=["tr"]) == ["MiniSTS.tur-Latn.authored.limit8"]
        assert scored(folders, languages=["en"]) == ["MiniSTS.eng-Latn.source.limit8"]

    def test_it_has_the_profile_of_what_it_stands_beside(
        self, folders: dict[str, Path], tmp_path: Path
    ) -> None:
        build(tmp_path, ["tr"], ["MiniSTS"], profile="nano")
        build(tmp_path, ["tr"], ["MiniSTS"])
        folders["data_dir"] = tmp_path / "data"
        nano = ["MiniSTS.tur-Latn.authored.nano", "MiniSTS.eng-Latn.source.nano"]
        assert scored(folders, profile="nano") == nano
        assert scored(folders) == [STS, nano[0], "MiniSTS.eng-Latn.source", nano[1]]
        assert scored(folders, languages=["en"], profile="full") == ["MiniSTS.eng-Latn.source"]
        board = api.leaderboard(profile="nano", **_without(folders, "cache_dir"))
        assert set(board["profile"]) == {"nano"}
        assert set(api.leaderboard(**_without(folders, "cache_dir"))["profile"]) == {"nano", "full"}
        assert names(api.get_tasks(profile="nano", data_dir=folders["data_dir"])) == sorted(nano)
        with pytest.raises(UnknownNameError, match="nanno"):
            api.evaluate(BAG_OF_WORDS, profile="nanno", **folders)

    def test_what_is_only_named_has_the_profiles_of_the_others(
        self, folders: dict[str, Path], tmp_path: Path
    ) -> None:
        build(tmp_path, ["tr"], ["MiniSTS"], profile="nano")
        folders["data_dir"] = tmp_path / "data"
        found = scored(folders, tasks=["MiniSTS", "MiniPairClassification"])
        assert found[-1] == "MiniPairClassification.eng-Latn.source.nano"
        alone = scored(folders, languages="en", tasks="MiniPairClassification", profile="nano-s7")
        assert alone == ["MiniPairClassification.eng-Latn.source.nano-s7"]

    def test_what_is_built_and_what_is_named_is_scored_too(
        self, folders: dict[str, Path], tmp_path: Path
    ) -> None:
        build(tmp_path, ["en"], ["MiniRetrieval"], limit=3)
        build(tmp_path, ["tr"], ["MiniSTS"])
        folders["data_dir"] = tmp_path / "data"
        assert scored(folders) == [
            STS,
            "MiniSTS.eng-Latn.source",
            "MiniRetrieval.eng-Latn.source.limit3",
        ]
        assert scored(folders, languages="en", tasks=["MiniSTS", "MiniPairClassification"]) == [
            "MiniSTS.eng-Latn.source",
            "MiniPairClassification.eng-Latn.source",
        ]

    def test_a_translator_does_not_narrow_it(self, folders: dict[str, Path], built: Path) -> None:
        folders["data_dir"] = built
        assert "MiniSTS.eng-Latn.source" in scored(folders, translator="authored", tasks="MiniSTS")

    def test_absent_data_are_an_error_when_english_was_asked_for(self, folders: dict[str, Path]) -> None:
        with pytest.raises(SourceError, match="mteb/stsbenchmark-sts") as refused:
            api.evaluate(BAG_OF_WORDS, languages="en", tasks="STSBenchmark", **folders)
        assert "--source-dir" in str(refused.value.hint)

    def test_an_absent_one_does_not_stop_the_others(self, folders: dict[str, Path]) -> None:
        report = api.evaluate(BAG_OF_WORDS, languages="en", tasks=["STSBenchmark", "MiniSTS"], **folders)
        by_name = {task.task: task for task in report.tasks}
        assert isinstance(by_name["STSBenchmark.eng-Latn.source"].error, SourceError)
        assert by_name["MiniSTS.eng-Latn.source"].score is not None
        assert (report.ok, report.exit_code) == (False, 1)

    def test_a_set_of_ones_own_needs_its_file_only_to_be_built(
        self, folders: dict[str, Path], tmp_path: Path
    ) -> None:
        file = own_set(tmp_path / "specs")
        api.build("tr", tasks=str(file), translator=f"{__name__}:upper", **_without(folders, "results_dir"))
        label = f"{__name__}-upper"
        told: list[str] = []
        report = api.evaluate(BAG_OF_WORDS, warn=told.append, **folders)
        assert [task.task for task in report.tasks] == [f"Own.tur-Latn.{label}"]
        assert any("Own.eng-Latn.source is not built" in warning for warning in told)
        assert len(scored(folders, tasks=str(file))) == 2
        assert len(scored(folders)) == 2  # it is built now


def own_set(folder: Path) -> Path:
    """A set of one's own in a folder that nobody searches."""
    folder.mkdir()
    rows = ["sentence1,sentence2,score", "A cat sleeps,The cat sleeps,5", "It rains,The sun is out,1"]
    rows += ["A dog barks,The dog barks,4", "She reads,He cooks a soup,0"]
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    file = folder / "Own.toml"
    file.write_text(
        'type = "STS"\ndescription = "A few pairs."\nlicense = "mit"\n[files]\ntest = "rows.csv"\n'
    )
    return file


def _without(folders: dict[str, Path], name: str) -> dict[str, Path]:
    return {key: folder for key, folder in folders.items() if key != name}


class TestMirrors:
    """What was read from a mirror stays so, also where the mirror is not named again."""

    @pytest.fixture
    def mirror(self, tmp_path: Path) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = tmp_path / "hub" / "mteb" / "sts12-sts"
        folder.mkdir(parents=True)
        texts = ["a red car", "a blue car", "the red house", "water"]
        rows = {"sentence1": texts, "sentence2": [*texts[1:], texts[0]], "score": [1.0, 2.0, 3.0, 4.0]}
        pq.write_table(pa.table(rows), folder / "test.parquet")
        return tmp_path / "hub"

    def test_english_is_kept(self, folders: dict[str, Path], mirror: Path) -> None:
        translator = f"{__name__}:upper"
        report = api.build(
            ["tr", "en"],
            tasks="STS12",
            translator=translator,
            source_dir=mirror,
            **_without(folders, "results_dir"),
        )
        assert report.ok
        assert len(scored(folders)) == 2
        assert scored(folders, languages="en", tasks="STS12") == ["STS12.eng-Latn.source"]

    def test_it_is_built_from_the_mirror_that_is_named(self, folders: dict[str, Path], mirror: Path) -> None:
        assert scored(folders, languages="en", tasks="STS12", source_dir=mirror) == ["STS12.eng-Latn.source"]


class TestEvaluate:
    def test_an_object_and_a_list_of_models(self, folders: dict[str, Path], built: Path) -> None:
        folders["data_dir"] = built
        report = api.evaluate([mmteb_synth_bag(), "no/such"], languages="tr", tasks="MiniSTS", **folders)
        assert [(task.model, task.error is None) for task in report.tasks] == [
            ("mmteb-synth/bag-of-words", True),
            ("no/such", False),
        ]
        assert report.exit_code == 1

    def test_an_unknown_model_is_the_callers_mistake(self, folders: dict[str, Path], built: Path) -> None:
        folders["data_dir"] = built
        report = api.evaluate("no/such", languages="tr", **folders)
        assert [task.task for task in report.tasks] == [None]
        assert report.exit_code == 2

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"model": []}, "no model was named"),
            ({"model": ["a", "b"], "model_name": "org/name"}, "--model-name org/name is one model's, but 2"),
            ({"model": ["a", "b"], "revision": "main"}, "--revision main is one model's"),
            ({"batch_size": 0}, "--batch-size must be at least 1"),
            ({"languages": []}, "no language was named"),
            ({"languages": ["tr", "xx"]}, "unknown language 'xx'"),
            ({"tasks": "MiniSTSS"}, "unknown task 'MiniSTSS'; did you mean MiniSTS"),
            ({"suite": "nonesuch"}, "unknown suite"),
            ({"translator": "gpt"}, "unknown translator of built sets 'gpt'"),
        ],
    )
    def test_mistakes_are_told_before_any_work(
        self, folders: dict[str, Path], built: Path, options: dict[str, Any], message: str
    ) -> None:
        folders["data_dir"] = built
        with pytest.raises(UsageError, match=message):
            api.evaluate(**{"model": BAG_OF_WORDS, **options}, **folders)
        assert not folders["results_dir"].exists()

    def test_a_language_of_which_nothing_is_built_is_an_error(
        self, folders: dict[str, Path], built: Path
    ) -> None:
        folders["data_dir"] = built
        with pytest.raises(StoreError, match="none of the chosen sets in French") as refused:
            api.evaluate(BAG_OF_WORDS, languages=["tr", "fr"], **folders)
        assert "--lang fra-Latn" in str(refused.value.hint)

    def test_a_named_set_that_is_not_built_is_told_of(self, folders: dict[str, Path], built: Path) -> None:
        folders["data_dir"] = built
        with pytest.warns(UserWarning, match="not built in Turkish, and so not scored: STS12"):
            report = api.evaluate(BAG_OF_WORDS, languages="tr", tasks=["MiniSTS", "STS12"], **folders)
        assert [task.task for task in report.tasks] == [STS]

    def test_a_prompt_may_name_a_set_of_ours(self, folders: dict[str, Path], built: Path) -> None:
        folders["data_dir"] = built
        report = api.evaluate(
            BAG_OF_WORDS, languages="tr", tasks="MiniSTS", prompts={"MiniSTS": "x"}, **folders
        )
        assert "can't be chosen" in str(report.tasks[0].error)  # not: unknown prompt key
        report = api.evaluate(
            BAG_OF_WORDS, languages="tr", tasks="MiniSTS", prompts={"MiniST": "x"}, **folders
        )
        assert "unknown prompt key 'MiniST'" in str(report.tasks[0].error)


class TestBuild:
    def test_mistakes_are_told(self, folders: dict[str, Path], tmp_path: Path) -> None:
        places = _without(folders, "results_dir")
        broken = tmp_path / "Broken.toml"
        broken.write_text("type = \n")
        for options, kind in (
            ({"languages": []}, UsageError),
            ({"languages": "tr", "limit": 0}, UsageError),
            ({"languages": "tr", "tolerate": 2}, UsageError),
            ({"languages": "tr", "tasks": str(broken)}, SpecError),
            ({"languages": "fi", "tasks": "MiniSTS"}, UsageError),
            ({"languages": "tr", "tasks": "MiniSTS", "translator": "gpt9"}, UnknownNameError),
        ):
            with pytest.raises(kind):
                api.build(**options, **places)  # type: ignore[arg-type]
        assert not folders["data_dir"].exists()

    def test_a_second_build_changes_nothing(self, built: Path) -> None:
        report = api.build("tr", tasks="MiniSTS", data_dir=built, cache_dir=built.parent / "cache")
        assert [one.status for one in report.sets] == ["unchanged"]

    @pytest.mark.parametrize("language", ["de", "fr", "es", "sw", "tr"])
    def test_the_bundled_languages(self, tmp_path: Path, language: str) -> None:
        report = api.build(language, suite="mini", data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
        assert report.ok
        assert len(report.sets) == 8
        assert all(not one.failures and one.requests == 0 for one in report.sets)


class TestLeaderboard:
    def test_it_is_a_table(self, folders: dict[str, Path], built: Path) -> None:
        folders["data_dir"] = built
        api.evaluate(BAG_OF_WORDS, languages=["tr", "en"], tasks="MiniSTS", **folders)
        frame = mmteb_synth.leaderboard(suite="mini", data_dir=built, results_dir=folders["results_dir"])
        assert isinstance(frame, pd.DataFrame)
        assert set(frame["model"]) == {"mmteb-synth/bag-of-words"}

    def test_no_scores_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SynthError, match="there are no scores"):
            mmteb_synth.leaderboard(data_dir=tmp_path, results_dir=tmp_path)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import mmteb_synth, sys; dir(mmteb_synth); mmteb_synth.SynthError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"mteb", "torch", "pandas", "datasets", "pyarrow", "numpy"} & set(done.stdout.split())

"""What names lead to: MTEB tasks, sets of one's own, bitext."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmteb_synth import facts, listings, registry
from mmteb_synth.errors import SpecError, UnknownNameError, UsageError
from mmteb_synth.specs import BitextSpec, TaskSpec

OWN = 'type = "STS"\ndescription = "Pairs."\nlicense = "mit"\n[files]\ntest = "pairs.jsonl"\n'


def test_an_mteb_task_needs_no_file() -> None:
    assert registry.get_task("SciFact") == TaskSpec(name="SciFact")


def test_every_english_task_of_mteb_can_be_named() -> None:
    named = [known.name for known in facts.tasks().values() if known.english and not known.parts]
    assert len(named) > 500
    for name in named:
        assert registry.get_task(name).name == name


def test_a_users_file_adds_to_an_mteb_task(tasks_folder: Path) -> None:
    (tasks_folder / "STS22.toml").write_text('register = "formal"\nsubset = "en"\neval_splits = ["test"]\n')
    spec = registry.get_task("STS22")
    assert isinstance(spec, TaskSpec)
    assert (spec.register, spec.subset, spec.path) == ("formal", "en", tasks_folder / "STS22.toml")


def test_a_set_of_ones_own_by_name_and_by_path(tasks_folder: Path) -> None:
    (tasks_folder / "MyPairs.toml").write_text(OWN)
    by_name = registry.get_task("MyPairs")
    assert by_name == registry.get_task(str(tasks_folder / "MyPairs.toml"))
    assert isinstance(by_name, TaskSpec)
    assert by_name.is_own


def test_a_path_needs_no_folder(tmp_path: Path) -> None:
    (tmp_path / "MyPairs.toml").write_text(OWN)
    assert registry.get_task(str(tmp_path / "MyPairs.toml")).name == "MyPairs"


def test_bitext_is_named_after_its_source(tasks_folder: Path) -> None:
    (tasks_folder / "MyPairs.toml").write_text(OWN)
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


def test_a_users_set_is_suggested_too(tasks_folder: Path) -> None:
    (tasks_folder / "ZebraPairs.toml").write_text(OWN)
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
    tasks_folder: Path, name: str, text: str, said: str
) -> None:
    path = tasks_folder / f"{name}.toml"
    path.write_text(text)
    for needs in (lambda: registry.get_task(name), lambda: registry.get_task(str(path)), listings.list_tasks):
        with pytest.raises(SpecError) as caught:
            needs()
        assert said in caught.value.message
        assert str(path) in caught.value.message
    registry.get_task("BIOSSES")  # needs no file


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", str(tmp_path / "absent"))
    for ask in (lambda: registry.get_task("SciFact"), listings.list_suites):
        with pytest.raises(UsageError, match="MMTEB_SYNTH_TASKS is not a folder"):
            ask()

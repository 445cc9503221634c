"""Sets built under profiles: what they are called and record, and that no text is paid for twice."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import mteb
import pytest

from mmteb_synth import baselines, building, paths, selection
from mmteb_synth.building import BuildOptions, planning
from mmteb_synth.data import profiles, source
from mmteb_synth.data.profiles import parse
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, TableKey
from mmteb_synth.errors import StoreError
from mmteb_synth.evaluation import tasks
from mmteb_synth.specs import TaskSpec
from mmteb_synth.types import Language

pytestmark = pytest.mark.usefixtures("unjudged")

GERMAN = Language(code="deu-Latn", name="German")
ENGLISH = Language(code="eng-Latn", name="English")
TEST = TableKey(DEFAULT, "test")
TRANSLATOR = "made_up_counter:translate"
Build = Callable[..., str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that a translator of the user's was asked for."""
    found: list[str] = []

    def translate(texts: list[str], language: str) -> list[str]:
        found.extend(texts)
        return [f"{language[:3]} {text}" for text in texts]

    module = ModuleType("made_up_counter")
    module.translate = translate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up_counter", module)
    return found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets for sets of a test's size."""
    budgets = {
        name: dataclasses.replace(profiles.BUDGETS[name], pairs=pairs)
        for name, pairs in (("nano", 6), ("standard", 15))
    }
    monkeypatch.setattr(profiles, "BUDGETS", budgets)


@pytest.fixture
def spec(own_set: Any) -> TaskSpec:
    rows = [{"sentence1": f"one {n}", "sentence2": f"other {n}", "score": n % 6} for n in range(40)]
    found: TaskSpec = own_set("Pairs", "STS", {"test": rows})
    return found


@pytest.fixture
def folders(tmp_path: Path) -> paths.Folders:
    return paths.folders(cache_dir=tmp_path / "cache", data_dir=tmp_path / "data")


@pytest.fixture
def build(spec: TaskSpec, folders: paths.Folders, asked: list[str]) -> Build:
    """Builds the set under a profile, and says what became of it."""

    def make(profile: str, language: Language = GERMAN, **options: Any) -> str:
        how = BuildOptions(
            translator=TRANSLATOR if language is GERMAN else None, profile=parse(profile), **options
        )
        (done,) = building.build([language], [selection.Member(spec=spec)], options=how, folders=folders).sets
        assert done.error is None
        return f"{done.name}: {done.status}"

    return make


LABEL = "Pairs.deu-Latn.made_up_counter-translate"


def test_each_text_is_asked_for_once_whatever_the_order_of_profiles(build: Build, asked: list[str]) -> None:
    counts = []
    for profile in ("nano", "standard", "full", "standard", "nano"):
        build(profile, retry_failed=True)
        counts.append(len(asked))
    assert counts == [12, 30, 80, 80, 80]
    assert len(set(asked)) == 80


def test_names_and_records(build: Build, folders: paths.Folders) -> None:
    store = Store(folders.data_dir)
    assert build("nano") == f"{LABEL}.nano: built"
    assert build("nano-s7") == f"{LABEL}.nano-s7: built"
    assert build("full") == f"{LABEL}: built"
    assert build("nano", limit=2) == f"{LABEL}.nano.limit2: built"
    assert build("nano", ENGLISH) == "Pairs.eng-Latn.source.nano: built"
    nano, other = store.get(f"{LABEL}.nano"), store.get(f"{LABEL}.nano-s7")
    assert (nano.manifest.profile, other.manifest.profile) == ("nano", "nano-s7")
    assert nano.manifest.sample["tables"] == {"default/test": {"kept": 6, "of": 40}}
    assert (other.manifest.sample["profile"], other.manifest.sample["seed"]) == ("nano", 7)
    listed = nano.sample()
    assert listed is not None
    assert nano.tables()[TEST].column("sentence1").to_pylist() == [
        f"deu one {row}" for row in listed.column("row").to_pylist()
    ]
    english = store.get("Pairs.eng-Latn.source.nano")
    assert english.sample() == listed
    assert store.get(f"{LABEL}.nano.limit2").tables()[TEST].num_rows == 2
    whole = store.get(LABEL)
    assert (whole.manifest.profile, whole.manifest.sample, whole.sample()) == ("full", {}, None)
    assert "nano: a sample, listed in sample.parquet" in (nano.folder / "README.md").read_text("utf-8")


def test_a_list_that_was_altered_is_refused(build: Build, folders: paths.Folders) -> None:
    build("nano")
    build("nano-s7")
    one, other = (Store(folders.data_dir).get(f"{LABEL}.{label}") for label in ("nano", "nano-s7"))
    (one.folder / "sample.parquet").write_bytes((other.folder / "sample.parquet").read_bytes())
    with pytest.raises(StoreError, match=r"sample\.parquet is not what was recorded"):
        one.sample()
    (other.folder / "sample.parquet").unlink()
    with pytest.raises(StoreError, match=r"is damaged: sample\.parquet"):
        other.sample()


def test_a_set_is_built_anew_where_its_sample_would_be_another(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("nano")
    assert build("nano").endswith("unchanged")
    monkeypatch.setattr(profiles, "SAMPLER", profiles.SAMPLER + 1)
    assert build("nano").endswith("built")
    assert build("nano").endswith("unchanged")
    larger = dataclasses.replace(profiles.BUDGETS["nano"], pairs=7)
    monkeypatch.setitem(profiles.BUDGETS, "nano", larger)
    assert build("nano").endswith("built")


def test_a_plan_compares_profiles(spec: TaskSpec, folders: paths.Folders, build: Build) -> None:
    build("nano")
    made = planning.plan(
        [GERMAN],
        [selection.Member(spec=spec)],
        options=BuildOptions(translator=TRANSLATOR),
        folders=folders,
        profiles=[parse(name) for name in profiles.NAMES],
    )
    found = {one.profile: (one.total.segments, one.total.to_ask, one.exact) for one in made.profiles}
    assert found == {"nano": (12, 0, True), "standard": (30, 18, True), "full": (80, 68, True)}
    assert (made.total.segments, made.total.cached) == (80, 12)
    assert [one.name for one in made.sets] == [LABEL]


@pytest.mark.usefixtures("asked")
def test_a_set_is_read_and_drawn_from_once_for_all_languages(
    spec: TaskSpec, folders: paths.Folders, own_set: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = own_set("Broken", "STS", {"test": []})
    done: Counter[str] = Counter()

    def counting(name: str) -> None:
        whole = getattr(source, name)

        def count(of: TaskSpec | source.SourceSet, **options: Any) -> source.SourceSet:
            done[f"{name} {of.name if isinstance(of, TaskSpec) else of.spec.name}"] += 1
            found: source.SourceSet = whole(of, **options)
            return found

        monkeypatch.setattr(source, name, count)

    counting("read")
    counting("cut")
    made = planning.plan(
        [GERMAN, ENGLISH],
        [selection.Member(spec=spec), selection.Member(spec=broken)],
        options=BuildOptions(translator=TRANSLATOR),
        folders=folders,
        profiles=[parse(name) for name in profiles.NAMES],
    )
    assert [one.error is None for one in made.sets] == [True, True, False, False]
    assert done == {"read Pairs": 1, "read Broken": 1, "cut Pairs": 3}


def test_a_bitext_set_pairs_what_the_profile_keeps(
    spec: TaskSpec, folders: paths.Folders, asked: list[str], tmp_path: Path
) -> None:
    assert spec.path is not None
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'description = "Pairs and their bitext."\n'
        f'[[tasks]]\nname = "{spec.path}"\n[[bitext]]\nsource = "{spec.path}"\n'
    )
    options = BuildOptions(translator=TRANSLATOR, profile=parse("nano"))
    members = selection.choose(suites=[str(suite)]).members
    report = building.build([GERMAN], members, options=options, folders=folders)
    assert [one.error for one in report.sets] == [None, None]
    assert len(asked) == 12
    found = Store(folders.data_dir).get("PairsBitext.deu-Latn.made_up_counter-translate.nano")
    assert [table.num_rows for table in found.tables().values()] == [12]


def test_mteb_embeds_the_whole_sample_of_a_clustering(
    mirrored: Any, folders: paths.Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    nano = dataclasses.replace(profiles.BUDGETS["nano"], clustered=20)
    monkeypatch.setitem(profiles.BUDGETS, "nano", nano)
    texts = {"sentences": [f"text {n}" for n in range(1000)], "labels": [n % 4 for n in range(1000)]}
    mirror = mirrored("mteb/twentynewsgroups-clustering", {"default": {"test": [texts]}})
    member = selection.Member(spec=TaskSpec(name="TwentyNewsgroupsClustering.v2"))
    options = BuildOptions(profile=parse("nano"), source_dir=mirror)
    (done,) = building.build([ENGLISH], [member], options=options, folders=folders).sets
    assert (done.status, done.counts and done.counts.texts) == ("built", 20)
    task = tasks.task(Store(folders.data_dir).get("TwentyNewsgroupsClustering.v2.eng-Latn.source.nano"))
    task.max_documents_per_cluster = 50
    shown: list[str] = []
    model = baselines.bag_of_words()
    encode = model.encode
    monkeypatch.setattr(
        model,
        "encode",
        lambda inputs, **options: (
            shown.extend(text for batch in inputs for text in batch["text"]) or encode(inputs, **options)
        ),
    )
    scores = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    assert len(shown) == 20
    assert 0 <= scores.task_results[0].get_score() <= 1

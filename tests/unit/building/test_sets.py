"""The build verb on sets of one's own: what is stored, skipped, done again, held back, and what stops a run."""

import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmteb_synth import building, checks, paths, selection
from mmteb_synth.building import BuildOptions, BuildReport
from mmteb_synth.data import source
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.data.tables import CORPUS, DEFAULT, QUERIES, TableKey
from mmteb_synth.errors import CacheError, RequestError, SourceError, TranslatorError
from mmteb_synth.specs import TaskSpec
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.imported import IMPORT_VERSION
from mmteb_synth.translate.rows import Row, replay_key
from mmteb_synth.types import Language

pytestmark = pytest.mark.usefixtures("unjudged")

TURKISH = Language(code="tur-Latn", name="Turkish")
GERMAN = Language(code="deu-Latn", name="German")
ENGLISH = Language(code="eng-Latn", name="English")
TEST = TableKey(DEFAULT, "test")
WORDS = ["iron", "copper", "river", "meadow", "lantern", "harbour", "pepper", "velvet", "window", "thunder"]
IMPORTED = "import:mine"

Rows = list[dict[str, Any]]
OwnSet = Callable[..., TaskSpec]


class Person:
    """A translator of the user's: brackets every text, remembers it, and fails where told."""

    name = "made_up_person:translate"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing: set[str] = set()
        self.fatal: set[str] = set()
        self.module = ModuleType("made_up_person")
        self.module.translate = self.translate  # type: ignore[attr-defined]

    def translate(self, texts: list[str], language: str) -> list[str]:
        self.asked += texts
        if self.fatal & set(texts):
            raise RequestError("the person went home", fatal=True)
        return ["" if text in self.failing else f"{language[:3]}<{text}>" for text in texts]


class Place:
    """Folders of one test, and short ways to build there."""

    def __init__(self, folder: Path) -> None:
        self.folders = paths.folders(cache_dir=folder / "cache", data_dir=folder / "data")
        self.store = Store(self.folders.data_dir)

    def build(
        self, *specs: TaskSpec, languages: tuple[Language, ...] = (TURKISH,), **options: Any
    ) -> BuildReport:
        members = [selection.Member(spec=spec) for spec in specs]
        return building.build(languages, members, options=BuildOptions(**options), folders=self.folders)

    def status(self, *specs: TaskSpec, **options: Any) -> str:
        (report,) = self.build(*specs, **{"translator": Person.name, **options}).sets
        return report.status

    def fill(self, translations: Mapping[str, str], *, name: str = IMPORTED, replace: bool = False) -> None:
        rows = [
            Row(
                key=replay_key(name, IMPORT_VERSION, TURKISH.code, text),
                translator=name,
                language=TURKISH.code,
                kind=None,
                source=text,
                translation=translation,
            )
            for text, translation in translations.items()
        ]
        with Cache(self.folders.cache_file) as cache:
            (cache.replace if replace else cache.put)(rows)

    def get(self, name: str) -> TranslatedDataset:
        return self.store.get(name)

    def manifest(self, name: str) -> Manifest:
        return self.get(name).manifest

    def column(self, name: str, column: str, key: TableKey = TEST) -> list[Any]:
        return list(self.get(name).tables()[key].column(column).to_pylist())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    somebody = Person()
    monkeypatch.setitem(sys.modules, "made_up_person", somebody.module)
    return somebody


@pytest.fixture
def pairs(own_set: OwnSet) -> OwnSet:
    """An STS set of some words."""

    def make(name: str = "Pairs", words: list[str] | None = None, toml: str = "") -> TaskSpec:
        rows = [
            {"sentence1": word, "sentence2": f"more {word}", "score": place / 2}
            for place, word in enumerate(words or WORDS[:4])
        ]
        return own_set(name, "STS", {"test": rows}, toml)

    return make


def label_of(word: str) -> str:
    return f"{word}.tur-Latn.made_up_person-translate"


PAIRS = label_of("Pairs")


# ---------------------------------------------------------------------------------------- what is stored


def test_several_languages_and_english_are_built_in_one_run(
    place: Place, pairs: OwnSet, person: Person
) -> None:
    report = place.build(pairs(), languages=(TURKISH, GERMAN, ENGLISH), translator=Person.name)
    names = [PAIRS, "Pairs.deu-Latn.made_up_person-translate", "Pairs.eng-Latn.source"]
    assert [(done.name, done.status) for done in report.sets] == [(name, "built") for name in names]
    assert report.ok
    assert place.store.names() == sorted(names)
    assert place.column(PAIRS, "sentence2")[:2] == ["tur<more iron>", "tur<more copper>"]
    assert place.column(names[1], "sentence1")[0] == "deu<iron>"
    assert place.column(names[2], "sentence1")[0] == "iron"
    for name in names:
        assert place.column(name, "score") == [0.0, 0.5, 1.0, 1.5]
    assert len(person.asked) == 16  # English is asked of nobody


def test_a_text_of_two_sets_is_asked_for_once(place: Place, pairs: OwnSet, person: Person) -> None:
    one, two = pairs("One", WORDS[:4]), pairs("Two", WORDS[2:6])
    report = place.build(one, two, translator=Person.name)
    assert sorted(person.asked) == sorted({*person.asked})
    assert [done.hits for done in report.sets] == [0, 4]
    assert [done.counts.segments for done in report.sets if done.counts] == [8, 8]


def test_the_manifest_says_where_everything_comes_from(place: Place, pairs: OwnSet, person: Person) -> None:
    spec = pairs()
    place.status(spec)
    manifest = place.manifest(PAIRS)
    assert (manifest.source_task, manifest.task_type, manifest.language) == ("Pairs", "STS", "tur-Latn")
    assert (manifest.translator, manifest.translator_identity) == (
        Person.name,
        {"translator": Person.name, "version": "0"},
    )
    assert manifest.source["revision"] == source.identify(spec).revision
    assert (manifest.licence, manifest.coverage, manifest.failures, manifest.notes) == ("mit", 1.0, [], [])
    assert (manifest.eval_splits, manifest.protocol, manifest.limit) == (["test"], {}, None)
    assert manifest.counts["segments"] == 8
    assert manifest.spec is not None
    assert TaskSpec.model_validate(manifest.spec).files == spec.files


def test_rows_that_mteb_never_shows_are_blank_and_what_decided_them_is_on_record(
    place: Place, own_set: OwnSet, person: Person
) -> None:
    train = [{"text": f"train {number}", "label": number % 2} for number in range(60)]
    files = {"train": train, "test": [{"text": "water", "label": 0}, {"text": "42", "label": 1}]}
    spec = own_set("Topics", "Classification", files, "[protocol]\nsamples_per_label = 2\nn_experiments = 3")
    name = label_of("Topics")
    assert place.status(spec) == "built"
    texts = place.column(name, "text", TableKey(DEFAULT, "train"))
    assert 4 < sum(map(bool, texts)) <= 12
    assert len(texts) == 60
    assert place.column(name, "text") == ["tur<water>", "42"]
    manifest = place.manifest(name)
    assert manifest.protocol["samples_per_label"] == 2
    assert manifest.protocol["mteb_version"] == source.mteb_version()
    assert manifest.counts["unencoded"] == texts.count("")
    assert manifest.counts["carried"] == 1
    assert place.status(spec, all_rows=True) == "built"
    assert all(place.column(name, "text", TableKey(DEFAULT, "train")))
    assert place.manifest(name).protocol == {}


def test_an_identity_import_gives_the_same_files_as_english(
    place: Place, own_set: OwnSet, pairs: OwnSet
) -> None:
    summaries = [
        {"text": "a", "human_summaries": ["b"], "machine_summaries": ["c", "d"], "relevance": [1.0, 2.0]}
    ]
    specs = [
        pairs(),
        own_set("Sum", "Summarization", {"test": summaries}, "[protocol]\nmin_score = 0\nmax_score = 5"),
    ]
    texts = [*WORDS[:4], *(f"more {word}" for word in WORDS[:4]), "b", "c", "d"]
    place.fill({text: text for text in texts})
    assert place.build(*specs, languages=(TURKISH, ENGLISH), translator=IMPORTED).ok
    for spec in specs:
        turkish, english = (
            place.get(f"{spec.name}.tur-Latn.import-mine"),
            place.get(f"{spec.name}.eng-Latn.source"),
        )
        assert turkish.manifest.revision == english.manifest.revision
        files = sorted(path.relative_to(english.folder) for path in english.folder.glob("*/*.parquet"))
        assert files
        for file in files:
            assert (turkish.folder / file).read_bytes() == (english.folder / file).read_bytes()


LIMITED: dict[str, tuple[dict[str, Rows], str, dict[str, int]]] = {
    "Classification": (
        {
            "train": [{"text": f"train {n}", "label": n % 2} for n in range(6)],
            "test": [{"text": f"eval {n}", "label": n % 2} for n in range(6)],
        },
        "",
        {"default/train": 6, "default/test": 2},
    ),
    "Clustering": (
        {"test": [{"sentences": f"text {n}", "labels": "ab"[n % 2]} for n in range(6)]},
        '[protocol]\nmax_fraction_of_documents_to_embed = "none"',
        {"default/test": 2},
    ),
    "PairClassification": (
        {"test": [{"sentence1": f"one {n}", "sentence2": f"two {n}", "labels": n % 2} for n in range(6)]},
        "",
        {"default/test": 2},
    ),
    "Summarization": (
        {
            "test": [
                {"text": "a", "human_summaries": [f"h {n}"], "machine_summaries": ["m"], "relevance": [1.0]}
                for n in range(4)
            ]
        },
        "[protocol]\nmin_score = 0\nmax_score = 5",
        {"default/test": 2},
    ),
    "Retrieval": (
        {
            "corpus": [{"id": f"d{n}", "text": f"document {n}"} for n in range(9)],
            "queries": [{"id": f"q{n}", "text": f"query {n}"} for n in range(4)],
            "qrels": [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(4)],
        },
        "",
        {"corpus/test": 4, "queries/test": 2, "qrels/test": 2},
    ),
    "Reranking": (
        {
            "corpus": [{"id": f"d{n}", "text": f"document {n}"} for n in range(9)],
            "queries": [{"id": f"q{n}", "text": f"query {n}"} for n in range(4)],
            "qrels": [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(4)],
            "top_ranked": [{"query-id": f"q{n}", "corpus-ids": [f"d{n}", "d8"]} for n in range(4)],
        },
        "",
        {"corpus/test": 5, "queries/test": 2, "qrels/test": 2, "top_ranked/test": 2},
    ),
}


@pytest.mark.parametrize("kind", LIMITED)
def test_a_limited_set_bears_its_limit_in_its_name(
    kind: str, place: Place, own_set: OwnSet, person: Person
) -> None:
    files, toml, rows = LIMITED[kind]
    spec = own_set("Mine", kind, files, toml)
    assert place.status(spec, limit=2) == "built"
    name = f"{label_of('Mine')}.limit2"
    found = place.get(name)
    assert {f"{key.config}/{key.split}": table.num_rows for key, table in found.tables().items()} == rows
    assert found.manifest.limit == 2
    assert place.status(spec) == "built"
    assert place.store.names() == sorted([label_of("Mine"), name])


# ------------------------------------------------------------------------------- what is skipped and redone


def forbid_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the source was loaded")

    monkeypatch.setattr(source, "read", refuse)


def test_an_unchanged_set_reads_neither_its_source_nor_a_translation(
    place: Place, pairs: OwnSet, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = pairs()
    assert place.status(spec) == "built"
    before = place.get(PAIRS)
    asked = list(person.asked)
    with sqlite3.connect(place.folders.cache_file) as connection:
        connection.execute("DROP TABLE translations")
    connection.close()
    forbid_loading(monkeypatch)
    assert place.status(spec) == "unchanged"
    assert person.asked == asked
    assert place.get(PAIRS) == before


def change_row(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pairs(words=["bronze", *WORDS[1:4]])
    return {}


def change_register(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pairs(toml='register = "informal"')
    return {}


def change_checks(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(checks, "CHECKS_VERSION", checks.CHECKS_VERSION + 1)
    return {}


def change_translator(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    sys.modules["made_up_person"].__version__ = "2"  # type: ignore[attr-defined]
    return {}


def change_mteb(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(source, "mteb_version", lambda: "2.99.0")
    return {}


def want_all_rows(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"all_rows": True}


def replace_translation(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    with Cache(place.folders.cache_file) as cache:
        key = replay_key(Person.name, "0", TURKISH.code, "iron")
        (row,) = cache.lookup([key]).values()
        cache.replace([Row(**{**{n: getattr(row, n) for n in row.__slots__}, "translation": "demir"})])
    return {}


def damage_manifest(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (place.get(PAIRS).folder / "manifest.json").write_text("{")
    return {}


def delete_folder(place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    folder = place.get(PAIRS).folder
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    return {}


@pytest.mark.parametrize(
    "change",
    [
        change_row,
        change_register,
        change_checks,
        change_translator,
        change_mteb,
        want_all_rows,
        replace_translation,
        damage_manifest,
        delete_folder,
    ],
)
def test_whatever_decides_the_content_builds_it_anew(
    change: Any, place: Place, pairs: OwnSet, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pairs("Other", WORDS[5:8])
    spec = pairs()
    place.build(spec, other, translator=Person.name)
    options = change(place, pairs, monkeypatch)
    changed = selection.choose([str(spec.path)]).members[0].spec
    assert isinstance(changed, TaskSpec)
    assert place.status(changed, **options) == "built"
    assert place.status(changed, **options) == "unchanged"


def test_only_what_changed_is_done_again(place: Place, pairs: OwnSet, person: Person) -> None:
    one, two = pairs("One"), pairs("Two", WORDS[5:8])
    place.build(one, two, translator=Person.name)
    person.asked.clear()
    report = place.build(one, pairs("Two", [*WORDS[5:8], "bronze"]), translator=Person.name)
    assert [done.status for done in report.sets] == ["unchanged", "built"]
    assert sorted(person.asked) == ["bronze", "more bronze"]


def test_new_rows_of_another_set_leave_a_complete_one_as_it_is(
    place: Place, pairs: OwnSet, person: Person
) -> None:
    one = pairs("One")
    place.status(one)
    place.status(pairs("Two", WORDS[5:8]))
    assert place.status(one) == "unchanged"


def test_a_replaced_translation_reaches_the_stored_set(place: Place, pairs: OwnSet) -> None:
    texts = [*WORDS[:4], *(f"more {word}" for word in WORDS[:4])]
    place.fill({text: text.upper() for text in texts})
    spec = pairs()
    assert place.status(spec, translator=IMPORTED) == "built"
    place.fill({"iron": "demir"}, replace=True)
    assert place.status(spec, translator=IMPORTED) == "built"
    assert place.column("Pairs.tur-Latn.import-mine", "sentence1")[0] == "demir"


# --------------------------------------------------------------------------------------------- failures


def gaps(place: Place, *, without: tuple[str, ...]) -> None:
    texts = {*WORDS, *(f"more {word}" for word in WORDS)} - set(without)
    place.fill({text: f"<{text}>" for text in texts})


NAME = "Pairs.tur-Latn.import-mine"


def test_stop_holds_back_only_the_set_with_failures(place: Place, pairs: OwnSet) -> None:
    gaps(place, without=("iron",))
    report = place.build(pairs(), pairs("Other", WORDS[1:4]), translator=IMPORTED)
    assert [done.status for done in report.sets] == ["held back", "built"]
    assert not report.ok
    assert report.sets[0].failures == {"iron": "no translation was imported for this text"}
    assert place.store.names() == ["Other.tur-Latn.import-mine"]
    place.fill({"iron": "demir"})
    assert place.status(pairs(), translator=IMPORTED) == "built"


def test_source_stores_english_and_says_so(place: Place, pairs: OwnSet) -> None:
    gaps(place, without=("iron", "more river"))
    report = place.build(pairs(), translator=IMPORTED, on_failure="source")
    assert report.ok
    assert place.column(NAME, "sentence1") == ["iron", "<copper>", "<river>", "<meadow>"]
    manifest = place.manifest(NAME)
    assert manifest.notes == ["2 of 8 segments have no translation; 2 rows keep their English text"]
    assert report.sets[0].warnings == tuple(manifest.notes)
    assert (manifest.kept, manifest.dropped, manifest.coverage) == ({"default/test": [0, 2]}, {}, 0.75)
    assert manifest.failures[0] == {
        "source": "iron",
        "kind": "sentence",
        "reason": "no translation was imported for this text",
    }


def test_drop_leaves_out_the_row_and_says_so(place: Place, pairs: OwnSet) -> None:
    gaps(place, without=("iron",))
    assert place.status(pairs(), translator=IMPORTED, on_failure="drop") == "built"
    assert place.column(NAME, "sentence1") == ["<copper>", "<river>", "<meadow>"]
    assert place.column(NAME, "score") == [0.5, 1.0, 1.5]
    manifest = place.manifest(NAME)
    assert (manifest.kept, manifest.dropped) == ({}, {"default/test": [0]})
    assert manifest.notes == ["1 of 8 segments have no translation; 1 rows of default/test were dropped"]


def test_a_set_of_which_nothing_would_be_left_fails_alone(place: Place, pairs: OwnSet) -> None:
    gaps(place, without=("iron", "copper"))
    report = place.build(
        pairs(words=["iron", "copper"]), pairs("Other", WORDS[2:5]), translator=IMPORTED, on_failure="drop"
    )
    assert [done.status for done in report.sets] == ["failed", "built"]
    assert "all rows of default/test that MTEB scores would be dropped" in str(report.sets[0].error)


@pytest.mark.parametrize(("tolerate", "status"), [(0.1, "held back"), (0.125, "built"), (1.0, "built")])
def test_a_tolerated_share_of_failures_keeps_english(
    tolerate: float, status: str, place: Place, pairs: OwnSet
) -> None:
    gaps(place, without=("iron",))
    assert place.status(pairs(), translator=IMPORTED, tolerate=tolerate) == status
    if status == "built":
        assert place.column(NAME, "sentence1")[0] == "iron"
        assert place.manifest(NAME).kept == {"default/test": [0]}
        assert place.manifest(NAME).on_failure == "stop"


def test_a_set_with_failures_is_unchanged_only_while_nothing_can_mend_it(
    place: Place, pairs: OwnSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps(place, without=("iron",))
    spec = pairs()
    wanted = {"translator": IMPORTED, "on_failure": "source"}
    assert place.status(spec, **wanted) == "built"
    with monkeypatch.context() as patch:
        forbid_loading(patch)
        report = place.build(spec, **wanted)
        assert report.sets[0].status == "unchanged"
        assert report.sets[0].warnings == tuple(place.manifest(NAME).notes)
    assert place.status(spec, **{**wanted, "on_failure": "drop"}) == "built"
    assert place.status(spec, **wanted) == "built"
    place.fill({"elsewhere": "başka"})
    assert place.status(spec, **wanted) == "built"  # the row that came might have been the missing one
    place.fill({"iron": "demir"})
    assert place.status(spec, **wanted) == "built"
    assert place.manifest(NAME).failures == []


def test_what_was_tolerated_once_is_held_back_when_it_no_longer_is(place: Place, pairs: OwnSet) -> None:
    gaps(place, without=("iron",))
    spec = pairs()
    assert place.status(spec, translator=IMPORTED, tolerate=0.5) == "built"
    assert place.status(spec, translator=IMPORTED, tolerate=0.5) == "unchanged"
    assert place.status(spec, translator=IMPORTED) == "held back"
    assert place.store.names() == [NAME]  # what was stored stays until something better is


def test_an_answer_that_was_empty_is_not_asked_for_again_unless_told(
    place: Place, pairs: OwnSet, person: Person
) -> None:
    person.failing = {"iron"}
    assert place.status(pairs(), on_failure="source") == "built"
    person.asked.clear()
    person.failing = set()
    assert place.status(pairs(), on_failure="source") == "built"
    assert person.asked == []
    assert place.manifest(PAIRS).coverage == 0.875
    assert place.status(pairs(), on_failure="source", retry_failed=True) == "built"
    assert person.asked == ["iron"]
    assert place.manifest(PAIRS).coverage == 1.0


def test_a_miss_of_an_offline_run_is_mended_by_the_next(place: Place, pairs: OwnSet, person: Person) -> None:
    assert place.status(pairs(), offline=True) == "held back"
    assert place.status(pairs(), offline=True, on_failure="source") == "built"
    assert place.status(pairs(), offline=True, on_failure="source") == "unchanged"
    assert person.asked == []
    assert place.status(pairs(), on_failure="source") == "built"
    assert place.manifest(PAIRS).failures == []


def test_training_rows_that_fail_are_listed(place: Place, own_set: OwnSet, person: Person) -> None:
    files, _, _ = LIMITED["Classification"]
    person.failing = {"train 3", "eval 1"}
    assert place.status(own_set("Mine", "Classification", files), on_failure="drop") == "built"
    manifest = place.manifest(label_of("Mine"))
    assert (manifest.kept, manifest.dropped) == ({"default/train": [3]}, {"default/test": [1]})


def test_a_retrieval_set_loses_queries_and_unjudged_documents(
    place: Place, own_set: OwnSet, person: Person
) -> None:
    files, _, _ = LIMITED["Reranking"]
    person.failing = {"query 2", "document 8", "document 1"}
    assert place.status(own_set("Mine", "Reranking", files), on_failure="drop") == "built"
    manifest = place.manifest(label_of("Mine"))
    assert manifest.kept == {"corpus/test": ["d1"]}
    assert manifest.dropped == {"corpus/test": ["d8"], "queries/test": ["q2"]}
    assert place.column(label_of("Mine"), "id", TableKey(QUERIES, "test")) == ["q0", "q1", "q3"]
    assert "d8" not in place.column(label_of("Mine"), "id", TableKey(CORPUS, "test"))


# ----------------------------------------------------------------------------------------------- bitext


@pytest.fixture
def with_bitext(tmp_path: Path) -> Callable[..., selection.Choice]:
    """A suite of the set `Pairs` and its bitext."""

    def choose(source: str = "Pairs.toml", max_pairs: int = 1000, task: bool = True) -> selection.Choice:
        lines = ['description = "Pairs and their bitext."']
        lines += ["[[tasks]]", f'name = "{source}"'] if task else []
        lines += ["[[bitext]]", f'source = "{source}"', f"max_pairs = {max_pairs}"]
        (tmp_path / "Suite.toml").write_text("\n".join(lines))
        return selection.choose(suites=[str(tmp_path / "Suite.toml")])

    return choose


def test_bitext_comes_from_the_same_translations_and_there_is_no_english_one(
    place: Place, pairs: OwnSet, person: Person, with_bitext: Any
) -> None:
    pairs()
    options = BuildOptions(translator=Person.name)
    report = building.build(
        [TURKISH, ENGLISH], with_bitext(max_pairs=5).members, options=options, folders=place.folders
    )
    name = "PairsBitext.tur-Latn.made_up_person-translate"
    assert [done.name for done in report.sets] == [PAIRS, "Pairs.eng-Latn.source", name]
    assert len(person.asked) == 8
    manifest = place.manifest(name)
    assert (manifest.task_type, manifest.bitext_of, manifest.source_task) == (
        "BitextMining",
        "Pairs",
        "Pairs",
    )
    assert (manifest.subset, manifest.eval_splits) == ("tur-eng", ["test"])
    assert manifest.counts == {"pairs": 5, "candidates": 8, "failed": 0, "duplicates": 0, "unencoded": 0}
    table = place.get(name).tables()[TableKey("tur-eng", "test")]
    assert all(row["sentence1"] == f"tur<{row['sentence2']}>" for row in table.to_pylist())
    again = building.build(
        [TURKISH], with_bitext(max_pairs=6).members, options=options, folders=place.folders
    )
    assert [done.status for done in again.sets] == ["unchanged", "built"]


def test_bitext_asks_only_for_texts_of_the_scored_splits(
    place: Place, own_set: OwnSet, person: Person, with_bitext: Any
) -> None:
    files, _, _ = LIMITED["Classification"]
    own_set("Mine", "Classification", files)
    members = with_bitext("Mine.toml", task=False).members
    building.build([TURKISH], members, options=BuildOptions(translator=Person.name), folders=place.folders)
    assert sorted(person.asked) == [f"eval {n}" for n in range(6)]


def test_bitext_of_a_set_with_failures_leaves_them_out(place: Place, pairs: OwnSet, with_bitext: Any) -> None:
    gaps(place, without=("iron",))
    pairs()
    members = with_bitext(task=False).members
    held = building.build(
        [TURKISH], members, options=BuildOptions(translator=IMPORTED), folders=place.folders
    )
    assert [done.status for done in held.sets] == ["held back"]
    options = BuildOptions(translator=IMPORTED, on_failure="source")
    (done,) = building.build([TURKISH], members, options=options, folders=place.folders).sets
    assert done.status == "built"
    manifest = place.manifest("PairsBitext.tur-Latn.import-mine")
    assert (manifest.counts["pairs"], manifest.counts["failed"]) == (7, 1)
    assert manifest.notes == ["left out of the pairs: 1 failed"]


# ------------------------------------------------------------------------------------ what stops and what doesn't


def test_a_set_that_cannot_be_read_stops_no_other(
    place: Place, pairs: OwnSet, person: Person, tmp_path: Path
) -> None:
    broken, missing, good = pairs("Broken"), pairs("Missing"), pairs()
    (tmp_path / "Broken.test.jsonl").write_text('{"sentence1": "a"}\n')
    (tmp_path / "Missing.test.jsonl").unlink()
    seen: list[str] = []
    members = [selection.Member(spec=spec) for spec in (broken, missing, good)]
    report = building.build(
        [TURKISH],
        members,
        options=BuildOptions(translator=Person.name),
        folders=place.folders,
        report=lambda done: seen.append(done.status),
    )
    assert [done.status for done in report.sets] == seen == ["failed", "failed", "built"]
    assert all(isinstance(done.error, SourceError) for done in report.sets[:2])
    assert not report.ok


def test_a_translator_that_cannot_go_on_ends_the_run_with_everything_kept(
    place: Place, pairs: OwnSet, person: Person
) -> None:
    one, two, three = pairs("One", WORDS[:2]), pairs("Two", WORDS[2:4]), pairs("Three", WORDS[4:6])
    person.fatal = {"river"}
    with pytest.raises(TranslatorError, match="the person went home"):
        place.build(one, two, three, translator=Person.name)
    assert place.store.names() == [label_of("One")]
    person.fatal = set()
    person.asked.clear()
    report = place.build(one, two, three, translator=Person.name)
    assert [done.status for done in report.sets] == ["unchanged", "built", "built"]
    assert "iron" not in person.asked


def test_a_cache_that_cannot_be_used_ends_the_run(place: Place, pairs: OwnSet, person: Person) -> None:
    place.folders.cache_file.parent.mkdir(parents=True)
    place.folders.cache_file.write_bytes(b"not a database" * 100)
    with pytest.raises(CacheError):
        place.status(pairs())
    assert place.status(pairs(), languages=(ENGLISH,), translator=None) == "built"  # English needs no cache


def test_a_folder_that_cannot_be_written_fails_the_set_before_anybody_is_asked(
    place: Place, pairs: OwnSet, person: Person
) -> None:
    place.folders.data_dir.parent.mkdir(parents=True, exist_ok=True)
    place.folders.data_dir.write_text("a file")
    (done,) = place.build(pairs(), translator=Person.name).sets
    assert done.status == "failed"
    assert done.error is not None
    assert "could not write temporary files" in done.error.message
    assert person.asked == []


def test_a_store_that_cannot_be_written_fails_the_set(place: Place, pairs: OwnSet, person: Person) -> None:
    pointer = place.folders.data_dir / f"{PAIRS}.json"
    pointer.mkdir(parents=True)
    (done,) = place.build(pairs(), translator=Person.name).sets
    assert done.status == "failed"
    assert done.error is not None
    assert f"could not write {PAIRS}.json" in done.error.message
    pointer.rmdir()
    person.asked.clear()
    assert place.status(pairs()) == "built"
    assert person.asked == []  # what was answered was kept


def test_one_set_is_loaded_once_for_all_languages(
    place: Place, pairs: OwnSet, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    read = source.read

    def count(spec: TaskSpec, **options: Any) -> source.SourceSet:
        loaded.append(spec.name)
        return read(spec, **options)

    monkeypatch.setattr(source, "read", count)
    place.build(pairs("One"), pairs("Two"), languages=(TURKISH, GERMAN, ENGLISH), translator=Person.name)
    assert loaded == ["One", "Two"]

"""Stored sets: whole or not there, found by an atomic pointer, and refused when damaged."""

import contextlib
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from mmteb_synth.data import ledger
from mmteb_synth.data.manifest import OUTDATED, SCHEMA, Manifest
from mmteb_synth.data.store import Store, TranslatedDataset, set_name
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TableKey, Tables, content_hash
from mmteb_synth.errors import StoreError, SynthError, UnknownNameError

NAME = "Mine.tur-Latn.authored"
TEST = TableKey(DEFAULT, "test")


def a_manifest(name: str = NAME, **values: Any) -> Manifest:
    required: dict[str, Any] = {
        "source_task": "Mine",
        "task_type": "STS",
        "language": "tur-Latn",
        "translator": "authored",
        "checks_version": 1,
        "eval_splits": ["test"],
        "source": {"dataset": "Mine"},
        "counts": {"rows": 2},
        "coverage": 1.0,
        "licence": "mit",
        "fingerprint": "f",
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Manifest(name=name, **{**required, **values})


def some_tables(word: str = "iron", rows: int = 3) -> Tables:
    texts = [f"{word} {row}" for row in range(rows)]
    return {TEST: pa.table({"score": [1.0] * rows, "sentence1": texts, "sentence2": texts})}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def visible(store: Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_what_is_saved_is_found_whole(store: Store) -> None:
    manifest = a_manifest(
        kept={"default/test": [1, "d2"]}, changes=[1, 2**50], protocol={"seed": 42}, spec={"name": "Mine"}
    )
    saved = store.save(manifest, some_tables())
    found = store.get(NAME)
    assert found == saved
    assert found.manifest == dataclasses.replace(manifest, revision=content_hash(some_tables()))
    assert found.tables()[TEST].equals(some_tables()[TEST])
    assert visible(store) == [f"{NAME}-{found.manifest.revision[:12]}", f"{NAME}.json"]
    assert store.names() == [NAME]
    assert list(store.all()) == [found]


def test_nothing_is_found_where_nothing_is(store: Store) -> None:
    assert store.find(NAME) is None
    assert store.names() == []
    store.save(a_manifest(), some_tables())
    with pytest.raises(UnknownNameError, match=r"did you mean Mine\.tur-Latn\.authored") as raised:
        store.get("Mine.tur-Latn.author")
    assert raised.value.hint == f"build it first; {store.folder} holds 1 sets"


def test_the_folder_is_in_mtebs_own_layout(store: Store) -> None:
    tables = {
        TableKey(CORPUS, "test"): pa.table({"id": ["d"], "title": [""], "text": ["a"]}),
        TableKey(QUERIES, "test"): pa.table({"id": ["q"], "text": ["b"]}),
        TableKey(QRELS, "test"): pa.table({"query-id": ["q"], "corpus-id": ["d"], "score": [1]}),
    }
    found = store.save(a_manifest(), tables)
    for config, key in ((CORPUS, CORPUS), (QUERIES, QUERIES), ("default", QRELS)):
        loaded = load_dataset(str(found.folder), config, split="test")
        assert loaded.to_list() == tables[TableKey(key, "test")].to_pylist()


def test_new_content_takes_the_place_of_the_old(store: Store) -> None:
    old = store.save(a_manifest(), some_tables("iron"))
    new = store.save(a_manifest(), some_tables("copper"))
    assert new.folder != old.folder
    assert visible(store) == [new.folder.name, f"{NAME}.json"]
    assert store.get(NAME).tables()[TEST].column("sentence1")[0].as_py() == "copper 0"


def test_equal_content_is_not_written_again_but_its_record_is(store: Store) -> None:
    first = store.save(a_manifest(fingerprint="one"), some_tables())
    file = first.folder / TEST.file
    before = file.stat()
    second = store.save(a_manifest(fingerprint="two"), some_tables())
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert second.folder == first.folder
    assert store.get(NAME).manifest.fingerprint == "two"


def test_two_sets_of_one_content_lie_apart(store: Store) -> None:
    one, two = (store.save(a_manifest(name), some_tables()) for name in (NAME, "Other.tur-Latn.authored"))
    assert one.folder != two.folder
    assert one.manifest.revision == two.manifest.revision
    store.save(a_manifest(), some_tables("copper"))
    assert store.get("Other.tur-Latn.authored").tables()[TEST].equals(some_tables()[TEST])


def test_names_are_made_of_safe_characters() -> None:
    assert set_name("SciFact", "tur-Latn", "gpt-4.1-mini") == "SciFact.tur-Latn.gpt-4.1-mini"
    assert (
        set_name("STSBenchmark", "deu-Latn", "import:deepl", 100)
        == "STSBenchmark.deu-Latn.import-deepl.limit100"
    )
    assert set_name("A", "tur-Latn", "my/model name:é") == "A.tur-Latn.my-model-name--"


def cut(found: TranslatedDataset) -> None:
    file = found.folder / TEST.file
    file.write_bytes(file.read_bytes()[:-8])


def flip(found: TranslatedDataset) -> None:
    pq.write_table(some_tables("copper")[TEST], found.folder / TEST.file)


def add(found: TranslatedDataset) -> None:
    pq.write_table(some_tables()[TEST], found.folder / DEFAULT / "train.parquet")


def remove(found: TranslatedDataset) -> None:
    (found.folder / TEST.file).unlink()


@pytest.mark.parametrize("damage", [cut, flip, add, remove])
def test_damaged_tables_are_refused_and_mended_by_saving_again(damage: Any, store: Store) -> None:
    damage(store.save(a_manifest(), some_tables()))
    with pytest.raises(StoreError, match=f"the data set {NAME} in .* is damaged") as raised:
        store.get(NAME).tables()
    assert "run the build again" in str(raised.value.hint)
    store.save(a_manifest(), some_tables())
    assert store.get(NAME).tables()[TEST].equals(some_tables()[TEST])


def rewrite(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("file", ["pointer", "manifest"])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema": "1"}', "\x00" * 40])
def test_a_damaged_pointer_or_manifest_is_refused(file: str, content: str, store: Store) -> None:
    found = store.save(a_manifest(), some_tables())
    path = store.folder / f"{NAME}.json" if file == "pointer" else found.folder / "manifest.json"
    path.write_text(content)
    with pytest.raises(StoreError, match=f"{path.name} is damaged") as raised:
        store.get(NAME)
    assert "delete it and build the set again" in str(raised.value.hint)
    assert store.find_or_none(NAME) is None
    store.save(a_manifest(), some_tables())
    assert store.get(NAME).manifest.name == NAME


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"eval_splits": 5}, "damaged: eval_splits: "),
        ({"counts": {"rows": "many"}}, "damaged: counts.rows: "),
        ({"name": "Other"}, "is the record of Other, not of Mine.tur-Latn.authored"),
        ({"schema": SCHEMA + 1}, "was written by a newer mmteb-synth"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(
    values: dict[str, Any], problem: str, store: Store
) -> None:
    rewrite(store.save(a_manifest(), some_tables()).folder / "manifest.json", **values)
    with pytest.raises(StoreError, match=problem):
        store.get(NAME)


def test_a_newer_pointer_and_one_to_nowhere_are_refused(store: Store) -> None:
    store.save(a_manifest(), some_tables())
    rewrite(store.folder / f"{NAME}.json", schema=SCHEMA + 1)
    with pytest.raises(StoreError, match="newer mmteb-synth") as raised:
        store.get(NAME)
    assert raised.value.hint == "pip install --upgrade mmteb-synth"
    rewrite(store.folder / f"{NAME}.json", schema=SCHEMA, folder="gone")
    with pytest.raises(StoreError, match=r"gone/manifest\.json is damaged: .*No such file"):
        store.get(NAME)


def test_what_killed_runs_left_goes_when_it_is_old(store: Store) -> None:
    store.save(a_manifest(), some_tables())
    left = [f".{NAME}.ab12cd", f"{NAME}-0123456789ab"]
    others = [f".{NAME}.limit5.ab12cd", f"{NAME}.limit5-0123456789ab", "notes", f"{NAME}-0123456789abc"]
    file = f".{NAME}.json.ab12cd"
    for name in (*left, *others):
        (store.folder / name).mkdir()
    (store.folder / file).write_text("")
    store.save(a_manifest(), some_tables())
    assert {*left, *others, file} <= set(visible(store))  # they may be another run's
    for name in (*left, *others, file):
        os.utime(store.folder / name, (time.time() - 90_000,) * 2)
    found = store.save(a_manifest(), some_tables())
    assert visible(store) == sorted([found.folder.name, f"{NAME}.json", *others])


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """As nobody, where the tests run as root: root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder_is_an_error_and_keeps_what_it_holds() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        store = Store(Path(place) / "data")
        store.save(a_manifest(), some_tables())
        store.folder.chmod(0o555)
        try:
            with unprivileged():
                with pytest.raises(
                    SynthError, match=f"could not write the data set {NAME}: Permission denied"
                ) as raised:
                    store.save(a_manifest(), some_tables("copper"))
                assert "--data-dir" in str(raised.value.hint)
                assert store.get(NAME).tables()[TEST].equals(some_tables()[TEST])
        finally:
            store.folder.chmod(0o755)


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SynthError, match="could not write the data set"):
        Store(tmp_path / "data").save(a_manifest(), some_tables())


@pytest.mark.parametrize("room", [0, 300, 1500])
def test_a_full_disk_leaves_what_was_there(room: int, store: Store) -> None:
    store.save(a_manifest(), some_tables())
    before = visible(store)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = {TEST: pa.table({"score": [1.0] * 500, "text": [os.urandom(20).hex() for _ in range(500)]})}
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(SynthError, match="could not write the data set"):
            store.save(a_manifest(), large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert visible(store) == before
    assert store.get(NAME).tables()[TEST].equals(some_tables()[TEST])


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    import pyarrow as pa
    from mmteb_synth.data.manifest import Manifest
    from mmteb_synth.data.store import Store
    from mmteb_synth.data.tables import TableKey

    store = Store(Path(sys.argv[1]))
    print("ready", flush=True)
    for turn in range(1_000_000):
        texts = [f"{turn} {row}" for row in range(200)]
        keys = (TableKey("default", "test"), TableKey("default", "train"))
        manifest = Manifest(
            name="Mine.tur-Latn.authored", source_task="Mine", task_type="STS", language="tur-Latn",
            translator="authored", checks_version=1, eval_splits=["test"], source={}, counts={"turn": turn},
            coverage=1.0, licence=None, fingerprint=str(turn), created="now",
        )
        store.save(manifest, {key: pa.table({"text": texts}) for key in keys})
    """
)


def test_a_kill_at_any_moment_leaves_a_whole_set(store: Store) -> None:
    for kill in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.folder)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            deadline = time.monotonic() + 30
            while not store.names() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.003 + 0.0171 * kill)  # at another moment of the writing each time
            writer.send_signal(signal.SIGKILL)
        found = store.get(NAME)
        turn = found.manifest.counts["turn"]
        tables = found.tables()
        assert {key.split for key in tables} == {"test", "train"}
        assert tables[TEST].column("text")[7].as_py() == f"{turn} 7"
        assert found.manifest.fingerprint == str(turn)


def test_readers_beside_a_writer_always_find_a_pointer(store: Store) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.folder)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        deadline = time.monotonic() + 30
        while not store.names() and time.monotonic() < deadline:
            time.sleep(0.001)
        seen = set()
        while len(seen) < 20 and time.monotonic() < deadline:
            pointer = json.loads((store.folder / f"{NAME}.json").read_text("utf-8"))
            assert pointer["folder"] == f"{NAME}-{pointer['revision'][:12]}"
            seen.add(pointer["revision"])
        writer.send_signal(signal.SIGKILL)
    assert len(seen) == 20


def a_ledger(*hypotheses: str) -> pa.Table:
    rows = [
        {
            "source_hash": f"{number:032x}",
            "source": f"text {number}",
            "hypothesis": text,
            "outcome": "translated",
        }
        for number, text in enumerate(hypotheses)
    ]
    columns = {name: [row.get(name) for row in rows] for name in ledger.SCHEMA.names}
    return ledger.stamped(pa.table(columns, schema=ledger.SCHEMA), checks_version=7)


def test_a_ledger_lies_beside_the_tables_and_is_no_part_of_the_content(store: Store) -> None:
    plain = store.save(a_manifest(), some_tables())
    with pytest.raises(StoreError, match=f"the data set {NAME} in .* has no ledger") as raised:
        plain.ledger()
    assert raised.value.hint == "build it again; translations come from the cache"
    found = store.save(a_manifest(), some_tables(), a_ledger("demir"))
    assert found.folder == plain.folder
    assert found.manifest.revision == plain.manifest.revision
    assert store.get(NAME).ledger().equals(a_ledger("demir"))
    assert ledger.checks_version(found.ledger()) == 7
    assert set(found.tables()) == {TEST}


def test_another_ledger_of_the_same_content_takes_the_place_of_the_old(store: Store) -> None:
    store.save(a_manifest(), some_tables(), a_ledger("demir"))
    found = store.save(a_manifest(), some_tables(), a_ledger("bakır", "demir"))
    assert found.ledger().column("hypothesis").to_pylist() == ["bakır", "demir"]
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "README.md",
        "default",
        "ledger.parquet",
        "manifest.json",
    ]
    assert not (store.save(a_manifest(), some_tables()).folder / ledger.FILE).exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PAR1", "is damaged: ledger.parquet: "),
        (pa.table({"a": [1]}), "its columns are not those of a ledger"),
        (a_ledger("x").drop_columns(["outcome"]), "its columns are not those of a ledger"),
        (
            a_ledger("x").replace_schema_metadata({"mmteb_synth.schema": "9"}),
            "it was written by a newer mmteb-synth",
        ),
    ],
)
def test_a_damaged_ledger_is_refused(content: bytes | pa.Table, problem: str, store: Store) -> None:
    found = store.save(a_manifest(), some_tables(), a_ledger("demir"))
    if isinstance(content, bytes):
        (found.folder / ledger.FILE).write_bytes(content)
    else:
        pq.write_table(content, found.folder / ledger.FILE)
    with pytest.raises(StoreError, match=problem) as raised:
        store.get(NAME).ledger()
    assert "run the build again" in str(raised.value.hint)
    assert store.get(NAME).tables()[TEST].equals(some_tables()[TEST])


def test_a_set_that_was_held_back_is_evidence_and_no_set(store: Store) -> None:
    assert list(store.held_back()) == []
    kept = store.hold_back(a_manifest(coverage=0.5), a_ledger("demir"))
    assert kept.is_held_back
    assert store.names() == []
    assert store.find(NAME) is None
    (found,) = store.held_back()
    assert found == kept
    assert found.ledger().equals(a_ledger("demir"))
    store.hold_back(a_manifest(coverage=0.75), a_ledger("bakır"))
    (again,) = store.held_back()
    assert again.manifest.coverage == 0.75
    assert again.ledger().column("hypothesis").to_pylist() == ["bakır"]
    assert visible(store) == [f"{NAME}.held-back"]


def test_the_evidence_goes_when_its_own_set_is_stored(store: Store) -> None:
    store.hold_back(a_manifest(), a_ledger("demir"))
    store.hold_back(a_manifest(f"{NAME}.limit5"), a_ledger("demir"))
    store.save(a_manifest(), some_tables(), a_ledger("demir"))
    assert [kept.manifest.name for kept in store.held_back()] == [f"{NAME}.limit5"]


def test_damaged_evidence_is_an_error(store: Store) -> None:
    kept = store.hold_back(a_manifest(), a_ledger("demir"))
    (kept.folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        list(store.held_back())


def test_a_review_stays_with_its_content(store: Store) -> None:
    store.save(a_manifest(), some_tables(), a_ledger("demir"))
    review = {"reviewers": ["Ayşe"], "rows": 120, "error_rate": [0.1, 0.05, 0.2], "alpha": None}
    noted = store.annotate(NAME, review=review)
    assert noted.manifest.review == review
    assert store.get(NAME) == noted
    assert store.get(NAME).tables()[TEST].equals(some_tables()[TEST])
    assert store.save(a_manifest(fingerprint="two"), some_tables()).manifest.review == review
    assert store.save(a_manifest(), some_tables("copper")).manifest.review == {}
    with pytest.raises(UnknownNameError):
        store.annotate("Nobody", review=review)


def test_a_certificates_verdict_stays_with_its_content(store: Store) -> None:
    said = {"suite": "mine", "text": "It ranks well.", "created": "2026-01-02", "file": "mine.md"}
    first = store.save(a_manifest(validity=[said]), some_tables(), a_ledger("demir"))
    assert "It ranks well." in (first.folder / "README.md").read_text("utf-8")
    again = store.save(a_manifest(fingerprint="two"), some_tables(), a_ledger("demir"))
    assert again.manifest.validity == [said]
    assert "It ranks well." in (again.folder / "README.md").read_text("utf-8")
    changed = store.save(a_manifest(), some_tables("copper"), a_ledger("demir"))
    assert changed.manifest.validity == [{**said, "text": OUTDATED}]
    card = (changed.folder / "README.md").read_text("utf-8")
    assert "It ranks well." not in card
    assert OUTDATED in card

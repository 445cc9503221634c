"""What builds do, counted; how long it takes is measured by benchmarks/, as a busy machine changes times and no counts."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmteb_synth
from mmteb_synth.data import source
from mmteb_synth.data.store import Store
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row, replay_key

pytestmark = pytest.mark.usefixtures("unjudged")

Counted = Counter[str]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How often the costly things are done, each as it really is."""
    counts: Counted = Counter()

    def count(owner: Any, name: str, size: Callable[..., int]) -> None:
        real = getattr(owner, name)

        def counting(*args: Any, **options: Any) -> Any:
            counts[name] += 1
            counts[f"{name} of"] += size(*args)
            return real(*args, **options)

        monkeypatch.setattr(owner, name, counting)

    count(source, "read", lambda spec: 1)
    count(Cache, "answers", lambda cache, keys: len(keys))
    count(Store, "save", lambda store, manifest, tables, ledger: len(tables))
    return counts


def build(folder: Path, *tasks: str, languages: str | list[str] = "tr") -> tuple[str, ...]:
    report = mmteb_synth.build(
        languages, tasks=tasks, cache_dir=folder / "cache", data_dir=folder / "data", offline=True
    )
    return tuple(one.status for one in report.sets)


def test_a_first_build_reads_once_and_looks_each_text_up_once(counted: Counted, tmp_path: Path) -> None:
    assert build(tmp_path, "MiniSTS") == ("built",)
    (manifest,) = (dataset.manifest for dataset in Store(tmp_path / "data").all())
    assert counted["read"] == counted["answers"] == counted["save"] == 1
    assert counted["answers of"] == manifest.counts["segments"]


def test_a_rebuild_with_nothing_changed_reads_and_looks_up_nothing(counted: Counted, tmp_path: Path) -> None:
    build(tmp_path, "MiniSTS", "MiniRetrieval")
    counted.clear()
    assert build(tmp_path, "MiniSTS", "MiniRetrieval") == ("unchanged", "unchanged")
    assert not counted


def test_several_languages_read_the_english_once(counted: Counted, tmp_path: Path) -> None:
    assert build(tmp_path, "MiniSTS", languages=["tr", "de"]) == ("built", "built")
    assert counted["read"] == 1
    assert counted["answers"] == counted["save"] == 2


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """The statements that SQLite runs, by their first word."""
    counts: Counted = Counter()
    connect = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(lambda statement: counts.update([statement.split()[0].upper()]))
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    return counts


def a_row(number: int) -> Row:
    key = replay_key("x", "1", "tur-Latn", str(number))
    return Row(key=key, translator="x", language="tur-Latn", kind=None, source=str(number), translation="y")


def test_look_ups_take_a_statement_for_a_thousand_keys(statements: Counted, tmp_path: Path) -> None:
    rows = [a_row(number) for number in range(2_500)]
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.put(rows)
        statements.clear()
        cache.answers([row.key for row in rows])
    assert statements == {"SELECT": 3}


def test_a_commit_is_one_transaction(statements: Counted, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.put([a_row(0)])
        statements.clear()
        cache.put([a_row(number) for number in range(1, 1_001)])
    assert statements == {"BEGIN": 1, "SELECT": 1, "INSERT": 1_000 + 1, "COMMIT": 1}

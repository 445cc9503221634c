from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmteb_synth.errors import CacheError
from mmteb_synth.evaluation.embeddings import folder
from mmteb_synth.evaluation.embeddings import store as stores
from mmteb_synth.evaluation.embeddings.store import VectorStore

IDENTITY = {"name": "test/model", "revision": "1"}


def keys(*numbers: int) -> list[bytes]:
    return [number.to_bytes(16) for number in numbers]


def rows(*numbers: int) -> np.ndarray[Any, Any]:
    return np.asarray([[number, number + 0.25, -number] for number in numbers], dtype=np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VectorStore]:
    with contextlib.closing(VectorStore(tmp_path / "org__model" / "1.sqlite", IDENTITY)) as opened:
        yield opened


def test_nothing_is_made_by_looking(store: VectorStore) -> None:
    assert store.read(keys(1)) is None
    assert not store.file.parent.exists()


def test_vectors_come_back_in_the_order_asked_for(store: VectorStore) -> None:
    store.add(keys(1, 2, 3), rows(1, 2, 3), "float32")
    store.add(keys(4), rows(4), "float32")
    found = store.read(keys(4, 9, 1, 3))
    assert found is not None
    assert (found.missing, found.damaged, found.kind) == ([1], 0, "float32")
    np.testing.assert_array_equal(found.rows[[0, 2, 3]], rows(4, 1, 3))


def test_they_are_there_for_the_next_process(store: VectorStore) -> None:
    store.add(keys(1), rows(1), "float32")
    store.close()
    with contextlib.closing(VectorStore(store.file, IDENTITY)) as again:
        found = again.read(keys(1))
    assert found is not None
    np.testing.assert_array_equal(found.rows, rows(1))


def test_more_than_one_block_is_looked_up(store: VectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_AT_ONCE", 3)
    store.add(keys(*range(10)), rows(*range(10)), "float32")
    found = store.read(keys(*range(20)))
    assert found is not None
    assert found.missing == list(range(10, 20))
    np.testing.assert_array_equal(found.rows[:10], rows(*range(10)))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 30), min_size=1, unique=True), min_size=1, max_size=5))
def test_what_was_added_last_is_found(tmp_path: Path, batches: list[list[int]]) -> None:
    folder = tmp_path / os.urandom(8).hex()
    expected: dict[int, int] = {}
    with contextlib.closing(VectorStore(folder / "1.sqlite", IDENTITY)) as store:
        for turn, batch in enumerate(batches):
            store.add(keys(*batch), rows(*(number + 100 * turn for number in batch)), "float32")
            expected |= {number: number + 100 * turn for number in batch}
        found = store.read(keys(*range(31)))
    assert found is not None
    assert found.missing == [number for number in range(31) if number not in expected]
    for number, value in expected.items():
        np.testing.assert_array_equal(found.rows[number], rows(value)[0])


class TestDamage:
    def test_a_changed_vector_counts_as_missing(self, store: VectorStore) -> None:
        store.add(keys(1, 2, 3), rows(1, 2, 3), "float32")
        data = bytearray(store.rows_file.read_bytes())
        data[13] ^= 1  # in the second vector
        store.rows_file.write_bytes(data)
        found = store.read(keys(1, 2, 3))
        assert found is not None
        assert (found.missing, found.damaged) == ([1], 1)

    def test_and_is_whole_once_it_was_made_again(self, store: VectorStore) -> None:
        store.add(keys(1, 2), rows(1, 2), "float32")
        store.rows_file.write_bytes(b"\0" * 24)
        store.add(keys(1), rows(1), "float32")
        found = store.read(keys(1, 2))
        assert found is not None
        assert (found.missing, found.damaged) == ([1], 1)
        np.testing.assert_array_equal(found.rows[0], rows(1)[0])

    @pytest.mark.parametrize("left", [0, 11, 12, 30])
    def test_a_file_that_was_cut_off_keeps_what_is_whole(self, store: VectorStore, left: int) -> None:
        store.add(keys(1, 2, 3), rows(1, 2, 3), "float32")
        os.truncate(store.rows_file, left)
        found = store.read(keys(1, 2, 3))
        assert found is not None
        assert found.missing == list(range(left // 12, 3))
        assert found.damaged == 3 - left // 12

    def test_a_file_that_is_gone_is_made_again(self, store: VectorStore) -> None:
        store.add(keys(1, 2), rows(1, 2), "float32")
        store.rows_file.unlink()
        found = store.read(keys(1, 2))
        assert found is not None
        assert found.damaged == 2
        store.add(keys(1, 2), rows(1, 2), "float32")
        again = store.read(keys(1, 2))
        assert again is not None
        assert again.missing == []

    def test_what_a_killed_process_wrote_but_never_named_is_written_over(self, store: VectorStore) -> None:
        store.add(keys(1), rows(1), "float32")
        with store.rows_file.open("ab") as stream:
            stream.write(b"half a vec")
        store.add(keys(2), rows(2), "float32")
        found = store.read(keys(1, 2))
        assert found is not None
        np.testing.assert_array_equal(found.rows, rows(1, 2))

    def test_an_index_that_is_none_is_named(self, store: VectorStore) -> None:
        store.file.parent.mkdir()
        store.file.write_bytes(b"this is no database, however long one looks at it" * 100)
        with pytest.raises(
            CacheError, match=r"1\.sqlite is damaged or is not a cache of embeddings"
        ) as error:
            store.read(keys(1))
        assert "embeddings clear" in str(error.value.hint)

    def test_an_index_of_another_schema_is_named(self, store: VectorStore) -> None:
        store.prepare()
        store.close()
        with contextlib.closing(sqlite3.connect(store.file)) as connection:
            connection.execute("PRAGMA user_version=99")
        with pytest.raises(CacheError, match="has schema 99"):
            store.read(keys(1))

    def test_a_translation_cache_is_no_cache_of_embeddings(self, store: VectorStore) -> None:
        store.file.parent.mkdir()
        with contextlib.closing(sqlite3.connect(store.file)) as connection:
            connection.execute(f"PRAGMA application_id={0x4D534E43}")
            connection.execute("CREATE TABLE translations (key)")
        with pytest.raises(CacheError, match="not a cache of embeddings"):
            store.read(keys(1))


class TestRefusals:
    @pytest.mark.parametrize(
        ("other", "kind"),
        [(np.zeros((1, 4), np.float32), "float32"), (np.zeros((1, 3), np.float16), "float16")],
        ids=["dimensions", "kind"],
    )
    def test_vectors_of_another_shape(self, store: VectorStore, other: Any, kind: str) -> None:
        store.add(keys(1), rows(1), "float32")
        with pytest.raises(CacheError, match="holds vectors of 3 x float32"):
            store.add(keys(2), other, kind)
        found = store.read(keys(1, 2))
        assert found is not None
        assert found.missing == [1]

    def test_a_disk_that_is_nearly_full(self, store: VectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=stores.KEEP_FREE))
        with pytest.raises(CacheError, match=r"the disk has only 1\.1 GB left"):
            store.add(keys(1), rows(1), "float32")
        assert store.read(keys(1)) is None

    def test_a_disk_that_fills_up(self, store: VectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
        store.add(keys(1), rows(1), "float32")

        def full(_handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CacheError, match="No space left on device"):
            store.add(keys(2), rows(2), "float32")
        monkeypatch.undo()
        found = store.read(keys(1, 2))
        assert found is not None
        assert (found.missing, found.damaged) == ([1], 0)

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
    def test_a_folder_that_is_read_only(self, store: VectorStore) -> None:
        store.file.parent.mkdir()
        store.file.parent.chmod(0o500)
        with pytest.raises(CacheError, match="could not"):
            store.prepare()

    def test_files_that_were_removed_meanwhile(self, store: VectorStore, tmp_path: Path) -> None:
        store.prepare()
        store.add(keys(1), rows(1), "float32")
        (store.file.parent / "another.sqlite").touch()
        folder.clear(tmp_path, ["test/model"])
        with pytest.raises(CacheError, match="was removed while it was in use"):
            store.add(keys(2), rows(2), "float32")
        assert not store.file.exists()
        store.close()
        store.add(keys(2), rows(2), "float32")
        found = store.read(keys(1, 2))
        assert found is not None
        assert found.missing == [0]

    def test_a_folder_that_is_a_file(self, store: VectorStore) -> None:
        store.file.parent.write_text("")
        with pytest.raises(CacheError, match="could not") as error:
            store.prepare()
        assert "--no-embedding-cache" in str(error.value.hint)


def _add_many(file: Path, first: int) -> None:
    with contextlib.closing(VectorStore(file, IDENTITY)) as store:
        for number in range(first, first + 40, 2):
            store.add(keys(number, number + 1), rows(number, number + 1), "float32")


def test_two_processes_at_once_lose_nothing(store: VectorStore) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_many, args=(store.file, first)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = store.read(keys(*range(60)))
    assert found is not None
    assert (found.missing, found.damaged) == ([], 0)
    np.testing.assert_array_equal(found.rows, rows(*range(60)))

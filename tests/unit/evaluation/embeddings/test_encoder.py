from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from counting_encoder import DIMENSIONS, Counting, asked, loader, vector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mteb.models import EncoderProtocol, SearchProtocol

from mmteb_synth.errors import CacheError, EvaluationError
from mmteb_synth.evaluation.embeddings.encoder import CachingEncoder
from mmteb_synth.evaluation.embeddings.store import VectorStore

TEXTS = ["bb", "a", "dddd", "bb", "ccc", "a", "", "eeeee"]
LOCAL = "PyTorch"


class Bench:
    """One counting encoder and one folder, with a fresh cache around them when asked."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "m" / "1.sqlite"
        self.inner = Counting(LOCAL)
        self.warned: list[str] = []
        self.paid = False

    @contextlib.contextmanager
    def opened(self) -> Iterator[CachingEncoder]:
        identity = {"name": "test/counting", "revision": "1"}
        with contextlib.closing(VectorStore(self.file, identity)) as store:
            yield CachingEncoder(self.inner, store, paid=self.paid, warn=self.warned.append)

    def encode(self, texts: list[str], batch_size: int = 4, task: str = "STS12", **options: Any) -> Any:
        with self.opened() as encoder:
            return encoder.encode(loader(texts, batch_size), **asked(task), batch_size=batch_size, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_it_is_an_encoder_and_no_more(bench: Bench) -> None:
    with bench.opened() as encoder:
        assert isinstance(encoder, EncoderProtocol)
        assert not isinstance(encoder, SearchProtocol)
        assert encoder.mteb_model_meta is bench.inner.mteb_model_meta
        one, other = np.eye(2, dtype=np.float32), np.ones((2, 2), dtype=np.float32)
        for name in ("similarity", "similarity_pairwise"):
            assert torch.equal(getattr(encoder, name)(one, other), getattr(bench.inner, name)(one, other))


def test_texts_are_encoded_once_longest_first(bench: Bench) -> None:
    found = bench.encode(TEXTS)
    assert bench.inner.calls == [["eeeee", "dddd", "ccc", "bb", "a", ""]]
    np.testing.assert_array_equal(found, [vector(text) for text in TEXTS])


def test_a_second_run_encodes_nothing(bench: Bench) -> None:
    first = bench.encode(TEXTS)
    bench.inner.calls.clear()
    again = bench.encode(list(reversed(TEXTS)))
    assert bench.inner.calls == []
    np.testing.assert_array_equal(again, first[::-1])
    assert again.dtype == first.dtype == np.float32


def test_only_what_is_new_is_encoded(bench: Bench) -> None:
    bench.encode(["a", "bb"])
    bench.inner.calls.clear()
    with bench.opened() as encoder:
        encoder.encode(loader(["a", "ccc", "bb", "ccc"]), **asked())
        assert (encoder.encoded, encoder.reused) == (1, 2)
    assert bench.inner.calls == [["ccc"]]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(st.lists(st.text("ab ", max_size=3), min_size=1, max_size=12), min_size=1, max_size=3),
    batch_size=st.integers(1, 5),
)
def test_each_text_is_asked_for_once_whatever_the_calls(
    tmp_path: Path, calls: list[list[str]], batch_size: int
) -> None:
    bench = Bench(tmp_path / os.urandom(8).hex())
    bench.paid = True
    for texts in calls:
        np.testing.assert_array_equal(bench.encode(texts, batch_size), [vector(text) for text in texts])
    assert sorted(bench.inner.texts) == sorted({text for texts in calls for text in texts})
    assert all(len(call) <= batch_size for call in bench.inner.calls)


def test_parts_of_a_local_model_grow(bench: Bench) -> None:
    texts = [f"{number:05}" for number in range(300)]
    bench.encode(texts, 4)
    assert [len(call) for call in bench.inner.calls] == [64, 128, 108]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_what_was_made_before_a_failure_is_kept(bench: Bench, failing: int) -> None:
    bench.paid = True

    def fail(found: Any) -> Any:
        if len(bench.inner.calls) == failing + 1:
            raise RuntimeError("no route to host")
        return found

    bench.inner.shape = fail
    texts = [f"{number:05}" for number in range(12)]
    with pytest.raises(RuntimeError, match="no route to host"):
        bench.encode(texts)
    done = [text for call in bench.inner.calls[:failing] for text in call]
    bench.inner.calls.clear()
    bench.inner.shape = lambda found: found
    bench.encode(texts)
    assert sorted(bench.inner.texts) == sorted(set(texts) - set(done))


class TestWhatIsReturned:
    @pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
    def test_tensors_stay_tensors(self, bench: Bench, name: str) -> None:
        bench.inner.shape = lambda found: torch.from_numpy(found).to(getattr(torch, name))
        cold, warm = bench.encode(TEXTS), bench.encode(TEXTS)
        assert cold.dtype == warm.dtype == getattr(torch, name)
        assert torch.equal(cold, warm)

    def test_a_matrix_that_is_none_is_handed_on(self, bench: Bench) -> None:
        bench.inner.shape = lambda found: [torch.zeros(2, 3) for _ in found]
        assert len(bench.encode(TEXTS)) == len(TEXTS)
        assert bench.inner.calls[-1] == TEXTS

    def test_but_not_paid_for_again_and_again(self, bench: Bench) -> None:
        bench.paid = True
        bench.inner.shape = lambda found: (row for row in found)
        with pytest.raises(EvaluationError, match="returned a generator that holds no vector") as error:
            bench.encode(TEXTS)
        assert "--no-embedding-cache" in str(error.value.hint)
        assert len(bench.inner.texts) == 4

    def test_lists_of_numbers_are_vectors(self, bench: Bench) -> None:
        bench.inner.shape = lambda found: found.tolist()
        cold, warm = bench.encode(TEXTS), bench.encode(TEXTS)
        assert len(bench.inner.texts) == 6
        np.testing.assert_array_equal(cold, [vector(text) for text in TEXTS])
        np.testing.assert_array_equal(warm, cold)

    def test_nor_where_the_store_fails_too(self, bench: Bench) -> None:
        bench.encode(["bb"])
        bench.file.with_suffix(".vectors").unlink()
        bench.file.write_bytes(b"no database" * 1000)
        bench.inner.shape = lambda found: [torch.zeros(2, 3) for _ in found]
        assert len(bench.encode(TEXTS)) == len(TEXTS)

    def test_vectors_that_are_no_numbers_are_not_kept(self, bench: Bench) -> None:
        bench.inner.make = lambda text: vector(text) * (np.nan if text == "a" else 1)
        assert np.isnan(bench.encode(TEXTS)).any(axis=1).tolist() == [text == "a" for text in TEXTS]
        (told,) = bench.warned
        assert told.startswith("test/counting returned NaN or infinity for texts of STS12, as for 1 of 6; ")
        bench.inner.calls.clear()
        bench.inner.make = vector
        np.testing.assert_array_equal(bench.encode(TEXTS), [vector(text) for text in TEXTS])
        assert bench.inner.calls == [["a"]]

    @pytest.mark.parametrize("change", [-1, 1])
    def test_too_few_or_too_many_vectors(self, bench: Bench, change: int) -> None:
        bench.inner.shape = lambda found: np.zeros((len(found) + change, DIMENSIONS), np.float32)
        with pytest.raises(EvaluationError, match=f"returned {6 + change} vectors for 6 texts"):
            bench.encode(TEXTS)
        bench.inner.shape = lambda found: found
        np.testing.assert_array_equal(bench.encode(TEXTS), [vector(text) for text in TEXTS])

    def test_vectors_of_another_length_in_one_call(self, bench: Bench) -> None:
        bench.paid = True
        bench.inner.shape = lambda found: found[:, : DIMENSIONS - len(bench.inner.calls)]
        with pytest.raises(
            EvaluationError, match="returned vectors of 6 x float32, and before of 7 x float32"
        ):
            bench.encode(TEXTS)


class TestWhatIsHandedOn:
    def test_other_options_than_the_size_of_batches(self, bench: Bench) -> None:
        bench.encode(TEXTS, precision="int8")
        assert bench.inner.calls == [TEXTS]
        assert not bench.file.exists()

    def test_images(self, bench: Bench) -> None:
        with bench.opened() as encoder:
            encoder.encode(loader(TEXTS, image=TEXTS), **asked())
        assert bench.inner.calls == [TEXTS]

    def test_texts_that_are_none(self, bench: Bench) -> None:
        with bench.opened() as encoder, pytest.raises(AttributeError, match="NoneType"):
            encoder.encode(loader(["a", None]), **asked())

    def test_all_columns_reach_the_encoder(self, bench: Bench) -> None:
        seen: list[dict[str, Any]] = []

        class Reader(Counting):
            def encode(self, inputs: Any, **options: Any) -> Any:
                seen.extend(inputs)
                return super().encode(inputs, **options)

        bench.inner = Reader(LOCAL)
        with bench.opened() as encoder:
            columns = {"id": ["1", "2", "3"], "title": ["x", "y", "x"]}
            encoder.encode(loader(["a", "a", "a"], **columns), **asked())
        assert seen == [{"text": ["a", "a"], "id": ["1", "2"], "title": ["x", "y"]}]

    def test_the_options_reach_the_encoder(self, bench: Bench) -> None:
        told: list[dict[str, Any]] = []
        bench.inner.encode = lambda inputs, **options: told.append(options) or np.zeros((6, 2))  # type: ignore[method-assign]
        bench.encode(TEXTS, show_progress_bar=False)
        assert told == [{**asked(), "batch_size": 4, "show_progress_bar": False}]


class TestStoresThatFail:
    @pytest.fixture(params=["damaged", "schema", "other shape", "read-only"])
    def failing(self, request: pytest.FixtureRequest, bench: Bench) -> str:
        kind: str = request.param
        if kind == "damaged":
            bench.file.parent.mkdir()
            bench.file.write_bytes(b"no database" * 1000)
            return "is damaged"
        if kind == "schema":
            import sqlite3

            bench.encode(["a"])
            with contextlib.closing(sqlite3.connect(bench.file)) as connection:
                connection.execute("PRAGMA user_version=99")
            bench.inner.calls.clear()
            return "has schema 99"
        if kind == "other shape":
            bench.inner.shape = lambda found: found[:, :3]
            bench.encode(["a"])
            bench.inner.shape = lambda found: found
            bench.inner.calls.clear()
            return "and before of 3 x float32"
        bench.file.parent.write_text("")
        return "could not"

    def test_a_local_model_goes_on_without(self, bench: Bench, failing: str) -> None:
        with bench.opened() as encoder:
            for _ in range(2):
                found = encoder.encode(loader(TEXTS), **asked())
                np.testing.assert_array_equal(found, [vector(text) for text in TEXTS])
        (told,) = bench.warned
        assert failing in told
        assert "not kept in this run" in told

    def test_a_paid_one_stops_before_it_costs_more(self, bench: Bench, failing: str) -> None:
        bench.paid = True
        with pytest.raises(CacheError, match=failing) as error:
            bench.encode(TEXTS)
        assert error.value.hint
        assert len(bench.inner.calls) <= 1

    @pytest.mark.parametrize("paid", [False, True])
    def test_what_can_only_be_read_is_read(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, paid: bool
    ) -> None:
        bench.encode(TEXTS)
        bench.inner.calls.clear()
        bench.paid = paid

        def refuse(_store: VectorStore) -> None:
            raise CacheError("it is read-only", hint="choose another folder")

        monkeypatch.setattr(VectorStore, "prepare", refuse)
        np.testing.assert_array_equal(bench.encode(TEXTS), [vector(text) for text in TEXTS])
        assert (bench.inner.calls, bench.warned) == ([], [])
        if paid:
            with pytest.raises(CacheError, match="it is read-only"):
                bench.encode([*TEXTS, "new"])
            assert bench.inner.calls == []
            return
        with bench.opened() as encoder:
            for texts in ([*TEXTS, "new"], [*TEXTS, "newer"]):
                encoder.encode(loader(texts), **asked())
        assert bench.inner.calls == [["new"], ["newer"]]
        (told,) = bench.warned
        assert told == "it is read-only; embeddings are not kept in this run (choose another folder)"

    def test_a_disk_that_fills_up_costs_no_encoding_twice(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.encode(["a"])
        bench.inner.calls.clear()

        def full(_handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        np.testing.assert_array_equal(bench.encode(TEXTS), [vector(text) for text in TEXTS])
        assert sorted(bench.inner.texts) == sorted(set(TEXTS) - {"a"})
        (told,) = bench.warned
        assert "No space left on device" in told

    def test_damaged_vectors_are_made_again_and_told_of(self, bench: Bench) -> None:
        bench.encode(TEXTS)
        bench.inner.calls.clear()
        rows = bench.file.with_suffix(".vectors")
        rows.write_bytes(b"\0" * rows.stat().st_size)
        np.testing.assert_array_equal(bench.encode(TEXTS), [vector(text) for text in TEXTS])
        assert len(bench.inner.texts) == 6
        assert bench.warned == ["6 stored embeddings of test/counting were damaged; they are made again"]

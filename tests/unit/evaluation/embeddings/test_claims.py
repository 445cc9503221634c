"""Claims are between processes, so each test has a second one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmteb_synth.errors import CacheError
from mmteb_synth.evaluation.embeddings import claims
from mmteb_synth.evaluation.embeddings.store import VectorStore

_OTHER = """
import sys
from pathlib import Path
from mmteb_synth.evaluation.embeddings.claims import claimed
keys = [bytes.fromhex(key) for key in sys.argv[2:]]
with claimed(Path(sys.argv[1]), keys, lambda: print("waiting", flush=True)):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def keys(*numbers: int) -> list[bytes]:
    return [number.to_bytes(7) + bytes(9) for number in numbers]


class Other:
    """Another process with claims of its own."""

    def __init__(self, file: Path, claimed: list[bytes]) -> None:
        command = [sys.executable, "-c", _OTHER, str(file), *(key.hex() for key in claimed)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "1.claims"


@pytest.fixture
def other(file: Path) -> Iterator[Other]:
    opened = Other(file, keys(3, 8))
    assert opened.says() == "claimed"
    yield opened
    opened.end()


def test_other_texts_are_free(file: Path, other: Other) -> None:
    with claims.claimed(file, keys(1, 2, 4, 9), pytest.fail):
        assert other.process.poll() is None


def test_a_killed_process_claims_nothing(file: Path, other: Other) -> None:
    with claims.claimed(file, keys(9, 8), other.process.kill):  # it is killed once somebody waits for it
        assert other.process.wait() != 0


def test_one_waits_until_the_other_is_done(file: Path, tmp_path: Path) -> None:
    with claims.claimed(file, keys(5, 2), pytest.fail):
        other = Other(file, keys(9, 5, 5, 1))
        try:
            assert other.says() == "waiting"
        except BaseException:
            other.end()
            raise
    assert other.says() == "claimed"
    other.end()


def test_what_fails_inside_is_no_fault_of_the_file(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "1.sqlite", {})
    with pytest.raises(ConnectionError), store.claimed(keys(1), pytest.fail):
        raise ConnectionError("no route to host")
    with claims.claimed(tmp_path / "1.claims", keys(1), pytest.fail):
        pass


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("")
    store = VectorStore(tmp_path / "m" / "1.sqlite", {})
    with (
        pytest.raises(CacheError, match=r"could not use the cache .*1\.claims"),
        store.claimed(keys(1), pytest.fail),
    ):
        pass

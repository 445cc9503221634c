import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.translate.vllm.process import last_words
from mmteb_synth.translate.vllm.worker.vllm_chat import MOST, SECONDS, Inbox, next_size


@given(st.integers(1, MOST), st.integers(1, MOST), st.floats(0, 1000))
def test_batches_stay_within_their_bounds(size: int, answered: int, seconds: float) -> None:
    assert 1 <= next_size(size, min(size, answered), seconds) <= MOST


@pytest.mark.parametrize("pace", [0.5, 7.0, 40.0, 300.0])
def test_batches_soon_take_the_time_that_they_should(pace: float) -> None:
    size, texts_a_second = 64, pace
    for _ in range(8):
        size = next_size(size, size, size / texts_a_second)
    assert size == min(int(SECONDS * pace), MOST)


def test_a_batch_that_was_not_full_says_little() -> None:
    assert next_size(64, 3, 0.1) == 64


def test_requests_gather_while_the_model_works() -> None:
    inbox = Inbox(io.StringIO("".join(json.dumps({"id": number}) + "\n" for number in range(5))))
    taken = inbox.take(2, wait=True)
    assert len(taken) <= 2
    while not inbox.ended:
        taken += inbox.take(2, wait=True)
    assert [request["id"] for request in taken] == [0, 1, 2, 3, 4]
    assert inbox.take(2, wait=True) == []


def test_without_waiting_nothing_may_be_there() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines:
        inbox = Inbox(lines)
        assert inbox.take(2, wait=False) == []
        assert not inbox.ended
        os.close(writing)
        assert inbox.take(2, wait=True) == []
        assert inbox.ended


def test_the_reason_is_found_among_the_ends_of_many_processes(tmp_path: Path) -> None:
    log = (
        "(Worker pid=7) ERROR [executor.py:953] Traceback (most recent call last):\n"
        "(Worker pid=7) ERROR [executor.py:953] ValueError: Available memory on node 0 is less than desired\n"
        "(EngineCore pid=6) ERROR [core.py:1510] Exception: initialization failed. See stack trace for root cause.\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
        "INFO [utils.py:628] shutdown\n"
    )
    for said, words in {
        log: "ValueError: Available memory on node 0 is less than desired",
        "loading\nKilled\n": "Killed",
        "": "it said nothing",
    }.items():
        (tmp_path / "log").write_text(said)
        assert last_words(tmp_path / "log") == words

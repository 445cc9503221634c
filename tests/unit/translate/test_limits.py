import asyncio

import pytest
from tenacity import Future, RetryCallState

from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.translate.limits import RetryPolicy

FAST = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.002)


class _Request:
    def __init__(self, *outcomes: Exception | str) -> None:
        self.outcomes = list(outcomes)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _call(request: _Request, policy: RetryPolicy = FAST, *, stopping: bool = False) -> str:
    async def run() -> str:
        event = asyncio.Event()
        if stopping:
            event.set()
        return await policy.call(request, event)

    return asyncio.run(run())


BUSY = RequestError("busy", retryable=True)


def test_asks_again_until_it_is_answered() -> None:
    request = _Request(BUSY, BUSY, "done")
    assert _call(request) == "done"
    assert request.count == 3


def test_gives_up_after_all_attempts_with_the_last_error() -> None:
    last = RequestError("last", retryable=True)
    request = _Request(BUSY, BUSY, BUSY, last)
    with pytest.raises(RequestError) as caught:
        _call(request)
    assert caught.value is last
    assert request.count == 4


@pytest.mark.parametrize(
    "error", [RequestError("no"), RequestError("no", fatal=True), TranslatorError("no"), ValueError("no")]
)
def test_asks_once_where_asking_again_can_not_help(error: Exception) -> None:
    request = _Request(error, "never")
    with pytest.raises(type(error)):
        _call(request)
    assert request.count == 1


def test_asks_nothing_again_once_the_run_is_ending() -> None:
    request = _Request(BUSY, "never")
    with pytest.raises(RequestError, match="busy"):
        _call(request, stopping=True)
    assert request.count == 1


def test_a_run_that_ends_cuts_a_long_wait_short() -> None:
    patient = RetryPolicy(attempts=2, longest_retry_after=10_000)
    request = _Request(RequestError("busy", retryable=True, retry_after=9_000), "done")

    async def run() -> str:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, stopping.set)
        return await asyncio.wait_for(patient.call(request, stopping), 60)

    assert asyncio.run(run()) == "done"


def _wait(policy: RetryPolicy, attempt: int, error: Exception) -> float:
    state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
    state.attempt_number = attempt
    state.outcome = Future.construct(attempt, error, has_exception=True)
    return policy.wait(state)


@pytest.mark.parametrize(("attempt", "upper"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (50, 30.0)])
def test_waits_are_spread_from_nothing_to_a_doubling_bound(attempt: int, upper: float) -> None:
    waits = [_wait(RetryPolicy(), attempt, BUSY) for _ in range(500)]
    assert all(0 <= wait <= upper for wait in waits)
    assert min(waits) < 0.1 * upper
    assert max(waits) > 0.9 * upper


def test_retry_after_is_waited_out_but_not_for_ever() -> None:
    policy = RetryPolicy(first_wait=0.001, longest_retry_after=60)
    assert 5 <= _wait(policy, 1, RequestError("busy", retryable=True, retry_after=5)) <= 5.1
    assert 60 <= _wait(policy, 1, RequestError("busy", retryable=True, retry_after=86_400)) <= 60.1
    assert 0 <= _wait(policy, 1, RequestError("busy", retryable=True, retry_after=-5)) <= 0.1

import asyncio
from types import SimpleNamespace

import pytest
from tenacity import Future, RetryCallState

from mmteb_synth.errors import RequestError, TranslatorError, UsageError
from mmteb_synth.translate.limits import Gate, Limits, Pace, RetryPolicy, Ticket

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


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


LIMIT = RequestError("too many", retryable=True, cause="limit")
SLOW = RequestError("too slow", retryable=True, cause="overload")
FAULT = RequestError("boom", retryable=True)
DOWN = RequestError("nobody listens", retryable=True, cause="down")
REFUSED = RequestError("not this way", cause="refused")
BAD_TEXT = RequestError("not this text", cause="text")
POLICY = RetryPolicy(first_wait=1.0, longest_wait=8.0, outage_seconds=60.0)


def _gate(concurrency: int = 16, *, proven: bool = False) -> tuple[Gate, _Clock]:
    clock = _Clock()
    return Gate(POLICY, concurrency, proven=proven, clock=clock), clock


def _let_pass(gate: Gate, clock: _Clock) -> Ticket:
    """Wait out what the gate asks for, and send."""
    delay = gate.delay()
    assert delay is not None
    clock.now += delay
    assert gate.delay() == 0.0
    return gate.sent()


def test_as_many_are_in_flight_as_allowed() -> None:
    gate, _ = _gate(3)
    tickets = [gate.sent() for _ in range(3)]
    assert gate.delay() is None
    gate.answered(tickets[0])
    assert gate.delay() == 0.0


def test_a_rate_limit_halves_once_for_all_that_were_in_flight_and_answers_win_it_back() -> None:
    gate, clock = _gate(16)
    for ticket in [gate.sent() for _ in range(16)]:
        assert gate.failed(ticket, LIMIT) is False
    assert gate.limit == 8
    probe = _let_pass(gate, clock)
    gate.failed(probe, LIMIT)
    assert gate.limit == 4
    gate.answered(_let_pass(gate, clock))
    for _ in range(200):
        gate.answered(gate.sent())
    assert gate.limit == 16


def test_concurrency_never_falls_below_one() -> None:
    gate, clock = _gate(2)
    for _ in range(8):
        gate.failed(_let_pass(gate, clock), SLOW)
    assert gate.limit == 1


@pytest.mark.parametrize("error", [LIMIT, DOWN])
def test_one_pause_for_all_and_then_a_single_probe(error: RequestError) -> None:
    gate, clock = _gate()
    first, second = gate.sent(), gate.sent()
    gate.failed(first, error)
    pause = gate.delay()
    assert pause is not None
    assert 0 <= pause <= POLICY.first_wait
    gate.failed(second, error)
    assert gate.delay() == pause, "what was sent before the pause does not prolong it"
    probe = _let_pass(gate, clock)
    assert probe.probe
    assert gate.delay() is None, "nothing goes beside a probe"
    gate.answered(probe)
    assert gate.delay() == 0.0
    assert not gate.sent().probe


def test_retry_after_holds_all_up_and_pauses_double_until_an_answer_comes() -> None:
    gate, clock = _gate()
    asked = RequestError("wait", retryable=True, cause="limit", retry_after=20)
    gate.failed(gate.sent(), asked)
    assert gate.delay() == pytest.approx(20.5, abs=0.5)
    longest = []
    for _ in range(200):
        gate, clock = _gate()
        for _ in range(4):
            gate.failed(_let_pass(gate, clock), DOWN)
        longest.append(gate.delay() or 0.0)
    assert 4 < max(longest) <= 8


def test_what_a_server_says_with_an_answer_holds_all_up_too() -> None:
    gate, clock = _gate()
    gate.answered(gate.sent(), wait=7.0)
    assert gate.delay() == 7.0
    clock.now += 7
    assert not gate.sent().probe
    assert gate.paused_seconds == 7.0


def test_an_answer_from_before_a_pause_does_not_open_the_gate() -> None:
    gate, clock = _gate()
    early, limited = gate.sent(), gate.sent()
    gate.failed(limited, LIMIT)
    gate.answered(early)
    assert _let_pass(gate, clock).probe


def test_faults_of_single_texts_hold_up_nobody() -> None:
    gate, _ = _gate()
    for _ in range(50):
        assert gate.failed(gate.sent(), FAULT) is True
        assert gate.delay() == 0.0
        gate.answered(gate.sent())


def test_faults_without_an_answer_between_them_are_an_outage_that_costs_no_text_its_attempts() -> None:
    gate, clock = _gate()
    tickets = [gate.sent() for _ in range(16)]
    counted = [gate.failed(ticket, FAULT) for ticket in tickets]
    assert counted == [True] * 8 + [False] * 8
    assert gate.delay() != 0.0 or gate.sent().probe
    gate, clock = _gate()
    for _ in range(1000):
        if gate.ended:
            break
        gate.failed(_let_pass(gate, clock), FAULT)
    assert gate.ended is not None
    assert "boom" in gate.ended.message
    assert gate.ended.fatal
    assert gate.doubtful
    assert POLICY.outage_seconds < clock.now - 100 < POLICY.outage_seconds + 10


def test_an_answer_ends_an_outage() -> None:
    gate, clock = _gate()
    for _ in range(12):
        gate.failed(_let_pass(gate, clock), FAULT)
    clock.now += 59
    gate.answered(_let_pass(gate, clock))
    assert gate.problem is None
    clock.now += 59
    gate.failed(gate.sent(), FAULT)
    assert (gate.ended, gate.problem, gate.delay()) == (None, "boom", 0.0)


def test_a_server_that_asks_to_wait_too_long_ends_the_run() -> None:
    gate, _ = _gate()
    gate.failed(
        gate.sent(), RequestError("come back tomorrow", retryable=True, cause="limit", retry_after=86_400)
    )
    assert gate.ended is not None
    assert "come back tomorrow (it asks to wait 86400 s)" in gate.ended.message
    assert not gate.doubtful


def test_a_fatal_error_ends_the_run_with_itself() -> None:
    gate, _ = _gate()
    first = RequestError("bad key", fatal=True)
    gate.failed(gate.sent(), first)
    gate.failed(gate.sent(), RequestError("later", fatal=True))
    assert gate.ended is first


def test_a_refusal_before_the_first_answer_is_tried_with_others_one_by_one() -> None:
    gate, _ = _gate()
    first, second = gate.sent(), gate.sent()
    gate.failed(first, REFUSED)
    assert gate.delay() is None
    gate.failed(second, REFUSED)
    assert gate.refusal is REFUSED
    gate.failed(gate.sent(), REFUSED)
    assert gate.ended is not None
    assert "3 requests in a row were refused: not this way" in gate.ended.message


@pytest.mark.parametrize("proven", [True, False])
def test_a_refusal_among_answers_is_one_texts_own(proven: bool) -> None:
    gate, _ = _gate(proven=proven)
    if not proven:
        gate.answered(gate.sent())
    for _ in range(19):
        assert gate.failed(gate.sent(), REFUSED) is True
        assert (gate.delay(), gate.ended, gate.refusal) == (0.0, None, None)
    gate.failed(gate.sent(), REFUSED)
    assert gate.ended is not None
    assert gate.doubtful


def test_a_text_that_is_refused_for_itself_proves_nothing_against_others() -> None:
    gate, _ = _gate()
    for _ in range(100):
        gate.failed(gate.sent(), BAD_TEXT)
    assert (gate.ended, gate.delay()) == (None, 0.0)


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_must_be_above_nothing(value: float) -> None:
    with pytest.raises(UsageError, match="--tokens-per-minute must be above 0"):
        Limits(tokens_per_minute=value)


def test_flags_go_before_presets() -> None:
    preset = SimpleNamespace(requests_per_minute=500, tokens_per_minute=2000)
    assert Limits(requests_per_minute=7).or_of(preset) == Limits(
        requests_per_minute=7, tokens_per_minute=2000
    )
    assert Limits().or_of(None) == Limits()


def test_the_pace_is_even() -> None:
    async def run(limits: Limits, requests: int, characters: int) -> float:
        pace = Pace(limits)
        start = asyncio.get_running_loop().time()
        for _ in range(requests):
            await pace.wait(characters)
        return asyncio.get_running_loop().time() - start

    # 100 a second: a second's worth at once, and 20 more in a fifth of a second.
    assert asyncio.run(run(Limits(requests_per_minute=6000), 120, 0)) >= 0.19
    # A text of 600 characters counts 1,000 tokens before the first answer; a bucket holds 1,000 of them.
    assert asyncio.run(run(Limits(tokens_per_minute=60_000 * 10), 11, 600)) >= 0.09


def test_a_text_with_more_tokens_than_a_second_has_passes_all_the_same() -> None:
    async def run() -> None:
        await asyncio.wait_for(Pace(Limits(tokens_per_minute=6_000_000)).wait(105_000), 30)

    asyncio.run(run())


def test_tokens_are_guessed_by_what_the_server_counted() -> None:
    pace = Pace(Limits(tokens_per_minute=1000))
    assert pace.tokens(600) == 1000
    pace.learn(600, 0)
    assert pace.tokens(600) == 1000
    pace.learn(600, 400)
    assert pace.tokens(600) == 400
    assert not Pace(Limits()).limited
    assert pace.limited


def test_a_server_that_is_away_before_a_run_is_tried_thrice() -> None:
    request = _Request(*[DOWN] * 9)
    with pytest.raises(RequestError, match="nobody listens"):
        _call(request)
    assert request.count == 3

"""What the engine does when a server limits, fails, hangs, dies, refuses or cuts off, and when a run must end."""

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai_server import Fault, OpenAIServer

from mmteb_synth.errors import RequestError, Stopped
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends import client
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.limits import Limits, RetryPolicy
from mmteb_synth.translate.parsing import LARGEST_BODY
from mmteb_synth.translate.splitting import split
from mmteb_synth.types import Language, Progress, Segment, Usage

TURKISH = Language(code="tur-Latn", name="Turkish")
FAST = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.01, outage_seconds=5)
BRIEF = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.01, outage_seconds=0.3)
BUSY = {"error": {"message": "busy"}}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def _segments(count: int) -> list[Segment]:
    return [Segment(text=f"Text number {number}") for number in range(count)]


def _translate(
    server: OpenAIServer, cache: Cache, segments: int | list[Segment], **options: object
) -> engine.TranslationRun:
    translator = translators.resolve("openai:test-model", base_url=server.url)
    wanted = _segments(segments) if isinstance(segments, int) else segments
    return engine.translate(wanted, TURKISH, translator, cache, **{"retries": FAST, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "hold"),
    [
        ({"Retry-After": "0.2"}, 0.2),
        ({"retry-after-ms": "200"}, 0.2),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "200ms"}, 0.2),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0.2s"}, 0.2),
    ],
)
@pytest.mark.parametrize("status", [429, 200])
def test_headers_hold_up_everybody(
    server: OpenAIServer, cache: Cache, headers: dict[str, str], hold: float, status: int
) -> None:
    if status == 200 and "x-ratelimit-remaining-requests" not in headers:
        headers = {**headers, "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "0.2"}
    came: list[float] = []

    def fault(_: str) -> Fault | None:
        came.append(time.monotonic())
        if len(came) != 20:
            return None
        return Fault(status=status, headers=headers, body=BUSY if status == 429 else None)

    server.fault_for = fault
    run = _translate(server, cache, 40, concurrency=1)
    assert len(run.translations) == 40
    assert came[20] - came[19] >= hold
    assert len(server.requests) == 40 + (status == 429)


def test_a_storm_is_met_with_a_probe_and_not_with_a_storm(server: OpenAIServer, cache: Cache) -> None:
    until = time.monotonic() + 0.5
    server.fault_for = lambda _: Fault(status=429, body=BUSY) if time.monotonic() < until else None
    run = _translate(
        server, cache, 500, concurrency=64, retries=RetryPolicy(first_wait=0.05, longest_wait=0.05)
    )
    assert len(run.translations) == 500
    assert not run.failures
    assert len(server.requests) < 500 + 64 + 100, "64 in flight when it began, and then one at a time"


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_only_fails_ends_the_run_without_asking_each_text_often(
    server: OpenAIServer, cache: Cache, status: int
) -> None:
    server.fault_for = lambda _: Fault(status=status, body=BUSY) if len(server.requests) > 100 else None
    with pytest.raises(RequestError, match=f"nothing was answered for .* {status}: busy") as caught:
        _translate(server, cache, 600, concurrency=8, retries=BRIEF)
    assert "again" in str(caught.value.hint)
    assert max(server.asked.values()) <= BRIEF.attempts + 1
    assert len(server.asked) < 350
    server.fault_for = lambda _: None
    again = _translate(server, cache, 600)
    assert (again.hits, again.requests) == (100, 500)


def test_a_server_that_dies_and_comes_back_costs_nothing(server: OpenAIServer, cache: Cache) -> None:
    def fault(_: str) -> None:
        if len(server.requests) in (100, 300):
            server.die(0.2)

    server.fault_for = fault
    run = _translate(server, cache, 600, concurrency=8)
    assert len(run.translations) == 600
    assert len(server.paid) <= 600 + 2 * 8


def test_a_server_that_hangs_while_its_health_is_fine(
    server: OpenAIServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", openai.Timeout(0.3, connect=5.0))

    def fault(_: str) -> None:
        if len(server.requests) == 100:
            server.hangs_until = time.monotonic() + 1.0

    server.fault_for = fault
    run = _translate(server, cache, 300, concurrency=8)
    assert len(run.translations) == 300
    assert set(server.paid) == {f"Text number {number}" for number in range(300)}
    assert len(server.paid) == 300


def test_an_answer_that_never_ends_is_given_up(
    server: OpenAIServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmteb_synth.translate.backends.openai.LONGEST_SECONDS", 0.2)
    server.fault_for = lambda text: Fault(seconds=30) if text.endswith(" 3") else None
    run = _translate(server, cache, 20)
    assert len(run.translations) == 19
    assert "did not finish its answer" in run.failures[Segment(text="Text number 3")]


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_floods_is_read_no_further_than_the_longest_can_be(
    server: OpenAIServer, cache: Cache, status: int
) -> None:
    server.fault_for = lambda text: Fault(endless=True, status=status) if text.endswith(" 3") else None
    run = _translate(server, cache, 20)
    assert len(run.translations) == 19
    assert "more than 4,194,304 bytes" in run.failures[Segment(text="Text number 3")]
    assert len(server.requests) == 20
    assert server.flooded < 5 * LARGEST_BODY  # some is on its way when the connection is closed


def test_every_request_refused_ends_the_run_soon(server: OpenAIServer, cache: Cache) -> None:
    server.fault_for = lambda _: Fault(status=400, body={"error": {"message": "no such field"}})
    with pytest.raises(RequestError, match=r"in a row were refused: .* no such field"):
        _translate(server, cache, 500, concurrency=4)
    assert len(server.requests) <= 4 + 3
    with pytest.raises(RequestError, match="no such field"):
        _translate(server, cache, 1)


def test_what_is_left_at_the_end_and_refused_again_is_listed(server: OpenAIServer, cache: Cache) -> None:
    bad = {f"Text number {number}" for number in range(0, 1000, 40)}
    server.fault_for = lambda text: (
        Fault(status=400 if text.endswith("20") else 500, body={"error": {"message": "not this"}})
        if text in bad
        else None
    )
    first = _translate(server, cache, 1000, retries=BRIEF)
    again = _translate(server, cache, 1000, retries=BRIEF)
    for run in (first, again):
        assert {segment.text for segment in run.failures} == bad
        assert all("not this" in reason for reason in run.failures.values())
    assert (again.hits, len(again.translations)) == (1000 - len(bad), 1000 - len(bad))


def test_a_pace_is_kept(server: OpenAIServer, cache: Cache) -> None:
    start = time.monotonic()
    _translate(server, cache, 60, limits=Limits(requests_per_minute=3000))
    assert time.monotonic() - start >= 0.19, "50 at once, and the other ten at 50 a second"
    assert len(server.requests) == 60


def test_problems_are_shown_while_they_last(server: OpenAIServer, cache: Cache) -> None:
    shown: list[Progress] = []
    server.faults.append(Fault(status=429, body=BUSY))
    _translate(server, cache, 5, concurrency=1, progress=shown.append)
    problems = [progress.problem for progress in shown]
    assert f"{server.url} answered 429: busy" in problems
    assert problems[-1] is None


# Ending a run


def test_a_stop_keeps_all_answers_in_flight_and_the_next_run_goes_on(cache: Cache) -> None:
    stop = Stop()
    with OpenAIServer(seconds=0.05) as server:

        def fault(_: str) -> None:
            if len(server.requests) >= 100:
                stop.request("SIGTERM")

        server.fault_for = fault
        with pytest.raises(Stopped, match="SIGTERM"):
            _translate(server, cache, 1000, concurrency=8, stop=stop)
        assert len(server.paid) == len(server.requests) <= 108
        again = _translate(server, cache, 1000, concurrency=64)
        assert again.hits == len(server.paid) - again.requests
        assert set(server.asked.values()) == {1}


def test_a_stop_after_the_last_answer_is_none(server: OpenAIServer, cache: Cache) -> None:
    stop = Stop()
    server.fault_for = lambda _: stop.request("SIGTERM") if len(server.requests) == 10 else None  # type: ignore[func-returns-value]
    run = _translate(server, cache, 10, concurrency=1, stop=stop)
    assert len(run.translations) == 10
    with pytest.raises(Stopped):
        _translate(server, cache, 20, stop=stop)
    assert len(server.requests) == 10


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_stop_waits_no_longer_than_the_grace(server: OpenAIServer, cache: Cache, in_loop: bool) -> None:
    stop = Stop(grace=0.1)
    server.hangs_until = time.monotonic() + 600
    asker = threading.Thread(target=lambda: (server.wait_for_requests(4), stop.request("SIGUSR1")))
    asker.start()

    def work() -> None:
        _translate(server, cache, 10, concurrency=4, stop=stop)

    async def cell() -> None:
        work()

    with pytest.raises(Stopped, match="SIGUSR1"):
        asyncio.run(cell()) if in_loop else work()
    asker.join()
    server.hangs_until = 0.0


@pytest.mark.parametrize("limits", [Limits(requests_per_minute=1), Limits()])
def test_a_stop_cuts_pauses_and_pacing_short(server: OpenAIServer, cache: Cache, limits: Limits) -> None:
    stop = Stop()
    if limits == Limits():
        server.fault_for = lambda _: Fault(status=429, body=BUSY, headers={"Retry-After": "500"})
    asker = threading.Thread(target=lambda: (server.wait_for_requests(1), stop.request("SIGTERM")))
    asker.start()
    patient = RetryPolicy(outage_seconds=1000)
    with pytest.raises(Stopped):
        _translate(server, cache, 10, stop=stop, limits=limits, retries=patient)
    asker.join()


_BUILD = [
    sys.executable,
    "-m",
    "mmteb_synth",
    "build",
    "--no-repair",
    "--lang",
    "tr",
    "--translator",
    "openai:test-model",
]


def test_the_command_ends_with_75_at_ctrl_c_and_goes_on(tmp_path: Path) -> None:
    folders = ["--cache-dir", str(tmp_path / "cache"), "--data-dir", str(tmp_path / "data")]
    with OpenAIServer(seconds=0.05) as server:
        command = [*_BUILD, "--base-url", server.url, *folders, "-t", "MiniSTS"]
        process = subprocess.Popen([*command, "--concurrency", "2"], stderr=subprocess.PIPE, text=True)
        server.wait_for_requests(10, 60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 75, said
        assert "run the same command again to go on" in said
        assert "Traceback" not in said
        assert len(server.paid) == len(server.requests)
        status = json.loads((tmp_path / "cache" / "status.json").read_text())
        assert (status["state"], status["set"]) == ("stopped", "MiniSTS.tur-Latn.openai-test-model")
        subprocess.run([*command, "--concurrency", "32"], check=True, capture_output=True)
        assert set(server.asked.values()) == {1}
    shown = [sys.executable, "-m", "mmteb_synth", "status", "--json", "--cache-dir", str(tmp_path / "cache")]
    (found,) = json.loads(subprocess.run(shown, check=True, capture_output=True, text=True).stdout)
    assert (found["state"], found["stale"], found["failed"]) == ("done", False, 0)


# The budget


class _Purse:
    """A meter that admits so many texts."""

    def __init__(self, texts: int) -> None:
        self.texts = texts
        self.admitted: list[str] = []
        self.settled: dict[str, Usage] = {}

    def admit(self, segment: Segment) -> bool:
        if len(self.admitted) == self.texts:
            return False
        self.admitted.append(segment.text)
        return True

    def settle(self, segment: Segment, usage: Usage) -> None:
        assert segment.text not in self.settled
        self.settled[segment.text] = usage


def test_a_spent_budget_ends_the_run_cleanly(server: OpenAIServer, cache: Cache) -> None:
    purse = _Purse(50)
    server.fault_for = lambda text: Fault(status=500, body=BUSY) if text == purse.admitted[0] else None
    run = _translate(server, cache, 200, meter=purse, concurrency=8)
    assert (run.stopped, len(run.translations)) == ("budget", 49)
    assert len(run.translations) + len(run.failures) == 200
    assert sorted(purse.settled) == sorted(purse.admitted)
    failed, answered, *_ = purse.admitted
    assert purse.settled[failed] == Usage()
    assert purse.settled[answered].output_tokens > 0
    again = _translate(server, cache, 200, meter=_Purse(1000))
    assert (again.stopped, again.hits) == (None, 49)


# Long texts

PARAGRAPHS = [
    " ".join(f"This is sentence {number} of paragraph {paragraph}." for number in range(8))
    for paragraph in range(6)
]
LONG = Segment(text="\n\n".join(PARAGRAPHS) + "\n")


def _in_parts(text: str, size: int) -> str:
    return "".join(
        (f"[{part.text}]" if any(map(str.isalpha, part.text)) else part.text) + part.after
        for part in split(text, size)
    )


def test_a_text_beyond_the_window_is_translated_in_parts(
    server: OpenAIServer, cache: Cache, tmp_path: Path
) -> None:
    preset = tmp_path / "small.toml"
    preset.write_text('model = "test-model"\nwindow = 2000\nmax_output_tokens = 200\n')
    translator = translators.resolve(str(preset), base_url=server.url)
    size = translator.max_characters  # type: ignore[attr-defined]
    assert size is not None
    assert size < len(LONG.text)
    segments = [LONG, *_segments(3)]
    run = engine.translate(segments, TURKISH, translator, cache, retries=FAST)
    assert run.translations[LONG] == _in_parts(LONG.text, size)
    assert LONG.text not in server.asked
    assert run.hits == 0
    again = engine.translate(segments, TURKISH, translator, cache)
    assert (again.requests, again.hits, again.translations) == (0, 4, run.translations)


@pytest.mark.parametrize("by", ["length", "window", "vllm"])
def test_what_is_cut_off_or_too_long_for_the_server_is_asked_in_parts(
    server: OpenAIServer, cache: Cache, by: str
) -> None:
    faults = {
        "length": Fault(finish_reason="length"),
        "window": Fault(
            status=400, body={"error": {"message": "too long", "code": "context_length_exceeded"}}
        ),
        "vllm": Fault(
            status=400, body={"error": {"message": "This model's maximum context length is 512 tokens."}}
        ),
    }
    server.fault_for = lambda text: faults[by] if len(text) > 500 else None
    seen: list[Progress] = []
    run = _translate(server, cache, [LONG, *_segments(3)], progress=seen.append)
    assert run.failures == {}
    assert run.translations[LONG].replace("[", "").replace("]", "") == LONG.text
    assert run.translations[LONG].count("[") == sum(len(text) > 30 for text in server.paid) - sum(
        len(text) > 500 for text in server.paid
    )
    assert seen[-1].done == seen[-1].total
    with cache:
        rows = {row.source: row for row in cache.rows()}
    assert (rows[LONG.text].translation, rows[LONG.text].finish_reason) == (None, "length")
    again = _translate(server, cache, [LONG, *_segments(3)])
    assert (again.requests, again.hits, again.translations) == (0, 4, run.translations)
    offline = _translate(server, cache, [LONG], offline=True, retry_failed=True)
    assert offline.translations == {LONG: run.translations[LONG]}


def test_a_part_that_fails_fails_its_text_with_its_reason(server: OpenAIServer, cache: Cache) -> None:
    def fault(text: str) -> Fault | None:
        if len(text) > 500:
            return Fault(finish_reason="length")
        return Fault(message={"content": None, "refusal": "No."}) if "7 of paragraph 3" in text else None

    server.fault_for = fault
    run = _translate(server, cache, [LONG, *_segments(3)])
    assert run.failures == {LONG: "a part of the text failed: the translator refused this text"}
    again = _translate(server, cache, [LONG, *_segments(3)])
    assert (again.requests, again.failures) == (0, run.failures)
    server.fault_for = lambda _: None
    mended = _translate(server, cache, [LONG, *_segments(3)], retry_failed=True)
    assert mended.requests == 1
    assert mended.translations[LONG].replace("[", "").replace("]", "") == LONG.text


def test_a_part_whose_requests_fail_fails_its_text(server: OpenAIServer, cache: Cache) -> None:
    server.fault_for = lambda text: (
        Fault(finish_reason="length")
        if len(text) > 500
        else Fault(status=500, body=BUSY)
        if "7 of paragraph 3" in text
        else None
    )
    run = _translate(server, cache, [LONG, *_segments(30)])
    assert "a part of the text failed" in run.failures[LONG]
    assert "500: busy" in run.failures[LONG]


def test_a_short_text_whose_answer_runs_away_is_no_long_text(server: OpenAIServer, cache: Cache) -> None:
    server.fault_for = lambda _: Fault(finish_reason="length")
    run = _translate(server, cache, 2)
    assert set(run.failures.values()) == {"the answer was cut off at the token limit"}
    assert len(server.requests) == 2


def test_what_no_cut_makes_shorter_fails_and_is_never_shortened(server: OpenAIServer, cache: Cache) -> None:
    server.fault_for = lambda _: Fault(finish_reason="length")
    run = _translate(server, cache, [LONG])
    assert "cut off" in run.failures[LONG]
    assert not run.translations
    assert all(count == 1 for count in server.asked.values())


def test_parts_that_texts_share_are_asked_once(server: OpenAIServer, cache: Cache) -> None:
    texts = [
        Segment(text="\n\n".join(paragraphs))
        for paragraphs in itertools.combinations([paragraph[:250] for paragraph in PARAGRAPHS], 2)
    ]
    server.fault_for = lambda text: Fault(finish_reason="length") if len(text) > 260 else None
    run = _translate(server, cache, texts)
    assert len(run.translations) == len(texts)
    assert set(server.asked.values()) == {1}

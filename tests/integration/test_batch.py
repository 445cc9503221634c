"""Batches against a real server on loopback: limits, states, kills at every stage, and what is paid for."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer, Plan
from openai_server import Fault

from mmteb_synth.errors import CacheError, RequestError, Stopped, TranslatorError, UsageError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.batches import joblist, request_file
from mmteb_synth.translate.batches import run as batch
from mmteb_synth.translate.batches.jobs import Jobs
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, Progress, Segment, Usage

pytestmark = pytest.mark.usefixtures("no_key")

TURKISH = Language(code="tur-Latn", name="Turkish")
GERMAN = Language(code="deu-Latn", name="German")
POLL = 0.02


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


def _segments(count: int) -> list[Segment]:
    return [Segment(text=f"Text number {number}") for number in range(count)]


def _translate(server: BatchServer, cache: Cache, count: int, **options: object) -> engine.TranslationRun:
    translator = translators.resolve("openai:test-model", base_url=server.url)
    return batch.translate(_segments(count), TURKISH, translator, cache, **{"poll": POLL, **options})  # type: ignore[arg-type]


def _live(server: BatchServer, cache: Cache, count: int, **options: object) -> engine.TranslationRun:
    translator = translators.resolve("openai:test-model", base_url=server.url)
    return engine.translate(_segments(count), TURKISH, translator, cache, **options)  # type: ignore[arg-type]


def _states(cache: Cache) -> list[str]:
    return [job.state for job in Jobs(cache).all()]


def test_a_batch_ends_as_live_requests_do(server: BatchServer, tmp_path: Path) -> None:
    with Cache(tmp_path / "a.sqlite") as one, Cache(tmp_path / "b.sqlite") as other:
        batched, live = _translate(server, one, 30), _live(server, other, 30)
        assert (batched.translations, batched.requests, batched.hits, batched.failures) == (
            live.translations,
            30,
            0,
            {},
        )
        assert batched.usage == live.usage
        assert {row.key: (row.source, row.translation, row.usage_tokens) for row in _rows(one)} == {
            row.key: (row.source, row.translation, row.usage_tokens) for row in _rows(other)
        }
        assert _live(server, one, 30).requests == 0
        assert _translate(server, other, 30).requests == 0
        assert len(server.batches) == 1
        bodies = [json.loads(line)["body"] for line in server.uploads[0].splitlines()]
        assert sorted(map(json.dumps, bodies)) == sorted(map(json.dumps, server.requests[:30]))
        assert _states(one) == ["done"]
        assert joblist.statuses(one)[0].said == "completed: 30 answered"


class _Comparable:
    def __init__(self, row: object) -> None:
        self.key, self.source, self.translation = row.key, row.source, row.translation  # type: ignore[attr-defined]
        self.usage_tokens = (row.input_tokens, row.output_tokens, row.model, row.kind, row.prompt_version)  # type: ignore[attr-defined]


def _rows(cache: Cache) -> list[_Comparable]:
    return [_Comparable(row) for row in cache.rows()]


def test_nothing_to_ask_needs_neither_server_nor_table(cache: Cache) -> None:
    translator = translators.resolve("openai:test-model", base_url="http://127.0.0.1:9/v1")
    run = batch.translate([], TURKISH, translator, cache)
    assert (run.translations, run.requests) == ({}, 0)
    assert not list(cache.file.parent.iterdir())


def test_segments_that_share_a_request_are_sent_once(server: BatchServer, cache: Cache) -> None:
    translator = translators.resolve("openai:test-model", base_url=server.url)
    wanted = [*_segments(3), *_segments(3), Segment(text="Text number 1", kind="query")]
    run = batch.translate(wanted, TURKISH, translator, cache, poll=POLL)
    assert (len(run.translations), run.requests) == (4, 4)


def test_sets_and_languages_share_their_batches(server: BatchServer, cache: Cache) -> None:
    translator = translators.resolve("openai:test-model", base_url=server.url)
    seen: list[Progress] = []
    with batch.BatchRun(translator, cache, poll=POLL, progress=seen.append) as run:
        for language in (TURKISH, GERMAN):
            run.add(_segments(4), language)
            run.add(_segments(6), language)
        run.finish()
        first, second = run.collect(_segments(4), TURKISH), run.collect(_segments(6), TURKISH)
        german = run.collect(_segments(6), GERMAN)
    assert [(one.requests, one.hits) for one in (first, second, german)] == [(4, 0), (2, 4), (6, 0)]
    assert len(server.batches) == 1
    assert (seen[-1].total, seen[-1].done, seen[-1].failed) == (12, 12, 0)


def test_files_keep_the_limits(server: BatchServer, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_file, "REQUESTS", 4)
    assert len(_translate(server, cache, 10).translations) == 10
    assert sorted(len(content.splitlines()) for content in server.uploads) == [2, 4, 4]
    monkeypatch.setattr(request_file, "FILE_BYTES", 3 * len(server.uploads[0].splitlines()[0]) + 100)
    assert len(_translate(server, cache, 20).translations) == 20
    assert [len(content.splitlines()) for content in server.uploads[3:]] == [3, 3, 3, 1]


def test_a_whole_file_of_the_largest_size(server: BatchServer, cache: Cache) -> None:
    run = _translate(server, cache, 50_001)
    assert len(run.translations) == 50_001
    assert sorted(len(content.splitlines()) for content in server.uploads) == [1, 50_000]
    assert max(map(len, server.uploads)) <= request_file.FILE_BYTES
    assert set(server.charged.values()) == {1}


def test_files_wait_for_room_in_the_queue(server: BatchServer, cache: Cache) -> None:
    _translate(server, cache, 1)
    request = len(server.uploads[0]) // 3
    server.queue_tokens = 5 * request
    server.most_queued = 0
    run = _translate(server, cache, 40, queue_tokens=5 * request)
    assert len(run.translations) == 40
    assert len(server.batches) > 4
    assert not any(one.complaints for one in server.batches.values())
    assert 0 < server.most_queued <= server.queue_tokens


def test_a_queue_that_is_full_is_waited_for(
    server: BatchServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_file, "REQUESTS", 4)
    _translate(server, cache, 4)
    server.queue_tokens = next(iter(server.batches.values())).tokens + 50
    assert len(_translate(server, cache, 16).translations) == 16
    assert any(one.complaints for one in server.batches.values())
    assert set(server.charged.values()) == {1}


def test_a_file_larger_than_the_queue_is_cut(server: BatchServer, cache: Cache) -> None:
    _translate(server, cache, 1)
    server.queue_tokens = 3 * server.batches["batch_1"].tokens
    assert len(_translate(server, cache, 20).translations) == 20
    assert set(server.charged.values()) == {1}


def test_a_queue_without_room_for_one_request_ends_the_run(server: BatchServer, cache: Cache) -> None:
    server.queue_tokens = 5
    with pytest.raises(RequestError, match=r"Enqueued token limit reached\. Limit: 5") as caught:
        _translate(server, cache, 2)
    assert "wait until the account's other batches are done" in str(caught.value.hint)
    server.queue_tokens = None
    assert len(_translate(server, cache, 2).translations) == 2


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_expired_is_harvested_and_only_the_rest_sent_again(
    server: BatchServer, cache: Cache, share: float
) -> None:
    server.plans.append(Plan(final="expired", share=share, looks=3))
    run = _translate(server, cache, 10)
    assert (len(run.translations), run.requests) == (10, 10)
    assert [len(content.splitlines()) for content in server.uploads] == [10, round(10 * (1 - share))]
    assert set(server.charged.values()) == {1}


def test_what_expires_again_and_again_fails_until_the_next_run(server: BatchServer, cache: Cache) -> None:
    server.plans.extend([Plan(final="expired", share=0.0)] * 3)
    run = _translate(server, cache, 2)
    assert set(run.failures.values()) == {"batch_expired: it was not asked"}
    assert len(_translate(server, cache, 2).translations) == 2


def test_a_failed_file_is_sent_again_without_its_bad_lines(server: BatchServer, cache: Cache) -> None:
    server.plans.append(
        Plan(complaints=[{"code": "invalid_request", "message": "a bad line", "line": 3, "param": "x"}])
    )
    run = _translate(server, cache, 10)
    assert (len(run.translations), list(run.failures.values())) == (9, ["a bad line"])
    refused = json.loads(server.uploads[0].splitlines()[2])["custom_id"]
    translator = translators.resolve("openai:test-model", base_url=server.url)
    assert [translator.key(segment, TURKISH).hex() for segment in run.failures] == [refused]


def test_a_file_that_fails_once_is_sent_again(server: BatchServer, cache: Cache) -> None:
    server.plans.append(Plan(complaints=[{"code": "server_error", "message": "oops", "line": None}]))
    assert len(_translate(server, cache, 5).translations) == 5
    assert len(server.batches) == 2


@pytest.mark.parametrize(("code", "files"), [("billing_hard_limit_reached", 1), ("server_error", 3)])
def test_files_that_always_fail_end_the_run_with_the_servers_words(
    server: BatchServer, cache: Cache, code: str, files: int
) -> None:
    server.plans.extend([Plan(complaints=[{"code": code, "message": "no more of this", "line": None}])] * 9)
    with pytest.raises(RequestError, match=r"batch_[0-9] failed: no more of this"):
        _translate(server, cache, 5)
    assert len(server.batches) == files
    server.plans.clear()
    assert len(_translate(server, cache, 5).translations) == 5


def test_lines_that_belong_nowhere_are_ignored_and_reported(
    server: BatchServer, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = [
        "{broken",
        "[]",
        "null",
        '{"custom_id": 7}',
        '{"custom_id": "zz"}',
        '{"custom_id": "' + "ab" * 16 + '"}',
    ]
    server.plans.append(Plan(foreign=foreign, twice=True, lost=["Text number 2"]))
    run = _translate(server, cache, 5)
    assert run.translations == {segment: f"[{segment.text}]" for segment in _segments(5)}
    assert len(server.uploads[1].splitlines()) == 1
    assert "batch_1: 10 lines were ignored" in caplog.text
    assert joblist.statuses(cache)[0].said == "completed: 4 answered, 1 unanswered, 10 foreign lines ignored"


def test_errors_of_single_lines(server: BatchServer, cache: Cache) -> None:
    faults = {
        "Text number 1": Fault(status=400, body={"error": {"message": "not this one", "code": "bad"}}),
        "Text number 2": Fault(message={"content": None, "refusal": "No."}),
        "Text number 3": Fault(finish_reason="length"),
        "Text number 4": Fault(message={"content": ""}),
    }
    once = {
        "Text number 5": Fault(status=500, body={"error": {"message": "boom"}}),
        "Text number 6": Fault(status=429, body=None),
        "Text number 7": Fault(body={"choices": []}),
    }
    server.fault_for = lambda text: faults.get(text) or once.pop(text, None)
    run = _translate(server, cache, 10)
    assert len(run.translations) == 6
    reasons = {segment.text: reason for segment, reason in run.failures.items()}
    assert reasons == {
        "Text number 1": f"{server.url} answered 400: not this one",
        "Text number 2": "the translator refused this text",
        "Text number 3": "the answer was cut off at the token limit",
        "Text number 4": "the answer was empty",
    }
    assert len(server.uploads[1].splitlines()) == 3
    faults.clear()
    again = _translate(
        server, cache, 10
    )  # refused and cut-off answers are evidence, and asked again only on demand
    assert (again.requests, len(again.failures)) == (1, 3)
    assert len(_translate(server, cache, 10, retry_failed=True).translations) == 10


def test_a_text_that_is_cut_off_is_asked_in_parts(server: BatchServer, cache: Cache) -> None:
    server.fault_for = lambda text: Fault(finish_reason="length") if len(text) > 400 else None
    long = Segment(text="  ".join(f"This is the sentence number {number}." for number in range(30)))
    translator = translators.resolve("openai:test-model", base_url=server.url)
    run = batch.translate([long, *_segments(2)], TURKISH, translator, cache, poll=POLL)
    live = engine.translate([long, *_segments(2)], TURKISH, translator, cache)
    assert run.translations == live.translations
    assert (run.failures, run.hits, live.requests, len(run.translations)) == ({}, 0, 0, 3)
    assert run.requests == sum(server.charged.values()) > 4
    assert set(server.charged.values()) == {1}


class _Meter:
    """Admits so many texts."""

    def __init__(self, admits: int) -> None:
        self.left, self.open, self.used = admits, 0, 0

    def admit(self, segment: Segment) -> bool:
        self.left -= 1
        self.open += self.left >= 0
        return self.left >= 0

    def settle(self, segment: Segment, usage: Usage) -> None:
        self.open -= 1
        self.used += usage.output_tokens


def test_a_budget_is_kept(server: BatchServer, cache: Cache) -> None:
    server.plans.append(Plan(final="expired", share=0.5))
    server.fault_for = lambda text: Fault(status=400, body={"error": {}}) if text.endswith(" 0") else None
    meter = _Meter(4)
    run = _translate(server, cache, 6, meter=meter)
    assert (run.stopped, len(run.translations), sum(server.charged.values())) == ("budget", 3, 3)
    assert list(run.failures.values()).count("not asked: the budget is spent") == 2
    assert (meter.open, meter.used) == (0, run.usage.output_tokens)
    assert _translate(server, cache, 6).stopped is None


def test_exhausted_quota_in_a_line_ends_the_run(server: BatchServer, cache: Cache) -> None:
    quota = Fault(status=429, body={"error": {"message": "quota exceeded", "code": "insufficient_quota"}})
    server.fault_for = lambda text: quota if text.endswith("3") else None
    with pytest.raises(RequestError, match="quota exceeded") as caught:
        _translate(server, cache, 5)
    assert caught.value.fatal
    server.fault_for = lambda _: None
    run = _translate(server, cache, 5)
    assert (run.hits, run.requests) == (4, 1)


def test_what_fails_in_passing_is_tried_again(server: BatchServer, cache: Cache) -> None:
    faults = [
        Fault(status=503, body={"error": {"message": "busy"}}),
        Fault(status=429, headers={"Retry-After": "0.01"}),
        Fault(reset=True),
        Fault(status=500),
    ]
    translator = translators.resolve("openai:test-model", base_url=server.url)
    with batch.BatchRun(translator, cache, poll=POLL) as run:
        server.batch_faults.extend(faults)
        run.add(_segments(4), TURKISH)
        for _ in range(6):  # whichever step it hits
            server.batch_faults.extend([Fault(status=502), Fault(reset=True)])
            run.finish()
            run.add([Segment(text=f"Further text {len(server.batches)}")], TURKISH)
        run.finish()
        assert len(run.collect(_segments(4), TURKISH).translations) == 4
    assert set(server.charged.values()) == {1}


@pytest.mark.parametrize(
    "stage", ["upload-done", "create", "create-done", "retrieve", "content", "content-half"]
)
def test_an_answer_that_is_lost_makes_no_second_batch(server: BatchServer, cache: Cache, stage: str) -> None:
    server.reset_at = stage
    assert len(_translate(server, cache, 5).translations) == 5
    assert server.reset_at is None
    assert len(server.batches) == 1
    assert set(server.charged.values()) == {1}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_before_anything_is_sent(server: BatchServer, cache: Cache, status: int) -> None:
    server.models_fault = Fault(status=status, body={"error": {"message": "no"}})
    with pytest.raises(TranslatorError, match=f"answered {status}: no"):
        _translate(server, cache, 1)
    assert server.uploads == []


def test_an_endpoint_without_batches_is_told_before_anything_is_sent(
    server: BatchServer, cache: Cache
) -> None:
    server.has_batches = False
    with pytest.raises(TranslatorError, match="has no Batch API: it answered 404") as caught:
        _translate(server, cache, 1)
    assert caught.value.hint == "leave out --batch: live requests work with every endpoint"
    assert (server.uploads, Jobs(cache).all()) == ([], [])


def test_translators_without_an_endpoint_are_refused(cache: Cache) -> None:
    with pytest.raises(
        UsageError, match="--batch is for translators behind one endpoint, and 'import:deepl'"
    ):
        batch.translate(_segments(1), TURKISH, translators.resolve("import:deepl"), cache)


@pytest.mark.parametrize(
    ("name", "value"), [("poll", 0), ("poll", -1), ("poll", float("nan")), ("queue_tokens", 0)]
)
def test_numbers_that_make_no_sense_are_refused(
    server: BatchServer, cache: Cache, name: str, value: float
) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} must be"):
        _translate(server, cache, 1, **{name: value})


def test_a_redirect_is_not_followed(cache: Cache, server: BatchServer) -> None:
    with BatchServer() as elsewhere:
        server.batch_faults.append(Fault(status=307, headers={"Location": f"{elsewhere.url}/batches"}))
        with pytest.raises(RequestError, match="answered 307"):
            _translate(server, cache, 1)
        assert elsewhere.batch_authorizations == set()


_RUN = """
import sys
from pathlib import Path
from mmteb_synth.translate import translators
from mmteb_synth.translate.batches import run as batch
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, Segment
url, file, count = sys.argv[1:]
segments = [Segment(text=f"Text number {number}") for number in range(int(count))]
with Cache(Path(file)) as cache:
    translator = translators.resolve("openai:test-model", base_url=url)
    run = batch.translate(segments, Language(code="tur-Latn", name="Turkish"), translator, cache, poll=0.02)
print(len(run.translations), run.requests)
"""


def _command(server: BatchServer, tmp_path: Path, count: int) -> list[str]:
    return [sys.executable, "-c", _RUN, server.url, str(tmp_path / "cache.sqlite"), str(count)]


@pytest.mark.parametrize(
    ("stage", "batches"),
    [
        ("upload", 1),
        ("upload-done", 1),
        ("create", 1),
        ("create-done", 1),
        ("retrieve", 1),
        ("content", 1),
        ("content-half", 1),
    ],
)
def test_a_kill_at_any_stage_pays_for_nothing_twice(
    server: BatchServer, tmp_path: Path, stage: str, batches: int
) -> None:
    server.hang_at = stage
    process = subprocess.Popen(_command(server, tmp_path, 40))
    assert server.hangs.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = subprocess.run(_command(server, tmp_path, 40), capture_output=True, text=True, check=True)
    assert finished.stdout.split()[0] == "40"
    assert len(server.batches) == batches
    assert set(server.charged.values()) == {1}
    assert len(server.charged) == 40


def test_kills_one_after_another(server: BatchServer, tmp_path: Path) -> None:
    server.plans.append(Plan(final="expired", share=0.5))
    for stage in (
        "create-done",
        "retrieve",
        "content-half",
        "content",
        "create",
        "upload-done",
        "create-done",
    ):
        server.hangs.clear()
        server.hang_at = stage
        process = subprocess.Popen(_command(server, tmp_path, 20))
        assert server.hangs.wait(60), stage
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    finished = subprocess.run(_command(server, tmp_path, 20), capture_output=True, text=True, check=True)
    assert finished.stdout.split()[0] == "20"
    assert (len(server.charged), set(server.charged.values())) == (20, {1})


def test_a_kill_in_the_midst_of_storing(
    server: BatchServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = cache.put

    def stops_half_way(rows: list[object]) -> None:
        stored(rows[:7])  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "put", stops_half_way)
    with pytest.raises(KeyboardInterrupt):
        _translate(server, cache, 20)
    monkeypatch.undo()
    run = _translate(server, cache, 20)
    assert (len(run.translations), run.hits) == (20, 7)
    assert set(server.charged.values()) == {1}


def test_a_stop_leaves_the_jobs_and_the_next_run_goes_on(server: BatchServer, cache: Cache) -> None:
    server.plans.append(Plan(looks=1000))
    stop = Stop()

    def when_submitted() -> None:
        while not server.looks:
            pass
        stop.request("SIGTERM")

    asking = threading.Thread(target=when_submitted)
    asking.start()
    with pytest.raises(Stopped, match="SIGTERM; 1 batches with 9 texts go on") as caught:
        _translate(server, cache, 9, stop=stop)
    asking.join()
    assert caught.value.exit_code == 75
    assert "--batch" in str(caught.value.hint)
    server.batches["batch_1"].states = type(server.batches["batch_1"].states)(["finalizing", "completed"])
    run = _translate(server, cache, 12)
    assert (len(run.translations), run.requests) == (12, 12)
    assert [len(content.splitlines()) for content in server.uploads] == [9, 3]
    assert set(server.charged.values()) == {1}


def test_jobs_that_nobody_wants_any_more_are_not_waited_for(server: BatchServer, cache: Cache) -> None:
    server.plans.append(Plan(looks=10**6))
    _leave(server, cache, 9)
    translator = translators.resolve("openai:test-model", base_url=server.url)
    other = [Segment(text="Something else")]
    assert len(batch.translate(other, TURKISH, translator, cache, poll=POLL).translations) == 1
    assert _states(cache).count("submitted") == 1


def _leave(server: BatchServer, cache: Cache, count: int) -> None:
    """Submit, and leave."""
    stop = Stop()
    with pytest.raises(Stopped):
        _translate(server, cache, count, stop=stop, progress=lambda _: stop.request("a test"))


def test_two_runs_do_not_submit_at_once(server: BatchServer, cache: Cache, tmp_path: Path) -> None:
    server.hang_at = "create"
    process = subprocess.Popen(_command(server, tmp_path, 5))
    assert server.hangs.wait(60)
    with pytest.raises(CacheError, match="another process is submitting"):
        _translate(server, cache, 5)
    with pytest.raises(CacheError, match="another process is submitting"):
        list(joblist.cancel(cache))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(_translate(server, cache, 5).translations) == 5


def test_another_endpoints_batches_are_not_paid_again(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 3)
    with BatchServer() as other:
        run = _translate(other, cache, 4)
        assert len(run.translations) == 1
        assert set(run.failures.values()) == {f"it waits in batch_1 at {server.url}"}
    assert len(_translate(server, cache, 4).translations) == 4


def test_an_account_that_does_not_know_the_batch(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 3)
    known = dict(server.batches)
    server.batches.clear()
    with pytest.raises(TranslatorError, match="knows no batch batch_1 of this key") as caught:
        _translate(server, cache, 3)
    assert "mmteb-synth batches cancel batch_1" in str(caught.value.hint)
    server.batches.update(known)
    assert len(_translate(server, cache, 3).translations) == 3
    assert set(server.charged.values()) == {1}


def test_files_that_the_server_has_lost_are_asked_for_again(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 3)
    made = server.batches["batch_1"]
    made.states = type(made.states)(["completed"])
    made.output = "file-gone"
    assert len(_translate(server, cache, 3).translations) == 3
    assert len(server.batches) == 2


def test_list_harvest_and_cancel(server: BatchServer, cache: Cache) -> None:
    assert (
        joblist.statuses(cache) == list(joblist.harvest_finished(cache)) == list(joblist.cancel(cache)) == []
    )
    server.plans.append(Plan(final="completed", looks=4))
    _leave(server, cache, 6)
    (listed,) = joblist.statuses(cache)
    assert (listed.id, listed.requests, listed.state, listed.translator) == (
        "batch_1",
        6,
        "submitted",
        "openai:test-model",
    )
    assert listed.remote in ("validating", "in_progress")
    while (status := next(joblist.harvest_finished(cache))).state != "done":
        assert not status.unknown
    assert status.said == "6 brought in"
    assert _live(server, cache, 6, offline=True).hits == 6
    assert [one.said for one in joblist.statuses(cache)] == ["completed: 6 answered"]


def test_what_was_cancelled_is_harvested_and_the_rest_left_to_the_next_run(
    server: BatchServer, cache: Cache
) -> None:
    server.plans.append(Plan(final="cancelled", share=0.5, looks=1))
    _leave(server, cache, 8)
    with pytest.raises(UsageError, match="unknown unfinished batch 'batch_2'; did you mean batch_1"):
        list(joblist.cancel(cache, ["batch_2"]))
    (cancelled,) = joblist.cancel(cache, ["batch_1"])
    assert cancelled.remote == "cancelling"
    run = _translate(server, cache, 8)
    assert len(run.translations) == 4
    assert {reason.split(";")[0] for reason in run.failures.values()} == {"its batch was cancelled"}
    again = _translate(server, cache, 8)
    assert (len(again.translations), again.requests) == (8, 4)
    assert set(server.charged.values()) == {1}


def test_cancel_gives_up_what_the_endpoint_does_not_know(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 2)
    server.batches.clear()
    (listed,) = joblist.statuses(cache)
    assert listed.unknown == "the endpoint knows no such batch of this key"
    (given_up,) = joblist.cancel(cache)
    assert (given_up.state, given_up.said) == ("done", "given up, since the endpoint does not know it")
    assert len(_translate(server, cache, 2).translations) == 2


def test_a_server_that_is_away_is_said_to_be(cache: Cache) -> None:
    with BatchServer() as server:
        _leave(server, cache, 2)
    for listed in (*joblist.statuses(cache), *joblist.harvest_finished(cache), *joblist.cancel(cache)):
        assert "can't be reached" in listed.unknown
        assert listed.state == "submitted"


def test_the_key_appears_nowhere(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with BatchServer(key="sk-canary-0123456789") as server:
        server.plans.extend(
            [
                Plan(complaints=[{"code": "x", "message": "bad key: sk-canary-0123456789", "line": None}]),
                Plan(complaints=[{"code": "x", "message": "bad key: sk-canary-0123456789", "line": 1}]),
                Plan(final="expired", share=0.5),
            ]
        )
        leak = {"error": {"message": "bad key: sk-canary-0123456789"}}
        server.fault_for = lambda text: Fault(status=400, body=leak) if text.endswith("1") else None
        server.answer = lambda text: f"sk-canary-0123456789 {text}" if text.endswith("2") else text
        said.append(repr(_translate(server, cache, 9)))
        for fault in (Fault(status=400, body=leak), Fault(status=401, body=leak)):
            server.batch_faults.append(fault)
            with pytest.raises(TranslatorError) as caught:
                _translate(server, cache, 12)
            said.append(f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}")
        server.plans.append(
            Plan(complaints=[{"code": "insufficient_quota", "message": "sk-canary-0123456789", "line": None}])
        )
        with pytest.raises(TranslatorError) as caught:
            _translate(server, cache, 12)
        said += [repr(caught.value), repr(joblist.statuses(cache))]
        assert server.batch_authorizations == {"Bearer sk-canary-0123456789"}
        assert b"canary" not in b"".join(server.uploads)
    assert "***" in "".join(said)
    assert "canary" not in "".join(said) + caplog.text
    cache.close()
    for file in cache.file.parent.iterdir():
        assert b"canary" not in file.read_bytes()

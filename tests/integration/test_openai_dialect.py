"""The OpenAI dialect against a real server on loopback: answers, faults, and what is paid for."""

import logging
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openai_server import Fault, OpenAIServer

from mmteb_synth.checks.answer import longest
from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.limits import RetryPolicy
from mmteb_synth.types import Language, Segment, Usage

pytestmark = pytest.mark.usefixtures("no_key")

TURKISH = Language(code="tur-Latn", name="Turkish")
FAST = RetryPolicy(
    attempts=4, first_wait=0.001, longest_wait=0.002, longest_retry_after=0.01, outage_seconds=0.5
)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def _segments(count: int) -> list[Segment]:
    return [Segment(text=f"Text number {number}") for number in range(count)]


def _translate(
    server: OpenAIServer | str, cache: Cache, count: int, **options: object
) -> engine.TranslationRun:
    url = server if isinstance(server, str) else server.url
    translator = translators.resolve("openai:test-model", base_url=url)
    return engine.translate(_segments(count), TURKISH, translator, cache, **{"retries": FAST, **options})  # type: ignore[arg-type]


def test_translates_with_bounded_concurrency_and_asks_once(cache: Cache) -> None:
    with OpenAIServer(seconds=0.005) as server:
        run = _translate(server, cache, 300, concurrency=7)
        assert server.most_in_flight == 7
        assert len(run.translations) == run.requests == len(server.requests) == 300
        assert set(server.asked.values()) == {1}
        assert run.translations[Segment(text="Text number 5")] == "[Text number 5]"
        again = _translate(server, cache, 300)
        assert (again.requests, again.hits, again.translations) == (0, 300, run.translations)
        assert (len(server.requests), server.catalogue_requests) == (300, 1)


def test_a_server_on_this_machine_is_asked_past_the_proxy_of_the_environment(
    server: OpenAIServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert len(_translate(server, cache, 1).translations) == 1


def test_the_request_and_what_is_stored_of_it(server: OpenAIServer, cache: Cache) -> None:
    run = _translate(server, cache, 1)
    (request,) = server.requests
    assert sorted(request) == ["max_tokens", "messages", "model", "temperature"]
    assert (request["model"], request["temperature"]) == ("test-model", 0.0)
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert server.authorizations == ["Bearer EMPTY"]
    (row,) = cache.rows()
    assert (row.translator, row.language, row.kind, row.source) == (
        "openai:test-model",
        "tur-Latn",
        "sentence",
        "Text number 0",
    )
    assert (row.model, row.finish_reason, row.prompt_version, row.raw) == ("test-model", "stop", 1, None)
    assert run.usage == Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens)
    assert run.usage.output_tokens == 3


def test_presets_ask_in_their_own_way(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    model = "mistralai/Mixtral-8x7B-Instruct-v0.1"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    with OpenAIServer(models=[model, "gpt-4.1-mini-2025-04-14", "gpt-3.5-turbo"]) as server:
        for name in ("mixtral-8x7b", "gpt-4.1-mini", "gpt-3.5-turbo"):
            translator = translators.resolve(name, base_url=server.url)
            assert engine.translate(_segments(1), TURKISH, translator, cache).requests == 1
        mixtral, mini, _ = server.requests
    assert [message["role"] for message in mixtral["messages"]] == ["user"]
    assert "max_completion_tokens" in mini
    assert "max_tokens" not in mini
    assert server.authorizations == ["Bearer EMPTY", "Bearer sk-mine", "Bearer sk-mine"]


@pytest.mark.parametrize(
    "fault",
    [
        *(
            Fault(status=status, body={"error": {"message": "busy"}})
            for status in (408, 409, 429, 500, 502, 503, 504)
        ),
        Fault(status=429, headers={"Retry-After": "0.001"}),
        Fault(status=503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Fault(status=503, headers={"Retry-After": "soon"}),
        Fault(reset=True),
        Fault(cut=True),
        Fault(body="not JSON"),
        Fault(body='{"choices": [{"mess'),
        Fault(body=[]),
        Fault(body="null"),
        Fault(body={"choices": None}),
        Fault(body={"choices": []}),
        Fault(body={"choices": [{"message": None}]}),
        Fault(body={"choices": [{"message": {"content": 5}}]}),
    ],
)
def test_what_may_pass_is_asked_again(server: OpenAIServer, cache: Cache, fault: Fault) -> None:
    server.faults.append(fault)
    run = _translate(server, cache, 1)
    assert (len(run.translations), run.requests, len(server.requests)) == (1, 2, 2)


def test_retries_are_bounded_and_one_that_fails_stops_no_other(server: OpenAIServer, cache: Cache) -> None:
    server.fault_for = lambda text: (
        Fault(status=500, body={"error": {"message": "boom"}}) if text.endswith(" 3") else None
    )
    run = _translate(server, cache, 20)
    assert len(run.translations) == 19
    assert run.failures == {Segment(text="Text number 3"): f"{server.url} answered 500: boom"}
    assert server.asked["Text number 3"] == FAST.attempts
    assert len(server.requests) == run.requests == 19 + FAST.attempts
    server.fault_for = lambda _: None
    assert _translate(server, cache, 20).requests == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_fails_its_segment_alone(server: OpenAIServer, cache: Cache, status: int) -> None:
    fault = Fault(status=status, body={"error": {"message": "too long", "code": "context_length_exceeded"}})
    server.fault_for = lambda text: fault if text.endswith(" 3") else None
    run = _translate(server, cache, 8)
    assert len(run.translations) == 7
    assert "too long" in run.failures[Segment(text="Text number 3")]
    assert len(server.requests) == 8


@pytest.mark.parametrize("body", ["<p>" * 1_000_000, {"error": {"message": "no " * 1_000_000}}])
def test_a_flood_of_words_is_no_reason(server: OpenAIServer, cache: Cache, body: object) -> None:
    server.fault_for = lambda text: Fault(status=400, body=body) if text.endswith(" 3") else None
    (reason,) = _translate(server, cache, 8).failures.values()
    assert "answered 400" in reason
    assert len(reason) < 600


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=401, body={"error": {"message": "Bad key"}}), "Bad key"),
        (Fault(status=403, body={"error": {"message": "Not your country"}}), "Not your country"),
        (Fault(status=404, body={"error": {"message": "No such model"}}), "No such model"),
        (
            Fault(status=429, body={"error": {"message": "You ran out", "code": "insufficient_quota"}}),
            "You ran out",
        ),
        (
            Fault(status=429, body={"error": {"message": "You ran out", "type": "insufficient_quota"}}),
            "You ran out",
        ),
        (
            Fault(status=400, body={"error": {"message": "No temperature", "param": "temperature"}}),
            "No temperature",
        ),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "302"),
    ],
)
def test_what_no_request_can_pass_ends_the_run_and_keeps_all(
    server: OpenAIServer, cache: Cache, fault: Fault, said: str
) -> None:
    server.fault_for = lambda _: fault if len(server.requests) > 50 else None
    with pytest.raises(RequestError, match=said) as caught:
        _translate(server, cache, 500, concurrency=4)
    assert caught.value.hint
    assert len(server.requests) <= 50 + 4
    kept = _translate(server, cache, 500, offline=True)
    assert len(kept.translations) == 50


@pytest.mark.parametrize(
    ("fault", "finish_reason", "said"),
    [
        (Fault(message={"content": None}), "empty", "empty"),
        (Fault(message={"content": ""}), "empty", "empty"),
        (Fault(message={"content": " \n"}), "empty", "empty"),
        (Fault(message={"content": None, "refusal": "I can't help."}), "refusal", "refused"),
        (Fault(message={"content": "Mer"}, finish_reason="length"), "length", "cut off"),
        (Fault(message={"content": None}, finish_reason="content_filter"), "content_filter", "filter"),
        (Fault(message={"content": "x" * 20_000}), "oversize", "too long"),
        (Fault(message={"content": "half \ud83d"}), "broken", "characters"),
    ],
)
def test_an_answer_that_is_no_translation_is_kept_as_evidence(
    server: OpenAIServer, cache: Cache, fault: Fault, finish_reason: str, said: str
) -> None:
    server.fault_for = lambda _: fault
    run = _translate(server, cache, 1)
    (reason,) = run.failures.values()
    assert said in reason
    (row,) = cache.rows()
    assert (row.translation, row.finish_reason) == (None, finish_reason)
    content = fault.message.get("refusal") or fault.message["content"] or None
    assert row.raw == (content and content[: longest("Text number 0")].replace("\ud83d", "\\ud83d"))
    assert row.output_tokens > 0
    assert _translate(server, cache, 1).failures == run.failures
    assert len(server.requests) == 1
    server.fault_for = lambda _: None
    assert len(_translate(server, cache, 1, retry_failed=True).translations) == 1


@pytest.mark.parametrize(
    ("source", "answer", "kept"),
    [
        ("Hi", "\n Selam \n", "Selam"),
        (" Hi", "\n Selam \n", "\n Selam"),
        ("Hi\n", " Selam\n", "Selam\n"),
        ("Hi", '"Selam"', "Selam"),
        ("a\n b", "c\n  d", "c\n  d"),
    ],
)
def test_white_space_around_an_answer(cache: Cache, source: str, answer: str, kept: str) -> None:
    with OpenAIServer(answer=lambda _: answer) as server:
        translator = translators.resolve("openai:test-model", base_url=server.url)
        run = engine.translate([Segment(text=source)], TURKISH, translator, cache)
    assert run.translations == {Segment(text=source): kept}
    (row,) = cache.rows()
    assert row.raw == (answer if answer != kept else None)


def test_an_endpoint_that_nobody_serves(cache: Cache) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(TranslatorError, match=f"{url} can't be reached") as caught:
        _translate(url, cache, 100)
    assert "--base-url" in str(caught.value.hint)
    assert not cache.file.exists()


def test_a_host_without_an_address(cache: Cache) -> None:
    with pytest.raises(TranslatorError, match="can't be reached"):
        _translate("http://no-such-host.invalid/v1", cache, 1)


def test_a_server_that_dies_ends_the_run_and_keeps_all(cache: Cache) -> None:
    with OpenAIServer() as server:

        def die(_: str) -> None:
            if len(server.requests) == 50:
                server.stop()

        server.fault_for = die
        with pytest.raises(RequestError, match="can't be reached"):
            _translate(server, cache, 10_000, concurrency=4)
    kept = _translate(server, cache, 10_000, offline=True)
    assert len(kept.translations) >= 40


def test_a_model_that_is_not_served_names_near_ones(cache: Cache) -> None:
    with (
        OpenAIServer(models=["test-modal", "other"]) as server,
        pytest.raises(
            TranslatorError, match="does not serve the model 'test-model'; it serves test-modal and others"
        ),
    ):
        _translate(server, cache, 5)
    assert server.requests == []


@pytest.mark.parametrize(
    "fault",
    [
        None,
        *(Fault(status=status, body="no") for status in (404, 405, 501)),
        Fault(body="<html>"),
        Fault(body={"data": [{}, 3]}),
    ],
)
def test_an_endpoint_without_a_catalogue_is_asked_anyway(
    server: OpenAIServer, cache: Cache, fault: Fault | None
) -> None:
    server.models, server.models_fault = None, fault
    assert len(_translate(server, cache, 1).translations) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_before_the_first_row(server: OpenAIServer, cache: Cache, status: int) -> None:
    server.models_fault = Fault(status=status, body={"error": {"message": "Your key was revoked"}})
    with pytest.raises(TranslatorError, match="Your key was revoked"):
        _translate(server, cache, 5)
    assert server.requests == []


def test_a_catalogue_that_fails_for_a_moment_is_asked_again(server: OpenAIServer, cache: Cache) -> None:
    server.models_fault = Fault(status=503, body={"error": {"message": "starting"}})
    with pytest.raises(RequestError, match="starting"):
        _translate(server, cache, 5)
    assert server.catalogue_requests == FAST.attempts
    assert server.requests == []


def test_a_missing_key_stops_before_anything_is_asked(cache: Cache) -> None:
    with pytest.raises(TranslatorError, match="OPENAI_API_KEY is not set"):
        engine.translate(_segments(1), TURKISH, translators.resolve("gpt-4.1-mini"), cache)


def test_a_retired_model_stops_before_anything_is_asked(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    preset = tmp_path / "old.toml"
    preset.write_text('model = "old"\nshutdown_date = 2001-02-03\nsubstitute = "gpt-4.1-mini"\n')
    with pytest.raises(TranslatorError, match="retired old on 2001-02-03") as caught:
        engine.translate(_segments(1), TURKISH, translators.resolve(str(preset)), cache)
    assert "gpt-4.1-mini" in str(caught.value.hint)


def test_a_full_cache_needs_neither_key_nor_endpoint(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(models=["gpt-4.1-mini-2025-04-14"]) as server:
        engine.translate(
            _segments(3), TURKISH, translators.resolve("gpt-4.1-mini", base_url=server.url), cache
        )
    run = engine.translate(_segments(3), TURKISH, translators.resolve("gpt-4.1-mini"), cache)
    assert (len(run.translations), run.requests) == (3, 0)


@pytest.mark.parametrize("status", [401, 400, 429, 500, 302])
def test_the_key_appears_nowhere(
    server: OpenAIServer,
    cache: Cache,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    caplog.set_level(logging.DEBUG)
    server.fault_for = lambda _: Fault(status=status, body={"error": {"message": "bad key: sk-canary"}})
    translator = translators.resolve("openai:test-model", base_url=server.url)
    said = [repr(translator), repr(translator.backend(1)), str(translator.identity())]
    try:
        run = engine.translate(_segments(1), TURKISH, translator, cache, retries=FAST)
        said.append(repr(run))
    except RequestError as error:
        said += ["".join(traceback.format_exception(error)), str(error.hint), repr(error)]
    assert server.authorizations[0] == "Bearer sk-canary"
    assert "canary" not in "".join(said) + caplog.text
    assert not cache.file.exists() or b"canary" not in cache.file.read_bytes()


_BUILD = """
import sys
from pathlib import Path
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, Segment
url, file, count, concurrency = sys.argv[1:]
segments = [Segment(text=f"Text number {number}") for number in range(int(count))]
language = Language(code="tur-Latn", name="Turkish")
with Cache(Path(file)) as cache:
    run = engine.translate(segments, language, translators.resolve("openai:test-model", base_url=url), cache, concurrency=int(concurrency))
print(len(run.translations), run.requests)
"""


@pytest.mark.parametrize("killed_at", [(1,), (150, 431, 890)])
def test_a_kill_repeats_at_most_what_was_in_flight_and_one_commit(
    tmp_path: Path, killed_at: tuple[int, ...]
) -> None:
    count, concurrency = 1200, 16
    with OpenAIServer(seconds=0.002) as server:
        command = [
            sys.executable,
            "-c",
            _BUILD,
            server.url,
            str(tmp_path / "cache.sqlite"),
            str(count),
            str(concurrency),
        ]
        for kills, at in enumerate(killed_at):
            before = len(server.requests)
            process = subprocess.Popen(command)
            server.wait_for_requests(before + at - (killed_at[kills - 1] if kills else 0))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        assert finished.stdout.split()[0] == str(count)
        assert len(server.asked) == count
        assert len(server.requests) <= count + len(killed_at) * (concurrency + engine.COMMIT_ROWS)
        again = subprocess.run(command, capture_output=True, text=True, check=True)
        assert again.stdout.split() == [str(count), "0"]


def test_ctrl_c_keeps_what_was_answered(tmp_path: Path) -> None:
    with OpenAIServer(seconds=0.002) as server:
        command = [sys.executable, "-c", _BUILD, server.url, str(tmp_path / "cache.sqlite"), "5000", "8"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                server.wait_for_requests(300)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()  # where it hangs; its pipe would be the next test's trouble
        assert "KeyboardInterrupt" in said
        with Cache(tmp_path / "cache.sqlite") as cache:
            kept = _translate(server, cache, 5000, offline=True)
        assert len(server.requests) - 8 <= len(kept.translations) <= len(server.requests)


def _catalogue(**entry: object) -> Fault:
    return Fault(body={"object": "list", "data": [{"id": "test-model", "object": "model", **entry}]})


@pytest.mark.parametrize("field", ["shutdown_date", "deprecation"])
def test_a_shutdown_in_the_endpoints_catalogue_is_warned_of_once(
    server: OpenAIServer, cache: Cache, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    days = len(field)  # what was said once in this process is not said again
    near = datetime.now(UTC).date() + timedelta(days=days)
    server.models_fault = _catalogue(**{field: f"{near}T00:00:00Z" if field == "deprecation" else str(near)})
    for count in (1, 2):
        assert len(_translate(server, cache, count).translations) == count
    assert caplog.text.count(f"test-model will be shut down on {near}, in {days} days") == 1


def test_a_model_that_the_catalogue_says_is_gone_is_not_asked(server: OpenAIServer, cache: Cache) -> None:
    server.models_fault = _catalogue(shutdown_date="2001-02-03")
    with pytest.raises(TranslatorError, match="says that it shut down test-model on 2001-02-03"):
        _translate(server, cache, 1)
    assert server.requests == []


@pytest.mark.parametrize("value", [None, "", "soon", 20270101, "2999-01-01"])
def test_a_catalogue_without_a_near_date_warns_of_nothing(
    server: OpenAIServer, cache: Cache, caplog: pytest.LogCaptureFixture, value: object
) -> None:
    server.models_fault = _catalogue(shutdown_date=value)
    assert len(_translate(server, cache, 1).translations) == 1
    assert "shut down" not in caplog.text


def test_answers_are_held_to_a_schema_where_the_endpoint_has_it(cache: Cache) -> None:
    with OpenAIServer(models=["gpt-4.1-mini-2025-04-14"], answer=lambda _: '"Selam"\n') as server:
        translator = translators.resolve("gpt-4.1-mini", base_url=server.url)
        run = engine.translate([Segment(text='"Hi"')], TURKISH, translator, cache, retries=FAST)
        assert run.translations == {Segment(text='"Hi"'): '"Selam"'}
        (request,) = server.requests
        assert request["response_format"]["json_schema"]["strict"] is True
        server.fault_for = lambda _: Fault(message={"content": '{"text": "Selam"}'})
        run = engine.translate([Segment(text="Bye")], TURKISH, translator, cache, retries=FAST)
    assert run.failures == {Segment(text="Bye"): "the answer was not in the form that was asked for"}

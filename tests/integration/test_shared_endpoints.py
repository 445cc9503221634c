"""`--base-url` repeated: servers share the load, and one that goes away is left out until it comes back."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from openai_server import Fault, OpenAIServer

from mmteb_synth.errors import RequestError, TranslatorError, UsageError
from mmteb_synth.translate import engine, sharing, translators
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.limits import RetryPolicy
from mmteb_synth.translate.sharing import SharedEndpoint
from mmteb_synth.types import Language, Segment

FRENCH = Language(code="fra-Latn", name="French")


def segments(count: int) -> list[Segment]:
    return [Segment(text=f"text {number}") for number in range(count)]


def resolve(*urls: str) -> translators.Translator:
    return translators.resolve("openai:test-model", base_url=urls)


def test_the_load_is_shared(tmp_path: Path) -> None:
    with (
        OpenAIServer(seconds=0.02) as first,
        OpenAIServer(seconds=0.02) as second,
        Cache(tmp_path / "cache.sqlite") as cache,
    ):
        run = engine.translate(segments(100), FRENCH, resolve(first.url, second.url), cache, concurrency=10)
        assert len(run.translations) == 100
        assert len(first.requests) + len(second.requests) == 100
        assert min(len(first.requests), len(second.requests)) >= 25
        assert max(first.most_in_flight, second.most_in_flight) <= 9


def test_a_server_that_is_away_is_left_out(tmp_path: Path) -> None:
    with OpenAIServer(seconds=0.02) as first, Cache(tmp_path / "cache.sqlite") as cache:
        with OpenAIServer(seconds=0.02) as second:
            # It closes its port in the midst of the run, with requests in flight.
            second.fault_for = lambda _: second.stop() if len(second.requests) >= 20 else None  # type: ignore[func-returns-value]
            shared = resolve(first.url, second.url)
            run = engine.translate(segments(200), FRENCH, shared, cache, concurrency=10)
        assert len(run.translations) == 200
        assert not run.failures
        assert sum(first.asked.values()) > 150


@pytest.mark.parametrize("place", [0, 1])
def test_all_must_serve_the_model_at_first(tmp_path: Path, place: int) -> None:
    with (
        OpenAIServer() as good,
        OpenAIServer(models=("other-model",)) as bad,
        Cache(tmp_path / "cache.sqlite") as cache,
    ):
        urls = [good.url, bad.url] if place else [bad.url, good.url]
        with pytest.raises(TranslatorError, match=f"{bad.url} does not serve the model 'test-model'"):
            engine.translate(segments(3), FRENCH, resolve(*urls), cache)
        assert not good.requests


def test_faults_other_than_absence_are_the_engines_business(tmp_path: Path) -> None:
    with OpenAIServer() as first, OpenAIServer() as second, Cache(tmp_path / "cache.sqlite") as cache:
        for server in (first, second):
            server.fault_for = lambda text: Fault(status=400) if text == "text 3" else None
        run = engine.translate(segments(20), FRENCH, resolve(first.url, second.url), cache)
        assert len(run.translations) == 19
        assert first.asked["text 3"] + second.asked["text 3"] == 1


def test_when_all_are_away_that_is_said() -> None:
    async def ask(backend: Backend, stop: Callable[[], None]) -> None:
        try:
            await backend.start()
            stop()
            (segment,) = segments(1)
            with contextlib.suppress(RequestError):  # kept connections break before new ones are refused
                await backend.translate([segment], FRENCH)
            with contextlib.suppress(RequestError):
                await backend.translate([segment], FRENCH)
            with pytest.raises(RequestError, match="can't be reached"):
                await backend.translate([segment], FRENCH)
        finally:
            await backend.close()

    with contextlib.ExitStack() as servers:
        urls = [servers.enter_context(OpenAIServer()).url for _ in range(2)]
        backend = resolve(*urls).backend(4)
        assert backend is not None
        asyncio.run(ask(backend, servers.close))


def test_names_and_keys_are_those_of_one_endpoint() -> None:
    one, two = resolve("http://127.0.0.1:1/v1"), resolve("http://127.0.0.1:1/v1/", "http://127.0.0.1:2/v1")
    assert isinstance(two, SharedEndpoint)
    segment = Segment(text="A dog.")
    assert (one.name, one.label, one.identity()) == (two.name, two.label, two.identity())
    assert one.key(segment, FRENCH) == two.key(segment, FRENCH)
    assert two.concurrency == 2 * one.concurrency
    same = resolve("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/")
    assert type(same) is Endpoint
    with pytest.raises(UsageError, match="--base-url"):
        resolve("http://127.0.0.1:1/v1", "ftp://127.0.0.1")


def test_a_server_that_only_fails_draws_no_requests_to_itself(tmp_path: Path) -> None:
    with (
        OpenAIServer(seconds=0.02) as good,
        OpenAIServer() as bad,
        Cache(tmp_path / "cache.sqlite") as cache,
    ):
        bad.fault_for = lambda _: Fault(status=500, body={"error": {"message": "CUDA error"}})
        run = engine.translate(segments(300), FRENCH, resolve(good.url, bad.url), cache, concurrency=10)
        assert len(run.translations) == 300
        assert len(bad.requests) < 30


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away is looked at again after a moment."""
    monkeypatch.setattr(sharing, "_REST", 0.05)
    monkeypatch.setattr(sharing, "_PATIENCE", 0.05)


@pytest.fixture
def away() -> str:
    """The address of a server that is not there."""
    with OpenAIServer() as server:
        return server.url


def port(url: str) -> int:
    return urlsplit(url).port or 0


def starting(
    late: OpenAIServer, first: OpenAIServer, servers: contextlib.ExitStack
) -> Callable[[str], Fault | None]:
    """Starts a server after 20 requests to the first."""
    waiting = [late]

    def look(_: str) -> None:
        if waiting and len(first.requests) >= 20:
            servers.enter_context(waiting.pop())

    return look


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("place", [0, 1])
def test_a_server_that_is_down_at_the_start_is_taken_up_when_it_is_back(
    tmp_path: Path, away: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    late = OpenAIServer(seconds=0.02, port=port(away))
    with (
        OpenAIServer(seconds=0.02) as first,
        contextlib.ExitStack() as servers,
        Cache(tmp_path / "cache.sqlite") as cache,
    ):
        first.fault_for = starting(late, first, servers)
        urls = [first.url, away] if place else [away, first.url]
        run = engine.translate(segments(400), FRENCH, resolve(*urls), cache, concurrency=10)
        assert len(run.translations) == 400
        assert run.requests == len(first.requests) + len(late.requests) == 400
        assert len(late.requests) > 50
    (said,) = caplog.messages
    assert f"{away} can't be reached" in said
    assert "the others go on without it" in said


@pytest.mark.usefixtures("soon")
def test_a_server_that_hangs_at_the_start_keeps_no_other_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        OpenAIServer() as first,
        OpenAIServer() as second,
        Cache(tmp_path / "cache.sqlite") as cache,
    ):
        second.models_fault = Fault(seconds=3600)
        run = engine.translate(segments(50), FRENCH, resolve(second.url, first.url), cache, concurrency=10)
        assert len(run.translations) == 50
        assert (len(first.requests), second.requests, second.catalogue_requests) == (50, [], 1)
        assert caplog.messages == [f"{second.url} does not answer; the others go on without it"]


@pytest.mark.usefixtures("soon")
def test_a_server_that_comes_back_as_another_is_left_out(
    tmp_path: Path, away: str, caplog: pytest.LogCaptureFixture
) -> None:
    late = OpenAIServer(models=("other-model",), port=port(away))
    with (
        OpenAIServer(seconds=0.02) as first,
        contextlib.ExitStack() as servers,
        Cache(tmp_path / "cache.sqlite") as cache,
    ):
        first.fault_for = starting(late, first, servers)
        run = engine.translate(segments(400), FRENCH, resolve(first.url, away), cache, concurrency=10)
        assert len(run.translations) == len(first.requests) == 400
        assert late.catalogue_requests == 1
    assert "does not serve the model 'test-model'" in caplog.messages[-1]


def test_no_server_at_the_start_ends_the_run(tmp_path: Path, away: str) -> None:
    with OpenAIServer() as other:
        second = other.url
    fast = RetryPolicy(first_wait=0.001)
    with Cache(tmp_path / "cache.sqlite") as cache, pytest.raises(RequestError, match="can't be reached"):
        engine.translate(segments(3), FRENCH, resolve(away, second), cache, retries=fast)

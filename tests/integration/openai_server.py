"""A real HTTP server on loopback that speaks the chat-completions dialect, and misbehaves when told to.

It runs in a thread of its own, so that tests, the command line and subprocesses can all ask it:

    with OpenAIServer(answer=str.upper) as server:
        translators.resolve("openai:test-model", base_url=server.url)
        server.faults.extend([Fault(status=429), Fault(reset=True)])  # the next two requests
        server.fault_for = lambda text: Fault(status=400) if text == "poison" else None  # always
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_DELIMITED = re.compile(r"<((?:source|translation)\d*)>\n(.*)\n</\1>\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What to do instead of answering.

    Attributes:
        status: The HTTP status.
        body: The body, as a JSON value or as it is.
        headers: Further headers, as `Retry-After`.
        reset: Close the connection instead of answering.
        cut: Send only the first half of the body, and then close the connection.
        message: Changes to the answer's message, as `{"content": None, "refusal": "No."}`.
        finish_reason: The answer's finish reason.
        endless: Send spaces after the body for as long as anybody reads them.
        seconds: Wait so long first.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    cut: bool = False
    endless: bool = False
    message: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str = "stop"
    seconds: float = 0.0


def source_text(request: Mapping[str, Any]) -> str:
    """The text that a request wants translated; the translation, where it is to be judged."""
    found = _DELIMITED.search(request["messages"][-1]["content"])
    assert found is not None, request
    return found[2]


class OpenAIServer:
    """The server; a context manager.

    Args:
        answer: Translates a text; wrapped as JSON where a request wants a translation in JSON.
        models: What `GET /models` lists; None for an endpoint without a catalogue.
        key: The key to insist on; none by default.
        seconds: How long each answer takes.
        port: A fixed port; any free one by default.

    Attributes:
        requests: The JSON bodies of all chat requests, in the order they came.
        authorizations: Their Authorization headers.
        catalogue_requests: How often the models were listed.
        most_in_flight: The most chat requests that were being answered at once.
        faults: What happens to the next chat requests, one each.
        fault_for: What happens to every request for a text; None for nothing.
        models_fault: What happens to requests for the catalogue.
        flooded: Bytes that were sent after bodies.
        paid: The texts of all requests that were answered with a whole completion, so that a provider would charge.
        hangs_until: Until then (`time.monotonic()`) no chat is answered, while /health still says 200.
    """

    def __init__(
        self,
        *,
        answer: Callable[[str], str] = lambda text: f"[{text}]",
        models: Sequence[str] | None = ("test-model",),
        key: str | None = None,
        seconds: float = 0.0,
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.models = models
        self.key = key
        self.seconds = seconds
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.catalogue_requests = 0
        self.most_in_flight = 0
        self.faults: deque[Fault] = deque()
        self.fault_for: Callable[[str], Fault | None] = lambda _: None
        self.models_fault: Fault | None = None
        self.flooded = 0
        self.paid: list[str] = []
        self.hangs_until = 0.0
        self._port = port
        self._in_flight = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._dying = asyncio.Event()
        self._away_seconds = 0.0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """The endpoint, for --base-url."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def asked(self) -> Counter[str]:
        """How often each text was asked for."""
        return Counter(source_text(request) for request in list(self.requests))

    def wait_for_requests(self, count: int, seconds: float = 30.0) -> None:
        """Return when so many chat requests have come."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"only {len(self.requests)} of {count} requests came"
            time.sleep(0.005)

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(10)

    def stop(self) -> None:
        """Close the port, also in the midst of requests; called from any thread, the server's own included."""
        with contextlib.suppress(RuntimeError):  # it was stopped before
            self._loop.call_soon_threadsafe(self._stopping.set)

    def die(self, seconds: float) -> None:
        """Close the port and all connections, and come back on the same port so many seconds later."""
        self._away_seconds = seconds
        self._loop.call_soon_threadsafe(self._dying.set)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            app = web.Application(client_max_size=1 << 30)
            self._add_routes(app.router)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", self._port)
            await site.start()
            self._port = runner.addresses[0][1]
            self._ready.set()
            waits = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._dying)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await runner.cleanup()
            if self._dying.is_set():
                self._dying.clear()
                await asyncio.sleep(self._away_seconds)

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/health", _healthy)
        router.add_get("/v1/models", self._list_models)
        router.add_post("/v1/chat/completions", self._chat)

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        self.catalogue_requests += 1
        if self.models_fault is not None:
            await asyncio.sleep(self.models_fault.seconds)
            return await self._misbehave(request, self.models_fault, {})
        if self._refused(request):
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if self.models is None:
            return _error(404, "Not Found", "not_found")
        data = [{"id": model, "object": "model", "created": 0, "owned_by": "test"} for model in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.authorizations.append(request.headers.get("Authorization"))
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            if self._refused(request):
                return _error(401, "Incorrect API key provided", "invalid_api_key")
            if self.models is not None and body["model"] not in self.models:
                return _error(404, f"The model {body['model']!r} does not exist", "model_not_found")
            if self.seconds:
                await asyncio.sleep(self.seconds)
            text = source_text(body)
            fault = self.fault_for(text) or (self.faults.popleft() if self.faults else Fault())
            if fault.seconds:
                await asyncio.sleep(fault.seconds)
            while time.monotonic() < self.hangs_until:
                await asyncio.sleep(0.02)
            if fault.status == 200 and fault.body is None and not (fault.reset or fault.cut or fault.endless):
                self.paid.append(text)
            return await self._misbehave(request, fault, self._completion(body, text, fault))
        finally:
            self._in_flight -= 1

    def _refused(self, request: web.Request) -> bool:
        return self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}"

    def _completion(self, body: Mapping[str, Any], text: str, fault: Fault) -> dict[str, Any]:
        content = self.answer(text)
        if body.get("response_format", {}).get("json_schema", {}).get("name") == "translation":
            content = json.dumps({"translation": content}, ensure_ascii=False)
        message = {"role": "assistant", "content": content, **fault.message}
        sent = sum(len(message["content"].split()) for message in body["messages"])
        received = len(content.split())
        usage = {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received}
        choice = {"index": 0, "message": message, "finish_reason": fault.finish_reason, "logprobs": None}
        return {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }

    async def _misbehave(self, request: web.Request, fault: Fault, usual: Any) -> web.StreamResponse:
        if fault.reset:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        value = usual if fault.body is None else fault.body
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        if fault.cut:
            response = web.StreamResponse(headers={"Content-Length": str(len(data))})
            await response.prepare(request)
            await response.write(data[: len(data) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        if fault.endless:
            flood = web.StreamResponse(status=fault.status)
            await flood.prepare(request)
            await flood.write(data)
            with contextlib.suppress(ConnectionError):
                while True:
                    await flood.write(b" " * 65536)
                    self.flooded += 65536
            return flood
        return web.Response(
            status=fault.status, body=data, content_type="application/json", headers=dict(fault.headers)
        )


async def _healthy(_: web.Request) -> web.Response:
    return web.Response()


def _error(status: int, message: str, code: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": code, "code": code}}, status=status)

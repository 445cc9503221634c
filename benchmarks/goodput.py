"""What the engine costs beside a bare loop on the same client, measured in the same run against the same server.

- Goodput: requests a second at 250 ms latency and 128 in flight, at least 0.95 times the bare loop's.
- CPU: processor time for a request at 0 ms, at most 1.25 times the bare loop's.

Medians of the ratios of five pairs of runs. The server runs in a process of its own. Exit code 1 where a bound is not held.
"""

from __future__ import annotations

import asyncio
import operator
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.types import Language, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator

GOODPUT_BOUND = 0.95
CPU_BOUND = 1.25
RUNS = 5
IN_FLIGHT = 128
LATENCY = 0.25
TURKISH = Language(code="tur-Latn", name="Turkish")
MODEL = "test-model"


def main() -> int:
    """Measure, print and judge."""
    goodput = _taken(LATENCY, 20 * IN_FLIGHT, time.perf_counter)
    cpu = _taken(0.0, 10 * IN_FLIGHT, time.process_time)
    for name in ("bare", "engine"):
        print(
            f"{name}: {20 * IN_FLIGHT / statistics.median(goodput[name]):.0f} requests/s at {1000 * LATENCY:.0f} ms and "
            f"{IN_FLIGHT} in flight; {1e6 * statistics.median(cpu[name]) / (10 * IN_FLIGHT):.0f} µs of CPU a request at 0 ms"
        )
    # Of neighbouring runs, so that what else a machine does weighs on both.
    speed = statistics.median(map(operator.truediv, goodput["bare"], goodput["engine"]))
    cost = statistics.median(map(operator.truediv, cpu["engine"], cpu["bare"]))
    print(f"goodput ratio: {speed:.3f} (bound {GOODPUT_BOUND})")
    print(f"CPU ratio: {cost:.3f} (bound {CPU_BOUND})")
    return 0 if speed >= GOODPUT_BOUND and cost <= CPU_BOUND else 1


def _taken(latency: float, requests: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds by the clock that the bare loop and the engine take, taken in turns."""
    taken: dict[str, list[float]] = {"bare": [], "engine": []}
    with _server(latency) as url:
        endpoint = translators.resolve(f"openai:{MODEL}", base_url=url)
        assert isinstance(endpoint, Endpoint)
        for run in range(-1, RUNS):
            segments = [Segment(text=f"Text number {run} {number}") for number in range(requests)]
            pair = [("bare", _bare), ("engine", _engine)]
            for name, work in pair if run % 2 else pair[::-1]:
                start = clock()
                work(endpoint, segments)
                if run >= 0:  # the first one warms up
                    taken[name].append(clock() - start)
    return taken


def _bare(endpoint: Endpoint, segments: list[Segment]) -> None:
    """As many workers as may be in flight, each asking for one text after another."""
    from mmteb_synth.translate.backends.client import Connection
    from mmteb_synth.translate.requests import request_body

    async def work() -> None:
        client = Connection(endpoint).open()
        left = iter(segments)

        async def worker() -> None:
            for segment in left:
                body: dict[str, Any] = request_body(endpoint, segment, TURKISH)
                messages = body.pop("messages")
                reply = await client.chat.completions.with_raw_response.create(
                    model=body.pop("model"), messages=messages, extra_body=body
                )
                assert reply.http_response.content

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(worker())
        await client.close()

    asyncio.run(work())


def _engine(endpoint: Endpoint, segments: list[Segment]) -> None:
    with tempfile.TemporaryDirectory() as folder, Cache(Path(folder) / "cache.sqlite") as cache:
        run = engine.translate(segments, TURKISH, endpoint, cache, concurrency=IN_FLIGHT)
        assert len(run.translations) == run.requests == len(segments)


@contextmanager
def _server(latency: float) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def _serve(latency: float) -> None:
    """Answer every chat with the same translation, after a while."""
    from aiohttp import web

    completion = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Metin"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105},
    }

    async def chat(request: web.Request) -> web.Response:
        await request.read()
        if latency:
            await asyncio.sleep(latency)
        return web.json_response(completion)

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL}]})

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", chat)
        app.router.add_get("/v1/models", models)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(float(sys.argv[2]))
    else:
        sys.exit(main())

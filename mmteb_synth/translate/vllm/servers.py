"""Starts the servers of a plan, waits until each has answered a chat, and ends them with the command."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from mmteb_synth.errors import RequestError, TranslatorError, UsageError
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.requests import request_body
from mmteb_synth.translate.vllm import leash
from mmteb_synth.translate.vllm.serving import Plan, Server
from mmteb_synth.types import Language, Segment

_POLL = 0.5
_PROBE = Segment(text="Good morning.")
_PROBE_LANGUAGE = Language(code="fra-Latn", name="French")
_PROBE_TOKENS = 8


class Running:
    """A server that was started.

    Args:
        server: What to start; its output goes to standard error.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        reading, self._writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                leash.leashed(server.command, reading),
                env={**os.environ, **server.environment},
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                pass_fds=[reading],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._writing)
            raise
        finally:
            os.close(reading)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def let_go(self) -> None:
        """Have it ended, and all that it started."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def wait(self) -> None:
        """Return when it has ended."""
        self._process.wait()


@contextlib.contextmanager
def started(plan: Plan) -> Iterator[list[Running]]:
    """Start a plan's servers; they end with the context, or with this process whatever ends it.

    Raises:
        UsageError: A port is taken.
    """
    for server in plan.servers:
        _check_port(server)
    running: list[Running] = []
    try:
        for server in plan.servers:
            running.append(Running(server))  # noqa: PERF401  one that fails must not hide those before it
        yield running
    finally:
        for one in running:
            one.let_go()
        for one in running:
            one.wait()


def wait_until_ready(plan: Plan, running: list[Running], say: Callable[[str], None]) -> None:
    """Return when each server has answered a real chat; /health says 200 before vLLM can answer.

    Args:
        plan: What was started.
        running: The servers.
        say: Told of each server that is ready.

    Raises:
        TranslatorError: A server ended, or refuses the chat.
    """
    start = time.monotonic()
    for one in running:
        endpoint = Endpoint(
            preset=plan.placement.preset,
            base_url=one.server.url,
            label=plan.placement.preset.name,
            given_url=True,
        )
        while not _answers(endpoint):
            for other in running:
                if other.exit_code is not None:
                    raise TranslatorError(
                        f"vllm serve for {other.server.url} ended with {other.exit_code} before it answered",
                        hint=f"its last lines above say why; it was: {other.server.line}",
                    )
            time.sleep(_POLL)
        say(f"{one.server.url} has answered a chat after {time.monotonic() - start:.0f} s")


def wait_until_ended(running: list[Running], say: Callable[[str], None]) -> None:
    """Return when no server is left.

    Args:
        running: The servers.
        say: Told of each server that ends.

    Raises:
        TranslatorError: Always, since servers end by themselves only when something is wrong.
    """
    left = list(running)
    while left:
        for one in [one for one in left if one.exit_code is not None]:
            say(f"vllm serve for {one.server.url} ended with {one.exit_code}")
            left.remove(one)
        time.sleep(_POLL)
    raise TranslatorError("no server is left", hint="their last lines above say why")


def _answers(endpoint: Endpoint) -> bool:
    """Whether a server answers a chat now.

    Raises:
        RequestError: It refuses it, and will go on so.
    """
    from mmteb_synth.translate.backends.client import Connection

    body = request_body(endpoint, _PROBE, _PROBE_LANGUAGE)
    body[endpoint.preset.max_tokens_parameter] = _PROBE_TOKENS
    connection = Connection(endpoint)
    with connection.open_blocking() as client:
        try:
            with connection.explained():
                client.post("/chat/completions", body=body, cast_to=object)
        except RequestError as error:
            if error.fatal or not error.retryable:
                raise
            return False
    return True


def _check_port(server: Server) -> None:
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"nothing can listen on {server.host}:{server.port}: {getattr(error, 'strerror', None) or error}",
                hint="choose another place with --port and --host",
            ) from error

"""Translates in process with `vllm.LLM`: no server, but a process of its own for each group of GPUs.

That process runs in vLLM's own environment (`worker/vllm_chat.py`), so that this one stays light, versions of PyTorch
don't mix, and it can be ended at any moment. It is handed the very requests that a server would be posted, so that
cache entries are shared with servers and batches of the same weights.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.translate import hardware, leash, serving, vllm_environment
from mmteb_synth.translate.parsing import parse_completion
from mmteb_synth.translate.preset import Endpoint
from mmteb_synth.translate.requests import request_body
from mmteb_synth.types import Answer, Language, Segment

IN_FLIGHT = 1_000
"""Requests that are handed over at most, and so what is lost at most when everything is killed."""

_WORKER = Path(__file__).parents[1] / "worker" / "vllm_chat.py"
_KNOWN = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "chat_template_kwargs"}
    | {"top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"}
)
"""Parameters that the worker understands; a server may know more."""

_PROBE = Segment(text="Good morning.")
_PROBE_LANGUAGE = Language(code="fra-Latn", name="French")
_ENDING_SECONDS = 10.0
_LONGEST_LINE = 16 << 20
_SHOWN_CHARACTERS = 500
_ERROR = re.compile(r"\b(\w*(?:Error|Exception): .+)")
_TOO_LONG = "maximum context length", "maximum model length"


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess(Endpoint):
    """A preset's model without a server; name, label, keys and identity are those of its served form.

    Attributes:
        weights: The local folder with the weights; None takes them from the Hub.
        batches: Answer by `LLM.chat` in batches also where vLLM can take requests one by one.
    """

    weights: Path | None = None
    batches: bool = False

    @property
    def concurrency(self) -> int:
        """Requests in flight: more than vLLM works on at once, so that it never waits for us."""
        return IN_FLIGHT

    def obstacle(self, today: date | None = None) -> TranslatorError | None:
        """Nothing that can be known without starting it: it needs neither a key nor an endpoint."""
        return None

    def backend(self, concurrency: int) -> VllmBackend:
        """What runs the model."""
        return VllmBackend(translator=self)


class VllmBackend:
    """Runs a model in one process for each group of GPUs, and gives each request to the least busy one."""

    batch_size = 1

    def __init__(self, *, translator: InProcess) -> None:
        self._translator = translator
        self._workers: list[_Worker] = []

    async def start(self) -> None:
        """Find vLLM and the GPUs, load the weights, and wait until a first chat is answered.

        Raises:
            TranslatorError: vLLM or a GPU is missing, memory is too small, or vLLM ended.
        """
        preset = self._translator.preset
        vllm = await asyncio.to_thread(vllm_environment.find)
        gpus = () if vllm.on_cpu else await asyncio.to_thread(hardware.find_gpus, os.environ)
        placed = serving.placement(preset, vllm, gpus, weights=self._translator.weights, smaller=False)
        first = request_body(self._translator, _PROBE, _PROBE_LANGUAGE)
        unknown = sorted(set(first) - _KNOWN)
        if unknown:
            raise TranslatorError(
                f"vLLM can be asked for {', '.join(unknown)} only as a server",
                hint=f"mmteb-synth serve {preset.name}, or a preset without",
            )
        for group in placed.groups:
            settings = {
                "arguments": {"model": placed.model, **placed.options(group)},
                "name": preset.model,
                "first": first,
                "batches": self._translator.batches,
            }
            self._workers.append(
                await _Worker.start([str(vllm.python), str(_WORKER)], placed.environment(group), settings)
            )
        outcomes = await asyncio.gather(*(worker.ready() for worker in self._workers), return_exceptions=True)
        for outcome in filter(None, outcomes):
            raise outcome

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Translate one segment.

        Raises:
            RequestError: vLLM refused it, or ended; the latter ends the run.
        """
        (segment,) = segments
        worker = min(self._workers, key=lambda worker: worker.in_flight)
        completion = await worker.ask(request_body(self._translator, segment, language))
        return [parse_completion(segment.text, completion, language)]

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(worker.end() for worker in self._workers))
        self._workers = []


class _Worker:
    """One process; start it with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, writing: int, log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._writing = writing
        self._log = log
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended: RequestError | None = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, command: list[str], environment: dict[str, str], settings: dict[str, Any]
    ) -> _Worker:
        """Start the process and tell it what to load."""
        handle, log = tempfile.mkstemp(prefix="mmteb-synth-vllm-", suffix=".log")
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *leash.leashed(command, reading),
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=handle,
                pass_fds=[reading],
                start_new_session=True,
                limit=_LONGEST_LINE,
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
            os.close(handle)
        worker = cls(process, writing, Path(log))
        worker._send(settings)
        return worker

    @property
    def in_flight(self) -> int:
        """Requests that are not answered yet."""
        return len(self._asked)

    async def ready(self) -> None:
        """Return when it has answered a first chat.

        Raises:
            TranslatorError: It ended, or refused the chat.
        """
        await asyncio.shield(self._ready)

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """The completion of a request.

        Raises:
            RequestError: There is none.
        """
        if self._ended is not None:
            raise self._ended
        self._count += 1
        number = self._count
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._send({"id": number, "body": body})
            return await answer
        finally:
            self._asked.pop(number, None)

    async def end(self) -> None:
        """End the process and all that it started; by its own doing where it can, which leaves nothing behind."""
        failed = self._ended is not None
        self._stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _ENDING_SECONDS)
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        await self._process.wait()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        if not failed:
            self._log.unlink(missing_ok=True)

    def _send(self, message: dict[str, Any]) -> None:
        # Not drained: at most as many requests as are in flight wait in the pipe.
        with contextlib.suppress(ConnectionError):  # the reader finds out, and says why
            self._stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> None:
        """Hand the answers to those who wait for them, until the process ends."""
        try:
            while line := await self._stdout.readline():
                self._hand_over(json.loads(line))
            code = await self._process.wait()
            why = f"vLLM ended with {code}: {last_words(self._log.read_text('utf-8', errors='replace').strip())}"
        except ValueError as error:
            why = f"vLLM's process said something that can't be read: {error}"
        self._ended = RequestError(why, fatal=True, hint=f"{self._log} holds all that vLLM said")
        if not self._ready.done():
            self._ready.set_exception(TranslatorError(why, hint=self._ended.hint))
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(self._ended)

    def _hand_over(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            if message["ready"]:
                self._ready.set_result(None)
            else:
                self._ready.set_exception(TranslatorError(f"vLLM refuses to chat: {message['error']}"))
            return
        answer = self._asked.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            too_long = any(words in message["error"] for words in _TOO_LONG)
            answer.set_exception(RequestError(message["error"], cause="window" if too_long else "refused"))
        else:
            answer.set_result(message["completion"])


def last_words(log: str) -> str:
    """The line of vLLM's output that says why it ended.

    Args:
        log: All output. vLLM's processes end one after the other, and the later ones only point at the first.
    """
    errors = [line for line in _ERROR.findall(log) if "root cause" not in line]
    lines = errors or log.split("\n")
    return lines[-1].strip()[:_SHOWN_CHARACTERS] or "it said nothing"

"""The owner's side of a process that runs `worker/vllm_chat.py`: starts it, hands it requests, and ends it.

Loading weights takes minutes, so a build of many sets keeps its processes (`keeping`). They therefore belong to no
event loop: threads talk with them, and answers are `concurrent.futures.Future`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate.vllm import leash

Message = dict[str, Any]

_WORKER = Path(__file__).with_name("worker") / "vllm_chat.py"
_ENDING_SECONDS = 10.0
"""For the process to end by itself, which leaves nothing behind; vLLM takes five."""
_SHOWN_CHARACTERS = 500
_ERROR = re.compile(r"\b(\w*(?:Error|Exception): .+)")
_TOO_LONG = "maximum context length", "maximum model length"

_kept: dict[str, VllmProcess] | None = None


class VllmProcess:
    """One process; it loads its weights as soon as it is made.

    Args:
        python: The Python that vLLM is installed for.
        environment: What is added to the process's environment.
        settings: What it is told first: `arguments`, `name`, `first` and `batches`; see the worker.

    Attributes:
        ready: Done when a first chat was answered, or with the TranslatorError that says why there is none.
    """

    def __init__(self, python: Path, environment: Mapping[str, str], settings: Message) -> None:
        self.ready: Future[None] = _lasting()
        self._asked: dict[int, Future[Message]] = {}
        self._lock = threading.Lock()
        self._count = 0
        self._failure: RequestError | None = None
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        handle, log = tempfile.mkstemp(prefix="mmteb-synth-vllm-", suffix=".log")
        self._log = Path(log)
        reading, self._writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                leash.leashed([str(python), str(_WORKER)], reading),
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=handle,
                pass_fds=[reading],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._writing)
            raise
        finally:
            os.close(reading)
            os.close(handle)
        self._outbox.put(settings)
        self._threads = [
            threading.Thread(target=target, daemon=True, name="mmteb-synth-vllm")
            for target in (self._write, self._read)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def in_flight(self) -> int:
        """Requests that are not answered yet."""
        return len(self._asked)

    @property
    def failure(self) -> RequestError | None:
        """Why it ended; None while it runs."""
        return self._failure

    def ask(self, body: Message) -> Future[Message]:
        """Hand over a request.

        Args:
            body: The body of a chat completion.

        Returns:
            The completion, or the RequestError that says why there is none.
        """
        answer: Future[Message] = _lasting()
        with self._lock:
            if self._failure is not None:
                answer.set_exception(self._failure)
                return answer
            self._count += 1
            number = self._count
            self._asked[number] = answer
        self._outbox.put({"id": number, "body": body})
        return answer

    def end(self) -> None:
        """End it and all that it started; by its own doing where it can, which leaves nothing behind."""
        failed = self._failure is not None
        self._outbox.put(None)
        if self.ready.done() and not failed:  # one that still loads does not listen
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING_SECONDS)
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        self._process.wait()
        for thread in self._threads:
            thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        if not failed:
            self._log.unlink(missing_ok=True)

    def _write(self) -> None:
        assert self._process.stdin is not None
        # It may have ended; the reader finds out, and says why.
        with contextlib.suppress(OSError), self._process.stdin as stream:
            while (message := self._outbox.get()) is not None:
                stream.write(json.dumps(message).encode() + b"\n")
                if self._outbox.empty():
                    stream.flush()

    def _read(self) -> None:
        """Hand the answers to those who wait for them, until the process ends."""
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._hand_over(json.loads(line))
            why = f"vLLM ended with {self._process.wait()}: {last_words(self._log)}"
        except ValueError as error:
            why = f"vLLM's process said something that can't be read: {error}"
        failure = RequestError(why, fatal=True, hint=f"{self._log} holds all that vLLM said")
        with self._lock:
            self._failure = failure
            left, self._asked = list(self._asked.values()), {}
        self._outbox.put(None)
        if not self.ready.done():
            self.ready.set_exception(TranslatorError(why, hint=failure.hint))
        for answer in left:
            answer.set_exception(failure)

    def _hand_over(self, message: Message) -> None:
        if "ready" in message:
            if message["ready"]:
                self.ready.set_result(None)
            else:
                self.ready.set_exception(TranslatorError(f"vLLM refuses to chat: {message['error']}"))
            return
        with self._lock:
            answer = self._asked.pop(message["id"])
        if "error" in message:
            too_long = any(words in message["error"] for words in _TOO_LONG)
            answer.set_exception(RequestError(message["error"], cause="window" if too_long else "refused"))
        else:
            answer.set_result(message["completion"])


def started(python: Path, environment: Mapping[str, str], settings: Message) -> VllmProcess:
    """A process with these settings: one that was kept, or a new one. The arguments are `VllmProcess`'s."""
    if _kept is None:
        return VllmProcess(python, environment, settings)
    key = canonical_json([str(python), dict(environment), settings])
    found = _kept.get(key)
    if found is None or found.failure is not None:
        if found is not None:
            found.end()
        found = _kept[key] = VllmProcess(python, environment, settings)
    return found


def let_go(processes: Sequence[VllmProcess]) -> None:
    """End processes, but for those that are kept for the next run."""
    ending = [process for process in processes if _kept is None or process not in _kept.values()]
    _end(ending)


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """Keep processes from one run to the next, and end them when all is done; nested, the outermost counts."""
    global _kept  # noqa: PLW0603  GPUs are one for a process too
    if _kept is not None:
        yield
        return
    _kept = {}
    try:
        yield
    finally:
        processes, _kept = list(_kept.values()), None
        _end(processes)


def last_words(log: Path) -> str:
    """The line of vLLM's output that says why it ended.

    Args:
        log: All output. vLLM's processes end one after the other, and the later ones only point at the first.
    """
    said = log.read_text("utf-8", errors="replace").strip()
    errors = [line for line in _ERROR.findall(said) if "root cause" not in line]
    lines = errors or said.split("\n")
    return lines[-1].strip()[:_SHOWN_CHARACTERS] or "it said nothing"


def _lasting() -> Future[Any]:
    """A future that those who stop waiting for it do not cancel."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _end(processes: Sequence[VllmProcess]) -> None:
    """End all at once: each takes seconds."""
    threads = [threading.Thread(target=process.end) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

"""Answers chat requests with `vllm.LLM`: JSON lines in, JSON lines out. Run by the Python that has vLLM.

The first line holds the arguments of `vllm.LLM`, every further one `{"id": …, "body": …}` with the body of a chat
completion. It answers `{"ready": …}` once, and then for each request, in any order, `{"id": …, "completion": …}` or
`{"id": …, "error": …}`. When its input ends, so does it, and answers nothing more.

Only the standard library and vLLM are imported here. `LLM.chat` ends when the slowest of its conversations has;
where vLLM has the two halves of it (`enqueue_chat`, `LLMEngine.step`), requests join and leave one by one, so that
the GPU never waits for stragglers and every answer is stored when it is there. Older ones get batches.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

Request = dict[str, Any]

AT_ONCE = 32
"""Requests that join between two looks at what is done: each takes a millisecond to render."""
MOST = 1_000
"""Requests in one call of `LLM.chat` at most."""
SECONDS = 15.0
"""How long one call should take; the sizes of the batches follow, so that none takes 30 s."""
FIRST = 64
"""Requests in the first call, before anything is known."""

DECODING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
"""What a weights' generation_config.json may set."""


class Inbox:
    """The requests that came and wait.

    Args:
        lines: Where they come from; read in a thread, so that requests gather while the model works.
    """

    def __init__(self, lines: TextIO) -> None:
        self._waiting: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._lines = lines
        self.ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def take(self, most: int, *, wait: bool) -> list[Request]:
        """What has come, `most` at most.

        Args:
            most: The largest number to return.
            wait: Whether to wait for the first one; without one, nothing more will come.
        """
        taken: list[Request] = []
        while len(taken) < most and not self.ended:
            try:
                request = self._waiting.get(block=wait and not taken)
            except queue.Empty:
                break
            if request is None:
                self.ended = True
            else:
                taken.append(request)
        return taken

    def _read(self) -> None:
        for line in self._lines:
            self._waiting.put(json.loads(line))
        self._waiting.put(None)


class Model:
    """The model, and how it is asked.

    Args:
        arguments: The arguments of `vllm.LLM`.
        name: The model's name in answers.
    """

    def __init__(self, arguments: dict[str, Any], name: str) -> None:
        import vllm  # type: ignore[import-not-found, unused-ignore]

        self._vllm: Any = vllm
        self.llm: Any = vllm.LLM(**arguments)
        self.name = name
        # A request that can't be answered; vLLM tells those from its own failures since it has VLLMClientError.
        client_error = getattr(getattr(vllm, "exceptions", None), "VLLMClientError", ValueError)
        self.refusals: tuple[type[Exception], ...] = (ValueError, client_error)
        # As `vllm serve` does: what the weights' generation_config.json asks for holds unless a request says otherwise.
        defaults = self.llm.get_default_sampling_params()
        self._defaults = {name: getattr(defaults, name) for name in DECODING}

    def sampling(self, body: Request) -> Any:
        """A request's decoding."""
        asked = {name: body[name] for name in DECODING if name in body}
        most = body.get("max_completion_tokens", body.get("max_tokens"))
        return self._vllm.SamplingParams(**{**self._defaults, **asked, "max_tokens": most})

    def completion(self, output: Any) -> Request:
        """An output of vLLM as a chat completion."""
        first = output.outputs[0]
        return {
            "model": self.name,
            "choices": [{"message": {"content": first.text}, "finish_reason": first.finish_reason}],
            "usage": {
                "prompt_tokens": len(output.prompt_token_ids or ()),
                "completion_tokens": len(first.token_ids),
            },
        }

    def enqueue(self, body: Request) -> str:
        """Hand a request to the engine; its output will bear the returned name."""
        switches = body.get("chat_template_kwargs")
        (name,) = self.llm.enqueue_chat(
            [body["messages"]], self.sampling(body), use_tqdm=False, chat_template_kwargs=switches
        )
        # vLLM adds random characters to a request's number inside, and takes them away from outputs.
        return str(name).partition("-")[0]

    def chat(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Answer a batch; in halves where the batch fails, since one bad request fails all of them."""
        messages = [request["body"]["messages"] for request in requests]
        sampling = [self.sampling(request["body"]) for request in requests]
        switches = requests[0]["body"].get("chat_template_kwargs")  # a preset's, and so the same for all
        try:
            outputs = self.llm.chat(messages, sampling, use_tqdm=False, chat_template_kwargs=switches)
        except self.refusals as error:
            if len(requests) == 1:
                yield _failed(requests[0], error)
            else:
                half = len(requests) // 2
                yield from self.chat(requests[:half])
                yield from self.chat(requests[half:])
            return
        for request, output in zip(requests, outputs, strict=True):
            yield {"id": request["id"], "completion": self.completion(output)}


def in_batches(model: Model, inbox: Inbox) -> Iterator[Request]:
    """Answer by `LLM.chat`, in batches that take about `SECONDS` each."""
    size = FIRST
    while requests := inbox.take(size, wait=True):
        start = time.monotonic()
        yield from model.chat(requests)
        size = next_size(size, len(requests), time.monotonic() - start)


def next_size(size: int, answered: int, seconds: float) -> int:
    """How many requests the next batch may have: at most four times as many, so that one easy batch misleads little."""
    if answered < size and seconds < SECONDS:
        return size
    fitting = int(answered * SECONDS / max(seconds, 0.001))
    return max(1, min(fitting, 4 * size, MOST))


def one_by_one(model: Model, inbox: Inbox) -> Iterator[Request]:
    """Answer by the two halves of `LLM.chat`: requests join when they come and leave when they are done."""
    engine = model.llm.llm_engine
    running: dict[str, Request] = {}
    while not inbox.ended:
        for request in inbox.take(AT_ONCE, wait=not running):
            try:
                name = model.enqueue(request["body"])
            except model.refusals as error:
                yield _failed(request, error)
            else:
                running[name] = request
        for output in engine.step() if running else ():
            if output.finished:
                request = running.pop(output.request_id)
                yield {"id": request["id"], "completion": model.completion(output)}


def _failed(request: Request, error: Exception) -> Request:
    return {"id": request["id"], "error": " ".join(str(error).split())}


def main() -> None:
    """Serve standard input until it ends."""
    # vLLM writes to standard output, and so do the processes that it starts: only this copy carries answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # last words are not lost when it dies

    def say(message: Request) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    settings = json.loads(sys.stdin.readline())
    model = Model(settings["arguments"], settings["name"])
    # The first answer takes longest, and shows that there will be others.
    (first,) = model.chat([{"id": None, "body": settings["first"]}])
    say({"ready": "error" not in first, "error": first.get("error")})
    feed = one_by_one if hasattr(model.llm, "enqueue_chat") and not settings["batches"] else in_batches
    for answer in feed(model, Inbox(sys.stdin)):
        say(answer)


if __name__ == "__main__":
    main()

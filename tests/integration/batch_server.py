"""The server on loopback with OpenAI's Batch API: /files and /batches, their states, limits and failures.

with BatchServer() as server:
    server.plans.append(Plan(final="expired", share=0.5))  # what becomes of the next batch
    server.hang_at = "create-done"  # the batch is made, and its maker never hears of it
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from openai_server import Fault, OpenAIServer, _error, source_text

REQUESTS = 50_000
FILE_BYTES = 200_000_000


@dataclass(kw_only=True)
class Plan:
    """What becomes of a batch.

    Attributes:
        final: Its last state.
        share: The share of its requests that are answered by then.
        looks: How many looks each state before that lasts.
        complaints: Why it failed, as `{"code": …, "message": …, "line": …}`.
        foreign: Further lines of the output file, as they are.
        twice: Whether each answer stands in the output file twice, the second one with another text.
        lost: Requests that neither file says anything of.
    """

    final: str = "completed"
    share: float = 1.0
    looks: int = 1
    complaints: Sequence[dict[str, Any]] = ()
    foreign: Sequence[str] = ()
    twice: bool = False
    lost: Sequence[str] = ()


@dataclass(kw_only=True)
class _Batch:
    id: str
    file_id: str
    metadata: dict[str, str]
    plan: Plan
    requests: list[dict[str, Any]]
    tokens: int
    created: int
    states: deque[str]
    output: str | None = None
    errors: str | None = None
    answered: int = 0
    refused: int = 0
    complaints: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.states[0]


class _Dropped(Exception):
    """The connection is to be dropped here."""


class BatchServer(OpenAIServer):
    """The server; a context manager. See `OpenAIServer` for the rest.

    Attributes:
        files: Name to content of all files.
        uploads: The files that were uploaded, in their order.
        batches: The batches in the order they were made.
        charged: How often each text was answered, in whatever batch: what an account is charged for.
        plans: What becomes of the next batches, one each; the usual otherwise.
        queue_tokens: The most tokens of batches that are not finished; a token has four bytes.
        hang_at: Where the server falls silent, once: `upload`, `upload-done`, `create`, `create-done`, `retrieve`,
            `content` before and `content-half` in the midst of a file.
        hangs: Set when it has.
        reset_at: Where the server drops the connection, once; one of the same places.
        has_batches: Whether there is a Batch API at all.
        batch_faults: What happens to the next requests for files and batches, one each.
        looks: How often batches were looked at.
        most_queued: The most tokens that were queued at once.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.files: dict[str, bytes] = {}
        self.uploads: list[bytes] = []
        self.batches: dict[str, _Batch] = {}
        self.charged: Counter[str] = Counter()
        self.plans: deque[Plan] = deque()
        self.queue_tokens: int | None = None
        self.hang_at: str | None = None
        self.hangs = threading.Event()
        self.reset_at: str | None = None
        self.has_batches = True
        self.batch_faults: deque[Fault] = deque()
        self.batch_authorizations: set[str | None] = set()
        self.looks = 0
        self.most_queued = 0

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        super()._add_routes(router)
        for method, path, handler in (
            ("POST", "/v1/files", self._upload),
            ("DELETE", "/v1/files/{id}", self._delete),
            ("GET", "/v1/files/{id}/content", self._content),
            ("POST", "/v1/batches", self._create),
            ("GET", "/v1/batches", self._list),
            ("GET", "/v1/batches/{id}", self._retrieve),
            ("POST", "/v1/batches/{id}/cancel", self._cancel),
        ):
            router.add_route(method, path, self._guarded(handler))

    def _guarded(self, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            self.batch_authorizations.add(request.headers.get("Authorization"))
            if not self.has_batches:
                return _error(404, "Not Found", "not_found")
            if self._refused(request):
                return _error(401, "Incorrect API key provided", "invalid_api_key")
            if self.batch_faults:
                return await self._misbehave(request, self.batch_faults.popleft(), {})
            try:
                answer: web.StreamResponse = await handler(request)
            except _Dropped:
                return await self._misbehave(request, Fault(reset=True), {})
            return answer

        return guarded

    async def _maybe_hang(self, stage: str) -> None:
        if self.reset_at == stage:
            self.reset_at = None
            raise _Dropped
        if self.hang_at == stage:
            self.hang_at = None
            self.hangs.set()
            await asyncio.Event().wait()

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        assert form["purpose"] == "batch"
        uploaded = form["file"]
        assert isinstance(uploaded, web.FileField)
        with uploaded.file as stream:
            content = stream.read()
        await self._maybe_hang("upload")
        if len(content) > FILE_BYTES:
            return _error(413, f"the file has {len(content)} bytes", "file_too_large")
        name = self._store(content)
        self.uploads.append(content)
        await self._maybe_hang("upload-done")
        return web.json_response(
            {
                "id": name,
                "object": "file",
                "bytes": len(content),
                "created_at": 0,
                "filename": uploaded.filename,
                "purpose": "batch",
                "status": "processed",
            }
        )

    def _store(self, content: bytes) -> str:
        name = f"file-{len(self.files) + len(self.uploads) + 1}"
        self.files[name] = content
        return name

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if self.files.pop(name, None) is None:
            return _error(404, f"No such File object: {name}", "not_found")
        return web.json_response({"id": name, "object": "file", "deleted": True})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        await self._maybe_hang("content")
        content = self.files.get(request.match_info["id"])
        if content is None:
            return _error(404, "No such File object", "not_found")
        if "content-half" in (self.hang_at, self.reset_at):
            response = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[: len(content) // 2])
            await self._maybe_hang("content-half")
        return web.Response(body=content)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        await self._maybe_hang("create")
        assert (asked["endpoint"], asked["completion_window"]) == ("/v1/chat/completions", "24h")
        content = self.files.get(asked["input_file_id"])
        if content is None:
            return _error(400, f"No such File object: {asked['input_file_id']}", "invalid_request_error")
        plan = self.plans.popleft() if self.plans else Plan()
        requests = [json.loads(line) for line in content.splitlines()]
        tokens = sum(len(message["content"]) for one in requests for message in one["body"]["messages"]) // 4
        complaints = list(plan.complaints) or self._complaints(requests, tokens)
        # What can't be begun at all has failed before anything of it was asked.
        steps = ["in_progress", "finalizing"] if not complaints else []
        states = [state for state in ("validating", *steps) for _ in range(plan.looks)]
        number = len(self.batches) + 1
        batch = _Batch(
            id=f"batch_{number}",
            file_id=asked["input_file_id"],
            metadata=asked.get("metadata") or {},
            plan=plan,
            requests=requests,
            tokens=tokens,
            created=int(time.time()),
            states=deque([*states, "failed" if complaints else plan.final]),
            complaints=complaints,
        )
        self.batches[batch.id] = batch
        self.most_queued = max(self.most_queued, 0 if complaints else self._queued())
        await self._maybe_hang("create-done")
        return web.json_response(_described(batch))

    def _queued(self) -> int:
        return sum(one.tokens for one in self.batches.values() if len(one.states) > 1 and not one.complaints)

    def _complaints(self, requests: list[dict[str, Any]], tokens: int) -> list[dict[str, Any]]:
        if len(requests) > REQUESTS:
            return [{"code": "too_many_tasks", "message": "too many requests", "line": None}]
        if len({one["body"]["model"] for one in requests}) > 1:
            return [{"code": "mismatched_model", "message": "one model a file", "line": 2}]
        if len({one["custom_id"] for one in requests}) < len(requests):
            return [{"code": "duplicate_custom_id", "message": "an id twice", "line": 2}]
        queued = self._queued()
        if self.queue_tokens is not None and queued + tokens > self.queue_tokens:
            message = f"Enqueued token limit reached. Limit: {self.queue_tokens:,} enqueued tokens."
            return [{"code": "token_limit_exceeded", "message": message, "line": None}]
        return []

    async def _list(self, request: web.Request) -> web.StreamResponse:
        newest_first = list(self.batches.values())[::-1]
        after = request.query.get("after")
        if after:
            ids = [batch.id for batch in newest_first]
            newest_first = newest_first[ids.index(after) + 1 :]
        page = newest_first[: int(request.query.get("limit", "20"))]
        page = page[:2]  # small pages, so that paging is seen
        return web.json_response(
            {
                "object": "list",
                "data": [_described(batch) for batch in page],
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
                "has_more": len(page) < len(newest_first),
            }
        )

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _error(404, "No batch found", "not_found")
        self.looks += 1
        await self._maybe_hang("retrieve")
        if len(batch.states) > 1:
            batch.states.popleft()
            if len(batch.states) == 1:
                self._end(batch)
        return web.json_response(_described(batch))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _error(404, "No batch found", "not_found")
        if len(batch.states) == 1:
            return _error(
                409, f"Cannot cancel a batch with status '{batch.status}'.", "invalid_request_error"
            )
        batch.states = deque(["cancelling", "cancelled"])
        return web.json_response(_described(batch))

    def _end(self, batch: _Batch) -> None:
        """Write the files of a batch in the reverse order of its requests."""
        if batch.complaints:
            return
        plan, out, failed = batch.plan, [], []
        answered = round(len(batch.requests) * plan.share)
        for index, request in enumerate(batch.requests):
            text = source_text(request["body"])
            line: dict[str, Any] = {"id": f"req-{index}", "custom_id": request["custom_id"], "error": None}
            fault = self.fault_for(text)
            if text in plan.lost:
                continue
            if index >= answered:
                code = f"batch_{batch.status}"
                line |= {"response": None, "error": {"code": code, "message": f"{code}: it was not asked"}}
                failed.append(line)
            elif fault is not None and fault.status != 200:
                line["response"] = {"status_code": fault.status, "request_id": "r", "body": fault.body}
                failed.append(line)
            else:
                self.charged[text] += 1
                body = self._completion(request["body"], text, fault or Fault())
                if fault is not None and fault.body is not None:
                    body = fault.body
                line["response"] = {"status_code": 200, "request_id": "r", "body": body}
                out.append(line)
                if plan.twice:
                    other = self._completion(request["body"], f"not {text}", Fault())
                    out.insert(0, line | {"response": {"status_code": 200, "body": other}})
        batch.answered, batch.refused = len(out), len(failed)
        lines = [json.dumps(line) for line in reversed(out)] + list(plan.foreign)
        batch.output = self._store("\n".join(lines).encode()) if lines else None
        batch.errors = self._store("\n".join(map(json.dumps, failed)).encode() + b"\n") if failed else None


def _described(batch: _Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": {"object": "list", "data": batch.complaints}
        if batch.complaints and batch.status == "failed"
        else None,
        "input_file_id": batch.file_id,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output,
        "error_file_id": batch.errors,
        "created_at": batch.created,
        "request_counts": {
            "total": len(batch.requests),
            "completed": batch.answered,
            "failed": batch.refused,
        },
        "metadata": batch.metadata,
    }

"""A small Hub on loopback: lists a repository's files and hands them out, as `huggingface_hub` asks for them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web


class HubServer:
    """A context manager.

    Args:
        folder: Holds `datasets/<org>/<name>` and `models/<org>/<name>`, each a repository.

    Attributes:
        downloads: How often each file was handed out.
        revisions: The revisions that were asked for.
        url: What `HF_ENDPOINT` must be.
    """

    COMMIT = "c" * 40

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads: Counter[str] = Counter()
        self.revisions: list[str] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()

    def __enter__(self) -> HubServer:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/api/{kind}/{org}/{name}/revision/{revision}", self._info)
        app.router.add_get("/api/{kind}/{org}/{name}/tree/{revision}", self._tree)
        app.router.add_get("/datasets/{org}/{name}/resolve/{revision}/{file:.+}", self._dataset_file)
        app.router.add_get("/{org}/{name}/resolve/{revision}/{file:.+}", self._model_file)
        runner = web.AppRunner(app)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _repository(self, request: web.Request, kind: str) -> Path:
        self.revisions.append(request.match_info["revision"])
        place = self.folder / kind / request.match_info["org"] / request.match_info["name"]
        if not place.is_dir():
            raise web.HTTPNotFound(headers={"X-Error-Code": "RepoNotFound"})
        return place

    async def _info(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        place = self._repository(request, kind)
        name = f"{request.match_info['org']}/{request.match_info['name']}"
        return web.json_response({"id": name, "sha": self.COMMIT, "siblings": self._siblings(place)})

    async def _tree(self, request: web.Request) -> web.Response:
        place = self._repository(request, request.match_info["kind"])
        return web.json_response([_entry(place, file) for file in _files(place)])

    def _siblings(self, place: Path) -> list[dict[str, Any]]:
        return [{"rfilename": file.relative_to(place).as_posix()} for file in _files(place)]

    async def _dataset_file(self, request: web.Request) -> web.StreamResponse:
        return await self._file(request, "datasets")

    async def _model_file(self, request: web.Request) -> web.StreamResponse:
        return await self._file(request, "models")

    async def _file(self, request: web.Request, kind: str) -> web.StreamResponse:
        file = self._repository(request, kind) / request.match_info["file"]
        if not file.is_file():
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound"})
        content = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": self.COMMIT}
        if request.method == "GET":
            self.downloads[request.match_info["file"]] += 1
        return web.Response(body=content, headers=headers)


def _files(place: Path) -> list[Path]:
    return sorted(file for file in place.rglob("*") if file.is_file())


def _entry(place: Path, file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {
        "type": "file",
        "path": file.relative_to(place).as_posix(),
        "size": len(content),
        "oid": hashlib.sha1(content).hexdigest(),
    }

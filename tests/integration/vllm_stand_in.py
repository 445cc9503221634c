"""Stands in for an environment with vLLM where the real one is not needed: `make test-vllm` has that.

    python = make(folder)    # with a module `vllm`, its metadata, and a program `vllm serve` beside

The module answers a text in brackets. Texts steer it: `too long` is refused, `die` ends the process, `slow` takes
until a file appears. What it was started with is written to `started.jsonl` in the folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_MODULE = """
import json, os, pathlib, re, sys, time, types

HERE = pathlib.Path(__file__).parent.parent

class SamplingParams:
    def __init__(self, **values):
        self.__dict__.update(values)

class exceptions:
    class VLLMClientError(Exception):
        pass

def answer(messages, sampling):
    text = re.search(r"<source>\\n(.*)\\n</source>", messages[-1]["content"], re.DOTALL)[1]
    if text == "too long":
        raise exceptions.VLLMClientError("This model's maximum context length is 8 tokens.")
    if text == "die":
        print("CUDA error: out of luck", file=sys.stderr, flush=True)
        os._exit(3)
    while text == "slow" and not (HERE / "go").exists():
        time.sleep(0.01)
    choice = types.SimpleNamespace(text=f"[{text}] {sampling.temperature:g}", finish_reason="stop", token_ids=[1, 2])
    return types.SimpleNamespace(prompt_token_ids=[1, 2, 3], outputs=[choice], finished=True)

class Engine:
    def __init__(self):
        self.waiting = {}

    def step(self):
        done = []
        for number, (messages, sampling) in list(self.waiting.items()):
            output = answer(messages, sampling)
            output.request_id = number
            done.append(output)
            del self.waiting[number]
        return done[::-1]

class LLM:
    def __init__(self, **arguments):
        print("vLLM talks on standard output")
        with (HERE / "started.jsonl").open("a") as stream:
            stream.write(json.dumps({"arguments": arguments, "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "pid": os.getpid()}) + "\\n")
        if arguments["model"] == "broken":
            raise RuntimeError("CUDA out of memory")
        while arguments["model"] == "slow" and not (HERE / "go").exists():
            time.sleep(0.01)
        self.llm_engine = Engine()
        self.count = 0

    def get_default_sampling_params(self):
        return SamplingParams(temperature=0.7, top_p=1, top_k=0, min_p=0, repetition_penalty=1, presence_penalty=0, frequency_penalty=0)

    def chat(self, messages, sampling, use_tqdm, chat_template_kwargs):
        return [answer(*one) for one in zip(messages, sampling, strict=True)]

    def enqueue_chat(self, messages, sampling, use_tqdm, chat_template_kwargs):
        if "too long" in messages[0][-1]["content"]:
            answer(messages[0], sampling)
        self.count += 1
        self.llm_engine.waiting[str(self.count)] = (messages[0], sampling)
        return [f"{self.count}-abcdef12"]
"""

_SERVER = """
import http.server, json, os, pathlib, signal, subprocess, sys, time

HERE = pathlib.Path(__file__).parent
flags = sys.argv[2:]
value = lambda name: flags[flags.index(name) + 1]
model = value("--served-model-name") if "--served-model-name" in flags else flags[0]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with (HERE / "started.jsonl").open("a") as stream:
    stream.write(json.dumps({"flags": flags, "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "pids": [os.getpid(), child.pid]}) + "\\n")
if "--fail" in flags:
    sys.exit("CUDA out of memory")
chats = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply(200, {})

    def do_POST(self):
        global chats
        chats += 1
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (HERE / "chats.jsonl").open("a") as stream:
            stream.write(json.dumps(asked) + "\\n")
        if "--refuse" in flags:
            self.reply(401, {"error": {"message": "no"}})
        elif chats <= 2:
            self.reply(500, {"error": {"message": "the engine is not ready"}})
        else:
            choice = {"message": {"role": "assistant", "content": "Bonjour."}, "finish_reason": "stop"}
            self.reply(200, {"model": model, "choices": [choice]})

http.server.ThreadingHTTPServer((value("--host"), int(value("--port"))), Handler).serve_forever()
"""


def make(folder: Path, version: str = "0.32.0+cpu") -> Path:
    """Make the environment.

    Returns:
        Its Python.
    """
    (folder / "bin").mkdir(parents=True)
    (folder / "vllm").mkdir()
    (folder / "vllm" / "__init__.py").write_text(_MODULE)
    (folder / "server.py").write_text(_SERVER)
    info = folder / f"vllm-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    python = folder / "bin" / "python"
    _script(python, f'PYTHONPATH={folder} exec {sys.executable} "$@"')
    _script(folder / "bin" / "vllm", f'exec {sys.executable} {folder}/server.py "$@"')
    return python


def started(folder: Path) -> list[dict[str, Any]]:
    """What was started in the environment."""
    return _lines(folder / "started.jsonl")


def chats(folder: Path) -> list[dict[str, Any]]:
    """What its servers were asked."""
    return _lines(folder / "chats.jsonl")


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)

"""What translating with a model of one's own costs beside `vllm bench`. Needs a GPU; without one it says so and ends.

vLLM must have its extra for this: `pip install 'vllm[bench]'`.

    python benchmarks/vllm_throughput.py [--translator mixtral-8x7b] [--weights DIR] [--texts 2000] [--runs 3]

- Served: `vllm bench serve` and a build's engine ask the same server for the same prompts, as many at once.
- In process: one `LLM.chat` of all prompts, which is what `vllm bench throughput` times (its command takes no prompts
  of one's own), and a build's engine, one after the other on the same GPUs; loading and ending are not counted.

The peers are told the lengths of the answers that the engine got, text by text. The ratio of output tokens a second must
be at least 0.9, checks and cache included; medians of the runs. Exit code 1 where it is not.

`--on-processor` lets it run with vLLM's build for processors, where the ratios say nothing, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmteb_synth.errors import SynthError
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends.vllm import InProcess, VllmBackend
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.requests import request_body
from mmteb_synth.translate.translators import Translator
from mmteb_synth.translate.vllm import environment, hardware, servers, serving
from mmteb_synth.translate.vllm.environment import Vllm
from mmteb_synth.translate.vllm.serving import Placement, Plan
from mmteb_synth.types import Language, Segment

BOUND = 0.9
_ALL_AT_ONCE = """
import json, sys, time
from vllm import LLM, SamplingParams
rows = [json.loads(line) for line in open(sys.argv[2])]
chats = [[{"role": "user", "content": row["prompt"]}] for row in rows]
lengths = [SamplingParams(temperature=0, max_tokens=row["output_tokens"], ignore_eos=True) for row in rows]
model = LLM(**json.loads(sys.argv[1]))
model.chat(chats[:1], lengths[:1])
start = time.perf_counter()
model.chat(chats, lengths)
seconds = time.perf_counter() - start
json.dump([sum(row["output_tokens"] for row in rows), seconds], open(sys.argv[3], "w"))
"""
GERMAN = Language(code="deu-Latn", name="German")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pass over all texts."""

    tokens: int
    seconds: float

    @property
    def rate(self) -> float:
        """Output tokens a second."""
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is compared, and with what."""

    vllm: Vllm
    plan: Plan
    texts: Sequence[Segment]
    runs: int
    folder: Path

    @property
    def placement(self) -> Placement:
        """The model on this machine."""
        return self.plan.placement


class Timed(VllmBackend):
    """An in-process backend that remembers when its weights were loaded and when all was answered."""

    began = 0.0
    ended = 0.0

    async def start(self) -> None:
        """Load the weights."""
        await super().start()
        Timed.began = time.perf_counter()

    async def close(self) -> None:
        """End the process."""
        Timed.ended = time.perf_counter()
        await super().close()


class TimedInProcess(InProcess):
    """The in-process translator, timed without loading and ending."""

    __slots__ = ()

    def backend(self, concurrency: int) -> VllmBackend:
        """What runs the model."""
        return Timed(translator=self)


def main() -> int:
    """Measure, print and judge."""
    arguments = _arguments()
    try:
        vllm = environment.find()
        gpus = () if vllm.on_cpu else hardware.find_gpus(os.environ)
        if vllm.on_cpu and not arguments.on_processor:
            print("skipped: this needs a GPU, and the installed vLLM is a build for processors")
            return 0
        preset = translators.servable(arguments.translator)
        weights = arguments.weights.absolute() if arguments.weights else environment.weights()
        placed = serving.placement(preset, vllm, gpus, weights=weights)
    except SynthError as error:
        print(f"skipped: this needs a GPU and vLLM: {error.message}")
        return 0
    # One server, since `vllm bench` asks one.
    placed = replace(placed, groups=placed.groups[:1], pinned=len(gpus) > len(placed.groups[0]))
    name = arguments.translator if placed.preset is preset else placed.preset.name
    plan = serving.plan(placed, vllm, translator=name, port=arguments.port)
    print(f"{name} on {hardware.describe(placed.groups[0]) or 'a processor'}, vLLM {vllm.version}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            vllm=vllm, plan=plan, texts=_texts(arguments.texts), runs=arguments.runs, folder=Path(folder)
        )
        ratios = {"served": _served(bench), "in process": _in_process(bench)}
    return 0 if all(ratio >= BOUND for ratio in ratios.values()) else 1


def _served(bench: Bench) -> float:
    url = bench.plan.servers[0].url
    translator = translators.resolve(bench.plan.translator, base_url=url)
    ours, theirs = [], []
    with servers.started(bench.plan) as running:
        servers.wait_until_ready(bench.plan, running, print)
        _translate(bench, translator)  # the first pass warms the server up
        for _ in range(bench.runs):
            outcome, prompts = _translate(bench, translator)
            ours.append(outcome)
            theirs.append(_bench_serve(bench, prompts, url))
    return _judge("served", ours, theirs)


def _in_process(bench: Bench) -> float:
    found = translators.resolve(f"vllm:{bench.plan.translator}", weights=bench.placement.weights)
    assert isinstance(found, InProcess)
    translator = TimedInProcess(
        preset=found.preset, base_url=found.base_url, label=found.label, weights=found.weights
    )
    ours, theirs = [], []
    for _ in range(bench.runs):
        outcome, prompts = _translate(bench, translator)
        ours.append(outcome)
        theirs.append(_all_at_once(bench, prompts))
    return _judge("in process", ours, theirs)


def _judge(name: str, ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> float:
    mine, peer = (statistics.median(outcome.rate for outcome in outcomes) for outcomes in (ours, theirs))
    print(f"{name}: {mine:.0f} output tokens/s, its peer {peer:.0f}; ratio {mine / peer:.3f} (bound {BOUND})")
    return mine / peer


def _translate(bench: Bench, translator: Translator) -> tuple[Outcome, Path]:
    """Translate all texts into a fresh cache.

    Returns:
        What it took, and the prompts with the lengths of their answers as `vllm bench` reads them.
    """
    assert isinstance(translator, Endpoint)
    inside = isinstance(translator, InProcess)
    concurrency = translator.concurrency if inside else bench.plan.concurrency
    with tempfile.TemporaryDirectory() as folder, Cache(Path(folder) / "cache.sqlite") as cache:
        began = time.perf_counter()
        run = engine.translate(bench.texts, GERMAN, translator, cache, concurrency=concurrency)
        seconds = Timed.ended - Timed.began if inside else time.perf_counter() - began
        keys = {translator.key(text, GERMAN): text for text in bench.texts}
        rows = cache.lookup(list(keys))
    if len(rows) < len(keys):
        why = next(iter(run.failures.values()), "")
        sys.exit(f"only {len(rows)} of {len(keys)} texts were answered: {why}")
    prompts = bench.folder / "prompts.jsonl"
    with prompts.open("w") as stream:
        for key, text in keys.items():
            messages = request_body(translator, text, GERMAN)["messages"]
            if len(messages) > 1:
                sys.exit("vllm bench sends no system message: choose a preset without system_role")
            line = {"prompt": messages[0]["content"], "output_tokens": max(rows[key].output_tokens or 0, 1)}
            stream.write(json.dumps(line) + "\n")
    return Outcome(sum(row.output_tokens or 0 for row in rows.values()), seconds), prompts


def _bench_serve(bench: Bench, prompts: Path, url: str) -> Outcome:
    result = bench.folder / "serve.json"
    command = [
        *(*bench.vllm.command, "bench", "serve", "--backend", "openai-chat"),
        *("--base-url", url.removesuffix("/v1"), "--endpoint", "/v1/chat/completions"),
        *("--model", bench.placement.preset.model, "--tokenizer", bench.placement.model),
        *("--dataset-name", "custom", "--dataset-path", str(prompts), "--num-prompts", str(len(bench.texts))),
        *("--custom-output-len", "-1", "--ignore-eos", "--temperature", "0"),
        "--skip-chat-template",  # the server applies it
        *("--max-concurrency", str(bench.plan.concurrency)),
        *("--save-result", "--result-filename", str(result)),
    ]
    _run(bench, command)
    values = json.loads(result.read_text())
    return Outcome(values["total_output_tokens"], values["duration"])


def _all_at_once(bench: Bench, prompts: Path) -> Outcome:
    options = {"model": bench.placement.model, **bench.placement.options(bench.placement.groups[0])}
    result = bench.folder / "all.json"
    _run(bench, [str(bench.vllm.python), "-c", _ALL_AT_ONCE, json.dumps(options), str(prompts), str(result)])
    return Outcome(*json.loads(result.read_text()))


def _run(bench: Bench, command: Sequence[str]) -> None:
    environment = {**os.environ, **bench.placement.environment(bench.placement.groups[0])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")


def _texts(count: int) -> list[Segment]:
    """Sentences of ten to sixty words, as long as those of MTEB's sets mostly are."""
    chance = random.Random(0)
    words = (
        "the",
        "a",
        "dog",
        "river",
        "sees",
        "quickly",
        "under",
        "green",
        "bridge",
        "writes",
        "old",
        "friend",
    )
    return [
        Segment(text=f"{number}: {' '.join(chance.choices(words, k=chance.randint(10, 60)))}.")
        for number in range(count)
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--translator", default="mixtral-8x7b")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--port", type=int, default=8_765)
    parser.add_argument("--on-processor", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

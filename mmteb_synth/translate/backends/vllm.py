"""Translates in process with `vllm.LLM`: no server, but a process of its own for each group of GPUs.

That process runs in vLLM's own environment (`worker/vllm_chat.py`), so that this one stays light, versions of PyTorch
don't mix, and it can be ended at any moment. It is handed the very requests that a server would be posted, so that
cache entries are shared with servers and batches of the same weights.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.parsing import parse_completion
from mmteb_synth.translate.requests import request_body
from mmteb_synth.translate.vllm import environment, hardware, process, serving
from mmteb_synth.translate.vllm.process import VllmProcess
from mmteb_synth.types import Answer, Language, Segment

IN_FLIGHT = 1_000
"""Requests that are handed over at most, and so what is lost at most when everything is killed."""

_KNOWN = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "chat_template_kwargs"}
    | {"top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"}
)
"""Parameters that the worker understands; a server may know more."""

_PROBE = Segment(text="Good morning.")
_PROBE_LANGUAGE = Language(code="fra-Latn", name="French")


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
        self._processes: list[VllmProcess] = []

    async def start(self) -> None:
        """Find vLLM and the GPUs, load the weights, and wait until a first chat is answered.

        Raises:
            TranslatorError: vLLM or a GPU is missing, memory is too small, or vLLM ended.
        """
        preset = self._translator.preset
        vllm = await asyncio.to_thread(environment.find)
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
            self._processes.append(process.started(vllm.python, placed.environment(group), settings))
        waiting = [asyncio.wrap_future(process.ready) for process in self._processes]
        for outcome in filter(None, await asyncio.gather(*waiting, return_exceptions=True)):
            raise outcome

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Translate one segment.

        Raises:
            RequestError: vLLM refused it, or ended; the latter ends the run.
        """
        (segment,) = segments
        process = min(self._processes, key=lambda process: process.in_flight)
        completion = await asyncio.wrap_future(process.ask(request_body(self._translator, segment, language)))
        return [parse_completion(segment.text, completion, language)]

    async def close(self) -> None:
        """End the processes, unless they are kept for the next run."""
        await asyncio.to_thread(process.let_go, self._processes)
        self._processes = []

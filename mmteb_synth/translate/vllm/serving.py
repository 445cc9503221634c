"""Plans how a preset's model is served here: which weights on which GPUs, by which exact `vllm serve` lines."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth.errors import TranslatorError, UsageError
from mmteb_synth.translate.preset import Preset, shipped_presets
from mmteb_synth.translate.vllm import environment, hardware
from mmteb_synth.translate.vllm.environment import Vllm
from mmteb_synth.translate.vllm.hardware import Gpu, Serving

HOST = "127.0.0.1"

_DECIDED = {
    "--model": "name the folder with --weights",
    "--served-model-name": "clients ask for the model's name in the preset",
    "--host": "use --host before the --",
    "--port": "use --port before the --",
    "--api-key": "set VLLM_API_KEY: what stands on a command line can be seen by everybody on this machine",
    "--quantization": "cache entries depend on it: use a preset with these weights",
    "-q": "cache entries depend on it: use a preset with these weights",
    "--revision": "cache entries depend on it: set weights.revision in a preset of your own",
    "--chat-template": "cache entries depend on the prompt: use weights with the template that you want",
    "--generation-config": "cache entries depend on the decoding: set it in a preset of your own",
    "--override-generation-config": "cache entries depend on the decoding: set it in a preset of your own",
}
"""Flags of `vllm serve` that can't be given, and what to do instead."""

_EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104  compared, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A model on this machine.

    Attributes:
        preset: The model; one with fewer bits where the preset that was asked for does not fit.
        weights: The local folder with its weights; None takes them from the Hub.
        groups: The GPUs of each server; a single empty group on a processor.
        pinned: Whether servers must be told their GPUs: there are several, or GPUs that none of them uses.
    """

    preset: Preset
    weights: Path | None
    groups: tuple[tuple[Gpu, ...], ...]
    pinned: bool = False

    @property
    def serving(self) -> Serving:
        """What the preset says of being served."""
        return _serving(self.preset)

    def options(self, group: Sequence[Gpu]) -> dict[str, Any]:
        """The options of vLLM for a server on these GPUs, by their Python names, as `vllm.LLM` takes them."""
        options: dict[str, Any] = {}
        if self.preset.weights.revision and self.weights is None:
            options["revision"] = self.preset.weights.revision
        if len(group) > 1:
            options["tensor_parallel_size"] = len(group)
        return options | {"max_num_seqs": self.serving.sequences} | self.serving.options

    def environment(self, group: Sequence[Gpu]) -> dict[str, str]:
        """What is added to the environment of a server on these GPUs."""
        gpus = ",".join(str(gpu.index) for gpu in group)
        pinned = {"CUDA_VISIBLE_DEVICES": gpus} if self.pinned else {}
        return environment.child_environment(self.weights, pinned)

    @property
    def model(self) -> str:
        """What vLLM loads: a folder, or a name on the Hub."""
        return str(self.weights) if self.weights is not None else self.preset.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One `vllm serve`.

    Attributes:
        host: The address that it listens on.
        port: The port.
        command: What starts it.
        environment: What is added to its environment.
    """

    host: str
    port: int
    command: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where it is asked from this machine."""
        host = HOST if self.host in _EVERYWHERE else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    @property
    def line(self) -> str:
        """The command as it is typed in a shell."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.environment.items())]
        return " ".join([*variables, shlex.join(self.command)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The servers of a model, and how they are asked.

    Attributes:
        placement: The model on this machine.
        translator: The name to ask for in `mmteb-synth build --translator`.
        servers: What to start.
        concurrency: Requests that all servers together work on at once.
    """

    placement: Placement
    translator: str
    servers: tuple[Server, ...]
    concurrency: int

    @property
    def build_line(self) -> str:
        """The command that translates with these servers."""
        urls = [part for server in self.servers for part in ("--base-url", server.url)]
        name = ["mmteb-synth", "build", "--lang", "LANG", "--translator", self.translator]
        return shlex.join([*name, *urls, "--concurrency", str(self.concurrency)])


def placement(
    preset: Preset,
    vllm: Vllm,
    gpus: Sequence[Gpu],
    *,
    weights: Path | None = None,
    smaller: bool = True,
) -> Placement:
    """Choose the weights and the GPUs that serve a model.

    Args:
        preset: The model; it has a table `[serving]`.
        vllm: The installed vLLM; a build for the processor needs no GPU.
        gpus: What is there.
        weights: A local folder with the weights.
        smaller: Whether a preset of the same model with fewer bits may take its place.

    Raises:
        TranslatorError: There is no GPU, or none with enough memory; or the folder holds other weights.
    """
    serving = _serving(preset)
    if weights is not None:
        check_weights(weights, preset)
    if vllm.on_cpu:
        return Placement(preset=preset, weights=weights, groups=((),))
    if not gpus:
        raise TranslatorError(
            f"no GPU was found, and {preset.name} needs {_needs(serving)}",
            hint="run it where nvidia-smi shows a GPU (and CUDA_VISIBLE_DEVICES does not hide it), "
            "or serve it elsewhere and name that with --base-url",
        )
    others = [shipped_presets()[name] for name in serving.smaller if name in shipped_presets()]
    candidates = [preset, *(others if smaller and weights is None else [])]
    for candidate in candidates:
        groups = hardware.place(_serving(candidate), gpus)
        if groups:
            used = sum(map(len, groups))
            return Placement(
                preset=candidate,
                weights=weights,
                groups=groups,
                pinned=len(groups) > 1 or used < len(gpus),
            )
    raise _too_little(candidates, others, gpus)


def plan(
    placed: Placement,
    vllm: Vllm,
    *,
    translator: str,
    host: str = HOST,
    port: int = 8000,
    flags: Sequence[str] = (),
) -> Plan:
    """Write the `vllm serve` lines of a placement.

    Args:
        placed: The model on this machine.
        vllm: The installed vLLM.
        translator: The name under which clients know the model.
        host: The address to listen on.
        port: The first server's port; each further one takes the next.
        flags: Further flags of `vllm serve`, which prevail over the preset's options.

    Raises:
        UsageError: A flag would change what cache entries depend on, or is an option of ours.
    """
    sequences = _check_flags(flags) or placed.serving.sequences
    servers = []
    for number, group in enumerate(placed.groups):
        command = [*vllm.command, "serve", placed.model]
        if placed.weights is not None:
            command += ["--served-model-name", placed.preset.model]
        command += ["--host", host, "--port", str(port + number), *_flags(placed.options(group)), *flags]
        servers.append(
            Server(
                host=host,
                port=port + number,
                command=tuple(command),
                environment=placed.environment(group),
            )
        )
    return Plan(
        placement=placed,
        translator=translator,
        servers=tuple(servers),
        concurrency=sequences * len(servers),
    )


def check_weights(folder: Path, preset: Preset) -> None:
    """Make sure that a folder holds the weights which a preset's cache entries are for.

    Raises:
        TranslatorError: It is no model's folder, or its weights are quantised otherwise than the preset says.
    """
    config = folder / "config.json"
    try:
        values = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TranslatorError(
            f"{folder} holds no model: config.json {'is missing' if not config.exists() else 'is broken'}",
            hint=f"hf download {preset.model} --local-dir {shlex.quote(str(folder))}",
        ) from error
    method = (values.get("quantization_config") or {}).get("quant_method")
    wanted = preset.weights.quantisation
    # compressed-tensors is a file format for every number of bits, FP8 among them.
    if method == wanted or (method == "compressed-tensors" and wanted is not None):
        return
    raise TranslatorError(
        f"the weights in {folder} are {method or 'not quantised'}, and those of {preset.name} are "
        f"{wanted or 'not'}{'' if wanted else ' quantised'}: they would share cache entries",
        hint="name the translator that these weights belong to, or write a preset of your own with weights.quantisation",
    )


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Options of vLLM by their Python names as flags of its command line."""
    flags: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            flags += [f"--{flag}", str(value)]
    return flags


def _serving(preset: Preset) -> Serving:
    assert preset.serving is not None, "translators.servable gives no others"
    return preset.serving


def _needs(serving: Serving) -> str:
    return f"{serving.weights_gb:.0f} GB for its weights"


def _too_little(
    candidates: Sequence[Preset], others: Sequence[Preset], gpus: Sequence[Gpu]
) -> TranslatorError:
    tried = []
    for preset in candidates:
        serving = _serving(preset)
        free = serving.utilisation
        counts = " or ".join(
            f"{math.ceil(serving.needed_gb(size) / free)} GB on each of {size}" for size in (1, 2, 4)
        )
        tried.append(f"{preset.name} needs a GPU with {counts.replace(' on each of 1', '', 1)}")
    untried = [preset.name for preset in others if preset not in candidates]
    hint = f"with fewer bits: {', '.join(untried)}" if untried else "use more or larger GPUs"
    return TranslatorError(
        f"too little GPU memory: {'; '.join(tried)}; here: {hardware.describe(gpus)}", hint=hint
    )


def _check_flags(flags: Sequence[str]) -> int | None:
    """The number of sequences that the user's flags set, where they do."""
    sequences: int | None = None
    for place, flag in enumerate(flags):
        name, _, value = flag.partition("=")
        if not name.startswith("-"):
            continue
        name = name.replace("_", "-")
        if name in _DECIDED:
            raise UsageError(f"{name} can't be given to vllm serve here", hint=_DECIDED[name])
        if name == "--max-num-seqs":
            number = value or (flags[place + 1] if place + 1 < len(flags) else "")
            if not number.isdecimal() or not int(number):
                raise UsageError(f"--max-num-seqs needs a number, not {number!r}")
            sequences = int(number)
    return sequences

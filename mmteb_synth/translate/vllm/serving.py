"""Plans how a preset's model is served here: which weights on which GPUs, by which exact `vllm serve` lines."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.preset import Preset, shipped_presets
from mmteb_synth.translate.vllm import environment, hardware
from mmteb_synth.translate.vllm import weights as folder
from mmteb_synth.translate.vllm.environment import Vllm
from mmteb_synth.translate.vllm.flags import Flags
from mmteb_synth.translate.vllm.hardware import Gpu, Serving

HOST = "127.0.0.1"

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
        return environment.child_environment(self.weights, hardware.pinning(group) if self.pinned else {})

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
    together: bool = False,
) -> Placement:
    """Choose the weights and the GPUs that serve a model.

    Args:
        preset: The model; it has a table `[serving]`.
        vllm: The installed vLLM; a build for the processor needs no GPU.
        gpus: What is there.
        weights: A local folder with the weights.
        smaller: Whether a preset of the same model with fewer bits may take its place.
        together: Whether one server gets all GPUs, whatever their memory: the user says how it divides them.

    Raises:
        TranslatorError: There is no GPU, or none with enough memory; or the folder holds other weights.
    """
    serving = _serving(preset)
    if weights is not None:
        folder.check(weights, preset)
    if vllm.on_cpu:
        return Placement(preset=preset, weights=weights, groups=((),))
    if not gpus:
        raise TranslatorError(
            f"no GPU was found, and {preset.name} needs {_needs(serving)}",
            hint="run it where nvidia-smi shows a GPU (and CUDA_VISIBLE_DEVICES does not hide it), "
            "or serve it elsewhere and name that with --base-url",
        )
    if together:
        free = tuple(gpu for gpu in gpus if gpu.obstacle is None)
        if free:
            return Placement(preset=preset, weights=weights, groups=(free,), pinned=len(free) < len(gpus))
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
    flags: Flags | None = None,
) -> Plan:
    """Write the `vllm serve` lines of a placement.

    Args:
        placed: The model on this machine.
        vllm: The installed vLLM.
        translator: The name under which clients know the model.
        host: The address to listen on.
        port: The first server's port; each further one takes the next.
        flags: Further flags of `vllm serve`, which take the place of the preset's options.
    """
    flags = flags or Flags()
    sequences = flags.sequences or placed.serving.sequences
    servers = []
    for number, group in enumerate(placed.groups):
        options = {name: value for name, value in placed.options(group).items() if name not in flags.options}
        if flags.divide_gpus:
            options.pop("tensor_parallel_size", None)
        command = [*vllm.command, "serve", placed.model]
        if placed.weights is not None:
            command += ["--served-model-name", placed.preset.model]
        command += ["--host", host, "--port", str(port + number), *_flags(options), *flags.given]
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
    if any(gpu.obstacle for gpu in gpus):
        hint += "; those that are not free are left alone"
    return TranslatorError(
        f"too little GPU memory: {'; '.join(tried)}; here: {hardware.describe(gpus)}", hint=hint
    )

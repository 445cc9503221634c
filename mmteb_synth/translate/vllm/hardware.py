"""Which GPUs there are, what a model's weights need of them, and which of them serve it together."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from mmteb_synth.errors import TranslatorError

OVERHEAD_GB = 4.0
"""What vLLM takes on each GPU besides weights and cache: the CUDA context, activations, CUDA graphs."""
UTILISATION = 0.9
"""The share of a GPU's memory that vLLM takes unless it is told otherwise."""

_GROUPS = (1, 2, 4, 8)
"""GPUs of one server: models split their attention heads, which come in powers of two."""
_IN_USE = 0.1
"""A GPU of which more is taken belongs to somebody else."""
_QUERY = "index,uuid,name,mig.mode.current,memory.total,memory.used"
_MIB = 1024**2 / 1e9
_TIMEOUT = 60.0

_OWN_OPTIONS = frozenset(
    {"model", "served_model_name", "host", "port", "api_key", "quantization", "revision"}
    | {"tensor_parallel_size", "max_num_seqs"}
)
"""Options that a preset's other fields, or the program itself, decide."""

Option = bool | int | float | str


class Serving(BaseModel):
    """How a model with open weights is served on one's own GPUs: the table `[serving]` of a preset.

    Attributes:
        weights_gb: All files of the weights, in 10^9 bytes.
        context_gb: The cache of one text that fills the window, in 10^9 bytes; vLLM does not start with less.
        sequences: Requests that a server works on at once (vLLM's `max_num_seqs`).
        options: Further options of vLLM by their Python names, as `max_model_len = 32768`.
        smaller: Presets with the same model in fewer bits, to be used where memory is too small; the first that
            fits is taken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights_gb: float = Field(gt=0)
    context_gb: float = Field(default=0.0, ge=0)
    sequences: int = Field(default=256, ge=1)
    options: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], Option] = Field(
        default_factory=dict
    )
    smaller: tuple[str, ...] = ()

    @field_validator("options")
    @classmethod
    def _check_options(cls, value: dict[str, Any]) -> dict[str, Any]:
        own = sorted(_OWN_OPTIONS & set(value))
        if own:
            raise ValueError(f"{', '.join(own)} can't be set here; other fields of the preset decide it")
        return value

    def needed_gb(self, size: int) -> float:
        """What each of `size` GPUs that serve the model together must have free, in 10^9 bytes."""
        return (self.weights_gb + self.context_gb) / size + OVERHEAD_GB

    @property
    def utilisation(self) -> float:
        """The share of a GPU's memory that vLLM will take."""
        return float(self.options.get("gpu_memory_utilization", UTILISATION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU.

    Attributes:
        index: Its number, as `CUDA_VISIBLE_DEVICES` takes it.
        uuid: Its lasting name.
        name: Its maker's name for it.
        total_gb: Its memory in 10^9 bytes: one that is sold as 80 GB has about 85.
        used_gb: What of it is taken.
        divided: Whether it is divided by MIG: then programs see a part of it only, and nvidia-smi tells the whole.
    """

    index: int
    uuid: str
    name: str
    total_gb: float
    used_gb: float = 0.0
    divided: bool = False

    @property
    def obstacle(self) -> str | None:
        """Why no model can be served on it, in words; None where one can."""
        if self.divided:
            return "divided by MIG"
        return "in use" if self.used_gb > _IN_USE * self.total_gb else None


def find_gpus(environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that `CUDA_VISIBLE_DEVICES` leaves visible; none where there is no driver.

    Args:
        environment: As `os.environ`.

    Raises:
        TranslatorError: `nvidia-smi` fails or says something that can't be read.
    """
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT)
    except FileNotFoundError:
        return ()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TranslatorError(f"nvidia-smi can't be run: {error}") from error
    said = done.stdout.strip()
    if done.returncode or "No devices were found" in said:
        raise TranslatorError(
            f"nvidia-smi ended with {done.returncode}: {(said or done.stderr.strip())[:300]}",
            hint="without a driver that works no GPU can be used: mend it, or serve the model on another machine",
        )
    return visible(parse_gpus(said), environment.get("CUDA_VISIBLE_DEVICES"))


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """Read what `nvidia-smi --query-gpu=index,uuid,name,mig.mode.current,memory.total,memory.used` prints.

    Args:
        text: CSV without a header and without units; memory in MiB.

    Raises:
        TranslatorError: It can't be read, or tells no memory.
    """
    return tuple(_gpu(row) for row in csv.reader(text.splitlines(), skipinitialspace=True))


def _gpu(row: Sequence[str]) -> Gpu:
    try:
        index, uuid, name, mig, total, used = row
        divided = mig == "Enabled"
        return Gpu(
            index=int(index),
            uuid=uuid,
            name=name.strip(),
            total_gb=int(total) * _MIB,
            used_gb=0.0 if divided else int(used) * _MIB,  # of a divided one it may not be told
            divided=divided,
        )
    except ValueError as error:
        raise TranslatorError(
            f"nvidia-smi does not tell a GPU's memory; it says only {', '.join(row)[:200]!r}",
            hint="start vllm serve yourself, and name it with --base-url",
        ) from error


def visible(gpus: Sequence[Gpu], value: str | None) -> tuple[Gpu, ...]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` names; as in CUDA, whatever follows an unknown name is not seen.

    Args:
        gpus: All GPUs.
        value: The variable; None where it is not set, and then all are seen.
    """
    if value is None:
        return tuple(gpus)
    seen: list[Gpu] = []
    for entry in filter(None, re.split(r"[,\s]+", value)):
        named = [
            gpu for gpu in gpus if entry == str(gpu.index) or (len(entry) > 4 and gpu.uuid.startswith(entry))
        ]
        if len(named) != 1 or named[0] in seen:
            break
        seen += named
    return tuple(seen)


def pinning(gpus: Sequence[Gpu]) -> dict[str, str]:
    """The environment in which a program sees these GPUs only; CUDA numbers them as nvidia-smi does if told so."""
    return {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(str(gpu.index) for gpu in gpus),
    }


def place(serving: Serving, gpus: Sequence[Gpu]) -> tuple[tuple[Gpu, ...], ...]:
    """Divide GPUs among independent servers, each on as few as its weights fit on.

    Args:
        serving: What the model needs.
        gpus: What is there; those in use, or divided by MIG, are left alone.

    Returns:
        The GPUs of each server, or nothing where the model fits on none.
    """
    free = sorted((gpu for gpu in gpus if gpu.obstacle is None), key=lambda gpu: (-gpu.total_gb, gpu.index))
    for size in _GROUPS:
        groups = [free[start : start + size] for start in range(0, len(free) - size + 1, size)]
        fitting = [
            tuple(sorted(group, key=lambda gpu: gpu.index))
            for group in groups
            if all(serving.utilisation * gpu.total_gb >= serving.needed_gb(size) for gpu in group)
        ]
        if fitting:
            return tuple(sorted(fitting, key=lambda group: group[0].index))
    return ()


def describe(gpus: Sequence[Gpu]) -> str:
    """GPUs in words, as `2 × NVIDIA H100 80GB HBM3 (85.5 GB)`."""
    kinds: dict[str, int] = {}
    for gpu in gpus:
        words = f"{gpu.name} ({gpu.total_gb:.1f} GB{f', {gpu.obstacle}' if gpu.obstacle else ''})"
        kinds[words] = kinds.get(words, 0) + 1
    return ", ".join(f"{count} × {words}" for words, count in kinds.items())

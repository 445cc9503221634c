"""What a user hands to `vllm serve` after the `--`: what it says to us, and what can't be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmteb_synth.errors import UsageError

_DECODING = "cache entries depend on the decoding: set it in a preset of your own"
_WEIGHTS = "cache entries depend on it: use a preset with these weights"
_PLAIN = "clients and the first chat ask by plain HTTP: put a proxy before the server"
_DECIDED = {
    "--model": "name the folder with --weights",
    "--served-model-name": "clients ask for the model's name in the preset",
    "--host": "use --host before the --",
    "--port": "use --port before the --",
    "--api-key": "set VLLM_API_KEY: what stands on a command line can be seen by everybody on this machine",
    "--config": "write the flags of that file after the --",
    "--quantization": _WEIGHTS,
    "-q": _WEIGHTS,
    "--quantization-config": _WEIGHTS,
    "--hf-overrides": _WEIGHTS,
    "--revision": "cache entries depend on it: set weights.revision in a preset of your own",
    "--chat-template": "cache entries depend on the prompt: use weights with the template that you want",
    "--generation-config": _DECODING,
    "--override-generation-config": _DECODING,
    "--ssl-keyfile": _PLAIN,
    "--ssl-certfile": _PLAIN,
    "--uds": _PLAIN,
}
"""Flags of `vllm serve` that can't be given, and what to do instead."""

_SHORT = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
}
_SEQUENCES = "--max-num-seqs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Flags of `vllm serve`.

    Attributes:
        given: As they were given.
        options: Which options they set, by their Python names as `max_num_seqs`.
        sequences: The requests that a server works on at once, where they say so.
    """

    given: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()
    sequences: int | None = None

    @property
    def divide_gpus(self) -> bool:
        """Whether they say how many GPUs a server takes, so that it gets all and nothing is left to us."""
        return any(f"{long[2:].replace('-', '_')}" in self.options for long in _SHORT.values())


def read(given: Sequence[str]) -> Flags:
    """Read the flags of a user.

    Args:
        given: As on a command line.

    Raises:
        UsageError: One would change what cache entries depend on, is an option of ours, or lacks its number.
    """
    options: set[str] = set()
    sequences: int | None = None
    for place, flag in enumerate(given):
        name, _, value = flag.partition("=")
        if not name.startswith("-"):
            continue
        # vLLM takes `--some_option.key` for a part of an option too, and every beginning that is clear.
        name = name.partition(".")[0].replace("_", "-").rstrip("+")
        name = "-q" if name.startswith("-q") else _SHORT.get(name, name)
        decided = [known for known in _DECIDED if known == name or (name[2:] and known.startswith(name))]
        if decided:
            raise UsageError(f"{name} can't be given to vllm serve here", hint=_DECIDED[decided[0]])
        options.add(name.lstrip("-").replace("-", "_"))
        if name == _SEQUENCES:
            number = value or (given[place + 1] if place + 1 < len(given) else "")
            if not number.isdecimal() or not int(number):
                raise UsageError(f"{_SEQUENCES} needs a number, not {number!r}")
            sequences = int(number)
    return Flags(given=tuple(given), options=frozenset(options), sequences=sequences)

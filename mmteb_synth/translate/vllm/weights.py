"""Makes sure that a folder holds the weights which a preset's cache entries are for."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.preset import Preset

_INDEX = "model.safetensors.index.json"
_FORMATS = "*.safetensors", "*.bin", "*.pt"
"""Of weights, in the order in which vLLM prefers them."""
_SIZES_ALIKE = 1.2
"""How far a preset's size may be rounded: the next larger Mixtral takes three times the memory."""


def check(folder: Path, preset: Preset) -> None:
    """Make sure that a folder holds a preset's weights, all of them, in its number of bits.

    Args:
        folder: As `hf download` makes it.
        preset: A preset with a table `[serving]`.

    Raises:
        TranslatorError: It holds no model, not all of its files, another model, or weights that are quantised
            otherwise.
    """
    again = f"hf download {preset.model} --local-dir {shlex.quote(str(folder))}"
    config = folder / "config.json"
    values = _read(config)
    if values is None:
        state = "broken" if config.exists() else "missing"
        raise TranslatorError(f"{folder} holds no model: config.json is {state}", hint=again)
    _check_quantisation(folder, values, preset)
    files = _files(folder)
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        which = (
            f"{len(missing)} of {len(files)} files are missing, as {missing[0]}" if files else "no weights"
        )
        raise TranslatorError(f"{folder} does not hold the whole model: {which}", hint=again)
    assert preset.serving is not None
    size, wanted = sum(file.stat().st_size for file in files) / 1e9, preset.serving.weights_gb
    if not 1 / _SIZES_ALIKE <= size / wanted <= _SIZES_ALIKE:
        raise TranslatorError(
            f"the weights in {folder} take {size:.3g} GB, and those of {preset.name} {wanted:.3g}: it is another "
            "model, or not all of it",
            hint=f"{again}; another model needs a preset of your own",
        )


def _check_quantisation(folder: Path, config: dict[str, Any], preset: Preset) -> None:
    described = config.get("quantization_config")
    method = described.get("quant_method") if isinstance(described, dict) else None
    wanted = preset.weights.quantisation
    # compressed-tensors is a file format for every number of bits, FP8 among them.
    if method == wanted or (method == "compressed-tensors" and wanted is not None):
        return
    raise TranslatorError(
        f"the weights in {folder} are {method or 'not quantised'}, and those of {preset.name} are "
        f"{wanted or 'not'}{'' if wanted else ' quantised'}: they would share cache entries",
        hint="name the translator that these weights belong to, or write a preset of your own with weights.quantisation",
    )


def _files(folder: Path) -> list[Path]:
    """The files of the weights: those that the index names, or else those that are there."""
    index = _read(folder / _INDEX) or {}
    named = index.get("weight_map")
    if isinstance(named, dict) and named:
        return [folder / str(name) for name in sorted(set(map(str, named.values())))]
    found = (sorted(folder.glob(form)) for form in _FORMATS)
    return next(filter(None, found), [])


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None

import json
import os
from pathlib import Path

import pytest

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.preset import Preset, shipped_presets
from mmteb_synth.translate.vllm import weights

MIXTRAL = shipped_presets()["mixtral-8x7b"]


def model_folder(folder: Path, preset: Preset, method: str | None = None, *, files: int = 2) -> Path:
    """A folder as `hf download` makes it, with weights of the right size that hold nothing."""
    assert preset.serving is not None
    config = {"quantization_config": {"quant_method": method}} if method else {}
    (folder / "config.json").write_text(json.dumps(config))
    names = [f"model-{number}.safetensors" for number in range(files)]
    index = {"weight_map": {f"layer.{name}": name for name in names}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name in names:
        (folder / name).touch()
        os.truncate(folder / name, int(preset.serving.weights_gb * 1e9 / files))  # takes no place on the disk
    return folder


@pytest.mark.parametrize(
    ("name", "method", "fits"),
    [
        ("mixtral-8x7b", None, True),
        ("mixtral-8x7b", "awq", False),
        ("mixtral-8x7b", "compressed-tensors", False),
        ("mixtral-8x7b-awq", "awq", True),
        ("mixtral-8x7b-awq", None, False),
        ("mixtral-8x7b-awq", "gptq", False),
        ("mixtral-8x7b-fp8", "fp8", True),
        ("mixtral-8x7b-fp8", "compressed-tensors", True),
        ("mixtral-8x7b-fp8", "awq", False),
    ],
)
def test_weights_of_other_bits_would_share_cache_entries(
    tmp_path: Path, name: str, method: str | None, fits: bool
) -> None:
    folder = model_folder(tmp_path, shipped_presets()[name], method)
    if fits:
        weights.check(folder, shipped_presets()[name])
    else:
        with pytest.raises(TranslatorError, match="they would share cache entries"):
            weights.check(folder, shipped_presets()[name])


@pytest.mark.parametrize("text", ["{", "[]", "null", ""])
def test_a_folder_without_a_model(tmp_path: Path, text: str) -> None:
    with pytest.raises(TranslatorError, match=r"config\.json is missing") as raised:
        weights.check(tmp_path, MIXTRAL)
    assert str(raised.value.hint).startswith(f"hf download {MIXTRAL.model} --local-dir ")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(TranslatorError, match=r"config\.json is broken"):
        weights.check(tmp_path, MIXTRAL)


def test_a_download_that_was_interrupted(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, MIXTRAL)
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(TranslatorError, match=r"1 of 2 files are missing, as model-1\.safetensors"):
        weights.check(folder, MIXTRAL)
    (folder / "model.safetensors.index.json").unlink()
    with pytest.raises(TranslatorError, match=r"take 46\.7 GB, and those of mixtral-8x7b 93\.4"):
        weights.check(folder, MIXTRAL)
    (folder / "model-0.safetensors").unlink()
    with pytest.raises(TranslatorError, match="no weights"):
        weights.check(folder, MIXTRAL)


def test_another_model(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, shipped_presets()["qwen3-30b"])
    with pytest.raises(TranslatorError, match="it is another model") as raised:
        weights.check(folder, MIXTRAL)
    assert "a preset of your own" in str(raised.value.hint)

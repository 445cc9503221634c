import os
from pathlib import Path

import pytest

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.preset import Preset, shipped_presets
from mmteb_synth.translate.vllm import flags as further
from mmteb_synth.translate.vllm.environment import Vllm
from mmteb_synth.translate.vllm.hardware import Gpu
from mmteb_synth.translate.vllm.serving import placement, plan

MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"
FP8 = "RedHatAI/Mixtral-8x7B-Instruct-v0.1-FP8"


@pytest.fixture(autouse=True)
def _no_hub_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)


@pytest.fixture
def vllm(tmp_path: Path) -> Vllm:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vllm").touch()
    return Vllm(python=tmp_path / "bin" / "python", version="0.32.0")


def gpus(*sizes: float) -> list[Gpu]:
    return [
        Gpu(index=number, uuid=f"GPU-{number}", name="NVIDIA", total_gb=size)
        for number, size in enumerate(sizes)
    ]


def lines(
    name: str, vllm: Vllm, *sizes: float, weights: Path | None = None, flags: tuple[str, ...] = ()
) -> list[str]:
    preset = shipped_presets()[name]
    given = further.read(flags)
    placed = placement(preset, vllm, gpus(*sizes), weights=weights, together=given.divide_gpus)
    made = plan(placed, vllm, translator=placed.preset.name, flags=given)
    return [
        *(server.line.replace(str(vllm.python.parent), "BIN") for server in made.servers),
        made.build_line,
    ]


def model_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    os.truncate(folder / "model.safetensors", int(93.4e9))  # takes no place on the disk
    return folder


def test_bf16_on_two_of_80_gb(vllm: Vllm) -> None:
    line, build = lines("mixtral-8x7b", vllm, 85.5, 85.5)
    assert line == (
        f"VLLM_NO_USAGE_STATS=1 BIN/vllm serve {MIXTRAL} --host 127.0.0.1 --port 8000 "
        "--tensor-parallel-size 2 --max-num-seqs 256"
    )
    assert build == (
        "mmteb-synth build --lang LANG --translator mixtral-8x7b "
        "--base-url http://127.0.0.1:8000/v1 --concurrency 256"
    )


def test_bf16_on_one_of_141_gb(vllm: Vllm) -> None:
    assert lines("mixtral-8x7b", vllm, 150.7)[0] == (
        f"VLLM_NO_USAGE_STATS=1 BIN/vllm serve {MIXTRAL} --host 127.0.0.1 --port 8000 --max-num-seqs 256"
    )


def test_on_one_of_80_gb_fewer_bits_are_served_under_their_own_name(vllm: Vllm) -> None:
    line, build = lines("mixtral-8x7b", vllm, 85.5)
    assert f"vllm serve {FP8} " in line
    assert "--translator mixtral-8x7b-fp8 " in build
    line, build = lines("mixtral-8x7b", vllm, 48.3)
    assert "vllm serve casperhansen/mixtral-instruct-awq " in line
    assert "--translator mixtral-8x7b-awq " in build


def test_two_of_80_gb_are_two_independent_servers_in_fp8(vllm: Vllm) -> None:
    first, second, build = lines("mixtral-8x7b-fp8", vllm, 85.5, 85.5)
    order = "CUDA_DEVICE_ORDER=PCI_BUS_ID"
    assert first.startswith(f"{order} CUDA_VISIBLE_DEVICES=0 VLLM_NO_USAGE_STATS=1 BIN/vllm serve ")
    assert second.startswith(f"{order} CUDA_VISIBLE_DEVICES=1 VLLM_NO_USAGE_STATS=1 BIN/vllm serve ")
    assert "--port 8000 " in first
    assert "--port 8001 " in second
    assert build.endswith(
        "--base-url http://127.0.0.1:8000/v1 --base-url http://127.0.0.1:8001/v1 --concurrency 512"
    )


def test_a_folder_is_served_under_its_hub_name_and_asks_no_hub(vllm: Vllm, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "my weights")
    (line, _) = lines("mixtral-8x7b", vllm, 150.7, weights=folder)
    assert f"serve '{folder}' --served-model-name {MIXTRAL} " in line
    assert line.startswith("HF_HUB_OFFLINE=1 ")


def test_options_of_the_preset_and_flags_of_the_user_go_to_vllm(vllm: Vllm) -> None:
    line, build = lines("qwen3-30b", vllm, 85.5, flags=("--max-num-seqs=32", "--enforce-eager"))
    assert line.endswith(" --max-model-len 32768 --max-num-seqs=32 --enforce-eager")
    assert build.endswith("--concurrency 32")
    assert lines("qwen3-30b", vllm, 85.5, flags=("--max_num_seqs", "8"))[-1].endswith("--concurrency 8")


def test_who_divides_the_gpus_gets_all_of_them(vllm: Vllm) -> None:
    line, build = lines("mixtral-8x7b", vllm, *[85.5] * 4, flags=("-tp", "4"))
    assert line.endswith(" --port 8000 --max-num-seqs 256 -tp 4")
    assert "CUDA_VISIBLE_DEVICES" not in line
    assert build.count("--base-url") == 1
    line, _ = lines("mixtral-8x7b", vllm, *[85.5] * 4, flags=("--pipeline_parallel_size=4",))
    assert "tensor" not in line


def test_without_a_gpu(vllm: Vllm) -> None:
    with pytest.raises(TranslatorError, match=r"no GPU was found, and mixtral-8x7b needs 93 GB") as raised:
        lines("mixtral-8x7b", vllm)
    assert "nvidia-smi" in str(raised.value.hint)


def test_too_little_memory_says_the_numbers(vllm: Vllm) -> None:
    with pytest.raises(TranslatorError) as raised:
        lines("mixtral-8x7b", vllm, 25.8)
    assert raised.value.message == (
        "too little GPU memory: "
        "mixtral-8x7b needs a GPU with 113 GB or 59 GB on each of 2 or 32 GB on each of 4; "
        "mixtral-8x7b-fp8 needs a GPU with 62 GB or 33 GB on each of 2 or 19 GB on each of 4; "
        "mixtral-8x7b-awq needs a GPU with 37 GB or 21 GB on each of 2 or 13 GB on each of 4; "
        "here: 1 × NVIDIA (25.8 GB)"
    )


def test_named_weights_and_in_process_keys_allow_no_other_weights(vllm: Vllm, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "weights")
    with pytest.raises(TranslatorError, match="too little GPU memory: mixtral-8x7b needs") as raised:
        lines("mixtral-8x7b", vllm, 85.5, weights=folder)
    assert "mixtral-8x7b-fp8" in str(raised.value.hint)
    with pytest.raises(TranslatorError, match="too little GPU memory"):
        placement(shipped_presets()["mixtral-8x7b"], vllm, gpus(85.5), smaller=False)


def test_a_build_for_processors_needs_no_gpu(vllm: Vllm) -> None:
    cpu = Vllm(python=vllm.python, version="0.32.0+cpu")
    placed = placement(shipped_presets()["mixtral-8x7b"], cpu, [])
    assert placed.groups == ((),)
    assert "CUDA_VISIBLE_DEVICES" not in placed.environment(())


def test_a_revision_is_loaded(vllm: Vllm) -> None:
    preset = Preset.model_validate(
        {
            "name": "mine",
            "model": "org/model",
            "weights": {"revision": "abc123"},
            "serving": {"weights_gb": 1},
        }
    )
    placed = placement(preset, vllm, gpus(85.5, 85.5))
    assert placed.options(placed.groups[0]) == {"revision": "abc123", "max_num_seqs": 256}
    assert [placed.environment(group)["CUDA_VISIBLE_DEVICES"] for group in placed.groups] == ["0", "1"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000/v1"),
        ("::1", "http://[::1]:8000/v1"),
        ("gpu7", "http://gpu7:8000/v1"),
    ],
)
def test_where_a_server_is_asked(vllm: Vllm, host: str, url: str) -> None:
    placed = placement(shipped_presets()["mixtral-8x7b"], vllm, gpus(150.7))
    assert plan(placed, vllm, translator="mixtral-8x7b", host=host).servers[0].url == url

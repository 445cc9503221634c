import pytest
from pydantic import ValidationError

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.preset import shipped_presets
from mmteb_synth.translate.vllm.hardware import Gpu, Serving, describe, find_gpus, parse_gpus, place, visible

H100 = 81_559
A100 = 81_920
H200 = 143_771
L40S = 46_068
RTX4090 = 24_564


def gpus(*mib: int, used: int = 5) -> tuple[Gpu, ...]:
    lines = [
        f"{number}, GPU-{number}a2b, NVIDIA X, Disabled, {size}, {used}" for number, size in enumerate(mib)
    ]
    return parse_gpus("\n".join(lines))


def serving(name: str) -> Serving:
    found = shipped_presets()[name].serving
    assert found is not None
    return found


def test_nvidia_smi_is_read() -> None:
    text = (
        "0, GPU-6d0b7b2c-8c1f-4f0a-a9f2-111111111111, NVIDIA H100 80GB HBM3, Disabled, 81559, 4\n"
        "1, GPU-6d0b7b2c-8c1f-4f0a-a9f2-222222222222, NVIDIA H100 80GB HBM3, [N/A], 81559, 70211\n"
    )
    first, second = parse_gpus(text)
    assert (first.index, first.name, round(first.total_gb, 1), first.obstacle) == (
        0,
        "NVIDIA H100 80GB HBM3",
        85.5,
        None,
    )
    assert second.obstacle == "in use"
    assert describe([first, second]) == (
        "1 × NVIDIA H100 80GB HBM3 (85.5 GB), 1 × NVIDIA H100 80GB HBM3 (85.5 GB, in use)"
    )
    assert parse_gpus("") == ()


@pytest.mark.parametrize(
    "text", ["0, GPU-1, NVIDIA GB10, [N/A], [N/A], [N/A]", "Failed to initialize NVML", "0, GPU-1"]
)
def test_what_can_not_be_read_is_shown(text: str) -> None:
    with pytest.raises(TranslatorError, match=r"nvidia-smi does not tell a GPU's memory"):
        parse_gpus(text)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("1", [1]),
        ("2,0", [2, 0]),
        ("0, 1", [0, 1]),
        ("GPU-1a2b", [1]),
        ("0,7,1", [0]),
        ("0,0,1", [0]),
        ("GPU-", []),
    ],
)
def test_hidden_gpus_are_not_seen(value: str | None, seen: list[int]) -> None:
    assert [gpu.index for gpu in visible(gpus(H100, H100, H100), value)] == seen


@pytest.mark.parametrize(
    ("model", "sizes", "groups"),
    [
        ("mixtral-8x7b", (H100, H100), [(0, 1)]),
        ("mixtral-8x7b", (A100, A100), [(0, 1)]),
        ("mixtral-8x7b", (H200,), [(0,)]),
        ("mixtral-8x7b", (H200, H200), [(0,), (1,)]),
        ("mixtral-8x7b", (H100,) * 4, [(0, 1), (2, 3)]),
        ("mixtral-8x7b", (H100,) * 3, [(0, 1)]),
        ("mixtral-8x7b", (H100,), []),
        ("mixtral-8x7b", (L40S, L40S), []),
        ("mixtral-8x7b", (L40S,) * 4, [(0, 1, 2, 3)]),
        ("mixtral-8x7b", (RTX4090, H200), [(1,)]),
        ("mixtral-8x7b-fp8", (H100,), [(0,)]),
        ("mixtral-8x7b-fp8", (A100, A100), [(0,), (1,)]),
        ("mixtral-8x7b-fp8", (L40S,), []),
        ("mixtral-8x7b-fp8", (L40S, L40S), [(0, 1)]),
        ("mixtral-8x7b-awq", (H100, H100), [(0,), (1,)]),
        ("mixtral-8x7b-awq", (L40S,), [(0,)]),
        ("mixtral-8x7b-awq", (RTX4090,), []),
        ("mixtral-8x7b-awq", (RTX4090, RTX4090), [(0, 1)]),
        ("qwen3-30b", (H100,), [(0,)]),
        ("mixtral-8x7b", (), []),
    ],
)
def test_each_server_takes_as_few_gpus_as_hold_it(
    model: str, sizes: tuple[int, ...], groups: list[tuple[int, ...]]
) -> None:
    placed = place(serving(model), gpus(*sizes))
    assert [tuple(gpu.index for gpu in group) for group in placed] == groups


def test_gpus_that_others_use_are_left_alone() -> None:
    busy, free = gpus(H100, used=60_000), gpus(H100, H100)
    placed = place(serving("mixtral-8x7b-fp8"), (*busy, free[1]))
    assert [tuple(gpu.index for gpu in group) for group in placed] == [(1,)]
    assert place(serving("mixtral-8x7b-fp8"), busy) == ()


def test_gpus_that_are_divided_are_left_alone() -> None:
    (divided,) = parse_gpus("0, GPU-0, NVIDIA H100, Enabled, 81559, [Insufficient Permissions]")
    assert describe([divided]) == "1 × NVIDIA H100 (85.5 GB, divided by MIG)"
    placed = place(serving("mixtral-8x7b-fp8"), (divided, gpus(H100, H100)[1]))
    assert [tuple(gpu.index for gpu in group) for group in placed] == [(1,)]


def test_what_vllm_may_take_of_a_gpu_counts() -> None:
    half = Serving(weights_gb=47.0, options={"gpu_memory_utilization": 0.5})
    assert place(half, gpus(H100)) == ()


@pytest.mark.parametrize(
    "values",
    [
        {"weights_gb": 0},
        {"weights_gb": 1, "options": {"quantization": "fp8"}},
        {"weights_gb": 1, "options": {"served_model_name": "x"}},
        {"weights_gb": 1, "options": {"--max-model-len": 1}},
        {"weights_gb": 1, "sequences": 0},
        {"weights_gb": 1, "unknown": 0},
    ],
)
def test_a_table_that_can_not_be_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Serving.model_validate(values)


def test_smaller_presets_exist_and_are_smaller() -> None:
    for preset in shipped_presets().values():
        for name in preset.serving.smaller if preset.serving else ():
            assert preset.serving is not None
            other = shipped_presets()[name]
            assert other.serving is not None
            assert other.serving.weights_gb < preset.serving.weights_gb
            assert other.weights != preset.weights


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_gpus({}) == ()


def test_nvidia_smi_is_run(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho '0, GPU-1, NVIDIA H200, Disabled, 143771, 0'\necho '1, GPU-2, NVIDIA H200, Disabled, 143771, 0'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert [gpu.index for gpu in find_gpus({})] == [0, 1]
    assert [gpu.index for gpu in find_gpus({"CUDA_VISIBLE_DEVICES": "1"})] == [1]
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed: no driver'\nexit 9\n")
    with pytest.raises(TranslatorError, match=r"ended with 9: NVIDIA-SMI has failed"):
        find_gpus({})

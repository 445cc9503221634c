import pytest

from mmteb_synth.errors import UsageError
from mmteb_synth.translate.vllm.flags import read


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (("--quantization", "fp8"), "preset with these weights"),
        (("-q", "awq"), "preset with these weights"),
        (("-q=awq",), "preset with these weights"),
        (("-qawq",), "preset with these weights"),
        (("--quantization=fp8",), "preset with these weights"),
        (("--quantization-config", "{}"), "preset with these weights"),
        (("--hf-overrides.quantization_config.quant_method", "awq"), "preset with these weights"),
        (("--served_model_name", "x"), "name in the preset"),
        (("--served-model", "x"), "name in the preset"),
        (("--api-key", "secret"), "VLLM_API_KEY"),
        (("--port", "1"), "before the --"),
        (("--config", "vllm.yaml"), "after the --"),
        (("--override-generation-config", "{}"), "decoding"),
        (("--override-generation-config.temperature", "1"), "decoding"),
        (("--ssl-keyfile", "key.pem"), "plain HTTP"),
    ],
)
def test_flags_that_decide_what_is_cached_or_where_it_is_asked_are_refused(
    given: tuple[str, ...], hint: str
) -> None:
    with pytest.raises(UsageError) as raised:
        read(given)
    assert hint in str(raised.value.hint)
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    "given",
    [
        ("--max-model-len", "4096", "--enforce-eager"),
        (
            "--seed",
            "-1",
            "-O3",
            "--model-impl",
            "vllm",
            "--dtype=bfloat16",
            "--chat-template-content-format=string",
        ),
        ("--compilation-config.mode", "3"),
    ],
)
def test_all_others_are_handed_on(given: tuple[str, ...]) -> None:
    assert read(given).given == given


@pytest.mark.parametrize("given", [("--max-num-seqs",), ("--max-num-seqs", "many"), ("--max-num-seqs=0",)])
def test_a_number_of_sequences_is_a_number(given: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="max-num-seqs needs a number"):
        read(given)


@pytest.mark.parametrize("given", [("-tp", "2"), ("-tp=2",), ("--data_parallel_size", "2"), ("-pp", "2")])
def test_who_divides_the_gpus(given: tuple[str, ...]) -> None:
    assert read(given).divide_gpus
    assert not read(("--max-num-seqs", "2")).divide_gpus

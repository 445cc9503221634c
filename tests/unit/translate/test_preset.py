from pathlib import Path

import pytest

from mmteb_synth.errors import SpecError
from mmteb_synth.translate import preset as presets
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import OPENAI, Preset, shipped_presets
from mmteb_synth.translate.requests import request_body
from mmteb_synth.types import Language, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")


def _endpoint(preset: Preset, base_url: str | None = None) -> Endpoint:
    return Endpoint(preset=preset, base_url=base_url or preset.base_url, label=preset.name, given_url=True)


def _preset(**values: object) -> Preset:
    return Preset(**{"name": "p", "model": "m", **values})  # type: ignore[arg-type]


def test_a_request_says_what_the_preset_says() -> None:
    thinking = {"chat_template_kwargs": {"enable_thinking": False}, "top_k": 20}
    preset = _preset(
        temperature="default",
        reasoning_effort="none",
        structured_output=True,
        extra_body=thinking,
        max_tokens_parameter="max_completion_tokens",
        max_output_tokens=300,
    )
    body = request_body(_endpoint(preset), Segment(text="Hello, world"), TURKISH)
    assert body.pop("messages")[1]["content"] == "<source>\nHello, world\n</source>"
    schema = body.pop("response_format")["json_schema"]
    assert schema["strict"]
    assert schema["schema"]["required"] == ["translation"]
    assert body == {"model": "m", "max_completion_tokens": 300, "reasoning_effort": "none", **thinking}
    plain = request_body(_endpoint(_preset()), Segment(text="Hello, world"), TURKISH)
    assert sorted(plain) == ["max_tokens", "messages", "model", "temperature"]


@pytest.mark.parametrize(
    ("limits", "characters"),
    [
        ({}, None),
        ({"max_output_tokens": 4096}, 8192),
        ({"max_output_tokens": 4096, "window": 16_385}, 8192),
        ({"max_output_tokens": 8192, "window": 10_000}, (10_000 - 600 - 8192) * 2),
        ({"window": 8192}, 1630),
        ({"window": 100}, 200),
    ],
)
def test_how_long_a_text_may_be(limits: dict[str, int], characters: int | None) -> None:
    preset = _preset(**limits)
    assert preset.max_characters == _endpoint(preset).max_characters == characters
    if preset.window and preset.window > 2000:
        prompt = sum(
            len(m["content"]) for m in _endpoint(preset).template(Segment(text=""), TURKISH).messages("")
        )
        assert characters is not None
        taken = prompt / 2 + characters / 2 + preset.output_tokens("x" * characters)
        assert taken <= preset.window


def test_shipped_presets_say_what_they_rest_on() -> None:
    for name, preset in shipped_presets().items():
        assert preset.description, name
        assert preset.window, name
        assert preset.max_characters, name
        assert not preset.languages or preset.claims_source, name
        assert preset.prices is not None or preset.base_url != OPENAI, name
        assert preset.substitute is None or preset.substitute in shipped_presets(), name
        assert hash(preset) == hash(preset.model_copy())
    mixtral = [preset for name, preset in shipped_presets().items() if name.startswith("mixtral-8x7b")]
    keys = {_endpoint(preset).key(Segment(text="Hi"), TURKISH) for preset in mixtral}
    assert len(keys) == len(mixtral) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[extra_body]\nmodel = 'n'", "model can't be set here"),
        ("[extra_body]\nstream = true\ntemperature = 1", "stream, temperature can't be set here"),
        ("[extra_body]\nsince = 2026-01-01", "can't be sent as JSON"),
        ("[extra_body]\nlimit = inf", "can't be sent as JSON"),
        ("languages = ['turkish']", "languages"),
        ("claims_source = 'a blog'", "claims_source"),
        ("window = 0", "window"),
        ("[prices]\ndate = 2026-01-01\ninput = 1\noutput = 1\nbatch_discount = 50", "batch_discount"),
        ("[weights]\nquantization = 'awq'", "weights.quantization: is not a known key"),
    ],
)
def test_a_broken_preset_says_what_is_broken(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"model = 'm'\n{text}\n")
    with pytest.raises(SpecError, match=said):
        presets.read_preset(file)

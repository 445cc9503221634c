from datetime import date

import pytest

from mmteb_synth import languages
from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import Preset, shipped_presets
from mmteb_synth.types import Language, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")
BEFORE = date(2026, 11, 1)
SOON = date(2026, 12, 24)
"""Less than 60 days before GPT-4.1 mini leaves, and after GPT-3.5 Turbo did."""
AFTER = date(2027, 2, 1)


def _endpoint(preset: Preset, base_url: str | None = None) -> Endpoint:
    return Endpoint(preset=preset, base_url=base_url or preset.base_url, label=preset.name, given_url=True)


def _preset(**values: object) -> Preset:
    return Preset(**{"name": "p", "model": "m", **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(("today", "substitute"), [(BEFORE, "gpt-4.1-mini"), (AFTER, "gpt-6-luna")])
def test_a_retired_model_names_who_takes_its_place_today(today: date, substitute: str) -> None:
    obstacle = _endpoint(shipped_presets()["gpt-3.5-turbo"]).obstacle(today)
    assert isinstance(obstacle, TranslatorError)
    assert "OpenAI retired gpt-3.5-turbo on 2026-10-23" in obstacle.message
    assert f"--translator {substitute}," in str(obstacle.hint)


def test_elsewhere_a_retired_model_may_live_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    preset = shipped_presets()["gpt-3.5-turbo"]
    assert _endpoint(preset, "https://mine.openai.azure.com/v1").obstacle(AFTER) is None
    assert _endpoint(preset, "https://eu.api.openai.com/v1").obstacle(AFTER) is not None


def test_a_shutdown_that_is_near_is_warned_of() -> None:
    endpoint = _endpoint(shipped_presets()["gpt-4.1-mini"])
    assert endpoint.retirement(None, BEFORE) is None
    warning = endpoint.retirement(None, SOON)
    assert warning is not None
    assert "will be shut down on 2027-01-14, in 21 days; gpt-6-luna is meant to take its place" in warning
    assert endpoint.retirement(None, date(2026, 11, 15)) is None  # 60 days
    assert endpoint.retirement(None, date(2026, 11, 16)) is not None
    assert _endpoint(shipped_presets()["gpt-4.1-mini"], "http://h/v1").retirement(None, SOON) is None


def test_the_endpoints_own_date_is_believed() -> None:
    mini = _endpoint(shipped_presets()["gpt-4.1-mini"])
    assert mini.retirement(date(2028, 1, 1), SOON) is None
    assert "2027-01-02" in str(mini.retirement(date(2027, 1, 2), SOON))
    other = _endpoint(_preset(base_url="http://h/v1"))
    assert "in 8 days" in str(other.retirement(date(2027, 1, 1), SOON))
    with pytest.raises(TranslatorError, match="http://h/v1 says that it shut down m on 2026-12-24") as caught:
        other.retirement(SOON, SOON)
    assert "--base-url" in str(caught.value.hint)


def test_languages_that_a_maker_does_not_claim() -> None:
    mixtral, qwen = (_endpoint(shipped_presets()[name]) for name in ("mixtral-8x7b", "qwen3-30b"))
    for name in ("fr", "it", "de", "es", "en"):
        assert mixtral.check_language(languages.parse(name)) is None
    warning = mixtral.check_language(TURKISH)
    assert warning is not None
    assert "Turkish (tur-Latn) is not among the 5 languages that the maker of mixtral-8x7b claims" in warning
    assert "deu, eng, fra, ita, spa" in warning
    assert "https://mistral.ai/" in warning
    for name in ("tr", "sw", "swh-Latn", "zh-TW", "ar", "fa", "no-NO", "az", "uz"):
        assert qwen.check_language(languages.parse(name)) is None, name
    warning = qwen.check_language(languages.parse("yo"))
    assert warning is not None
    assert len(warning) < 200
    assert _endpoint(_preset()).check_language(TURKISH) is None


def test_weights_of_one_name_share_no_translations() -> None:
    weights: list[dict[str, str]] = [
        {},
        {"quantisation": "awq"},
        {"quantisation": "fp8"},
        {"revision": "abc"},
    ]
    keys = {_endpoint(_preset(weights=each)).key(Segment(text="Hi"), TURKISH) for each in weights}
    assert len(keys) == 4

"""A language that a model's maker does not claim: said before anything is paid, and under the board's table."""

import logging
from pathlib import Path

import pytest
from openai_server import OpenAIServer

import mmteb_synth

SAID = "is not among the 5 languages that the maker of mixtral-8x7b claims"


@pytest.mark.parametrize(("lang", "claimed"), [("tr", False), ("de", True)])
def test_a_language_that_is_not_claimed_is_warned_of_and_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lang: str, claimed: bool
) -> None:
    heard_before_asking: list[bool] = []

    def answer(text: str) -> str:
        heard_before_asking.append(SAID in caplog.text)
        return f"[{text}]"

    caplog.set_level(logging.WARNING)
    with OpenAIServer(models=["mistralai/Mixtral-8x7B-Instruct-v0.1"], answer=answer) as server:
        report = mmteb_synth.build(
            [lang],
            tasks=["MiniSTS", "MiniSummarization"],
            translator="mixtral-8x7b",
            base_url=server.url,
            limit=2,
            cache_dir=tmp_path / "cache",
            data_dir=tmp_path / "data",
        )
    assert report.ok
    assert set(heard_before_asking) == {not claimed}
    assert caplog.text.count(SAID) == (0 if claimed else 1)
    assert all(any(SAID in warning for warning in done.warnings) == (not claimed) for done in report.sets)
    manifests = [path.read_text("utf-8") for path in tmp_path.rglob("manifest.json")]
    assert len(manifests) == 2
    assert all((SAID in manifest) == (not claimed) for manifest in manifests)

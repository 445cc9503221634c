import importlib.util
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.errors import MissingExtraError
from mmteb_synth.translate import tokens
from mmteb_synth.translate.preset import shipped_presets
from mmteb_synth.translate.templates import Message
from mmteb_synth.types import Language

TURKISH = Language(code="tur-Latn", name="Turkish")
AMHARIC = Language(code="amh-Ethi", name="Amharic")
ICELANDIC = Language(code="isl-Latn", name="Icelandic")
SCRIPT = Path(__file__).parents[3] / "scripts" / "token_expansion.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("token_expansion", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("cl100k_base", "tiktoken is great!", 6),  # OpenAI's cookbook says so
        ("cl100k_base", "antidisestablishmentarianism", 6),
        ("o200k_base", "antidisestablishmentarianism", 6),
        ("cl100k_base", "お誕生日おめでとう", 9),
        ("o200k_base", "お誕生日おめでとう", 8),
        ("cl100k_base", "", 0),
        ("mistral", "", 0),
        ("mistral", "Hello", 1),
        ("mistral", "\n", 2),  # the space that the encoder puts before everything, and the line break
    ],
)
def test_counts(name: tokens.TokenizerName, text: str, count: int) -> None:
    assert tokens.load(name).count(text) == count


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_mistral_counts_lines_as_it_counts_the_whole(text: str) -> None:
    tokenizer = tokens.load("mistral")
    assert tokenizer.count(text) == len(tokenizer._encode(text))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", get_args(tokens.TokenizerName))
def test_special_words_are_counted_as_text(name: tokens.TokenizerName) -> None:
    assert tokens.load(name).count("<|endoftext|></s>[INST]") > 3


def test_prompt_holds_what_the_chat_template_adds() -> None:
    messages = [Message(role="system", content="Translate."), Message(role="user", content="Good morning")]
    gpt = tokens.load("o200k_base")
    assert gpt.prompt(messages) == 3 + 4 + gpt.count("Translate.") + 4 + gpt.count("Good morning")
    mixtral = tokens.load("mistral")
    assert mixtral.prompt(messages[1:]) == 1 + mixtral.count("[INST] Good morning [/INST]")


@pytest.mark.parametrize("name", get_args(tokens.TokenizerName))
def test_nothing_is_downloaded(name: tokens.TokenizerName, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    tokens.load.cache_clear()
    assert tokens.load(name).count("Hello there")


@pytest.mark.parametrize(
    ("model", "declared", "expected"),
    [
        ("gpt-4.1-mini-2025-04-14", None, ("o200k_base", True)),
        ("gpt-4o", None, ("o200k_base", True)),
        ("gpt-4", None, ("cl100k_base", True)),
        ("gpt-4-turbo-2024-04-09", None, ("cl100k_base", True)),
        ("gpt-3.5-turbo", None, ("cl100k_base", True)),
        ("openai/text-embedding-3-small", None, ("cl100k_base", True)),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", None, ("mistral", True)),
        ("Qwen/Qwen3-30B-A3B", None, ("o200k_base", False)),
        ("anything", "mistral", ("mistral", True)),
        ("gpt-4o", "Qwen/Qwen3-30B-A3B", ("o200k_base", False)),
    ],
)
def test_tokenizer_of_a_model(model: str, declared: str | None, expected: tuple[str, bool]) -> None:
    assert tokens.tokenizer_of(model, declared) == expected


def test_shipped_presets_name_tokenizers_or_are_said_to_be_estimates() -> None:
    own = {
        name: tokens.tokenizer_of(preset.model, preset.tokenizer)[1]
        for name, preset in shipped_presets().items()
    }
    assert own["gpt-4.1-mini"]
    assert own["gpt-3.5-turbo"]
    assert own["mixtral-8x7b"]


def test_turkish_costs_what_the_tokenizers_make_of_it() -> None:
    assert tokens.expansion(TURKISH, "cl100k_base").factor == 1.67
    assert tokens.expansion(TURKISH, "o200k_base").factor == 1.33
    assert tokens.expansion(Language(code="eng-Latn", name="English"), "o200k_base").factor == 1.0


def test_a_guess_says_that_it_is_one() -> None:
    guess, far = tokens.expansion(ICELANDIC, "o200k_base"), tokens.expansion(AMHARIC, "o200k_base")
    assert guess.source is far.source is None
    assert far.factor > guess.factor > 1
    assert tokens.expansion(TURKISH, "mistral").source is not None


def test_expansions_are_what_the_script_measures() -> None:
    script = _script()
    for code, pairs in script.bundled().items():
        measured = script.measure(pairs)
        for name in get_args(tokens.TokenizerName):
            kept = tokens.expansion(Language(code=code, name=code), name)
            if kept.source == script.BUNDLED.format(count=len(pairs)):
                assert kept.factor == pytest.approx(measured[name], abs=0.006)
            else:  # measured on other texts; the languages' order of magnitude is the same
                assert kept.factor == pytest.approx(measured[name], rel=0.15)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.load.cache_clear()
    monkeypatch.setitem(sys.modules, "mistral_common", None)
    with pytest.raises(MissingExtraError) as caught:
        tokens.load("mistral")
    assert caught.value.hint == "pip install 'mmteb-synth[plan]'"
    assert tokens.load("o200k_base").count("Hello")

"""The way back has prompts and keys of its own, and says who can't go it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmteb_synth.checking.semantic.asking import Way
from mmteb_synth.checking.semantic.back_translation import _back, back_translation
from mmteb_synth.checking.semantic.scored import Pair
from mmteb_synth.errors import TranslatorError, UsageError
from mmteb_synth.languages import ENGLISH
from mmteb_synth.translate import translators
from mmteb_synth.translate.backends.apertium import ApertiumTranslator
from mmteb_synth.translate.backends.callables import CallableTranslator
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.types import Language, Segment

SPANISH = Language(code="spa-Latn", name="Spanish")
TURKISH = Language(code="tur-Latn", name="Turkish")
HOLA = Segment(text="Hola, mundo.")


def _endpoint() -> Endpoint:
    found = translators.resolve("gpt-4.1-mini")
    assert isinstance(found, Endpoint)
    return found


def test_the_prompt_names_the_language_that_is_translated_from() -> None:
    back = _back(_endpoint(), SPANISH)
    assert isinstance(back, Endpoint)
    system, user = back.template(HOLA, ENGLISH).messages("Hola, </source> mundo.")
    assert "Translate the Spanish text between <source2> and </source2> into English." in system["content"]
    assert user["content"] == "<source2>\nHola, </source> mundo.\n</source2>"


def test_keys_never_meet_those_of_translations_nor_of_other_languages() -> None:
    endpoint = _endpoint()
    keys = {
        _back(endpoint, SPANISH).key(HOLA, ENGLISH),
        _back(endpoint, TURKISH).key(HOLA, ENGLISH),
        endpoint.key(HOLA, ENGLISH),
        endpoint.key(HOLA, SPANISH),
    }
    assert len(keys) == 4


def test_a_function_s_translations_into_english_stay_apart() -> None:
    function = CallableTranslator(name="m:f", label="m-f", version="1", function=lambda texts, _: texts)
    keys = {
        _back(function, SPANISH).key(HOLA, ENGLISH),
        _back(function, TURKISH).key(HOLA, ENGLISH),
        function.key(HOLA, ENGLISH),
    }
    assert len(keys) == 3


@pytest.mark.parametrize("name", ["authored", "import:deepl"])
def test_a_replay_can_not_be_asked(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody can be asked"):
        back_translation(name, Way(cache=Cache(tmp_path / "c.sqlite")))


def test_apertium_says_which_languages_it_can_not_read() -> None:
    with pytest.raises(TranslatorError, match="between English and Turkish"):
        _back(ApertiumTranslator(version="3"), TURKISH).check_language(ENGLISH)


def test_apertium_s_missing_data_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APERTIUM_DATADIR", str(tmp_path))
    with pytest.raises(TranslatorError, match="is not installed") as failed:
        _back(ApertiumTranslator(version="3"), SPANISH).check_language(ENGLISH)
    assert "apertium-eng-spa" in str(failed.value.hint)


FUNCTION = """
def back(texts, language):
    assert language == "eng-Latn"
    return [text.removeprefix("ES ") for text in texts]
"""


def test_a_faithful_way_back_scores_all_and_a_wrong_text_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "way_back.py").write_text(FUNCTION, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    subjects = ["A farmer", "The young queen", "My neighbour", "Every sailor", "Nobody here", "Our teacher"]
    actions = ["sold forty sheep", "sings before breakfast", "mended the roof", "lost a purse", "reads maps"]
    texts = [f"{subject} {action}." for subject in subjects for action in actions]
    pairs = [Pair(text, f"ES {text}") for text in texts] + [
        Pair("12 + 3", "12 + 3"),
        Pair("A bird flew over the old harbour.", "ES Taxes must be paid within thirty days of notice."),
    ]
    with Cache(tmp_path / "c.sqlite") as cache:
        check = back_translation("way_back:back", Way(cache=cache)).into(SPANISH)
        found = check.score(pairs)
        again = back_translation("way_back:back", Way(cache=cache, offline=True)).into(SPANISH).score(pairs)
    assert found.judge == "back-translation:way_back:back@0"
    assert all(found.scores[place] == 100.0 for place in range(31))
    assert found.words[0] == f"BLEU 100.0: {texts[0]}"
    assert found.flagged == {31}
    assert "chrF" in found.notes[-1]
    assert "nrefs:1" in found.notes[-1]
    assert again.scores == found.scores
    assert (again.requests, again.hits) == (0, 31)


def test_what_could_not_be_translated_is_listed(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        way = Way(cache=cache, offline=True)
        found = back_translation("gpt-4.1-mini", way).into(SPANISH).score([Pair("Hello", "Hola")])
    assert found.scores == {}
    assert found.failures == {0: "not in the cache"}
    assert json.dumps(found.words) == "{}"

"""Whether a translation is in the language and script that were asked for."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, language
from mmteb_synth.types import Language, Languages, Verdict

SOURCE = "The bridge will be closed to trucks from Monday on."


def to(code: str) -> Languages:
    return Languages(ENGLISH, languages.parse(code))


def severity(verdict: Verdict | None) -> str | None:
    return verdict.severity if verdict else None


@pytest.mark.parametrize(
    ("code", "hypothesis"),
    [
        ("tr", "Die Brücke wird ab Montag für Lastwagen gesperrt."),
        ("de", "Köprü pazartesi gününden itibaren kamyonlara kapatılacak."),
        ("fr", "El puente estará cerrado a los camiones a partir del lunes."),
        ("es", "Nobody knows when the old railway station was built."),
        ("sw", "Nobody knows when the old railway station was built."),
        ("af", "Nobody knows when the old railway station was built."),
        ("yo", "Le pont sera fermé aux camions à partir de lundi."),
        ("fa", "سيتم إغلاق الجسر أمام الشاحنات ابتداء من يوم الاثنين وحتى نهاية الشهر."),
    ],
)
def test_another_language_is_an_error(code: str, hypothesis: str) -> None:
    assert severity(language.language(SOURCE, hypothesis, to(code), "sentence")) == "error"


def test_the_reason_names_both_languages() -> None:
    hypothesis = "Die Brücke wird ab Montag für Lastwagen gesperrt."
    verdict = language.language(SOURCE, hypothesis, to("tr"), "sentence")
    assert verdict is not None
    assert verdict.reason == "the translation reads like German, not like Turkish"


def test_names_of_the_source_are_not_identified() -> None:
    source = "What is Engineering News-Record?"
    assert language.language(source, "Engineering News-Record nedir?", to("tr"), "sentence") is None


@pytest.mark.parametrize(
    ("code", "hypothesis"),
    [
        ("nno", "Eg veit ikkje kvar brua er."),
        ("nob", "Jeg vet ikke hvor broen er."),
        ("da", "Jeg ved ikke, hvor broen er."),
        ("gl", "Non sei onde está a ponte."),
        ("ca", "No sé on és el pont."),
        ("ms", "Saya tidak tahu di mana jambatan itu."),
        ("af", "Ek weet nie waar die brug is nie."),
        ("sk", "Neviem, kde je ten most."),
        ("uk", "Я не знаю, де міст."),
        ("mr", "पूल कुठे आहे हे मला माहीत नाही."),
    ],
)
def test_what_has_near_relatives_is_not_taken_for_them(code: str, hypothesis: str) -> None:
    verdict = language.language("I don't know where the bridge is.", hypothesis, to(code), "sentence")
    assert severity(verdict) != "error"


def test_a_language_that_the_identifier_does_not_know_is_not_judged() -> None:
    assert language.language(SOURCE, "Die Brücke wird ab Montag gesperrt.", to("hsb"), "sentence") is None


@pytest.mark.parametrize("hypothesis", ["", "?", "12", "Tom", "\ud800", "日本"])
def test_nothing_to_go_by_is_no_fault(hypothesis: str) -> None:
    assert language.language("Tom?", hypothesis, to("de"), "sentence") is None


@pytest.mark.parametrize(
    ("code", "hypothesis"),
    [
        ("srp-Latn", "Мост ће бити затворен за камионе од понедељка."),
        ("srp-Cyrl", "Most će biti zatvoren za kamione od ponedeljka."),
        ("cmn-Hant", "这座桥从星期一起禁止卡车通行。"),
        ("cmn-Hans", "這座橋從星期一起禁止卡車通行。"),
        ("tr", "Мост закроют для грузовиков с понедельника."),
        ("ru", "Most zakroyut dlya gruzovikov s ponedelnika."),
        ("ja", "The bridge will be closed to lorries next week."),
        ("hi", "پل پیر سے ٹرکوں کے لیے بند رہے گا۔"),
        ("de", "Die Brücke wird ab 星期一 gesperrt."),
        ("ko", "이 다리는 понедельник 폐쇄됩니다."),
    ],
)
def test_the_wrong_script_is_an_error(code: str, hypothesis: str) -> None:
    assert severity(language.script(SOURCE, hypothesis, to(code), "sentence")) == "error"


@pytest.mark.parametrize(
    ("code", "source", "hypothesis"),
    [
        ("zh-Hant", "She bought an iPhone 12 in Paris.", "她在巴黎買了一支iPhone 12。"),
        ("ru", "Google bought YouTube.", "Google купила YouTube."),
        ("ar", "Download TensorFlow.", "TensorFlow"),
        ("ja", "The Tokyo Tower", "東京タワー"),
        ("ko", "The Chinese character 中", "한자 中"),
        ("de", "The word Κόσμος is Greek for 世界.", "Das Wort Κόσμος ist griechisch für 世界."),
        ("de", "The wavelength is small.", "Die Wellenlänge λ ist klein."),
        ("ja", "OK", "OK"),
    ],
)
def test_names_and_signs_may_stand_in_other_scripts(code: str, source: str, hypothesis: str) -> None:
    assert language.script(source, hypothesis, to(code), "sentence") is None


def test_one_stray_character_of_the_other_chinese_is_a_warning() -> None:
    verdict = language.script(SOURCE, "這座橋從星期一起禁止卡车通行。", to("cmn-Hant"), "sentence")
    assert severity(verdict) == "warning"


def test_a_script_that_unicode_does_not_know_is_not_judged() -> None:
    target = Languages(ENGLISH, Language(code="tlh-Piqd", name="Klingon"))
    assert language.script(SOURCE, "tlhIngan Hol", target, "sentence") is None
    assert language.language(SOURCE, "tlhIngan Hol", target, "sentence") is None

"""Every way to write a language leads to the code that MTEB uses, or to an error that helps."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth import languages
from mmteb_synth.errors import UnknownNameError, UsageError


@pytest.mark.parametrize(
    "value",
    [
        "tr",
        "TR",
        "tur",
        "tr-TR",
        "tr_TR",
        "tur-Latn",
        "TUR_LATN",
        "Turkish",
        "turkish",
        " Turkish ",
        "Türkçe",
    ],
)
def test_all_spellings_of_turkish_are_one(value: str) -> None:
    language = languages.parse(value)
    assert (language.code, language.name) == ("tur-Latn", "Turkish")


@pytest.mark.parametrize(
    ("value", "code", "name"),
    [
        ("en", "eng-Latn", "English"),
        ("en-GB", "eng-Latn", "English"),
        ("es", "spa-Latn", "Spanish"),
        ("pt-BR", "por-Latn", "Portuguese"),
        ("sw", "swa-Latn", "Swahili"),
        ("swh", "swa-Latn", "Swahili"),
        ("ar", "ara-Arab", "Arabic"),
        ("arb", "ara-Arab", "Arabic"),
        ("fa", "fas-Arab", "Persian"),
        ("Farsi", "fas-Arab", "Persian"),
        ("pes", "fas-Arab", "Persian"),
        ("prs", "prs-Arab", "Dari"),
        ("Dari", "prs-Arab", "Dari"),
        ("zh-TW", "cmn-Hant", "Chinese (Traditional)"),
        ("zh-CN", "cmn-Hans", "Chinese (Simplified)"),
        ("zh-Hant", "cmn-Hant", "Chinese (Traditional)"),
        ("Simplified Chinese", "cmn-Hans", "Chinese (Simplified)"),
        ("Chinese (Traditional)", "cmn-Hant", "Chinese (Traditional)"),
        ("cmn", "cmn-Hans", "Chinese (Simplified)"),
        ("sr-ME", "srp-Latn", "Serbian (Latin)"),
        ("sr-RS", "srp-Cyrl", "Serbian (Cyrillic)"),
        ("sr-Latn", "srp-Latn", "Serbian (Latin)"),
        ("nb", "nob-Latn", "Norwegian Bokmål"),
        ("nn", "nno-Latn", "Norwegian Nynorsk"),
        ("ko", "kor-Hang", "Korean"),
        ("ja", "jpn-Jpan", "Japanese"),
        ("hi", "hin-Deva", "Hindi"),
        ("hi-Latn", "hin-Latn", "Hindi (Latin)"),
        ("pbt-AF", "pbt-Arab", "Southern Pashto"),
        ("uz-Cyrl", "uzn-Cyrl", "Uzbek (Cyrillic)"),
        ("tlh-Latn", "tlh-Latn", "Klingon"),
        ("Thai", "tha-Thai", "Thai"),
        ("tok", "tok-Latn", "Toki Pona"),
    ],
)
def test_other_languages(value: str, code: str, name: str) -> None:
    language = languages.parse(value)
    assert (language.code, language.name) == (code, name)


@pytest.mark.parametrize(
    "code", ["zho-Hant", "zho-Hans", "arb-Arab", "swh-Latn", "nor-Latn", "pes-Arab", "kor-Kore"]
)
def test_a_code_of_mteb_written_in_full_is_kept(code: str) -> None:
    assert languages.parse(code).code == code
    assert languages.parse(code.lower()).code == code


def test_every_code_and_name_that_is_listed_is_accepted() -> None:
    for info in languages.known():
        assert languages.parse(info.name).code == info.code
        for code in (info.code, *info.alternatives):
            language = languages.parse(code)
            assert (language.code, language.name) == (code, info.name)


def test_names_are_unambiguous() -> None:
    names = [info.name for info in languages.known()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("value", "choices"),
    [
        *[(value, ("cmn-Hans", "cmn-Hant")) for value in ("zh", "zho", "Chinese", "chinese")],
        *[(value, ("srp-Cyrl", "srp-Latn")) for value in ("sr", "srp", "Serbian")],
        *[(value, ("nob-Latn", "nno-Latn")) for value in ("no", "nor", "Norwegian")],
    ],
)
def test_chinese_serbian_and_norwegian_list_their_choices(value: str, choices: tuple[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        languages.parse(value)
    for code in choices:
        assert code in caught.value.message
        assert languages.parse(code).name in caught.value.message


def test_no_other_bare_language_asks() -> None:
    for info in languages.known():
        iso = info.code.split("-")[0]
        if iso not in {"zho", "srp", "nor"}:
            languages.parse(iso)


def test_a_misspelled_name_gets_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="did you mean Turkish") as caught:
        languages.parse("Trukish")
    assert caught.value.exit_code == 2
    assert caught.value.hint is not None
    assert "mmteb-synth languages" in caught.value.hint
    with pytest.raises(UnknownNameError, match="tur-Latn"):
        languages.parse("tur-Lant")


@pytest.mark.parametrize(
    "value",
    ["", " ", "a", "xx", "und", "root", "mul", "zxx", "tur-Xyzw", "python-Code", "-", "💥", "x-foo", "\x000"],
)
def test_what_is_no_language_is_refused(value: str) -> None:
    with pytest.raises(UnknownNameError):
        languages.parse(value)


def test_a_language_whose_script_nobody_recorded_asks_for_the_full_code() -> None:
    with pytest.raises(UsageError, match="Klingon") as caught:
        languages.parse("tlh")
    assert caught.value.hint is not None
    assert "tlh-Latn" in caught.value.hint


@given(st.text(max_size=12))
def test_any_text_gives_a_language_or_a_usage_error(value: str) -> None:
    try:
        language = languages.parse(value)
    except UsageError:
        return
    assert languages.parse(language.code) == language


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("swa-Latn", "swh-Latn"),
        ("zho-Hans", "cmn-Hans"),
        ("zho-Hant", "cmn-Hant"),
        ("ara-Arab", "arb-Arab"),
        ("nor-Latn", "nob-Latn"),
        ("fas-Arab", "pes-Arab"),
        ("kor-Hang", "kor-Kore"),
        ("cmo-Hant", "zho-Hant"),
    ],
)
def test_macro_language_and_member_are_one(a: str, b: str) -> None:
    assert languages.same(a, b)
    assert languages.same(b, a)
    assert languages.equivalents(a) == languages.equivalents(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("cmn-Hans", "cmn-Hant"),
        ("srp-Latn", "srp-Cyrl"),
        ("ara-Arab", "arb-Latn"),
        ("nob-Latn", "nno-Latn"),
        ("fas-Arab", "prs-Arab"),
        ("cmn-Hant", "yue-Hant"),
        ("xyz-Latn", "eng-Latn"),
    ],
)
def test_scripts_and_other_languages_stay_apart(a: str, b: str) -> None:
    assert not languages.same(a, b)


def test_a_code_that_nobody_knows_is_only_itself() -> None:
    assert languages.equivalents("xyz-Latn") == {"xyz-Latn"}


def test_languages_are_listed_by_how_many_tasks_hold_them() -> None:
    rows = languages.known()
    assert rows[0].code == languages.ENGLISH.code
    assert [row.mteb_tasks for row in rows] == sorted((row.mteb_tasks for row in rows), reverse=True)


def test_listing_imports_neither_mteb_nor_langcodes() -> None:
    program = (
        "import sys; from mmteb_synth import languages; languages.known(); languages.same('swa-Latn', 'swh-Latn');"
        "print(sorted({'mteb', 'langcodes', 'pandas', 'torch', 'datasets'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("value", ["Turkixh", "Turkisch"])
def test_a_misspelt_name_is_not_taken_for_the_one_it_begins_like(value: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean Turkish"):
        languages.parse(value)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Farsi", "fas-Arab"),
        ("Castilian", "spa-Latn"),
        ("German language", "deu-Latn"),
        ("Türkçe", "tur-Latn"),
    ],
)
def test_other_names_of_a_language_are_taken(value: str, code: str) -> None:
    assert languages.parse(value).code == code

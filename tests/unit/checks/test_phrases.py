"""The phrases of each language, as the checks of wrapping use them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, phrases, wrapping
from mmteb_synth.types import Languages, Verdict

SOURCE = "The old mill by the river turns slowly"
CHECKS = {
    check.__name__: check for check in (wrapping.refusal, wrapping.preamble, wrapping.note, wrapping.quotes)
}


def judged(check: str, hypothesis: str, code: str = "de", source: str = SOURCE) -> Verdict | None:
    return CHECKS[check](source, hypothesis, Languages(ENGLISH, languages.parse(code)), "sentence")


@pytest.mark.parametrize(
    ("code", "hypothesis"),
    [
        ("de", "I'm sorry, but I can't help with this request."),
        ("ja", "I cannot translate this sentence."),
        ("tr", "As an AI, I have no opinion on this."),
        ("de", "Leider kann ich diesen Satz nicht übersetzen."),
        ("es", "Lo siento, no puedo traducir esta frase."),
        ("fr", "Désolé, je ne peux pas traduire cette phrase."),
        ("tr", "Üzgünüm, bu cümleyi çeviremem."),
        ("it", "Mi dispiace, ma non posso tradurre questa frase."),
        ("pt", "Desculpe, mas não posso traduzir esta frase."),
        ("nl", "Het spijt me, maar ik kan deze zin niet vertalen."),
        ("pl", "Przykro mi, ale nie mogę przetłumaczyć tego zdania."),
        ("ru", "Извините, но я не могу перевести это предложение."),
        ("uk", "Вибачте, але я не можу перекласти це речення."),
        ("ar", "عذراً، لا أستطيع ترجمة هذه الجملة."),
        ("fa", "متأسفم، نمی‌توانم این جمله را ترجمه کنم."),
        ("hi", "क्षमा करें, मैं इस वाक्य का अनुवाद नहीं कर सकता।"),
        ("sw", "Samahani, siwezi kutafsiri sentensi hii."),
        ("id", "Maaf, saya tidak dapat menerjemahkan kalimat ini."),
        ("vi", "Xin lỗi, tôi không thể dịch câu này."),
        ("zh-CN", "抱歉，我无法翻译这个句子。"),
        ("zh-TW", "抱歉，我無法翻譯這個句子。"),
        ("ja", "申し訳ありませんが、この文を翻訳することはできません。"),
        ("ko", "죄송하지만 이 문장을 번역할 수 없습니다."),
    ],
)
def test_refusals(code: str, hypothesis: str) -> None:
    verdict = judged("refusal", hypothesis, code)
    assert verdict is not None
    assert verdict.severity == "error"


@pytest.mark.parametrize(
    ("code", "source", "hypothesis"),
    [
        ("de", "I'm sorry, but I can't help you.", "Es tut mir leid, aber ich kann dir nicht helfen."),
        ("de", "I cannot swim.", "Ich kann nicht schwimmen."),
        ("es", "She can't translate the poem.", "No puedo creer que no pueda traducir el poema."),
        ("fr", "Sorry, I can't come.", "Désolé, je ne peux pas venir."),
        ("tr", "I can't help laughing.", "Gülmeden edemiyorum, yardım et."),
        ("ja", "As an AI, it writes poems.", "AIとして、それは詩を書く。"),
        ("zh-CN", "I can't help you today.", "抱歉，我今天不能帮助你。"),
        ("ru", "Sorry, we cannot help.", "Извините, мы не можем помочь."),
        ("de", "The translation helps us", "Die Übersetzung hilft uns nicht weiter"),
        ("xh", SOURCE, "Umzi omdala ngasemlanjeni"),
    ],
)
def test_what_the_source_says_itself_is_no_refusal(code: str, source: str, hypothesis: str) -> None:
    assert judged("refusal", hypothesis, code, source) is None


@pytest.mark.parametrize(
    ("code", "hypothesis"),
    [
        ("de", "Here is the translation: Die alte Mühle am Fluss"),
        ("de", "Sure! Die alte Mühle am Fluss"),
        ("de", "German: Die alte Mühle am Fluss"),
        ("de", "Deutsch: Die alte Mühle am Fluss"),
        ("de", "Hier ist die Übersetzung:\nDie alte Mühle am Fluss"),
        ("de", "Gerne! Die alte Mühle am Fluss"),
        ("tr", "Çeviri: Irmağın kıyısındaki eski değirmen"),
        ("tr", "Elbette! Irmağın kıyısındaki eski değirmen"),
        ("es", "¡Claro! Aquí tienes la traducción: El viejo molino"),
        ("fr", "Voici la traduction : Le vieux moulin"),
        ("it", "Ecco la traduzione: Il vecchio mulino"),
        ("pt", "Aqui está a tradução: O velho moinho"),
        ("nl", "Hier is de vertaling: De oude molen"),
        ("pl", "Oto tłumaczenie: Stary młyn"),
        ("ru", "Вот перевод: Старая мельница"),
        ("uk", "Ось переклад: Старий млин"),
        ("ar", "إليك الترجمة: الطاحونة القديمة"),
        ("fa", "ترجمه: آسیاب قدیمی"),
        ("hi", "अनुवाद: पुरानी चक्की"),
        ("sw", "Tafsiri: Kinu cha zamani"),
        ("id", "Berikut terjemahannya: Kincir tua"),
        ("vi", "Bản dịch: Cối xay cũ"),
        ("zh-CN", "以下是翻译：河边的老磨坊"),
        ("ja", "翻訳：川辺の古い水車"),
        ("ko", "번역: 강가의 오래된 방앗간"),
    ],
)
def test_preambles(code: str, hypothesis: str) -> None:
    verdict = judged("preamble", hypothesis, code)
    assert verdict is not None
    assert verdict.severity == "error"


@pytest.mark.parametrize(
    ("source", "hypothesis"),
    [
        ("The plan: sell the mill", "Der Plan: die Mühle verkaufen"),
        ("Of course, it turns.", "Natürlich! Sie dreht sich."),
        ("He said: translate it", "Er sagte: Übersetzung, bitte"),
        ("Sure, we can", "Sicher, das können wir"),
        ("His translation won; all were glad.", "Seine Übersetzung gewann: alle freuten sich."),
        ("German: a hard language", "Deutsch: eine schwere Sprache"),
        (SOURCE, "Sicher dreht sich die alte Mühle"),
        (SOURCE, "Deutsch:"),
    ],
)
def test_what_is_no_preamble(source: str, hypothesis: str) -> None:
    assert judged("preamble", hypothesis, "de", source) is None


@pytest.mark.parametrize(
    ("code", "hypothesis"),
    [
        ("de", "Die alte Mühle am Fluss. (Note: a literal translation)"),
        ("de", "Die alte Mühle am Fluss\n\nAnmerkung: wörtlich"),
        ("de", "Die alte Mühle am Fluss Hinweis: Der Name blieb."),
        ("de", "Die alte Mühle am Fluss. Let me know if this works!"),
        ("tr", "Eski değirmen. Not: Adlar çevrilmedi."),
        ("tr", "Eski değirmen (Çevirmenin notu: yel değirmeni)"),
        ("es", "El viejo molino. Nota: sin cambios."),
        ("fr", "Le vieux moulin. Remarque : sans changement."),
        ("ru", "Старая мельница. Примечание: дословно."),
        ("ar", "الطاحونة القديمة. ملاحظة: ترجمة حرفية"),
        ("hi", "पुरानी चक्की। नोट: शाब्दिक"),
        ("zh-CN", "河边的老磨坊。注：直译"),
        ("ja", "川辺の古い水車（注：直訳）"),
        ("ko", "강가의 방앗간 (참고: 직역)"),
    ],
)
def test_notes(code: str, hypothesis: str) -> None:
    verdict = judged("note", hypothesis, code)
    assert verdict is not None
    assert verdict.severity == "error"


@pytest.mark.parametrize(
    ("source", "hypothesis"),
    [
        ("Note: the mill is closed.", "Hinweis: Die Mühle ist geschlossen."),
        ("Important: wear a hat.", "Hinweis: Tragen Sie einen Hut."),
        ("Let me know if it turns.", "Lass mich wissen, ob sie sich dreht."),
        ("She took notes", "Sie machte sich Notizen"),
        (SOURCE, "Der wichtige Hinweis steht an der alten Mühle"),
    ],
)
def test_what_is_no_note(source: str, hypothesis: str) -> None:
    assert judged("note", hypothesis, "de", source) is None


@pytest.mark.parametrize("marks", ['""', "“”", "„“", "«»", "「」", "『』", "''", "‘’"])
def test_quotes_around_the_whole(marks: str) -> None:
    verdict = judged("quotes", f"{marks[0]}Die alte Mühle am Fluss{marks[1]}")
    assert verdict is not None
    assert verdict.severity == "error"
    assert judged("quotes", f"{marks[0]}Die Mühle{marks[1]}", source="“The mill”") is None
    assert (
        judged("quotes", f"{marks[0]}Ja{marks[1]} und {marks[0]}nein{marks[1]}", source="'Yes' and 'no'")
        is None
    )


def test_quotes_around_apostrophes_and_quotes_within() -> None:
    assert judged("quotes", "'C'est l'ancien moulin'", "fr") is not None
    assert judged("quotes", '"Das Wort "Mühle" ist alt"', source='The word "mill" is old') is not None
    assert judged("quotes", 'Das Wort "Mühle"', source='The word "mill"') is None


@pytest.mark.parametrize("code", ["xh-Latn", "eu", "am", "ka"])
def test_a_language_without_phrases_is_judged_by_the_english_ones(code: str) -> None:
    assert judged("refusal", "I'm sorry, I cannot translate this.", code) is not None
    assert judged("refusal", "Adiskidea", code) is None


@pytest.mark.parametrize("name", sorted(phrases._tables()))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_quick_words_stand_in_every_inability(name: str, data: st.DataObject) -> None:
    row = phrases._tables()[name]
    inability = data.draw(st.from_regex(re.compile("|".join(row["cannot"])), fullmatch=True))
    assert phrases.first(tuple(row["negation"]), inability)


def test_labels_take_names_of_the_language_and_nothing_else() -> None:
    label = phrases.label(languages.parse("tr"))
    for text in ("Translation:", "Turkish:", "Türkçe:", "**Turkish translation:** ", "TURKISH (formal):"):
        assert label.match(text), text
    assert label.match("Turkish delight: sweet") is None
    assert phrases.label(None).match("Turkish:") is None


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "text",
    ["", " ", ":", "'", '""', "İ:", "\n\n:", "ß" * 200, "I can't " * 2000, "(" * 3000, "\n" * 50_000 + ":"],
)
def test_odd_texts_are_equal_to_themselves(check: str, text: str) -> None:
    """A runaway answer takes linear time: were it quadratic, this would take minutes."""
    assert judged(check, text, "tr", text) is None
    judged(check, text, "tr")

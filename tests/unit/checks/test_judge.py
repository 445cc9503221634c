"""All checks together: nothing clean is an error, in any language."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth import checks, languages, paths

PLAY = "The children are playing in front of the school."
RICE = "How much does this bag of rice cost?"
UNCLE = "My uncle works in a hospital near the station."
OFFICE = "Google opened a new office in Berlin."
CLEAN = {
    "swa": {PLAY: "Watoto wanacheza mbele ya shule.", RICE: "Mfuko huu wa mchele unagharimu kiasi gani?"},
    "ara": {PLAY: "يلعب الأطفال أمام المدرسة.", RICE: "كم يكلف كيس الأرز هذا؟", "She wrote 3 letters.": "كتبت ٣ رسائل."},
    "zh-Hans": {PLAY: "孩子们正在学校门前玩耍。", RICE: "这袋米多少钱？", OFFICE: "谷歌在柏林开设了新办公室。"},
    "zh-Hant": {PLAY: "孩子們正在學校門前玩耍。", RICE: "這袋米多少錢？", OFFICE: "Google在柏林開設了新辦公室。"},
    "hin": {PLAY: "बच्चे स्कूल के सामने खेल रहे हैं।", RICE: "चावल की यह बोरी कितने की है?", UNCLE: "मेरे चाचा स्टेशन के पास एक अस्पताल में काम करते हैं।"},
    "tha": {PLAY: "เด็กๆ กำลังเล่นอยู่หน้าโรงเรียน", RICE: "ข้าวถุงนี้ราคาเท่าไร", UNCLE: "ลุงของฉันทำงานที่โรงพยาบาลใกล้สถานี"},
    "jpn": {PLAY: "子供たちは学校の前で遊んでいます。", RICE: "この米袋はいくらですか。", OFFICE: "グーグルはベルリンに新しいオフィスを開設した。"},
    "rus": {PLAY: "Дети играют перед школой.", RICE: "Сколько стоит этот мешок риса?", OFFICE: "Google открыла новый офис в Берлине."},
    "ell": {PLAY: "Τα παιδιά παίζουν μπροστά στο σχολείο.", RICE: "Πόσο κοστίζει αυτό το σακί ρύζι;"},
    "heb": {PLAY: "הילדים משחקים לפני בית הספר.", RICE: "כמה עולה שק האורז הזה?", UNCLE: "הדוד שלי עובד בבית חולים ליד התחנה."},
    "kor": {PLAY: "아이들이 학교 앞에서 놀고 있다.", RICE: "이 쌀 한 포대는 얼마입니까?", OFFICE: "구글은 베를린에 새 사무실을 열었다."},
    "yor": {PLAY: "Àwọn ọmọdé ń ṣeré níwájú ilé ìwé.", RICE: "Èló ni àpò ìrẹsì yìí?"},
    "amh": {PLAY: "ልጆቹ ከትምህርት ቤቱ ፊት ለፊት እየተጫወቱ ነው።"},
    "srp-Cyrl": {PLAY: "Деца се играју испред школе."},
    "srp-Latn": {PLAY: "Deca se igraju ispred škole."},
}  # fmt: skip
MINI = sorted((paths.bundled_translations() / "mini").glob("*.csv"))


def errors(source: str, hypothesis: str, code: str) -> list[str]:
    verdicts = checks.judge(source, hypothesis, languages.parse(code))
    return [f"{verdict.check}: {verdict.reason}" for verdict in verdicts if verdict.severity == "error"]


@pytest.mark.parametrize("code", CLEAN)
def test_good_translations_have_no_errors_in_any_script(code: str) -> None:
    for source, hypothesis in CLEAN[code].items():
        assert errors(source, hypothesis, code) == [], source


@pytest.mark.parametrize("file", MINI, ids=lambda file: file.stem)
def test_the_bundled_translations_have_no_errors(file: Path) -> None:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 100
    found = [(row["source"], errors(row["source"], row["translation"], file.stem)) for row in rows]
    assert [each for each in found if each[1]] == []


def test_what_is_empty_is_nothing_else() -> None:
    (verdict,) = checks.judge(PLAY, " ", languages.parse("de"))
    assert verdict == checks.Verdict(check="empty", severity="error", reason="the translation is empty")


def test_errors_come_first_and_the_one_that_explains_most_before_all() -> None:
    verdicts = checks.judge(PLAY, f"{PLAY}\ufeff", languages.parse("de"))
    assert verdicts[0].check == "copied"
    assert [verdict.severity for verdict in verdicts] == sorted(verdict.severity for verdict in verdicts)


def test_english_kept_as_english_is_no_fault() -> None:
    for source in CLEAN["zh-Hans"]:
        assert checks.judge(source, source, checks.ENGLISH) == ()


@given(
    st.text(st.characters(codec=None), max_size=80),
    st.text(st.characters(codec=None), max_size=80),
    st.sampled_from(
        ["deu-Latn", "cmn-Hant", "tha-Thai", "ara-Arab", "srp-Cyrl", "zul-Latn", "jpn-Jpan", "amh-Ethi"]
    ),
)
def test_any_two_texts_can_be_judged(source: str, hypothesis: str, code: str) -> None:
    verdicts = checks.judge(source, hypothesis, languages.parse(code))
    assert len({verdict.check for verdict in verdicts}) == len(verdicts)
    assert all(verdict.reason for verdict in verdicts)

"""Numbers lost, changed or invented, and the many forms that are none of these."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, numbers
from mmteb_synth.types import Languages, Verdict


def judged(source: str, hypothesis: str, code: str) -> Verdict | None:
    return numbers.numbers(source, hypothesis, Languages(ENGLISH, languages.parse(code)), "sentence")


@pytest.mark.parametrize(
    ("source", "hypothesis", "code"),
    [
        ("The mill has 14 windows.", "Die Mühle hat 14 Fenster.", "de"),
        ("The mill has no windows.", "Die Mühle hat keine Fenster.", "de"),
        # separators, scales, percent
        ("It cost 12,450.75 dollars.", "Es kostete 12.450,75 Dollar.", "de"),
        ("It cost 12,450 dollars.", "Il a coûté 12\u202f450 dollars.", "fr"),
        ("Some 10,000 swans came.", "Vinieron unos 10000 cisnes.", "es"),
        ("The dam holds 1.5 million litres.", "Baraj 1.500.000 litre su tutuyor.", "tr"),
        ("The dam cost 2.5 billion.", "La presa costó 2500 millones.", "es"),
        ("The dam cost $1 billion.", "Le barrage a coûté un milliard de dollars.", "fr"),
        ("Half, that is 50%, is gone.", "Yarısı, yani %50'si gitti.", "tr"),
        ("The city has 30,000 people.", "这座城市有3万人。", "zh-CN"),
        ("The city has 300,000,000 coins.", "市には3億枚の硬貨がある。", "ja"),
        ("The city has 250,000 people.", "그 도시에는 25만 명이 산다.", "ko"),
        ("It costs 100,000 rupees.", "इसकी कीमत 1 लाख रुपये है।", "hi"),
        ("It costs 1,00,000 rupees.", "इसकी कीमत 1,00,000 रुपये है।", "hi"),
        # digits of other scripts
        ("Room 214 is on floor 3.", "الغرفة ٢١٤ في الطابق ٣.", "ar"),
        ("Room 214 is on floor 3.", "اتاق ۲۱۴ در طبقه ۳ است.", "fa"),
        ("Room 214 is on floor 3.", "कमरा २१४ मंज़िल ३ पर है।", "hi"),
        # words
        ("There were 3 bakers.", "Es waren drei Bäcker.", "de"),
        ("There were 25 bakers.", "Había veinticinco panaderos.", "es"),
        ("There were 25 bakers.", "Es waren fünfundzwanzig Bäcker.", "de"),
        ("There were 5 bakers.", "Пекарей было пятеро.", "ru"),
        ("There were two bakers.", "2 fırıncı vardı.", "tr"),
        ("A dozen eggs broke.", "12 Eier sind zerbrochen.", "de"),
        ("There were 7 bakers.", "パン屋が七人いた。", "ja"),
        # ordinals, Roman numerals, decades
        ("It is from the 18th century.", "Es del siglo XVIII.", "es"),
        ("He met Pope John XXIII.", "Er traf Papst Johannes 23.", "de"),
        ("It grew in the 1970s.", "Creció en los años setenta.", "es"),
        ("It grew in the 1990s.", "90'larda büyüdü.", "tr"),
        ("The winter of 1962-63 was hard.", "El invierno de 1962-1963 fue duro.", "es"),
        # times and dates
        ("We eat at 3 pm.", "Wir essen um 15 Uhr.", "de"),
        ("We eat at 7:30 p.m.", "On mange à 19 h 30.", "fr"),
        ("We eat at 2:30.", "Comemos a las dos y media.", "es"),
        ("We eat at 8:00.", "Wir essen um 8 Uhr.", "de"),
        ("The fair is on July 4.", "祭りは7月4日です。", "ja"),
        ("The shop is open 24/7.", "Das Geschäft ist rund um die Uhr geöffnet.", "de"),
        # other shapes of the same
        ("Call 555 12 34.", "Rufen Sie 555-1234 an.", "de"),
        ("He got 6½ of 7.5 points.", "Er bekam 6 von 7,5 Punkten.", "de"),
        ("We eat at 2:30.", "Comemos a las 14:30h.", "es"),
        ("The lake has 40 km2.", "Der See hat 40 Quadratkilometer.", "de"),
        ("The field has 40 m2.", "Das Feld hat 40 m².", "de"),
        ("He got 6½ points.", "Er bekam 6,5 Punkte.", "de"),
    ],
)  # fmt: skip
def test_another_form_of_a_number_is_no_fault(source: str, hypothesis: str, code: str) -> None:
    assert judged(source, hypothesis, code) is None


@pytest.mark.parametrize(
    ("source", "hypothesis", "code", "told"),
    [
        ("The bridge is from 2019.", "Die Brücke ist von 2091.", "de", "the number 2019 became 2091"),
        ("The bridge is from 2019.", "Die Brücke ist schon alt.", "de", "the number 2019 is missing"),
        ("The bridge is old.", "Die Brücke von 1936 ist alt.", "de", "the number 1936 is not in the source"),
        ("It cost 12,450 dollars.", "Es kostete 12.540 Dollar.", "de", "became 12.540"),
        ("It rose by 1.5 percent.", "Il a augmenté de 15 pour cent.", "fr", "the number 1.5 became 15"),
        ("The city has 30,000 people.", "Die Stadt hat 30 Einwohner.", "de", "the number 30,000 became 30"),
        ("Account 12345678901234567", "Konto 12345678901234568", "de", "became 12345678901234568"),
        ("Room 214 is closed.", "الغرفة ٢١٥ مغلقة.", "ar", "the number 214 became ٢١٥"),
        ("There were 25 bakers.", "Había treinta y cinco panaderos.", "es", "the number 25 is missing"),
        ("We eat at 3 am.", "Wir essen um 16 Uhr.", "de", "the number 3 became 16"),
        ("5 men and 5 women came.", "5 Männer und Frauen kamen.", "de", "the number 5 is missing"),
        ("The city has 30,000 people.", "这座城市有30万人。", "zh-CN", "the number 30,000 became 30"),
        ("It has 48 rooms.", "Mamy tam pokoje.", "pl", "the number 48 is missing"),
    ],
)
def test_lost_changed_and_invented_numbers_are_errors_that_name_them(
    source: str, hypothesis: str, code: str, told: str
) -> None:
    verdict = judged(source, hypothesis, code)
    assert verdict is not None
    assert verdict.severity == "error"
    assert told in verdict.reason


def test_many_numbers_are_named_only_in_part() -> None:
    verdict = judged("Take 21, 22, 23, 24 and 25.", "Nimm alles.", "de")
    assert verdict is not None
    assert verdict.score == 5.0
    assert verdict.reason.count("missing") == 3


def test_small_numbers_only_warn_where_the_language_is_not_known_to_spell_them() -> None:
    verdict = judged("There were 7 bakers.", "Zazpi okin zeuden.", "eu")
    assert verdict is not None
    assert verdict.severity == "warning"
    large = judged("There were 7,412 bakers.", "Okin asko zeuden.", "eu")
    assert large is not None
    assert large.severity == "error"


def test_long_texts_that_say_a_number_once_less_only_warn() -> None:
    source = "The mill has 14 windows. " + "It stands by the river. " * 20 + "All 14 are open."
    hypothesis = "Die Mühle hat 14 Fenster. " + "Sie steht am Fluss. " * 20 + "Alle sind offen."
    verdict = judged(source, hypothesis, "de")
    assert verdict is not None
    assert verdict.severity == "warning"


@pytest.mark.parametrize(
    "text", ["", " ", "²", "½", "5" * 5000, "1,2.3,4", "٣٫٥", "१२", "𝟛", "i̇İ 3", "1 2." * 9000]
)
def test_odd_texts_are_equal_to_themselves_and_break_nothing(text: str) -> None:
    assert judged(text, text, "tr") is None
    judged(text, "7", "tr")
    judged("7", text, "th")

"""Whether a translation is there, whole, once, and made of proper characters."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, characters, content, lengths, repetition
from mmteb_synth.types import Languages, Verdict

GERMAN = Languages(ENGLISH, languages.parse("de"))
LONG = "The museum, which opened in 1962, has 48 rooms; most of them show old maps of the coast."
LONG_GERMAN = "Das Museum, das 1962 eröffnet wurde, hat 48 Räume; die meisten zeigen alte Karten der Küste."


def to(code: str) -> Languages:
    return Languages(ENGLISH, languages.parse(code))


def severity(verdict: Verdict | None) -> str | None:
    return verdict.severity if verdict else None


@pytest.mark.parametrize("hypothesis", ["", " ", "\n\t", "\ufeff", "\u00a0", "\u200b"])
def test_what_holds_no_text_is_empty(hypothesis: str) -> None:
    assert severity(content.empty("Hello.", hypothesis, GERMAN, "sentence")) == "error"


def test_an_empty_source_may_have_an_empty_translation() -> None:
    assert content.empty(" ", "", GERMAN, "sentence") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A man is playing the guitar.", "error"),
        ("Bombings kill 15 in Iraq", "error"),
        ("Israel Forces Kill 2 Palestinian Militants", "error"),
        ("Tom is OK.", "error"),
        ("hotel", "warning"),
        ("iPhone 12", None),
        ("OK", None),
        ("Star Wars", None),
        ("Harry Potter and the Order of the Phoenix", None),
        ("https://example.org/a_b?x=1", None),
        ("`git push --force`", None),
        ("4 x 100 m", None),
        ("@newsdesk #Berlin", None),
    ],
)
def test_only_what_could_be_translated_counts_as_copied(text: str, expected: str | None) -> None:
    assert severity(content.copied(text, f" {text}\n", GERMAN, "sentence")) == expected


def test_words_left_untranslated_in_good_part_are_found() -> None:
    source = "The farmer sold some sheep and bought a tractor because winter was near."
    half = "Der Bauer verkaufte Schafe and bought some tractor because winter was near."
    assert severity(content.copied(source, half, GERMAN, "sentence")) == "error"
    assert (
        content.copied(source, "Der Bauer verkaufte Schafe und kaufte einen Traktor.", GERMAN, "sentence")
        is None
    )


def test_english_may_be_copied_into_english() -> None:
    assert content.copied(LONG, LONG, Languages(ENGLISH, ENGLISH), "sentence") is None


@pytest.mark.parametrize(
    ("source", "hypothesis"),
    [
        (LONG, LONG_GERMAN[: len(LONG_GERMAN) // 2]),
        (LONG, LONG_GERMAN.removesuffix(".")[:-1]),
        (LONG, "Das Museum, das 1962 eröffnet wurde."),
        ("Two tourists lost their way in the big dark forest", "Zwei Touristen verirrten"),
        ("The bank (the old one) is closed today and tomorrow", "Die Bank (die alte ist heute"),
    ],
)
def test_what_breaks_off_is_cut_off(source: str, hypothesis: str) -> None:
    assert severity(content.cut_off(source, hypothesis, GERMAN, "sentence")) == "error"


@pytest.mark.parametrize(
    ("source", "hypothesis", "code"),
    [
        (LONG, LONG_GERMAN, "de"),
        ("He lives in the U.S.", "Er lebt in den USA", "de"),
        ('He said: "We are late."', "Er sagte: „Wir sind spät dran.“", "de"),
        ("Two tourists lost their way", "Zwei Touristen verirrten sich", "de"),
        ("How much is the rice?", "ข้าวราคาเท่าไร", "th"),
        ("My uncle works in a hospital near the station.", "मेरे चाचा स्टेशन के पास एक अस्पताल में काम करते हैं।", "hi"),
        ("What are you looking for?", "Τι ψάχνεις;", "el"),
    ],
)
def test_what_is_whole_is_not_cut_off(source: str, hypothesis: str, code: str) -> None:
    assert content.cut_off(source, hypothesis, to(code), "sentence") is None


def test_lengths_far_from_the_usual_are_told_with_what_is_usual() -> None:
    assert lengths.length(LONG, LONG_GERMAN, GERMAN, "sentence") is None
    found = lengths.length(LONG, LONG_GERMAN * 3, GERMAN, "sentence")
    assert found is not None
    assert found.severity == "error"
    assert found.reason == "the translation has 276 characters where about 101 are usual in German"


def test_every_language_has_a_band() -> None:
    assert lengths.band("deu-Latn").unsure == 0
    assert lengths.band("yue-Hant") == lengths.band("xxx-Hant")
    assert lengths.band("swh-Latn") == lengths.band("swa-Latn")
    assert lengths.band("xxx-Cher").unsure > lengths.band("xxx-Latn").unsure
    assert lengths.band("eng-Latn").mean == 0
    assert lengths.deviation("", "", "deu-Latn") < 0 < lengths.deviation("", "etwas", "deu-Latn")


@pytest.mark.parametrize(
    "hypothesis",
    [
        f"{LONG_GERMAN} {LONG_GERMAN}",
        f"{LONG_GERMAN}\n\n{LONG_GERMAN}",
        f"{LONG_GERMAN} / Das 1962 eröffnete Museum hat 48 Räume; die meisten zeigen alte Karten der Küste.",
    ],
)
def test_a_translation_that_comes_twice_is_doubled(hypothesis: str) -> None:
    assert severity(repetition.doubled(LONG, hypothesis, GERMAN, "sentence")) == "error"


def test_a_short_one_is_doubled_whatever_its_length() -> None:
    source = "What happens to the packet at the destination?"
    assert severity(repetition.doubled(source, "Was dann? Was dann?", GERMAN, "sentence")) == "error"


@pytest.mark.parametrize(
    ("source", "hypothesis"),
    [
        ("No, no.", "Nein, nein."),
        ("Learning should not be forced. Learning should be encouraged.", "Lernen sollte nicht erzwungen werden. Lernen sollte gefördert werden."),
        (LONG, LONG_GERMAN),
    ],
)  # fmt: skip
def test_what_the_source_doubles_too_is_not(source: str, hypothesis: str) -> None:
    assert repetition.doubled(source, hypothesis, GERMAN, "sentence") is None


@pytest.mark.parametrize(
    ("hypothesis", "code"),
    [
        (f"{LONG_GERMAN} {'und so weiter ' * 20}", "de"),
        (LONG_GERMAN + "!" * 60, "de"),
        ("Das Museum " + "hahaha" * 20, "de"),
        ("博物馆" + "有很多旧地图，" * 20, "zh-Hans"),
    ],
)
def test_output_that_runs_in_circles_is_found(hypothesis: str, code: str) -> None:
    assert severity(repetition.repetition(LONG, hypothesis, to(code), "sentence")) == "error"


def test_a_chorus_may_be_repeated() -> None:
    assert (
        repetition.repetition("Row, row, row. " * 8, "Rudert, rudert, rudert. " * 8, GERMAN, "sentence")
        is None
    )
    rule = "=" * 40
    assert repetition.repetition(f"{rule} Title", f"{rule} Titel", GERMAN, "sentence") is None


@pytest.mark.parametrize(
    ("hypothesis", "found"),
    [
        ("Das ist sch\ufffdn.", "U+FFFD"),
        ("Das ist schÃ¶n.", "Ã¶"),
        ("Ã\x9cbrigens", "Ã"),
        ("un cÅ“ur", "cÅ“"),
        ("Åžampiyonluk", "Åž"),
        ("ein \x00 Zeichen", "U+0000"),
        (r"sch\u00f6n", r"\u00f6"),
    ],
)
def test_broken_characters_are_found(hypothesis: str, found: str) -> None:
    verdict = characters.characters("This is nice.", hypothesis, GERMAN, "sentence")
    assert severity(verdict) == "error"
    assert verdict is not None
    assert found.removeprefix("c") in verdict.reason


@pytest.mark.parametrize(
    "hypothesis",
    [
        "SÃO PAULO",
        "„Å“ ist ein Buchstabe",
        "«AÑO»",
        "Ångström: 3 Å²",
        "Übung, daß, œuvre",
        "Ø»",
        "Zeile\nTab\t",
    ],
)
def test_proper_letters_are_not_broken(hypothesis: str) -> None:
    assert characters.characters("A text.", hypothesis, GERMAN, "sentence") is None


def test_what_the_source_holds_too_is_kept() -> None:
    assert characters.characters("The sign \ufffd", "Das Zeichen \ufffd", GERMAN, "sentence") is None


def test_invisible_characters_are_a_warning() -> None:
    assert severity(characters.characters("A text.", "\ufeffEin Text.", GERMAN, "sentence")) == "warning"


@pytest.mark.parametrize(
    ("hypothesis", "code", "expected"),
    [
        ("Это cлово важно.", "ru", "error"),
        ("Bu bir kаlem.", "tr", "error"),
        ("Он купил SIMку.", "ru", "warning"),
        ("Он купил SIM-карту.", "ru", None),
        ("Die Länge ist 3 μm, Δt ist 5.", "de", None),
    ],
)
def test_letters_of_two_alphabets_in_one_word(hypothesis: str, code: str, expected: str | None) -> None:
    assert severity(characters.mixed_word("A text.", hypothesis, to(code), "sentence")) == expected

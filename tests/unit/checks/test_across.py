"""What only shows across the rows of a set."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import across

GERMAN = languages.parse("de")
APART = ["The baker sold seven loaves.", "Heavy snow closed both mountain roads."]
MANY = [
    "Goats eat leaves.",
    "Ships left harbour.",
    "Rain fell early.",
    "Her violin broke.",
    "Prices doubled again.",
]


def found(sources: list[str], hypotheses: list[str], code: str = "de") -> dict[int, list[tuple[str, str]]]:
    verdicts = across.judge(sources, hypotheses, languages.parse(code))
    return {row: [(each.check, each.severity) for each in every] for row, every in verdicts.items()}


@pytest.mark.parametrize(
    "translation", ["Der Bäcker verkaufte Brote.", "パン屋はパンを売った。", "باع الخباز الأرغفة."]
)
def test_one_translation_of_sources_that_share_nothing_is_an_error(translation: str) -> None:
    assert found(APART, [translation] * 2) == {0: [("collision", "error")], 1: [("collision", "error")]}


def test_two_ways_to_say_one_thing_are_no_error() -> None:
    assert found(["Hi!", "Hello."], ["Hallo!", "Hallo."]) == {
        0: [("collision", "warning")],
        1: [("collision", "warning")],
    }
    assert found(["Hello!", "hello"], ["Hallo!", "hallo."]) == {}


def test_one_source_with_two_translations_is_a_warning() -> None:
    assert found(["Good night."] * 2, ["Gute Nacht.", "Nacht."]) == {
        0: [("inconsistent", "warning")],
        1: [("inconsistent", "warning")],
    }
    assert found(["Good night."] * 2, ["Gute Nacht.", "Gute Nacht."]) == {}


@pytest.mark.parametrize(
    ("code", "leak"),
    [("de", "Der alte Mann sitzt am Fluss. "), ("ja", "老人は静かな川のほとりに座っている。")],
)
def test_a_phrase_of_many_translations_that_their_sources_do_not_share_leaked(code: str, leak: str) -> None:
    hypotheses = [f"{leak}{number * 7}" for number in "abcde"]
    assert found(MANY, hypotheses, code) == {row: [("leaked", "error")] for row in range(5)}
    assert found(MANY[:4], hypotheses[:4], code) == {}
    shared = [f"The old man sits by the river. {source}" for source in MANY]
    assert found(shared, hypotheses, code) == {}


@pytest.mark.parametrize("texts", [[], ["", ""], [" ", "\n"], ["!!", "…"], ["x" * 100_000, "y"]])
def test_what_says_little_or_nothing_is_passed_over(texts: list[str]) -> None:
    sources = [f"Source number {row}." for row in range(len(texts))]
    assert across.judge(sources, texts, GERMAN) == {}


def test_many_rows_of_one_translation_are_all_told() -> None:
    sources = [f"{word}{number} {word}s" for number in range(500) for word in ("goat", "ship")]
    assert len(across.judge(sources, ["Gleich."] * len(sources), GERMAN)) == len(sources)

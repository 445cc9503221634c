import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from mmteb_synth.translate.splitting import Part, split

TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            [*"ab .,;!?\n\r\t\"'()`", "\u00a0", "\u2028", "\u0308", "\u200d", "\u0600", "🇹", "🇷"]
        ),
        st.characters(),
    ),
    max_size=200,
)


def _texts(text: str, most: int) -> list[str]:
    return [part.text for part in split(text, most)]


def _ends(text: str, most: int) -> set[int]:
    """The positions where the text of a part begins or ends."""
    positions, position = set(), 0
    for part in split(text, most):
        positions |= {position, position + len(part.text)}
        position += len(part.text + part.after)
    return positions


@given(text=TEXT, most=st.integers(1, 60))
@example(text=" \u0308a", most=1)
@example(text="a\u0600 ", most=2)
@example(text="\ud800. B. C.", most=4)
def test_nothing_is_lost_and_no_part_is_too_long(text: str, most: int) -> None:
    parts = split(text, most)
    assert "".join(part.text + part.after for part in parts) == text
    assert all(part.text for part in parts[1:])
    assert all(not part.after.strip() for part in parts)
    graphemes = regex.findall(r"\X", text)
    for part in parts:
        assert len(part.text) <= most or part.text in graphemes


@given(text=TEXT, most=st.integers(1, 60))
def test_no_grapheme_is_cut(text: str, most: int) -> None:
    between = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    between |= {match.start() + 1 for match in regex.finditer("\r\n", text)}  # white space, and kept as it is
    assert _ends(text, most) <= between


@given(before=st.text("ab ", max_size=30), after=st.text("ab ", max_size=30), most=st.integers(40, 60))
@pytest.mark.parametrize(
    "whole",
    [
        "https://example.com/a,b;c.d?e=f&g=(h)",
        "www.example.com/x.y,z",
        "`a, b. C; d()`",
        "```\na = 1.\n\nb = 2\n```",
    ],
)
def test_urls_and_code_are_never_cut(before: str, after: str, most: int, whole: str) -> None:
    text = f"{before} {whole} {after}"
    start = text.index(whole)
    assert not _ends(text, most) & set(range(start + 1, start + len(whole)))


def test_what_fits_is_one_part() -> None:
    assert split("One. Two.\n\nThree.", 17) == [Part(text="One. Two.\n\nThree.", after="")]
    assert split(" \n One.\n", 4) == [Part(text="", after=" \n "), Part(text="One.", after="\n")]
    assert split("", 5) == []
    assert split(" \n", 1) == [Part(text="", after=" \n")]


def test_paragraphs_come_before_sentences() -> None:
    text = "First one. It is short.\n\nSecond one. It is short too.\r\n \r\nThird."
    assert _texts(text, 60) == ["First one. It is short.\n\nSecond one. It is short too.", "Third."]
    assert _texts(text, 40) == ["First one. It is short.", "Second one. It is short too.\r\n \r\nThird."]
    assert _texts(text, 24) == ["First one. It is short.", "Second one.", "It is short too.", "Third."]


@pytest.mark.parametrize(
    ("sentences", "most"),
    [
        (
            [
                "Dr. Smith earned $3.5 million in the U.S. last year.",
                "He left at 5 p.m. on Jan. 3 and slept.",
            ],
            60,
        ),
        (
            [
                "The value is 3.14, e.g. here, i.e. there, etc. in v. 2.0.1.",
                "Smith et al. (2019) agree, cf. Fig. 3.",
            ],
            60,
        ),
        (
            [
                "See https://example.com/a.b?c=d.e for more.",
                "Visit www.test.org for the rest of it.",
                "Thanks!",
            ],
            45,
        ),
        (['"Why not?" she asked.', '"I won\'t go," he said.'], 25),
    ],
)
def test_sentences_are_told_from_abbreviations_decimals_and_urls(sentences: list[str], most: int) -> None:
    assert _texts(" ".join(sentences), most) == sentences


def test_parts_are_as_large_as_fits() -> None:
    sentence = "This sentence has exactly forty letters."
    assert len(sentence) == 40
    parts = split(" ".join([sentence] * 100), 40 * 5 + 4)
    assert [len(part.text) for part in parts] == [204] * 20
    assert [len(part.text) for part in split(" ".join([sentence] * 100), 40 * 6 + 4)] == [204] * 20


def test_what_has_no_sentences_is_cut_at_lines_clauses_words_and_graphemes() -> None:
    assert _texts("milk and eggs\nbread and butter\nsalt", 20) == [
        "milk and eggs",
        "bread and butter",
        "salt",
    ]
    assert _texts("when it rained, and it did, we stayed in the house", 30) == [
        "when it rained, and it did,",
        "we stayed in the house",
    ]
    assert _texts("one two three four", 9) == ["one two", "three", "four"]
    assert _texts("abcdefgh", 3) == ["abc", "def", "gh"]
    assert _texts("x👩‍👩‍👧y", 5) == ["x", "👩‍👩‍👧", "y"]


def test_what_is_longer_than_a_part_is_cut_after_all() -> None:
    assert all(len(text) <= 20 for text in _texts("https://example.com/" + "a" * 100, 20))
    assert _texts("e" + "\u0301" * 10, 5) == ["e" + "\u0301" * 10]


def test_a_limit_must_leave_room() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        split("a", 0)

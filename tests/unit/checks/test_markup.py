"""Delimiters, tags, Markdown and entities that a translation has and its source has not."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, markup
from mmteb_synth.types import Languages, Verdict

CHECKS = {"delimiters": markup.delimiters, "markup": markup.markup, "entities": markup.entities}


def judged(check: str, source: str, hypothesis: str) -> Verdict | None:
    return CHECKS[check](source, hypothesis, Languages(ENGLISH, languages.parse("de")), "sentence")


@pytest.mark.parametrize(
    ("check", "source", "hypothesis", "severity"),
    [
        ("delimiters", "The mill turns.", "<translation>Die Mühle dreht sich.</translation>", "error"),
        ("delimiters", "The mill turns.", "Die Mühle dreht sich.</source1>", "error"),
        ("delimiters", "The mill turns.", "Die Mühle dreht sich.<|im_end|>", "error"),
        ("delimiters", "The mill turns.", "[INST] Die Mühle dreht sich.", "error"),
        ("delimiters", "The mill turns.", "```\nDie Mühle dreht sich.\n```", "error"),
        ("delimiters", "The mill turns.", '{"translation": "Die Mühle dreht sich."}', "error"),
        ("delimiters", "The mill turns.", 'Die Mühle dreht sich."}', "error"),
        ("delimiters", "The mill turns.", "[[Die Mühle dreht sich.]]", "error"),
        ("markup", "The mill turns.", "Die **Mühle** dreht sich.", "error"),
        ("markup", "The mill turns.", "# Die Mühle dreht sich.", "error"),
        ("markup", "The mill turns.", "---\nDie Mühle dreht sich.\n---", "error"),
        ("markup", "The mill turns.", "Die Mühle<br> dreht sich.", "error"),
        ("markup", "The <b>mill</b> turns.", "Die Mühle dreht sich.", "error"),
        ("markup", "The **mill** turns.", "Die Mühle dreht sich.", "warning"),
        ("entities", "The miller's cat", "Des M&uuml;llers Katze", "error"),
        ("entities", 'He said "no"', "Er sagte &quot;nein&quot;", "error"),
        ("entities", "Salt & bread", "Salz &amp; Brot", "error"),
        ("entities", "It's &lt; 5", "Es ist &amp;lt; 5", "error"),
        ("entities", "It's late", "Es ist&#160;spät", "error"),
    ],
)
def test_what_the_source_has_not(check: str, source: str, hypothesis: str, severity: str) -> None:
    verdict = judged(check, source, hypothesis)
    assert verdict is not None
    assert (verdict.check, verdict.severity) == (check, severity)


@pytest.mark.parametrize(
    ("check", "source", "hypothesis"),
    [
        ("delimiters", "Use <text> here", "Hier <text> verwenden"),
        ("delimiters", "Run ```make```", "```make``` ausführen"),
        ("delimiters", 'The object {"a": 1}', 'Das Objekt {"a": 1}'),
        ("delimiters", "Dear {name}", "Liebe {name}"),
        ("delimiters", "It is [sic] so", "Es ist [sic] so"),
        ("delimiters", "a < b and b > c", "a < b und b > c"),
        ("markup", "The <b>mill</b><br/>turns.", "Die <b>Mühle</b><br>dreht sich."),
        ("markup", "A List<T> of T", "Eine List<T> von T"),
        ("markup", "The **mill** turns.", "Die **Mühle** dreht sich."),
        ("markup", "Two to the power 3 is 2**3", "Zwei hoch drei ist 2**3"),
        ("markup", "C# is a language", "C# ist eine Sprache"),
        ("markup", "Set __init__ here", "Hier __init__ setzen"),
        ("entities", "Salt & bread", "Salz & Brot"),
        ("entities", "Salt &amp; bread", "Salz &amp; Brot"),
        ("entities", "Black & white; red", "Schwarz &weiß; rot"),
        ("entities", "R&D; then sales", "F&E; dann Verkauf"),
    ],
)
def test_what_the_source_has_too(check: str, source: str, hypothesis: str) -> None:
    assert judged(check, source, hypothesis) is None


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("text", ["", "<", "&;", "&#;", "****", "__", "#", "{}", '"', "<>", "[[]]", "---"])
def test_odd_texts_are_equal_to_themselves(check: str, text: str) -> None:
    assert judged(check, text, text) is None

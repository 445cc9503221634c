"""Questions that were answered instead of being translated."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, questions
from mmteb_synth.types import Languages

ASKED = "Where does the ferry to the island leave?"


def severity(source: str, hypothesis: str, code: str) -> str | None:
    verdict = questions.question(source, hypothesis, Languages(ENGLISH, languages.parse(code)), "sentence")
    return verdict.severity if verdict else None


@pytest.mark.parametrize(
    ("hypothesis", "code", "expected"),
    [
        ("Wo fährt die Fähre zur Insel ab?", "de", None),
        ("¿De dónde sale el ferry a la isla?", "es", None),
        ("من أين تغادر العبارة إلى الجزيرة؟", "ar", None),
        ("Από πού φεύγει το πλοίο για το νησί;", "el", None),
        ("Որտեղի՞ց է մեկնում դեպի կղզի գնացող լաստանավը։", "hy", None),
        ("島へのフェリーはどこから出ますか。", "ja", None),
        ("เรือข้ามฟากไปเกาะออกจากที่ไหน", "th", None),
        ("Wo fährt die Fähre zur Insel ab? Sie fährt am alten Hafen ab.", "de", "error"),
        ("Որտեղի՞ց է մեկնում լաստանավը։ Այն մեկնում է հին նավահանգստից ամեն օր։", "hy", "error"),
        ("Die Fähre zur Insel fährt ab.", "de", "warning"),
        ("Die Fähre fährt; zur Insel.", "de", "warning"),
        (
            "Die Fähre zur Insel fährt jeden Tag um neun Uhr morgens vom alten Hafen der Stadt ab.",
            "de",
            "error",
        ),
        ("Ja, die Fähre fährt zur Insel.", "de", "error"),
        ("!!", "de", "warning"),
    ],
)
def test_only_answers_are_errors(hypothesis: str, code: str, expected: str | None) -> None:
    assert severity(ASKED, hypothesis, code) == expected


@pytest.mark.parametrize("source", ["", "?", "The ferry leaves at nine.", "where ferry leaves"])
def test_what_does_not_ask_proves_nothing(source: str) -> None:
    assert severity(source, "Die Fähre fährt um neun Uhr." if source != "?" else "?", "de") is None

"""Several translations where one was asked for."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, wrapping
from mmteb_synth.types import Languages


@pytest.mark.parametrize(
    ("source", "hypothesis", "code", "expected"),
    [
        ("The house is pretty.", "Das Haus ist schön. / Das Haus ist hübsch.", "de", "error"),
        ("The house is pretty.", "Das Haus ist schön / hübsch.", "de", "warning"),
        ("He drives at eighty.", "Er fährt 80 km / h.", "de", None),
        ("Three quarters of it.", "3 / 4 davon.", "de", None),
        ("Tea or coffee with milk.", "Çay ve / veya sütlü kahve.", "tr", None),
        ("The path has no final slash.", "Putanji nedostaje / na kraju.", "hr", None),
        ("Tea and/or coffee", "Tee und / oder Kaffee", "de", None),
        ("The house is pretty.", "Das Haus ist schön.\nOder: Das Haus ist hübsch.", "de", "error"),
        ("The house is pretty.", "1. Das Haus ist schön. 2. Das Haus ist hübsch.", "de", "error"),
        ("The house is pretty.", " / ", "de", "warning"),
    ],
)
def test_alternatives(source: str, hypothesis: str, code: str, expected: str | None) -> None:
    verdict = wrapping.alternatives(source, hypothesis, Languages(ENGLISH, languages.parse(code)), "sentence")
    assert (verdict.severity if verdict else None) == expected

"""The page: every text escaped, set in its direction, short, and the worst first. A browser reads it in test_check."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from made_ledgers import FAILED, GOOD, a_ledger, a_manifest

from mmteb_synth.checking import CheckedSet, CheckReport, page
from mmteb_synth.checking.semantic import Agreement, Report
from mmteb_synth.data.store import TranslatedDataset
from mmteb_synth.errors import StoreError
from mmteb_synth.types import Usage

HOSTILE = "<script>alert(1)</script></td></table>\"'{{7*191}}{% raw %}<img src=x onerror=alert(1)> &amp; javascript:x"


def verdict(
    check: str, severity: str = "error", score: float | None = None, reason: str = ""
) -> dict[str, Any]:
    return {"check": check, "severity": severity, "reason": reason or f"{check} is wrong", "score": score}


def checked(table: pa.Table | None, language: str = "tur-Latn", **values: Any) -> CheckedSet:
    manifest = a_manifest(language=language, review=values.pop("review", {}))
    dataset = TranslatedDataset(
        folder=Path("nowhere"), manifest=manifest, is_held_back=values.pop("is_held_back", False)
    )
    return CheckedSet(name=manifest.name, dataset=dataset, ledger=table, **values)


class Reader(HTMLParser):
    """The elements and attributes of a page, and its text by element."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "rect", "line"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            assert self._open.pop() == tag, f"{tag} is closed out of turn"

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open:
            self.said.append((self._open[-1], data))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(data for _, data in self.said)


def read(*sets: CheckedSet) -> Reader:
    reader = Reader()
    reader.feed(page.render(CheckReport(sets=sets)))
    assert reader._open == []
    return reader


def passages(reader: Reader) -> list[tuple[str | None, str | None]]:
    """Direction and language of each text."""
    return [
        (attributes.get("dir"), attributes.get("lang"))
        for tag, attributes in reader.tags
        if attributes.get("class") == "text"
    ]


def test_hostile_texts_are_text_wherever_they_stand() -> None:
    attempt = {"step": HOSTILE, "translator": HOSTILE, "hypothesis": HOSTILE, "verdicts": [verdict(HOSTILE)]}
    row = {
        "source": HOSTILE,
        "hypothesis": HOSTILE,
        "kind": HOSTILE,
        "verdicts": [verdict(HOSTILE, reason=HOSTILE)],
        "rejected": [attempt],
        "judgements": [{"judge": HOSTILE, "score": 1.0, "severity": None, "words": HOSTILE}],
    }
    review = {"reviewers": [HOSTILE], "rows": 1, "date": HOSTILE, "judge_agreement": {"judge": HOSTILE}}
    one = checked(a_ledger(row), notes=(HOSTILE,), review=review)
    bad = CheckedSet(name=HOSTILE, problem=StoreError(HOSTILE))
    reader = read(one, bad)
    assert not {"script", "img", "iframe", "link", "object", "base", "form"} & {tag for tag, _ in reader.tags}
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert reader.text.count(HOSTILE) >= 12
    assert "1337" not in reader.text


def test_nothing_is_fetched_from_elsewhere() -> None:
    row = {**GOOD, "source": "https://example.org/a.png", "verdicts": [verdict("urls")]}
    reader = read(checked(a_ledger(row)))
    for _, attributes in reader.tags:
        assert not {"src", "srcset", "action", "data", "xlink:href"} & set(attributes)
        assert str(attributes.get("href", "#")).startswith("#")
        assert "url(" not in str(attributes.get("style", ""))
    html = page.render(CheckReport(sets=(checked(a_ledger(row)),)))
    assert "@import" not in html
    assert "url(" not in html


def test_links_lead_to_what_is_there() -> None:
    rows = [
        {**GOOD, "verdicts": [verdict("first"), verdict("second")]},
        {**GOOD, "verdicts": [verdict("third")]},
    ]
    reader = read(checked(a_ledger(*rows)))
    targets = {attributes["href"] for tag, attributes in reader.tags if tag == "a"}
    assert targets == {f"#{attributes['id']}" for _, attributes in reader.tags if attributes.get("id")}
    assert len(targets) == 2  # the second is shown with the first


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("مرحبا بالعالم", "rtl"),
        ("GPT-4 هو نموذج لغوي كبير", "rtl"),
        ("שלום 123 עולם", "rtl"),
        ("Merhaba مرحبا dünya", "ltr"),
        ("123 ?!", "ltr"),
        ("", "ltr"),
        ("你好", "ltr"),
    ],
)
def test_a_text_is_set_as_most_of_its_letters_run(text: str, direction: str) -> None:
    row = {"source": "Hello.", "hypothesis": text, "verdicts": [verdict("x")]}
    assert passages(read(checked(a_ledger(row), "ara-Arab"))) == [("ltr", "en"), (direction, "ar")]


def test_long_texts_are_folded_and_books_are_cut() -> None:
    rows = [
        {"source": "a" * 400, "hypothesis": "b" * 401, "verdicts": [verdict("x")]},
        {"source": "c" * 25_000, "hypothesis": None, "outcome": "failed", "verdicts": [verdict("y")]},
    ]
    reader = read(checked(a_ledger(*rows)))
    said = [data.strip() for _, data in reader.said]
    folded = [tag for tag, attributes in reader.tags if attributes.get("class") == "long"]
    assert len(folded) == 2
    assert "a" * 400 in said
    assert "b" * 401 in said
    assert "401 characters" in said
    assert "c" * 20_000 in said
    assert "… and 5,000 characters more" in said
    assert "no translation" in said


def test_the_worst_come_first_and_not_too_many_of_them() -> None:
    rows = [
        {**GOOD, "source": f"number {number}.", "verdicts": [verdict("length", score=float(number) - 50)]}
        for number in range(60)
    ]
    rows.append({**GOOD, "source": "unscored.", "verdicts": [verdict("length")]})
    reader = read(checked(a_ledger(*rows)))
    shown = [data for tag, data in reader.said if data.startswith(("number ", "unscored"))]
    assert len(shown) == page.EXAMPLES
    assert shown[:2] == ["number 0.", "number 1."]  # -50 and -49 are farthest from what is usual
    assert "61 segments, 20 shown here" in reader.text


def test_what_has_no_score_comes_last_and_of_equals_the_first_comes_first() -> None:
    rows = [
        {**GOOD, "source": "unscored.", "verdicts": [verdict("x")]},
        {**GOOD, "source": "one.", "verdicts": [verdict("x", score=1.0)]},
        {**GOOD, "source": "two.", "verdicts": [verdict("x", score=1.0)]},
    ]
    reader = read(checked(a_ledger(*rows)))
    assert [data for _, data in reader.said if data in ("unscored.", "one.", "two.")] == [
        "one.",
        "two.",
        "unscored.",
    ]


@pytest.mark.parametrize("by_judge", [True, False])
def test_where_a_high_score_is_good_the_low_ones_come_first(by_judge: bool) -> None:
    def row(score: float) -> dict[str, Any]:
        name = {**GOOD, "source": f"score {score}."}
        if by_judge:
            return {
                **name,
                "judgements": [{"judge": "j", "score": score, "severity": "warning", "words": "w"}],
            }
        return {**name, "verdicts": [verdict("script", score=score)]}

    reader = read(checked(a_ledger(row(0.9), row(0.1), row(0.5))))
    assert [data for _, data in reader.said if data.startswith("score ")] == [
        "score 0.1.",
        "score 0.5.",
        "score 0.9.",
    ]


def test_errors_stand_before_warnings_and_each_segment_once() -> None:
    rows = [
        {**GOOD, "source": "warned.", "verdicts": [verdict("a", "warning")]},
        {**GOOD, "source": "both.", "verdicts": [verdict("z"), verdict("a", "warning")]},
    ]
    reader = read(checked(a_ledger(*rows)))
    assert [data for _, data in reader.said if data in ("warned.", "both.")] == ["both.", "warned."]
    assert "2 segments, 1 shown here" in reader.text


def test_sets_without_findings_without_rows_and_without_a_ledger() -> None:
    assert "No check finds fault with a translation." in read(checked(a_ledger(GOOD))).text
    assert "No check finds fault with a translation." in read(checked(a_ledger())).text
    assert read().text.count("0 sets") == 1
    broken = read(checked(None, problem=StoreError("it has no ledger"), notes=("an old set",)))
    assert "it has no ledger" in broken.text
    assert "an old set" in broken.text
    assert "held back" in read(checked(a_ledger(FAILED), is_held_back=True)).text


def test_the_histogram_counts_every_translation() -> None:
    rows = [
        {"source": "abcd", "hypothesis": hypothesis} for hypothesis in ("x" * 4, "x" * 4, "x" * 400, "", "x")
    ]
    bars = page._histogram(a_ledger(*rows, FAILED))
    assert sum(bar.count for bar in bars) == 5
    assert [(round(bar.low, 3), bar.count) for bar in bars if bar.count] == [(0.25, 2), (1.0, 2), (6.727, 1)]
    assert max(bar.height for bar in bars) == 1
    assert [bar.count for bar in page._histogram(a_ledger())] == [0] * len(bars)


def test_semantic_checks_and_reviews_are_shown() -> None:
    said = Report(
        judge="judge:x@1",
        unit="ESA, 0 to 100",
        segments=7,
        judged=6,
        mean=81.25,
        quartiles=(70.0, 80.0, 90.0),
        flagged=1,
        rule="flags what it judges wrong",
        agreement=Agreement(unknown="nobody graded"),
        notes=("one note",),
        failures={},
        hits=0,
        requests=7,
        usage=Usage(),
    )
    review = {
        "reviewers": ["Ayşe"],
        "rows": 120,
        "error_rate": [0.05, 0.023, 0.105],
        "label_survival": [0.9, 0.8, 0.95],
        "alpha": 0.7,
        "date": "2026-03-01",
        "judge_agreement": {"judge": "judge:x@1", "grades": 110, "tau": 0.41},
    }
    text = read(checked(a_ledger(GOOD), semantic=(said,), review=review)).text
    for part in ("6 of 7", "81.2", "flags what it judges wrong", "nobody graded", "one note", "Ayşe"):
        assert part in text
    for part in (
        "5.0 % (2.3 to 10.5 %)",
        "90.0 %",
        "τ 0.41 on 110 grades",
        "machine-translated and verified",
    ):
        assert part in text


def test_it_is_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "page.html"
    page.write(CheckReport(sets=(checked(a_ledger(GOOD)),)), file)
    assert file.read_text("utf-8").rstrip().endswith("</html>")
    assert [path.name for path in file.parent.iterdir()] == ["page.html"]

"""What is flagged, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from made_ledgers import FAILED, GOOD, a_ledger, a_manifest

from mmteb_synth.checking import CheckedSet, CheckReport
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError

NUMBERS = {"check": "numbers", "severity": "error", "reason": "the number 7 is missing", "score": 1.0}
LENGTH = {"check": "length", "severity": "warning", "reason": "twice as long", "score": 2.5}
DOUBT = {"judge": "judge:x@1", "score": 12.0, "severity": "warning", "words": "wrong"}
SILENT = {"judge": "similarity:y", "score": 0.1234, "severity": "warning", "words": None}
CONTENT = {"judge": "similarity:y", "score": 0.9, "severity": None, "words": None}


def checked(table: pa.Table | None, store: Store) -> CheckedSet:
    dataset = TranslatedDataset(folder=store.folder, manifest=a_manifest())
    return CheckedSet(name=dataset.manifest.name, dataset=dataset, ledger=table)


def test_flagged_is_what_a_check_or_a_judge_doubts_or_has_failed(tmp_path: Path) -> None:
    rows = [
        {**GOOD, "source": "clean"},
        {**GOOD, "source": "error", "verdicts": [NUMBERS, LENGTH], "outcome": "flagged"},
        {**GOOD, "source": "warning", "verdicts": [LENGTH]},
        {**FAILED, "source": "failed"},
        {**GOOD, "source": "content", "judgements": [CONTENT]},
        {**GOOD, "source": "doubted", "judgements": [CONTENT, DOUBT]},
        {**GOOD, "source": "unsaid", "verdicts": None, "judgements": None, "rejected": None},
    ]
    found = list(checked(a_ledger(*rows), Store(tmp_path)).flagged())
    assert [one.source for one in found] == ["error", "warning", "failed", "doubted"]


def test_the_lines_have_exactly_the_documented_form(tmp_path: Path) -> None:
    row = {**GOOD, "outcome": "flagged", "verdicts": [NUMBERS], "judgements": [DOUBT, SILENT, CONTENT]}
    (found,) = checked(a_ledger(row), Store(tmp_path)).flagged()
    assert json.dumps(found.as_json()) == json.dumps(
        {
            "task": "STS12",
            "source": "Where is my parcel?",
            "hypothesis": "Kargom nerede?",
            "checks": [
                {"name": "numbers", "severity": "error", "reason": "the number 7 is missing"},
                {"name": "judge:x@1", "severity": "warning", "reason": "wrong"},
                {"name": "similarity:y", "severity": "warning", "reason": "its score is 0.123"},
            ],
            "outcome": "flagged",
        }
    )


def test_attempts_before_come_along(tmp_path: Path) -> None:
    attempts = [
        {"step": "asked", "translator": "a", "hypothesis": "x", "verdicts": [NUMBERS]},
        {"step": "fallback", "translator": "b", "hypothesis": None, "verdicts": None},
    ]
    (found,) = checked(
        a_ledger({**GOOD, "verdicts": [LENGTH], "rejected": attempts}), Store(tmp_path)
    ).flagged()
    assert [(one.step, one.translator, one.hypothesis) for one in found.rejected] == [
        ("asked", "a", "x"),
        ("fallback", "b", None),
    ]
    assert [one.check for one in found.rejected[0].verdicts] == ["numbers"]
    assert found.rejected[1].verdicts == ()


def test_judges_count_as_checks_do(tmp_path: Path) -> None:
    rows = [{**GOOD, "verdicts": [NUMBERS]}, {**GOOD, "judgements": [DOUBT, CONTENT]}]
    assert checked(a_ledger(*rows), Store(tmp_path)).findings == {
        ("numbers", "error"): 1,
        ("judge:x@1", "warning"): 1,
    }


def test_a_report_counts_what_remains(tmp_path: Path) -> None:
    one = checked(a_ledger(GOOD, {**GOOD, "outcome": "flagged"}, FAILED), Store(tmp_path))
    bad = CheckedSet(name="x", problem=StoreError("damaged"))
    assert CheckReport(sets=(one,)).ok
    assert CheckReport(sets=(one, one)).errors == 4
    assert not CheckReport(sets=(one, bad)).ok
    assert CheckReport(sets=()).errors == 0

"""The ledger: verdicts in and out of it, counted, and replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.data import ledger
from mmteb_synth.types import Verdict

NUMBERS = Verdict(check="numbers", severity="error", reason="lost: 7", score=1.0)
LENGTH = Verdict(check="length", severity="warning", reason="2.1 times as long")


def a_ledger(*rows: dict[str, Any]) -> pa.Table:
    columns = {name: [row.get(name) for row in rows] for name in ledger.SCHEMA.names}
    return ledger.stamped(pa.table(columns, schema=ledger.SCHEMA), checks_version=2)


def judged(*verdicts: tuple[Verdict, ...]) -> pa.Table:
    table = a_ledger(*({"source": "a", "outcome": "translated"} for _ in verdicts))
    outcomes = ["flagged" if row else "translated" for row in verdicts]
    return ledger.rejudged(table, verdicts, outcomes, checks_version=9)


def test_other_verdicts_take_the_place_of_the_old_and_all_else_stays() -> None:
    before = a_ledger({"source": "a", "hypothesis": "b", "attempts": 2}, {"source": "c", "rejected": []})
    after = ledger.rejudged(before, [(NUMBERS, LENGTH), ()], ["flagged", "failed"], checks_version=9)
    assert ledger.checks_version(after) == 9
    assert [ledger.as_verdicts(cell) for cell in after.column("verdicts").to_pylist()] == [
        (NUMBERS, LENGTH),
        (),
    ]
    assert after.column("outcome").to_pylist() == ["flagged", "failed"]
    rest = [name for name in ledger.SCHEMA.names if name not in ("verdicts", "outcome")]
    assert after.select(rest).equals(before.select(rest))
    assert after.schema.equals(ledger.SCHEMA)


def test_a_segment_counts_once_for_a_check_and_errors_come_first() -> None:
    table = judged((NUMBERS, NUMBERS, LENGTH), (LENGTH,), (), (LENGTH,))
    assert list(ledger.count_findings(table).items()) == [
        (("numbers", "error"), 1),
        (("length", "warning"), 3),
    ]
    assert ledger.count_outcomes(table) == {"translated": 1, "repaired": 0, "flagged": 3, "failed": 0}
    assert ledger.summary(table) == {
        "outcomes": {"translated": 1, "repaired": 0, "flagged": 3, "failed": 0},
        "findings": [
            {"check": "numbers", "severity": "error", "segments": 1},
            {"check": "length", "severity": "warning", "segments": 3},
        ],
    }


def test_an_empty_ledger_has_nothing_to_count() -> None:
    table = a_ledger()
    assert set(ledger.count_outcomes(table).values()) == {0}
    assert ledger.count_findings(table) == {}
    assert len(ledger.rejudged(table, [], [], checks_version=9)) == 0


def test_what_is_missing_counts_as_nothing_found() -> None:
    assert ledger.count_findings(a_ledger({"source": "a"}, {"source": "b", "verdicts": []})) == {}
    assert ledger.as_verdicts(None) == ()


@given(
    st.lists(
        st.lists(
            st.builds(
                Verdict,
                check=st.text(min_size=1),
                severity=st.sampled_from(["error", "warning"]),
                reason=st.text(),
                score=st.none() | st.floats(allow_nan=False),
            ),
            max_size=3,
        )
    )
)
def test_verdicts_come_back_as_they_went_in(rows: list[list[Verdict]]) -> None:
    table = judged(*(tuple(row) for row in rows))
    assert [list(ledger.as_verdicts(cell)) for cell in table.column("verdicts").to_pylist()] == rows


def test_it_is_written_over_the_old_one_and_read_back(tmp_path: Path) -> None:
    for table in (judged((NUMBERS,)), judged((), (LENGTH,))):
        ledger.write(tmp_path, table)
        assert ledger.read(tmp_path).equals(table)
        assert ledger.checks_version(ledger.read(tmp_path)) == 9
        assert [path.name for path in tmp_path.iterdir()] == [ledger.FILE]


def test_what_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    ledger.write(tmp_path, judged((NUMBERS,)))
    with pytest.raises(AttributeError):
        ledger.write(tmp_path, None)
    assert [path.name for path in tmp_path.iterdir()] == [ledger.FILE]
    assert ledger.read(tmp_path).equals(judged((NUMBERS,)))
    with pytest.raises(OSError, match="none"):
        ledger.write(tmp_path / "none", judged())

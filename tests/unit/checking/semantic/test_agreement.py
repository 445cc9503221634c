"""Agreement with people is measured where they have graded, and otherwise unknown in so many words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mmteb_synth.checking.semantic.agreement import FEWEST, agreement, esa_of
from mmteb_synth.data import reviews


def _of(values: list[float]) -> dict[tuple[str, str], float]:
    return {(f"{place:032x}", "sentence"): value for place, value in enumerate(values)}


def test_nobody_has_graded() -> None:
    found = agreement(_of([1.0, 2.0]), {})
    assert found.tau is None
    assert "unknown: nobody has graded this set" in str(found)
    assert found.as_record()["tau"] is None


def test_the_same_order_is_full_agreement_and_the_reverse_its_opposite() -> None:
    grades = _of([float(value) for value in range(40)])
    same = agreement(_of([value / 40 for value in range(40)]), grades)
    assert (same.tau, same.low, same.high, same.segments) == (1.0, 1.0, 1.0, 40)
    assert agreement(_of([-float(value) for value in range(40)]), grades).tau == -1.0


def test_ties_are_counted_as_tau_b_counts_them() -> None:
    generator = np.random.default_rng(3)
    grades = generator.integers(0, 5, 150).astype(float)
    scores = grades + generator.integers(-2, 3, 150)
    found = agreement(_of(list(scores)), _of(list(grades)))
    assert found.tau == pytest.approx(stats.kendalltau(scores, grades).statistic, abs=1e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.tau is not None
    assert -1 <= found.low < found.tau < found.high <= 1
    assert "150 segments" in str(found)
    assert found == agreement(_of(list(scores)), _of(list(grades)))


def test_too_few_graded_segments_are_no_evidence() -> None:
    few = [float(value) for value in range(FEWEST - 1)]
    found = agreement(_of(few), _of([*few, 50.0, 60.0]))
    assert found.tau is None
    assert f"only {FEWEST - 1} of the {FEWEST + 1} graded segments" in found.unknown


def test_equal_grades_rank_nothing() -> None:
    found = agreement(_of([float(value) for value in range(20)]), _of([100.0] * 20))
    assert found.tau is None
    assert "equal" in found.unknown


def test_a_segment_s_grade_is_its_raters_mean() -> None:
    def row(source: str, kind: str, rater: str, esa: float | None) -> dict[str, Any]:
        return dict.fromkeys(reviews.SCHEMA.names) | {
            "source_hash": source, "kind": kind, "rater": rater, "esa": esa, "sampled": True
        }  # fmt: skip

    rows = [
        row("a", "query", "Ada", 80.0),
        row("a", "query", "Bo", 40.0),
        row("a", "document", "Ada", 10.0),
        row("b", "query", "Ada", None),
    ]
    grades = esa_of(pa.Table.from_pylist(rows, schema=reviews.SCHEMA))
    assert grades == {("a", "query"): 60.0, ("a", "document"): 10.0}

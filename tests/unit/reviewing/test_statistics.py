"""Rates, intervals and agreement, against published and hand-computed values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from mmteb_synth.data import reviews
from mmteb_synth.reviewing.statistics import Facts, krippendorff_alpha, of_set, of_sets, wilson

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), part C: four observers, twelve units, with gaps.
PUBLISHED = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


def by_unit(ratings: dict[str, list[int | None]]) -> dict[str, dict[str, Any]]:
    units = range(len(next(iter(ratings.values()))))
    return {
        str(unit): {rater: said[unit] for rater, said in ratings.items() if said[unit] is not None}
        for unit in units
    }


def test_alpha_is_the_published_one() -> None:
    assert krippendorff_alpha(by_unit(PUBLISHED), "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(by_unit(PUBLISHED), "interval") == pytest.approx(0.849, abs=5e-4)


def test_alpha_by_hand() -> None:
    # two raters, two units: (0, 0) and (0, 1). Observed disagreement 1/2; of four values one is 1, so 2 * 1 * 3 of
    # 4 * 3 ordered pairs differ: expected 1/2. Alpha is 0.
    assert krippendorff_alpha({"u": {"a": 0, "b": 0}, "v": {"a": 0, "b": 1}}, "nominal") == pytest.approx(0.0)
    assert krippendorff_alpha({"u": {"a": 1, "b": 1}, "v": {"a": 2, "b": 2}}, "interval") == pytest.approx(
        1.0
    )


def test_alpha_is_not_defined_without_two_answers_or_without_variance() -> None:
    assert krippendorff_alpha({}, "nominal") is None
    assert krippendorff_alpha({"u": {"a": 1}, "v": {"b": 2}}, "nominal") is None
    assert krippendorff_alpha({"u": {"a": 1, "b": 1}, "v": {"a": 1, "b": 1}}, "interval") is None


@pytest.mark.parametrize(("errors", "rows"), [(0, 10), (3, 10), (10, 10), (5, 200), (1, 1), (73, 100)])
def test_wilson_is_scipys(errors: int, rows: int) -> None:
    expected = binomtest(errors, rows).proportion_ci(method="wilson")
    assert wilson(errors / rows, rows) == pytest.approx(
        (errors / rows, expected.low, expected.high), abs=1e-12
    )


def test_wilson_as_published() -> None:
    # Newcombe 1998, table I: 81/263 by the score method without continuity correction
    assert wilson(81 / 263, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)


def grade(number: int, *, kind: str = "sentence", rater: str = "Ada", **values: Any) -> dict[str, Any]:
    return {
        "source_hash": f"{number:032}",
        "kind": kind,
        "hypothesis_hash": "",
        "rater": rater,
        "skill": None,
        "esa": 90.0,
        "severity": "none",
        "label_holds": "yes",
        "correction": None,
        "comment": None,
        "date": f"2026-01-{number % 28 + 1:02}",
        "sampled": True,
        **values,
    }


def table(*grades: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(grades), schema=reviews.SCHEMA)


def test_a_set_of_one_kind_has_the_plain_share() -> None:
    grades = [grade(n) for n in range(8)] + [
        grade(8, severity="major", esa=30.0),
        grade(9, label_holds="unsure"),
    ]
    facts = of_set("Mine", table(*grades), {"sentence": 1000})
    expected = binomtest(1, 10).proportion_ci(method="wilson")
    assert (facts.rows, facts.errors, facts.reviewers) == (10, 1, ("Ada",))
    assert facts.error_rate == pytest.approx((0.1, expected.low, expected.high))
    assert facts.label_survival is not None
    assert facts.label_survival.value == pytest.approx(0.9)
    assert facts.esa_mean == pytest.approx(84.0)
    assert facts.missing == 90
    assert facts.date == "2026-01-10"
    assert facts.alpha.esa is None


def test_kinds_count_by_their_size_whatever_the_sample_took_of_them() -> None:
    # of 900 documents one of two is wrong, of 100 queries none of two
    grades = [grade(n, kind="document", severity="critical" if n else "none") for n in range(2)]
    grades += [grade(n, kind="query") for n in range(2, 4)]
    facts = of_set("Mine", table(*grades), {"document": 900, "query": 100})
    assert facts.error_rate is not None
    assert facts.error_rate.value == pytest.approx(0.45)
    # weights 450, 450, 50, 50: Kish's effective number is 1000² / (2 * 450² + 2 * 50²) = 2.44 rows
    assert facts.error_rate == pytest.approx(wilson(0.45, 1000**2 / (2 * 450**2 + 2 * 50**2)))


def test_sets_count_by_their_size_in_the_total() -> None:
    bad = (table(*[grade(n, severity="major") for n in range(10)]), {"sentence": 100})
    good = (table(*[grade(n) for n in range(10)]), {"sentence": 300})
    facts = of_sets("total", {"Bad": bad, "Good": good})
    assert facts.error_rate is not None
    assert facts.error_rate.value == pytest.approx(0.25)
    assert facts.rows == 20


def test_what_was_not_drawn_at_random_counts_in_no_rate() -> None:
    facts = of_set("Mine", table(grade(0), grade(1, severity="critical", sampled=False)), {"sentence": 9})
    assert (facts.rows, facts.errors) == (1, 0)
    assert facts.error_rate is not None
    assert facts.error_rate.value == 0.0


def test_raters_who_differ_are_settled_by_most_and_in_a_tie_for_the_worse() -> None:
    tie = [grade(0, rater="Ada"), grade(0, rater="Bo", severity="major", label_holds="no", esa=50.0)]
    most = [
        grade(1, rater=rater, severity=severity)
        for rater, severity in zip("abc", ("major", "none", "minor"), strict=True)
    ]
    facts = of_set("Mine", table(*tie, *most), {"sentence": 2})
    assert (facts.rows, facts.errors) == (2, 1)
    assert facts.label_survival is not None
    assert facts.label_survival.value == pytest.approx(0.5)
    assert facts.esa_mean == pytest.approx((70 + 90) / 2)
    assert facts.reviewers == ("Ada", "Bo", "a", "b", "c")


def test_who_only_corrected_has_graded_nothing() -> None:
    facts = of_set(
        "Mine", table(grade(0, esa=None, severity=None, label_holds=None, correction="x")), {"sentence": 2}
    )
    assert facts == Facts(name="Mine")
    assert facts.record({}) == {}


def test_the_record_is_the_manifests_and_leaves_the_judge_alone() -> None:
    facts = of_set(
        "Mine",
        table(grade(0), grade(0, rater="Bo", esa=80.0), grade(1), grade(1, rater="Bo")),
        {"sentence": 9},
    )
    record = facts.record({"judge_agreement": {"pearson": 0.5}})
    assert record["reviewers"] == ["Ada", "Bo"]
    assert record["rows"] == 2
    assert record["errors"] == 0
    assert record["error_rate"][0] == 0.0
    assert record["alpha"] == pytest.approx(facts.alpha.esa)
    assert record["judge_agreement"] == {"pearson": 0.5}

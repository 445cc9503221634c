"""How well a profile ranks models as the full sets do."""

import numpy as np
import pytest
from scipy import stats

from mmteb_synth.errors import SynthError
from mmteb_synth.validating import sampling_agreement
from mmteb_synth.validating.sides import ModelKey, Side

TASKS = {"A": "STS", "B": "STS", "C": "Retrieval"}


def english(table, profile, tasks=TASKS):
    return Side(
        suite="three",
        language="eng-Latn",
        translator="source",
        profile=profile,
        tasks=tasks,
        revisions={},
        scores={
            ModelKey(f"org/m{place:02}", "r"): {
                task: value for task, value in zip(TASKS, row, strict=True) if value is not None
            }
            for place, row in enumerate(table)
        },
    )


@pytest.fixture
def both():
    random = np.random.default_rng(0)
    full = random.uniform(0.2, 0.9, size=(15, 3))
    return full + random.normal(0.05, 0.05, size=full.shape), full


def test_each_task_each_type_of_several_and_all_are_held_to_the_full_sets(both):
    nano, full = both

    found = sampling_agreement(english(nano, "nano"), english(full, "full"))

    assert [(row.name, row.tasks) for row in found.rows] == [
        ("A", 1),
        ("B", 1),
        ("C", 1),
        ("STS", 2),
        ("all tasks", 3),
    ]
    columns = {"A": [0], "B": [1], "C": [2], "STS": [0, 1], "all tasks": [0, 1, 2]}
    for row in found.rows:
        ours, theirs = (100 * table[:, columns[row.name]].mean(axis=1) for table in (nano, full))
        assert row.agreement.tau.value == pytest.approx(stats.kendalltau(ours, theirs).statistic)
        assert row.agreement.rho.value == pytest.approx(stats.spearmanr(ours, theirs).statistic)
        assert row.agreement.lost.value == pytest.approx(theirs.max() - theirs[ours.argmax()])
        assert row.agreement.tau.low <= row.agreement.tau.value <= row.agreement.tau.high
        apart = ours - theirs
        assert row.shift == pytest.approx(apart.mean())
        assert row.furthest == pytest.approx(np.abs(apart - apart.mean()).max())


def test_models_that_lack_a_score_are_left_out_where_it_counts(both):
    nano, full = both
    lacking = [[None, *row[1:]] if place < 13 else list(row) for place, row in enumerate(nano)]

    found = sampling_agreement(english(lacking, "nano"), english(full, "full"))

    assert [(row.name, row.agreement.models) for row in found.rows] == [
        ("B", 15),
        ("C", 15),
        ("all tasks", 15),
    ]
    assert found.notes == ("A: 2 models have both scores, and it takes 3.",)


def test_types_whose_tasks_have_different_models_are_passed_over(both):
    nano, full = both
    rows = [
        [None, *row[1:]] if place < 8 else [row[0], None, row[2]] if place < 14 else list(row)
        for place, row in enumerate(nano)
    ]

    found = sampling_agreement(english(rows, "nano"), english(full, "full"))

    assert [row.name for row in found.rows] == ["A", "B", "C"]
    assert found.overall is None


def test_where_nobody_has_both_the_commands_are_named(both):
    nano, full = both

    with pytest.raises(
        SynthError, match="no task of three has 3 models with English scores of both"
    ) as caught:
        sampling_agreement(english(nano[:2], "nano"), english(full, "full"))
    assert "mmteb-synth evaluate -m MODEL --lang en --suite three --profile nano" in caught.value.hint

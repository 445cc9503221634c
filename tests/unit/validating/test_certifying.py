"""Certificates against a reference that loops over resamples with scipy, and what is decided beside the numbers."""

import itertools
import json
import math
import warnings

import numpy as np
import pytest
from scipy import stats

from mmteb_synth import languages
from mmteb_synth.errors import SynthError
from mmteb_synth.statistics.bootstrap import resamples, widened
from mmteb_synth.validating import certify, certify_against, comparing, render
from mmteb_synth.validating.scores import Part, Reading, TaskScores
from mmteb_synth.validating.sides import ModelKey, Side

TRUSTED = {
    "STS22.v2": "native",
    "XQuADRetrieval": "native",
    "MassiveIntentClassification": "human-translated",
}
NAMES = ("S1", "S2")


def drawn(n, tasks, seed, noise=0.03):
    """Scores of n models of different quality on tasks that measure it with noise, 0 to 1, of shape (n, tasks)."""
    random = np.random.default_rng(seed)
    quality = random.uniform(0.3, 0.8, size=(n, 1))
    return np.round(np.clip(quality + random.normal(0, noise, size=(n, tasks)), 0, 1), 4)


def key(place, revision="r"):
    return ModelKey(f"org/m{place:02}", revision)


def side(table, english=None, **said):
    tasks = dict.fromkeys(NAMES, "STS")
    return Side(
        suite="two",
        language="tur-Latn",
        **{"translator": "gpt", **said},
        tasks=tasks,
        revisions={f"{name}.tur-Latn.gpt": "d" for name in tasks},
        scores={key(place): dict(zip(NAMES, row, strict=True)) for place, row in enumerate(table)},
        english={key(place): dict(zip(NAMES, row, strict=True)) for place, row in enumerate(english)}
        if english is not None
        else {},
    )


def reading(table, tasks=tuple(TRUSTED)):
    return Reading(
        where="a test",
        scores=tuple(
            TaskScores(
                model=f"org__m{place:02}",
                revision="r",
                task=task,
                data="d",
                parts={Part("test", "tr"): value},
            )
            for place, row in enumerate(table)
            for task, value in zip(tasks, row, strict=True)
        ),
    )


# --- the reference: definitions, one resample at a time ---------------------------------------------------------


def tau(a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stats.kendalltau(a, b).statistic


def rho(a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stats.spearmanr(a, b).statistic


def lost(a, b):
    return max(b) - np.mean([score for by, score in zip(a, b, strict=True) if by == max(a)])


def among(statistic, parts):
    """The statistic among the best models by the second side."""

    def narrowed(a, b):
        last = sorted(b, reverse=True)[math.ceil(len(b) / parts) - 1]
        return statistic(a[b >= last], b[b >= last])

    return narrowed


def ends(values, n, reach):
    """The widened percentile interval; what is not defined could have been as far as it goes."""
    level = widened(n)
    values = np.array(values)
    low, high = ((np.where(np.isnan(values), side * (reach or 0), values)) for side in (-1, 1))
    return np.quantile(low, (1 - level) / 2), np.quantile(high, (1 + level) / 2)


def by_hand(statistic, reach, pairs, n):
    """The mean over pairs of sides, and its interval."""
    value = np.mean([statistic(a, b) for a, b in pairs])
    values = [
        np.mean([statistic(a[places], b[places]) for a, b in pairs])
        for places in resamples(n, times=comparing.RESAMPLES, seed=0)
    ]
    return value, *ends(values, n, reach)


def same(estimate, expected):
    np.testing.assert_allclose([estimate.value, estimate.low, estimate.high], expected, atol=1e-9)


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    """So few resamples that loops are fast."""
    monkeypatch.setattr(comparing, "RESAMPLES", 60)


@pytest.mark.parametrize("seed", [0, 1])
def test_all_numbers_are_those_of_the_definitions(seed):
    n = 12
    everything = drawn(n, 7, seed, noise=0.08)
    board, english, trusted = everything[:, :2], everything[:, 2:4], everything[:, 4:]
    board[3] = board[4]  # a tie
    made = certify(side(board, english), reading(trusted), TRUSTED)

    ours, native, alone = (100 * table.mean(axis=1) for table in (board, trusted, english))
    halves = [
        (100 * trusted[:, list(half)].mean(axis=1), 100 * np.delete(trusted, half, axis=1).mean(axis=1))
        for half in itertools.combinations(range(3), 1)
    ]
    halves += [(b, a) for a, b in halves]
    for name, parts in {"all": 1, "better half": 2, "best third": 3}.items():
        for agreements, pairs in (
            (made.board, [(ours, native)]),
            (made.english, [(alone, native)]),
            (made.ceiling, halves),
        ):
            found = agreements[name]
            same(found.tau, by_hand(among(tau, parts), 1, pairs, n))
            same(found.rho, by_hand(among(rho, parts), 1, pairs, n))
            same(found.lost, by_hand(among(lost, parts), None, pairs, n))
        assert made.board[name].models == math.ceil(n / parts)
        chance = among(lambda _, b: max(b) - np.mean(b), parts)
        same(made.chance[name], by_hand(chance, None, [(ours, native)], n))

    def beyond_english(a, b):
        return tau(a[:, 0], b) - tau(a[:, 1], b)

    same(made.beyond_english, by_hand(beyond_english, 2, [(np.stack([ours, alone], axis=1), native)], n))

    def beyond_ceiling(a, _):
        others = [tau(a[:, place], a[:, place + 1]) for place in range(2, a.shape[1], 2)]
        return tau(a[:, 0], a[:, 1]) - np.mean(others)

    columns = np.stack([ours, native, *itertools.chain(*halves)], axis=1)
    same(made.beyond_ceiling, by_hand(beyond_ceiling, 2, [(columns, native)], n))


def test_models_are_listed_with_both_means_best_first():
    made = certify(
        side([[0.1, 0.2], [0.5, 0.6], [0.3, 0.3]], [[0.1, 0.1], [0.2, 0.4], [0.3, 0.3]]),
        reading([[0.2, 0.2, 0.2], [0.4, 0.4, 0.4], [0.9, 0.3, 0.3]]),
        TRUSTED,
    )

    assert [(model.name, model.board, model.trusted, model.english) for model in made.models] == [
        ("org/m02", *map(pytest.approx, (30, 50, 30))),
        ("org/m01", *map(pytest.approx, (55, 40, 30))),
        ("org/m00", *map(pytest.approx, (15, 20, 10))),
    ]
    assert made.board_revisions == {"S1.tur-Latn.gpt": "d", "S2.tur-Latn.gpt": "d"}
    assert made.trusted_tasks["STS22.v2"].parts == (("test", "tr"),)
    json.dumps(made.record(), allow_nan=False)


def test_one_trusted_set_has_no_ceiling():
    table = drawn(12, 3, 3)
    one = {"STS22.v2": "native"}

    made = certify(side(table[:, :2]), reading(table[:, 2:], tuple(one)), one)

    assert made.ceiling is None
    assert made.beyond_ceiling is None
    assert made.verdict.conclusion == "measured"
    assert "no ceiling" in made.verdict.text
    assert "There is no ceiling" in render(made)


def test_many_tasks_are_split_at_random_and_few_in_all_ways():
    assert comparing._halves(1) == []
    assert comparing._halves(2) == [[0]]
    assert comparing._halves(3) == [[0], [1], [2]]
    assert comparing._halves(4) == [[0, 1], [0, 2], [0, 3]]
    assert len(comparing._halves(6)) == 10
    assert len(comparing._halves(20)) == comparing.SPLITS
    assert all(len(set(half)) == 10 for half in comparing._halves(20))


@pytest.mark.parametrize("n", [3, 4, 5])
def test_a_few_models_that_agree_wholly_prove_nothing(n):
    table = np.linspace(0.2, 0.8, n)[:, None].repeat(5, axis=1)

    made = certify(side(table[:, :2]), reading(table[:, 2:]), TRUSTED)

    assert made.board["all"].tau.value == pytest.approx(1)
    assert made.verdict.conclusion == "none"
    assert made.verdict.text.startswith(f"No conclusion: {n} models are too few.")


def test_a_side_on_which_all_models_are_equal_ranks_none():
    table = drawn(12, 3, 5)
    made = certify(side(np.full((12, 2), 0.5)), reading(table), TRUSTED)

    assert made.board["all"].tau.value is None
    assert made.verdict.conclusion == "none"
    assert "gives all 12 models the same mean" in made.verdict.text
    assert made.board["all"].lost.value == pytest.approx(made.chance["all"].value)
    json.dumps(made.record(), allow_nan=False)
    render(made)


def test_a_board_that_ranks_as_the_native_sets_do(monkeypatch):
    monkeypatch.setattr(comparing, "RESAMPLES", 500)
    table = drawn(30, 5, 4, noise=0.03)
    made = certify(side(table[:, :2], drawn(30, 2, 9)), reading(table[:, 2:]), TRUSTED)

    assert (made.verdict.conclusion, made.verdict.english) == ("alike", "more")
    assert "ranks 30 models as 3 native or human-translated sets do" in made.verdict.text
    assert "tells more than English" in made.verdict.text


def test_a_board_that_does_not():
    table = drawn(40, 5, 4, noise=0.01)
    noise = np.random.default_rng(5).normal(0, 0.12, size=(40, 1))
    made = certify(side(table[:, :2] + noise, table[:, :2]), reading(table[:, 2:]), TRUSTED)

    assert (made.verdict.conclusion, made.verdict.english) == ("less", "less")


def test_a_board_of_which_it_is_open():
    table = drawn(30, 5, 10, noise=0.1)
    made = certify(side(table[:, :2]), reading(table[:, 2:]), TRUSTED)

    assert made.verdict.conclusion == "undecided"
    assert made.verdict.english == "none"
    assert made.english is None
    assert "English alone is missing" in render(made)


def test_english_is_held_to_the_models_that_have_it():
    table = drawn(12, 7, 7)
    english = {key(place): {"S1": row[0], "S2": row[1]} for place, row in enumerate(table[:8, 5:])}
    english[key(9)] = {"S1": 0.5}
    whole = side(table[:, :2])
    board = Side(
        **{name: getattr(whole, name) for name in whole.__slots__ if name != "english"}, english=english
    )

    made = certify(board, reading(table[:, 2:5]), TRUSTED)
    alone = certify(side(table[:8, :2], table[:8, 5:]), reading(table[:8, 2:5]), TRUSTED)

    assert made.english_models == 8
    assert made.english == alone.english
    assert made.beyond_english == alone.beyond_english
    assert sum(model.english is not None for model in made.models) == 8


def test_what_was_left_out_is_said():
    table = drawn(8, 5, 8)
    scores = reading(table[:6, 2:]).scores
    lacking = [
        one for one in scores if (one.model, one.task) != ("org__m00", "STS22.v2") and one.model != "org__m01"
    ]
    other = TaskScores(
        model="org__m01", revision="r", task="STS22.v2", data="old", parts={Part("test", "tr"): 0.5}
    )
    trusted = {**TRUSTED, "BelebeleRetrieval": "native"}

    made = certify(
        side(table[:, :2]),
        Reading(
            where="a test", scores=(*lacking, other), external=3, unread={"org__a/r/STS22.v2.json": "damaged"}
        ),
        trusted,
    )

    assert len(made.models) == 4
    notes = "\n".join(made.notes)
    assert "models left out, with what they lack: org/m00 (STS22.v2)" in notes
    assert "Models of the board without a trusted score: org/m01, org/m06, org/m07." in notes
    assert "Trusted sets on which no model of the board was scored: BelebeleRetrieval." in notes
    assert "Scores left out that authors report themselves (revision external): 3." in notes
    assert "not of all their splits and subsets: 1." in notes
    assert "org__a/r/STS22.v2.json (damaged)" in notes
    assert "## Left out" in render(made)


def test_a_task_that_few_have_is_dropped_unless_it_was_named():
    table = drawn(6, 5, 9)
    scores = [
        one
        for one in reading(table[:, 2:]).scores
        if one.task != "STS22.v2" or one.model in ("org__m00", "org__m01")
    ]
    some = Reading(where="a test", scores=tuple(scores))

    made = certify(side(table[:, :2]), some, TRUSTED)

    assert sorted(made.trusted_tasks) == ["MassiveIntentClassification", "XQuADRetrieval"]
    assert "The trusted side: STS22.v2 was left out, since only 2 of the models have it." in made.notes
    with pytest.raises(SynthError, match=r"2 models \(org/m00, org/m01\) have scores on a test") as caught:
        certify(side(table[:, :2]), some, TRUSTED, keep_all=True)
    assert "mmteb-synth evaluate -m MODEL --lang tur-Latn --suite two" in caught.value.hint


def test_too_few_models_in_common():
    table = drawn(5, 5, 9)
    with pytest.raises(SynthError, match=r"^0 models have scores on a test.*comparison takes 3.*org/m00"):
        certify(side(table[:, :2]), Reading(where="a test", scores=()), TRUSTED)


def test_two_boards_are_compared_on_what_both_have():
    table = drawn(40, 4, 10)
    other = side(table[:, 2:], translator="deepl", profile="nano")
    del other.scores[key(0)]
    other.scores[key(1)].pop("S2")

    made = certify_against(side(table[:, :2]), other)

    expected = tau(table[2:, :2].mean(axis=1), table[2:, 2:].mean(axis=1))
    assert made.kind == "against"
    assert made.board["all"].tau.value == pytest.approx(expected)
    assert made.board["all"].models == 38
    assert made.ceiling is None
    assert made.name == "two.tur-Latn.gpt.against.deepl.nano"
    assert "the boards of gpt (full) and deepl (nano) agree to a Kendall's tau of" in made.verdict.text
    assert "models left out, with what they lack: org/m01 (S2)" in made.notes[0]
    assert "two boards may agree wholly" in render(made)


def test_two_boards_without_models_in_common():
    table = drawn(5, 2, 11)
    other = side(table)
    other.scores.clear()
    with pytest.raises(SynthError, match="0 models have scores on the boards of gpt and of gpt"):
        certify_against(side(table), other)


def test_markdown_breaks_on_no_name():
    table = drawn(5, 5, 12)
    board = side(table[:, :2], translator="a|b`[x](y)")

    text = render(certify(board, reading(table[:, 2:]), TRUSTED))

    assert r"a\|b\`\[x\](y)" in text
    assert languages.parse("tr").name in text

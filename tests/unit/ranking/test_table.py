"""What a mean covers, what stands beside English, what is never mixed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from mmteb_synth import facts
from mmteb_synth.ranking.table import Table

A, B = "org/a", "org/b"
TURKISH = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
ENGLISH = [0.2, 0.4, 0.6, 0.8, 0.5, 0.6, 0.7]


def _row(table: Table | None, name: str = A) -> Any:
    assert table is not None
    return next(row for row in table.rows if row.model.name == name)


def _values(means: Any) -> dict[str, float | None]:
    return {name: mean.value for name, mean in means.items()}


def _english(results: Any, model: str = A, values: list[float | None] | None = None, **said: Any) -> None:
    results.add_mini(model, values or ENGLISH, language="eng-Latn", translator="source", **said)


def test_means_types_and_english_of_a_whole_suite(results: Any) -> None:
    results.add_mini(A, TURKISH)
    _english(results)
    translated, english = results.board().groups
    row = _row(translated.languages[0])
    assert (row.n_tasks, row.n_scored, row.n_common) == (7, 7, 7)
    assert row.means["mean_task"].value == pytest.approx(40.0)
    assert row.means["mean_type"].value == pytest.approx(40.0)
    assert row.means["english_mean_task"].value == pytest.approx(100 * sum(ENGLISH) / 7)
    assert row.means["delta_english"].value == pytest.approx(40.0 - 100 * sum(ENGLISH) / 7)
    assert row.types["Clustering"].value == pytest.approx(20.0)
    assert (english.label, english.overall) == ("source", None)
    assert _row(english.languages[0]).means["mean_task"].value == row.means["english_mean_task"].value
    assert _row(english.languages[0]).means["delta_english"].value is None


def test_a_missing_score_is_missing_and_never_zero(results: Any) -> None:
    results.add_mini(A, [*TURKISH[:6], None])
    _english(results)
    row = _row(results.board().groups[0].languages[0])
    assert (row.n_tasks, row.n_scored, row.missing) == (7, 6, ("MiniSummarization",))
    assert (row.means["mean_task"].value, row.means["mean_type"].value, row.types["Summarization"].value) == (
        None,
        None,
        None,
    )
    assert row.types["STS"].value == pytest.approx(60.0)
    # English is over the suite, the difference over the six tasks that have both.
    assert row.means["english_mean_task"].value == pytest.approx(100 * sum(ENGLISH) / 7)
    assert (row.n_common, row.means["delta_english"].value) == (
        6,
        pytest.approx(100 * (sum(TURKISH[:6]) - sum(ENGLISH[:6])) / 6),
    )


def test_a_gap_in_english_leaves_its_mean_empty(results: Any) -> None:
    results.add_mini(A, TURKISH)
    _english(results, values=[None, *ENGLISH[1:]])
    row = _row(results.board().groups[0].languages[0])
    assert (row.means["english_mean_task"].value, row.n_common) == (None, 6)
    assert row.means["delta_english"].value == pytest.approx(100 * (sum(TURKISH[1:]) - sum(ENGLISH[1:])) / 6)


def test_a_missing_task_brings_no_borda_points(results: Any) -> None:
    results.add_mini(A, [0.9, None, None, None, None, None, None])
    results.add_mini(B, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    rows = results.board().groups[0].languages[0].rows
    # One point for a's win; none for b's, who was alone: points are the models less the rank, 2 - 1 = 1 each.
    assert [(row.model.name, row.borda_rank) for row in rows] == [(B, 1), (A, 2)]


def test_rows_go_by_rank_then_mean_then_name(results: Any) -> None:
    results.add_mini("org/c", [0.9, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5])
    results.add_mini("org/b", [0.1, 0.8, 0.5, 0.5, 0.5, 0.5, 0.5])
    results.add_mini("org/a", [0.1, 0.8, 0.5, 0.5, 0.5, 0.5, 0.5])
    rows = results.board().groups[0].languages[0].rows
    assert [(row.model.name, row.borda_rank) for row in rows] == [("org/c", 1), ("org/a", 1), ("org/b", 1)]


def test_all_languages_count_each_set_and_have_a_column_for_each(results: Any) -> None:
    results.add_mini(A, TURKISH)
    results.add_mini(A, [0.5] * 7, language="deu-Latn")
    results.add_mini(B, TURKISH)
    group = results.board().groups[0]
    row = _row(group.overall)
    assert row.n_tasks == 14
    assert _values(row.languages) == {"deu-Latn": pytest.approx(50.0), "tur-Latn": pytest.approx(40.0)}
    assert row.means["mean_task"].value == pytest.approx(45.0)
    lacking = _row(group.overall, B)
    assert _values(lacking.languages) == {"deu-Latn": None, "tur-Latn": pytest.approx(40.0)}
    assert lacking.means["mean_task"].value is None
    assert [(table.language, len(table.rows)) for table in group.languages] == [
        ("deu-Latn", 1),
        ("tur-Latn", 2),
    ]


def test_translators_profiles_and_limits_are_never_mixed(results: Any) -> None:
    results.add_mini(A, [0.1] * 7)
    results.add_mini(A, [0.2] * 7, translator="gpt")
    for limit, value in ((100, 0.3), (None, 0.4)):
        suffix = ".nano" if limit is None else f".limit{limit}"
        profile = "nano" if limit is None else "full"
        for source in ("MiniSTS", "MiniRetrieval"):
            name = f"{source}.tur-Latn.gpt{suffix}"
            results.add(A, source, value, translator="gpt", task=name, profile=profile, limit=limit)
    _english(results)
    groups = results.board().groups
    assert [(group.label, group.profile, group.limit) for group in groups] == [
        ("authored", "full", None),
        ("gpt", "full", None),
        ("source", "full", None),
        ("gpt", "full", 100),
        ("gpt", "nano", None),
    ]
    assert [_row(group.languages[0]).n_scored for group in groups] == [7, 7, 7, 2, 2]
    assert [_row(group.languages[0]).means["english_mean_task"].value is None for group in groups[:2]] == [
        False,
        False,
    ]
    assert [_row(group.languages[0]).means["english_mean_task"].value for group in groups[3:]] == [
        None,
        None,
    ]  # English is whole


def test_bitext_stands_beside_the_means_unless_asked(results: Any) -> None:
    results.add_mini(A, TURKISH)
    name = "MiniSTSBitext.tur-Latn.authored"
    results.add(A, "MiniSTS", 0.9, task=name, task_type="BitextMining", bitext=True, subset="tur-eng")
    row = _row(results.board().groups[0].languages[0])
    assert (row.n_tasks, row.means["mean_task"].value, row.types["BitextMining"].value) == (
        7,
        pytest.approx(40.0),
        pytest.approx(90.0),
    )
    asked = _row(results.board(bitext=True).groups[0].languages[0])
    assert (asked.n_tasks, asked.means["mean_task"].value) == (8, pytest.approx(46.25))
    assert name in {score.signed.task for score in results.board().scores}


def test_bitext_alone_ranks_nobody(results: Any) -> None:
    name = "MiniSTSBitext.tur-Latn.authored"
    results.add(A, "MiniSTS", 0.9, task=name, task_type="BitextMining", bitext=True, subset="tur-eng")
    row = _row(results.board().groups[0].languages[0])
    assert (row.borda_rank, row.means["mean_task"].value, row.n_scored) == (None, None, 0)


def _native(
    results: Any, model: str, name: str, value: float, language: str, subset: str, **said: Any
) -> None:
    results.add(
        model,
        name,
        value,
        language=language,
        translator=None,
        task_type=facts.tasks()[name].type,
        data=facts.tasks()[name].revision,
        subset=subset,
        demo=False,
        **said,
    )


MIXED = """
description = "A suite of all origins."
[[tasks]]
name = "SciFact"
[[native]]
name = "STS22"
splits = ["test"]
[[native]]
name = "MassiveIntentClassification"
splits = ["test"]
"""


@pytest.fixture
def mixed(results: Any, suite: Callable[[str, str], None]) -> Any:
    """Scores of a translated, a native and a human-translated set in German and English."""
    suite("mixed", MIXED)
    for language, code, translated in (("deu-Latn", "de", "gpt"), ("eng-Latn", "en", "source")):
        results.add(
            A, "SciFact", 0.6, language=language, translator=translated, task_type="Retrieval", demo=False
        )
        _native(results, A, "STS22", 0.4, language, code)
        results.add(
            A,
            "MassiveIntentClassification",
            0.2,
            language=language,
            translator=None,
            task_type="Classification",
            data=facts.tasks()["MassiveIntentClassification"].revision,
            subset=code,
            demo=False,
        )
    return results


@pytest.fixture
def human(mixed: Any) -> Any:
    """The same, where the evaluator says that people translated the intents into German."""
    path = mixed.folder(A) / "signatures.jsonl"
    lines = [
        line.replace('"origin": "native"', '"origin": "human-translated"')
        if '"source_task": "MassiveIntentClassification"' in line and '"deu-Latn"' in line
        else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")
    return mixed


def test_means_are_taken_within_one_origin(human: Any) -> None:
    groups = {group.label: group for group in human.board(suites=["mixed"]).groups}
    assert groups.keys() == {"gpt", "native", "human-translated", "source"}
    german = {
        label: next(part for part in group.languages if part.language == "deu-Latn")
        for label, group in groups.items()
        if label != "source"
    }
    assert {label: _row(part).means["mean_task"].value for label, part in german.items()} == {
        "gpt": pytest.approx(60.0),
        "native": pytest.approx(40.0),
        "human-translated": pytest.approx(20.0),
    }
    assert {_row(part).n_tasks for part in german.values()} == {1}
    # English stands beside each, though the English intents themselves are native.
    assert {label: _row(part).means["english_mean_task"].value for label, part in german.items()} == {
        "gpt": pytest.approx(60.0),
        "native": pytest.approx(40.0),
        "human-translated": pytest.approx(20.0),
    }


def test_across_origins_when_asked(human: Any) -> None:
    board = human.board(suites=["mixed"], across_origins=True)
    groups = {group.label: group for group in board.groups}
    assert groups.keys() == {"gpt", "source"}
    row = _row(groups["gpt"].languages[0])
    assert (row.n_tasks, row.means["mean_task"].value) == (3, pytest.approx(40.0))
    assert groups["gpt"].languages[0].origin == "human-translated+native+translated"
    assert _row(groups["source"].languages[0]).means["mean_task"].value == pytest.approx(40.0)
    assert set(board.frame["origin"]) == {"human-translated+native+translated", "native"}


def test_across_origins_without_any_translation(human: Any) -> None:
    for path in human.folder(A).glob("SciFact*.json"):
        path.unlink()
    (group,) = human.board(suites=["mixed"], across_origins=True).groups
    assert group.label == "human-translated+native"
    assert _row(group.languages[0]).means["mean_task"].value == pytest.approx(30.0)


def test_a_native_task_is_expected_only_where_it_holds_the_language(results: Any, suite: Any) -> None:
    suite("mixed", MIXED)
    _native(results, A, "MassiveIntentClassification", 0.5, "swa-Latn", "sw")
    (group,) = results.board(suites=["mixed"]).groups  # STS22 has no Swahili
    row = _row(group.languages[0])
    assert (row.n_tasks, row.means["mean_task"].value, row.missing) == (1, pytest.approx(50.0), ())
    _native(results, A, "MassiveIntentClassification", 0.5, "deu-Latn", "de")
    (group,) = results.board(suites=["mixed"]).groups
    german = next(part for part in group.languages if part.language == "deu-Latn")
    assert _row(german).missing == ("STS22",)


def test_a_task_is_the_mean_of_its_subsets_and_missing_without_one(results: Any, suite: Any) -> None:
    suite("mixed", MIXED)
    for model, subsets in ((A, {"de": 0.2, "de-en": 0.6}), (B, {"de": 0.9})):
        for subset, value in subsets.items():
            _native(results, model, "STS22", value, "deu-Latn", subset)
    (group,) = results.board(suites=["mixed"]).groups
    assert _row(group.languages[0]).types["STS"].value == pytest.approx(40.0)
    assert _row(group.languages[0], B).types["STS"].value is None


def test_a_split_that_the_suite_does_not_score_is_left_out(results: Any, suite: Any) -> None:
    suite("mixed", MIXED)
    _native(results, A, "MassiveIntentClassification", 0.2, "deu-Latn", "de")
    _native(results, A, "MassiveIntentClassification", 0.8, "deu-Latn", "de", split="validation")
    (group,) = results.board(suites=["mixed"]).groups
    assert _row(group.languages[0]).types["Classification"].value == pytest.approx(20.0)


def test_zero_shot_is_the_share_of_the_known(results: Any) -> None:
    for number, source in enumerate(["MiniSTS", "MiniRetrieval", "MiniReranking", "MiniClustering"]):
        results.add(A, source, 0.5, zero_shot=(True, True, False, None)[number])
    results.add(B, "MiniSTS", 0.5, zero_shot=None)
    table = results.board().groups[0].languages[0]
    assert (_row(table).zero_shot, _row(table, B).zero_shot) == (66, None)


def test_scores_of_no_suite_stand_in_one_of_their_own(results: Any) -> None:
    results.add_mini(A, TURKISH)
    for language, translator in (("deu-Latn", "import:deepl"), ("eng-Latn", "source")):
        results.add(
            A, "STSBenchmark", 0.6, language=language, translator=translator, task_type="STS", demo=False
        )
    groups = results.board().groups
    assert [(group.suite, group.label, group.demo) for group in groups] == [
        ("mini", "authored", True),
        ("(no suite)", "import:deepl", False),
        ("(no suite)", "source", False),
    ]
    assert _row(groups[1].languages[0]).means["delta_english"].value == pytest.approx(0.0)
    assert {group.suite for group in results.board(suites=["mini"]).groups} == {"mini"}


def test_a_language_with_more_sets_does_not_weigh_more(results: Any, suite: Any) -> None:
    """German has two native sets, Swahili one: the mean over sets leans towards German, that over languages doesn't."""
    suite("mixed", MIXED)
    _native(results, A, "STS22", 0.9, "deu-Latn", "de")
    _native(results, A, "MassiveIntentClassification", 0.7, "deu-Latn", "de")
    _native(results, A, "MassiveIntentClassification", 0.2, "swa-Latn", "sw")
    board = results.board(suites=["mixed"])
    row = _row(board.groups[0].overall)
    assert row.means["mean_task"].value == pytest.approx(60.0)
    assert row.means["mean_language"].value == pytest.approx((80.0 + 20.0) / 2)
    assert _row(board.groups[0].languages[0]).means["mean_language"].value is None
    text = board.markdown()
    assert "| Mean (Language) |" in text
    assert "|           50.00 |" in text


def test_a_language_without_a_score_leaves_the_mean_over_languages_empty(results: Any, suite: Any) -> None:
    suite("mixed", MIXED)
    for model in (A, B):
        _native(results, model, "STS22", 0.9, "deu-Latn", "de")
        _native(results, model, "MassiveIntentClassification", 0.7, "deu-Latn", "de")
    _native(results, A, "MassiveIntentClassification", 0.2, "swa-Latn", "sw")
    (group,) = results.board(suites=["mixed"]).groups
    assert _row(group.overall).means["mean_language"].value == pytest.approx(50.0)
    assert _row(group.overall, B).means["mean_language"].value is None


def test_the_mean_over_languages_is_not_shown_where_it_is_the_mean_over_sets(results: Any) -> None:
    results.add_mini(A, TURKISH)
    results.add_mini(A, ENGLISH, language="deu-Latn")
    board = results.board()
    row = _row(board.groups[0].overall)
    assert row.means["mean_language"].value == pytest.approx(row.means["mean_task"].value)
    assert "| Mean (Language) |" not in board.markdown()
    frame = board.frame.set_index("language")
    assert frame.loc["mul", "mean_language"] == pytest.approx(row.means["mean_task"].value)
    assert frame.loc["mul", "n_tasks"] == 14
    assert frame["mean_language"].notna().sum() == 1


def test_flagged_types_count_and_are_told_apart(results: Any) -> None:
    results.add_mini(A, TURKISH)
    board = results.board()
    row = _row(board.groups[0].languages[0])
    assert row.means["mean_task"].value == pytest.approx(100 * sum(TURKISH) / 7)
    assert row.means["mean_task_unflagged"].value == pytest.approx(100 * sum(TURKISH[:6]) / 6)
    text = board.markdown()
    assert "| Mean without ‡ |" in text
    assert "| Summarization ‡ |" in text
    assert text.count("- ‡ Summarization carries hardly any rank signal") == 1


def test_without_a_flagged_type_there_is_no_mean_without_it(results: Any) -> None:
    results.add(A, "MiniSTS", 0.5)
    results.add(A, "MiniRetrieval", 0.5)
    text = results.board(suites=["mini"]).markdown()
    assert "Summarization ‡" in text  # it is in the suite, and missing
    results.add(A, "STSBenchmark", 0.5, task_type="STS", demo=False)
    other = next(block for block in results.board().markdown().split("## ") if block.startswith("Sets of no"))
    assert "‡" not in other


def test_a_flagged_score_that_is_missing_leaves_the_mean_without_it(results: Any) -> None:
    results.add_mini(A, [*TURKISH[:6], None])
    row = _row(results.board().groups[0].languages[0])
    assert row.means["mean_task"].value is None
    assert row.means["mean_task_unflagged"].value == pytest.approx(100 * sum(TURKISH[:6]) / 6)


def test_intervals_groups_and_ranks_stand_in_board_and_frame(results: Any) -> None:
    noise = [0.01, -0.02, 0.015, 0.0, -0.005, 0.02, -0.01]
    results.add_mini("org/c", [value + 0.25 + error for value, error in zip(TURKISH, noise, strict=True)])
    results.add_mini(B, [value + error for value, error in zip(TURKISH, noise, strict=True)])
    results.add_mini(A, TURKISH)
    board = results.board()
    frame = board.frame.set_index("model")
    assert frame.loc["org/c", "rank_group"] == 1
    assert {frame.loc[A, "rank_group"], frame.loc[B, "rank_group"]} == {2}
    for model in ("org/c", A, B):
        row = frame.loc[model]
        assert row["mean_task_low"] < row["mean_task"] < row["mean_task_high"]
        assert row["rank_low"] <= row["borda_rank"] <= row["rank_high"]
    assert frame["mean_task_examples_low"].isna().all()
    assert frame["STS_low"].isna().all()  # one task
    assert math.isnan(frame.iloc[0]["p_above"])
    assert frame.iloc[1]["p_above"] <= 0.05
    text = board.markdown()
    head = next(line for line in text.splitlines() if line.startswith("| Rank"))
    assert [cell.strip() for cell in head.split("|")[1:7]] == [
        "Rank",
        "95 % of ranks",
        "Group",
        "Model",
        "Mean (Task)",
        "95 % over tasks",
    ]
    assert "over examples |" not in text


def test_a_trial_of_few_sets_has_neither_intervals_nor_groups(results: Any, suite: Any) -> None:
    suite(
        "two", 'description = "Two sets."\n[[tasks]]\nname = "MiniSTS"\n[[tasks]]\nname = "MiniRetrieval"\n'
    )
    for model, value in ((A, 0.9), (B, 0.1)):
        for source in ("MiniSTS", "MiniRetrieval"):
            results.add(model, source, value)
    board = results.board(suites=["two"])
    columns = ["rank_low", "rank_high", "rank_group", "p_above", "mean_task_low"]
    assert board.frame[columns].isna().all(axis=None)
    head = next(line for line in board.markdown().splitlines() if line.startswith("| Rank"))
    assert "95 %" not in head
    assert "Group" not in head


def test_sets_that_nobody_was_scored_on_tell_nothing(results: Any) -> None:
    """Two of the suite's seven: too few for groups and intervals, whatever the others are."""
    for model, value in ((A, 0.9), (B, 0.1)):
        results.add(model, "MiniSTS", value)
        results.add(model, "MiniRetrieval", value)
    table = results.board().groups[0].languages[0]
    assert table.drawn is None
    assert {(row.place.group, row.place.low) for row in table.rows} == {(None, None)}
    assert "| Mean (Task) |" in results.board().markdown()

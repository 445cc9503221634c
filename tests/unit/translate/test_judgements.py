"""Judgements belong to texts, and outlive the sets that hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.errors import CacheError
from mmteb_synth.translate import judgements
from mmteb_synth.translate.database import Database
from mmteb_synth.translate.judgements import Judgement

GOOD = Judgement(judge="judge:m@1", score=90.0, words="good: Says it all.")
LOW = Judgement(judge="similarity:m", score=0.1, severity="warning")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "cache.sqlite")


def test_what_was_judged_is_found_again(database: Database) -> None:
    first, second = (judgements.key("iron", hypothesis, "tur-Latn") for hypothesis in ("demir", "kalay"))
    judgements.keep(database, [(first, LOW), (first, GOOD), (second, GOOD)])
    database.close()
    found = judgements.find(database, [second, first, judgements.key("iron", "demir", "deu-Latn")])
    assert found == {first: (GOOD, LOW), second: (GOOD,)}


def test_a_newer_word_replaces_the_same_judge_s_older_one(database: Database) -> None:
    key = judgements.key("iron", "kalay", "tur-Latn")
    newer = Judgement(judge=GOOD.judge, score=5.0, severity="warning", words="wrong: That is tin.")
    judgements.keep(database, [(key, GOOD), (key, LOW)])
    judgements.keep(database, [(key, newer)])
    assert judgements.find(database, [key]) == {key: (newer, LOW)}


def test_a_look_up_makes_no_file(database: Database) -> None:
    assert judgements.find(database, [b"0" * 16]) == {}
    judgements.keep(database, [])
    assert not database.file.exists()


def test_more_keys_than_a_query_can_hold_are_found(database: Database) -> None:
    keys = [judgements.key(str(number), "x", "tur-Latn") for number in range(2500)]
    judgements.keep(database, ((key, GOOD) for key in keys))
    assert len(judgements.find(database, keys)) == 2500


def test_half_a_character_is_refused_and_nothing_is_stored(database: Database) -> None:
    broken = Judgement(judge="judge:m@1", score=1.0, words="\ud800")
    key = judgements.key("iron", "demir", "tur-Latn")
    with pytest.raises(CacheError, match="half a character"):
        judgements.keep(database, [(key, GOOD), (key, broken)])
    assert judgements.find(database, [key]) == {}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3))
def test_texts_are_never_mixed_up(texts: list[str]) -> None:
    source, hypothesis, language = texts
    key = judgements.key(source, hypothesis, language)
    if source != hypothesis:
        assert key != judgements.key(hypothesis, source, language)
    assert key != judgements.key(f"{source}x", hypothesis, language)
    assert len(key) == 16

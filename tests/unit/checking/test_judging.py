"""Ledgers are judged anew by the checks of today, and what they say takes the place of what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_ledgers import COPIED, FAILED, GOOD, NUMBER, a_ledger, a_manifest, a_set

from mmteb_synth import checking, languages, stored
from mmteb_synth.checking import CheckedSet
from mmteb_synth.checking.judging import judge
from mmteb_synth.checks import CHECKS_VERSION
from mmteb_synth.data import ledger
from mmteb_synth.data.store import Store
from mmteb_synth.errors import Stopped
from mmteb_synth.stopping import Stop

TURKISH = languages.parse("tr")
OLD = {"check": "numbers", "severity": "error", "reason": "said long ago", "score": None}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def check(store: Store, **options: Any) -> tuple[CheckedSet, ...]:
    return checking.check(store, stored.translated(store), **options).sets


def test_each_segment_is_judged_whatever_was_said_of_it() -> None:
    judged = judge(a_ledger(GOOD, COPIED, {**GOOD, "verdicts": [OLD]}, checks_version=1), TURKISH)
    good, copied, again = (ledger.as_verdicts(cell) for cell in judged.column("verdicts").to_pylist())
    assert good == again == ()
    assert [verdict.check for verdict in copied] == ["copied"]
    assert judged.column("outcome").to_pylist() == ["translated", "flagged", "translated"]
    assert ledger.checks_version(judged) == CHECKS_VERSION


@pytest.mark.parametrize(
    ("row", "before", "after"),
    [
        (GOOD, "translated", "translated"),
        (GOOD, "repaired", "repaired"),
        (GOOD, "flagged", "translated"),
        (COPIED, "translated", "flagged"),
        (COPIED, "repaired", "flagged"),
        (COPIED, "flagged", "flagged"),
    ],
)
def test_what_became_of_a_segment_follows_from_its_verdicts(
    row: dict[str, Any], before: str, after: str
) -> None:
    assert judge(a_ledger({**row, "outcome": before}), TURKISH).column("outcome").to_pylist() == [after]


def test_what_is_clean_now_and_was_repaired_is_repaired() -> None:
    attempt = {"step": "asked", "translator": "x", "hypothesis": "y", "verdicts": [OLD]}
    row = {**GOOD, "outcome": "flagged", "rejected": [attempt]}
    judged = judge(a_ledger(row), TURKISH)
    assert judged.column("outcome").to_pylist() == ["repaired"]
    assert judged.column("rejected").to_pylist()[0][0]["hypothesis"] == "y"


def test_of_what_failed_the_reason_stays() -> None:
    refusal = {"check": "refusal", "severity": "error", "reason": "refused", "score": None}
    table = judge(a_ledger(FAILED, {**FAILED, "verdicts": [refusal]}, {**FAILED, "reason": None}), TURKISH)
    said = [[(one["check"], one["reason"]) for one in row] for row in table.column("verdicts").to_pylist()]
    assert said == [
        [("failed", "the translator refused this text")],
        [("refusal", "refused")],
        [("failed", "it has no translation")],
    ]
    assert judge(table, TURKISH).equals(table)


def test_rows_are_judged_together_too() -> None:
    other = {"source": "When does the museum open on Sundays?", "hypothesis": GOOD["hypothesis"]}
    judged = judge(a_ledger(FAILED, GOOD, other), TURKISH)
    failed, *collided = judged.column("verdicts").to_pylist()
    assert [one["check"] for one in failed] == ["failed"]
    assert all("collision" in [one["check"] for one in row] for row in collided)


def test_an_empty_ledger_and_one_of_failures_alone_are_judged() -> None:
    assert len(judge(a_ledger(), TURKISH)) == 0
    assert judge(a_ledger(FAILED), TURKISH).column("outcome").to_pylist() == ["failed"]


def test_what_is_found_is_recorded_with_the_set(store: Store) -> None:
    before = a_set(store, a_ledger(GOOD, COPIED, checks_version=1))
    (found,) = check(store)
    assert found.outcomes == {"translated": 1, "repaired": 0, "flagged": 1, "failed": 0}
    assert found.findings == {("copied", "error"): 1}
    after = store.get(found.name)
    assert after.ledger().equals(found.ledger)
    assert ledger.checks_version(after.ledger()) == CHECKS_VERSION
    assert after.manifest.outcomes == found.outcomes
    assert after.manifest.findings == [{"check": "copied", "severity": "error", "segments": 1}]
    assert after.manifest.revision == before.manifest.revision
    assert "1 translations are kept although" in (after.folder / "README.md").read_text("utf-8")


def test_what_says_the_same_is_not_written_again(store: Store) -> None:
    a_set(store, a_ledger(GOOD, COPIED))
    check(store)
    file = store.get("STS12.tur-Latn.gpt-4.1-mini").folder / ledger.FILE
    before = file.stat()
    (found,) = check(store)
    assert found.notes == ()
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_sets_of_other_checks_are_to_be_built_again(store: Store) -> None:
    a_set(store, a_ledger(GOOD), a_manifest(checks_version=1))
    for _ in range(2):  # recording what today's checks say makes it no set of theirs
        (found,) = check(store)
        assert "was built by checks 1" in found.notes[0]
        assert "build it again" in found.notes[0]


def test_scores_stand_on_the_card(store: Store) -> None:
    found = a_set(store, a_ledger(GOOD))
    check(store, scores={found.manifest.name: {"org/model": 41.5}})
    assert "| 41.50 " in (found.folder / "README.md").read_text("utf-8")


def test_a_set_that_was_held_back_is_judged_and_recorded(store: Store) -> None:
    store.hold_back(a_manifest(), a_ledger(FAILED, COPIED))
    (found,) = check(store)
    assert found.dataset is not None
    assert found.dataset.is_held_back
    (evidence,) = store.held_back()
    assert evidence.manifest.outcomes == {"translated": 0, "repaired": 0, "flagged": 1, "failed": 1}
    assert store.names() == []


@pytest.mark.parametrize("damage", ["ledger", "manifest", "none"])
def test_one_set_that_can_not_be_judged_does_not_stop_the_others(damage: str, store: Store) -> None:
    a_set(store, a_ledger(GOOD))
    other = a_set(store, None if damage == "none" else a_ledger(GOOD), a_manifest("STS13"))
    if damage == "ledger":
        (other.folder / ledger.FILE).write_bytes(b"PAR1")
    if damage == "manifest":
        (other.folder / "manifest.json").write_text("{")
    good, bad = check(store)
    assert good.problem is None
    assert bad.problem is not None
    assert bad.problem.hint is not None
    assert "build" in bad.problem.hint
    assert (bad.outcomes, bad.findings, list(bad.flagged())) == ({}, {}, [])


def test_what_can_not_be_recorded_is_reported_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_set(store, a_ledger(COPIED))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger, "write", full)
    (found,) = check(store)
    assert found.findings == {("copied", "error"): 1}
    assert "not recorded with the set: could not write the ledger" in found.notes[0]
    assert store.get(found.name).manifest.findings == []


def test_progress_is_told_and_a_stop_ends_it(store: Store) -> None:
    a_set(store, a_ledger(GOOD, COPIED, NUMBER))
    told: list[tuple[str, int, int]] = []

    def progress(name: str) -> Any:
        return lambda state: told.append((name, state.done, state.total))

    check(store, progress=progress)
    assert told == [("STS12.tur-Latn.gpt-4.1-mini", done, 3) for done in (0, 3)]
    stop = Stop()
    stop.request("SIGTERM")
    with pytest.raises(Stopped):
        check(store, stop=stop)

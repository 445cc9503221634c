"""What profiles are called, and what their names leave in the names of sets."""

import itertools

import pytest

from mmteb_synth.data import profiles
from mmteb_synth.data.profiles import BUDGETS, FULL, NAMES, Profile, parse
from mmteb_synth.data.store import set_name
from mmteb_synth.errors import UnknownNameError, UsageError


@pytest.mark.parametrize("label", ["nano", "standard", "full", "nano-s7", "standard-s123"])
def test_a_label_is_what_it_says(label: str) -> None:
    assert parse(label).label == label


def test_the_usual_seed_leaves_no_mark() -> None:
    assert parse("nano-s0") == parse("nano") == Profile(name="nano")
    assert parse("nano-s07").label == "nano-s7"


@pytest.mark.parametrize(
    "label", ["", "nanno", "Nano", "nano-7", "nano-s", "nano-s-1", "nano-s1.5", "nano.s7", "-s7"]
)
def test_what_is_no_profile(label: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        parse(label)
    assert "nano-s7 is another draw" in (caught.value.hint or "")


def test_no_seed_changes_what_keeps_everything() -> None:
    with pytest.raises(UsageError, match="full-s3"):
        parse("full-s3")
    assert parse("full-s0") == FULL


def test_names_of_sets() -> None:
    assert set_name("SciFact", "tur-Latn", "gpt-4.1-nano", profile="full") == "SciFact.tur-Latn.gpt-4.1-nano"
    assert set_name("SciFact", "tur-Latn", "import:x", profile="nano") == "SciFact.tur-Latn.import-x.nano"
    assert set_name("SciFact", "tur-Latn", "x", 9, profile="nano-s7") == "SciFact.tur-Latn.x.nano-s7.limit9"


def test_no_budget_of_a_larger_profile_is_smaller() -> None:
    """Without this a small sample would not lie in a larger one."""
    assert (*BUDGETS, "full") == NAMES
    for small, large in itertools.pairwise(BUDGETS.values()):
        for name in small.__slots__:
            less, more = getattr(small, name), getattr(large, name)
            assert more is None or less <= more, name
        assert small.clustered // small.groups <= large.clustered // large.groups


def test_a_fingerprint_changes_with_all_that_decides_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FULL.identity() == {}
    seen = [parse(label).identity() for label in ("nano", "nano-s7", "standard")]
    monkeypatch.setattr(profiles, "SAMPLER", profiles.SAMPLER + 1)
    seen.append(parse("nano").identity())
    assert all(one != other for one, other in itertools.combinations(seen, 2))

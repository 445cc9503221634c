"""What `--task` and `--suite` choose together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmteb_synth import selection
from mmteb_synth.errors import UnknownNameError, UsageError
from mmteb_synth.selection import choose, from_manifest
from mmteb_synth.specs import BitextSpec, TaskSpec


def names(choice: selection.Choice) -> list[str]:
    return [member.spec.name for member in choice.members]


@pytest.fixture
def suite(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, body: str) -> str:
        path = tmp_path / f"{name}.toml"
        path.write_text(f'description = "A suite."\n{body}\n')
        return str(path)

    return write


def test_nothing_named_is_the_mini_suite() -> None:
    chosen = choose()
    assert [one.name for one in chosen.suites] == ["mini"]
    assert names(chosen)[0] == "MiniClassification"
    assert names(chosen)[-1] == "MiniSTSBitext"
    assert chosen.names() == frozenset(names(chosen))


def test_tasks_alone_are_just_these() -> None:
    chosen = choose(["MiniSTS", "SciFact"])
    assert names(chosen) == ["MiniSTS", "SciFact"]
    assert chosen.suites == ()
    assert all(member.splits == () for member in chosen.members)


def test_a_task_beside_its_suite_keeps_the_suites_splits(suite: Callable[[str, str], str]) -> None:
    body = '[[tasks]]\nname = "MassiveIntentClassification"\nsplits = ["validation"]'
    chosen = choose(["MassiveIntentClassification", "SciFact"], [suite("one", body)])
    assert [(member.spec.name, member.splits) for member in chosen.members] == [
        ("MassiveIntentClassification", ("validation",)),
        ("SciFact", ()),
    ]


def test_bitext_scores_the_splits_of_its_set_and_comes_last(suite: Callable[[str, str], str]) -> None:
    body = (
        '[[tasks]]\nname = "MassiveIntentClassification"\nsplits = ["validation"]\n'
        '[[bitext]]\nsource = "MassiveIntentClassification"\nmax_pairs = 5'
    )
    chosen = choose(["SciFact"], [suite("one", body)])
    assert names(chosen) == ["MassiveIntentClassification", "SciFact", "MassiveIntentClassificationBitext"]
    last = chosen.members[-1]
    assert isinstance(last.spec, BitextSpec)
    assert (last.spec.max_pairs, last.splits) == (5, ("validation",))


def test_a_suites_bitext_named_again_is_the_suites(suite: Callable[[str, str], str]) -> None:
    body = '[[bitext]]\nsource = "MiniSTS"\nmax_pairs = 5'
    (member,) = choose(["MiniSTSBitext"], [suite("one", body)]).members
    assert isinstance(member.spec, BitextSpec)
    assert member.spec.max_pairs == 5


def test_two_suites_are_joined(suite: Callable[[str, str], str]) -> None:
    one = suite("one", '[[tasks]]\nname = "SciFact"\n[[tasks]]\nname = "MiniSTS"')
    two = suite("two", '[[tasks]]\nname = "MiniSTS"\n[[tasks]]\nname = "MiniRetrieval"')
    assert names(choose((), [one, two])) == ["SciFact", "MiniSTS", "MiniRetrieval"]


def test_two_sets_of_one_name_are_refused(own_set: Callable[..., TaskSpec], tmp_path: Path) -> None:
    row = {"sentence1": "a", "sentence2": "b", "score": 1.0}
    spec = own_set("Mine", "STS", {"test": [row]})
    assert spec.path is not None
    other = tmp_path / "other" / "Mine.toml"
    other.parent.mkdir()
    other.write_text(spec.path.read_text())
    (other.parent / "Mine.test.jsonl").write_text("{}")
    assert names(choose([str(spec.path), str(spec.path)])) == ["Mine"]
    with pytest.raises(UsageError, match="two different sets are called Mine"):
        choose([str(spec.path), str(other)])


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'SciFat'; did you mean SciFact"):
        choose(["SciFat"])
    with pytest.raises(UnknownNameError, match="unknown suite 'mni'; did you mean mini"):
        choose((), ["mni"])


def test_a_stored_set_finds_its_source_again(own_set: Callable[..., TaskSpec]) -> None:
    spec = own_set("Mine", "STS", {"test": [{"sentence1": "a", "sentence2": "b", "score": 1.0}]})
    choice = choose([str(spec.path)])
    assert from_manifest("Mine", ["test"], choice) == selection.Member(spec=spec, splits=("test",))
    assert from_manifest("SciFact", ["test"], choice).spec.name == "SciFact"
    assert from_manifest("SciFact", ["test"], None).splits == ("test",)
    with pytest.raises(UnknownNameError):
        from_manifest("Mine", ["test"], None)


def test_an_aggregate_is_built_as_its_parts_and_scored_as_one() -> None:
    chosen = choose(["CQADupstackRetrieval"])
    assert len(chosen.members) == 12
    assert "CQADupstackUnixRetrieval" in names(chosen)
    assert chosen.scored == {"CQADupstackRetrieval"}
    both = choose(["CQADupstackUnixRetrieval", "CQADupstackRetrieval"])
    assert len(both.members) == 12
    assert both.scored == {"CQADupstackRetrieval", "CQADupstackUnixRetrieval"}


def test_the_suites_of_a_choice_share_their_sets() -> None:
    chosen = choose(suites=["mteb-eng-v1", "mteb-eng-v2"])
    assert len(choose(suites=["mteb-eng-v1"]).members) == 67
    assert len(choose(suites=["mteb-eng-v1"]).scored) == 56
    assert "CQADupstackRetrieval" in chosen.scored
    assert "CQADupstackGamingRetrieval" in chosen.scored  # v2 scores two parts by themselves
    assert "CQADupstackTexRetrieval" not in chosen.scored
    assert "CQADupstackTexRetrieval" in chosen.names()

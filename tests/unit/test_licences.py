"""What a set's licence lets one do, and the one gate before translations leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth import facts, licences, registry
from mmteb_synth.errors import LicenceError, SpecError, UnknownNameError
from mmteb_synth.licences import Terms, check_handing_on, strictest, terms

WHOLE = """
[licences]
unspecified = ["unspecified"]
mit = ["attribution"]
[[known]]
tasks = ["A"]
words = "so it is"
source = "https://example.org"
checked = 2026-01-01
"""


def of(task: str) -> Terms:
    known = facts.task(task)
    assert known is not None
    return terms(task, known.license)


@pytest.mark.parametrize(
    ("licence", "asked"),
    [
        ("cc0-1.0", ()),
        ("mit", ("attribution",)),
        ("cc-by-sa-4.0", ("attribution", "share-alike")),
        ("cc-by-nc-sa-3.0", ("attribution", "share-alike", "non-commercial")),
        ("cc-by-nc-nd-4.0", ("attribution", "non-commercial", "no-derivatives")),
        ("msr-la-nc", ("attribution", "non-commercial")),
        ("multiple", ("unspecified",)),
        ("not specified", ("unspecified",)),
        (None, ("unspecified",)),
        ("https://example.org/terms", ("unspecified",)),
    ],
)
def test_a_licence_asks_for_what_it_asks_for(licence: str | None, asked: tuple[str, ...]) -> None:
    found = terms("Mine", licence)
    assert found.conditions == asked
    assert (found.share_alike, found.non_commercial, found.no_derivatives, found.unspecified) == tuple(
        name in asked for name in ("share-alike", "non-commercial", "no-derivatives", "unspecified")
    )
    assert found.may_be_handed_on == ("no-derivatives" not in asked)
    assert bool(found.to_accept) == bool({"share-alike", "non-commercial", "unspecified"} & set(asked))
    assert not found.known


def test_names_are_short_where_mtebs_are_addresses_and_a_strange_one_is_its_own_name() -> None:
    mind = of("MindSmallReranking")
    assert (mind.licence, mind.to_accept) == ("msr-mind", ("msr-mind",))
    assert mind.link is not None
    assert mind.link.startswith("https://github.com/msnews/MIND")
    assert terms("Mine", "not specified").licence == "unspecified"
    strange = terms("Mine", "https://example.org/terms")
    assert strange.licence == strange.link == strange.to_accept[0]


@pytest.mark.parametrize(
    ("task", "note"),
    [
        ("Banking77Classification", "mit"),
        ("SciFact", "cc-by-nc-4.0 (non-commercial)"),
        ("AmazonReviewsClassification", "amazon-reviews-ml (non-commercial, not to be handed on)"),
        ("BiorxivClusteringS2S", "biorxiv (no-derivatives)"),
        ("MedrxivClusteringP2P.v2", "medrxiv (no-derivatives)"),
        ("MSMARCO", "msr-la-nc (non-commercial)"),
        ("EmotionClassification", "unspecified (non-commercial)"),
        ("ImdbClassification", "unspecified"),
        ("STSBenchmark", "multiple (share-alike, unspecified)"),
        ("CQADupstackTexRetrieval", "cc-by-sa-3.0 (share-alike)"),
        ("CQADupstackRetrieval", "cc-by-sa-3.0 (share-alike)"),  # an aggregate has its parts'
        ("NanoFEVERRetrieval", "cc-by-nc-sa-3.0 (share-alike, non-commercial)"),  # MTEB says cc-by-4.0
        ("NanoDBPediaRetrieval", "cc-by-sa-3.0 (share-alike)"),
        ("DBPedia", "cc-by-sa-3.0 (share-alike)"),  # MTEB says mit, which is the licence of the judgements
        ("FiQA2018", "unspecified (non-commercial)"),
        ("MassiveIntentClassification", "cc-by-4.0"),
    ],
)
def test_what_is_known_beyond_mtebs_field_counts(task: str, note: str) -> None:
    assert of(task).note() == note


def test_a_sample_tells_where_its_texts_terms_come_from() -> None:
    found = of("NanoSciFactRetrieval")
    assert [fact.task for fact in found.known] == ["NanoSciFactRetrieval", "SciFact"]
    assert all(fact.source.startswith("http") and fact.checked.startswith("2026-") for fact in found.known)


def test_what_a_manifest_keeps_is_json() -> None:
    record = of("TRECCOVID").record()
    assert "task" not in record
    assert json.loads(json.dumps(record)) == record
    assert record["known"][0]["checked"] == "2026-11-23"


def test_a_set_of_ones_own_and_its_bitext_have_the_licence_of_its_file(own_set: Any) -> None:
    spec = own_set("Mine", "STS", {"test": [{"sentence1": "a", "sentence2": "b", "score": 1.0}]})
    assert registry.terms(spec).note() == "mit"
    assert registry.terms(registry.get_task("SciFactBitext")).task == "SciFact"
    assert registry.terms(registry.get_task("SciFactBitext")).non_commercial


LICENCES = sorted(licences.shipped().licences)


@given(st.lists(st.sampled_from(LICENCES), min_size=1, max_size=5))
def test_several_licences_together_ask_for_all_that_each_asks_for(names: list[str]) -> None:
    each = [terms(name, name) for name in names]
    together = strictest("All", each)
    assert set(together.conditions) == {asked for one in each for asked in one.conditions}
    assert set(together.to_accept) == {name for one in each for name in one.to_accept}
    assert together.may_be_handed_on == all(one.may_be_handed_on for one in each)
    assert together.licence in names
    assert strictest("All", each[::-1]).conditions == together.conditions


@given(st.lists(st.sampled_from(LICENCES), max_size=4), st.sets(st.sampled_from(LICENCES), max_size=6))
def test_the_gate_opens_exactly_where_everything_is_allowed_and_accepted(
    names: list[str], accepted: set[str]
) -> None:
    each = [terms(name, name) for name in names]
    fine = all(one.may_be_handed_on and set(one.to_accept) <= accepted for one in each)
    try:
        check_handing_on(each, accepted)
    except LicenceError:
        assert not fine
    else:
        assert fine


def test_the_gate_says_what_lacks_and_which_flags_to_add() -> None:
    several = [
        of(name)
        for name in ("SciFact", "ImdbClassification", "STS12", "FEVER", "ArxivClusteringP2P", "SciFact")
    ]
    with pytest.raises(LicenceError) as caught:
        check_handing_on(several, ["cc-by-nc-sa-3.0"])
    assert caught.value.message == (
        "nobody has accepted cc-by-nc-4.0 (non-commercial), the licence of SciFact; unspecified, the licence of "
        "ImdbClassification, STS12"
    )
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("with --accept-licence cc-by-nc-4.0 --accept-licence unspecified")
    assert caught.value.exit_code == 2
    check_handing_on(several, ["cc-by-nc-sa-3.0", "cc-by-nc-4.0", "unspecified"])
    check_handing_on([], [])


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("AmazonReviewsClassification", "lets nobody hand its texts on; for academic research only"),
        ("BiorxivClusteringP2P", "lets nobody hand on derivatives, and a translation is one"),
    ],
)
def test_what_is_forbidden_is_refused_whatever_is_accepted(task: str, said: str) -> None:
    with pytest.raises(LicenceError, match=f"{task} stays here") as caught:
        check_handing_on([of("SciFact"), of(task)], LICENCES)
    assert said in caught.value.message


def test_a_name_that_is_no_licences_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean cc-by-nc-4\.0"):
        check_handing_on([], ["cc-by-nc-4"])
    own = terms("Mine", "https://example.org/terms")
    check_handing_on([own], ["https://example.org/terms"])
    with pytest.raises(LicenceError, match=r"nobody has accepted https://example\.org/terms"):
        check_handing_on([own], ["https://example.org/other"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[licences]", "[licences", "is not valid TOML"),
        ("words", "wrods", "known.0.words: Field required; known.0.wrods: is not a known key"),
        ('["attribution"]', '["atribution"]', "licences.mit.0"),
        ('tasks = ["A"]', "tasks = []", "known.0.tasks"),
        ('"https://example.org"', '"somewhere"', "known.0.source"),
        ("2026-01-01", '"lately"', "known.0.checked"),
        ('["A"]', '["A", "A"]', "has entries twice: A"),
        ("words", 'licence = "mti"\nwords', "[licences] lacks mti"),
        ('unspecified = ["unspecified"]', "", "[licences] lacks unspecified"),
        ("words", 'redistribution = "allowed"\nwords', "known.0.redistribution"),
    ],
)
def test_a_broken_table_is_an_error(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "licences.toml"
    file.write_text(WHOLE, "utf-8")
    assert licences.read(file).entry("A") is not None
    file.write_text(WHOLE.replace(old, new, 1), "utf-8")
    with pytest.raises(SpecError) as caught:
        licences.read(file)
    assert said in caught.value.message


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        licences.read(tmp_path / "none.toml")

"""What sets hold that can't be read: estimated for every set of the English benchmarks, under every profile."""

from __future__ import annotations

import pytest

from mmteb_synth import facts
from mmteb_synth.building import rough
from mmteb_synth.building.jobs import BuildOptions, Job
from mmteb_synth.building.plans import Volume
from mmteb_synth.data import profiles, source
from mmteb_synth.specs import TaskSpec
from mmteb_synth.types import Language

TURKISH = Language(code="tur-Latn", name="Turkish")


def estimate(name: str, profile: str = "full", splits: tuple[str, ...] = (), **options: object) -> Volume:
    spec = TaskSpec(name=name)
    how = BuildOptions(profile=profiles.parse(profile), **options)  # type: ignore[arg-type]
    job = Job(
        spec=spec,
        bitext=None,
        splits=splits or source.eval_splits(spec),
        language=TURKISH,
        translator=None,
        fallbacks=(),
        warning=None,
        options=how,
    )
    found = rough.estimate(job, None)
    assert found is not None, name
    return found


def members(benchmark: str) -> list[tuple[str, tuple[str, ...]]]:
    found = facts.benchmark(benchmark)
    assert found is not None
    return [
        (part, member.splits)
        for member in found.members
        for part in (facts.tasks()[member.name].parts or (member.name,))
    ]


@pytest.mark.parametrize("benchmark", ["MTEB(eng, v1)", "MTEB(eng, v2)", "NanoBEIR"])
def test_no_set_is_larger_under_a_smaller_profile(benchmark: str) -> None:
    for name, splits in members(benchmark):
        nano, standard, full = (estimate(name, profile, splits) for profile in profiles.NAMES)
        assert 0 < nano.segments <= standard.segments <= full.segments, name
        assert 0 < nano.characters <= standard.characters <= full.characters, name


def test_what_the_second_english_benchmark_takes() -> None:
    """About 20K and 400K texts with the titles of documents, which MTEB's statistics count with their texts."""
    totals = [
        sum(estimate(name, profile, splits).segments for name, splits in members("MTEB(eng, v2)"))
        for profile in profiles.NAMES
    ]
    assert totals == [16_824, 274_491, 1_330_797]


def test_only_what_mteb_shows_a_model() -> None:
    """57 million characters were found by repeating MTEB's draws; there are 266 million of different texts."""
    found = [
        estimate(name, "full", splits, all_rows=all_rows).characters
        for all_rows in (False, True)
        for name, splits in members("MTEB(eng, v2)")
        if facts.tasks()[name].type != "Retrieval"
    ]
    half = len(found) // 2
    assert sum(found[:half]) == pytest.approx(57e6, rel=0.05)
    assert sum(found[half:]) == pytest.approx(266e6, rel=0.01)


def test_what_decides_an_estimate() -> None:
    assert estimate("SciFact", limit=10).segments == 10 + round(10 * 1.13) + 10
    assert estimate("SciFact", "nano").segments == 50 + round(50 * 1.13 + 50 * 6 + 50)
    assert (
        estimate("TRECCOVID", "nano").segments == 3 + round(3 * 709.6) + 3 * 6 + 50
    )  # few queries, for each was judged so much
    assert estimate("AskUbuntuDupQuestions", "nano").segments == 20 + 20 * 20  # candidates, and nothing else
    assert estimate("STSBenchmark", "nano").segments == 200
    assert estimate("Banking77Classification", "nano").segments == pytest.approx(200 + 77 * 16, rel=0.11)
    assert estimate("Banking77Classification", all_rows=True).segments == 3_080 + 10_003
    assert estimate("BiorxivClusteringP2P.v2").segments == round(53_787 * 0.04)
    assert estimate("BiorxivClusteringP2P.v2", "nano").segments == 300
    assert estimate("SummEvalSummarization.v2", "nano").segments == 10 * (11 + 16)
    assert estimate("SummEvalSummarization.v2", all_rows=True).segments == 1_100 + 1_548 + 100


def test_a_set_that_mteb_does_not_count_is_unknown() -> None:
    spec = TaskSpec(name="STSBenchmark", subset="other")
    job = Job(
        spec=spec,
        bitext=None,
        splits=("test",),
        language=TURKISH,
        translator=None,
        fallbacks=(),
        warning=None,
        options=BuildOptions(),
    )
    assert rough.estimate(job, None) is None
    assert facts.shape("NoSuchTask") is None

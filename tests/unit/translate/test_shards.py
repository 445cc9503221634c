from pathlib import Path

import pytest

from mmteb_synth.errors import UsageError
from mmteb_synth.translate import engine, portable, shards
from mmteb_synth.translate.backends.callables import CallableTranslator
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row
from mmteb_synth.translate.shards import Shard, ShardCache
from mmteb_synth.types import Language, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")
SEGMENTS = [Segment(text=f"Text number {number}") for number in range(1000)]


def _translator(calls: list[str]) -> CallableTranslator:
    def function(texts: list[str], _: str) -> list[str]:
        calls.extend(texts)
        return texts

    return CallableTranslator(name="mod:fn", label="mod-fn", version="0", function=function)


@pytest.mark.parametrize("text", ["", "1", "1/", "/2", "a/b", "1/2/3", "0/2", "3/2", "-1/2", "1.5/2", "1/0"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(UsageError):
        shards.parse(text)


def test_spelling_and_files() -> None:
    shard = shards.parse(" 2/8 ")
    assert (shard, str(shard)) == (Shard(number=2, count=8), "2/8")
    assert shard.cache_file(Path("/x/cache.sqlite")) == Path("/x/cache.shard-2-of-8.sqlite")


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shares_are_disjoint_complete_and_even(count: int) -> None:
    translator = _translator([])
    shares = [
        Shard(number=number + 1, count=count).of(SEGMENTS, translator, TURKISH) for number in range(count)
    ]
    assert sorted(segment.text for share in shares for segment in share) == sorted(
        segment.text for segment in SEGMENTS
    )
    assert all(0.7 * len(SEGMENTS) / count < len(share) < 1.4 * len(SEGMENTS) / count for share in shares)
    assert list(shares[0]) == [segment for segment in SEGMENTS if segment in shares[0]]


def test_jobs_of_an_array_ask_once_for_each_text_and_merge_into_the_cache(tmp_path: Path) -> None:
    calls: list[str] = []
    translator, file = _translator(calls), tmp_path / "cache.sqlite"
    with Cache(file) as main:
        engine.translate(SEGMENTS[:100], TURKISH, translator, main)
    for _ in range(2):  # every job is restarted once
        for number in (1, 2, 3):
            shard = Shard(number=number, count=3)
            with Cache(file) as main, ShardCache(shard.cache_file(file), main) as cache:
                engine.translate(shard.of(SEGMENTS, translator, TURKISH), TURKISH, translator, cache)
    assert sorted(calls) == sorted(segment.text for segment in SEGMENTS)
    with Cache(file) as main:
        done = portable.merge(main, sorted(tmp_path.glob("cache.shard-*.sqlite")))
        assert (done.added, done.conflicts) == (900, 0)
        run = engine.translate(SEGMENTS, TURKISH, translator, main)
    assert (run.hits, run.requests) == (1000, 0)


def test_a_jobs_file_goes_before_the_main_cache_but_evidence_gives_way(tmp_path: Path) -> None:
    def row(key: bytes, translation: str | None) -> Row:
        return Row(
            key=key,
            translator="t",
            language="tur-Latn",
            kind=None,
            source="x",
            translation=translation,
            finish_reason="stop" if translation else "refusal",
        )

    one, two, three, four = (bytes([number]) * 16 for number in range(4))
    with Cache(tmp_path / "main.sqlite") as main, ShardCache(tmp_path / "own.sqlite", main) as cache:
        main.put([row(one, "main"), row(two, None), row(three, "main")])
        cache.replace([row(one, "own"), row(three, None)])
        found = cache.lookup([one, two, three, four])
        assert {key: value.translation for key, value in found.items()} == {
            one: "own",
            two: None,
            three: "main",
        }
        cache.put([row(two, "mended")])
        assert cache.lookup([two])[two].translation == "mended"
        assert main.lookup([two])[two].translation is None
        added, replaced = cache.changes("t", "tur-Latn")
        assert added > main.changes("t", "tur-Latn")[0]
        assert replaced >= main.changes("t", "tur-Latn")[1]

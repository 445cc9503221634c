"""Live runs of a cache with batch jobs: nobody is asked live for what a job was paid for."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer, Plan
from click.testing import CliRunner

from mmteb_synth import paths, selection
from mmteb_synth.building import BuildOptions, ProgressFactory, SetReport, build, planning
from mmteb_synth.cli.main import cli
from mmteb_synth.errors import Stopped, WaitingError
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.batches import joblist
from mmteb_synth.translate.batches import run as batch
from mmteb_synth.translate.batches.jobs import Job, Jobs, Request
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.shards import Shard, ShardCache
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, Segment

pytestmark = pytest.mark.usefixtures("no_key")

TURKISH = Language(code="tur-Latn", name="Turkish")
STUCK = Plan(looks=10**6)


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


def _segments(count: int) -> list[Segment]:
    return [Segment(text=f"Text number {number}") for number in range(count)]


def _translator(server: BatchServer, name: str = "openai:test-model") -> Translator:
    return translators.resolve(name, base_url=server.url)


def _live(server: BatchServer, cache: Cache, count: int, **options: object) -> engine.TranslationRun:
    return engine.translate(_segments(count), TURKISH, _translator(server), cache, **options)  # type: ignore[arg-type]


def _leave(server: BatchServer, cache: Cache, count: int, plan: Plan) -> None:
    """Submit a batch, and leave."""
    server.plans.append(plan)
    stop = Stop()
    with pytest.raises(Stopped):
        batch.translate(
            _segments(count),
            TURKISH,
            _translator(server),
            cache,
            poll=0.05,
            stop=stop,
            progress=lambda _: stop.request("a test"),
        )


def _finish(server: BatchServer) -> None:
    for made in server.batches.values():
        made.states = type(made.states)(["finalizing", made.states[-1]])


def test_what_waits_in_a_batch_is_not_paid_for_again(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 6, STUCK)
    with pytest.raises(
        WaitingError, match=r"6 of its texts wait in batches .* \(batch_1\), and are not paid"
    ) as caught:
        _live(server, cache, 8)
    assert all(word in str(caught.value.hint) for word in ("batches list", "--batch", "batches cancel"))
    assert server.requests == []
    assert _live(server, cache, 8, offline=True).failures.keys() == set(_segments(8))

    _finish(server)
    run = _live(server, cache, 8)
    assert (len(run.translations), run.hits, run.requests) == (8, 6, 2)
    assert server.asked.keys() == {"Text number 6", "Text number 7"}
    assert set(server.charged.values()) == {1}


def test_what_a_batch_ended_without_is_asked_live(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 6, Plan(final="expired", share=0.5, looks=10**6))
    _finish(server)
    run = _live(server, cache, 6, retry_failed=True)
    assert (len(run.translations), run.hits, run.requests) == (6, 3, 3)
    assert server.asked.keys().isdisjoint(server.charged)


def test_what_was_given_up_is_asked_live(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 4, Plan(looks=10**6, share=0.25))
    list(joblist.cancel(cache))
    assert len(_live(server, cache, 4).translations) == 4
    assert len(server.requests) == 3


def test_a_fallback_is_not_asked_for_what_waits_in_its_batch(server: BatchServer, cache: Cache) -> None:
    server.models = ("test-model", "other-model")
    _leave(server, cache, 3, STUCK)
    other = _translator(server, "openai:other-model")
    fallbacks = [engine.Fallback(translator=_translator(server))]
    failing = dict.fromkeys(_segments(3), "in vain")

    def run() -> engine.TranslationRun:
        return engine.translate(_segments(3), TURKISH, other, cache, fallbacks=fallbacks, given_up=failing)

    with pytest.raises(WaitingError, match="3 of its texts wait"):
        run()
    assert server.requests == []
    _finish(server)
    assert (len(run().translations), len(server.requests)) == (3, 0)


def test_other_texts_and_languages_are_asked_live_meanwhile(server: BatchServer, cache: Cache) -> None:
    _leave(server, cache, 3, STUCK)
    german = Language(code="deu-Latn", name="German")
    assert len(engine.translate(_segments(3), german, _translator(server), cache).translations) == 3
    run = engine.translate([Segment(text="Another")], TURKISH, _translator(server), cache)
    assert len(run.translations) == 1


def test_a_job_of_an_array_leaves_the_batches_of_the_cache_alone(server: BatchServer, tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    with Cache(file) as main, ShardCache(Shard(number=1, count=2).cache_file(file), main) as cache:
        _leave(server, main, 3, STUCK)
        _finish(server)
        looks = server.looks
        with pytest.raises(WaitingError) as caught:
            _live(server, cache, 3)
        assert "mmteb-synth batches harvest" in str(caught.value.hint)
        assert (server.looks, server.requests) == (looks, [])
        while next(joblist.harvest_finished(main)).state != "done":
            pass
        assert _live(server, cache, 3).hits == 3


def test_what_was_never_submitted_is_asked_live_unless_a_build_is_about_to(
    server: BatchServer, cache: Cache, tmp_path: Path
) -> None:
    translator = _translator(server)
    (segment,) = _segments(1)
    request = Request(key=translator.key(segment, TURKISH), segment=segment, language=TURKISH)
    preset = translators.resolve("openai:test-model", base_url=server.url).preset  # type: ignore[attr-defined]
    job = Job(
        translator=translator.name,
        preset=preset.model_dump_json(),
        base_url=server.url,
        prompt_version=None,
        requests=1,
        tokens=1,
    )
    Jobs(cache).add(job, [request])
    over, there = threading.Event(), threading.Event()

    def submit() -> None:
        with Cache(cache.file) as other, Jobs(other).alone():
            there.set()
            over.wait(60)

    submitting = threading.Thread(target=submit)
    submitting.start()
    try:
        assert there.wait(60)
        with pytest.raises(WaitingError):
            _live(server, cache, 1)
    finally:
        over.set()
        submitting.join()
    assert _live(server, cache, 1).requests == 1
    assert Jobs(cache).all() == []


def test_a_merge_tells_of_the_jobs_that_stay_behind(server: BatchServer, tmp_path: Path) -> None:
    other = tmp_path / "my other" / "cache.sqlite"
    with Cache(other) as cache:
        _leave(server, cache, 2, STUCK)
    merging = ["cache", "merge", str(other), "--cache-dir", str(tmp_path)]
    done = CliRunner().invoke(cli, merging)
    assert done.exit_code == 0
    assert f"1 batch jobs stay with {other}" in done.stderr
    assert f"mmteb-synth batches harvest --cache-dir '{other.parent}'" in done.stderr
    _finish(server)
    with Cache(other) as cache:
        assert [job.state for job in joblist.harvest_finished(cache)] == ["done"]
    assert "stay" not in CliRunner().invoke(cli, merging).stderr


def test_an_endpoint_that_is_away_is_named(cache: Cache) -> None:
    with BatchServer() as gone:
        _leave(gone, cache, 2, STUCK)
    with BatchServer() as server, pytest.raises(WaitingError, match="can't be reached"):
        _live(server, cache, 2)


def test_a_live_build_and_a_plan_know_the_batches(server: BatchServer, tmp_path: Path) -> None:
    live = BuildOptions(translator="openai:test-model", base_url=server.url, repair=False)
    batched = dataclasses.replace(live, batch=True, poll=0.05)
    members = selection.choose(["MiniSTS"]).members
    folders = paths.folders(cache_dir=tmp_path / "cache", data_dir=tmp_path / "sets")
    stop = Stop()

    def make(options: BuildOptions, progress: ProgressFactory | None = None) -> SetReport:
        (made,) = build(
            [TURKISH], members, options=options, folders=folders, progress=progress, stop=stop
        ).sets
        return made

    count = planning.plan([TURKISH], members, options=live, folders=folders).total.to_ask
    server.plans.append(STUCK)
    with pytest.raises(Stopped):
        make(batched, lambda _: lambda _: stop.request("a test"))
    stop = Stop()
    planned = planning.plan([TURKISH], members, options=live, folders=folders)
    assert (planned.total.to_ask, planned.cost.dollars) == (0, 0.0)
    assert any(f"{count} texts wait in batches" in note for note in planned.notes)

    waits = make(live)
    assert (waits.status, server.requests) == ("failed", [])
    assert isinstance(waits.error, WaitingError)
    _finish(server)
    built = make(live)
    assert (built.status, built.hits, built.requests) == ("built", count, 0)

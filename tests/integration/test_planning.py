"""A plan beside what a build then does, on the bundled sets and a real endpoint on loopback."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer
from click.testing import CliRunner, Result
from openai_server import Fault, OpenAIServer

from mmteb_synth import facts, languages, paths, selection
from mmteb_synth.building import BuildOptions, BuildReport, budgeting, build, inputs, planning
from mmteb_synth.building.plans import Plan
from mmteb_synth.cli import cli
from mmteb_synth.errors import UsageError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.limits import Limits

pytestmark = pytest.mark.usefixtures("unjudged")

TURKISH = languages.parse("tr")
SUITE = ("mini",)
INPUT, OUTPUT = 1.0, 2.0
PRESET = f"""
model = "test-model"
base_url = "URL"
tokenizer = "o200k_base"
max_output_tokens = 400
concurrency = 4

[prices]
date = 2026-11-23
input = {INPUT}
output = {OUTPUT}
batch_discount = 0.5
"""


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=lambda text: f"<{text}>") as running:
        yield running


@pytest.fixture
def preset(tmp_path: Path, server: OpenAIServer) -> Path:
    file = tmp_path / "priced.toml"
    file.write_text(PRESET.replace("URL", server.url))
    return file


@pytest.fixture
def folders(tmp_path: Path) -> paths.Folders:
    return paths.folders(
        cache_dir=tmp_path / "cache", data_dir=tmp_path / "data", results_dir=tmp_path / "results"
    )


def _plan(options: BuildOptions, folders: paths.Folders, suites: tuple[str, ...] = SUITE) -> Plan:
    return planning.plan([TURKISH], selection.choose(suites=suites).members, options=options, folders=folders)


def _build(options: BuildOptions, folders: paths.Folders) -> BuildReport:
    return build([TURKISH], selection.choose(suites=SUITE).members, options=options, folders=folders)


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def _spent(folders: paths.Folders) -> float:
    """What the answers in the cache cost, by the tokens that the server counted."""
    with Cache(folders.cache_file) as cache:
        return sum((row.input_tokens * INPUT + row.output_tokens * OUTPUT) / 1e6 for row in cache.rows())


def test_counts_are_what_the_build_then_does(
    preset: Path, folders: paths.Folders, server: OpenAIServer
) -> None:
    options = BuildOptions(translator=str(preset))
    planned = _plan(options, folders)
    assert not server.requests
    assert not folders.cache_file.exists()
    built = _build(options, folders)
    assert built.ok
    assert [one.name for one in planned.sets] == [one.name for one in built.sets]
    for ahead, done in zip(planned.sets, built.sets, strict=True):
        assert done.counts is not None
        assert ahead.volume is not None
        assert ahead.exact
        assert ahead.volume.segments == done.counts.segments
        assert ahead.volume.to_ask == done.hits + done.requests  # alone, the hits would be requests too
    assert planned.total.to_ask == sum(one.requests for one in built.sets) == len(server.requests)
    assert built.spending.planned == planned.total.usage
    assert built.spending.planned_dollars == pytest.approx(planned.cost.dollars)
    assert built.spending.dollars == pytest.approx(_spent(folders))
    again = _plan(options, folders)
    assert all(one.unchanged for one in again.sets)
    assert again.total == dataclasses.replace(
        planned.total, cached=planned.total.segments, to_ask=0, usage=again.total.usage
    )
    assert again.cost.dollars == 0


def test_counts_know_what_the_cache_holds_and_what_failed(
    preset: Path, folders: paths.Folders, server: OpenAIServer
) -> None:
    part = BuildOptions(translator=str(preset), limit=5)
    refused = "Where is my parcel?"
    server.fault_for = lambda text: (
        Fault(message={"content": None, "refusal": "No."}) if text == refused else None
    )
    _build(part, folders)
    whole = BuildOptions(translator=str(preset))
    planned = _plan(whole, folders)
    failed = server.asked[refused] // 2  # once for each kind of text that it is, and again with the reason
    assert planned.total.failed == failed >= 1
    assert 0 < planned.total.cached < planned.total.segments
    assert planned.total.segments == planned.total.cached + planned.total.failed + planned.total.to_ask
    assert (
        _plan(dataclasses.replace(whole, retry_failed=True), folders).total.to_ask
        == planned.total.to_ask + failed
    )
    before = len(server.requests)
    built = _build(whole, folders)
    assert len(server.requests) - before == planned.total.to_ask
    hits = {one.name: one.hits for one in built.sets}
    first = planned.sets[0]
    assert first.volume is not None
    assert hits[first.name] == first.volume.cached


def test_a_plan_is_the_same_block_by_block(
    preset: Path, folders: paths.Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of every text at once would not fit into memory for a large corpus."""
    options = BuildOptions(translator=str(preset))
    whole = _plan(options, folders)
    monkeypatch.setattr(inputs, "_BLOCK", 7)
    in_blocks = _plan(options, folders)
    assert in_blocks.sets == whole.sets
    assert in_blocks.total == whole.total


def test_long_texts_count_as_their_parts(
    tmp_path: Path, folders: paths.Folders, server: OpenAIServer
) -> None:
    narrow = tmp_path / "narrow.toml"
    narrow.write_text(PRESET.replace("URL", server.url).replace("400", "100"))
    options = BuildOptions(translator=str(narrow))
    planned = _plan(options, folders)
    assert planned.total.to_ask > planned.total.segments
    assert _build(options, folders).ok
    assert len(server.requests) == planned.total.to_ask
    assert _plan(options, folders).total.cached == planned.total.segments


def test_bundled_translations_cost_nothing(folders: paths.Folders) -> None:
    planned = _plan(BuildOptions(), folders)
    assert planned.cost.dollars == planned.total.to_ask == planned.total.gaps == 0
    assert planned.total.cached == planned.total.segments
    assert not folders.cache_file.exists()


def test_gaps_are_nobodys_requests(folders: paths.Folders) -> None:
    planned = _plan(BuildOptions(translator="import:nobody"), folders)
    assert planned.total.gaps == planned.total.segments
    assert planned.total.to_ask == 0


def test_what_can_not_be_read_is_estimated(preset: Path, folders: paths.Folders, tmp_path: Path) -> None:
    options = BuildOptions(translator=str(preset), source_dir=tmp_path)
    planned = _plan(options, folders, ("seed",))
    assert not planned.exact
    assert planned.complete
    assert all(one.error is not None for one in planned.sets)
    by_name = {one.name.split(".")[0]: one for one in planned.sets}
    twitter = by_name["TwitterURLCorpus"].volume
    assert twitter is not None
    assert twitter.segments == 4_329 + 41_304  # MTEB's own statistics: different texts of each column
    assert twitter.characters == pytest.approx(8_659_940 / (2 * 51_534) * twitter.segments, rel=0.06)
    smaller = _plan(dataclasses.replace(options, limit=100), folders, ("seed",))
    assert smaller.total.characters < planned.total.characters / 10
    assert planned.cost.dollars is not None
    assert planned.cost.batch_dollars == pytest.approx(planned.cost.dollars / 2)


def test_little_of_english_mteb_is_translated(preset: Path, folders: paths.Folders, tmp_path: Path) -> None:
    """MTEB's statistics and draws, set by set: 57 of 530 million characters without retrieval."""
    options = BuildOptions(translator=str(preset), source_dir=tmp_path)
    planned = _plan(options, folders, ("mteb-eng-v2",))
    types = {name: known.type for name, known in facts.tasks().items()}
    volumes = [
        one.volume
        for one in planned.sets
        if one.volume and types[one.name.split(".tur-Latn.", maxsplit=1)[0]] != "Retrieval"
    ]
    assert len(volumes) == 31
    assert round(sum(volume.whole for volume in volumes) / 1e6) == 530
    assert round(sum(volume.characters for volume in volumes) / 1e6) == 57


def test_time_hours_and_embeddings(preset: Path, folders: paths.Folders) -> None:
    planned = planning.plan(
        [TURKISH],
        selection.choose(suites=SUITE).members,
        options=BuildOptions(translator=str(preset)),
        folders=folders,
        models=["openai/text-embedding-3-small", "a-company/secret-embedder"],
        tokens_per_second=10.0,
        limits=Limits(tokens_per_minute=1000),
    )
    usage = planned.total.usage
    assert planned.cost.gpu_hours == pytest.approx(usage.output_tokens / 10 / 3600)
    assert planned.cost.seconds == pytest.approx(0.06 * (usage.input_tokens + usage.output_tokens))
    known, unknown = planned.embeddings
    assert known.price == 0.02
    assert known.dollars == pytest.approx(known.tokens * 0.02 / 1e6, rel=1e-3)
    # MTEB reads every row's text, so more than the unique segments; none of them with a prompt
    assert usage.output_tokens < known.tokens < 5 * usage.output_tokens
    assert unknown.dollars is unknown.price is None
    assert unknown.tokens > 0


def test_the_largest_that_a_budget_pays_for(preset: Path, folders: paths.Folders) -> None:
    offered = budgeting.offers(
        [TURKISH],
        {"mini": selection.choose(suites=SUITE).members},
        options=BuildOptions(translator=str(preset)),
        folders=folders,
    )
    assert [offer.limit for offer in offered] != sorted(offered, key=lambda offer: -offer.segments)
    whole = budgeting.largest(offered, 1000.0)
    assert whole is not None
    assert whole.limit is None
    assert budgeting.largest(offered, 0.000001) is None
    unpriced = BuildOptions(translator="openai:unpriced", base_url="http://127.0.0.1:9/v1")
    for options, models in (
        (unpriced, ()),
        (BuildOptions(translator=str(preset)), ["a-company/secret-embedder"]),
    ):
        with pytest.raises(UsageError, match="--budget needs prices"):
            budgeting.offers(
                [TURKISH],
                {"mini": selection.choose(suites=SUITE).members},
                options=options,
                folders=folders,
                models=models,
            )


def test_a_budget_pays_for_embeddings_too(preset: Path, folders: paths.Folders) -> None:
    alone, with_model = (
        budgeting.offers(
            [TURKISH],
            {"mini": selection.choose(suites=SUITE).members},
            options=BuildOptions(translator=str(preset), limit=5),
            folders=folders,
            models=models,
        )[0].dollars
        for models in ((), ["openai/text-embedding-3-large"])
    )
    assert alone is not None
    assert with_model is not None
    assert with_model > alone > 0


def test_whole_sets_first_and_never_beyond(
    preset: Path, folders: paths.Folders, server: OpenAIServer
) -> None:
    options = BuildOptions(translator=str(preset))
    dear = _plan(options, folders).cost.dollars
    assert dear is not None
    small = dataclasses.replace(options, max_cost=dear / 2)
    first = _build(small, folders)
    assert not first.ok
    states = {one.name: one.status for one in first.sets}
    assert {"built", "over budget"} == set(states.values())
    assert 0 < _spent(folders) <= dear / 2
    assert len(first.sets) == len(states) == 8
    put_off = next(one for one in first.sets if one.status == "over budget")
    assert "would cost about $" in put_off.warnings[-1]
    asked = len(server.requests)
    assert _build(options, folders).ok
    assert set(server.asked.values()) == {1} or max(server.asked.values()) <= 2  # one text, two kinds
    assert len(server.requests) > asked


def test_what_was_put_off_is_begun_when_others_have_paid_for_its_texts(
    preset: Path, folders: paths.Folders
) -> None:
    options = BuildOptions(translator=str(preset))
    members = selection.choose(suites=SUITE).members
    spec = {member.spec.name: member for member in members}
    pair = [spec["MiniSTSBitext"], spec["MiniSTS"]]
    price = planning.plan([TURKISH], pair, options=options, folders=folders).cost.dollars
    assert price is not None
    report = build([TURKISH], pair, options=dataclasses.replace(options, max_cost=3 * price), folders=folders)
    assert report.ok
    assert sum(one.requests > 0 for one in report.sets) == 1


def test_answers_that_are_longer_than_expected_stop_the_run(
    preset: Path, folders: paths.Folders, server: OpenAIServer
) -> None:
    server.answer = lambda text: "uzun " * 300  # the server counts words
    options = BuildOptions(translator=str(preset))
    price = _plan(options, folders).cost.dollars
    assert price is not None
    limit = 1.6 * price
    report = _build(dataclasses.replace(options, max_cost=limit), folders)
    assert not report.ok
    assert 0 < _spent(folders) <= limit
    assert report.spending.dollars == pytest.approx(_spent(folders))


def test_a_limit_of_nothing_asks_nothing(preset: Path, folders: paths.Folders, server: OpenAIServer) -> None:
    report = _build(BuildOptions(translator=str(preset), max_cost=0.0), folders)
    assert {one.status for one in report.sets} == {"over budget"}
    assert not server.requests
    with pytest.raises(UsageError, match="--max-cost"):
        BuildOptions(max_cost=-1.0)
    assert _build(BuildOptions(max_cost=0.0), folders).ok  # what is bundled costs nothing


def test_batches_cost_half_and_begin_no_set_that_is_too_dear(tmp_path: Path, folders: paths.Folders) -> None:
    with BatchServer() as server:
        preset = tmp_path / "priced.toml"
        preset.write_text(PRESET.replace("URL", server.url))
        options = BuildOptions(translator=str(preset), batch=True, poll=0.02)
        planned = _plan(options, folders)
        assert planned.cost.batch_dollars is not None
        some = _build(dataclasses.replace(options, max_cost=planned.cost.batch_dollars / 2), folders)
        assert {one.status for one in some.sets} == {"built", "over budget"}
        assert some.spending.dollars == pytest.approx(_spent(folders) / 2)
        assert _spent(folders) / 2 <= planned.cost.batch_dollars / 2
        rest = _build(options, folders)
        assert rest.ok
        assert some.spending.planned + rest.spending.planned == planned.total.usage
        assert max(server.asked.values(), default=0) <= 2  # one text may be of two kinds


def test_commands(preset: Path, folders: paths.Folders, server: OpenAIServer) -> None:
    common = (
        "--lang",
        "tr",
        "--translator",
        preset,
        "--cache-dir",
        folders.cache_dir,
        "--data-dir",
        folders.data_dir,
    )
    more = (
        "--evaluate",
        "openai/text-embedding-3-large",
        "--tokens-per-second",
        5,
        "--requests-per-minute",
        100,
    )
    table = _run("plan", *common, *more)
    assert table.exit_code == 0, table.output
    assert "all together" in table.output
    assert "text-embedding-3-large" in table.output
    assert "GPU-hours" in table.output
    assert "time at the translator's limits: 1 min 45 s" in table.output  # 175 requests at 100 a minute
    values = json.loads(_run("plan", *common, "--json").stdout)
    assert values["total"]["to_ask"] == 175
    assert values["exact"]
    offers = json.loads(_run("plan", *common, "--suite", "mini", "--budget", 20, "--json").stdout)
    assert offers["best"]["suite"] == "mini"
    chosen = _run("plan", *common, "--task", "MiniSTS", "--task", "MiniClustering", "--budget", 20).stdout
    assert "pays for: --task MiniSTS --task MiniClustering, whole" in chosen
    assert "pays for none" in _run("plan", *common, "--suite", "mini", "--budget", 0).stdout
    stopped = _run("build", *common, "--max-cost", 0)
    assert stopped.exit_code == 1
    assert "over budget" in stopped.output
    built = _run("build", *common)
    assert built.exit_code == 0, built.output
    assert f"planned for these texts: {values['total']['usage']['input_tokens']:,} input" in built.stdout
    assert len(server.requests) == 175
    places = ("--cache-dir", folders.cache_dir, "--data-dir", folders.data_dir)
    endpoint = ("--translator", "openai:m", "--base-url", server.url)
    unpriced = _run("build", "--lang", "tr", *endpoint, *places, "--max-cost", 5)
    assert unpriced.exit_code == 2
    assert "[prices]" in unpriced.output

"""`mmteb-synth build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth import stopping
from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.types import OnFailure


@click.command()
@options.language("A target language, as tr, tur-Latn or Turkish.", required=True)
@options.sets
@click.option("--translator", metavar="NAME", help="Who translates; by default what is bundled.")
@click.option(
    "--base-url", multiple=True, metavar="URL", help="Another endpoint; repeated, they share the load."
)
@click.option(
    "--weights",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder with the weights of a vllm: translator.",
)
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Requests in flight.")
@options.offline("Ask nobody, the Hub neither: what the cache lacks has failed.", exposed=True)
@click.option("--retry-failed", is_flag=True, help="Ask again for what was refused, cut off or empty.")
@options.repairs
@click.option(
    "--on-failure",
    type=click.Choice(["stop", "source", "drop"]),
    default="stop",
    show_default=True,
    help="Hold a set with failures back, keep their English, or drop their rows; the latter two also where a translation stays faulty.",
)
@click.option(
    "--tolerate",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="The share of segments that may fail, as 0.001.",
)
@options.profile
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N rows only, for a trial.")
@click.option("--all-rows", is_flag=True, help="Translate also rows that MTEB never shows a model.")
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Spend no more: whole sets first, and none that what is left does not pay for.",
)
@click.option(
    "--requests-per-minute",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Requests a minute at most.",
)
@click.option(
    "--tokens-per-minute",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Tokens a minute at most, sent and received.",
)
@click.option("--batch", is_flag=True, help="Ask in batches: within a day, at half the price.")
@click.option(
    "--poll",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait between two looks at the batches.",
)
@click.option(
    "--queue-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="The most tokens that the account may have queued in batches.",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Translate this share only, into a cache file of its own; `cache merge` joins them.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with the worst translations, as `check --html` does.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=stopping.GRACE,
    show_default=True,
    metavar="SECONDS",
    help="How long answers in flight are waited for after Ctrl-C, SIGTERM, SIGUSR1 or SIGUSR2.",
)
@options.source_dir
@options.data_dir
@options.cache_dir
@options.verbosity
def build(
    lang: tuple[str, ...],
    task: tuple[str, ...],
    suite: tuple[str, ...],
    translator: str | None,
    base_url: tuple[str, ...],
    weights: Path | None,
    concurrency: int | None,
    offline: bool,
    retry_failed: bool,
    fallback: tuple[str, ...],
    repair: bool,
    strict: bool,
    on_failure: OnFailure,
    tolerate: float,
    profile: str,
    limit: int | None,
    all_rows: bool,
    max_cost: float | None,
    requests_per_minute: float | None,
    tokens_per_minute: float | None,
    batch: bool,
    poll: float,
    queue_tokens: int | None,
    shard: str | None,
    html: Path | None,
    grace: float,
    source_dir: Path | None,
    data_dir: Path | None,
    cache_dir: Path | None,
) -> None:
    """Translate sets into languages and store them.

    Every translation goes to the cache and is never asked for twice: run the command again to go on, also after
    Ctrl-C or a scheduler's signal, which end it in good order with exit code 75.
    """
    output.set_up()
    from mmteb_synth import api

    with stopping.on_signals(grace=grace) as stop:
        report = api.build(
            lang,
            tasks=task,
            suite=suite,
            translator=translator,
            base_url=base_url,
            weights=weights,
            source_dir=source_dir,
            concurrency=concurrency,
            offline=offline,
            retry_failed=retry_failed,
            fallback=fallback,
            repair=repair,
            strict=strict,
            on_failure=on_failure,
            tolerate=tolerate,
            profile=profile,
            limit=limit,
            all_rows=all_rows,
            max_cost=max_cost,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            batch=batch,
            poll=poll,
            queue_tokens=queue_tokens,
            shard=shard,
            html=html,
            data_dir=data_dir,
            cache_dir=cache_dir,
            progress=output.progress_bars(),
            report=output.set_report,
            stop=stop,
        )
    output.findings(report.sets)
    output.spending(report.spending)
    if not report.ok:
        raise click.exceptions.Exit(1)

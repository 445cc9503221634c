"""`mmteb-synth check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth import stopping
from mmteb_synth.cli import options, output
from mmteb_synth.cli.semantic_options import semantic

if TYPE_CHECKING:
    from mmteb_synth.checking import CheckReport


@click.command()
@options.language("A language; by default all that were built.")
@options.sets
@click.option("--translator", multiple=True, metavar="NAME", help="Only this translator's sets. Repeatable.")
@options.profiles
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON line for each flagged segment, instead of tables."
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with the worst examples."
)
@click.option("--strict", is_flag=True, help="Exit with 1 where an error, or a failed segment, remains.")
@semantic
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Requests in flight.")
@options.offline("Ask nobody: what the cache lacks is not judged.", exposed=True)
@click.option("--retry-failed", is_flag=True, help="Ask a judge again for what it refused before.")
@options.data_dir
@options.cache_dir
@options.results_dir
@options.verbosity
def check(
    lang: tuple[str, ...],
    task: tuple[str, ...],
    suite: tuple[str, ...],
    translator: tuple[str, ...],
    profile: tuple[str, ...],
    as_json: bool,
    html: Path | None,
    strict: bool,
    similarity: str | None,
    back_translation: str | None,
    judge: str | None,
    quality: str | None,
    sample: int | None,
    base_url: str | None,
    concurrency: int | None,
    offline: bool,
    retry_failed: bool,
    data_dir: Path | None,
    cache_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Judge stored translations anew, without one request.

    What today's checks say takes the place of what was recorded with the sets. --similarity, --back-translation,
    --quality and --judge ask models too.
    """
    output.set_up()
    from mmteb_synth import api

    with stopping.on_signals() as stop:
        report = api.check(
            lang or None,
            tasks=task,
            suite=suite,
            translator=translator,
            profile=profile,
            similarity=similarity,
            back_translation=back_translation,
            judge=judge,
            quality=quality,
            sample=sample,
            base_url=base_url,
            concurrency=concurrency,
            offline=offline,
            retry_failed=retry_failed,
            html=html,
            data_dir=data_dir,
            cache_dir=cache_dir,
            results_dir=results_dir,
            progress=output.progress_bars(),
            warn=output.warn,
            stop=stop,
        )
    _tell(report)
    if as_json:
        _print_lines(report)
    else:
        _print_tables(report)
    if html is not None and not output.is_quiet():
        click.echo(f"written: {html}", err=True)
    if not report.ok or (strict and report.errors):
        raise click.exceptions.Exit(1)


def _tell(report: CheckReport) -> None:
    """What is no result, on stderr."""
    if not report.sets:
        click.echo("English is what the sets were translated from: there is nothing to check", err=True)
    for one in report.sets:
        if one.problem:
            output.fail(f"{one.name}: {one.problem.message}", one.problem.hint, one.problem)
        if one.dataset and one.dataset.is_held_back:
            output.warn(f"{one.name} was held back: this is the evidence, and no set is stored")
        for note in one.notes:
            output.warn(note)


def _print_lines(report: CheckReport) -> None:
    import json

    for one in report.sets:
        for found in one.flagged():
            click.echo(json.dumps(found.as_json(), ensure_ascii=False))


def _print_tables(report: CheckReport) -> None:
    for one in report.sets:
        for said in one.semantic:
            click.echo(f"{one.name}: {'; '.join(said.lines())}")
    output.findings(report.sets)

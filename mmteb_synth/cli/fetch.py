"""`mmteb-synth fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.fetching import FetchReport


@click.command()
@options.sets
@options.language("For a suite that finds what MTEB holds in a language, as native: the language.")
@click.option("-m", "--model", multiple=True, metavar="MODEL", help="A model of the Hub too. Repeatable.")
@click.option(
    "--to",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to bring it to.",
)
@options.verbosity
def fetch(
    task: tuple[str, ...], suite: tuple[str, ...], lang: tuple[str, ...], model: tuple[str, ...], to: Path
) -> None:
    """Bring data sets and models to a folder.

    Run it on a machine with a network; then, where there is none, build and evaluate with --source-dir DIR and
    --offline. Tokenizers' data come with the package.
    """
    output.set_up()
    from mmteb_synth import fetching, languages, selection

    codes = [languages.parse(name).code for name in lang]
    repositories = fetching.wanted(selection.choose(task, suite), model, codes)
    if not repositories:
        click.echo("nothing to fetch: these sets are bundled")
        return
    done = fetching.fetch(repositories, to, report=_show)
    failed = [report for report in done if report.error is not None]
    if not failed and not output.is_quiet():
        click.echo(f"then, without a network: mmteb-synth build --offline --source-dir {to} …", err=True)
        for name in model:
            folder = to / fetching.MODELS / name
            click.echo(
                f"mmteb-synth evaluate --offline --source-dir {to} -m {folder} --model-name {name}", err=True
            )
    if failed:
        raise click.exceptions.Exit(1)


def _show(report: FetchReport) -> None:
    if report.error is None:
        click.echo(f"{report.wanted.kind} {report.wanted.name}: {report.wanted.folder}")
    else:
        output.fail(report.error.message, report.error.hint, report.error)

"""`mmteb-synth export`."""

from __future__ import annotations

from pathlib import Path

import click

from mmteb_synth.cli import options, output


@click.command()
@options.language("A language whose sets are handed on.", required=True)
@options.sets
@click.option("--translator", multiple=True, metavar="NAME", help="Only this translator's sets. Repeatable.")
@click.option(
    "--to",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write them to.",
)
@options.accept_licence
@options.data_dir
@options.results_dir
@options.verbosity
def export(
    lang: tuple[str, ...],
    task: tuple[str, ...],
    suite: tuple[str, ...],
    translator: tuple[str, ...],
    to: Path,
    accept_licence: tuple[str, ...],
    data_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Copy whole built sets into a folder for others.

    Each comes in MTEB's Parquet layout with its data card, record and ledger, ready to be uploaded or scored with
    --data-dir. Trials and sets with blanks stay here, and so does what a licence forbids to hand on.
    """
    output.set_up()
    from mmteb_synth import api

    done = api.export(
        lang,
        to,
        tasks=task,
        suite=suite,
        translator=translator,
        accept_licence=accept_licence,
        data_dir=data_dir,
        results_dir=results_dir,
        warn=output.warn,
    )
    for one in done:
        if one.error is not None:
            output.fail(one.error.message, one.error.hint, one.error)
        elif one.terms is not None:
            click.echo(f"{one.folder}: {one.terms.note()}")
    if any(one.error for one in done):
        raise click.exceptions.Exit(1)

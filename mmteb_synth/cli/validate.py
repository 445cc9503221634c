"""`mmteb-synth validate` and `mmteb-synth sampling-agreement`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.validating import Certificate, SamplingAgreement

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@options.language("A language.", required=True)
@click.option("--suite", metavar="NAME", help="The board's suite, where several have scores.")
@click.option("--translator", metavar="NAME", help="The board's translator, where several have scores.")
@click.option("--profile", metavar="NAME", help="The board's profile; full where there are scores of it.")
@click.option("-m", "--model", multiple=True, metavar="MODEL", help="Only this model. Repeatable.")
@click.option(
    "-t",
    "--task",
    multiple=True,
    metavar="NAME",
    help="Hold it to this MTEB task, and only to those named. Repeatable.",
)
@click.option(
    "--trusted",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="MTEB results to hold it to: a results folder, a clone of MTEB's results, or a CSV; by default one's own.",
)
@click.option(
    "--against",
    metavar="NAME",
    help="Another translator or profile: hold the board to its board instead.",
)
@click.option("--out", type=_FOLDER, help="Where to write the certificate.")
@click.option("--json", "as_json", is_flag=True, help="The certificates as a JSON array instead of tables.")
@options.data_dir
@options.results_dir
@options.verbosity
def validate(
    lang: tuple[str, ...],
    suite: str | None,
    translator: str | None,
    profile: str | None,
    model: tuple[str, ...],
    task: tuple[str, ...],
    trusted: Path | None,
    against: str | None,
    out: Path | None,
    as_json: bool,
    data_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Say whether a board ranks models as native sets do.

    A certificate is written, and board and data cards say what it says.
    """
    output.set_up()
    from mmteb_synth import api, paths
    from mmteb_synth.errors import SynthError

    made: list[Certificate] = []
    failed: list[SynthError] = []
    for name in lang:
        try:
            certificate = api.validate(
                name,
                suite=suite,
                translator=translator,
                profile=profile,
                model=model,
                tasks=task,
                trusted=trusted,
                against=against,
                out=out,
                data_dir=data_dir,
                results_dir=results_dir,
                warn=output.warn,
            )
        except SynthError as error:
            if len(lang) == 1:
                raise
            output.fail(f"{name}: {error.message}", error.hint, error)
            failed.append(error)
            continue
        made.append(certificate)
        if not as_json:
            _show(certificate)
        if not output.is_quiet():
            folder = out or paths.folders(results_dir=results_dir).validity_dir
            click.echo(f"written: {folder / certificate.name}.md and .json", err=True)
    if as_json:
        output.print_json([certificate.record() for certificate in made])
    if failed:
        raise click.exceptions.Exit(failed[0].exit_code)


@click.command("sampling-agreement")
@click.option("--profile", required=True, metavar="NAME", help="The profile, as nano.")
@click.option("--suite", metavar="NAME", help="The suite, where several have scores.")
@click.option("-m", "--model", multiple=True, metavar="MODEL", help="Only this model. Repeatable.")
@options.as_json
@options.data_dir
@options.results_dir
@options.verbosity
def sampling_agreement(
    profile: str,
    suite: str | None,
    model: tuple[str, ...],
    as_json: bool,
    data_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Say how well a profile ranks models as the full sets do.

    It takes models with English scores on both.
    """
    output.set_up()
    from mmteb_synth import api

    found = api.sampling_agreement(
        profile, suite=suite, model=model, data_dir=data_dir, results_dir=results_dir
    )
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in found.rows])
    else:
        _show_sampling(found)
    for note in found.notes:
        output.warn(note)


def _show(certificate: Certificate) -> None:
    from mmteb_synth.validating import page

    output.table([name.lower() for name in page.HEAD], page.rows(certificate))
    click.echo()
    click.echo(certificate.verdict.text)
    for note in certificate.notes:
        output.warn(note)


def _show_sampling(found: SamplingAgreement) -> None:
    from mmteb_synth.validating.verdicts import said

    click.echo(f"suite {found.suite}, profile {found.profile} held to the full sets, in English")
    output.table(
        ("of", "tasks", "models", "Kendall's tau", "Spearman's rho", "points lost", "shift", "furthest"),
        [
            (
                row.name,
                row.tasks,
                row.agreement.models,
                said(row.agreement.tau),
                said(row.agreement.rho),
                said(row.agreement.lost),
                f"{row.shift:+.2f}",
                f"{row.furthest:.2f}",
            )
            for row in found.rows
        ],
    )

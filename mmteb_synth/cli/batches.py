"""`mmteb-synth batches`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmteb_synth.translate.batches.joblist import JobStatus
    from mmteb_synth.translate.cache import Cache


@click.group()
def batches() -> None:
    """Batch jobs that `build --batch` submitted."""


@contextmanager
def _opened(cache_dir: Path | None) -> Iterator[Cache]:
    from mmteb_synth import paths
    from mmteb_synth.translate.cache import Cache

    with Cache(paths.folders(cache_dir=cache_dir).cache_file) as opened:
        yield opened


@batches.command("list")
@options.as_json
@options.cache_dir
@options.verbosity
def list_jobs(as_json: bool, cache_dir: Path | None) -> None:
    """All jobs, and how those stand that are not done."""
    output.set_up()
    import dataclasses

    from mmteb_synth.translate.batches import joblist

    with _opened(cache_dir) as cache:
        jobs = joblist.statuses(cache)
    if as_json:
        output.print_json([dataclasses.asdict(job) for job in jobs])
        return
    output.table(
        ("batch", "translator", "created", "requests", "state", "server", "answered", "refused", ""),
        [
            (
                job.id,
                job.translator,
                job.created[:19],
                job.requests,
                job.state,
                job.remote,
                job.completed if job.remote else "",
                job.failed if job.remote else "",
                job.said or job.unknown,
            )
            for job in jobs
        ],
    )


@batches.command()
@options.cache_dir
@options.verbosity
def harvest(cache_dir: Path | None) -> None:
    """Bring the answers of finished jobs into the cache."""
    output.set_up()
    from mmteb_synth.translate.batches import joblist

    with _opened(cache_dir) as cache:
        _show(joblist.harvest_finished(cache))


@batches.command()
@click.argument("ids", nargs=-1, metavar="[BATCH]...")
@options.cache_dir
@options.verbosity
def cancel(ids: tuple[str, ...], cache_dir: Path | None) -> None:
    """Cancel jobs: those named, or all that are not done. What they finished is charged, and can be harvested."""
    output.set_up()
    from mmteb_synth.translate.batches import joblist

    with _opened(cache_dir) as cache:
        _show(joblist.cancel(cache, ids))


def _show(jobs: Iterable[JobStatus]) -> None:
    """Print a line for each job; the exit code is 1 where a server could not be asked."""
    shown = []
    for job in jobs:
        shown.append(job)
        stands = f"{job.remote}, {job.completed + job.failed} of {job.requests}" if job.remote else job.state
        click.echo(f"{job.id}: {stands}" + (f"; {job.said}" if job.said else ""))
        if job.unknown:
            click.secho(f"error: {job.id}: {job.unknown}", fg="red", err=True)
    if not shown:
        click.echo("no job is waiting")
    if any(job.unknown for job in shown):
        raise click.exceptions.Exit(1)

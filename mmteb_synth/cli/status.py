"""`mmteb-synth status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.translate.status import Status


@click.command()
@options.as_json
@options.cache_dir
@options.verbosity
def status(as_json: bool, cache_dir: Path | None) -> None:
    """Show how far builds are.

    It reads files beside the cache, so another host that sees the folder can ask too.
    """
    output.set_up()
    import dataclasses

    from mmteb_synth import paths
    from mmteb_synth.translate import status as statuses

    found = statuses.read_all(paths.folders(cache_dir=cache_dir).cache_dir)
    if as_json:
        output.print_json(
            [
                {
                    "file": path.name,
                    **dataclasses.asdict(one),
                    "age_seconds": one.age(),
                    "stale": one.is_stale(),
                }
                for path, one in found.items()
            ]
        )
        return
    output.table(
        ("run", "host", "pid", "state", "set", "done", "failed", "a second", "left"),
        [
            (
                path.stem,
                one.host,
                one.pid,
                f"killed? silent for {one.age():.0f} s" if one.is_stale() else one.state,
                one.set,
                f"{one.done}/{one.total}",
                one.failed,
                f"{one.per_second:.1f}",
                _left(one),
            )
            for path, one in found.items()
        ],
    )
    for path, one in found.items():
        if one.error:
            output.warn(f"{path.stem}: {one.error}")


def _left(status: Status) -> str:
    if status.state != "running" or status.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(status.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"

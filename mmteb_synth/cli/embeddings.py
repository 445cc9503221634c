"""`mmteb-synth embeddings`."""

from __future__ import annotations

from pathlib import Path

import click

from mmteb_synth.cli import options, output
from mmteb_synth.errors import UsageError


@click.group()
@options.verbosity
def embeddings() -> None:
    """Look after the embeddings that `evaluate` keeps."""


@embeddings.command()
@options.as_json
@options.cache_dir
@options.verbosity
def stats(as_json: bool, cache_dir: Path | None) -> None:
    """What is kept of which model, and how much room it takes."""
    output.set_up()
    from mmteb_synth import paths
    from mmteb_synth.evaluation.embeddings import folder

    place = paths.folders(cache_dir=cache_dir).embeddings_dir
    kept = folder.kept(place)
    if not kept and not output.is_quiet():
        click.echo(f"no embeddings are kept in {place}", err=True)
    for one in kept:
        if one.problem is not None:
            output.warn(f"{one.problem.message} ({one.problem.hint})")
    if as_json:
        output.print_json(
            [
                {
                    "model": one.model,
                    "revision": one.revision,
                    "vectors": one.vectors,
                    "dimensions": one.shape.dimensions if one.shape else None,
                    "kind": one.shape.kind if one.shape else None,
                    "bytes": one.size,
                    "file": str(one.file),
                }
                for one in kept
            ]
        )
        return
    output.table(
        ("model", "revision", "vectors", "dimensions", "kind", "MB"),
        [
            (
                one.model,
                one.revision,
                one.vectors,
                one.shape.dimensions if one.shape else None,
                one.shape.kind if one.shape else None,
                f"{one.size / 1e6:.1f}",
            )
            for one in kept
        ],
    )


@embeddings.command()
@click.option("-m", "--model", "model", multiple=True, metavar="NAME", help="Only this model's. Repeatable.")
@click.option("--all", "everything", is_flag=True, help="Those of all models.")
@options.cache_dir
@options.verbosity
def clear(model: tuple[str, ...], everything: bool, cache_dir: Path | None) -> None:
    """Remove embeddings.

    Their texts are encoded anew, and paid for anew, when they are needed again.
    """
    output.set_up()
    if everything == bool(model):
        raise UsageError(
            "say whose embeddings to remove: --model NAME, or --all",
            hint="`mmteb-synth embeddings stats` lists the models",
        )
    from mmteb_synth import paths
    from mmteb_synth.evaluation.embeddings import folder

    removed = folder.clear(paths.folders(cache_dir=cache_dir).embeddings_dir, model)
    vectors, size = sum(one.vectors for one in removed), sum(one.size for one in removed)
    click.echo(f"{vectors} embeddings removed, {size / 1e6:.1f} MB")

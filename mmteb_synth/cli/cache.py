"""`mmteb-synth cache`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.translate.cache import Cache

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
@options.verbosity
def cache() -> None:
    """Look after the translation cache."""


@contextmanager
def _opened(cache_dir: Path | None) -> Iterator[Cache]:
    from mmteb_synth import paths
    from mmteb_synth.translate.cache import Cache

    with Cache(paths.folders(cache_dir=cache_dir).cache_file) as opened:
        yield opened


def _language(value: str | None) -> str | None:
    if value is None:
        return None
    from mmteb_synth import languages

    return languages.parse(value).code


@cache.command()
@options.as_json
@options.cache_dir
@options.verbosity
def stats(as_json: bool, cache_dir: Path | None) -> None:
    """What the cache holds, by translator and language."""
    output.set_up()
    import dataclasses

    with _opened(cache_dir) as opened:
        rows = opened.stats()
    if not rows and not output.is_quiet():
        click.echo("the cache is empty; the bundled translations are not part of it", err=True)
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in rows])
        return
    output.table(
        ("translator", "language", "translations", "without", "characters", "tokens in", "tokens out"),
        [
            (
                row.translator,
                row.language,
                row.served,
                row.evidence,
                row.characters,
                row.input_tokens,
                row.output_tokens,
            )
            for row in rows
        ],
    )


@cache.command("export")
@click.argument("file", type=_FILE)
@click.option("--translator", metavar="NAME", help="Only this translator's.")
@click.option("-l", "--lang", metavar="LANG", help="Only this language's.")
@options.cache_dir
@options.verbosity
def export_file(file: Path, translator: str | None, lang: str | None, cache_dir: Path | None) -> None:
    """Write translations to FILE: .parquet, .csv or .jsonl.

    It is a copy for yourself: a translation does not know which data set its English comes from, so no licence is asked
    for. Sets for others are made by mmteb-synth export.
    """
    output.set_up()
    from mmteb_synth.translate import portable

    with _opened(cache_dir) as opened:
        count = portable.export(opened, file, translator=translator, language=_language(lang))
    click.echo(f"{count} rows written to {file}")
    output.warn(
        "the rows don't know their data sets' licences: to hand translations on, use mmteb-synth export"
    )


@cache.command("import")
@click.argument("file", type=_FILE)
@click.option("-l", "--lang", metavar="LANG", help="The language of the translations.")
@click.option("--translator", metavar="import:NAME", help="The name under which builds will use them.")
@click.option("--replace", is_flag=True, help="Take the file's translation where the cache has another.")
@options.cache_dir
@options.verbosity
def import_file(
    file: Path,
    lang: str | None,
    translator: str | None,
    replace: bool,
    cache_dir: Path | None,
) -> None:
    """Read translations from FILE.

    It has columns source and translation, or is an export of a cache. All or nothing: a row that can't be taken is
    named, and nothing is imported.
    """
    output.set_up()
    from mmteb_synth.translate import portable

    with _opened(cache_dir) as opened:
        done = portable.import_file(
            opened, file, language=_language(lang), translator=translator, replace=replace
        )
    click.echo(f"{done.added} added, {done.equal} were there already, {done.replaced} replaced")


@cache.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--strict", is_flag=True, help="Refuse where caches answer differently.")
@options.cache_dir
@options.verbosity
def merge(files: tuple[Path, ...], strict: bool, cache_dir: Path | None) -> None:
    """Join the caches FILES into this one.

    Where they answer differently, this one's answer stays.
    """
    output.set_up()
    from mmteb_synth.translate import portable
    from mmteb_synth.translate.batches.jobs import Jobs
    from mmteb_synth.translate.cache import Cache

    with _opened(cache_dir) as opened:
        done = portable.merge(opened, files, strict=strict)
    click.echo(f"{done.added} added, {done.equal} were there already, {done.conflicts} conflicts")
    if not output.is_quiet():
        for conflict in done.examples:
            output.warn(
                f"{conflict.translator} {conflict.language}: {conflict.source!r} keeps {conflict.kept!r}"
            )
    for file in files:
        with Cache(file) as other:
            waiting = len(Jobs(other).unfinished())
        if waiting:
            output.warn(
                f"{waiting} batch jobs stay with {file}, and this cache does not know what they were paid for: "
                f"mmteb-synth batches harvest --cache-dir {shlex.quote(str(file.parent))}, then merge again"
            )


@cache.command()
@options.cache_dir
@options.verbosity
def verify(cache_dir: Path | None) -> None:
    """Prove that the cache is whole."""
    output.set_up()
    from mmteb_synth.translate import portable

    with _opened(cache_dir) as opened:
        found = portable.verify(opened)
    for problem in found.problems:
        click.echo(f"{problem.key or 'the file'}: {problem.reason}", err=True)
    click.echo(f"{found.rows} rows, {len(found.problems)} problems")
    if found.problems:
        raise click.exceptions.Exit(1)

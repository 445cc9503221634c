"""`mmteb-synth review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.reviewing import ImportReport
    from mmteb_synth.reviewing.statistics import Facts, Rate


@click.group()
def review() -> None:
    """Let people grade and correct translations."""


@review.command("export")
@click.option("-l", "--lang", "lang", required=True, metavar="LANG", help="The target language.")
@options.sets
@click.option("--translator", multiple=True, metavar="NAME", help="Only this translator's sets. Repeatable.")
@options.profiles
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Segments to draw at random, over all sets.",
)
@click.option(
    "--flagged",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Segments to add that the checks found fault with; they count in no rate.",
)
@click.option(
    "--raters",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="People; each is given a file.",
)
@click.option(
    "--overlap",
    type=click.IntRange(min=0),
    metavar="N",
    help="Segments that all of them are given, for their agreement.  [default: 50]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["xlsx", "xliff", "both"]),
    default="xlsx",
    show_default=True,
    help="A spreadsheet, a file for translation tools, or both.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Another one draws other rows."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("review"),
    show_default=True,
    help="The folder for the files.",
)
@options.data_dir
@options.verbosity
def export_files(
    lang: str,
    task: tuple[str, ...],
    suite: tuple[str, ...],
    translator: tuple[str, ...],
    profile: tuple[str, ...],
    sample: int,
    flagged: int,
    raters: int,
    overlap: int | None,
    form: Literal["xlsx", "xliff", "both"],
    seed: int,
    out: Path,
    data_dir: Path | None,
) -> None:
    """Write a random sample of translations for people to fill in.

    There is a row for each segment, with its context, and room for a score, a severity, a correction, and the question
    whether the label still holds. A larger sample holds the smaller one.
    """
    output.set_up()
    from mmteb_synth import api

    report = api.review_export(
        lang,
        tasks=task,
        suite=suite,
        translator=translator,
        profile=profile,
        sample=sample,
        flagged=flagged,
        raters=raters,
        overlap=overlap,
        format=form,
        seed=seed,
        out=out,
        data_dir=data_dir,
        warn=output.warn,
    )
    output.table(
        ("set", "sampled", "flagged"),
        [(name, count, report.flagged[name] or "") for name, count in report.sampled.items()],
    )
    if raters > 1:
        click.echo(f"{report.overlap} segments are in all files")
    for file in report.files:
        click.echo(str(file))
    if report.too_long and form != "xliff":
        hint = "" if form == "both" else "; --format both writes them whole, into XLIFF"
        output.warn(
            f"{report.too_long} segments are longer than a spreadsheet's cell holds (32,767 characters){hint}"
        )
    for name, count in report.short_of_verified().items():
        if not output.is_quiet():
            click.echo(f'{name}: the name "verified" needs {count} more rows', err=True)


@review.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--rater",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Who filled them in: one name for all files, or one for each in their order.",
)
@click.option(
    "--language-skill",
    type=click.Choice(["native", "fluent", "reading"]),
    help="How well they know the language.",
)
@click.option(
    "--skip-changed", is_flag=True, help="Leave out rows whose translation has changed after the export."
)
@options.as_json
@options.data_dir
@options.cache_dir
@options.verbosity
def import_files(
    files: tuple[Path, ...],
    rater: tuple[str, ...],
    language_skill: Literal["native", "fluent", "reading"] | None,
    skip_changed: bool,
    as_json: bool,
    data_dir: Path | None,
    cache_dir: Path | None,
) -> None:
    """Take filled FILES back.

    All or nothing: what can't be taken is named by file, row and column. Rows that nobody filled in are left out.
    Corrections become translations of the translator post-edited.
    """
    output.set_up()
    from mmteb_synth import api

    report = api.review_import(
        files,
        rater=rater,
        language_skill=language_skill,
        skip_changed=skip_changed,
        data_dir=data_dir,
        cache_dir=cache_dir,
    )
    for message in report.messages:
        output.warn(message)
    if as_json:
        output.print_json([_json(facts) for facts in (*report.sets, report.total)])
        return
    _taken(report)
    several = len(report.sets) > 1
    output.table(
        (
            "set",
            "rows",
            "error rate",
            "label holds",
            "ESA",
            "alpha (ESA)",
            "(severity)",
            "(label)",
            "reviewers",
        ),
        [_line(facts) for facts in (*report.sets, *([report.total] if several else []))],
    )
    for facts in report.sets:
        if facts.missing:
            click.echo(
                f'{facts.name}: {facts.rows} rows; the name "verified" needs 100, {facts.missing} more'
            )


def _taken(report: ImportReport) -> None:
    """What became of the rows."""
    added = sum(merged.added for merged in report.merged.values())
    equal = sum(merged.equal for merged in report.merged.values())
    replaced = sum(merged.replaced for merged in report.merged.values())
    kept = report.corrections
    click.echo(
        f"{added} grades added, {equal} were there already, {replaced} replaced; {report.blank} rows not filled in"
        + (f", {report.skipped} skipped" if report.skipped else "")
    )
    if kept.added or kept.equal or kept.replaced:
        click.echo(
            f"{kept.added} corrections added, {kept.equal} were there already, {kept.replaced} replaced: "
            "mmteb-synth build --translator post-edited --fallback NAME uses them"
        )


def _line(facts: Facts) -> tuple[object, ...]:
    alpha = facts.alpha
    return (
        facts.name,
        facts.rows,
        _percent(facts.error_rate),
        _percent(facts.label_survival),
        None if facts.esa_mean is None else f"{facts.esa_mean:.1f}",
        *(None if one is None else f"{one:.2f}" for one in (alpha.esa, alpha.severity, alpha.label)),
        ", ".join(facts.reviewers),
    )


def _percent(rate: Rate | None) -> str | None:
    return None if rate is None else f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _json(facts: Facts) -> dict[str, Any]:
    import dataclasses

    return {**dataclasses.asdict(facts), "missing": facts.missing}

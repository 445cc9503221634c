"""`mmteb-synth pilot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.piloting import Candidate, PilotReport, Score

_SAMPLE = 200
_FEW = 30


def _columns(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, str] | None:
    if value is None:
        return None
    english, comma, other = value.partition(",")
    if not (english and comma and other):
        raise click.BadParameter("two names with a comma between them, the English column first")
    return english, other


@click.command()
@click.option("-l", "--lang", "lang", required=True, metavar="LANG", help="The target language.")
@click.option(
    "--translator",
    "translators",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Who translates. Repeatable; the others are compared with the first.",
)
@click.option(
    "--pairs",
    required=True,
    metavar="FILE|SET",
    help="What people translated: a .csv, .tsv, .jsonl or .parquet file, or tatoeba, flores or ntrex.",
)
@click.option(
    "--columns",
    callback=_columns,
    metavar="ENGLISH,OTHER",
    help="The columns of a file, where their names don't say.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=2),
    default=_SAMPLE,
    show_default=True,
    metavar="N",
    help="Sentences to translate; the same ones every time.",
)
@click.option(
    "--base-url", multiple=True, metavar="URL", help="Another endpoint for the translators that have one."
)
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Requests in flight.")
@options.source_dir
@options.cache_dir
@options.as_json
@options.verbosity
def pilot(
    lang: str,
    translators: tuple[str, ...],
    pairs: str,
    columns: tuple[str, str] | None,
    sample: int,
    base_url: tuple[str, ...],
    concurrency: int | None,
    source_dir: Path | None,
    cache_dir: Path | None,
    as_json: bool,
) -> None:
    """Try translators before paying for a build.

    They translate what people translated, and stand side by side: how near they come (chrF and BLEU, with 95 %
    intervals), what fails or the checks find fault with, what it costs and how fast they are. Answers are kept: nothing is paid for twice.
    """
    output.set_up()
    from mmteb_synth import languages, paths, piloting

    report = piloting.pilot(
        languages.parse(lang),
        translators,
        pairs,
        folders=paths.folders(cache_dir=cache_dir),
        sample=sample,
        columns=columns,
        base_url=base_url,
        concurrency=concurrency,
        source_dir=source_dir,
        progress=output.progress_bars(),
    )
    if as_json:
        output.print_json(_as_json(report))
    else:
        _show(report)
    if not report.ok:
        raise click.exceptions.Exit(1)


def _show(report: PilotReport) -> None:
    output.table(
        ("translator", "chrF", "BLEU", "p", "translated", "failed", "faulty", "$ for 1,000", "sentences/s"),
        [_row(candidate, report) for candidate in report.candidates],
    )
    for candidate in report.candidates:
        for reason, count in candidate.failures.items():
            click.echo(f"{candidate.translator}: {count} failed: {reason}")
        if candidate.faults:
            by_check = ", ".join(f"{check} {count}" for check, count in candidate.faults.items())
            click.echo(f"{candidate.translator}: {candidate.faulty} faulty, by check: {by_check}")
    english, other = report.columns
    click.echo(
        f"{report.sampled} pairs of {report.pairs} (English: {english}, {report.language.name}: {other}); scored on the "
        f"{report.compared} that every translator translated. p: how easily chance alone makes the difference in "
        "chrF to the first."
    )
    if report.usable < report.rows:
        output.warn(
            f"{report.rows - report.usable} of the {report.rows} rows are left out: they repeat an English sentence, or "
            "have no letters on a side"
        )
    if 0 < report.compared < _FEW:
        output.warn("intervals of so few pairs say little")
    if not output.is_quiet():
        for signature in report.signatures:
            click.echo(signature, err=True)
        for candidate in report.candidates:
            if candidate.warning:
                output.warn(candidate.warning)
    for candidate in report.candidates:
        if candidate.error:
            output.fail(
                f"{candidate.translator}: {candidate.error.message}", candidate.error.hint, candidate.error
            )


def _row(candidate: Candidate, report: PilotReport) -> tuple[Any, ...]:
    p_value = candidate.chrf.p_value if candidate.chrf else None
    dollars = None if candidate.dollars is None else 1000 * candidate.dollars / max(report.sampled, 1)
    speed = None if candidate.per_second is None else f"{candidate.per_second:.1f}"
    return (
        candidate.translator,
        _interval(candidate.chrf),
        _interval(candidate.bleu),
        "" if p_value is None else f"{p_value:.3f}",
        candidate.translated,
        sum(candidate.failures.values()),
        candidate.faulty,
        "unknown" if dollars is None else f"{dollars:.4f}",
        speed or ("cached" if candidate.hits else ""),
    )


def _interval(score: Score | None) -> str:
    return f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]" if score else "-"


def _as_json(report: PilotReport) -> dict[str, Any]:
    import dataclasses

    values = dataclasses.asdict(report)
    for candidate, row in zip(report.candidates, values["candidates"], strict=True):
        row["error"] = candidate.error.message if candidate.error else None
    return values

"""How things are printed: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mmteb_synth.building import ProgressFactory, SetReport
    from mmteb_synth.evaluation.runner import TaskReport
    from mmteb_synth.types import Progress, ProgressHook

_SHOWN_FAILURES = 5
_SHOWN_CHARACTERS = 60


def set_up(*, quiet: bool, debug: bool) -> None:
    """Silence the libraries' own chatter, or show all of it."""
    import logging
    import os
    import warnings

    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr
    )
    # http clients write requests, headers among them, at this level
    for name in ("httpx", "httpcore", "openai", "aiohttp", "urllib3", "filelock"):
        logging.getLogger(name).setLevel(logging.INFO if debug else logging.WARNING)
    if not debug:
        for name in ("mteb", "datasets", "sentence_transformers", "transformers", "huggingface_hub"):
            logging.getLogger(name).setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        if quiet or not sys.stderr.isatty():
            os.environ.setdefault("TQDM_DISABLE", "1")
            os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def warn(message: str) -> None:
    """A line that the user should see."""
    click.secho(f"warning: {message}", fg="yellow", err=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns, aligned."""
    lines = [[str(cell) if cell is not None else "" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in [list(head), *lines]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_json(values: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(values, ensure_ascii=False, indent=1, default=list))


def progress_bars(*, quiet: bool) -> ProgressFactory | None:
    """Progress bars on stderr, only on a terminal."""
    if quiet or not sys.stderr.isatty():
        return None

    def start(name: str) -> ProgressHook:
        from tqdm import tqdm

        bar: Any = None

        def update(progress: Progress) -> None:
            nonlocal bar
            if bar is None:
                bar = tqdm(total=progress.total, desc=name, unit="seg", file=sys.stderr, dynamic_ncols=True)
            tokens = progress.usage.input_tokens + progress.usage.output_tokens
            bar.set_postfix(hits=progress.hits, failed=progress.failed, tokens=tokens, refresh=False)
            bar.update(progress.done - bar.n)
            if progress.done >= progress.total:
                bar.close()

        return update

    return start


def set_report(*, quiet: bool) -> Callable[[SetReport], None]:
    """Prints one set's report."""

    def show(report: SetReport) -> None:
        parts = [f"{report.name}: {report.status}"]
        if report.counts:
            counts = report.counts
            parts.append(f"{counts.segments} segments of {counts.rows} rows")
            parts.append(f"{report.hits} from the cache, {report.requests} requests")
            if counts.unencoded:
                parts.append(f"{counts.unencoded} texts left empty that MTEB never shows a model")
        tokens = report.usage.input_tokens + report.usage.output_tokens
        if tokens:
            parts.append(f"{tokens} tokens")
        click.echo("; ".join(parts))
        if not quiet:
            for warning in report.warnings:
                warn(warning)
        if report.error:
            click.secho(f"error: {report.name}: {report.error.message}", fg="red", err=True)
            if report.error.hint:
                click.echo(f"hint: {report.error.hint}", err=True)
        if report.failures and report.status == "held back":
            _show_failures(report)

    return show


def _show_failures(report: SetReport) -> None:
    click.secho(f"error: {report.name} is held back: {len(report.failures)} segments failed", fg="red", err=True)
    for text, reason in list(report.failures.items())[:_SHOWN_FAILURES]:
        short = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
        click.echo(f"  {short!r}: {reason}", err=True)
    if len(report.failures) > _SHOWN_FAILURES:
        click.echo(f"  … and {len(report.failures) - _SHOWN_FAILURES} more", err=True)
    click.echo(
        "hint: run it again to ask only for these (--retry-failed asks again for refused ones), store it anyway with "
        "--on-failure source or drop, or allow a share with --tolerate 0.01",
        err=True,
    )


def task_report(report: TaskReport) -> None:
    """Print one score."""
    if report.error is None and report.score is not None:
        again = "  (scored again: the data changed)" if report.rescored else ""
        click.echo(f"{report.model}  {report.task}  {100 * report.score:.3f}{again}")
        return
    message = report.error.message if report.error else "it has no score"
    click.secho(f"error: {report.model} on {report.task}: {message}", fg="red", err=True)
    if report.error and report.error.hint:
        click.echo(f"hint: {report.error.hint}", err=True)

"""How things are printed: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from mmteb_synth.building import ProgressFactory, SetReport
    from mmteb_synth.evaluation.runner import TaskReport
    from mmteb_synth.translate.costs import Spending
    from mmteb_synth.types import Progress, ProgressHook, Usage

FLAGS = "mmteb_synth."
"""Before the names of the flags that all commands have, where click keeps them."""
_SHOWN_FAILURES = 5
_SHOWN_CHARACTERS = 60
_CELL = 30


def is_quiet() -> bool:
    """Whether `--quiet` was given."""
    return bool(click.get_current_context().meta.get(FLAGS + "quiet"))


def is_debug() -> bool:
    """Whether `--debug` was given."""
    return bool(click.get_current_context().meta.get(FLAGS + "debug"))


def set_up() -> None:
    """Silence the libraries' own chatter, or show all of it."""
    import logging
    import os
    import warnings

    quiet, debug = is_quiet(), is_debug()

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
        os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # it sets its logger's level anew when imported
        if quiet or not sys.stderr.isatty():
            os.environ.setdefault("TQDM_DISABLE", "1")
            os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def warn(message: str) -> None:
    """A line that the user should see, unless `--quiet` was given."""
    if is_quiet():
        return
    click.secho(f"warning: {message}", fg="yellow", err=True)


def fail(message: str, hint: str | None = None, cause: BaseException | None = None) -> None:
    """Print an error and what to do; with `--debug` the traceback too.

    Args:
        message: What went wrong.
        hint: The next command.
        cause: The exception.
    """
    if cause is not None and is_debug():
        import traceback

        traceback.print_exception(cause)
    click.secho(f"error: {message}", fg="red", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns, aligned. Names in the first and prose in the last stay whole, other long cells are cut."""
    last = len(head) - 1
    lines = [
        [
            _short("" if cell is None else str(cell), _CELL if 0 < place < last else None)
            for place, cell in enumerate(row)
        ]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in [list(head), *lines]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _short(text: str, length: int | None) -> str:
    return text if length is None or len(text) <= length else text[: length - 1] + "…"


def print_json(values: Any) -> None:
    """Print a value as JSON."""
    import json

    click.echo(json.dumps(values, ensure_ascii=False, indent=1, default=list))


def shows_progress() -> bool:
    """Whether progress bars are wanted: on a terminal only."""
    return not is_quiet() and sys.stderr.isatty()


def progress_bars() -> ProgressFactory | None:
    """Progress bars on stderr, where they are wanted."""
    if not shows_progress():
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


def set_report(report: SetReport) -> None:
    """Print one set's report."""
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
    for warning in report.warnings:
        warn(warning)
    if report.error:
        fail(f"{report.name}: {report.error.message}", report.error.hint, report.error)
    if report.failures and report.status == "held back":
        _show_failures(report)


def _show_failures(report: SetReport) -> None:
    fail(f"{report.name} is held back: {len(report.failures)} segments failed")
    for text, reason in list(report.failures.items())[:_SHOWN_FAILURES]:
        click.echo(f"  {_short(text, _SHOWN_CHARACTERS)!r}: {reason}", err=True)
    if len(report.failures) > _SHOWN_FAILURES:
        click.echo(f"  … and {len(report.failures) - _SHOWN_FAILURES} more", err=True)
    click.echo(
        "hint: run it again to ask only for these (--retry-failed asks again for refused ones), store it anyway with "
        "--on-failure source or drop, or allow a share with --tolerate 0.01",
        err=True,
    )


class Judged(Protocol):
    """A set whose translations were judged: of a build or of `check`."""

    @property
    def name(self) -> str:
        """The set's name."""
        ...

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Segments by outcome; empty where none was judged."""
        ...

    @property
    def findings(self) -> Mapping[tuple[str, str], int]:
        """Segments by check and severity."""
        ...


def findings(reports: Iterable[Judged]) -> None:
    """Print what became of the segments of sets, and what the checks find; nothing where nothing was judged."""
    judged = [report for report in reports if report.outcomes]
    if not judged:
        return
    names = list(judged[0].outcomes)
    click.echo()
    table(
        ["set", "segments", *names],
        [[one.name, sum(one.outcomes.values()), *one.outcomes.values()] for one in judged],
    )
    found = [
        [one.name, check, severity, count, f"{100 * count / sum(one.outcomes.values()):.2f} %"]
        for one in judged
        for (check, severity), count in one.findings.items()
    ]
    click.echo()
    if found:
        table(["set", "check", "severity", "segments", "share"], found)
    else:
        click.echo("no check finds fault with a translation")


def spending(spent: Spending) -> None:
    """What a run used beside what was planned for it; nothing where nothing was asked."""
    if not spent.used.input_tokens and not spent.used.output_tokens:
        return
    used = _tokens(spent.used) + ("" if spent.dollars is None else f" (${spent.dollars:.4f})")
    planned = _tokens(spent.planned)
    planned += "" if spent.planned_dollars is None else f" (${spent.planned_dollars:.4f})"
    click.echo(f"used {used}; planned for these texts: {planned}")


def _tokens(usage: Usage) -> str:
    return f"{usage.input_tokens:,} input and {usage.output_tokens:,} output tokens"


def task_report(report: TaskReport) -> None:
    """Print one score, or why there is none."""
    if report.error is None and report.score is not None:
        again = "  (scored again)" if report.rescored else ""
        click.echo(f"{report.model}  {report.task}  {100 * report.score:.3f}{again}")
    elif report.error is not None:
        of_what = f"{report.model} on {report.task}" if report.task else report.model
        said = report.error.message
        if not (said.startswith(report.model) and (report.task or "") in said):
            said = f"{of_what}: {said}"
        fail(said, report.error.hint, report.error)

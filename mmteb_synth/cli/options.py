"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mmteb_synth.cli import output

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FOLDER = click.Path(file_okay=False, path_type=Path)


def sets(command: _Command) -> _Command:
    """`--task` and `--suite`."""
    command = click.option(
        "-t",
        "--task",
        "task",
        multiple=True,
        metavar="NAME",
        help="A set, or a TOML file of one's own. Repeatable.",
    )(command)
    return click.option(
        "--suite",
        multiple=True,
        metavar="NAME",
        help="A suite, an MTEB benchmark, or a TOML file. Repeatable.",
    )(command)


def profile(command: _Command) -> _Command:
    """`--profile` of commands that make sets."""
    return click.option(
        "--profile",
        default="full",
        show_default=True,
        metavar="NAME",
        help="How much of each set: nano, standard or full; nano-s7 is another draw of nano.",
    )(command)


def profiles(command: _Command) -> _Command:
    """`--profile` of commands that read sets."""
    return click.option(
        "--profile",
        multiple=True,
        metavar="NAME",
        help="Only this profile's sets, as nano. Repeatable.",
    )(command)


def language(help_text: str, *, required: bool = False) -> Callable[[_Command], _Command]:
    """`--lang`."""
    return click.option(
        "-l",
        "--lang",
        "lang",
        multiple=True,
        required=required,
        metavar="LANG",
        help=help_text + " Repeatable.",
    )


def repairs(command: _Command) -> _Command:
    """`--fallback`, `--no-repair` and `--strict`."""
    command = click.option(
        "--strict",
        is_flag=True,
        help="What stays faulty has failed, imported and authored translations among it.",
    )(command)
    command = click.option(
        "--repair/--no-repair",
        default=True,
        help="Mend what the checks find fault with, or only tell of it.",
        show_default=True,
    )(command)
    return click.option(
        "--fallback",
        multiple=True,
        metavar="NAME",
        help="Who is asked for what the translator can't mend. Repeatable, in order.",
    )(command)


def source_dir(command: _Command) -> _Command:
    """`--source-dir`."""
    return click.option(
        "--source-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="A local mirror of the Hub, DIR/<org>/<name>, as `hf download --local-dir` leaves it.",
    )(command)


def data_dir(command: _Command) -> _Command:
    """`--data-dir`."""
    return click.option("--data-dir", type=_FOLDER, help="Where translated data sets are stored.")(command)


def cache_dir(command: _Command) -> _Command:
    """`--cache-dir`."""
    return click.option("--cache-dir", type=_FOLDER, help="Where the translation cache lies.")(command)


def results_dir(command: _Command) -> _Command:
    """`--results-dir`."""
    return click.option(
        "--results-dir",
        type=_FOLDER,
        help="What mteb.ResultCache takes: scores go to its sub-folder results.",
    )(command)


def accept_licence(command: _Command) -> _Command:
    """`--accept-licence`, of every command that hands sets on."""
    return click.option(
        "--accept-licence",
        multiple=True,
        metavar="NAME",
        help="A licence that you accept, by the name that tasks --licences shows. Repeatable.",
    )(command)


def offline(help_text: str, *, exposed: bool) -> Callable[[_Command], _Command]:
    """`--offline`: also keeps the Hub's libraries, which read it when they are imported, from any network."""
    return click.option(
        "--offline", is_flag=True, expose_value=exposed, callback=_stay_offline, help=help_text
    )


def as_json(command: _Command) -> _Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")(command)


def verbosity(command: _Command) -> _Command:
    """`--quiet` and `--debug`, before or after a command's name; `output` reads them."""
    command = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Show tracebacks and the libraries' log.",
    )(command)
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Print results and errors only.",
    )(command)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Keep a flag where all commands of a call see it."""
    if value and param.name:
        ctx.meta[output.FLAGS + param.name] = True


def _stay_offline(_ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value:
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    return value

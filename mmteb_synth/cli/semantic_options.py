"""The options of `mmteb-synth check` that ask for semantic checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--similarity",
        metavar="[MODEL]",
        is_flag=False,
        flag_value="sentence-transformers/LaBSE",
        help="Compare meanings under a multilingual SentenceTransformer; LaBSE, or MODEL by name, folder or "
        "package:callable.",
    ),
    click.option(
        "--back-translation",
        metavar="TRANSLATOR",
        help="Translate back into English and compare with the source by chrF and BLEU.",
    ),
    click.option(
        "--judge", metavar="TRANSLATOR", help="Have a language model list errors and give a verdict."
    ),
    click.option(
        "--quality",
        metavar="[MODEL]",
        is_flag=False,
        flag_value="auto",
        help="Estimate quality with COMET: CometKiwi, AfriCOMET for African languages, or MODEL.",
    ),
    click.option(
        "--sample",
        type=click.IntRange(min=1),
        metavar="N",
        help="Let the four above judge N segments of each set only, those that people graded first.",
    ),
    click.option("--base-url", metavar="URL", help="Another endpoint for --judge and --back-translation."),
)


def semantic(command: _Command) -> _Command:
    """`--similarity`, `--back-translation`, `--judge`, `--quality`, `--sample` and `--base-url`.

    The command gets them under the names of the fields of `checking.semantic.Options`.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
